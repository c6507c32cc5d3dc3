package collect

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/spool"
)

// fakeIntake remembers what it was given. Files with "bad" in their name fail.
type fakeIntake struct {
	mu     sync.Mutex
	taken  []string // in order
	text   map[string]string
	issued map[string]time.Time
	broken error
	hold   chan struct{} // when set, Take waits for it
}

func (f *fakeIntake) Take(ctx context.Context, _ act.Actor, _ string, sources []event.Source, progress func(event.Progress)) (event.Summary, error) {
	var sum event.Summary
	if f.broken != nil {
		return sum, f.broken
	}
	for i, src := range sources {
		r, err := src.Open()
		if err != nil {
			return sum, err
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return sum, err
		}
		progress(event.Progress{Files: len(sources), FilesDone: i, Rows: int64(i)})
		o := event.FileOutcome{Name: src.Name, State: event.Live, Rows: 1}
		if strings.Contains(src.Name, "bad") {
			o.State, o.Err, o.Rows = event.Failed, errors.New("it is bad"), 0
		}
		f.mu.Lock()
		f.taken = append(f.taken, src.Name)
		f.text[src.Name], f.issued[src.Name] = string(b), src.Issued
		f.mu.Unlock()
		sum.Files, sum.Rows, sum.Outcomes = sum.Files+1, sum.Rows+o.Rows, append(sum.Outcomes, o)
	}
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return sum, ctx.Err()
		}
	}
	return sum, nil
}

func (f *fakeIntake) takes(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.taken, want) {
		t.Errorf("took %q, want %q", f.taken, want)
	}
	f.taken = nil
}

// names reads files' names as the real format does.
type names struct{ event.Format }

