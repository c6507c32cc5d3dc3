package deadline

import (
	"context"
	flags "flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/internal/audit"
	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// zones change their clocks at different hours, by an hour or half of one, and one of them skipped a day.
var zones = []string{"Europe/Belgrade", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "Pacific/Apia", "America/Santiago", "Africa/Casablanca", "UTC"}

// drawnRegimes is a law or two, with their steps.
func drawnRegimes(t *rapid.T) string {
	var b strings.Builder
	for i := range rapid.IntRange(1, 2).Draw(t, "regimes") {
		fmt.Fprintf(&b, "\n[[regime]]\nid = \"law%d\"\nname = { en = \"Law\" }\nsource = \"Gazette\"\nvalid_from = 2020-01-01\n", i)
		known := []string{nation.Aware}
		for j := range rapid.IntRange(1, 4).Draw(t, "steps") {
			id := fmt.Sprintf("step%d", j)
			fmt.Fprintf(&b, "[[regime.step]]\nid = %q\nname = { en = \"Step\" }\nto = \"csirt\"\ntrigger = %q\n", id, rapid.SampledFrom(known).Draw(t, "trigger"))
			if rapid.Bool().Draw(t, "months") {
				fmt.Fprintf(&b, "months = %d\n", rapid.IntRange(1, 3).Draw(t, "number"))
			} else {
				hours := rapid.IntRange(2, 100).Draw(t, "hours")
				fmt.Fprintf(&b, "due = \"%dh\"\n", hours)
				if rapid.Bool().Draw(t, "remind") {
					fmt.Fprintf(&b, "remind = [\"%dh\", \"%dm\"]\n", rapid.IntRange(1, hours-1).Draw(t, "first"), rapid.IntRange(1, 60).Draw(t, "second"))
				}
			}
			known = append(known, id)
		}
	}
	return b.String()
}

// model is what must have happened to a clock, reckoned beside the desk.
type model struct {
	planned []Alarm
	fired   []Alarm // with the time at which it happened
	dead    bool
}

// A clock that is moved in steps of any size, across changes of clocks in any zone, fires every alarm of every live clock once, at the first look
// at or after its time; and the audit log alone tells the same.
func TestEveryAlarmAtItsInstantOnceInEveryZone(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		if strings.HasPrefix(url, "postgres") { // the law is the same, and each question takes its way over the network
			fewer(t, 12)
		}
		hand := clock.NewManual(monday)
		everyAlarm(t, newLand(t, dbtest.Open(t, url, world, audit.Recorder(hand)), hand, "ruritania"))
	})
}

// fewer lets a property be tried less often in this test.
func fewer(t *testing.T, n int) {
	t.Helper()
	f := flags.Lookup("rapid.checks")
	before := f.Value.String()
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Value.Set(before) })
}

func everyAlarm(t *testing.T, base *land) {
	shipped, err := nation.Shipped("ruritania")
	base.ok(err)
	head := string(shipped)[:strings.Index(string(shipped), "[[regime]]")]
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		w := *base
		w.t = base.t
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		w.govern(w.Nation, strings.Replace(head, `time_zone = "Europe/Berlin"`, fmt.Sprintf("time_zone = %q", zone), 1)+drawnRegimes(t))
		r := w.file("plant", "", "")
		models := map[int64]*model{}
		look := func() []Clock {
			var cs []Clock
			w.ok(w.DB.View(ctx, func(tx *db.Tx) (err error) { cs, err = clocksOf(tx, "report", r.ID); return err }))
			for _, c := range cs {
				if models[c.ID] == nil {
					models[c.ID] = &model{planned: expected(t, zone, &c)}
				}
			}
			return cs
		}
		look()
		for range rapid.IntRange(3, 12).Draw(t, "moves") {
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0:
				w.add(r, fmt.Sprintf("step%d", rapid.IntRange(0, 3).Draw(t, "step")))
			case 1:
				if cs := look(); len(cs) > 0 {
					if c := rapid.SampledFrom(cs).Draw(t, "waived"); c.State.Live() {
						_, err := w.Waive(ctx, officer, c.ID, "why not")
						w.ok(err)
					}
				}
			}
			for _, c := range look() {
				models[c.ID].dead = !c.State.Live()
			}
			step := rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Hour, 26 * time.Hour, 40 * 24 * time.Hour}).Draw(t, "step of time")
			now := w.clock.Now().Add(step + time.Duration(rapid.IntRange(0, 3599).Draw(t, "seconds"))*time.Second)
			if rapid.Bool().Draw(t, "to the instant") { // the next alarm of any clock
				for _, m := range models {
					if n := len(m.fired); !m.dead && n < len(m.planned) && time.UnixMicro(m.planned[n].At).After(w.clock.Now()) && m.planned[n].At < now.UnixMicro() {
						now = time.UnixMicro(m.planned[n].At)
					}
				}
			}
			w.fire(now.Sub(w.clock.Now()))
			for _, m := range models {
				for n := len(m.fired); !m.dead && n < len(m.planned) && m.planned[n].At <= now.UnixMicro(); n++ {
					m.fired = append(m.fired, Alarm{m.planned[n].Kind, now.UnixMicro()})
				}
			}
		}
		proved := map[string]Proved{}
		all, err := Proof(ctx, w.log, 0, r.ID)
		w.ok(err)
		for _, p := range all {
			proved[p.Clock] = p
		}
		for _, c := range look() {
			judge(t, &w, &c, models[c.ID], proved[fmt.Sprintf("clock:%d", c.ID)])
		}
		_, err = w.cases.Reject(ctx, officer, r.ID, 0, "done with")
		w.ok(err)
	})
}

