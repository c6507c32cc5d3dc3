package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

var ctx = context.Background()

var start = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)

// each runs fn on an empty log of both engines.
func each(t *testing.T, fn func(t *testing.T, l *Log, now *clock.Manual)) {
	now := clock.NewManual(start)
	dbtest.Each(t, Recorder(now), func(t *testing.T, d *db.DB) { fn(t, logOn(t, d, now), now) })
}

func logOn(t testing.TB, d *db.DB, now clock.Clock) *Log {
	return New(Config{DB: d, World: "live", KeyFile: filepath.Join(t.TempDir(), "audit.key"), Clock: now, Log: slog.New(slog.DiscardHandler)})
}

var nothing = func(*db.Tx) error { return nil }

func do(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		a := act.Act{Actor: act.Actor{Kind: act.Person, ID: fmt.Sprint(i % 3), Name: "Somebody"}, Verb: fmt.Sprintf("test.%c", 'a'+i%4),
			Object: fmt.Sprintf("thing:%d", i%5), Detail: fmt.Sprintf(`{"n":%d,"of":%q}`, i, rand.Text())}
		if err := l.db.Act(ctx, a, nothing); err != nil {
			t.Fatal(err)
		}
	}
}

func exec(t testing.TB, l *Log, query string, args ...any) {
	t.Helper()
	if err := l.db.Upkeep(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}); err != nil {
		t.Fatal(query, err)
	}
}

func verify(t testing.TB, l *Log, with Verification) Report {
	t.Helper()
	r, err := l.Verify(ctx, with)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func checkpoint(t testing.TB, l *Log) Checkpoint {
	t.Helper()
	c, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func elsewhere(c Checkpoint) Verification {
	return Verification{Checkpoints: []Given{{Name: "elsewhere", Data: []byte(c.Note)}}}
}

// wantDamage wants the report to say a text about an entry (0: about any).
func wantDamage(t testing.TB, r Report, entry int64, text string) {
	t.Helper()
	for _, d := range r.Damages {
		if (entry == 0 || d.Entry == entry) && strings.Contains(d.What, text) {
			if fault.KindOf(r.Err()) != fault.Invalid {
				t.Errorf("a damaged log is no invalid one: %v", r.Err())
			}
			return
		}
	}
	t.Errorf("nothing says %q of entry %d: %+v", text, entry, r.Damages)
}

// tampered verifies the log as change leaves it, and takes the change back.
func tampered(l *Log, with Verification, change func(tx *db.Tx) error) (r Report, err error) {
	undo := errors.New("undo")
	err = l.db.Upkeep(ctx, func(tx *db.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		v := verifier{with: with}
		if err := v.run(tx, l); err != nil {
			return err
		}
		r = v.report
		return undo
	})
	if errors.Is(err, undo) {
		err = nil
	}
	return r, err
}

func TestLogThatNobodyTouchedVerifies(t *testing.T) {
	each(t, func(t *testing.T, l *Log, now *clock.Manual) {
		for size := range 35 {
			c := checkpoint(t, l)
			if r := verify(t, l, elsewhere(c)); r.Err() != nil || r.Size != int64(size) || r.Root != c.Root() {
				t.Fatalf("size %d: %+v, checkpoint %s", size, r, c.Root())
			}
			do(t, l, 1)
			now.Move(time.Minute)
		}
	})
}

// TestAnyChangeOfOneRowIsFound changes, removes, puts in or exchanges rows at random places of logs of random sizes; whatever it
// does, the report names the entry.
func TestAnyChangeOfOneRowIsFound(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		size := 0
		changes := []string{"at", "actor", "name", "verb", "object", "detail", "remove", "remove with hash", "swap", "swap with hash", "put in",
			"change with hash", "hash", "cut"}
		rapid.Check(t, func(rt *rapid.T) {
			grow := rapid.IntRange(0, 5).Draw(rt, "grow")
			if size < 2 {
				grow += 2
			}
			do(t, l, grow)
			size += grow
			n := int64(rapid.IntRange(1, size).Draw(rt, "entry"))
			m := int64(rapid.IntRange(1, size-1).Draw(rt, "other"))
			if m >= n {
				m++
			}
			change := rapid.SampledFrom(changes).Draw(rt, "change")
			r, err := tampered(l, Verification{}, func(tx *db.Tx) error { return tamper(tx, change, n, m, int64(size)) })
			if err != nil {
				rt.Fatal(err)
			}
			if r.Damaged == 0 {
				rt.Fatalf("%s of entry %d (%d) of %d was not found", change, n, m, size)
			}
			named := false
			for _, d := range r.Damages {
				named = named || d.Entry == n || strings.Contains(change, "change with hash") && near(d.Entry, n)
			}
			if !named {
				rt.Errorf("%s: entry %d is not named: %+v", change, n, r.Damages)
			}
		})
	})
}

// near tells whether the entry is named that ends the smallest whole subtree of more than n.
func near(named, n int64) bool { return named == n || named == n+1 }

