package disclosure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// thing is an item of the tests.
type thing struct {
	ref   Ref
	mark  Marking
	links []Item
}

func (o *thing) Ref() Ref           { return o.ref }
func (o *thing) Marking() Marking   { return o.mark }
func (o *thing) References() []Item { return o.links }

func clearThing(id int, links ...Item) *thing {
	return &thing{Ref(fmt.Sprintf("thing:%d", id)), Marking{Label: tlp.Clear}, links}
}

var begin = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

type bench struct {
	*testing.T
	db    *db.DB
	gate  *Gate
	clock *clock.Manual
}

// onEach runs fn with a gate on every engine.
func onEach(t *testing.T, fn func(b *bench)) {
	c := clock.NewManual(begin)
	dbtest.Each(t, audit.Recorder(c), func(t *testing.T, d *db.DB) {
		c := clock.NewManual(begin)
		fn(&bench{t, d, NewGate(Config{DB: d, Clock: c, Constituency: constituency.NewStore(d, c), Nation: nation.NewStore(d)}), c})
	})
}

// clear is Clear within a View.
func (b *bench) clear(to Recipient, via Channel, items ...*thing) (left []Ref, why []Withheld, g *egress.Grant) {
	b.Helper()
	err := b.db.View(context.Background(), func(tx *db.Tx) error {
		c, w, err := Clear(context.Background(), tx, b.gate, to, via, items, func(o *thing) Ref { return o.ref })
		if err != nil {
			return err
		}
		why = w
		left, g, err = c.Open()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return left, why, g
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) kind(err error, want fault.Kind) {
	b.Helper()
	if err == nil || fault.KindOf(err) != want {
		b.Errorf("got %v, want %v", err, want)
	}
}

func person(id string, account int64) act.Actor {
	return act.Actor{Kind: act.Person, ID: id, Name: "Officer " + id, Rights: &act.Rights{Staff: true, Account: account, Roles: []string{string(identity.Duty)}}}
}

func TestWhatIsWithheldSaysWhy(t *testing.T) {
	onEach(t, func(b *bench) {
		hidden := &thing{"note:9", Marking{Label: tlp.Red}, nil}
		items := []*thing{clearThing(1), {"thing:2", Marking{}, nil}, clearThing(3, clearThing(4, hidden)), clearThing(5, nil),
			{"thing:6", Marking{Default: tlp.Amber, Owners: []int64{7}}, nil}}
		left, why, g := b.clear(OfConstituent(7, "Seven"), Mail, items...)
		if !slices.Equal(left, []Ref{"thing:1", "thing:6"}) {
			t.Errorf("left: %v", left)
		}
		var got []string
		for _, w := range why {
			got = append(got, fmt.Sprintf("%s %s %s", w.Item, w.Rule, w.Via))
			if w.Reason == "" {
				b.Errorf("%s: no reason", w.Item)
			}
		}
		want := []string{"thing:2 tlp:unmarked ", "thing:3 tlp:red note:9", "thing:5 reference unknown"}
		if !slices.Equal(got, want) {
			b.Errorf("withheld %q, want %q", got, want)
		}
		if !slices.Equal(g.Rules, []string{"tlp:amber", "tlp:clear"}) || g.Highest != "TLP:AMBER" || g.Items != 2 || g.Withheld != 3 || g.Ledger == 0 {
			b.Errorf("grant: %+v", g)
		}
	})
}

func TestUnknownRecipientOrExitIsRefused(t *testing.T) {
	onEach(t, func(b *bench) {
		for _, to := range []Recipient{{}, {Kind: "friend", Subject: "person:1"}} {
			err := b.db.View(context.Background(), func(tx *db.Tx) error {
				_, _, err := Clear(context.Background(), tx, b.gate, to, Mail, []*thing{clearThing(1)}, func(o *thing) Ref { return o.ref })
				return err
			})
			if err == nil {
				b.Errorf("%+v was let through", to)
			}
		}
	})
}

// TestContainerNeverLeavesIfAnythingReachableIsHidden draws graphs with cycles and compares with the plain definition.
func TestContainerNeverLeavesIfAnythingReachableIsHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "objects")
		labels := []tlp.Label{tlp.None, tlp.Clear, tlp.Clear, tlp.Clear, tlp.Green, tlp.Amber, tlp.Red}
		all := make([]*thing, n)
		for i := range all {
			all[i] = &thing{ref: Ref(fmt.Sprintf("thing:%d", i)), mark: Marking{Label: rapid.SampledFrom(labels).Draw(t, "label")}}
		}
		links := make([][]int, n)
		for i := range all {
			links[i] = rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 2).Draw(t, "links")
			for _, j := range links[i] {
				all[i].links = append(all[i].links, all[j])
			}
		}
		p := &pass{to: Anybody(), via: Page, rules: map[string]bool{}, live: map[Ref]int64{}}
		for i, o := range all {
			reach := map[int]bool{}
			var visit func(int)
			visit = func(k int) {
				if !reach[k] {
					reach[k] = true
					for _, l := range links[k] {
						visit(l)
					}
				}
			}
			visit(i)
			want := true
			for k := range reach {
				want = want && all[k].mark.Label == tlp.Clear
			}
			if got, err := p.admit(o); err != nil || got != want {
				t.Fatalf("object %d of %v: let through %t, want %t, %v", i, links, got, want, err)
			}
		}
		if len(p.passed)+len(p.withheld) != n {
			t.Fatalf("%d passed and %d withheld of %d", len(p.passed), len(p.withheld), n)
		}
	})
}

