package constituency

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

func outsider(id string, constituents ...int64) act.Actor {
	return act.Actor{Kind: act.Person, ID: id, Name: "Person " + id, Rights: &act.Rights{Constituents: constituents}}
}

var analyst = act.Actor{Kind: act.Person, ID: "9", Name: "Analyst", Rights: &act.Rights{Staff: true,
	Permissions: map[act.Permission]bool{"constituency.approve": true}}}

// two makes two constituents with a contact and an asset each.
func two(t *testing.T, s *Store) (a, b int64) {
	t.Helper()
	importText(t, s, `{"constituents":[
		{"ref":"a","name":"Alpha","contacts":[{"role":"abuse","mail":"abuse@a.example","clearance":"GREEN"}],"assets":[{"kind":"prefix","value":"198.51.100.0/24"}]},
		{"ref":"b","name":"Bravo","contacts":[{"role":"abuse","mail":"abuse@b.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/24"},{"kind":"domain","value":"bravo.example"}]}]}`, ImportOptions{})
	d, err := s.Directory(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	la, _ := d.ByRef("a")
	lb, _ := d.ByRef("b")
	return la.ID, lb.ID
}

func TestChangeRequestIsAppliedOnlyWhenApproved(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, _ := two(t, s)
		who := outsider("1", a)
		contacts, _ := s.Contacts(ctx, a)
		assets, _, _ := s.Assets(ctx, AssetFilter{Constituent: a})
		q, err := s.Propose(ctx, who, a, []ChangeStep{
			{Op: ContactChange, ID: contacts[0].ID, Want: Record{Role: "abuse", Mail: "soc@a.example"}},
			{Op: ContactAdd, Want: Record{Role: "security", Phone: "+381 11 000"}},
			{Op: AssetAdd, Want: Record{Kind: AddressAsset, Value: "192.0.2.7"}},
			{Op: AssetEnd, ID: assets[0].ID},
			{Op: ConstituentChange, Want: Record{Name: "Alpha New", Language: "sr"}},
		}, "we moved")
		if err != nil {
			t.Fatal(err)
		}
		if f := q.Steps[0].Fields(); len(f) != 1 || f[0] != (FieldChange{"mail", "abuse@a.example", "soc@a.example"}) {
			t.Errorf("diff: %+v", f)
		}
		if now, _ := s.Contacts(ctx, a); now[0].Mail != "abuse@a.example" || len(now) != 1 {
			t.Fatalf("a request changed the registry: %+v", now)
		}
		r, err := s.Review(ctx, q.ID)
		if err != nil || r.Blocked() {
			t.Fatalf("%+v, %v", r, err)
		}
		if err := s.Approve(ctx, who, q.ID, r.Seen, ""); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("an outsider approves: %v", err)
		}
		reader := act.Actor{Kind: act.Person, ID: "8", Rights: &act.Rights{Staff: true}}
		if err := s.Refuse(ctx, reader, q.ID, "no"); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("a reader refuses: %v", err)
		}
		if err := s.Approve(ctx, analyst, q.ID, "", ""); fault.KindOf(err) != fault.Conflict {
			t.Errorf("approved without a look: %v", err)
		}
		if err := s.Approve(ctx, analyst, q.ID, r.Seen, "fine"); err != nil {
			t.Fatal(err)
		}
		now, _ := s.Contacts(ctx, a)
		mails := []string{now[0].Mail, now[1].Mail}
		if slices.Sort(mails); len(now) != 2 || mails[1] != "soc@a.example" {
			t.Errorf("contacts: %+v", now)
		}
		for _, c := range now {
			if c.ID == contacts[0].ID && c.Clearance != "TLP:GREEN" {
				t.Errorf("the clearance was lost: %+v", c)
			}
		}
		held, _, _ := s.Assets(ctx, AssetFilter{Constituent: a})
		if len(held) != 1 || held[0].Value != "192.0.2.7" || held[0].ValidFrom != DayOf(today) {
			t.Errorf("assets: %+v", held)
		}
		d, _ := s.Directory(ctx)
		if l, _ := d.ByID(a); l.Name != "Alpha New" || l.Language != "sr" {
			t.Errorf("constituent: %+v", l)
		}
		if err := s.Approve(ctx, analyst, q.ID, r.Seen, ""); fault.KindOf(err) != fault.Conflict {
			t.Errorf("approved twice: %v", err)
		}
		if q, err := s.ChangeRequest(ctx, []int64{a}, q.ID); err != nil || q.State != Approved || q.DecidedAs != "Analyst" || q.Reason != "fine" {
			t.Errorf("%+v, %v", q, err)
		}
	})
}