// expected reckons the alarms of a clock from the profile's words, by the nation's own arithmetic.
func expected(t *rapid.T, zone string, c *Clock) (out []Alarm) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := c.Law.Step(c.Step)
	step, at := nation.Step{Months: st.Months}, time.UnixMicro(c.Triggered)
	if st.Term != "" {
		d, _ := time.ParseDuration(st.Term)
		step.Due = nation.Duration(d)
	}
	for _, r := range st.Remind {
		d, _ := time.ParseDuration(r)
		step.Remind = append(step.Remind, nation.Duration(d))
	}
	due := step.Deadline(at, loc)
	if due.UnixMicro() != c.Due {
		t.Fatalf("%s is due at %s, want %s", c.Step, stamp(c.Due), due)
	}
	for _, r := range step.Reminders(at, loc) {
		out = append(out, Alarm{Remind, r.UnixMicro()})
	}
	after := min(max(due.Sub(at)/4, time.Hour), 24*time.Hour)
	return append(out, Alarm{TooLate, due.UnixMicro()}, Alarm{Escalate, due.Add(after).UnixMicro()})
}

// judge compares what happened, what should have, and what the log tells.
func judge(t *rapid.T, w *land, c *Clock, m *model, p Proved) {
	var fired []Fired
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		fired, err = alarmsWhere(tx, `clock = $1 ORDER BY n`, c.ID)
		return err
	}))
	var got, told []Alarm
	for i, f := range fired {
		if f.Planned != m.planned[i].At {
			t.Fatalf("clock %d: alarm %d was planned for %s, want %s", c.ID, i, stamp(f.Planned), stamp(m.planned[i].At))
		}
		got = append(got, Alarm{f.Kind, f.At})
	}
	if !slices.Equal(got, m.fired) {
		t.Fatalf("clock %d of %s, %s: fired %v, want %v", c.ID, c.Regime, c.Step, got, m.fired)
	}
	for _, h := range p.Happened {
		if slices.Contains([]string{Remind, TooLate, Escalate}, h.Verb) {
			at, _ := time.Parse(stampForm, h.At)
			told = append(told, Alarm{h.Verb, at.UnixMicro()})
		}
	}
	switch {
	case len(p.Problems) > 0:
		t.Fatalf("the log says of clock %d: %q", c.ID, p.Problems)
	case p.Due != stamp(c.Due) || p.Triggered != stamp(c.Triggered) || p.State != c.State || p.InTime != c.InTime():
		t.Fatalf("the log tells %+v of clock %+v", p, c)
	case !slices.Equal(told, m.fired):
		t.Fatalf("the log tells %v, want %v", told, m.fired)
	}
}

