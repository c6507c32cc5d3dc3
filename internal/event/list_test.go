package event

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

var tester = act.Actor{Kind: act.Local, ID: "tester", Name: "Tester"}

func some[T any](t *rapid.T, name string, odds int, g *rapid.Generator[T]) (v T) {
	if rapid.IntRange(1, odds).Draw(t, name+"?") == 1 {
		return g.Draw(t, name)
	}
	return v
}

func list[T any](vs ...T) *rapid.Generator[[]T] { return rapid.SliceOfN(rapid.SampledFrom(vs), 1, 2) }

func drawFilter(t *rapid.T) Filter {
	return Filter{
		AnyState: some(t, "any", 2, rapid.Just(true)), States: some(t, "states", 4, list(States()...)),
		Feeds: some(t, "feeds", 8, list("local", "shadowserver")), Types: some(t, "types", 8, list("type0", "type3", "type8")),
		Classes: some(t, "classes", 8, list("vulnerable", "malicious-code")), Kinds: some(t, "kinds", 8, list("weak-crypto", "infected-system")),
		Severities: some(t, "severities", 8, list(Unrated, Medium, Critical)), MinSeverity: some(t, "min", 8, rapid.SampledFrom([]Severity{Low, High})),
		Sectors: some(t, "sectors", 8, list("energy", "health")), OwnerKinds: some(t, "ownerkinds", 8, list("isp", "operator")),
		Designations: some(t, "designations", 8, list("other", "special-importance")),
		Owner:        some(t, "owner", 8, rapid.SampledFrom([]string{"org1", "org2", "org3"})), Branch: some(t, "branch", 2, rapid.Just(true)),
		Unattributed: some(t, "unattributed", 12, rapid.Just(true)), NoContact: some(t, "nocontact", 12, rapid.Just(true)),
		Within: some(t, "within", 8, rapid.SampledFrom([]netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"),
			netip.MustParsePrefix("198.51.100.77/32"), netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("0.0.0.0/0"),
			netip.MustParsePrefix("198.51.101.128/25"), netip.MustParsePrefix("::/0")})),
		Ports: some(t, "ports", 10, list[int32](0, 53, 65534)), Transport: some(t, "transport", 10, rapid.SampledFrom([]string{"tcp", "udp", "dccp", "xyz"})),
		Name: some(t, "name", 12, rapid.SampledFrom([]string{"EXAMPLE", "www3"})), Domain: some(t, "domain", 12, rapid.SampledFrom([]string{"example.org", "example.net"})),
		Identifier: some(t, "identifier", 12, rapid.SampledFrom([]string{"cve-", "NTP", "2023-1"})), New: some(t, "new", 12, rapid.Just(true)),
		FirstFrom: some(t, "ff", 12, rapid.Just(Day(90))), FirstUntil: some(t, "fu", 12, rapid.Just(Day(110))),
		LastFrom: some(t, "lf", 12, rapid.Just(Day(100))), LastUntil: some(t, "lu", 12, rapid.Just(Day(108))),
		Assignee: some(t, "assignee", 12, rapid.SampledFrom([]int64{1, 2, 3})), Unassigned: some(t, "unassigned", 12, rapid.Just(true)),
		Dispositions: some(t, "dispositions", 6, list(Dispositions()...)),
	}
}

// TestEveryFilterSortAndPageYieldsEachFindingOnce compares the lister with the plain words above, forward and back, while
// findings change.
func TestEveryFilterSortAndPageYieldsEachFindingOnce(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		w := newListWorld(t, d, 1, 300)
		l := NewLister(d)
		changes := rand.New(rand.NewPCG(3, 3))
		rapid.Check(t, func(rt *rapid.T) {
			w.change(t, changes)
			f := drawFilter(rt)
			s := Sort{By: rapid.SampledFrom(Orders()).Draw(rt, "by"), Reverse: rapid.Bool().Draw(rt, "reverse")}
			limit := rapid.SampledFrom([]int{1, 7, 50, 400}).Draw(rt, "limit")
			var want []Finding
			for _, x := range w.findings {
				if w.wants(&f, &x) {
					want = append(want, x)
				}
			}
			slices.SortFunc(want, w.order(s))
			if limit == 1 && len(want) > 30 {
				limit = 9
			}
			checkPages(rt, l, f, s, limit, want)
		})
	})
}

