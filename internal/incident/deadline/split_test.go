package deadline

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/incident"
	"tocsin/internal/platform/fault"
)

func (w *land) split(r incident.Report) incident.Case {
	w.t.Helper()
	c, err := w.cases.Split(context.Background(), officer, r.ID, incident.Opening{}, "two after all")
	w.ok(err)
	return c
}

func (w *land) merge(r incident.Report, into incident.Case) {
	w.t.Helper()
	_, err := w.cases.Merge(context.Background(), officer, r.ID, 0, into.ID)
	w.ok(err)
}

func (w *land) join(from, into incident.Case) {
	w.t.Helper()
	_, err := w.cases.Join(context.Background(), officer, from.ID, 0, into.ID, "one campaign")
	w.ok(err)
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// proved wants the audit log alone to tell how the clocks of a case stand.
func (w *land) proved(caseID int64) {
	w.t.Helper()
	ps, err := Proof(context.Background(), w.log, caseID, 0)
	w.ok(err)
	var got []string
	for _, p := range ps {
		if len(p.Problems) > 0 {
			w.t.Errorf("%s: %q", p.Clock, p.Problems)
		}
		got = append(got, p.Regime+" "+p.Step+" "+string(p.State))
	}
	var want []string
	for s := range strings.SplitSeq(w.stand(0, caseID), "; ") {
		s, _, _ = strings.Cut(s, " (")
		want = append(want, s)
	}
	if !slices.Equal(got, slices.DeleteFunc(want, func(s string) bool { return s == "" })) {
		w.t.Errorf("the log of case %d says\n  %q\nthe clocks stand\n  %q", caseID, got, want)
	}
}

func TestClocksOfAReportGoAlongWhenItIsSplitOffAndNoneEnds(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		shop, plant := w.file("shop", "", "yes"), w.file("plant", "", "")
		c := w.accept(shop, "serious", "sector")
		w.merge(plant, c)
		w.stands(plant.ID, 0, "incident-act early-warning running", "incident-act notification running", "privacy-act notification running")
		before := w.clockOf(plant.ID, 0, "early-warning")

		w.clock.Move(2 * time.Hour)
		two := w.split(plant)
		want := []string{"incident-act early-warning running", "incident-act notification running", "privacy-act notification running"}
		w.stands(0, two.ID, want...)
		w.stands(0, c.ID, "privacy-act notification running")
		if after := w.clockOf(0, two.ID, "early-warning"); after.ID != before.ID || after.Due != before.Due || !slices.Equal(after.Alarms, before.Alarms) {
			t.Errorf("its term is another one: %+v", after)
		}
		w.proved(c.ID)
		w.proved(two.ID)

		// What was said of the old case holds for the new one, until somebody says something else of it.
		low := w.file("plant", "", "")
		w.merge(low, c)
		w.ok(w.Rule(ctx, officer, 0, c.ID, false, "a drill"))
		w.stands(low.ID, 0, "incident-act early-warning ended (not-significant)", "incident-act notification ended (not-significant)", "privacy-act notification running")
		three := w.split(low)
		w.stands(0, three.ID, "incident-act early-warning ended (not-significant)", "incident-act notification ended (not-significant)", "privacy-act notification running")
		sheet, err := w.OfCase(ctx, three.ID)
		w.ok(err)
		if sheet.Ruling == nil || sheet.Ruling.Significant || sheet.Ruling.Reason != "a drill" {
			t.Errorf("the ruling is %+v", sheet.Ruling)
		}
		w.ok(w.Rule(ctx, officer, 0, three.ID, true, "no drill"))
		w.stands(0, three.ID, "incident-act early-warning running", "incident-act notification running", "privacy-act notification running")
		w.proved(three.ID)
	})
}

func TestClockThatRestedForTheOneThatLeftRunsAgain(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		first := w.file("plant", "", "")
		c := w.accept(first, "serious", "sector")
		w.clock.Move(time.Hour)
		second := w.file("plant", "", "")
		w.merge(second, c)
		w.stands(0, c.ID, "incident-act early-warning running", "incident-act notification running") // the later report is not owed twice
		two := w.split(first)
		w.stands(0, two.ID, "incident-act early-warning running", "incident-act notification running")
		w.stands(0, c.ID, "incident-act early-warning running", "incident-act notification running")
		if got := w.clockOf(0, c.ID, "early-warning"); got.Report != second.ID || got.Due-w.clockOf(0, two.ID, "early-warning").Due != time.Hour.Microseconds() {
			t.Errorf("the old case has the clock %+v", got)
		}
		w.proved(c.ID)
		w.proved(two.ID)
	})
}

