package filing

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
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
	ctx := context.Background()
	w := &town{t: t, clock: clock.NewManual(monday), ids: map[string]int64{}, server: mailtest.New(t)}
	people := constituency.NewStore(d, w.clock)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(registry))
	w.ok(err)
	_, err = people.Import(ctx, act.Machine, doc, constituency.ImportOptions{})
	w.ok(err)
	list, err := people.Directory(ctx)
	w.ok(err)
	for _, l := range list.All() {
		w.ids[l.Ref] = l.ID
	}
	states := nation.NewStore(d)
	profile, err := nation.Shipped("ruritania")
	w.ok(err)
	_, err = states.Set(ctx, act.Machine, "ruritania.toml", profile)
	w.ok(err)
	w.Counter, err = openCounter(d, w.clock, clock.Real(), t.TempDir(), w.server.Config())
	w.ok(err)
	return w
}

// openCounter opens the counter of a town whose records are there.
func openCounter(d *db.DB, c, real clock.Clock, dir string, server mail.Config) (*Counter, error) {
	people, states := constituency.NewStore(d, c), nation.NewStore(d)
	gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: c, Constituency: people, Nation: states})
	seal, err := identity.OpenSeal(filepath.Join(dir, "seal.key"))
	if err != nil {
		return nil, err
	}
	sender, err := mail.New(server, egress.Open(egress.Policy{}), c)
	if err != nil {
		return nil, err
	}
	box, err := notify.New(notify.Config{DB: d, Clock: c, Real: real, Gate: gate, Sender: sender, Seal: seal, Tick: time.Millisecond, PerMinute: 6000, Burst: 1000})
	if err != nil {
		return nil, err
	}
	desk, err := incident.New(incident.Config{DB: d, Clock: c, Real: real, Constituency: people, Nation: states, Gate: gate, Outbox: box, Seal: seal,
		Files: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "incident")}, MaxFile: 16 << 20})
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
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.t.Errorf("got %v, want a fault of kind %s that says %q", err, kind, says)
	}
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
	fn := map[string]func(context.Context, notify.Letter) (notify.Content, error){KindConfirm: w.composeConfirm, KindReceipt: w.composeReceipt}[kind]
	c, err := fn(context.Background(), l)
	w.ok(err)
	return c
}
