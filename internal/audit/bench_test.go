package audit

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// plainRow records as a version without a log did: one row, with the database's own counter.
func plainRow(tx *db.Tx, a act.Act) error {
	_, err := tx.Exec(`INSERT INTO audit (at, actor, name, verb, object, detail) VALUES ($1, $2, $3, $4, $5, $6)`, 1, a.Actor.Subject(),
		a.Actor.Name, a.Verb, a.Object, a.Detail)
	return err
}

// BenchmarkAct is what an act costs that writes nothing of its own, with the log and with a plain row: alone in its transaction, which
// has its disk sync, and many in one.
func BenchmarkAct(b *testing.B) {
	a := act.Act{Actor: act.Machine, Verb: "test.act", Object: "thing:1", Detail: `{"n":1}`}
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, with := range []string{"log", "row"} {
			recorder := db.Recorder(plainRow)
			if with == "log" {
				recorder = Recorder(clock.Real())
			}
			open := func(b *testing.B) *db.DB {
				if engine == "sqlite" {
					return dbtest.Open(b, b.TempDir()+"/db", "live", recorder)
				}
				url, world := dbtest.Postgres(b)
				return dbtest.Open(b, url, world, recorder)
			}
			b.Run(engine+"/"+with+"/alone", func(b *testing.B) {
				d := open(b)
				for b.Loop() {
					if err := d.Act(ctx, a, nothing); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(engine+"/"+with+"/together", func(b *testing.B) {
				d := open(b)
				if err := d.Upkeep(ctx, func(tx *db.Tx) error {
					for b.Loop() {
						if err := recorder(tx, a); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// fill puts entries into an empty log, faster than acts do.
func fill(t testing.TB, l *Log, n int64) {
	t.Helper()
	err := l.db.Upkeep(ctx, func(tx *db.Tx) error {
		var tr tree
		for i := range n {
			e := Entry{ID: i + 1, At: start.UnixMicro() + i*1_000_000, Actor: fmt.Sprintf("person:%d", i%25), Name: "Somebody of the duty team",
				Verb: fmt.Sprintf("finding.verb%d", i%30), Object: fmt.Sprintf("finding:%032x", i*7919%50000),
				Detail: fmt.Sprintf(`{"note":"looked at, told the owner","from":"open","to":"closed","n":%d}`, i)}
			if _, err := tx.Prepared(`INSERT INTO audit (id, at, actor, name, verb, object, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				e.ID, e.At, e.Actor, e.Name, e.Verb, e.Object, e.Detail); err != nil {
				return err
			}
			if err := insertHashes(tx.Prepared, e.ID, pack(tr.add(e.leaf()))); err != nil {
				return err
			}
		}
		_, err := advance(tx, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLogVerifiesInTime holds the bar of a million entries in 30 s, for fewer in proportion (and a second for whatever else the machine
// does); TOCSIN_TEST_AUDIT_ENTRIES=1000000 is the whole.
func TestLogVerifiesInTime(t *testing.T) {
	n := int64(20_000)
	if s := os.Getenv("TOCSIN_TEST_AUDIT_ENTRIES"); s != "" {
		var err error
		if n, err = strconv.ParseInt(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	now := clock.NewManual(start)
	l := logOn(t, dbtest.Open(t, t.TempDir()+"/db", "live", Recorder(now)), now)
	fill(t, l, n)
	c := checkpoint(t, l)
	w := clock.Start()
	r := verify(t, l, elsewhere(c))
	took := w.Elapsed()
	if r.Err() != nil || r.Size != n || r.Root != c.Root() {
		t.Fatalf("%+v", r)
	}
	t.Logf("%d entries verified in %s; peak resident memory of the process %s", n, took.Round(time.Millisecond), peak())
	if bar := time.Duration(n)*30*time.Microsecond + time.Second; took > bar {
		t.Errorf("took %s, the bar is %s", took, bar)
	}
	for name, f := range map[string]Filter{"latest": {}, "actor": {Actor: "person:3"}, "rare actor": {Actor: "person:99"}, "verb": {Verb: "finding.verb7"},
		"kind": {Verb: "finding."}, "no such kind": {Verb: "world."}, "object": {Object: fmt.Sprintf("finding:%032x", 7919)},
		"first hour": {Until: start.Add(time.Hour).UnixMicro()}, "actor and verb": {Actor: "person:3", Verb: "finding.verb8"}} {
		w := clock.Start()
		if _, _, err := l.List(ctx, f, 0, 50); err != nil {
			t.Fatal(err)
		}
		t.Logf("list %s: %s", name, w.Elapsed().Round(10*time.Microsecond))
	}
	w = clock.Start()
	if p, err := l.ByID(ctx, n/3); err != nil || !p.Proof.Valid {
		t.Fatal(p, err)
	}
	t.Logf("entry with proof: %s", w.Elapsed().Round(10*time.Microsecond))
}

// peak is the process's VmHWM where the system tells.
func peak() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
