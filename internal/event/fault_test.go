package event_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/file"
)

// sickFS fails one kind of operation on paths that contain place; "write" fails once the room in bytes is used up.
type sickFS struct {
	file.OS
	mu    sync.Mutex
	op    string
	place string
	room  int64
	err   error
	hits  int
}

func (f *sickFS) sick(op, path string, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op != f.op || !strings.Contains(path, f.place) {
		return nil
	}
	if f.room -= int64(n); op == "write" && f.room >= 0 {
		return nil
	}
	f.hits++
	return f.err
}

func (f *sickFS) cure() { f.mu.Lock(); f.op = ""; f.mu.Unlock() }

type sickWriter struct {
	file.Writer
	f    *sickFS
	path string
}

func (w sickWriter) Write(b []byte) (int, error) {
	if err := w.f.sick("write", w.path, len(b)); err != nil {
		n, _ := w.Writer.Write(b[:len(b)/2])
		return n, err
	}
	return w.Writer.Write(b)
}

func (w sickWriter) Sync() error {
	if err := w.f.sick("sync", w.path, 0); err != nil {
		return err
	}
	return w.Writer.Sync()
}

func (f *sickFS) Create(p string) (file.Writer, error) {
	if err := f.sick("create", p, 0); err != nil {
		return nil, err
	}
	w, err := f.OS.Create(p)
	return sickWriter{w, f, p}, err
}

func (f *sickFS) Rename(a, b string) error {
	if err := f.sick("rename", b, 0); err != nil {
		return err
	}
	return f.OS.Rename(a, b)
}

func (f *sickFS) Mkdir(p string) error {
	if err := f.sick("mkdir", p, 0); err != nil {
		return err
	}
	return f.OS.Mkdir(p)
}

func (f *sickFS) SyncDir(p string) error {
	if err := f.sick("syncdir", p, 0); err != nil {
		return err
	}
	return f.OS.SyncDir(p)
}

// TestADiskThatFailsTakesNothingHalfIn: Take says so, the state is as before, and with the disk mended the same files are
// taken in as if nothing had been.
func TestADiskThatFailsTakesNothingHalfIn(t *testing.T) {
	type illness struct {
		op, place string
		room      int64
	}
	ills := []illness{{"write", "archive", 0}, {"write", "archive", 100}, {"write", "segments", 0}, {"write", "segments", 500},
		{"create", "archive", 0}, {"create", "segments", 0}, {"mkdir", "archive", 0}, {"mkdir", "segments", 0}, {"sync", "archive", 0},
		{"sync", "segments", 0}, {"rename", "archive", 0}, {"rename", "segments", 0}, {"syncdir", "archive", 0}, {"syncdir", "segments", 0}}
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		fs := &sickFS{err: &sickError{}}
		d := dbtest.Open(t, url, world, audit.Recorder(clock.Real()))
		dir := t.TempDir()
		s := newStation(t, d, fs, dir, nil)
		calm := lone(t)
		for i, ill := range ills {
			var files []event.Source
			for _, typ := range []string{"scan_ftp", "scan_smb"} {
				name, content := report(event.Day(20454+i).String(), typ, "nation", fmt.Sprintf("192.0.2.%d 21 high", i+1), "192.0.2.200 21 low")
				files = append(files, text(name, content))
			}
			before := s.state()
			fs.mu.Lock()
			fs.op, fs.place, fs.room, fs.hits = ill.op, filepath.Join(dir, ill.place), ill.room, 0
			fs.mu.Unlock()
			sum, err := s.Take(context.Background(), identity.LocalActor, "shadowserver", files, nil)
			if fs.hits == 0 {
				t.Fatalf("%v never failed", ill)
			}
			if !errors.Is(err, syscall.ENOSPC) || sum.Files != 0 {
				t.Errorf("%v: %v, %+v", ill, err, sum)
			}
			fs.cure()
			if after := s.state(); after != before {
				t.Fatalf("%v: something was taken in:\n%s", ill, diffLines(before, after))
			}
			s.take(files...)
			calm.take(files...)
		}
		if a, b := calm.state(), s.state(); a != b {
			t.Error(diffLines(a, b))
		}
		s.check()
		s.clock.Move(2 * time.Hour)
		if err := s.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		whole(t, s)
	})
}

type sickError struct{}

func (*sickError) Error() string { return "no space left on device" }
func (*sickError) Unwrap() error { return syscall.ENOSPC }

// whole checks that no row is left pending, and that every live file is what the records say.
func whole(t *testing.T, s *station) {
	t.Helper()
	for _, table := range []string{"archive", "segment", "source_file"} {
		if n := column[int64](s, `SELECT count(*) FROM `+table+` WHERE state IN ('pending', 'condemned')`); n[0] != 0 {
			t.Errorf("%d rows of %s are left over", n[0], table)
		}
	}
	readable(t, s)
}

