package statistic

import (
	"context"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/situation"
)

func eachTown(t *testing.T, fn func(t *testing.T, w *incidenttest.Town, d *Desk)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, db *db.DB) {
		w := incidenttest.Open(t, db)
		profile, err := nation.Shipped("serbia")
		w.OK(err)
		_, err = w.Nation.Set(context.Background(), act.Machine, "serbia.toml", profile)
		w.OK(err)
		fn(t, w, &Desk{DB: db, Clock: w.Clock, Nation: w.Nation})
	})
}

func accepted(w *incidenttest.Town, ref string, severity int) incident.Case {
	w.Helper()
	r := w.Filed(ref, "Files are encrypted")
	c, err := w.Accept(context.Background(), incidenttest.Officer, r.ID, 0, incident.Opening{})
	w.OK(err)
	c, err = w.Edit(context.Background(), incidenttest.Officer, c.ID, 0, incident.Change{Severity: &severity, Reason: "as seen"})
	w.OK(err)
	return c
}

func TestATrendCountsByTheNationsCalendarAndComparesWhatIsOver(t *testing.T) {
	eachTown(t, func(t *testing.T, w *incidenttest.Town, d *Desk) {
		ctx := context.Background()
		accepted(w, "hospital", 5) // Monday, 2 March
		w.Clock.Set(time.Date(2026, 3, 8, 22, 59, 0, 0, time.UTC))
		w.Filed("bank", "Sunday, a minute before midnight in Belgrade")
		w.Clock.Set(time.Date(2026, 3, 8, 23, 1, 0, 0, time.UTC))
		w.Filed("bank", "Monday there")
		w.Clock.Set(time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC))
		accepted(w, "bank", 3) // of the week that runs
		for of, keys := range map[string][]string{Class: {"malicious-code"}, Severity: {"5", "3", "0"}, Sector: {"finance", "health"}} {
			got, err := d.Trend(ctx, Ask{By: Week, Of: of, Periods: 1})
			w.OK(err)
			if len(got.Spans) != 2 || got.Spans[0].Reports != 1 || got.Spans[1].Reports != 1 || !got.Spans[1].Runs || got.Reports != (situation.Compared{Now: 1, Before: 2}) ||
				got.Cases != (situation.Compared{Now: 0, Before: 1}) {
				t.Errorf("by %s: %+v", of, got)
			}
			var have []string
			for _, l := range got.Lines {
				have = append(have, l.Key)
			}
			if len(have) != len(keys) {
				t.Errorf("by %s: %v, want %v", of, have, keys)
				continue
			}
			for i := range keys {
				if have[i] != keys[i] {
					t.Errorf("by %s: %v, want %v", of, have, keys)
				}
			}
		}
		month, err := d.Trend(ctx, Ask{By: Month, Of: Sector, Periods: 3})
		w.OK(err)
		all, err := w.ReportCounts(ctx)
		w.OK(err)
		var sum int64
		for _, n := range all {
			sum += n
		}
		if last := month.Spans[3]; last.Reports != sum || last.Cases != 2 || month.Reports != (situation.Compared{}) {
			t.Errorf("this month: %+v, the lists have %d reports", last, sum)
		}
		_, err = d.Trend(ctx, Ask{By: "day", Of: "mood", Periods: 61})
		if ps := (fault.Problems{}); fault.KindOf(err) != fault.Invalid || len(err.(fault.Problems)) != 3 {
			t.Errorf("%v %v", ps, err)
		}
	})
}

// TestPeriodsMeetWithoutAGap walks over two years: each period ends where the next one begins, at midnight of a Monday or of a first.
func TestPeriodsMeetWithoutAGap(t *testing.T) {
	text, err := nation.Shipped("serbia")
	if err != nil {
		t.Fatal(err)
	}
	p, err := nation.Parse("serbia.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	for now := time.Date(2025, 1, 1, 5, 0, 0, 0, time.UTC); now.Year() < 2027; now = now.Add(37 * time.Hour) {
		for _, by := range []string{Week, Month} {
			from, until := begins(p, by, now, 0), begins(p, by, now, -1)
			local := from.In(p.Location())
			if now.Before(from) || !now.Before(until) || local.Hour() != 0 || by == Week && local.Weekday() != time.Monday || by == Month && local.Day() != 1 {
				t.Fatalf("%s of %v: %v to %v", by, now, from, until)
			}
			if again := begins(p, by, until, 1); !again.Equal(from) {
				t.Fatalf("%s of %v: %v, and from the next one %v", by, now, from, again)
			}
		}
	}
}

func TestAYearIsThatOfTheNationsCalendarAndEqualsTheLists(t *testing.T) {
	eachTown(t, func(t *testing.T, w *incidenttest.Town, d *Desk) {
		ctx := context.Background()
		c := accepted(w, "hospital", 5)
		for _, to := range []incident.CaseState{incident.Resolved, incident.Closed} {
			_, err := w.Move(ctx, incidenttest.Officer, c.ID, 0, to, "")
			w.OK(err)
		}
		w.Filed("bank", "Waits")
		w.Clock.Set(time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)) // 2027 in Belgrade
		accepted(w, "bank", 3)
		y, err := d.Year(ctx, 2026)
		w.OK(err)
		if y.Reports != 2 || y.Cases != 1 || y.Closed != 1 || len(y.Classes) != 1 || y.Classes[0].Counts != (situation.Severities{5: 1}) || len(y.Sectors) != 1 || y.Sectors[0] != (Count{"health", 1}) {
			t.Errorf("2026: %+v", y)
		}
		if y, err = d.Year(ctx, 2027); err != nil || y.Cases != 1 || y.Sectors[0].Key != "finance" {
			t.Errorf("2027: %+v, %v", y, err)
		}
		if _, err = d.Year(ctx, 2028); fault.KindOf(err) != fault.NotFound {
			t.Errorf("2028: %v", err)
		}
	})
}

func TestDeadlinesOfAYearAreCountedByWhatBecameOfThem(t *testing.T) {
	eachTown(t, func(t *testing.T, w *incidenttest.Town, d *Desk) {
		ctx := context.Background()
		at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		w.OK(d.DB.Act(ctx, act.Act{Actor: act.Machine, Verb: "test.clocks"}, func(tx *db.Tx) error {
			for i, c := range []struct {
				state     string
				submitted int64
			}{{"submitted", at}, {"submitted", at + 1}, {"late", 0}, {"waived", 0}, {"running", 0}} {
				if _, err := tx.Exec(`INSERT INTO clock (duty, report, case_id, constituent, law, regime, edition, step, owed, cause, triggered, started, due, alarms, stage, next, state, live, late,
					submitted, submitted_by, proof, decided, decided_by, reason) VALUES ($1, 0, 0, 1, 1, 'zib', '', 'notification', 'entity', 'aware', 0, 0, $2, '[]', 0, 0, $3, 0, 0, $4, '', '', 0, '', '')`,
					i+1, at, c.state, c.submitted); err != nil {
					return err
				}
			}
			return nil
		}))
		w.Clock.Set(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
		y, err := d.Year(ctx, 2026)
		w.OK(err)
		if want := (ClockRow{"zib", "notification", 1, 1, 1, 1}); len(y.Clocks) != 1 || y.Clocks[0] != want {
			t.Errorf("got %+v, want %+v", y.Clocks, want)
		}
	})
}
