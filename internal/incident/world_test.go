package incident

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// town is a nation with a hospital and a bank, and a desk.
type town struct {
	*Desk
	t     testing.TB
	clock *clock.Manual
	real  *clock.Manual
	ids   map[string]int64
}

// officer is of the staff.
var officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}

var monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

const registry = `{"constituents":[
 {"ref":"hospital","name":"Hospital","kind":"operator","sector":"health","language":"sr-Latn","contacts":[{"role":"security","mail":"soc@hospital.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/24"}]},
 {"ref":"bank","name":"Bank","kind":"operator","sector":"finance","contacts":[{"role":"security","mail":"it@bank.example"}],"assets":[{"kind":"prefix","value":"198.51.100.0/24"}]}]}`

func eachTown(t *testing.T, fn func(t *testing.T, w *town)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, newTown(t, d)) })
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	ctx := context.Background()
	w := &town{t: t, clock: clock.NewManual(monday), real: clock.NewManual(monday), ids: map[string]int64{}}
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
	gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: w.clock, Constituency: people, Nation: states})
	seal, err := identity.OpenSeal(filepath.Join(t.TempDir(), "seal.key"))
	w.ok(err)
	box, err := notify.New(notify.Config{DB: d, Clock: w.clock, Real: w.real, Gate: gate, Seal: seal})
	w.ok(err)
	w.Desk, err = New(Config{DB: d, Clock: w.clock, Real: w.real, Constituency: people, Nation: states, Gate: gate, Outbox: box, Seal: seal,
		Findings: event.NewLister(d).WithClock(w.clock).WithRegistry(people).WithStaff(func(context.Context) ([]event.Assignee, error) { return []event.Assignee{{ID: 7, Name: "Ana"}}, nil }),
		Files:    file.Dir{FS: file.OS{}, Root: filepath.Join(t.TempDir(), "incident")}, MaxFile: 1 << 20})
	w.ok(err)
	return w
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

// filing is what a hospital under stress writes.
func (w *town) filing() Filing {
	return Filing{Title: "Files are encrypted", Text: "All shares end in .locked since the night.", Guess: "infected-system", Aware: w.clock.Now().Add(-time.Hour).UnixMicro(),
		Name: "Night shift", Mail: "soc@hospital.example", Details: Details{Ongoing: "yes", PersonalData: "yes"}}
}

// filed is a report of a constituent.
func (w *town) filed(ref string) Report {
	w.t.Helper()
	r, _, err := w.File(context.Background(), officer, Reporter{Origin: FromPortal, Constituent: w.ids[ref]}, w.filing())
	w.ok(err)
	return r
}

func (w *town) kept(f File, content string) File {
	w.t.Helper()
	f, err := w.Keep(context.Background(), officer, f, strings.NewReader(content))
	w.ok(err)
	return f
}

func (w *town) content(id int64) string {
	w.t.Helper()
	_, r, err := w.Take(context.Background(), officer, id)
	w.ok(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	w.ok(err)
	return string(b)
}