// readable checks that every live file is what the records say.
func readable(t *testing.T, s *station) {
	t.Helper()
	ctx := context.Background()
	err := s.db.View(ctx, func(tx *db.Tx) error {
		err := tx.Each(`SELECT path, rows FROM segment WHERE state = 'live'`, nil, func(scan func(...any) error) error {
			var path string
			var rows int64
			if err := scan(&path, &rows); err != nil {
				return err
			}
			if n, err := s.SegmentRows(path); err != nil || n != rows {
				t.Errorf("segment %s has %d rows (%v), the records say %d", path, n, err, rows)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Each(`SELECT path, sha256, size FROM archive WHERE state = 'live'`, nil, func(scan func(...any) error) error {
			var path string
			var sum []byte
			var size int64
			if err := scan(&path, &sum, &size); err != nil {
				return err
			}
			if err := s.Verify(ctx, path, sum, size); err != nil {
				t.Errorf("archived file %s: %v", path, err)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := column[int64](s, `SELECT count(*) FROM source_file WHERE state IN ('live', 'superseded', 'older') AND archive IS NULL`); n[0] != 0 {
		t.Errorf("%d files are not in the archive", n[0])
	}
}

// TestCancelledAnywhereTakesNothingHalfIn cancels at one step after the other, and in the middle of reading.
func TestCancelledAnywhereTakesNothingHalfIn(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		d := dbtest.Open(t, url, world, audit.Recorder(clock.Real()))
		var cancel context.CancelFunc = func() {}
		var left atomic.Int64
		tick := func(string) {
			if left.Add(-1) == 0 {
				cancel()
			}
		}
		s := newStation(t, d, file.OS{}, t.TempDir(), tick)
		calm := lone(t)
		calm.take(crashFiles()...)
		for n := int64(1); ; n += 5 {
			var ctx context.Context
			ctx, cancel = context.WithCancel(context.Background())
			left.Store(n)
			_, err := s.Take(ctx, identity.LocalActor, "shadowserver", crashFiles(), func(event.Progress) { tick("") })
			cancel()
			for _, table := range []string{"archive", "segment", "source_file"} {
				if n := column[int64](s, `SELECT count(*) FROM `+table+` WHERE state = 'pending'`); n[0] != 0 {
					t.Errorf("%d rows of %s are left pending", n[0], table)
				}
			}
			if left.Load() > 0 {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		left.Store(0)
		if a, b := calm.state(), s.state(); a != b {
			t.Error(diffLines(a, b))
		}
		s.clock.Move(2 * time.Hour)
		if err := s.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		whole(t, s)
	})
}

// TestTheSameFilesTakenInAtOnceCountOnce: by one process, and by two over one database.
func TestTheSameFilesTakenInAtOnceCountOnce(t *testing.T) {
	calm := lone(t)
	calm.take(crashFiles()...)
	want := calm.state()
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		dir := t.TempDir()
		a := newStation(t, dbtest.Open(t, url, world, audit.Recorder(clock.Real())), file.OS{}, dir, nil)
		b := newStation(t, dbtest.Open(t, url, world, audit.Recorder(clock.Real())), file.OS{}, dir, nil)
		var wg sync.WaitGroup
		var taken [3]event.Summary
		for i, s := range []*station{a, a, b} {
			wg.Go(func() {
				var err error
				if taken[i], err = s.Take(context.Background(), identity.LocalActor, "shadowserver", crashFiles(), nil); err != nil {
					t.Errorf("intake %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if got := a.state(); got != want {
			t.Error(diffLines(want, got))
		}
		n := len(crashFiles())
		for i, sum := range taken {
			if sum.Files != n || len(sum.Outcomes) != n {
				t.Errorf("intake %d tells of %d files, not %d", i, sum.Files, n)
			}
			for _, o := range sum.Outcomes {
				if o.FileID == 0 || o.State == event.Failed {
					t.Errorf("intake %d: %+v", i, o)
				}
			}
		}
		if n := column[int64](a, `SELECT count(*) FROM source_file`); n[0] != int64(len(crashFiles())) {
			t.Errorf("%d files are recorded, want %d", n[0], len(crashFiles()))
		}
		a.check()
		a.clock.Move(2 * time.Hour)
		if err := a.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		whole(t, a)
	})
}

// TestOlderFilesTakenInAtOnce: none of them counts, and still each is recorded once.
func TestOlderFilesTakenInAtOnce(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		name, content := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high")
		s.take(issued(name, content, 9))
		before := s.state()
		var olds []event.Source
		for i := range 4 {
			_, old := report("2026-01-02", "scan_ftp", "nation", fmt.Sprintf("192.0.2.%d 21 low", i+2))
			olds = append(olds, issued(name, old, int64(i)))
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.Take(context.Background(), identity.LocalActor, "shadowserver", olds, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if after := s.state(); before != after {
			t.Error(diffLines(before, after))
		}
		if n := column[int64](s, `SELECT count(*) FROM source_file`); n[0] != 5 {
			t.Errorf("%d files are recorded, want 5", n[0])
		}
	})
}

// TestAFileForADayThatRetentionTookFailsAlone: the day cannot be read together with what is gone; the others are taken in.
func TestAFileForADayThatRetentionTookFailsAlone(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		name, content := report("2025-01-02", "scan_ftp", "nation", "192.0.2.1 21 high")
		s.take(text(name, content))
		if err := s.Retire(context.Background(), event.Retention{Archive: 30}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Sweep(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		before := s.open()
		_, other := report("2025-01-02", "scan_ftp", "bank", "192.0.2.2 21 high")
		good, fresh := report("2025-01-02", "scan_smb", "nation", "192.0.2.3 445 high")
		sum := s.take(text("2025-01-02-scan_ftp-bank.csv", other), text(good, fresh))
		if len(sum.Failures()) != 1 || sum.Files != 2 || !strings.Contains(sum.Failures()[0].Outcome, "no longer in the archive") {
			t.Fatalf("%+v", sum)
		}
		if after := s.open(); len(after) != len(before)+1 {
			t.Errorf("open: %q, before %q", after, before)
		}
		// A correction needs nothing of what it supersedes.
		if o := s.take(issued(name, content+"2025-01-02 00:01:00,192.0.2.4,21,tcp,high\n", 9)).Outcomes[0]; o.State != event.Live || o.Events != 2 {
			t.Errorf("%+v", o)
		}
		s.check()
	})
}
