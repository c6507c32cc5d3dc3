package disclosure

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

var redThing = &thing{"finding:12", Marking{Label: tlp.Red}, nil}

func ask(emergency bool) Override {
	return Override{Item: "finding:12", Recipient: "constituent:7", Channel: Mail, Hours: 2, Emergency: emergency,
		Reason: "the plant must be warned tonight"}
}

func TestOverrideHoldsOnlyAfterAnotherPersonApproved(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx, to := context.Background(), OfConstituent(7, "Seven")
		o, err := b.gate.RequestOverride(ctx, person("1", 11), ask(false))
		b.must(err)
		if left, _, _ := b.clear(to, Mail, redThing); len(left) != 0 || o.State != Requested {
			b.Errorf("it left before the approval: %+v", o)
		}
		b.kind(b.gate.ApproveOverride(ctx, person("1", 11), o.ID), fault.Forbidden)
		token := act.Actor{Kind: act.Service, ID: "9", Rights: &act.Rights{Account: 11}}
		b.kind(b.gate.ApproveOverride(ctx, token, o.ID), fault.Forbidden) // a token of the requester is the requester
		b.must(b.gate.ApproveOverride(ctx, person("2", 12), o.ID))
		b.kind(b.gate.ApproveOverride(ctx, person("3", 13), o.ID), fault.Conflict)
		b.kind(b.gate.RefuseOverride(ctx, person("3", 13), o.ID, "late"), fault.Conflict)
		b.kind(b.gate.ApproveOverride(ctx, person("3", 13), 99), fault.NotFound)

		left, _, g := b.clear(to, Mail, redThing)
		if !slices.Equal(left, []Ref{"finding:12"}) || !slices.Equal(g.Rules, []string{"override:1"}) {
			b.Errorf("left %v under %v", left, g.Rules)
		}
		member := Recipient{Kind: Constituent, Subject: "person:70", Organisations: []int64{7}}
		if left, _, _ := b.clear(member, Mail, redThing); len(left) != 1 {
			b.Error("an override for an organisation does not reach its people")
		}
		for name, l := range map[string]func() []Ref{
			"another exit":      func() []Ref { l, _, _ := b.clear(to, Webhook, redThing); return l },
			"another recipient": func() []Ref { l, _, _ := b.clear(OfConstituent(8, "Eight"), Mail, redThing); return l },
			"another item":      func() []Ref { l, _, _ := b.clear(to, Mail, &thing{"finding:13", redThing.mark, nil}); return l },
			"what refers to one": func() []Ref {
				l, _, _ := b.clear(to, Mail, clearThing(1, &thing{"finding:13", redThing.mark, nil}))
				return l
			},
		} {
			if len(l()) != 0 {
				b.Errorf("the override holds for %s", name)
			}
		}
		b.clock.Move(2 * time.Hour)
		if left, _, _ := b.clear(to, Mail, redThing); len(left) != 0 {
			b.Error("the override holds after its time")
		}
		b.must(b.db.View(ctx, func(tx *db.Tx) error {
			es, err := audit.Of(tx, "override:1", 10)
			if len(es) != 2 || es[0].Verb != "override.approve" || es[1].Verb != "override.request" {
				b.Errorf("audit: %+v", es)
			}
			return err
		}))
	})
}

func TestRefusedOverrideNeverHolds(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		o, err := b.gate.RequestOverride(ctx, person("1", 11), ask(false))
		b.must(err)
		b.must(b.gate.RefuseOverride(ctx, person("2", 12), o.ID, "mark it anew instead"))
		b.kind(b.gate.ApproveOverride(ctx, person("3", 13), o.ID), fault.Conflict)
		if left, _, _ := b.clear(OfConstituent(7, ""), Mail, redThing); len(left) != 0 {
			b.Error("it left")
		}
		b.kind(b.gate.ReviewOverride(ctx, person("3", 13), o.ID, true, "fine"), fault.Conflict)
	})
}

func TestEmergencyHoldsAtOnceAndIsReviewedInTime(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx, to := context.Background(), OfConstituent(7, "Seven")
		o, err := b.gate.RequestOverride(ctx, person("1", 11), ask(true))
		b.must(err)
		if left, _, _ := b.clear(to, Mail, redThing); len(left) != 1 || o.ReviewDue != begin.Add(24*time.Hour).UnixMicro() {
			b.Errorf("left %v, %+v", left, o)
		}
		overdue := func() int {
			os, _, err := b.gate.Overrides(ctx, OverrideFilter{Overdue: true})
			b.must(err)
			return len(os)
		}
		b.clock.Move(24*time.Hour - time.Second)
		if overdue() != 0 {
			b.Error("overdue before its time")
		}
		b.clock.Move(time.Second)
		if overdue() != 1 {
			b.Error("a review that nobody made is not overdue")
		}
		b.kind(b.gate.ReviewOverride(ctx, person("1", 11), o.ID, true, "I was right"), fault.Forbidden)
		b.kind(b.gate.ReviewOverride(ctx, person("2", 12), o.ID, true, " "), fault.Invalid)
		b.must(b.gate.ReviewOverride(ctx, person("2", 12), o.ID, false, "the phone would have done"))
		b.kind(b.gate.ReviewOverride(ctx, person("3", 13), o.ID, true, "again"), fault.Conflict)
		if o, err = b.gate.OverrideByID(ctx, o.ID); err != nil || o.State != Ended || o.Justified || o.ReviewedName != "Officer 2" || overdue() != 0 {
			b.Errorf("after the review: %+v %v", o, err)
		}
	})
}

