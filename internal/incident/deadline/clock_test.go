package deadline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

func TestClocksFollowTheCircumstancesAndAreNeverRemoved(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		shop := w.file("shop", "", "yes")
		w.stands(shop.ID, 0, "privacy-act notification running")
		r := w.file("plant", "", "yes")
		w.stands(r.ID, 0, "privacy-act notification running")

		c := w.accept(r, "serious", "sector")
		w.stands(0, c.ID, "privacy-act notification running", "incident-act early-warning running", "incident-act notification running")
		low, none := "none", false
		c, err := w.cases.Edit(ctx, officer, c.ID, 0, incident.Change{Impact: &low, Reach: new(string), Personal: &none, Severity: ptr(1), Reason: "it was a drill"})
		w.ok(err)
		w.stands(0, c.ID, "privacy-act notification ended (no-personal-data)", "incident-act early-warning ended (not-significant)", "incident-act notification ended (not-significant)")
		w.ok(w.Rule(ctx, officer, 0, c.ID, true, "the minister asks"))
		w.stands(0, c.ID, "privacy-act notification ended (no-personal-data)", "incident-act early-warning running", "incident-act notification running")

		w.add(r, "early-warning")
		w.stands(0, c.ID, "privacy-act notification ended (no-personal-data)", "incident-act early-warning submitted", "incident-act notification running", "incident-act answer running")
		if got := w.clockOf(0, c.ID, "answer"); !got.ours() || got.Due-got.Triggered != (24*time.Hour).Microseconds() {
			t.Errorf("our answer: %+v", got)
		}
		a := w.add(r, "notification")
		final := w.clockOf(0, c.ID, "final-report")
		if final.Triggered != a.At || time.UnixMicro(final.Due).UTC() != time.UnixMicro(a.At).UTC().AddDate(0, 1, 0).Add(-time.Hour) { // summer time begins
			t.Errorf("the final report is due at %s", stamp(final.Due))
		}
		_, err = w.cases.Reject(ctx, officer, shop.ID, 0, "an advertisement")
		w.ok(err)
		w.stands(shop.ID, 0, "privacy-act notification ended (rejected)")
		_, err = w.cases.Untriage(ctx, officer, shop.ID, 0)
		w.ok(err)
		w.stands(shop.ID, 0, "privacy-act notification running")
	})
}

func ptr[T any](v T) *T { return &v }

func TestWhoTakesAStepDeclaresThatTheLawAsks(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		r := w.file("plant", "early-warning", "yes")
		w.stands(r.ID, 0, "incident-act early-warning submitted", "incident-act notification running", "privacy-act notification running", "incident-act answer running")
		shop := w.file("shop", "notification", "yes")
		w.stands(shop.ID, 0, "privacy-act notification running") // which goes elsewhere
	})
}

func TestOneEntityOwesOneReportOfACase(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		first := w.file("plant", "early-warning", "")
		c := w.accept(first, "grave", "one")
		w.clock.Move(10 * time.Hour)
		second := w.file("plant", "notification", "")
		w.stands(second.ID, 0, "incident-act early-warning running", "incident-act notification submitted", "incident-act final-report running")
		_, err := w.cases.Merge(ctx, officer, second.ID, 0, c.ID)
		w.ok(err)
		w.stands(first.ID, 0, "incident-act early-warning submitted", "incident-act notification submitted", "incident-act answer running")
		w.stands(second.ID, 0, "incident-act early-warning submitted", "incident-act notification submitted", "incident-act final-report running")

		third := w.file("plant", "", "")
		into := w.accept(third, "grave", "nation")
		w.stands(0, into.ID, "incident-act early-warning running", "incident-act notification running")
		_, err = w.cases.Join(ctx, officer, into.ID, 0, c.ID, "the same")
		w.ok(err)
		w.stands(third.ID, 0, "incident-act early-warning submitted", "incident-act notification submitted")
		w.stands(0, into.ID)
	})
}

func TestARepeatedReportTakesTheStepOfTheFirst(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		first := w.file("plant", "early-warning", "")
		second := w.file("plant", "notification", "")
		_, err := w.cases.Repeat(context.Background(), officer, second.ID, 0, first.ID)
		w.ok(err)
		w.stands(first.ID, 0, "incident-act early-warning submitted", "incident-act notification submitted", "incident-act answer running", "incident-act final-report running")
		w.stands(second.ID, 0, "incident-act early-warning ended (duplicate)", "incident-act notification submitted", "incident-act final-report ended (duplicate)")
	})
}