func tamper(tx *db.Tx, change string, n, m, size int64) (err error) {
	run := func(query string, args ...any) {
		if err == nil {
			_, err = tx.Exec(query, args...)
		}
	}
	swap := func(table, id string) {
		run(`UPDATE `+table+` SET `+id+` = -1 WHERE `+id+` = $1`, n)
		run(`UPDATE `+table+` SET `+id+` = $1 WHERE `+id+` = $2`, n, m)
		run(`UPDATE `+table+` SET `+id+` = $1 WHERE `+id+` = -1`, m)
	}
	switch change {
	case "at":
		run(`UPDATE audit SET at = at + 1 WHERE id = $1`, n)
	case "remove", "remove with hash":
		run(`DELETE FROM audit WHERE id = $1`, n)
		if change != "remove" {
			run(`DELETE FROM audit_hash WHERE entry = $1`, n)
		}
	case "swap", "swap with hash":
		swap("audit", "id")
		if change != "swap" {
			swap("audit_hash", "entry")
		}
	case "put in": // in place of n, which moves to the end
		run(`INSERT INTO audit (id, at, actor, name, verb, object, detail) SELECT $1 + 1, at, actor, name, verb, object, detail FROM audit WHERE id = $2`, size, n)
		run(`UPDATE audit SET detail = 'put in' WHERE id = $1`, n)
	case "change with hash":
		var e Entry
		if e, err = entryOf(tx, n); err != nil {
			return err
		}
		run(`UPDATE audit SET name = 'X' WHERE id = $1`, n)
		e.Name = "X"
		var old []byte
		if old, err = hashesOf(tx, n); err != nil {
			return err
		}
		if n == size && n%2 == 1 { // nothing is over the hash of a last entry yet: only a checkpoint tells, which has its own test
			run(`DELETE FROM audit WHERE id = $1`, n)
		}
		leaf := e.leaf()
		run(`UPDATE audit_hash SET hashes = $1 WHERE entry = $2`, append(leaf[:], old[tlog.HashSize:]...), n)
	case "hash":
		run(`UPDATE audit_hash SET hashes = $1 WHERE entry = $2`, make([]byte, 32), n)
	case "cut": // the head alone
		run(`UPDATE audit_head SET size = $1 WHERE one = 1`, n-1)
	default:
		run(`UPDATE audit SET `+change+` = `+change+` || ' ' WHERE id = $1`, n)
	}
	return err
}

// TestRewrittenLogIsFoundByACheckpointFromElsewhere is against somebody with the database in hand who makes everything in it agree.
func TestRewrittenLogIsFoundByACheckpointFromElsewhere(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		do(t, l, 21)
		kept := checkpoint(t, l)
		do(t, l, 4)
		cut := func(tx *db.Tx, after int64) error {
			for _, q := range []string{`DELETE FROM audit WHERE id > $1`, `DELETE FROM audit_hash WHERE entry > $1`,
				`DELETE FROM audit_checkpoint WHERE size > $1`, `UPDATE audit_head SET size = $1 WHERE one = 1`} {
				if _, err := tx.Exec(q, after); err != nil {
					return err
				}
			}
			return nil
		}
		r, err := tampered(l, Verification{}, func(tx *db.Tx) error { return cut(tx, 17) })
		if err != nil || r.Err() != nil {
			t.Fatalf("the test does not rewrite consistently: %v %v", err, r.Err())
		}
		r, err = tampered(l, elsewhere(kept), func(tx *db.Tx) error { return cut(tx, 17) })
		if err != nil {
			t.Fatal(err)
		}
		wantDamage(t, r, 18, "entries 18 to 21 were removed")

		// The same entries with one changed, and every hash made anew.
		r, err = tampered(l, elsewhere(kept), func(tx *db.Tx) error {
			for _, q := range []string{`DELETE FROM audit_hash`, `DELETE FROM audit_checkpoint`, `UPDATE audit SET name = 'X' WHERE id = 3`} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			_, err := adopt(tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantDamage(t, r, 0, "elsewhere of the first 21 entries")
		if r.Damaged != 1 {
			t.Errorf("more than the checkpoint tells: %+v", r.Damages)
		}
		if r := verify(t, l, elsewhere(kept)); r.Err() != nil {
			t.Errorf("the log itself: %v", r.Err())
		}
	})
}

func TestStoredCheckpointsAreVerified(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		do(t, l, 5)
		c := checkpoint(t, l)
		do(t, l, 5)
		if got := verify(t, l, Verification{}).Checkpoints; got != 1 {
			t.Fatalf("%d checkpoints", got)
		}
		for text, q := range map[string]string{
			"says 5":                         `UPDATE audit_checkpoint SET size = 4`,
			"was changed":                    `UPDATE audit_checkpoint SET note = note || 'x'`,
			"does not know":                  `DELETE FROM audit_key`,
			"is of 99 entries, the log has":  `UPDATE audit_checkpoint SET size = 99`,
			"the key \"x\" in the database ": `INSERT INTO audit_key (verifier, at) VALUES ('x', 1)`,
		} {
			without := *l
			without.keyFile = filepath.Join(t.TempDir(), "none") // as on another machine
			r, err := tampered(&without, Verification{}, func(tx *db.Tx) error {
				_, err := tx.Exec(q)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			wantDamage(t, r, 0, text)
		}
		// Of another log: the signature is right, the log is not.
		d := dbtest.Open(t, t.TempDir()+"/other.db", "live", Recorder(clock.Real()))
		other := logOn(t, d, clock.Real())
		do(t, other, 5)
		foreign := checkpoint(t, other)
		keys, err := other.Keys(ctx)
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		wantDamage(t, verify(t, l, elsewhere(foreign)), 0, "name the key with --key")
		with := elsewhere(foreign)
		with.Keys = []string{keys[0].Verifier}
		wantDamage(t, verify(t, l, with), 0, "one of these entries was changed")
		c.Note = "hello"
		wantDamage(t, verify(t, l, elsewhere(c)), 0, "elsewhere is no checkpoint")
	})
}

// TestContradictionIsNotSigned has a log that was cut behind its latest checkpoint, and grew again or not.
func TestContradictionIsNotSigned(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		do(t, l, 8)
		checkpoint(t, l)
		exec(t, l, `DELETE FROM audit WHERE id > 5`)
		exec(t, l, `DELETE FROM audit_hash WHERE entry > 5`)
		exec(t, l, `UPDATE audit_head SET size = 5`)
		for _, grow := range []int{0, 3, 4} {
			do(t, l, grow)
			if _, err := l.Checkpoint(ctx); fault.KindOf(err) != fault.Invalid {
				t.Errorf("signed %d entries later: %v", grow, err)
			}
		}
		wantDamage(t, verify(t, l, Verification{}), 0, "the stored checkpoint of the first 8 entries has the root")
	})
}