func TestUnjustifiedOverrideEndsAtOnce(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		o, err := b.gate.RequestOverride(ctx, person("1", 11), ask(true))
		b.must(err)
		b.must(b.gate.ReviewOverride(ctx, person("2", 12), o.ID, false, "no"))
		if left, _, _ := b.clear(OfConstituent(7, ""), Mail, redThing); len(left) != 0 {
			b.Error("it still holds")
		}
	})
}

func TestNationsTableDecidesHowManyOverride(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		text, err := nation.Shipped("ruritania")
		b.must(err)
		_, err = b.gate.Nation.Set(ctx, act.Machine, "r.toml", append(text, "\n[two_person]\nacts = []\nemergency = false\n"...))
		b.must(err)
		o, err := b.gate.RequestOverride(ctx, person("1", 11), ask(false))
		if b.must(err); o.State != Approved || o.ReviewDue != 0 {
			b.Errorf("one person is enough here: %+v", o)
		}
		_, err = b.gate.RequestOverride(ctx, person("1", 11), ask(true))
		b.kind(err, fault.Forbidden)
	})
}

func TestOverrideThatSaysTooLittleIsRefused(t *testing.T) {
	onEach(t, func(b *bench) {
		for field, change := range map[string]func(*Override){
			"item":      func(o *Override) { o.Item = "everything" },
			"recipient": func(o *Override) { o.Recipient = "all:7" },
			"channel":   func(o *Override) { o.Channel = "pigeon" },
			"reason":    func(o *Override) { o.Reason = "because" },
			"hours":     func(o *Override) { o.Hours = 1000 },
		} {
			o := ask(false)
			change(&o)
			_, err := b.gate.RequestOverride(context.Background(), person("1", 11), o)
			var ps fault.Problems
			if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Field != field {
				b.Errorf("%s: %v", field, err)
			}
		}
	})
}

func TestItemOfACircleGoesToItsMembersOnly(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx, who := context.Background(), person("1", 11)
		b.must(b.gate.SaveCircle(ctx, who, "csirts", "CSIRTs network"))
		b.must(b.gate.SaveCircle(ctx, who, "csirts", "The CSIRTs network"))
		b.must(b.gate.Join(ctx, who, "csirts", Member{Subject: "service:12", Name: "CERT Syldavia"}))
		b.kind(b.gate.Join(ctx, who, "csirts", Member{Subject: "constituent:4711"}), fault.Invalid)
		b.kind(b.gate.Join(ctx, who, "csirts", Member{Subject: "x"}), fault.Invalid)
		b.kind(b.gate.Join(ctx, who, "nobody", Member{Subject: "person:1"}), fault.NotFound)
		b.kind(b.gate.SaveCircle(ctx, who, "New One", ""), fault.Invalid)
		item := &thing{"thing:1", Marking{Label: tlp.Amber, Circles: []string{"csirts"}}, nil}
		for subject, want := range map[string]int{"service:12": 1, "service:13": 0} {
			if left, _, _ := b.clear(Recipient{Kind: Partner, Subject: subject}, REST, item); len(left) != want {
				b.Errorf("%s: %v", subject, left)
			}
		}
		c, ms, _, err := b.gate.Circle(ctx, "csirts", "", 10)
		if b.must(err); c.Title != "The CSIRTs network" || c.Members != 1 || ms[0].Name != "CERT Syldavia" {
			b.Errorf("%+v %+v", c, ms)
		}
		b.must(b.gate.Leave(ctx, who, "csirts", "service:12"))
		b.kind(b.gate.Leave(ctx, who, "csirts", "service:12"), fault.NotFound)
		if left, _, _ := b.clear(Recipient{Kind: Partner, Subject: "service:12"}, REST, item); len(left) != 0 {
			b.Error("a former member still gets it")
		}
	})
}