func TestTwoObjectsUnderOneNameAreBothJudged(t *testing.T) {
	p := &pass{to: Anybody(), via: Page, rules: map[string]bool{}, live: map[Ref]int64{}}
	twin := &thing{"thing:2", Marking{Label: tlp.Red}, nil}
	if ok, err := p.admit(clearThing(1, clearThing(2), twin)); ok || err != nil {
		t.Errorf("the second one was not looked at: %t %v", ok, err)
	}
}

func TestEndlessReferencesAreNotFollowedForEver(t *testing.T) {
	first := clearThing(0)
	for last, i := first, 1; i <= maxReach+1; i++ {
		next := clearThing(i)
		last.links, last = []Item{next}, next
	}
	p := &pass{to: Anybody(), via: Page, rules: map[string]bool{}, live: map[Ref]int64{}}
	if ok, err := p.admit(first); ok || err != nil || p.withheld[0].Rule != "reach" {
		t.Errorf("%t %v %+v", ok, err, p.withheld)
	}
}

func TestRecipientIsWhatTheActorsRolesSay(t *testing.T) {
	rights := func(staff bool, roles ...identity.Role) *act.Rights {
		r := &act.Rights{Staff: staff, Session: 4, Constituents: []int64{7}}
		for _, x := range roles {
			r.Roles = append(r.Roles, string(x))
		}
		return r
	}
	for _, tt := range []struct {
		actor act.Actor
		want  RecipientKind
		orgs  int
	}{
		{act.Anybody, Public, 0}, {act.Actor{Kind: act.Person, ID: "1"}, Public, 0}, {act.Machine, Staff, 0},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(true, identity.Reader)}, Staff, 0},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(false, identity.Member)}, Constituent, 1},
		{act.Actor{Kind: act.Service, ID: "1", Rights: rights(false, identity.Manager)}, Constituent, 1},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(false, identity.SectorCERT)}, SectorCERT, 0},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(false, identity.Authority)}, Authority, 0},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(false, identity.Enforcement)}, Enforcement, 0},
		{act.Actor{Kind: act.Service, ID: "1", Rights: rights(false, identity.Partner)}, Partner, 0},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(false, identity.GuestPartner)}, GuestPartner, 0},
		{act.Actor{Kind: act.Person, ID: "1", Rights: rights(false)}, Public, 0},
	} {
		r := RecipientOf(tt.actor)
		if r.Kind != tt.want || len(r.Organisations) != tt.orgs || r.Subject != tt.actor.Subject() && tt.actor.Rights != nil {
			t.Errorf("%+v: %+v", tt.actor, r)
		}
	}
}

const registry = `{"constituents":[
 {"ref":"energy-cert","name":"Energy CERT","kind":"sector-cert","sector":"energy"},
 {"ref":"grid","name":"Grid","kind":"operator","sector":"energy","delegate":"energy-cert"},
 {"ref":"bank","name":"Bank","kind":"operator","sector":"banking"}]}`

func TestSectorCERTGetsItsBranchsAmberButNotItsStrictOnes(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		f, err := constituency.Read("registry.json", constituency.JSON, strings.NewReader(registry))
		b.must(err)
		_, err = b.gate.Constituency.Import(ctx, act.Machine, f, constituency.ImportOptions{})
		b.must(err)
		d, err := b.gate.Constituency.Directory(ctx)
		b.must(err)
		id := func(ref string) int64 {
			l, err := d.ByRef(ref)
			b.must(err)
			return l.ID
		}
		amber := &thing{"thing:1", Marking{Label: tlp.Amber, Owners: []int64{id("grid")}}, nil}
		strict := &thing{"thing:2", Marking{Label: tlp.AmberStrict, Owners: []int64{id("grid")}}, nil}
		own := &thing{"thing:3", Marking{Label: tlp.AmberStrict, Owners: []int64{id("energy-cert")}}, nil}
		other := &thing{"thing:4", Marking{Label: tlp.Amber, Owners: []int64{id("bank")}}, nil}
		account := act.Actor{Kind: act.Person, ID: "5", Rights: &act.Rights{Roles: []string{string(identity.SectorCERT)},
			Constituents: []int64{id("energy-cert"), id("grid")}}}
		for _, to := range []Recipient{RecipientOf(account), OfConstituent(id("energy-cert"), "Energy CERT")} {
			if left, _, _ := b.clear(to, REST, amber, strict, own, other); !slices.Equal(left, []Ref{"thing:1", "thing:3"}) {
				b.Errorf("%s: %v", to.Subject, left)
			}
		}
	})
}

func TestWholeNeedsPartsForOneRecipientAndExit(t *testing.T) {
	a := &egress.Grant{Recipient: "person:1", Channel: "portal", Rules: []string{"tlp:clear"}, Highest: "TLP:CLEAR", Items: 1}
	c := &egress.Grant{Recipient: "person:1", Channel: "portal", Rules: []string{"tlp:amber"}, Highest: "TLP:AMBER", Items: 2, Withheld: 1}
	w, err := Whole("page", a, c)
	if err != nil {
		t.Fatal(err)
	}
	if v, g, err := w.Open(); err != nil || v != "page" || g.Items != 3 || g.Withheld != 1 || g.Highest != "TLP:AMBER" || len(g.Rules) != 2 {
		t.Errorf("%v %+v %v", v, g, err)
	}
	for _, parts := range [][]*egress.Grant{{}, {a, nil}, {a, {Recipient: "person:2", Channel: "portal"}}, {a, {Recipient: "person:1", Channel: "rest"}}} {
		if w, err := Whole("page", parts...); err == nil {
			t.Errorf("%v: let through", parts)
		} else if _, _, err := w.Open(); err == nil {
			t.Error("a refused whole can be opened")
		}
	}
}
