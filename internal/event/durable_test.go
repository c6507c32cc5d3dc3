package event_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// forgetful is a file system in memory that promises no more than POSIX does: what was not synced, content or directory
// entry, may be gone after a crash.
type forgetful struct {
	mu   sync.Mutex
	root *node
	dead bool
	ops  int
	die  func(op int) bool // asked before every operation; it is dead from then on when it says so
}

// node is a directory, or a file when entries is nil.
type node struct {
	entries, lasting map[string]*node
	data, synced     []byte
}

func folder() *node { return &node{entries: map[string]*node{}, lasting: map[string]*node{}} }

// newForgetful has the folder /data, which is there to stay.
func newForgetful() *forgetful {
	f := &forgetful{root: folder()}
	f.root.entries["data"] = folder()
	f.root.lasting["data"] = f.root.entries["data"]
	return f
}

var errCrashed = errors.New("the machine has crashed")

// begin is called with the lock held.
func (f *forgetful) begin() error {
	f.ops++
	if !f.dead && f.die != nil && f.die(f.ops) {
		f.dead = true
	}
	if f.dead {
		return errCrashed
	}
	return nil
}

// find returns the directory of a path and the last element.
func (f *forgetful) find(op, p string) (*node, string, error) {
	d := f.root
	parts := strings.Split(strings.Trim(filepath.ToSlash(p), "/"), "/")
	for _, e := range parts[:len(parts)-1] {
		if d = d.entries[e]; d == nil || d.entries == nil {
			return nil, "", &fs.PathError{Op: op, Path: p, Err: fs.ErrNotExist}
		}
	}
	return d, parts[len(parts)-1], nil
}

func (f *forgetful) Create(p string) (file.Writer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, err
	}
	d, name, err := f.find("create", p)
	if err != nil {
		return nil, err
	}
	if d.entries[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: p, Err: fs.ErrExist}
	}
	n := &node{}
	d.entries[name] = n
	return &forgetfulFile{f: f, n: n}, nil
}

func (f *forgetful) Open(p string) (file.Reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, name, err := f.find("open", p)
	switch {
	case err != nil:
		return nil, err
	case d.entries[name] == nil:
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrNotExist}
	}
	return memory{bytes.NewReader(bytes.Clone(d.entries[name].data))}, nil
}

func (f *forgetful) Mkdir(p string) error {
	return f.change("mkdir", p, func(d *node, name string) error {
		if d.entries[name] != nil {
			return &fs.PathError{Op: "mkdir", Path: p, Err: fs.ErrExist}
		}
		d.entries[name] = folder()
		return nil
	})
}

func (f *forgetful) Remove(p string) error {
	return f.change("remove", p, func(d *node, name string) error {
		if d.entries[name] == nil {
			return &fs.PathError{Op: "remove", Path: p, Err: fs.ErrNotExist}
		}
		delete(d.entries, name)
		return nil
	})
}

func (f *forgetful) Rename(from, to string) error {
	return f.change("rename", from, func(d *node, name string) error {
		n := d.entries[name]
		e, other, err := f.find("rename", to)
		if err != nil || n == nil {
			return errors.Join(err, &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist})
		}
		delete(d.entries, name)
		e.entries[other] = n
		return nil
	})
}

func (f *forgetful) SyncDir(p string) error {
	return f.change("syncdir", filepath.Join(p, "x"), func(d *node, _ string) error {
		d.lasting = map[string]*node{}
		for k, n := range d.entries {
			d.lasting[k] = n
		}
		return nil
	})
}

func (f *forgetful) change(op, p string, fn func(d *node, name string) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return err
	}
	d, name, err := f.find(op, p)
	if err != nil {
		return err
	}
	return fn(d, name)
}

type forgetfulFile struct {
	f *forgetful
	n *node
}

func (w *forgetfulFile) Write(b []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if err := w.f.begin(); err != nil {
		return 0, err
	}
	w.n.data = append(w.n.data, b...)
	return len(b), nil
}

func (w *forgetfulFile) Sync() error {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if err := w.f.begin(); err != nil {
		return err
	}
	w.n.synced = bytes.Clone(w.n.data)
	return nil
}

func (w *forgetfulFile) Close() error { return nil }

type memory struct{ *bytes.Reader }

func (memory) Close() error           { return nil }
func (m memory) Size() (int64, error) { return m.Reader.Size(), nil }

// crash is the file system after the power came back. Of what was not synced all is gone, or what r says.
func (f *forgetful) crash(r *rand.Rand) *forgetful {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	return &forgetful{root: f.root.crash(r)}
}

