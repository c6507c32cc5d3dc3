package yearly

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

// state is a nation with operators of two sectors, in the middle of the window for 2025.
type state struct {
	*Desk
	t     testing.TB
	clock *clock.Manual
	db    *db.DB
	ids   map[string]int64
}

var officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}

const registry = `{"constituents":[
 {"ref":"grid","name":"Grid","kind":"operator","sector":"energy","designation":"special-importance","language":"sr-Latn","contacts":[{"role":"security","name":"Desk","mail":"soc@grid.example"}]},
 {"ref":"gas","name":"Gas","kind":"operator","sector":"energy","designation":"special-importance","contacts":[{"role":"security","mail":"soc@gas.example"}]},
 {"ref":"oil","name":"Oil","kind":"operator","sector":"energy","designation":"special-importance"},
 {"ref":"bank","name":"Bank","kind":"operator","sector":"finance","designation":"special-importance","contacts":[{"role":"security","mail":"it@bank.example"}]},
 {"ref":"shop","name":"Shop","kind":"other","sector":"","designation":"other","contacts":[{"role":"security","mail":"it@shop.example"}]}]}`

func eachState(t *testing.T, fn func(t *testing.T, w *state)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := &state{t: t, db: d, clock: clock.NewManual(time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC)), ids: map[string]int64{}}
		people, states := constituency.NewStore(d, w.clock), nation.NewStore(d)
		profile, err := nation.Shipped("ruritania")
		w.ok(err)
		_, err = states.Set(ctx, act.Machine, "ruritania.toml", profile)
		w.ok(err)
		doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(registry))
		w.ok(err)
		_, err = people.Import(ctx, act.Machine, doc, constituency.ImportOptions{})
		w.ok(err)
		dir, err := people.Directory(ctx)
		w.ok(err)
		for _, l := range dir.All() {
			w.ids[l.Ref] = l.ID
		}
		gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: w.clock, Constituency: people, Nation: states})
		seal, err := identity.OpenSeal(filepath.Join(t.TempDir(), "seal.key"))
		w.ok(err)
		box, err := notify.New(notify.Config{DB: d, Clock: w.clock, Real: w.clock, Gate: gate, Seal: seal})
		w.ok(err)
		w.Desk, err = New(Config{DB: d, Clock: w.clock, Constituency: people, Nation: states, Gate: gate, Outbox: box, URL: "https://cert.example"})
		w.ok(err)
		fn(t, w)
	})
}

func (w *state) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *state) refused(err error, kind fault.Kind, says string) {
	w.t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.t.Errorf("got %v, want a fault of kind %s that says %q", err, kind, says)
	}
}

// of is somebody who acts for constituents.
func (w *state) of(refs ...string) act.Actor {
	r := &act.Rights{Roles: []string{string(identity.Member)}}
	for _, ref := range refs {
		r.Constituents = append(r.Constituents, w.ids[ref])
	}
	return act.Actor{Kind: act.Person, ID: "7", Name: "Operator", Rights: r}
}

func (w *state) content(spam, dos int64) Content {
	cost := int64(500)
	return Content{Counts: []Count{{"availability", 5, dos}, {"abusive-content", 2, spam}, {"fraud", 1, 0}}, Downtime: 90, Cost: &cost, Currency: "eur", Note: " A note\r\n"}
}

// hand hands in a return at once.
func (w *state) hand(ref string, c Content) Return {
	w.t.Helper()
	r, err := w.Hand(context.Background(), w.of(ref), Entry{Year: 2025, Constituent: w.ids[ref], Content: c, Submit: true})
	w.ok(err)
	return r
}
