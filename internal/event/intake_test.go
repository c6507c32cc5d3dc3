package event_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/file"
)

// bench is everything an intake needs, over one database.
type station struct {
	*event.Intake
	t        testing.TB
	db       *db.DB
	registry *constituency.Store
	clock    *clock.Manual
}

func newStation(t testing.TB, d *db.DB, fs file.FS, dir string, step func(string)) *station {
	t.Helper()
	ctx := context.Background()
	now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err := feed.NewStore(d).Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	registry := constituency.NewStore(d, now)
	format := shadowserver.New(shadowserver.Builtin())
	in := event.NewIntake(event.Config{DB: d, Registry: registry, World: now, Real: now, Log: slog.New(slog.DiscardHandler), Step: step,
		Format:  func(feed.Feed) (event.Format, error) { return format, nil },
		Archive: file.Dir{FS: fs, Root: filepath.Join(dir, "archive")}, Segments: file.Dir{FS: fs, Root: filepath.Join(dir, "segments")}})
	return &station{in, t, d, registry, now}
}

func eachStation(t *testing.T, fn func(t *testing.T, s *station)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		fn(t, newStation(t, d, file.OS{}, t.TempDir(), nil))
	})
}

// text is a source of that content.
func text(name, content string) event.Source { return issued(name, content, 0) }

