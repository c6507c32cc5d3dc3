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

	"tocsin/internal/platform/db"
)

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
	f.Ruling.Until = -1
	switch r.IntN(8) {
	case 0:
		f.Ruling.Disposition = RuledFalse
	case 1:
		f.Ruling.Disposition, f.Ruling.Until = RuledAccepted, farAhead
	case 2:
		f.Ruling.Disposition, f.Ruling.Until = RuledAccepted, 120
	}
	if r.IntN(5) == 0 {
		f.Assignee = Assignee{ID: int64(1 + r.IntN(2)), Name: "Somebody"}
	}
	w.derive(&f)
	return f
}

// farAhead is a day after that of the machine's clock.
const farAhead = 90_000

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
			if f.Ruling.Disposition == RuledFalse {
				f.State = FalsePositive
			}
			if f.Ruling.Disposition == RuledAccepted && f.Ruling.Until == farAhead {
				f.State = AcceptedRisk
			}
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
	if err == nil && (f.Ruling.Disposition != "" || f.Assignee.ID != 0) {
		_, err = tx.Prepared(`INSERT INTO finding_ruling (finding, disposition, until, reason, assignee, assignee_name, act)
			VALUES ($1, $2, $3, '', $4, $5, 0)`, []byte(f.ID), string(f.Ruling.Disposition), f.Ruling.Until, f.Assignee.ID, f.Assignee.Name)
	}
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
		for _, d := range f.Dispositions {
			if d != "" {
				states = States()
			}
		}
	}
	held := x.Ruling.Disposition
	if x.Ruling.Until == 120 {
		held = ""
	}
	return (len(f.Dispositions) == 0 || slices.Contains(f.Dispositions, held)) &&
		(f.Assignee == 0 || x.Assignee.ID == f.Assignee) && (!f.Unassigned || x.Assignee.ID == 0) && (f.AnyState || slices.Contains(states, x.State)) &&
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