func TestClocksOfAJoinedCaseComeBackWithTheReportThatIsSplitOff(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		mine, theirs := w.file("plant", "early-warning", ""), w.file("plant", "", "yes")
		one := w.accept(mine, "serious", "sector")
		w.clock.Move(time.Hour)
		two := w.accept(theirs, "serious", "sector")
		running := []string{"privacy-act notification running", "incident-act early-warning running", "incident-act notification running"}
		w.stands(0, two.ID, running...)
		w.join(two, one)
		w.stands(0, two.ID)
		w.stands(theirs.ID, 0, "privacy-act notification running", "incident-act early-warning submitted", "incident-act notification ended (same:"+id(w.clockOf(mine.ID, 0, "notification").ID)+")")
		w.proved(one.ID)

		three := w.split(theirs)
		// What was submitted for both stays so; what rested for the other one's clock runs again.
		w.stands(0, three.ID, "privacy-act notification running", "incident-act early-warning submitted", "incident-act notification running", "incident-act answer running")
		// The old case is one of personal data until somebody says that it is not.
		w.stands(0, one.ID, "incident-act early-warning submitted", "incident-act notification running", "incident-act answer running", "privacy-act notification running")
		no := false
		_, err := w.cases.Edit(ctx, officer, one.ID, 0, incident.Change{Personal: &no})
		w.ok(err)
		w.stands(0, one.ID, "incident-act early-warning submitted", "incident-act notification running", "incident-act answer running", "privacy-act notification ended (no-personal-data)")
		w.proved(one.ID)
		w.proved(three.ID)
		if _, err := w.cases.Move(ctx, officer, three.ID, 0, incident.Resolved, ""); err != nil {
			t.Fatal(err)
		}
		_, err = w.cases.Move(ctx, officer, three.ID, 0, incident.Closed, "")
		w.refused(err, fault.Conflict, "open deadlines (3)")
	})
}

func TestNoClockEndsBecauseTwoCasesBecameOne(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		for name, weigh := range map[string]func(c incident.Case){
			"ruled": func(c incident.Case) { w.ok(w.Rule(ctx, officer, 0, c.ID, true, "the minister asks")) },
			"rated": func(c incident.Case) {
				_, err := w.cases.Edit(ctx, officer, c.ID, 0, incident.Change{Severity: ptr(5), Reason: "it is"})
				w.ok(err)
			},
		} {
			one := w.accept(w.file("plant", "", ""), "", "")
			into := w.accept(w.file("shop", "", ""), "", "")
			if name == "ruled" {
				w.ok(w.Rule(ctx, officer, 0, into.ID, false, "a small one"))
			}
			weigh(one)
			w.stands(0, one.ID, "incident-act early-warning running", "incident-act notification running")
			w.join(one, into)
			w.stands(0, into.ID, "incident-act early-warning running", "incident-act notification running")
			w.proved(into.ID)
		}
	})
}

func TestClocksAreBegunInNoCaseThatIsOverOrPartOfAnother(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		open := func() incident.Case {
			c, err := w.cases.Open(ctx, officer, incident.Opening{Title: "x"}, incident.Party{Constituent: w.ids["plant"], Part: incident.AsVictim})
			w.ok(err)
			return c
		}
		one, two, over := open(), open(), open()
		w.join(one, two)
		aware := w.clock.Now().UnixMicro()
		w.refused(w.Begin(ctx, officer, one.ID, w.ids["plant"], aware, "we told them"), fault.Conflict, "part of another one now")
		for _, s := range []incident.CaseState{incident.Resolved, incident.Closed} {
			_, err := w.cases.Move(ctx, officer, over.ID, 0, s, "")
			w.ok(err)
		}
		w.refused(w.Begin(ctx, officer, over.ID, w.ids["plant"], aware, "we told them"), fault.Conflict, "open it again first")
		w.ok(w.Begin(ctx, officer, two.ID, w.ids["plant"], aware, "we told them"))
	})
}