var namePattern = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})-([^-]+)-(.+)\.csv$`)

func (names) Identify(name string) (event.Identity, error) {
	m := namePattern.FindStringSubmatch(name)
	if m == nil {
		return event.Identity{}, fault.Invalidf("%q is no name", name)
	}
	day, err := event.ParseDay(m[1])
	return event.Identity{Name: name, Type: m[2], Day: day, Subscription: m[3]}, err
}

type bench struct {
	*Collector
	intake *fakeIntake
	now    *clock.Manual
	queue  *job.Queue
}

func newBench(t *testing.T, d *db.DB) *bench {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	in := &fakeIntake{text: map[string]string{}, issued: map[string]time.Time{}}
	dir := spool.Dir(filepath.Join(t.TempDir(), "tmp"))
	if err := os.Mkdir(string(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	n := egress.Open(egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	noWait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	c := New(Config{DB: d, Feeds: feed.NewStore(d), Intake: in, Spool: dir, Clock: now, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
		Client: fetch.New(n, fetch.Options{Spool: dir, Wait: noWait, Attempts: 2}),
		Format: func(feed.Feed) (event.Format, error) { return names{}, nil }, MaxUpload: 100})
	t.Cleanup(c.Close)
	b := &bench{c, in, now, job.New(d, now, now, slog.New(slog.DiscardHandler))}
	c.Register(b.queue)
	return b
}

func record(*db.Tx, act.Act) error { return nil }

func eachBench(t *testing.T, fn func(t *testing.T, ctx context.Context, b *bench)) {
	dbtest.Each(t, record, func(t *testing.T, d *db.DB) { fn(t, context.Background(), newBench(t, d)) })
}

// oneBench is for tests whose store is proven elsewhere on both engines.
func oneBench(t *testing.T) *bench {
	return newBench(t, dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", record))
}

func (b *bench) save(t *testing.T, f feed.Feed) feed.Feed {
	t.Helper()
	f, err := b.Feeds.Save(context.Background(), act.Machine, f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (b *bench) state(t *testing.T, f feed.Feed) State {
	t.Helper()
	s, err := b.StateOf(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func folderFeed(t *testing.T, schedule string) (feed.Feed, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := feed.ParseSchedule(schedule)
	if err != nil {
		t.Fatal(err)
	}
	f := feed.Shadowserver()
	f.Collector = feed.Collector{Kind: feed.Folder, Folder: &feed.FolderSource{Path: dir, Schedule: s}}
	return f, dir
}

func (b *bench) jobs(t *testing.T, state string) (n int) {
	t.Helper()
	err := b.DB.View(context.Background(), func(tx *db.Tx) error {
		js, err := job.List(tx, state, 100)
		for _, j := range js {
			if j.Kind == CollectJob {
				n++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFeedsAreCollectedWhenTheyAreDue(t *testing.T) {
	eachBench(t, func(t *testing.T, ctx context.Context, b *bench) {
		f, _ := folderFeed(t, "every 15m")
		f = b.save(t, f)
		due := func() int {
			t.Helper()
			if err := b.DB.Upkeep(ctx, func(tx *db.Tx) error { return enqueueDue(tx, b.Clock.Now(), b.Zone) }); err != nil {
				t.Fatal(err)
			}
			return b.jobs(t, "ready")
		}
		if n := due(); n != 1 {
			t.Fatalf("a feed that never ran: %d jobs", n)
		}
		if err := b.queue.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if s := b.state(t, f); s.Begun == 0 || s.Ended == 0 || len(s.Problems) > 0 {
			t.Errorf("after the run: %+v", s)
		}
		b.now.Move(14 * time.Minute)
		if n := due(); n != 0 {
			t.Errorf("before its time: %d jobs", n)
		}
		b.now.Move(time.Minute)
		if n := due(); n != 1 {
			t.Errorf("at its time: %d jobs", n)
		}
		b.queue.Drain(ctx)
		f.Enabled = false
		b.save(t, f)
		b.now.Move(time.Hour)
		if n := due(); n != 0 {
			t.Errorf("a disabled feed: %d jobs", n)
		}
		if err := b.Now(ctx, act.Machine, f.Name); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a disabled feed, asked for by a person: %v", err)
		}
		f.Enabled = true
		b.save(t, f)
		if err := b.Now(ctx, act.Machine, f.Name); err != nil || b.jobs(t, "ready") != 1 {
			t.Errorf("asked for by a person: %v", err)
		}
		if err := b.Now(ctx, act.Machine, "none"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown feed: %v", err)
		}
	})
}

func TestAPersonNeedNotWaitForTheNextAttempt(t *testing.T) {
	eachBench(t, func(t *testing.T, ctx context.Context, b *bench) {
		f, dir := folderFeed(t, "every 24h")
		f = b.save(t, f)
		os.Remove(dir)
		b.Now(ctx, act.Machine, f.Name)
		if err := b.queue.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		open := func() job.Job {
			t.Helper()
			jobs, err := b.Jobs(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range jobs[f.Name] {
				if j.Kind == CollectJob {
					return j
				}
			}
			return job.Job{}
		}
		if j := open(); j.State != "ready" || j.Due <= b.now.Now().UnixMicro() || j.LastError == "" {
			t.Errorf("after a failure it waits: %+v", j)
		}
		os.Mkdir(dir, 0o700)
		if err := b.Now(ctx, act.Machine, f.Name); err != nil {
			t.Fatal(err)
		}
		if err := b.queue.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if j := open(); j.ID != 0 {
			t.Errorf("it did not run at once: %+v", j)
		}
	})
}

func TestAnotherSourceBeginsAnew(t *testing.T) {
	eachBench(t, func(t *testing.T, ctx context.Context, b *bench) {
		f, _ := folderFeed(t, "every 15m")
		f = b.save(t, f)
		if err := b.remember(ctx, f, State{Feed: f.ID, Source: source(f), ETag: "x"}); err != nil {
			t.Fatal(err)
		}
		if s := b.state(t, f); s.ETag != "x" {
			t.Errorf("got %+v", s)
		}
		f.Collector.Folder.Path = t.TempDir()
		if s := b.state(t, f); s.ETag != "" {
			t.Errorf("of another folder: %+v", s)
		}
	})
}

func TestUploadIsTakenInAndWatched(t *testing.T) {
	b := oneBench(t)
	ctx := context.Background()
	if err := b.Feeds.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Upload(ctx, "none"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown feed: %v", err)
	}
	u, err := b.Upload(ctx, "shadowserver")
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Add("big", strings.NewReader(strings.Repeat("x", 101))); fault.KindOf(err) != fault.Invalid {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := u.Start(act.Machine); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without a file: %v", err)
	}
	u.Add("a.csv", strings.NewReader("1"))
	u.Add("b.csv", strings.NewReader("2"))
	b.intake.hold = make(chan struct{})
	id, err := u.Start(act.Machine)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Runs().ByID(id)
	if err != nil || r.Stage != Taking || r.Feed != "shadowserver" {
		t.Errorf("under way: %+v, %v", r, err)
	}
	close(b.intake.hold)
	b.underway.Wait()
	if r, _ = b.Runs().ByID(id); r.Stage != Done || r.Summary.Rows != 2 || r.Progress.FilesDone != 1 {
		t.Errorf("at the end: %+v", r)
	}
	b.intake.takes(t, "a.csv", "b.csv")
	if _, err := b.Runs().ByID("x"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown run: %v", err)
	}
}

func TestUploadsTogetherDoNotFillTheDisk(t *testing.T) {
	b := oneBench(t)
	b.MaxHeld = 150
	ctx := context.Background()
	if err := b.Feeds.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	one, err := b.Upload(ctx, "shadowserver")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := b.Upload(ctx, "shadowserver")
	file := strings.Repeat("x", 90)
	if err := one.Add("a.csv", strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if err := two.Add("b.csv", strings.NewReader(file)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("over what all may hold: %v", err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := two.Add("b.csv", strings.NewReader(file)); err != nil {
		t.Errorf("after the other ended: %v", err)
	}
	if _, err := two.Finish(ctx, act.Machine); err != nil || b.held.Load() != 0 {
		t.Errorf("%d bytes held at the end, %v", b.held.Load(), err)
	}
}

func TestCloseStopsUploads(t *testing.T) {
	b := oneBench(t)
	b.Feeds.Ensure(context.Background())
	u, _ := b.Upload(context.Background(), "shadowserver")
	u.Add("a.csv", strings.NewReader("1"))
	b.intake.hold = make(chan struct{})
	id, _ := u.Start(act.Machine)
	b.Close()
	if r, _ := b.Runs().ByID(id); r.Stage != Failed || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("got %+v", r)
	}
}

func TestProgressForgetsTheOldest(t *testing.T) {
	p := NewProgress(clock.Real())
	running := p.begin("f", act.Machine, 1)
	for range 2 * keptRuns {
		p.begin("f", act.Machine, 1).finish(event.Summary{}, nil)
	}
	rs := p.List()
	if len(rs) != keptRuns || rs[len(rs)-1].ID != running.ID {
		t.Errorf("%d runs are kept", len(rs))
	}
}