func TestAChangedProfileChangesNoClock(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		r := w.file("plant", "early-warning", "")
		before := w.clockOf(r.ID, 0, "notification")
		text, err := w.Nation.Text(context.Background())
		w.ok(err)
		w.govern(w.Nation, strings.Replace(strings.Replace(text, `months = 1`, `months = 3`, 1), `remind = ["24h", "4h"]`, `remind = ["2h"]`, 1))
		a := w.add(r, "notification")
		if after := w.clockOf(r.ID, 0, "notification"); after.Due != before.Due || !slices.Equal(after.Alarms, before.Alarms) {
			t.Errorf("the term was changed: %+v", after)
		}
		if f := w.clockOf(r.ID, 0, "final-report"); f.Due > time.UnixMicro(a.At).AddDate(0, 1, 1).UnixMicro() {
			t.Errorf("the final report follows the law of later: %s", stamp(f.Due))
		}
		if f := w.clockOf(w.file("plant", "notification", "").ID, 0, "final-report"); f.Due < time.UnixMicro(a.At).AddDate(0, 2, 0).UnixMicro() {
			t.Errorf("a new report follows the law of before: %s", stamp(f.Due))
		}
	})
}

func TestAlarmsAreWrittenOnceToWhomTheyAreFor(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		r := w.file("plant", "", "") // aware at 5:00, so the early warning is due at 5:00 tomorrow
		c := w.accept(r, "grave", "one")
		early := w.clockOf(0, c.ID, "early-warning")
		if n := w.fire(16*time.Hour + 59*time.Minute + 59*time.Second); n != 0 {
			t.Fatalf("%d alarms came too early", n)
		}
		if n := w.fire(time.Second); n != 1 || w.fire(0) != 0 {
			t.Fatalf("%d reminders at 23:00, want 1, once", n)
		}
		if n := w.fire(6 * time.Hour); n != 2 { // a second reminder that nobody need read, and lateness
			t.Fatalf("%d alarms at the end of the term", n)
		}
		if got := w.clockOf(0, c.ID, "early-warning"); got.State != Late || got.LateAt != early.Due {
			t.Errorf("it stands %s since %s", got.State, stamp(got.LateAt))
		}
		w.fire(6 * time.Hour)
		var got []string
		for _, l := range w.letters() {
			got = append(got, l.Kind+" "+l.To)
		}
		want := []string{"deadline-reminder soc@plant.example", "deadline-late soc@plant.example", "deadline-late boss@plant.example", "deadline-late duty@cert.example", "deadline-late head@cert.example"}
		if !slices.Equal(got, want) {
			t.Errorf("letters\n%q, want\n%q", got, want)
		}
		seen, err := w.Unseen(ctx)
		w.ok(err)
		if len(seen) != 3 || seen[0].Kind != Escalate || seen[2].Kind != Remind {
			t.Errorf("the console shows %+v", seen)
		}
		n, err := w.See(ctx, officer, seen[0].ID, seen[1].ID)
		w.ok(err)
		if left, err := w.Unseen(ctx); err != nil || n != 2 || len(left) != 1 {
			t.Errorf("%d were seen, %d are left: %v", n, len(left), err)
		}
		_, err = w.Waive(ctx, officer, early.ID, "the plant stands still")
		w.ok(err)
		if left, err := w.Unseen(ctx); err != nil || len(left) != 0 {
			t.Errorf("of what is settled %d alarms are left: %v", len(left), err)
		}
	})
}

func TestALetterSaysHowThingsStandWhenItLeaves(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		r := w.file("plant", "", "")
		c := w.accept(r, "grave", "one")
		w.fire(17 * time.Hour)
		l := w.letters()[0]
		says := func(of notify.Letter, wants ...string) {
			t.Helper()
			m, err := w.Compose(ctx, of)
			w.ok(err)
			for _, want := range wants {
				if !strings.Contains(m.Subject+"\n"+m.Text, want) {
					t.Errorf("the letter lacks %q:\n%s\n%s", want, m.Subject, m.Text)
				}
			}
			if strings.Contains(m.Text, "encrypted") || m.Marking.Owners[0] != w.ids["plant"] {
				t.Errorf("the letter says too much: %+v", m)
			}
		}
		says(l, "Early warning due in 6 hours: "+r.Number, "Power plant", "3 March 2026 06:00 CET", "https://cert.example/portal/clocks")
		w.clock.Move(7 * time.Hour)
		says(l, "Early warning overdue by 60 minutes", "was due 60 minutes ago")
		l.Language = "sr-Latn"
		says(l, "rok je istekao pre 60 minuta")
		l.Recipient = w.dutyOfficer()
		says(l, c.Number, "/cases/1/clocks")
		w.add(r, "early-warning")
		if _, err := w.Compose(ctx, l); err != notify.ErrNothing {
			t.Errorf("what was submitted is still asked for: %v", err)
		}
	})
}

