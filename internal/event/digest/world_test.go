package digest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
)

// town is a nation with a hospital inside an ISP's network, a bank that has its own, and a desk.
type town struct {
	*Desk
	t     testing.TB
	clock *clock.Manual
	ids   map[string]int64

	net    *egress.Net
	server *mailtest.Server
}

// officer is of the staff.
var officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}

// monday is the day of the first report, 06:00 UTC.
var monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

const registry = `{"constituents":[
 {"ref":"isp","name":"Ruritania Telecom","kind":"isp","sector":"telecom","contacts":[{"role":"abuse","mail":"abuse@isp.example"}],"assets":[{"kind":"prefix","value":"203.0.112.0/20","also_notify":true}]},
 {"ref":"cable","name":"Cable","kind":"isp","sector":"telecom","contacts":[{"role":"abuse","mail":"abuse@cable.example"}],"assets":[{"kind":"prefix","value":"198.51.96.0/20"}]},
 {"ref":"hospital","name":"Hospital","kind":"operator","sector":"health","language":"sr-Latn","contacts":[{"role":"security","mail":"soc@hospital.example"},{"role":"abuse","mail":"SOC@hospital.example"},{"role":"press","mail":"press@hospital.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/24"}]},
 {"ref":"clinic","name":"Clinic","kind":"operator","sector":"health","contacts":[{"role":"security","mail":"it@clinic.example"}],"assets":[{"kind":"prefix","value":"198.51.100.0/24"}]},
 {"ref":"mute","name":"Nobody there","kind":"operator","sector":"health","assets":[{"kind":"prefix","value":"192.0.2.0/24"}]}]}`

func eachTown(t *testing.T, fn func(t *testing.T, w *town)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, newTown(t, d)) })
}

func newTown(t testing.TB, d *db.DB) *town { return newTownOf(t, d, registry, t.TempDir()) }

// newTownOf is a town with other people.
func newTownOf(t testing.TB, d *db.DB, registry, dir string) *town {
	t.Helper()
	ctx := context.Background()
	now := clock.NewManual(monday)
	w := &town{t: t, clock: now, ids: map[string]int64{}, server: mailtest.New(t)}
	w.ok(feed.NewStore(d).Ensure(ctx))
	people := constituency.NewStore(d, now)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(registry))
	w.ok(err)
	_, err = people.Import(ctx, act.Machine, doc, constituency.ImportOptions{})
	w.ok(err)
	list, err := people.Directory(ctx)
	w.ok(err)
	for _, l := range list.All() {
		w.ids[l.Ref] = l.ID
	}
	w.net = egress.Open(egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	w.Desk, err = openDesk(d, dir, w.net, w.server.Config(), now, clock.Real())
	w.ok(err)
	return w
}

// openDesk opens a desk with its outbox, its feeds' files in a directory. The world has one clock, leases have another.
func openDesk(d *db.DB, dir string, net *egress.Net, server mail.Config, now, real clock.Clock) (*Desk, error) {
	people, states, log := constituency.NewStore(d, now), nation.NewStore(d), slog.New(slog.DiscardHandler)
	format := shadowserver.New(shadowserver.Builtin())
	sender, err := mail.New(server, net, now)
	if err != nil {
		return nil, err
	}
	seal, err := identity.NewSeal(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: now, Constituency: people, Nation: states})
	box, err := notify.New(notify.Config{DB: d, Clock: now, Real: real, Gate: gate, Sender: sender, Seal: seal, Client: fetch.New(net, fetch.Options{Attempts: 1}), Tick: time.Millisecond, PerMinute: 6000, Burst: 1000, Log: log})
	if err != nil {
		return nil, err
	}
	return New(Config{Outbox: box, Seal: seal, URL: "https://cert.example", DB: d, Clock: now, Constituency: people, Nation: states, Feeds: feed.NewStore(d), Log: log,
		Lister: event.NewLister(d).WithClock(now).WithRegistry(people),
		Intake: event.NewIntake(event.Config{DB: d, Registry: people, World: now, Real: now, Log: log,
			Format:  func(feed.Feed) (event.Format, error) { return format, nil },
			Archive: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "archive")}, Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "segments")}}),
		Gate: gate})
}

