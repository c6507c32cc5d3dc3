package incidenttest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/mail"
)

// Settle gives empty records a registry, as JSON, and a nation's profile, and tells the constituents by ref.
func Settle(t testing.TB, d *db.DB, c clock.Clock, registry, profile string) map[string]int64 {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	people := constituency.NewStore(d, c)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(registry))
	must(err)
	_, err = people.Import(ctx, act.Machine, doc, constituency.ImportOptions{})
	must(err)
	list, err := people.Directory(ctx)
	must(err)
	ids := map[string]int64{}
	for _, l := range list.All() {
		ids[l.Ref] = l.ID
	}
	if profile != "" {
		text, err := nation.Shipped(profile)
		must(err)
		_, err = nation.NewStore(d).Set(ctx, act.Machine, profile+".toml", text)
		must(err)
	}
	return ids
}

// Ground is what a desk is opened on.
type Ground struct {
	DB          *db.DB
	Clock, Real clock.Clock
	Dir         string // with the key and the files
	Mail        *mail.Config
	MaxFile     int64
	MaxDrafts   int64
}

// Desk opens a desk over records that are there; another process opens the same one.
func (g Ground) Desk() (*incident.Desk, error) {
	people, states := constituency.NewStore(g.DB, g.Clock), nation.NewStore(g.DB)
	gate := disclosure.NewGate(disclosure.Config{DB: g.DB, Clock: g.Clock, Constituency: people, Nation: states})
	seal, err := identity.OpenSeal(filepath.Join(g.Dir, "seal.key"))
	if err != nil {
		return nil, err
	}
	out := notify.Config{DB: g.DB, Clock: g.Clock, Real: g.Real, Gate: gate, Seal: seal, Tick: time.Millisecond, PerMinute: 6000, Burst: 1000}
	if g.Mail != nil {
		if out.Sender, err = mail.New(*g.Mail, egress.Open(egress.Policy{}), g.Clock); err != nil {
			return nil, err
		}
	}
	box, err := notify.New(out)
	if err != nil {
		return nil, err
	}
	return incident.New(incident.Config{DB: g.DB, Clock: g.Clock, Real: g.Real, Constituency: people, Nation: states, Gate: gate, Outbox: box, Seal: seal,
		Files: file.Dir{FS: file.OS{}, Root: filepath.Join(g.Dir, "incident")}, MaxFile: g.MaxFile, MaxDrafts: g.MaxDrafts})
}

// Refused wants a fault of a kind that says something.
func Refused(t testing.TB, err error, kind fault.Kind, says string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a fault of kind %s that says %q", err, kind, says)
	}
}
