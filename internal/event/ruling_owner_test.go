package event_test

import (
	"context"
	"strings"
	"testing"

	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/platform/fault"
)

// lister lists what the station took in.
func (s *station) lister() *event.Lister {
	return event.NewLister(s.db).WithClock(s.clock).WithRegistry(s.registry)
}

func (s *station) only(l *event.Lister, address string) *event.Detail {
	s.t.Helper()
	f, err := event.FilterText{Address: address, State: []string{"all"}}.Filter(identity.LocalActor)
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := l.List(context.Background(), f, event.Sort{}, event.PageRequest{})
	if err != nil || len(p.Items) != 1 {
		s.t.Fatalf("%d findings at %s: %v", len(p.Items), address, err)
	}
	d, err := l.ByID(context.Background(), p.Items[0].ID.String())
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

const twoAddresses = `"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"
"2026-03-01 01:02:03","high","203.0.113.7","udp",123,"","ntpversion",64500,"RU"
"2026-03-01 01:02:03","high","203.0.113.8","udp",123,"","ntpversion",64500,"RU"
`

func TestAWrongOwnerIsCorrectedInTheRegistryAndUndone(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		ctx := context.Background()
		s.own("isp", "prefix", "203.0.113.0/24", "manual", "", "")
		s.own("grid", "prefix", "198.51.100.0/24", "manual", "", "")
		s.ingest("2026-03-01-scan_ntp-ruritania.csv", twoAddresses)
		l := s.lister()
		owner := func(address, want string) {
			t.Helper()
			if err := s.Reattribute(ctx); err != nil {
				t.Fatal(err)
			}
			if got := s.only(l, address).Owner.Ref; got != want {
				t.Errorf("%s is of %q, want %q", address, got, want)
			}
		}
		owner("203.0.113.7", "isp")
		one := event.Choice{IDs: []string{s.only(l, "203.0.113.7").ID.String()}}
		wrong := event.Decision{Verb: event.WrongOwner, Constituent: "grid", Reason: "they say it is the grid's"}
		if _, err := l.Rule(ctx, identity.LocalActor, one, event.Decision{Verb: event.WrongOwner, Constituent: "nobody", Reason: "x"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("an unknown constituent: %v", err)
		}
		deed, err := l.Rule(ctx, identity.LocalActor, one, wrong)
		if err != nil || deed.Findings != 1 {
			t.Fatalf("%+v %v", deed, err)
		}
		owner("203.0.113.7", "grid")
		owner("203.0.113.8", "isp")
		d := s.only(l, "203.0.113.7")
		if d.Verdict == nil || d.Verdict.Winner.Matched != "203.0.113.7" {
			t.Errorf("%+v", d.Verdict)
		}
		if _, err := l.Rule(ctx, identity.LocalActor, one, wrong); fault.KindOf(err) != fault.Conflict {
			t.Errorf("corrected twice: %v", err)
		}
		other := wrong
		other.Constituent = "isp"
		if _, err := l.Rule(ctx, identity.LocalActor, one, other); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "grid") {
			t.Errorf("two persons' words about one address: %v", err)
		}
		if deed, err = l.Undo(ctx, identity.LocalActor, deed.ID); err != nil || deed.Left != 0 {
			t.Fatalf("%+v %v", deed, err)
		}
		owner("203.0.113.7", "isp")
	})
}

// TestRulingsChangeNothingThatReportsSay takes files in with and without what people rule between them: findings, runs and
// counts are the same.
func TestRulingsChangeNothingThatReportsSay(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		ctx := context.Background()
		later := strings.ReplaceAll(twoAddresses, "2026-03-01 01", "2026-03-02 01")
		s.ingest("2026-03-01-scan_ntp-ruritania.csv", twoAddresses)
		s.ingest("2026-03-02-scan_ntp-ruritania.csv", later)
		want := s.state()
		l := s.lister()
		all := event.Filter{}
		for _, d := range []event.Decision{{Verb: event.MarkFalse, Reason: "x"}, {Verb: event.AddNote, Reason: "x"},
			{Verb: event.Assign, Assignee: event.Assignee{ID: 3, Name: "Ana"}}} {
			f := all
			if d.Verb != event.MarkFalse {
				f.AnyState = true
			}
			if deed, err := l.Rule(ctx, identity.LocalActor, event.Choice{Filter: &f, Expected: 2}, d); err != nil || deed.Findings != 2 {
				t.Fatalf("%+v %v", deed, err)
			}
			if got := s.state(); got != want {
				t.Fatalf("after %s:\n%s\nwant\n%s", d.Verb, got, want)
			}
		}
		s.ingest("2026-03-03-scan_ntp-ruritania.csv", strings.ReplaceAll(twoAddresses, "2026-03-01 01", "2026-03-03 01"))
		if d := s.only(l, "203.0.113.7"); d.State != event.FalsePositive || d.LastDay.String() != "2026-03-03" {
			t.Errorf("seen again it is %s, last on %s", d.State, d.LastDay)
		}
	})
}