func checkPages(t *rapid.T, l *Lister, f Filter, s Sort, limit int, want []Finding) {
	ctx := context.Background()
	var got, back []Finding
	p, err := l.List(ctx, f, s, PageRequest{Limit: limit})
	var last *Page
	for {
		if err != nil {
			t.Fatal(err)
		}
		if p.Total != int64(len(want)) {
			t.Fatalf("total %d, want %d", p.Total, len(want))
		}
		got = append(got, p.Items...)
		last = p
		if p.Next == "" {
			break
		}
		p, err = l.List(ctx, f, s, PageRequest{Limit: limit, Cursor: p.Next})
	}
	same(t, "forward", got, want)
	back = slices.Clone(last.Items)
	for p = last; p.Prev != ""; {
		if p, err = l.List(ctx, f, s, PageRequest{Limit: limit, Cursor: p.Prev}); err != nil {
			t.Fatal(err)
		}
		back = append(slices.Clone(p.Items), back...)
	}
	same(t, "back", back, want)
	if n, err := l.Count(ctx, f); err != nil || n != int64(len(want)) {
		t.Fatalf("count %d, %v, want %d", n, err, len(want))
	}
}

func same(t *rapid.T, what string, got, want []Finding) {
	if len(got) != len(want) {
		t.Fatalf("%s: %d findings, want %d", what, len(got), len(want))
	}
	for i := range got {
		g := got[i]
		g.explanation = want[i].explanation
		if g != want[i] {
			t.Fatalf("%s: at %d\n got %+v\nwant %+v", what, i, g, want[i])
		}
	}
}

// change does what an intake does to one finding: it moves its run, owner or severity and makes a new version of its type.
func (w *listWorld) change(t testing.TB, r *rand.Rand) {
	t.Helper()
	i := r.IntN(len(w.findings))
	f := w.findings[i]
	f.Severity, f.Owner = Severity(r.IntN(6)), w.owners[r.IntN(len(w.owners))].Owner
	f.run = run{f.run.from, f.run.from + Day(r.IntN(9)), f.Owner.ID, f.Severity}
	w.derive(&f)
	w.findings[i] = f
	w.write(t, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE finding SET severity = $1, owner = $2, run_to = $3 WHERE id = $4`, int(f.Severity), f.Owner.ID,
			f.run.to, []byte(f.ID))
		if err != nil {
			return err
		}
		return touchType(tx, f.TypeID)
	})
}

func TestAPersonClosesAFindingUntilItIsSeenAgain(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newListWorld(t, d, 2, 100)
		l := NewLister(d)
		p, err := l.List(ctx, Filter{}, Sort{}, PageRequest{Limit: 1})
		if err != nil || len(p.Items) == 0 {
			t.Fatal(err)
		}
		f := p.Items[0]
		id := f.ID.String()
		if err := closeOne(l, id, " "); fault.KindOf(err) != fault.Invalid {
			t.Errorf("closed without a reason: %v", err)
		}
		if err := reopenOne(l, id, "mistake"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("reopened what is open: %v", err)
		}
		if err := closeOne(l, id, "patched, says the owner"); err != nil {
			t.Fatal(err)
		}
		after, err := l.List(ctx, Filter{}, Sort{}, PageRequest{Limit: 1})
		if err != nil || after.Total != p.Total-1 {
			t.Errorf("%d open after closing one of %d: %v", after.Total, p.Total, err)
		}
		det, err := l.ByID(ctx, id)
		if err != nil || det.State != Closed || len(det.Acts) != 1 || !strings.HasPrefix(det.Acts[0].Note, "patched") {
			t.Fatalf("%+v %v", det, err)
		}
		if err := closeOne(l, id, "again"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("closed twice: %v", err)
		}
		w.write(t, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE report_type SET last_day = $1, version = version + 1 WHERE id = $2`, f.LastDay+1, f.TypeID)
			if err == nil {
				_, err = tx.Exec(`UPDATE finding SET run_to = 9999999 WHERE id = $1`, []byte(f.ID))
			}
			return err
		})
		if det, err = l.ByID(ctx, id); err != nil || det.State != Open {
			t.Errorf("seen again, and still %s: %v", det.State, err)
		}
	})
}