func TestEveryPushPollDownloadAndExportIsARow(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx, to := context.Background(), OfConstituent(7, "Seven")
		amber := &thing{"finding:1", Marking{Label: tlp.Amber, Owners: []int64{7}}, nil}
		for _, via := range []Channel{REST, Export, Feed, Mail, Webhook} {
			b.clear(to, via, amber, clearThing(2), redThing)
		}
		es, next, err := b.gate.Ledger(ctx, LedgerFilter{})
		b.must(err)
		if len(es) != 5 || next != 0 {
			b.Fatalf("%d rows", len(es))
		}
		e := es[0]
		if e.Channel != Webhook || e.Recipient != "constituent:7" || e.Kind != Constituent || e.Items != 2 || e.Withheld != 1 || e.Highest != tlp.Amber ||
			e.Objects != "finding thing" || e.Why["tlp:red"] != 1 || !slices.Equal(e.Refs, []Ref{"finding:1", "thing:2"}) ||
			!slices.Equal(e.Rules, []string{"tlp:amber", "tlp:clear"}) || e.Views != 1 || e.Actor != "system:tocsin" ||
			e.Digest != "85cba42f8ee7b0cfd0acbca82582f1d758358766328ad3219dcceda8db40964b" {
			b.Errorf("got %+v", e)
		}
		if one, err := b.gate.EntryByID(ctx, e.ID); err != nil || one.Digest != e.Digest {
			b.Errorf("%+v %v", one, err)
		}
	})
}

func TestLedgerStandsOrFallsWithItsAct(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		send := func(end error) error {
			return b.db.Act(ctx, act.Act{Actor: person("1", 11), Verb: "mail.send", Object: "mail:1"}, func(tx *db.Tx) error {
				if _, _, err := Clear(ctx, tx, b.gate, OfConstituent(7, ""), Mail, []*thing{clearThing(1)}, func(o *thing) Ref { return o.ref }); err != nil {
					return err
				}
				return end
			})
		}
		if err := send(errors.New("the outbox is full")); err == nil {
			b.Fatal("no error")
		}
		b.must(send(nil))
		es, _, err := b.gate.Ledger(ctx, LedgerFilter{})
		if b.must(err); len(es) != 1 || es[0].Actor != "person:1" {
			b.Errorf("%+v", es)
		}
	})
}

func TestViewsOfPagesAreSummedUpBySessionAndDay(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		one := Recipient{Kind: Constituent, Subject: "person:1", Organisations: []int64{7}, Session: 1}
		two := one
		two.Session = 2
		see := func(to Recipient, times int) {
			for range times {
				b.clear(to, Portal, clearThing(1), redThing)
			}
		}
		see(one, 3)
		b.must(b.gate.Flush(ctx))
		b.clock.Move(time.Hour)
		see(one, 2)
		see(two, 1)
		b.clear(one, Portal) // a page without anything marked is no row
		b.clock.Move(24 * time.Hour)
		see(one, 1)
		es, _, err := b.gate.Ledger(ctx, LedgerFilter{})
		b.must(err)
		var views []int64
		for _, e := range es {
			views = append(views, e.Views)
		}
		slices.Sort(views)
		if !slices.Equal(views, []int64{1, 1, 5}) {
			b.Fatalf("views %v", views)
		}
		for _, e := range es {
			if e.Views == 5 && (e.Items != 5 || e.Withheld != 5 || e.Why["tlp:red"] != 5 || e.Last-e.At != time.Hour.Microseconds()) {
				b.Errorf("%+v", e)
			}
		}
	})
}

func TestLedgerIsFoundByRecipientExitItemAndTime(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		b.clear(OfConstituent(7, "Grid_A"), Mail, clearThing(1))
		b.clock.Move(time.Hour)
		b.clear(OfConstituent(8, "GridXA"), REST, clearThing(12))
		for name, tt := range map[string]struct {
			f    LedgerFilter
			want int
		}{
			"all":        {LedgerFilter{}, 2},
			"recipient":  {LedgerFilter{Recipient: "constituent:7"}, 1},
			"name":       {LedgerFilter{Recipient: "grid"}, 2},
			"underscore": {LedgerFilter{Recipient: "grid_"}, 1},
			"exit":       {LedgerFilter{Channel: REST}, 1},
			"item":       {LedgerFilter{Object: "thing:1"}, 1},
			"from":       {LedgerFilter{From: begin.Add(time.Minute)}, 1},
			"to":         {LedgerFilter{To: begin.Add(time.Minute)}, 1},
			"nobody":     {LedgerFilter{Recipient: "constituent:9"}, 0},
			"limit":      {LedgerFilter{Limit: 1}, 1},
		} {
			es, next, err := b.gate.Ledger(ctx, tt.f)
			if err != nil || len(es) != tt.want || (next != 0) != (name == "limit") {
				b.Errorf("%s: %d rows, next %d, %v", name, len(es), next, err)
			}
		}
		for _, f := range []LedgerFilter{{Channel: "pigeon"}, {From: begin, To: begin}} {
			_, _, err := b.gate.Ledger(ctx, f)
			b.kind(err, fault.Invalid)
		}
	})
}