func TestWaiversAndProofsAreDecisionsOfTheStaff(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		r := w.file("plant", "early-warning", "yes")
		privacy := w.clockOf(r.ID, 0, "notification")
		outsider := act.Actor{Kind: act.Person, ID: "7", Rights: &act.Rights{Constituents: []int64{w.ids["plant"]}}}
		_, err := w.Waive(ctx, outsider, privacy.ID, "we do not like it")
		w.refused(err, fault.Forbidden, "staff")
		_, err = w.Waive(ctx, officer, privacy.ID, " ")
		w.refused(err, fault.Invalid, "needed")
		_, err = w.Waive(ctx, officer, privacy.ID, "the authority extended it")
		w.ok(err)
		_, err = w.Waive(ctx, officer, privacy.ID, "again")
		w.refused(err, fault.Conflict, "waived")
		if n := w.fire(23 * time.Hour); n != 2 { // the reminders of our answer
			t.Errorf("%d alarms", n)
		}
		answer := w.clockOf(r.ID, 0, "answer")
		w.fire(4 * time.Hour)
		_, err = w.Submit(ctx, officer, answer.ID, w.clock.Now().Add(time.Hour).UnixMicro(), "letter 12")
		w.refused(err, fault.Invalid, "future")
		got, err := w.Submit(ctx, officer, answer.ID, monday.Add(20*time.Hour).UnixMicro(), "letter 12")
		w.ok(err)
		if !got.InTime() || got.LateAt == 0 || got.State != Submitted {
			t.Errorf("what was proved afterwards: %+v", got)
		}
		got, err = w.Reopen(ctx, officer, answer.ID, "the letter came back")
		w.ok(err)
		if got.State != Late || got.Submitted != 0 {
			t.Errorf("taken back: %+v", got)
		}
		early := w.clockOf(r.ID, 0, "early-warning")
		_, err = w.Reopen(ctx, officer, early.ID, "not good enough")
		w.refused(err, fault.Conflict, "by hand")
	})
}

func TestACaseIsNotClosedOverAnOpenDeadline(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		r := w.file("plant", "early-warning", "")
		c := w.accept(r, "grave", "nation")
		c, err := w.cases.Move(ctx, officer, c.ID, c.Version, incident.Resolved, "")
		w.ok(err)
		_, err = w.cases.Move(ctx, officer, c.ID, c.Version, incident.Closed, "")
		w.refused(err, fault.Conflict, "the case "+c.Number+" has open deadlines (2), the first is notification")
		_, err = w.Waive(ctx, officer, w.clockOf(r.ID, 0, "answer").ID, "called")
		w.ok(err)
		_, err = w.Waive(ctx, officer, w.clockOf(r.ID, 0, "notification").ID, "they exist no more")
		w.ok(err)
		c, err = w.cases.Move(ctx, officer, c.ID, c.Version, incident.Closed, "")
		w.ok(err)
		_, err = w.Reopen(ctx, officer, w.clockOf(r.ID, 0, "notification").ID, "they are back")
		w.ok(err)
		title := "Named otherwise" // a closed case can be changed, whatever runs again
		_, err = w.cases.Edit(ctx, officer, c.ID, c.Version, incident.Change{Title: &title})
		w.ok(err)
	})
}

func TestACaseWithoutAReportHasTheClocksThatTheStaffBegins(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		c, err := w.cases.Open(ctx, officer, incident.Opening{Title: "Beacon", Impact: "grave", Reach: "nation"}, incident.Party{Constituent: w.ids["plant"], Part: incident.AsVictim})
		w.ok(err)
		w.stands(0, c.ID)
		w.refused(w.Begin(ctx, officer, c.ID, w.ids["shop"], monday.UnixMicro(), "called"), fault.Invalid, "involve it")
		w.refused(w.Begin(ctx, officer, c.ID, w.ids["plant"], monday.Add(time.Hour).UnixMicro(), "called"), fault.Invalid, "twenty years")
		w.ok(w.Begin(ctx, officer, c.ID, w.ids["plant"], monday.UnixMicro(), "we called them"))
		w.stands(0, c.ID, "incident-act early-warning running", "incident-act notification running")
		r := w.file("plant", "early-warning", "") // aware an hour before
		_, err = w.cases.Merge(ctx, officer, r.ID, 0, c.ID)
		w.ok(err)
		w.stands(r.ID, 0, "incident-act early-warning submitted", "incident-act notification running", "incident-act answer running")
		w.stands(0, c.ID, "incident-act early-warning submitted", "incident-act notification ended (same:4)",
			"incident-act early-warning submitted", "incident-act notification running", "incident-act answer running")
	})
}