func TestAQuestionThatMakesNoSenseIsInvalid(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		newListWorld(t, d, 4, 20)
		l := NewLister(d)
		ctx := context.Background()
		for name, ask := range map[string]func() error{
			"type":  func() error { _, err := l.List(ctx, Filter{Types: []string{"x"}}, Sort{}, PageRequest{}); return err },
			"feed":  func() error { _, err := l.List(ctx, Filter{Feeds: []string{"x"}}, Sort{}, PageRequest{}); return err },
			"owner": func() error { _, err := l.List(ctx, Filter{Owner: "x"}, Sort{}, PageRequest{}); return err },
			"state": func() error { _, err := l.List(ctx, Filter{States: []State{"x"}}, Sort{}, PageRequest{}); return err },
			"order": func() error { _, err := l.List(ctx, Filter{}, Sort{By: "x"}, PageRequest{}); return err },
			"limit": func() error { _, err := l.List(ctx, Filter{}, Sort{}, PageRequest{Limit: 5000}); return err },
			"cursor": func() error {
				_, err := l.List(ctx, Filter{}, Sort{}, PageRequest{Cursor: "eyJpIjoiQUFBQSJ9"})
				return err
			},
			"format": func() error { return l.Export(ctx, new(strings.Builder), Filter{}, "xml") },
			"search": func() error { _, err := l.Search(ctx, "x"); return err },
		} {
			if err := ask(); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := l.ByID(ctx, "00ff"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("id: %v", err)
		}
	})
}

func FuzzListCursor(f *testing.F) {
	f.Add("eyJiIjoibGFzdC1zZWVuIiwiayI6MSwiaSI6IkFBQUFBQUFBQUFBPSJ9")
	f.Fuzz(func(t *testing.T, text string) {
		typ := &listType{id: 1, block: &block{}}
		ix := &index{types: []*listType{typ}, owners: newOwners(0, nil)}
		for _, by := range Orders() {
			if _, err := ix.place(Sort{By: by}, text); err != nil && fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
		}
	})
}

func FuzzReadQuery(f *testing.F) {
	f.Add("203.0.113.0/24")
	f.Add("http://[::1]:80/")
	f.Fuzz(func(t *testing.T, q string) {
		what, flt := readQuery(q)
		if what == "prefix" && !flt.Within.IsValid() {
			t.Fatal(q)
		}
		ix := &index{owners: newOwners(0, nil)}
		if _, err := ix.compile(flt); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzFilterText(f *testing.F) {
	f.Add("203.0.113.0/24", "high", "2026-03-01", "-severity")
	f.Add("::ffff:203.0.113.7", "x", "0001-01-01", "")
	f.Fuzz(func(t *testing.T, address, severity, day, order string) {
		flt, err := FilterText{Address: address, Severity: []string{severity}, MinSeverity: severity, Day: day, LastUntil: day}.Filter(tester)
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		if _, err := ParseSort(order); err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		ix := &index{owners: newOwners(0, nil)}
		if _, cerr := ix.compile(flt); err == nil && cerr != nil {
			t.Fatal(cerr)
		}
	})
}
