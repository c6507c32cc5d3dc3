package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// watched notes the operations that make a file last.
type watched struct {
	OS
	mu  sync.Mutex
	ops []string
}

func (w *watched) note(op, p string) { w.mu.Lock(); w.ops = append(w.ops, op+" "+p); w.mu.Unlock() }

func (w *watched) Rename(a, b string) error { w.note("rename", b); return w.OS.Rename(a, b) }
func (w *watched) SyncDir(p string) error   { w.note("sync", p); return w.OS.SyncDir(p) }

// TestCommitSyncsEveryFolderAbove also when somebody else made the folder and may not have synced it.
func TestCommitSyncsEveryFolderAbove(t *testing.T) {
	top := t.TempDir()
	if err := os.MkdirAll(filepath.Join(top, "archive", "day"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := &watched{}
	d := Dir{w, filepath.Join(top, "archive")}
	var ps []*Pending
	for _, name := range []string{"day/a", "day/b", "other/deep/c"} {
		p, err := d.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	if err := Commit(ps...); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"", "archive", "archive/day", "archive/other", "archive/other/deep"} {
		op := "sync " + filepath.Join(top, folder)
		if n := len(slices.DeleteFunc(slices.Clone(w.ops), func(o string) bool { return o != op })); n != 1 {
			t.Errorf("%d times %s", n, op)
		}
	}
	last := 0
	for i, o := range w.ops {
		if strings.HasPrefix(o, "rename") {
			last = i
		}
	}
	if first := slices.IndexFunc(w.ops, func(o string) bool { return strings.HasPrefix(o, "sync") }); first < last {
		t.Errorf("a folder was synced before the last rename: %q", w.ops)
	}
}

func TestRemovedFilesAreGoneForGood(t *testing.T) {
	w := &watched{}
	d := Dir{w, t.TempDir()}
	p, err := d.Create("day/a")
	if err == nil {
		err = p.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.ops = nil
	if err := d.Remove("day/a", "day/none", "nowhere/at/all"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open("day/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if !slices.Contains(w.ops, "sync "+d.Path("day")) {
		t.Errorf("its folder was not synced: %q", w.ops)
	}
	p, err = d.Create("day/b")
	if err != nil {
		t.Fatal(err)
	}
	p.Abort()
	if es, err := os.ReadDir(d.Path("day")); err != nil || len(es) != 0 {
		t.Errorf("an aborted file left %v (%v)", es, err)
	}
}