func TestSeveralNodesCatchUpAndFireNothingTwice(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		r := w.file("plant", "early-warning", "yes")
		w.clock.Move(40 * 24 * time.Hour)
		ends := make(chan error, 4)
		for range 4 {
			go func() { _, err := w.Fire(ctx); ends <- err }()
		}
		for range 4 {
			w.ok(<-ends)
		}
		w.ok(w.DB.View(ctx, func(tx *db.Tx) error {
			cs, err := clocksOf(tx, "report", r.ID)
			for _, c := range cs {
				fired, err := alarmsWhere(tx, `clock = $1 ORDER BY n`, c.ID)
				w.ok(err)
				if c.State.Live() && (len(fired) != len(c.Alarms) || c.next != 0) {
					t.Errorf("clock %d: %d of %d alarms", c.ID, len(fired), len(c.Alarms))
				}
			}
			return err
		}))
		seen := map[string]bool{}
		for _, l := range w.letters() {
			if seen[l.Key] || l.Kind != KindLate {
				t.Errorf("a letter twice, or a reminder of what is over: %+v", l)
			}
			seen[l.Key] = true
		}
	})
}

func TestClockThatCannotBeFiredHoldsUpNoOther(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		bad := w.clockOf(w.file("plant", "early-warning", "").ID, 0, "notification")
		w.ok(w.DB.Upkeep(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE clock SET alarms = '[]' WHERE id = $1`, bad.ID)
			return err
		}))
		q := job.New(w.DB, w.clock, clock.Real(), w.Incidents.Log)
		w.Register(q)
		w.clock.Move(40 * 24 * time.Hour)
		w.ok(w.DB.Upkeep(ctx, func(tx *db.Tx) error { return job.Enqueue(tx, "deadline.fire", "periodic", "", w.clock.Now()) }))
		for range 12 { // a job that failed so often would wait for an hour
			w.ok(q.Drain(ctx))
			w.clock.Move(time.Hour)
		}
		good := w.clockOf(w.file("plant", "early-warning", "").ID, 0, "notification")
		for _, before := range []time.Duration{time.Minute, 0} {
			w.clock.Set(time.UnixMicro(good.Alarms[0].At).Add(-before))
			w.ok(q.Drain(ctx))
		}
		happened := func(id int64) (n int) {
			w.ok(w.DB.View(ctx, func(tx *db.Tx) error {
				fired, err := alarmsWhere(tx, `clock = $1 ORDER BY n`, id)
				n = len(fired)
				return err
			}))
			return n
		}
		if happened(good.ID) != 1 || happened(bad.ID) != 0 {
			t.Errorf("%d alarms of the good clock, %d of the bad one", happened(good.ID), happened(bad.ID))
		}
		w.clock.Set(time.UnixMicro(good.Alarms[1].At))
		n, err := w.Fire(ctx)
		if n == 0 || happened(good.ID) != 2 || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("alarm of clock %d: it has 0 alarms", bad.ID)) {
			t.Errorf("%d happened, and the error is %v", n, err)
		}
	})
}

func TestAnAlarmThatCannotHappenKeepsNoOtherFromIt(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		one, two := w.file("plant", "early-warning", "yes"), w.file("plant", "early-warning", "yes")
		var broken Clock
		w.ok(w.DB.Act(ctx, act.Act{Actor: officer, Verb: "test.break"}, func(tx *db.Tx) error {
			cs, err := clocksOf(tx, "report", one.ID)
			w.ok(err)
			broken = cs[slices.IndexFunc(cs, func(c Clock) bool { return c.next != 0 })]
			return insertAlarm(tx, &Fired{Clock: broken.ID, N: broken.Stage, Kind: Remind}) // its place is taken
		}))
		w.clock.Move(40 * 24 * time.Hour)
		for range 2 {
			_, err := w.Fire(ctx)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("alarm of clock %d", broken.ID)) {
				t.Errorf("the fault is %v", err)
			}
		}
		w.ok(w.DB.View(ctx, func(tx *db.Tx) error {
			for _, r := range []int64{one.ID, two.ID} {
				cs, err := clocksOf(tx, "report", r)
				w.ok(err)
				for _, c := range cs {
					if c.State.Live() && (c.next == 0) == (c.ID == broken.ID) {
						t.Errorf("clock %d stands before alarm %d of %d", c.ID, c.Stage, len(c.Alarms))
					}
				}
			}
			return nil
		}))
	})
}