func issued(name, content string, at int64) event.Source {
	return event.Source{Name: name, Issued: time.Unix(at, 0), Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

func (s *station) take(sources ...event.Source) event.Summary {
	s.t.Helper()
	sum, err := s.Take(context.Background(), identity.LocalActor, "shadowserver", sources, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return sum
}

// state is everything that must not depend on the order of arrival, as text.
func (s *station) state() string {
	s.t.Helper()
	var b bytes.Buffer
	dump := func(title, query string, n int) {
		fmt.Fprintf(&b, "-- %s\n", title)
		err := s.db.View(context.Background(), func(tx *db.Tx) error {
			return tx.Each(query, nil, func(scan func(...any) error) error {
				vals, ptrs := make([]any, n), make([]any, n)
				for i := range vals {
					ptrs[i] = &vals[i]
				}
				if err := scan(ptrs...); err != nil {
					return err
				}
				for i, v := range vals {
					if x, ok := v.([]byte); ok {
						vals[i] = fmt.Sprintf("%x", x)
					}
				}
				fmt.Fprintln(&b, vals...)
				return nil
			})
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	dump("findings", `SELECT f.id, t.name, f.port, f.transport, f.name, f.identifier, f.severity, f.owner, f.first_seen, f.first_day,
		f.run_from, f.run_to FROM finding f JOIN report_type t ON t.id = f.type ORDER BY f.id`, 12)
	dump("runs", `SELECT finding, run_from, run_to, owner, severity FROM finding_run ORDER BY finding, run_from`, 5)
	dump("counts", `SELECT t.name, c.day, c.owner, events, fresh, ongoing, gone, reopened, transferred, handed_over FROM daily_count c
		JOIN report_type t ON t.id = c.type WHERE events <> 0 OR fresh <> 0 OR ongoing <> 0 OR gone <> 0 OR reopened <> 0
		OR transferred <> 0 OR handed_over <> 0 ORDER BY t.name, c.day, c.owner`, 10)
	dump("types", `SELECT name, first_day, last_day, cutoff, closed_on FROM report_type t
		WHERE EXISTS (SELECT 1 FROM report r WHERE r.type = t.id) ORDER BY name`, 5)
	dump("days", `SELECT day, types, expected, missing, complete FROM feed_day ORDER BY day`, 5)
	dump("presence", `SELECT type, part, ids FROM presence ORDER BY type, part`, 3)
	dump("reports", `SELECT t.name, r.day, r.delta, r.events FROM report r JOIN report_type t ON t.id = r.type WHERE r.live = 1
		ORDER BY t.name, r.day`, 4)
	es, err := s.Events(context.Background(), event.EventQuery{Limit: 1_000_000})
	if err != nil {
		s.t.Fatal(err)
	}
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = fmt.Sprint(e.Type, e.Day, e.IP, e.Port, e.Time, e.Severity, e.URL, e.Owner)
	}
	slices.Sort(lines)
	fmt.Fprintf(&b, "-- events\n%s\n", strings.Join(lines, "\n"))
	return b.String()
}

// check compares the counts kept by the quick way with the definition.
func (s *station) check() {
	s.t.Helper()
	before := s.state()
	if err := event.Recount(context.Background(), s.db); err != nil {
		s.t.Fatal(err)
	}
	if after := s.state(); before != after {
		s.t.Fatalf("the kept counts are not what the findings say:\n%s", diffLines(before, after))
	}
}

func diffLines(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out strings.Builder
	for _, l := range as {
		if !slices.Contains(bs, l) {
			fmt.Fprintln(&out, "-", l)
		}
	}
	for _, l := range bs {
		if !slices.Contains(as, l) {
			fmt.Fprintln(&out, "+", l)
		}
	}
	return out.String()
}

// report writes a small report; rows are "address port severity".
func report(day, typ, list string, rows ...string) (name, content string) {
	var b strings.Builder
	b.WriteString("timestamp,ip,port,protocol,severity\n")
	for i, r := range rows {
		f := strings.Fields(r)
		fmt.Fprintf(&b, "%s 00:%02d:00,%s,%s,tcp,%s\n", day, i%60, f[0], f[1], f[2])
	}
	return fmt.Sprintf("%s-%s-%s.csv", day, typ, list), b.String()
}

// prefix registers a constituent that owns a prefix from a day on.
func (s *station) prefix(ref, prefix, from string) {
	s.t.Helper()
	day := int64(0)
	if from != "" {
		d, err := event.ParseDay(from)
		if err != nil {
			s.t.Fatal(err)
		}
		day = int64(d)
	}
	err := s.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		var id int64
		err := tx.Row(`INSERT INTO constituent (ref, name, kind, sector, designation, language, note, source, origin, valid_from, valid_until)
			VALUES ($1, $1, 'operator', 'energy', 'other', 'en', '', 'manual', '', 0, 9999999) RETURNING id`, ref).Scan(&id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO asset (constituent, kind, value, also_notify, source, origin, valid_from, valid_until)
			VALUES ($1, 'prefix', $2, 0, 'manual', '', $3, 9999999)`, id, prefix, day)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO setting (name, value) VALUES ('constituency.version', $1) ON CONFLICT (name)
			DO UPDATE SET value = excluded.value`, fmt.Sprint(id+1))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestAnyOrderOfArrivalGivesTheSame(t *testing.T) {
	eachEngine := func(fn func(t *testing.T, open func() *station)) {
		t.Run("sqlite", func(t *testing.T) {
			fn(t, func() *station {
				dir := t.TempDir()
				d := dbtest.Open(t, filepath.Join(dir, "db"), "live", audit.Recorder(clock.Real()))
				return newStation(t, d, file.OS{}, dir, nil)
			})
		})
		t.Run("postgres", func(t *testing.T) {
			fn(t, func() *station {
				url, world := dbtest.Postgres(t)
				return newStation(t, dbtest.Open(t, url, world, audit.Recorder(clock.Real())), file.OS{}, t.TempDir(), nil)
			})
		})
	}
	eachEngine(func(t *testing.T, open func() *station) {
		rapid.Check(t, func(rt *rapid.T) {
			files := reports().Draw(rt, "files")
			order := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 1)).Perm(len(files))
			straight, shuffled := open(), open()
			defer straight.db.Close()
			defer shuffled.db.Close()
			defer straight.db.Close()
			defer shuffled.db.Close()
			for _, s := range []*station{straight, shuffled} {
				s.prefix("a", "192.0.2.0/30", "")
				s.prefix("b", "192.0.2.4/30", "2026-01-06")
			}
			straight.take(files...)
			for len(order) > 0 {
				n := min(len(order), rapid.IntRange(1, 4).Draw(rt, "together"))
				var some []event.Source
				for _, i := range order[:n] {
					some = append(some, files[i])
				}
				shuffled.take(some...)
				order = order[n:]
			}
			if a, b := straight.state(), shuffled.state(); a != b {
				rt.Fatalf("another order, another state:\n%s", diffLines(a, b))
			}
			straight.check()
			shuffled.check()
		})
	})
}

// reports draws the files of up to twelve days of three types: missing ones, corrections, delayed and delta files,
// overlapping subscriptions, changing severities, the same content issued again.
func reports() *rapid.Generator[[]event.Source] {
	return rapid.Custom(func(t *rapid.T) []event.Source {
		var out []event.Source
		days := rapid.IntRange(2, 12).Draw(t, "days")
		for d := range days {
			day := fmt.Sprintf("2026-01-%02d", d+1)
			for _, typ := range []string{"scan_ftp", "scan_smb", "scan_rdp", "event4_sinkhole"} {
				for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 2}).Draw(t, "files") {
					list := rapid.SampledFrom([]string{"nation", "nation", "nation", "nation", "bank", "nation-delta", "nation-delayed"}).Draw(t, "list")
					var rows []string
					for a := range 8 {
						if rapid.IntRange(0, 2).Draw(t, "there") > 0 {
							rows = append(rows, fmt.Sprintf("192.0.2.%d %d %s", a, 21, rapid.SampledFrom([]string{"high", "high", "high", "low"}).Draw(t, "severity")))
						}
					}
					name, content := report(day, typ, list, rows...)
					out = append(out, issued(name, content, int64(rapid.IntRange(0, 3).Draw(t, "issued"))))
					if rapid.IntRange(0, 5).Draw(t, "said again") == 0 {
						out = append(out, issued(name, content, int64(rapid.IntRange(0, 3).Draw(t, "issued again"))))
					}
				}
			}
		}
		return out
	})
}

func importJSON(s *station, b []byte) {
	s.t.Helper()
	doc, err := constituency.Read("constituency.json", constituency.JSON, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.registry.Import(context.Background(), identity.LocalActor, doc, constituency.ImportOptions{}); err != nil {
		s.t.Fatal(err)
	}
}
