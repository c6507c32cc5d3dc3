package deadline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// TestMain is also the process that the crash test kills: it lets happen what is due.
func TestMain(m *testing.M) {
	if os.Getenv("TOCSIN_CRASH_URL") != "" {
		if err := crashChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func crashChild() error {
	ctx := context.Background()
	at, err := strconv.ParseInt(os.Getenv("TOCSIN_CRASH_NOW"), 10, 64)
	if err != nil {
		return err
	}
	now := clock.NewManual(time.UnixMicro(at))
	d, err := db.Open(ctx, os.Getenv("TOCSIN_CRASH_URL"), os.Getenv("TOCSIN_CRASH_WORLD"), audit.Recorder(now))
	if err != nil {
		return err
	}
	defer d.Close()
	desk, _, err := openDesk(d, now, os.Getenv("TOCSIN_CRASH_DIR"))
	if err != nil {
		return err
	}
	_, err = desk.Fire(ctx)
	return err
}

func TestKilledAnywhereEveryAlarmHappensOnceWithItsLetters(t *testing.T) {
	const reports = 30
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		c := clock.NewManual(monday)
		w := newLand(t, dbtest.Open(t, url, world, audit.Recorder(c)), c, "ruritania")
		r := rand.New(rand.NewPCG(5, 23))
		want, killed, rounds := dbtest.Kills(t, 6), 0, 0
		after := 300 * time.Millisecond // within which it is killed
		for ; killed < want && rounds < 200; rounds++ {
			for range reports { // each a clock with reminders, which pass one after the other, and one that is late soon
				w.accept(w.file("plant", "", "yes"), "grave", "sector")
			}
			w.clock.Move(20 * time.Hour)
			for done := false; !done; {
				at := time.Duration(0)
				if killed < want {
					at = time.Duration(r.Int64N(int64(after)))
				}
				begun := time.Now()
				if done = !w.child(t, url, world, at); done {
					after = max(time.Since(begun), 50*time.Millisecond)
				} else {
					killed++
					after += after / 8 // it gets on, however slow the machine is
				}
			}
		}
		for range 5 { // and what is left of all of them, to the end
			w.clock.Move(24 * time.Hour)
			w.child(t, url, world, 0)
		}
		if killed < want {
			t.Errorf("killed %d times only", killed)
		}
		alarms, letters := w.allOnce()
		t.Logf("%d alarms with %d letters in %d rounds, killed %d times", alarms, letters, rounds, killed)
	})
}

// allOnce checks that of every clock each alarm that was due happened once, in its order: in the records, in the audit log and as letters.
func (w *land) allOnce() (alarms, letters int) {
	w.t.Helper()
	now := w.clock.Now().UnixMicro()
	fired, said, queued := map[string]Fired{}, map[string]int{}, map[string]int{}
	var clocks []Clock
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) error {
		all, err := alarmsWhere(tx, `1 = 1 ORDER BY id LIMIT 100000`)
		if err != nil {
			return err
		}
		for _, f := range all {
			key := fmt.Sprintf("clock:%d %s %d", f.Clock, f.Kind, f.N)
			if _, ok := fired[key]; ok {
				w.t.Errorf("%s happened twice", key)
			}
			fired[key] = f
		}
		err = tx.Each(`SELECT object, verb FROM audit WHERE verb IN ('clock.remind', 'clock.late', 'clock.escalate')`, nil, func(scan func(...any) error) error {
			var object, verb string
			err := scan(&object, &verb)
			said[object+" "+strings.TrimPrefix(verb, "clock.")]++
			return err
		})
		if err != nil {
			return err
		}
		err = tx.Each(`SELECT payload FROM outbox_letter`, nil, func(scan func(...any) error) error {
			var payload string
			err := scan(&payload)
			queued["clock:"+payload]++
			return err
		})
		if err != nil {
			return err
		}
		return tx.Each(clocksWhere+`1 = 1 ORDER BY c.id LIMIT 100000`, nil, scanClocks(&clocks))
	}))
	for _, c := range clocks {
		kinds := map[string]int{}
		for n, a := range c.Alarms {
			key := fmt.Sprintf("clock:%d %s %d", c.ID, a.Kind, n)
			f, ok := fired[key]
			if ok != (a.At <= now) {
				w.t.Errorf("%s was planned at %d and happened: %t", key, a.At, ok)
			}
			if !ok {
				continue
			}
			alarms++
			kinds[a.Kind]++
			if got := queued[fmt.Sprintf("clock:%d:%d", c.ID, n)]; got != f.Letters || f.Planned != a.At {
				w.t.Errorf("%s: %d letters are queued of %d", key, got, f.Letters)
			}
			letters += f.Letters
		}
		for kind, n := range kinds {
			if got := said[fmt.Sprintf("clock:%d %s", c.ID, kind)]; got != n {
				w.t.Errorf("clock %d: %s is %d times in the audit log, %d times in the records", c.ID, kind, got, n)
			}
		}
		if want := (c.State == Late); want != (c.Due <= now) {
			w.t.Errorf("clock %d, due at %d, is %s", c.ID, c.Due, c.State)
		}
	}
	if alarms != len(fired) || alarms == 0 {
		w.t.Errorf("%d alarms of clocks, %d in the records", alarms, len(fired))
	}
	return alarms, letters
}

// child runs a process that is killed after a time, 0 for never, and tells whether it was.
func (w *land) child(t *testing.T, url, world string, after time.Duration) bool {
	t.Helper()
	return dbtest.Killed(t, after, "TOCSIN_CRASH_URL="+url, "TOCSIN_CRASH_WORLD="+world, "TOCSIN_CRASH_DIR="+t.TempDir(), fmt.Sprintf("TOCSIN_CRASH_NOW=%d", w.clock.Now().UnixMicro()))
}
