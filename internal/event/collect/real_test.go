package collect

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/file"
)

// withRealIntake puts event's intake in the place of the fake one.
func withRealIntake(t *testing.T, b *bench) {
	t.Helper()
	dir := t.TempDir()
	format := shadowserver.New(shadowserver.Builtin())
	b.Format = func(feed.Feed) (event.Format, error) { return format, nil }
	in := event.NewIntake(event.Config{DB: b.DB, Registry: constituency.NewStore(b.DB, b.now), World: b.now, Real: b.now,
		Log: slog.New(slog.DiscardHandler), Format: b.Format,
		Archive:  file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "archive")},
		Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "segments")}})
	b.Intake = in
	in.Register(b.queue, event.Retention{})
}

func TestListedReportsEndAsACompleteDay(t *testing.T) {
	eachBench(t, func(t *testing.T, ctx context.Context, b *bench) {
		withRealIntake(t, b)
		a, f := apiFeed(t, b)
		files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.mu.Lock()
			a.gets = append(a.gets, r.URL.Path)
			a.mu.Unlock()
			io.WriteString(w, "\"timestamp\",\"severity\",\"ip\",\"protocol\",\"port\"\n\"2026-11-21 03:04:05\",\"high\",\"192.0.2.7\",\"tcp\",\"23\"\n")
		}))
		defer files.Close()
		f.Collector.API.Downloads = files.URL
		f = b.save(t, f)
		a.add("2026-11-21", "scan_telnet", "rt", "2026-11-22 01:00:00")
		a.add("2026-11-21", "scan_ftp", "rt", "2026-11-22 01:00:00")
		if err := b.Collect(ctx, f); err != nil {
			t.Fatal(err)
		}
		if s := b.state(t, f); s.Taken != 2 || len(s.Problems) > 0 {
			t.Fatalf("after the run: %+v", s)
		}
		if err := b.queue.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		days, err := b.Feeds.Days(ctx, f.ID, 0, 30000)
		if err != nil || len(days) != 1 || !days[0].Complete || days[0].Types != 2 || days[0].Expected != 2 {
			t.Errorf("got %+v, %v", days, err)
		}
		a.got("/id0", "/id1")
		err = b.DB.Upkeep(ctx, func(tx *db.Tx) error { return saveState(tx, f, State{Feed: f.ID, Source: source(f)}) })
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Collect(ctx, f); err != nil { // what was remembered is lost, the files are known
			t.Fatal(err)
		}
		a.got()
	})
}
