package collect

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/platform/fault"
)

func write(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func in(t *testing.T, dir string) (names []string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names
}

func TestFileIsTakenAfterTwoEqualLooks(t *testing.T) {
	b := oneBench(t)
	f, dir := folderFeed(t, "every 1m")
	f = b.save(t, f)
	collect := func() {
		t.Helper()
		if err := b.Collect(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	a, at := filepath.Join(dir, "a.csv"), time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	write(t, a, "1", at)
	write(t, filepath.Join(dir, ".hidden"), "1", at)
	write(t, filepath.Join(dir, "b.csv.part"), "1", at)
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link.csv")); err != nil {
		t.Fatal(err)
	}
	collect()
	b.intake.takes(t)
	write(t, a, "12", at) // still being written
	collect()
	b.intake.takes(t)
	collect()
	b.intake.takes(t, "a.csv")
	if b.intake.text["a.csv"] != "12" || !b.intake.issued["a.csv"].Equal(at) {
		t.Errorf("took %q of %s", b.intake.text["a.csv"], b.intake.issued["a.csv"])
	}
	collect()
	b.intake.takes(t) // remembered
	write(t, a, "13", at.Add(time.Hour))
	collect()
	collect()
	b.intake.takes(t, "a.csv") // a correction
	if s := b.state(t, f); len(s.Marks) != 1 || !s.Marks["a.csv"].Taken {
		t.Errorf("remembers %+v", s.Marks)
	}
	os.Remove(a)
	collect()
	if s := b.state(t, f); len(s.Marks) != 0 {
		t.Errorf("remembers what is gone: %+v", s.Marks)
	}
}

func TestFilesArePutAway(t *testing.T) {
	b := oneBench(t)
	f, dir := folderFeed(t, "every 1m")
	done, bad := filepath.Join(dir, "done"), filepath.Join(dir, "failed")
	f.Collector.Folder.Done, f.Collector.Folder.Failed = done, bad
	f = b.save(t, f)
	for range 2 { // the second round finds the names taken
		write(t, filepath.Join(dir, "a.csv"), "1", b.now.Now())
		write(t, filepath.Join(dir, "bad.csv"), "1", b.now.Now())
		for range 2 {
			if err := b.Collect(context.Background(), f); err != nil {
				t.Fatal(err)
			}
		}
		b.intake.takes(t, "a.csv", "bad.csv")
		b.now.Move(time.Minute)
	}
	if got := in(t, done); !slices.Equal(got, []string{"a.1.csv", "a.csv"}) {
		t.Errorf("done: %q", got)
	}
	if got := in(t, bad); !slices.Equal(got, []string{"bad.1.csv", "bad.csv"}) {
		t.Errorf("failed: %q", got)
	}
	if s := b.state(t, f); s.Taken != 2 || !strings.Contains(strings.Join(s.Problems, ""), "bad.csv could not be taken in: it is bad") {
		t.Errorf("tells %+v", s)
	}
}

func TestUnreadableFolderAndFileAreTold(t *testing.T) {
	b := oneBench(t)
	f, dir := folderFeed(t, "every 1m")
	f = b.save(t, f)
	write(t, filepath.Join(dir, "a.csv"), "1", b.now.Now())
	if err := b.Collect(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 { // root reads everything
		os.Chmod(filepath.Join(dir, "a.csv"), 0)
		if err := b.Collect(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		if s := b.state(t, f); !strings.Contains(strings.Join(s.Problems, ""), "a.csv cannot be read") {
			t.Errorf("tells %+v", s)
		}
	}
	os.RemoveAll(dir)
	err := b.Collect(context.Background(), f)
	if s := b.state(t, f); err == nil || len(s.Problems) != 1 {
		t.Errorf("a folder that is gone: %v, %+v", err, s)
	}
}

func TestBrokenIntakeIsTriedAgain(t *testing.T) {
	b := oneBench(t)
	f, dir := folderFeed(t, "every 1m")
	f = b.save(t, f)
	write(t, filepath.Join(dir, "a.csv"), "1", b.now.Now())
	b.Collect(context.Background(), f)
	b.intake.broken = os.ErrDeadlineExceeded
	if err := b.Collect(context.Background(), f); err == nil {
		t.Error("no error")
	}
	b.intake.broken = nil
	if err := b.Collect(context.Background(), f); err != nil {
		t.Error(err)
	}
	b.intake.takes(t, "a.csv")
}

func TestAFolderThatOverlapsTheDataDirectoryIsRefused(t *testing.T) {
	b := oneBench(t)
	own := filepath.Dir(string(b.Spool))
	inner := filepath.Join(own, "archive")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &session{Collector: b.Collector}
	for _, f := range []string{own, inner, "/", filepath.Dir(own)} {
		if err := s.apart(f); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", f, err)
		}
	}
	if err := s.apart(t.TempDir(), ""); err != nil {
		t.Error(err)
	}
}

func TestAPipeInAFolderIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "a.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := openRegular(root, "a.csv"); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
