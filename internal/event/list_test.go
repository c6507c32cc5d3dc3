package event

import (
	"cmp"
	"context"
	"fmt"
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

// listWorld is a small nation's findings in a database and, beside it, as plain values.
type listWorld struct {
	d        *db.DB
	types    []*listType
	owners   []ownerRow
	findings []Finding
}

func (w *listWorld) write(t testing.TB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := w.d.Upkeep(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func newListWorld(t testing.TB, d *db.DB, seed uint64, findings int) *listWorld {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w := &listWorld{d: d}
	w.write(t, func(tx *db.Tx) error {
		for i, name := range []string{"shadowserver", "local"} {
			if _, err := tx.Exec(`INSERT INTO feed (id, name, format, title, marking, audience, collector, settings, enabled)
				VALUES ($1, $2, 'generic', '', 'amber', 'owner', '{}', '{}', 1)`, i+1, name); err != nil {
				return err
			}
		}
		return w.plantTypes(tx, r)
	})
	w.write(t, func(tx *db.Tx) error { return w.plantOwners(tx, r, 12) })
	w.write(t, func(tx *db.Tx) error {
		seen := map[ID]bool{}
		for len(w.findings) < findings {
			f := w.random(r)
			if seen[f.ID] {
				continue
			}
			seen[f.ID] = true
			w.findings = append(w.findings, f)
			if err := plantFinding(tx, &f); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

func (w *listWorld) plantTypes(tx *db.Tx, r *rand.Rand) error {
	for i := range 9 {
		feed := []string{"shadowserver", "local"}[i%2]
		t := &listType{feed: feed, ReportType: ReportType{Name: fmt.Sprintf("type%d", i/2*3%7), Class: []string{"vulnerable", "malicious-code"}[i%2],
			Kind: []string{"ddos-amplifier", "infected-system", "weak-crypto"}[i%3], Identifier: []string{"open-ntp", "CVE-2024-1"}[r.IntN(2)],
			Subject: []Subject{Service, Address, Name}[i%3], Closing: []Closing{Snapshot, Observation, Manual}[i/3]}}
		if i == 8 {
			t.Name = "type8"
		}
		t.id = TypeID(feed, t.Name)
		t.lastDay = Day(100 + r.IntN(4)*5)
		t.cutoff = -1
		if t.Closing != Manual {
			t.cutoff = t.lastDay - 6
		}
		t.version = 1
		w.types = append(w.types, t)
		_, err := tx.Exec(`INSERT INTO report_type (id, feed, name, title, class, kind, identifier, severity, subject, closing, known,
			first_day, last_day, cutoff, closed_on, version) VALUES ($1, $2, $3, 'Title', $4, $5, $6, 2, $7, $8, 1, 50, $9, $10, -1, 1)`,
			t.id, i%2+1, t.Name, t.Class, t.Kind, t.Identifier, string(t.Subject), string(t.Closing), t.lastDay, t.cutoff)
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *listWorld) plantOwners(tx *db.Tx, r *rand.Rand, n int) error {
	for i := 1; i <= n; i++ {
		o := ownerRow{Owner: Owner{ID: int64(i), Ref: fmt.Sprint("org", i), Name: fmt.Sprint("Name ", r.IntN(5)),
			Kind: []string{"isp", "operator"}[r.IntN(2)], Sector: []string{"energy", "health", ""}[r.IntN(3)],
			Designation: []string{"special-importance", "other"}[r.IntN(2)]}, parent: int64(r.IntN(i)), contact: r.IntN(2) == 0}
		w.owners = append(w.owners, o)
		var parent any
		if o.parent > 0 {
			parent = o.parent
		}
		_, err := tx.Exec(`INSERT INTO constituent (id, ref, parent, name, kind, sector, designation, language, note, source, origin,
			valid_from, valid_until) VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', 'manual', '', 0, 9999999)`,
			o.ID, o.Ref, parent, o.Name, o.Kind, o.Sector, o.Designation)
		if err != nil {
			return err
		}
		if o.contact {
			_, err = tx.Exec(`INSERT INTO contact (constituent, role, name, mail, phone, language, keys, clearance, source, origin,
				valid_from, valid_until) VALUES ($1, 'abuse', '', 'a@example.org', '', '', '[]', '', 'manual', '', 0, 9999999)`, o.ID)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// random is a finding with small domains, so that ties and misses are common.
func (w *listWorld) random(r *rand.Rand) Finding {
	t := w.types[r.IntN(len(w.types))]
	s := subject{port: -1, transport: []string{"tcp", "udp", "", "dccp"}[r.IntN(4)]}
	switch r.IntN(5) {
	case 0:
		s.addr = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(r.IntN(20))})
	case 1:
		if t.Subject == Name {
			break
		}
		fallthrough
	default:
		s.addr = netip.AddrFrom4([4]byte{198, 51, byte(100 + r.IntN(2)), byte(r.IntN(256))})
	}
	if t.Subject == Service {
		s.port = int32([]int{0, 53, 123, 65534}[r.IntN(4)])
	}
	if t.Subject == Name || !s.addr.IsValid() {
		s.name = fmt.Sprintf([]string{"www%d.Example.org", "http://h%d.example.net:81/x", "notexample%d.org", "a%d@example.org"}[r.IntN(4)], r.IntN(9))
	}
	if r.IntN(4) == 0 {
		s.identifier = fmt.Sprint("CVE-2023-", r.IntN(3))
	}
	f := Finding{ID: ID(s.appendID(nil, t.id)), TypeID: t.id, Feed: t.feed, Type: t.Name, Title: "Title", Class: t.Class,
		Kind: t.ReportType.Kind, Identifier: cmp.Or(s.identifier, t.Identifier), Address: s.addr, Port: s.port, Transport: s.transport,
		Name: s.name, Severity: Severity(r.IntN(6)), FirstSeen: int64(r.IntN(1000)), FirstDay: Day(80 + r.IntN(40)), ClosedDay: -1}
	f.run = run{from: f.FirstDay + Day(r.IntN(10)), to: stillThere}
	if r.IntN(3) == 0 {
		f.run.to = f.run.from + Day(r.IntN(12))
	}
	if r.IntN(5) == 0 {
		f.ClosedDay = Day(80 + r.IntN(60))
	}
	if f.Owner = (Owner{}); r.IntN(4) > 0 {
		f.Owner = w.owners[r.IntN(len(w.owners))].Owner
	}
	f.run.owner, f.run.severity = f.Owner.ID, f.Severity
	w.derive(&f)
	return f
}

// derive says what the brief of the table says, in the plainest words.
func (w *listWorld) derive(f *Finding) {
	for _, t := range w.types {
		if t.id != f.TypeID {
			continue
		}
		f.LastDay = max(f.run.from, min(f.run.to, t.lastDay))
		f.State = map[Closing]State{Snapshot: NoLongerSeen, Observation: Lapsed, Manual: Lapsed}[t.Closing]
		if f.LastDay > t.cutoff {
			f.State = Open
		}
		if f.LastDay <= f.ClosedDay {
			f.State = Closed
		}
	}
}

func plantFinding(tx *db.Tx, f *Finding) error {
	ident := f.Identifier
	var own string
	if strings.HasPrefix(ident, "CVE-2023") {
		own = ident
	}
	_, err := tx.Prepared(`INSERT INTO finding (id, type, address, port, transport, name, identifier, severity, owner, explanation,
		first_seen, first_day, run_from, run_to, closed_day) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, $13, $14)`,
		[]byte(f.ID), f.TypeID, AddressKey(f.Address), f.Port, f.Transport, f.Name, own, int(f.Severity), f.Owner.ID, f.FirstSeen,
		f.FirstDay, f.run.from, f.run.to, f.ClosedDay)
	return err
}

// wants is the filter in the plainest words.
func (w *listWorld) wants(f *Filter, x *Finding) bool {
	var t *listType
	for _, c := range w.types {
		if c.id == x.TypeID {
			t = c
		}
	}
	owner := ownerRow{}
	for _, o := range w.owners {
		if o.ID == x.Owner.ID {
			owner = o
		}
	}
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	known := func(list []string, v string) bool { return len(list) == 0 || owner.ID > 0 && slices.Contains(list, v) }
	states := f.States
	if len(states) == 0 {
		states = []State{Open}
	}
	return (f.AnyState || slices.Contains(states, x.State)) &&
		in(f.Feeds, x.Feed) && in(f.Types, x.Type) && in(f.Classes, x.Class) && in(f.Kinds, x.Kind) &&
		(len(f.Severities) == 0 || slices.Contains(f.Severities, x.Severity)) && x.Severity >= f.MinSeverity &&
		known(f.Sectors, owner.Sector) && known(f.OwnerKinds, owner.Kind) && known(f.Designations, owner.Designation) &&
		(f.Owner == "" || owner.ID > 0 && w.under(owner, f.Owner, f.Branch)) && (!f.Unattributed || x.Owner.ID == 0) &&
		(!f.NoContact || owner.ID > 0 && !owner.contact) && (!f.Within.IsValid() || f.Within.Contains(x.Address)) &&
		(len(f.Ports) == 0 || t.Subject == Service && slices.Contains(f.Ports, x.Port)) &&
		(f.Transport == "" || x.Transport == f.Transport) &&
		strings.Contains(strings.ToLower(x.Name), strings.ToLower(f.Name)) &&
		(f.Domain == "" || strings.Contains(strings.ToLower(x.Name), "."+f.Domain) || strings.HasSuffix(strings.ToLower(x.Name), "@"+f.Domain)) &&
		strings.Contains(strings.ToLower(x.Identifier), strings.ToLower(f.Identifier)) && (!f.New || x.FirstDay == t.lastDay) &&
		x.FirstDay >= f.FirstFrom && (f.FirstUntil == 0 || x.FirstDay <= f.FirstUntil) &&
		x.LastDay >= f.LastFrom && (f.LastUntil == 0 || x.LastDay <= f.LastUntil)
}

func (w *listWorld) under(o ownerRow, ref string, branch bool) bool {
	for {
		if o.Ref == ref {
			return true
		}
		if !branch || o.parent == 0 {
			return false
		}
		o = w.owners[o.parent-1]
	}
}

// order is the sort in the plainest words.
func (w *listWorld) order(s Sort) func(a, b Finding) int {
	owner := func(f Finding) string {
		if f.Owner.ID == 0 {
			return "\xff"
		}
		return fmt.Sprintf("%s%9d", f.Owner.Name, f.Owner.ID)
	}
	return func(a, b Finding) int {
		if s.Reverse {
			a, b = b, a
		}
		latest := cmp.Compare(b.LastDay, a.LastDay)
		gravest := cmp.Compare(b.Severity, a.Severity)
		id := cmp.Compare(a.ID, b.ID)
		switch s.By {
		case ByFirstSeen:
			return cmp.Or(cmp.Compare(b.FirstDay, a.FirstDay), gravest, id)
		case BySeverity:
			return cmp.Or(gravest, latest, id)
		case ByAddress:
			return cmp.Or(cmp.Compare(a.ID[4:], b.ID[4:]), id)
		case ByType:
			return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Feed, b.Feed), id)
		case ByOwner:
			return cmp.Or(cmp.Compare(owner(a), owner(b)), latest, gravest, id)
		}
		return cmp.Or(latest, gravest, id)
	}
}

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
		if err := l.CloseFinding(ctx, tester, id, " "); fault.KindOf(err) != fault.Invalid {
			t.Errorf("closed without a reason: %v", err)
		}
		if err := l.Reopen(ctx, tester, id, "mistake"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("reopened what is open: %v", err)
		}
		if err := l.CloseFinding(ctx, tester, id, "patched, says the owner"); err != nil {
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
		if err := l.CloseFinding(ctx, tester, id, "again"); fault.KindOf(err) != fault.Conflict {
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
		flt, err := FilterText{Address: address, Severity: []string{severity}, MinSeverity: severity, Day: day, LastUntil: day}.Filter()
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