func TestTheProofFindsWhatWasChanged(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		ctx := context.Background()
		c := w.accept(w.file("plant", "early-warning", "yes"), "grave", "nation")
		w.fire(100 * time.Hour)
		all, err := Proof(ctx, w.log, c.ID, 0)
		w.ok(err)
		if len(all) != 4 || all[0].Source == "" || all[0].Case != c.ID {
			t.Fatalf("the log tells %+v", all)
		}
		for _, p := range all {
			if len(p.Problems) > 0 {
				t.Errorf("%s: %q", p.Clock, p.Problems)
			}
		}
		var entries []audit.Entry
		es, _, err := w.log.List(ctx, audit.Filter{Verb: "clock."}, 0, 1000)
		w.ok(err)
		slices.Reverse(es)
		for _, tt := range []struct {
			says   string
			change func(e *audit.Entry) bool // false: the entry is left out
		}{
			{"by the law it was due", func(e *audit.Entry) bool {
				if e.Verb == "clock.start" {
					e.Detail = strings.ReplaceAll(e.Detail, `"due":"2026-03-0`, `"due":"2026-04-0`)
				}
				return true
			}},
			{"does not have the law", func(e *audit.Entry) bool { return e.Verb != "clock.law" }},
			{"was not its turn", func(e *audit.Entry) bool { return e.Verb != "clock.remind" }},
			{"before it was started", func(e *audit.Entry) bool { return e.Verb != "clock.start" }},
			{"came before its time", func(e *audit.Entry) bool {
				if e.Verb == "clock.late" {
					e.At -= (90 * time.Hour).Microseconds()
				}
				return true
			}},
			{"says that it was due", func(e *audit.Entry) bool {
				if e.Verb == "clock.late" {
					e.Detail = strings.Replace(e.Detail, `"due":"2026-03-0`, `"due":"2026-05-0`, 1)
				}
				return true
			}},
		} {
			entries = nil
			for _, e := range es {
				if tt.change(&e) {
					entries = append(entries, e)
				}
			}
			if got := fmt.Sprint(Reconstruct(entries)); !strings.Contains(got, tt.says) {
				t.Errorf("not found: %q in %s", tt.says, got)
			}
		}
	})
}

func FuzzReconstruct(f *testing.F) {
	f.Add("clock.start", "clock:1", `{"law":"x","due":"2026-03-03T05:00:00.000000Z","alarms":[{"kind":"late","at":"x"}]}`)
	f.Add("clock.law", "law:x", `{"regime":"a","zone":"Nowhere","steps":[{"id":"b","months":100000000}]}`)
	f.Add("clock.late", "clock:1", `{`)
	f.Fuzz(func(t *testing.T, verb, object, detail string) {
		e := audit.Entry{ID: 1, Verb: verb, Object: object, Detail: detail}
		law := &Law{Regime: "a", Zone: "Europe/Belgrade", Steps: []LawStep{{ID: "b", Months: 1}}}
		body, sum := law.body()
		start := audit.Entry{ID: 2, Verb: "clock.start", Object: object, Detail: strings.Replace(detail, `"law":"x"`, `"law":"`+sum+`"`, 1)}
		for _, p := range Reconstruct([]audit.Entry{{ID: 3, Verb: "clock.law", Object: "law:" + sum, Detail: body}, e, start, e}) {
			if !strings.HasPrefix(p.Clock, "clock:") {
				t.Errorf("%q is no clock", p.Clock)
			}
		}
	})
}

func TestExportsAreInertAndFolded(t *testing.T) {
	law := &Law{Names: map[string]string{"en": "Law, the; long"}, Source: strings.Repeat("Službeni glasnik ", 10), Steps: []LawStep{{ID: "a", Names: map[string]string{"en": "Warn\nnow"}}}}
	lines := []Line{{ID: 1, Entity: "=cmd|' /C calc'!A0", Step: "a", State: Late, Due: monday.UnixMicro(), Report: "R-1", Law: law}, {ID: 2, State: Submitted, Law: law}}
	var b strings.Builder
	if err := Write(&b, "csv", "en", monday, lines); err != nil || strings.Contains(b.String(), ",=cmd") || strings.Count(b.String(), "\n") != 3 {
		t.Errorf("%v: %s", err, b.String())
	}
	b.Reset()
	if err := Write(&b, "ics", "en", monday, lines); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BEGIN:VCALENDAR\r\n", "DTSTART:20260302T060000Z\r\n", `SUMMARY:Warn\nnow: =cmd`, `DESCRIPTION:Law\, the\; long`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	for _, l := range strings.Split(b.String(), "\r\n") {
		if len(l) > 75 || strings.ContainsAny(l, "\r\n") {
			t.Errorf("not folded: %q", l)
		}
	}
	if strings.Count(b.String(), "BEGIN:VEVENT") != 1 {
		t.Error("what was submitted is still in the calendar")
	}
	if Write(&b, "xls", "en", monday, nil) == nil {
		t.Error("xls is a format")
	}
}
