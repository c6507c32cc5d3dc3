// Package incidenttest opens a small town with a desk of incidents, for the tests of what stands on it.
package incidenttest

import (
	"context"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Town is a nation with a hospital and a bank.
type Town struct {
	*incident.Desk
	*testing.T
	Clock *clock.Manual
	IDs   map[string]int64 // constituents by ref
}

// Monday is when the town's clock begins.
var Monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// Officer is of the staff: the account 7, as which Ana signs in.
var Officer = act.Actor{Kind: act.Person, ID: "7", Name: "Ana", Rights: &act.Rights{Staff: true, Account: 7}}

const registry = `{"constituents":[
 {"ref":"hospital","name":"Hospital","kind":"operator","sector":"health","designation":"special-importance","contacts":[{"role":"security","mail":"soc@hospital.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/24"}]},
 {"ref":"bank","name":"Bank","kind":"operator","sector":"finance","contacts":[{"role":"security","mail":"it@bank.example"}],"assets":[{"kind":"prefix","value":"198.51.100.0/24"}]}]}`

// Open opens the town in an empty database.
func Open(t *testing.T, d *db.DB, change ...func(*Ground)) *Town {
	t.Helper()
	w := &Town{T: t, Clock: clock.NewManual(Monday)}
	w.IDs = Settle(t, d, w.Clock, registry, "")
	staff := func(context.Context) ([]event.Assignee, error) {
		return []event.Assignee{{ID: 7, Name: "Ana"}, {ID: 8, Name: "Boris"}}, nil
	}
	known := func(_ context.Context, login string) (incident.Account, error) {
		switch login {
		case "ana":
			return incident.Account{ID: 7, Name: "Ana"}, nil
		case "partner":
			return incident.Account{ID: 30, Name: "Partner", Outside: true}, nil
		}
		return incident.Account{}, fault.NotFoundf("there is no account %q", login)
	}
	ground := Ground{DB: d, Clock: w.Clock, Real: w.Clock, Dir: t.TempDir(), MaxFile: 1 << 20}
	for _, fn := range change {
		fn(&ground)
	}
	desk, err := ground.Desk()
	w.OK(err)
	c := desk.Config
	c.Findings, c.Account = event.NewLister(d).WithClock(w.Clock).WithRegistry(c.Constituency).WithStaff(staff), known
	w.Desk, err = incident.New(c)
	w.OK(err)
	return w
}

// OK ends the test on an error.
func (w *Town) OK(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Filed is a report of a constituent.
func (w *Town) Filed(ref, title string) incident.Report {
	w.Helper()
	r, _, err := w.File(context.Background(), Officer, incident.Reporter{Origin: incident.FromPortal, Constituent: w.IDs[ref]},
		incident.Filing{Title: title, Text: "All shares end in .locked since the night.", Guess: "infected-system", Aware: w.Clock.Now().Add(-time.Hour).UnixMicro(),
			Name: "Night shift", Mail: "soc@" + ref + ".example"})
	w.OK(err)
	return r
}
