package deadline

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

// land is Ruritania with a power plant, which the incident act binds, and a shop, which it does not.
type land struct {
	*Desk
	t     testing.TB
	cases *incident.Desk
	log   *audit.Log
	clock *clock.Manual
	ids   map[string]int64
}

// officer is of the staff.
var officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}

var monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

const registry = `{"constituents":[
 {"ref":"plant","name":"Power plant","kind":"operator","sector":"energy","designation":"special-importance","language":"en",
  "contacts":[{"role":"security","mail":"soc@plant.example"},{"role":"management","mail":"boss@plant.example"},{"role":"abuse","mail":"abuse@plant.example"}]},
 {"ref":"shop","name":"Shop","kind":"operator","sector":"transport","designation":"other","language":"sr-Latn","contacts":[{"role":"technical","mail":"it@shop.example"}]}]}`

func eachLand(t *testing.T, fn func(t *testing.T, w *land)) {
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		c := clock.NewManual(monday)
		fn(t, newLand(t, dbtest.Open(t, url, world, audit.Recorder(c)), c, "ruritania"))
	})
}

func newLand(t testing.TB, d *db.DB, c *clock.Manual, profile string) *land {
	t.Helper()
	ctx := context.Background()
	w := &land{t: t, clock: c, ids: incidenttest.Settle(t, d, c, registry, profile)}
	dir := t.TempDir()
	desk, who, err := openDesk(d, c, dir)
	w.ok(err)
	for login, role := range map[string]identity.Role{"duty@cert.example": identity.Duty, "head@cert.example": identity.Administrator, "reader@cert.example": identity.Reader} {
		_, err := who.Create(ctx, officer, identity.NewAccount{Login: login, Name: login, Password: "correct horse battery staple", Roles: []identity.Held{{Role: role}}})
		w.ok(err)
	}
	w.Desk, w.cases = desk, desk.Incidents
	w.log = audit.New(audit.Config{DB: d, World: "test", KeyFile: filepath.Join(dir, "audit.key"), Clock: c})
	return w
}

// openDesk opens the desk of a land whose records are there.
func openDesk(d *db.DB, c clock.Clock, dir string) (*Desk, *identity.Store, error) {
	cases, err := incidenttest.Ground{DB: d, Clock: c, Real: c, Dir: dir}.Desk()
	if err != nil {
		return nil, nil, err
	}
	who := identity.NewStore(identity.Config{DB: d, Real: c, Seal: cases.Seal})
	desk, err := New(Config{DB: d, Clock: c, Constituency: cases.Constituency, Nation: cases.Nation, Identity: who, Gate: cases.Gate, Outbox: cases.Outbox, Incidents: cases, URL: "https://cert.example"})
	return desk, who, err
}

// govern gives the nation a profile.
func (w *land) govern(states *nation.Store, text string) {
	w.t.Helper()
	_, err := states.Set(context.Background(), officer, "test.toml", []byte(text))
	w.ok(err)
}

func (w *land) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused wants a fault of a kind that says something.
func (w *land) refused(err error, kind fault.Kind, says string) {
	w.t.Helper()
	incidenttest.Refused(w.t, err, kind, says)
}

// file takes a report of a constituent in that became aware an hour ago.
func (w *land) file(ref, step, personal string) incident.Report {
	w.t.Helper()
	r, _, err := w.cases.File(context.Background(), officer, incident.Reporter{Origin: incident.FromPortal, Constituent: w.ids[ref]}, incident.Filing{Title: "Files are encrypted",
		Text: "All shares end in .locked.", Guess: "infected-system", Aware: w.clock.Now().Add(-time.Hour).UnixMicro(), Step: step, Details: incident.Details{PersonalData: personal}})
	w.ok(err)
	return r
}

func (w *land) accept(r incident.Report, impact, reach string) incident.Case {
	w.t.Helper()
	c, err := w.cases.Accept(context.Background(), officer, r.ID, 0, incident.Opening{Impact: impact, Reach: reach})
	w.ok(err)
	return c
}

func (w *land) add(r incident.Report, step string) incident.Addition {
	w.t.Helper()
	a, err := w.cases.Add(context.Background(), officer, r.ID, incident.Addition{Via: "portal", Step: step, Text: "More."})
	w.ok(err)
	return a
}

// fire moves the clock and fires what is due.
func (w *land) fire(after time.Duration) int {
	w.t.Helper()
	w.clock.Move(after)
	n, err := w.Fire(context.Background())
	w.ok(err)
	return n
}

// stand says how the clocks of a report or a case stand: "incident-act early-warning running; …", in the order in which they were started.
func (w *land) stand(report, caseID int64) string {
	w.t.Helper()
	var out []string
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) error {
		column, id := "report", report
		if caseID != 0 {
			column, id = "case_id", caseID
		}
		cs, err := clocksOf(tx, column, id)
		for _, c := range cs {
			s := c.Regime + " " + c.Step + " " + string(c.State)
			if c.Reason != "" {
				s += " (" + c.Reason + ")"
			}
			out = append(out, s)
		}
		return err
	}))
	return strings.Join(out, "; ")
}

func (w *land) stands(report, caseID int64, want ...string) {
	w.t.Helper()
	if got := w.stand(report, caseID); got != strings.Join(want, "; ") {
		w.t.Errorf("the clocks stand\n  %s\nwant\n  %s", got, strings.Join(want, "; "))
	}
}

// clockOf finds a clock by its step.
func (w *land) clockOf(report, caseID int64, step string) Clock {
	w.t.Helper()
	var out Clock
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) error {
		column, id := "report", report
		if caseID != 0 {
			column, id = "case_id", caseID
		}
		cs, err := clocksOf(tx, column, id)
		for _, c := range cs {
			if c.Step == step && c.State != Ended {
				out = c
			}
		}
		return err
	}))
	if out.ID == 0 {
		w.t.Fatalf("there is no clock of the step %s: %s", step, w.stand(report, caseID))
	}
	return out
}

// letters lists the addresses of all letters with their kinds, in the order of writing.
func (w *land) letters() (out []notify.Letter) {
	w.t.Helper()
	ls, _, err := w.Outbox.List(context.Background(), notify.Filter{Limit: 1000})
	w.ok(err)
	for i := len(ls) - 1; i >= 0; i-- {
		out = append(out, ls[i])
	}
	return out
}

func (w *land) dutyOfficer() disclosure.Recipient {
	return disclosure.Recipient{Kind: disclosure.Staff, Subject: "person:1", Name: "Duty"}
}