func TestCheckpointIsSignedEveryHourInWhichTheLogGrew(t *testing.T) {
	each(t, func(t *testing.T, l *Log, now *clock.Manual) {
		var said bytes.Buffer
		l.log = slog.New(slog.NewTextHandler(&said, nil))
		q := job.New(l.db, now, now, slog.New(slog.DiscardHandler))
		l.Register(q)
		if err := l.db.Upkeep(ctx, func(tx *db.Tx) error { return job.Enqueue(tx, "audit.checkpoint", "periodic", "", now.Now()) }); err != nil {
			t.Fatal(err)
		}
		for hour, grow := range []int{0, 3, 0, 2} {
			do(t, l, grow)
			now.Move(time.Hour)
			if err := q.Drain(ctx); err != nil {
				t.Fatal(err)
			}
			cs, err := l.Checkpoints(ctx, 0, 10)
			if err != nil || len(cs) != []int{0, 1, 1, 2}[hour] {
				t.Fatalf("hour %d: %+v %v", hour, cs, err)
			}
		}
		if n := strings.Count(said.String(), "audit checkpoint"); n != 2 || !strings.Contains(said.String(), "size=5") {
			t.Errorf("%d checkpoints were logged: %s", n, said.String())
		}
	})
}

func TestManyActsAtOnceMakeADenseLog(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		const workers, acts = 12, 15
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range acts {
					fail := i%5 == 4 // a rolled-back act leaves no gap
					err := l.db.Act(ctx, act.Act{Actor: act.Machine, Verb: "test.race", Object: fmt.Sprintf("w:%d", w)}, func(tx *db.Tx) error {
						if fail {
							return errBoom
						}
						return nil
					})
					if fail != (err != nil) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		r := verify(t, l, Verification{})
		if r.Err() != nil || r.Size != workers*acts*4/5 {
			t.Errorf("%+v", r)
		}
	})
}

var errBoom = errors.New("boom")

// TestEntriesOfAnOlderVersionComeIntoTheLog has rows without hashes and with gaps, as a database before the log has them.
func TestEntriesOfAnOlderVersionComeIntoTheLog(t *testing.T) {
	for name, first := range map[string]func(*testing.T, *Log){
		"when the world is opened": func(t *testing.T, l *Log) {
			for range 2 {
				if err := Ensure(ctx, l.db); err != nil {
					t.Fatal(err)
				}
			}
		},
		"with the first act": func(*testing.T, *Log) {},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
				do(t, l, 9)
				exec(t, l, `DELETE FROM audit_hash`)
				exec(t, l, `DELETE FROM audit_head`) // as a dump of an older version leaves it
				exec(t, l, `DELETE FROM audit WHERE id IN (1, 4, 5)`)
				first(t, l)
				do(t, l, 2)
				if r := verify(t, l, Verification{}); r.Err() != nil || r.Size != 8 {
					t.Fatalf("%+v", r)
				}
				es, _, err := l.List(ctx, Filter{}, 0, 100)
				if err != nil || len(es) != 8 || !strings.HasPrefix(es[7].Detail, `{"n":1,`) || !strings.HasPrefix(es[2].Detail, `{"n":8,`) || es[1].ID != 7 {
					t.Errorf("%v %+v", err, es)
				}
			})
		})
	}
}
