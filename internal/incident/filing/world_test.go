package filing

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
)

// town is a nation with a hospital and a bank, and a counter for their reports.
type town struct {
	*Counter
	t      testing.TB
	clock  *clock.Manual
	ids    map[string]int64
	server *mailtest.Server
}

// officer is of the staff.
var officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}

var monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// home is where strangers come from.
var home = netip.MustParseAddr("192.0.2.7")

const registry = `{"constituents":[
 {"ref":"hospital","name":"Hospital","kind":"operator","sector":"health","designation":"special-importance","language":"sr-Latn","contacts":[{"role":"security","mail":"soc@hospital.example"}]},
 {"ref":"bank","name":"Bank","kind":"operator","sector":"finance","contacts":[{"role":"security","mail":"it@bank.example"}]}]}`

func eachTown(t *testing.T, fn func(t *testing.T, w *town)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, newTown(t, d)) })
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{t: t, clock: clock.NewManual(monday), server: mailtest.New(t)}
	w.ids = incidenttest.Settle(t, d, w.clock, registry, "ruritania")
	var err error
	w.Counter, err = openCounter(d, w.clock, clock.Real(), t.TempDir(), w.server.Config())
	w.ok(err)
	return w
}

// openCounter opens the counter of a town whose records are there.
func openCounter(d *db.DB, c, real clock.Clock, dir string, server mail.Config) (*Counter, error) {
	desk, err := incidenttest.Ground{DB: d, Clock: c, Real: real, Dir: dir, Mail: &server, MaxFile: 16 << 20}.Desk()
	if err != nil {
		return nil, err
	}
	counter, err := New(desk)
	if err == nil {
		counter.URL = "https://cert.example"
	}
	return counter, err
}

func (w *town) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused wants a fault of a kind that says something.
func (w *town) refused(err error, kind fault.Kind, says string) {
	w.t.Helper()
	incidenttest.Refused(w.t, err, kind, says)
}

// filing is what somebody under stress writes.
func (w *town) filing() incident.Filing {
	return incident.Filing{Text: "All shares end in .locked since the night.\nThere is a note.", Aware: w.clock.Now().Add(-time.Hour).UnixMicro(), Mail: "night@hospital.example", Language: "en"}
}

// of is somebody of constituents.
func of(role identity.Role, account int64, ids ...int64) act.Actor {
	return act.Actor{Kind: act.Person, ID: string(role), Name: "Somebody", Rights: &act.Rights{Roles: []string{string(role)}, Constituents: ids, Account: account}}
}

func (w *town) told(secret string) *Told {
	w.t.Helper()
	c, err := w.Page(context.Background(), secret)
	w.ok(err)
	t, _, err := c.Open()
	w.ok(err)
	return t
}

// composed is the letter of a kind that waits or was handed over, as it says.
func (w *town) composed(kind string, report int64) notify.Content {
	w.t.Helper()
	var l notify.Letter
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		l, err = w.Outbox.ByKey(tx, letterKey(kind, report))
		return err
	}))
	fn := map[string]func(context.Context, notify.Letter) (notify.Content, error){KindConfirm: w.ComposeConfirm, KindReceipt: w.composeReceipt}[kind]
	c, err := fn(context.Background(), l)
	w.ok(err)
	return c
}
