package event

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// BenchmarkList measures one million findings of 100 types and 2,000 owners: reading the columns, what one worst question
// costs in plain SQL, and for every filter that costs most each sort, one page after the other. The worst of them is the
// figure to look at; cpu-ms is what all processors together spent on it, whatever else the machine does.
func BenchmarkList(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkList(b, filepath.Join(b.TempDir(), "tocsin.db"), "live") })
	b.Run("postgres", func(b *testing.B) {
		url, world := dbtest.Postgres(b)
		benchmarkList(b, url, world)
	})
}

func benchmarkList(b *testing.B, url, world string) {
	const findings = 1_000_000
	d := dbtest.Open(b, url, world, audit.Recorder(clock.Real()))
	plantMany(b, d, findings, 100, 2000)
	l := NewLister(d)
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			l = NewLister(d)
			if err := l.Warm(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, f := range worstFilters() {
		b.Run(name, func(b *testing.B) {
			for _, by := range Orders() {
				for _, reverse := range []bool{false, true} {
					s := Sort{By: by, Reverse: reverse}
					b.Run(fmt.Sprint(by, "/", reverse), func(b *testing.B) { benchmarkPages(b, l, f, s) })
				}
			}
		})
	}
	b.Run("plain-sql", func(b *testing.B) {
		for b.Loop() {
			err := d.View(context.Background(), func(tx *db.Tx) error {
				return tx.Each(`SELECT id FROM finding WHERE port = 31337 AND run_to > 114 ORDER BY first_day DESC, severity DESC, id LIMIT 100`,
					nil, func(scan func(...any) error) error {
						var id []byte
						return scan(&id)
					})
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Search(context.Background(), "10.1.2.3"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			if err := l.Export(context.Background(), io.Discard, Filter{AnyState: true}, "csv"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkPages asks for one page after the other and reports the quickest and the 95th of a hundred.
func benchmarkPages(b *testing.B, l *Lister, f Filter, s Sort) {
	var took []time.Duration
	cursor := ""
	spent := cpu()
	for b.Loop() {
		sw := clock.Start()
		p, err := l.List(context.Background(), f, s, PageRequest{Cursor: cursor})
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, sw.Elapsed())
		cursor = p.Next
	}
	b.ReportMetric(float64((cpu()-spent).Microseconds())/1000/float64(len(took)), "cpu-ms")
	slices.Sort(took)
	b.ReportMetric(float64(took[0].Microseconds())/1000, "best-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

// cpu is what this process has spent so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func worstFilters() map[string]Filter {
	return map[string]Filter{
		"open":       {},
		"all":        {AnyState: true},
		"gone":       {States: []State{NoLongerSeen, Lapsed}},
		"port":       {AnyState: true, Ports: []int32{31337}, Transport: "udp"},
		"name":       {AnyState: true, Name: "no such name"},
		"domain":     {AnyState: true, Domain: "h77.example.org"},
		"identifier": {AnyState: true, Identifier: "cve-1999"},
		"sector":     {Sectors: []string{"energy"}, MinSeverity: High},
		"owner":      {Owner: "org77", Branch: true},
		"prefix":     {AnyState: true, Within: netip.MustParsePrefix("10.0.0.0/8")},
		"days":       {AnyState: true, FirstFrom: 110, FirstUntil: 111, LastUntil: 200},
	}
}

// plantMany fills a database the quick way of its engine.
func plantMany(b *testing.B, d *db.DB, findings, types, owners int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	w := &listWorld{d: d}
	w.write(b, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO feed (id, name, format, title, marking, audience, collector, settings, enabled)
			VALUES (1, 'shadowserver', 'generic', '', 'amber', 'owner', '{}', '{}', 1)`)
		for i := 0; i < types && err == nil; i++ {
			name := fmt.Sprint("report", i)
			subj := []Subject{Service, Service, Address, Name}[i%4]
			w.types = append(w.types, &listType{id: TypeID("shadowserver", name), ReportType: ReportType{Name: name, Subject: subj}})
			_, err = tx.Exec(`INSERT INTO report_type (id, feed, name, title, class, kind, identifier, severity, subject, closing,
				known, first_day, last_day, cutoff, closed_on, version) VALUES ($1, 1, $2, 'Title', 'vulnerable', 'weak-crypto', $3, 2,
				$4, 'snapshot', 1, 50, 120, 114, 120, 1)`, w.types[i].id, name, fmt.Sprint("open-", i), string(subj))
		}
		if err != nil {
			return err
		}
		return w.plantOwners(tx, r, owners)
	})
	w.write(b, func(tx *db.Tx) error {
		left := findings
		next := func() *Finding {
			if left == 0 {
				return nil
			}
			left--
			f := w.many(r, w.types[left%types], left)
			return &f
		}
		if d.Engine() == db.SQLite {
			for f := next(); f != nil; f = next() {
				if err := plantFinding(tx, f); err != nil {
					return err
				}
			}
			return nil
		}
		return tx.Copy("finding", append(slices.Clone(findingColumns), "run_to", "closed_day"), func() ([]any, error) {
			f := next()
			if f == nil {
				return nil, nil
			}
			return []any{[]byte(f.ID), f.TypeID, AddressKey(f.Address), f.Port, f.Transport, f.Name, f.Identifier, int32(f.Severity),
				f.Owner.ID, int64(0), f.FirstSeen, int64(f.FirstDay), int64(f.run.from), int64(f.run.to), int64(-1)}, nil
		})
	})
}

func (w *listWorld) many(r *rand.Rand, t *listType, n int) Finding {
	s := subject{port: -1, transport: "tcp", addr: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}
	switch t.Subject {
	case Service:
		s.port, s.transport = int32(r.IntN(1000)), "udp"
	case Name:
		s.name, s.transport = fmt.Sprintf("https://h%d.example.org/some/path/%d", r.IntN(1000), n), ""
	}
	f := Finding{ID: ID(s.appendID(nil, t.id)), TypeID: t.id, Address: s.addr, Port: s.port, Transport: s.transport, Name: s.name,
		Severity: Severity(1 + r.IntN(5)), FirstSeen: int64(n), FirstDay: Day(60 + r.IntN(60)), ClosedDay: -1}
	f.run = run{from: f.FirstDay, to: stillThere}
	if r.IntN(3) == 0 {
		f.run.to = min(f.run.from+Day(r.IntN(30)), 120)
	}
	f.Owner = w.owners[r.IntN(len(w.owners))].Owner
	return f
}