func TestChangeRequestsStayWithinTheirConstituents(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, b := two(t, s)
		alice, bob := outsider("1", a), outsider("2", b)
		theirs, _ := s.Contacts(ctx, b)
		if _, err := s.Propose(ctx, alice, b, []ChangeStep{{Op: ConstituentChange, Want: Record{Name: "Mine"}}}, ""); fault.KindOf(err) != fault.NotFound {
			t.Errorf("for another: %v", err)
		}
		_, err := s.Propose(ctx, alice, a, []ChangeStep{{Op: ContactEnd, ID: theirs[0].ID}}, "")
		_, none := s.Propose(ctx, alice, a, []ChangeStep{{Op: ContactEnd, ID: 999999}}, "")
		if fault.KindOf(err) != fault.Invalid || strings.ReplaceAll(none.Error(), "999999", "N") !=
			strings.ReplaceAll(err.Error(), " "+itoa(theirs[0].ID), " N") {
			t.Errorf("another's contact tells that it exists: %q, %q", err, none)
		}
		q, err := s.Propose(ctx, bob, b, []ChangeStep{{Op: ConstituentChange, Want: Record{Name: "Bravo 2"}}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ChangeRequest(ctx, []int64{a}, q.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another's request: %v", err)
		}
		if err := s.Withdraw(ctx, alice, q.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("withdrawn by another: %v", err)
		}
		for _, scope := range [][]int64{{a}, {}} {
			if qs, _, err := s.ChangeRequests(ctx, scope, RequestFilter{}); err != nil || len(qs) != 0 {
				t.Errorf("scope %v: %+v, %v", scope, qs, err)
			}
		}
		if qs, more, err := s.ChangeRequests(ctx, []int64{a, b}, RequestFilter{State: Pending}); err != nil || len(qs) != 1 || more {
			t.Errorf("%+v, %v", qs, err)
		}
		if err := s.Withdraw(ctx, bob, q.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Refuse(ctx, analyst, q.ID, "late"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("refused after it was withdrawn: %v", err)
		}
	})
}

func itoa(n int64) string { return strings.TrimPrefix(requestObject(n), "change_request:") }

func TestReviewTellsWhatSpeaksAgainstARequest(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, b := two(t, s)
		alice := outsider("1", a)
		contacts, _ := s.Contacts(ctx, a)
		ask := func(steps ...ChangeStep) ChangeRequest {
			t.Helper()
			q, err := s.Propose(ctx, alice, a, steps, "")
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		kinds := func(q ChangeRequest) (out []ObjectionKind) {
			t.Helper()
			r, err := s.Review(ctx, q.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range r.Compared {
				for _, o := range st.Objections {
					if o.Constituent != 0 && (o.Constituent != b || o.Ref != "b") {
						t.Errorf("objection %+v", o)
					}
					out = append(out, o.Kind)
				}
			}
			return out
		}
		change := ask(ChangeStep{Op: ContactChange, ID: contacts[0].ID, Want: Record{Role: "abuse", Mail: "new@a.example"}})
		seen, _ := s.Review(ctx, change.ID)
		for want, v := range map[ObjectionKind]Record{TakenObjection: {Kind: PrefixAsset, Value: "203.0.113.0/24"},
			InsideObjection: {Kind: AddressAsset, Value: "203.0.113.7"}, AroundObjection: {Kind: PrefixAsset, Value: "203.0.112.0/23"}} {
			q := ask(ChangeStep{Op: AssetAdd, Want: v})
			if got := kinds(q); !slices.Equal(got, []ObjectionKind{want}) {
				t.Errorf("%+v: %v, want %s", v, got, want)
			}
			for _, f := range q.Steps[0].Fields() {
				if strings.Contains(f.Before+f.After, "Bravo") {
					t.Errorf("who asked learns the owner: %+v", f)
				}
			}
		}
		if got := kinds(ask(ChangeStep{Op: AssetAdd, Want: Record{Kind: DomainAsset, Value: "www.bravo.example"}})); !slices.Equal(got, []ObjectionKind{InsideObjection}) {
			t.Errorf("domain: %v", got)
		}
		if got := kinds(ask(ChangeStep{Op: AssetAdd, Want: Record{Kind: PrefixAsset, Value: "198.51.100.0/24"}})); !slices.Equal(got, []ObjectionKind{TwiceObjection}) {
			t.Errorf("own: %v", got)
		}
		second := ask(ChangeStep{Op: ContactChange, ID: contacts[0].ID, Want: Record{Role: "abuse", Mail: "other@a.example"}})
		r, _ := s.Review(ctx, second.ID)
		if err := s.Approve(ctx, analyst, second.ID, r.Seen, ""); err != nil {
			t.Fatal(err)
		}
		if got := kinds(change); !slices.Equal(got, []ObjectionKind{ChangedObjection}) {
			t.Errorf("changed meanwhile: %v", got)
		}
		if err := s.Approve(ctx, analyst, change.ID, seen.Seen, ""); fault.KindOf(err) != fault.Conflict {
			t.Errorf("approved what was not seen: %v", err)
		}
		if err := s.EndContact(ctx, analyst, contacts[0].ID, DayOf(today)); err != nil {
			t.Fatal(err)
		}
		if got := kinds(change); !slices.Equal(got, []ObjectionKind{GoneObjection}) {
			t.Errorf("gone: %v", got)
		}
		r, _ = s.Review(ctx, change.ID)
		if err := s.Approve(ctx, analyst, change.ID, r.Seen, ""); fault.KindOf(err) != fault.Conflict {
			t.Errorf("approved what is gone: %v", err)
		}
	})
}

func TestARequestIsCheckedWhenItIsMade(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, _ := two(t, s)
		contacts, _ := s.Contacts(ctx, a)
		for name, tt := range map[string]struct {
			steps []ChangeStep
			field string
		}{
			"nothing":    {nil, "steps"},
			"unknown":    {[]ChangeStep{{Op: "drop"}}, "op"},
			"no mail":    {[]ChangeStep{{Op: ContactAdd, Want: Record{Role: "abuse"}}}, "mail"},
			"no length":  {[]ChangeStep{{Op: AssetAdd, Want: Record{Kind: PrefixAsset, Value: "10.0.0.0"}}}, "value"},
			"no name":    {[]ChangeStep{{Op: ConstituentChange}}, "name"},
			"no change":  {[]ChangeStep{{Op: ContactChange, ID: contacts[0].ID, Want: Record{Role: "abuse", Mail: "abuse@a.example"}}}, "op"},
			"the second": {[]ChangeStep{{Op: ConstituentChange, Want: Record{Name: "x"}}, {Op: ContactEnd, ID: 77}}, "steps[1].id"},
		} {
			_, err := s.Propose(ctx, outsider("1", a), a, tt.steps, "")
			ps, ok := err.(fault.Problems)
			if !ok || ps[0].Field != tt.field {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestContactsAreDueAfter90Days(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, b := two(t, s)
		now := s.clock.(*clock.Manual)
		due := func() (out []int64) {
			t.Helper()
			cs, err := s.DueConfirmations(ctx, now.Now(), 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cs {
				if !c.Due(now.Now()) {
					t.Errorf("listed, but not due: %+v", c)
				}
				out = append(out, c.Constituent)
			}
			return out
		}
		if got := due(); !slices.Equal(got, []int64{a, b}) {
			t.Errorf("at first: %v", got)
		}
		if err := s.ConfirmContacts(ctx, outsider("1", a), b); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another's: %v", err)
		}
		if err := s.ConfirmContacts(ctx, outsider("1", a), a); err != nil {
			t.Fatal(err)
		}
		if got := due(); !slices.Equal(got, []int64{b}) {
			t.Errorf("after one confirmed: %v", got)
		}
		now.Move(ConfirmEvery - time.Second)
		if got := due(); !slices.Equal(got, []int64{b}) {
			t.Errorf("a second too early: %v", got)
		}
		now.Move(time.Second)
		if got := due(); !slices.Equal(got, []int64{b, a}) {
			t.Errorf("after 90 days: %v", got)
		}
		if cs, err := s.Confirmations(ctx, []int64{a}); err != nil || len(cs) != 1 || cs[0].By != "Person 1" || cs[0].Ref != "a" {
			t.Errorf("%+v, %v", cs, err)
		}
	})
}