func (w *town) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// report takes in today's report of a type; a row is "address port severity".
func (w *town) report(typ string, rows ...string) {
	w.t.Helper()
	w.reportWith(typ, "tag", rows...)
}

// reportWith is report with a column more, which is the row's fourth word or a formula.
func (w *town) reportWith(typ, column string, rows ...string) {
	w.t.Helper()
	day := w.clock.Now().Format(time.DateOnly)
	var b strings.Builder
	b.WriteString("timestamp,ip,port,protocol,severity," + column + "\n")
	for i, r := range rows {
		f := strings.Fields(r)
		fmt.Fprintf(&b, "%s 00:%02d:00,%s,%s,tcp,%s,%s\n", day, i%60, f[0], f[1], f[2], append(f, "=cmd()")[3])
	}
	text := b.String()
	_, err := w.Intake.Take(context.Background(), act.Machine, "shadowserver", []event.Source{{Name: day + "-" + typ + "-nation.csv", Size: int64(len(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, nil)
	w.ok(err)
}

// next moves the clock to six in the morning, days later.
func (w *town) next(days int) {
	w.clock.Set(w.clock.Now().Truncate(24*time.Hour).Add(6*time.Hour).AddDate(0, 0, days))
}

func (w *town) collect() {
	w.t.Helper()
	_, err := w.Collect(context.Background())
	w.ok(err)
}

// directives are all of them: "ref address state presence pending due".
func (w *town) directives() []string {
	w.t.Helper()
	names := map[int64]string{}
	for ref, id := range w.ids {
		names[id] = ref
	}
	out := []string{}
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) error {
		return tx.Each(`SELECT `+directiveColumns+` FROM digest_directive ORDER BY finding, constituent`, nil, func(scan func(...any) error) error {
			x, err := scanDirective(scan)
			due := "-"
			if x.due > 0 {
				due = time.UnixMicro(x.due).UTC().Format("Mon 02 15:04")
			}
			pending := x.pending
			if pending == "" {
				pending = "-"
			}
			out = append(out, fmt.Sprintf("%s %s %s %s %s %s", names[x.constituent], x.finding.Address(), x.state, x.presence, pending, due))
			return err
		})
	}))
	slices.Sort(out)
	return out
}

func (w *town) want(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.directives(); !slices.Equal(got, want) {
		w.t.Errorf("directives:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// settled is a town whose first intake, with one finding each, is over; it is Wednesday.
func (w *town) settled() {
	w.t.Helper()
	w.report("scan_ftp", "203.0.113.1 21 high", "198.51.100.1 21 critical")
	w.collect()
	w.next(2)
	w.report("scan_ftp", "203.0.113.1 21 high", "198.51.100.1 21 critical")
	w.collect()
}

// tell decides about what is due and tells how many messages that made.
func (w *town) tell() int {
	w.t.Helper()
	w.collect()
	n, err := w.Dispatch(context.Background())
	w.ok(err)
	return n
}

// sent is a letter with its content.
type sent struct {
	notify.Letter
	notify.Content
}

// letters are those of the latest message to a constituent.
func (w *town) letters(ref string) (out []sent) {
	w.t.Helper()
	ctx := context.Background()
	ls, _, err := w.Outbox.List(ctx, notify.Filter{Constituent: w.ids[ref]})
	w.ok(err)
	for _, l := range ls {
		if len(out) > 0 && l.Payload != out[0].Payload {
			break
		}
		c := w.Compose(ctx, []notify.Letter{l})[0]
		w.ok(c.Err)
		out = append(out, sent{l, c.Content})
	}
	return out
}

func (w *town) has(what, text string, parts ...string) {
	w.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			w.t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

func (w *town) lacks(what, text string, parts ...string) {
	w.t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			w.t.Errorf("%s has %q:\n%s", what, p, text)
		}
	}
}