func (n *node) crash(r *rand.Rand) *node {
	lost := func() bool { return r == nil || r.IntN(2) == 0 }
	if n.entries == nil {
		data := n.synced
		if !lost() {
			data = n.data[:max(len(n.synced), r.IntN(len(n.data)+1))]
		}
		return &node{data: bytes.Clone(data), synced: bytes.Clone(data)}
	}
	out := folder()
	names := map[string]bool{}
	for _, es := range []map[string]*node{n.entries, n.lasting} {
		for k := range es {
			names[k] = true
		}
	}
	for k := range names {
		c := n.lasting[k]
		if c != n.entries[k] && !lost() {
			c = n.entries[k]
		}
		if c != nil {
			c = c.crash(r)
			out.entries[k], out.lasting[k] = c, c
		}
	}
	return out
}

func (n *node) files(prefix string, out *[]string) {
	for k, c := range n.entries {
		if c.entries == nil {
			*out = append(*out, prefix+k)
		} else {
			c.files(prefix+k+"/", out)
		}
	}
}

// TestWithoutWhatWasNotSyncedNothingIsLost crashes the machine at every named step and at file operations here and there,
// while files are taken in, compacted and swept; afterwards the same files are taken in again.
func TestWithoutWhatWasNotSyncedNothingIsLost(t *testing.T) {
	calm := lone(t)
	calm.take(crashFiles()...)
	want := calm.state()
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		place := func(t *testing.T) (string, string) {
			if strings.HasPrefix(url, "postgres") {
				return dbtest.Postgres(t)
			}
			return filepath.Join(t.TempDir(), "tocsin.db"), world
		}
		for i, step := range steps {
			for nth := 1; nth <= 2; nth++ {
				t.Run(fmt.Sprintf("%s %d", step, nth), func(t *testing.T) {
					u, w := place(t)
					if crashed := crashOnce(t, u, w, want, step, nth, 0, rand.New(rand.NewPCG(uint64(i), uint64(nth)))); !crashed && nth == 1 {
						t.Error("it never came to the step")
					}
				})
			}
		}
		if u, w := place(t); !strings.HasPrefix(u, "postgres") {
			total := newForgetful()
			s := newStation(t, dbtest.Open(t, u, w, audit.Recorder(clock.Real())), total, "/data", nil)
			if err := work(s, context.Background()); err != nil {
				t.Fatal(err)
			}
			for i := range 40 {
				op := 1 + i*total.ops/40
				t.Run(fmt.Sprintf("operation %d", op), func(t *testing.T) {
					u, w := place(t)
					crashOnce(t, u, w, want, "", 0, op, nil)
				})
			}
		}
	})
}

// work takes the files in, a few at a time, and sweeps.
func work(s *station, ctx context.Context) error {
	for _, part := range [][]event.Source{crashFiles()[:20], crashFiles()} {
		if _, err := s.Take(ctx, identity.LocalActor, "shadowserver", part, nil); err != nil {
			return err
		}
	}
	s.clock.Move(time.Hour)
	return s.Sweep(ctx)
}

// crashOnce crashes at the nth time of a step or at an operation on files, and looks what is left.
func crashOnce(t *testing.T, url, world, want, step string, nth, op int, r *rand.Rand) (crashed bool) {
	t.Helper()
	before := newForgetful()
	d, err := db.Open(context.Background(), url, world, audit.Recorder(clock.Real()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var once sync.Once
	end := func() { once.Do(func() { crashed = true; cancel(); d.Close() }) } // nothing is written any more
	before.die = func(n int) bool {
		if n == op {
			end()
		}
		return n == op
	}
	var mu sync.Mutex
	seen := 0
	s := newStation(t, d, before, "/data", func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if name == step {
			if seen++; seen == nth {
				before.mu.Lock()
				before.dead = true
				before.mu.Unlock()
				end()
			}
		}
	})
	if err := work(s, ctx); err == nil && crashed && step != "swept" && step != "condemned" {
		t.Error("work went on after the crash")
	}
	d.Close()
	after := before.crash(r)
	s = newStation(t, dbtest.Open(t, url, world, audit.Recorder(clock.Real())), after, "/data", nil)
	readable(t, s)
	if err := work(s, context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := s.state(); got != want {
		t.Errorf("after the crash:\n%s", diffLines(want, got))
	}
	s.clock.Move(2 * time.Hour)
	for range 2 {
		if err := s.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	whole(t, s)
	named := column[string](s, `SELECT 'archive/' || path FROM archive UNION ALL SELECT 'segments/' || path FROM segment`)
	var there []string
	after.root.entries["data"].files("", &there)
	slices.Sort(named)
	slices.Sort(there)
	if !slices.Equal(named, there) {
		t.Errorf("the database and the file system name different files:\n%s", diffLines(strings.Join(named, "\n"), strings.Join(there, "\n")))
	}
	return crashed
}
