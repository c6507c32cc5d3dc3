package event_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// TestMain is also the process that the crash tests kill: it takes the crash test's files in.
func TestMain(m *testing.M) {
	if os.Getenv("TOCSIN_CRASH_URL") != "" {
		if err := crashChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Lookup("rapid.checks").Value.Set("25") // every check is two whole intakes, durable; -rapid.checks asks for more
	os.Exit(m.Run())
}

// mortal kills its process at a named step, or at the n-th operation on files or step, whichever is asked for.
type mortal struct {
	file.OS
	at    int64 // operation; 0 never
	step  string
	nth   int64 // which occurrence of the step
	ops   atomic.Int64
	steps atomic.Int64
}

func (m *mortal) op() {
	if n := m.ops.Add(1); n == m.at {
		die()
	}
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (m *mortal) named(name string) {
	m.op()
	if name == m.step && m.steps.Add(1) == m.nth {
		die()
	}
}

type mortalWriter struct {
	file.Writer
	m *mortal
}

func (w mortalWriter) Write(b []byte) (int, error) { w.m.op(); return w.Writer.Write(b) }
func (w mortalWriter) Sync() error                 { w.m.op(); return w.Writer.Sync() }

func (m *mortal) Create(p string) (file.Writer, error) {
	m.op()
	w, err := m.OS.Create(p)
	return mortalWriter{w, m}, err
}
func (m *mortal) Rename(a, b string) error { m.op(); return m.OS.Rename(a, b) }
func (m *mortal) Remove(p string) error    { m.op(); return m.OS.Remove(p) }
func (m *mortal) SyncDir(p string) error   { m.op(); return m.OS.SyncDir(p) }

// crashFiles are twelve days of three types with a late day, a correction and a second subscription: every path of
// intake, and enough segments to compact.
func crashFiles() []event.Source {
	var out []event.Source
	r := rand.New(rand.NewPCG(7, 7))
	add := func(day int, typ, list string, at int64) {
		var rows []string
		for a := range 40 {
			if r.IntN(4) > 0 {
				rows = append(rows, fmt.Sprintf("192.0.2.%d %d high", a, 1+a%3))
			}
		}
		name, content := report(fmt.Sprintf("2026-01-%02d", day), typ, list, rows...)
		out = append(out, issued(name, content, at))
	}
	for d := 1; d <= 12; d++ {
		for _, typ := range []string{"scan_ftp", "event4_sinkhole", "scan_smb"} {
			if d != 5 || typ != "scan_ftp" {
				add(d, typ, "nation", 1)
			}
		}
	}
	add(5, "scan_ftp", "nation", 1)
	add(7, "scan_smb", "nation", 2)
	add(9, "scan_smb", "bank", 1)
	return out
}

func crashChild() error {
	ctx := context.Background()
	num := func(name string) int64 { n, _ := strconv.ParseInt(os.Getenv(name), 10, 64); return n }
	m := &mortal{at: num("TOCSIN_CRASH_OP"), step: os.Getenv("TOCSIN_CRASH_STEP"), nth: num("TOCSIN_CRASH_NTH")}
	d, err := db.Open(ctx, os.Getenv("TOCSIN_CRASH_URL"), os.Getenv("TOCSIN_CRASH_WORLD"), audit.Recorder(clock.Real()))
	if err != nil {
		return err
	}
	defer d.Close()
	s := newStation(fatal{}, d, m, os.Getenv("TOCSIN_CRASH_DIR"), m.named)
	files := crashFiles()
	for len(files) > 0 { // day by day, as they come
		n := min(3, len(files))
		if _, err := s.Take(ctx, identity.LocalActor, "shadowserver", files[:n], nil); err != nil {
			return err
		}
		files = files[n:]
	}
	s.clock.Move(time.Hour) // leases and graces are over
	if err := s.Sweep(ctx); err != nil {
		return err
	}
	fmt.Println(m.ops.Load())
	return nil
}

// fatal is a testing.TB for the child, which has no test.
type fatal struct{ testing.TB }

func (fatal) Helper()           {}
func (fatal) Fatal(args ...any) { fmt.Fprintln(os.Stderr, args...); os.Exit(1) }

// child runs the process; killed tells whether it died by SIGKILL.
func child(t *testing.T, url, world, dir string, env ...string) (killed bool, ops int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "TOCSIN_CRASH_URL="+url, "TOCSIN_CRASH_WORLD="+world, "TOCSIN_CRASH_DIR="+dir)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true, 0
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ops, _ = strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return false, ops
}

var steps = []string{"pending", "archived", "segment written", "before commit", "in the transaction", "committed",
	"compaction pending", "compaction written", "compaction committed", "condemned", "swept"}

func TestKilledAtAnyPointNothingIsLostOrDoubled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts more than a hundred processes; leave out -short to run it")
	}
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		place := func(t *testing.T, i int) (string, string, string) {
			if strings.HasPrefix(url, "postgres") {
				u, w := dbtest.Postgres(t)
				return u, w, t.TempDir()
			}
			dir := t.TempDir()
			return filepath.Join(dir, "tocsin.db"), world, dir
		}
		u, w, dir := place(t, 0)
		_, ops := child(t, u, w, dir)
		want := inspect(t, u, w, dir)
		var points [][]string
		for _, step := range steps {
			points = append(points, []string{"TOCSIN_CRASH_STEP=" + step, "TOCSIN_CRASH_NTH=1"})
		}
		r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
		for range 50 {
			points = append(points, []string{fmt.Sprintf("TOCSIN_CRASH_OP=%d", 1+r.Int64N(ops))})
		}
		for i, p := range points {
			t.Run(strings.ReplaceAll(p[0], " ", "_"), func(t *testing.T) {
				t.Parallel() // the processes wait for the disk most of the time
				u, w, dir := place(t, i)
				if killed, _ := child(t, u, w, dir, p...); !killed && i < len(steps) {
					t.Fatalf("the process never came to the step")
				}
				child(t, u, w, dir)
				if got := inspect(t, u, w, dir); got != want {
					t.Errorf("after the crash:\n%s", diffLines(want, got))
				}
			})
		}
	})
}

// inspect is the state, and checks that exactly the files are there that the database names.
func inspect(t *testing.T, url, world, dir string) string {
	t.Helper()
	d := dbtest.Open(t, url, world, audit.Recorder(clock.Real()))
	defer d.Close()
	s := newStation(t, d, file.OS{}, dir, nil)
	s.clock.Move(2 * time.Hour)
	ctx := context.Background()
	for range 2 {
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var named, there []string
	err := d.View(ctx, func(tx *db.Tx) error {
		return tx.Each(`SELECT 'archive/' || path FROM archive UNION ALL SELECT 'segments/' || path FROM segment`, nil,
			func(scan func(...any) error) error {
				var p string
				err := scan(&p)
				named = append(named, p)
				return err
			})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"archive", "segments"} {
		err := filepath.WalkDir(filepath.Join(dir, root), func(p string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				p, err = filepath.Rel(dir, p)
				there = append(there, filepath.ToSlash(p))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(named)
	slices.Sort(there)
	if !slices.Equal(named, there) {
		t.Errorf("files named by the database and files on disk differ:\n%s", diffLines(strings.Join(named, "\n"), strings.Join(there, "\n")))
	}
	return s.state()
}
