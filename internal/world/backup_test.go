package world_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

// each runs fn on a world of every engine; again opens or restores another one on the same engine.
func each(t *testing.T, fn func(t *testing.T, cfg world.Config, another func() world.Config)) {
	now := clock.NewManual(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	t.Run("sqlite", func(t *testing.T) {
		fresh := func() world.Config {
			return world.Config{Dir: filepath.Join(t.TempDir(), "data"), Clock: now, Real: now}
		}
		fn(t, fresh(), fresh)
	})
	t.Run("postgres", func(t *testing.T) {
		fresh := func() world.Config {
			url, name := dbtest.Postgres(t)
			return world.Config{Dir: filepath.Join(t.TempDir(), "data"), DatabaseURL: url, Name: name, Clock: now, Real: now}
		}
		fn(t, fresh(), fresh)
	})
}

func open(t *testing.T, cfg world.Config) *world.World {
	t.Helper()
	w, err := world.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// plant puts a file into the archive or the segments, as intake would.
func plant(t *testing.T, w *world.World, dir, name, content string) {
	t.Helper()
	path := filepath.Join(w.Dir(), dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	err := w.DB().Upkeep(context.Background(), func(tx *db.Tx) (err error) {
		if dir == "archive" {
			_, err = tx.Exec(`INSERT INTO archive (sha256, path, size, stored, state, lease) VALUES ($1, $2, $3, $3, 'live', 0)`,
				[]byte(name), name, len(content))
		} else {
			_, err = tx.Exec(`INSERT INTO segment (path, state, lease, level, rows, bytes, day_min, day_max) VALUES ($1, 'live', 0, 0, 0, $2, 0, 0)`,
				name, len(content))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func retire(t *testing.T, w *world.World, name string) {
	t.Helper()
	if err := w.DB().Upkeep(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE segment SET state = 'condemned' WHERE path = $1`, name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestBackupIsIncrementalAndRestoresWhatItNames(t *testing.T) {
	each(t, func(t *testing.T, cfg world.Config, another func() world.Config) {
		ctx := context.Background()
		w := open(t, cfg)
		dir := filepath.Join(t.TempDir(), "backup")
		plant(t, w, "archive", "a", "evidence")
		plant(t, w, "segments", "one", "first segment")
		s, err := w.Backup(ctx, identity.LocalActor, dir, nil)
		if err != nil || s.Files != 2 || s.Copied != 2 {
			t.Fatalf("first backup: %+v %v", s, err)
		}
		plant(t, w, "segments", "two", "compacted segment")
		retire(t, w, "one")
		s, err = w.Backup(ctx, identity.LocalActor, dir, nil)
		if err != nil || s.Files != 2 || s.Copied != 1 || s.Pruned != 1+1 { // the retired segment and the older snapshot
			t.Fatalf("second backup: %+v %v", s, err)
		}
		to := another()
		if _, err := world.Restore(ctx, identity.LocalActor, to, dir, nil); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"archive/a": "evidence", "segments/two": "compacted segment"} {
			got, err := os.ReadFile(filepath.Join(to.Dir, name))
			if err != nil || string(got) != want {
				t.Errorf("%s: %q %v", name, got, err)
			}
		}
		if _, err := os.Stat(filepath.Join(to.Dir, "segments/one")); err == nil {
			t.Error("a retired segment was restored")
		}
		restored := open(t, to)
		var files int64
		if err := restored.DB().View(ctx, func(tx *db.Tx) error {
			return tx.Row(`SELECT count(*) FROM archive WHERE state = 'live'`).Scan(&files)
		}); err != nil || files != 1 {
			t.Errorf("archived files in the restored records: %d %v", files, err)
		}
		if _, err := world.Restore(ctx, identity.LocalActor, to, dir, nil); fault.KindOf(err) != fault.Conflict {
			t.Errorf("restored over a world: %v", err)
		}
	})
}

func TestDamagedBackupIsNotRestored(t *testing.T) {
	each(t, func(t *testing.T, cfg world.Config, another func() world.Config) {
		ctx := context.Background()
		w := open(t, cfg)
		dir := filepath.Join(t.TempDir(), "backup")
		plant(t, w, "segments", "one", "first segment")
		if _, err := w.Backup(ctx, identity.LocalActor, dir, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "files/segments/one"), []byte("first_segment"), 0o600); err != nil {
			t.Fatal(err)
		}
		to := another()
		if _, err := world.Restore(ctx, identity.LocalActor, to, dir, nil); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("damaged: %v", err)
		}
		if _, err := world.Open(ctx, to); fault.KindOf(err) != fault.Conflict {
			t.Errorf("what an unfinished restore left was opened: %v", err)
		}
	})
}

func TestInterruptedBackupLeavesTheOneBefore(t *testing.T) {
	each(t, func(t *testing.T, cfg world.Config, another func() world.Config) {
		ctx := context.Background()
		w := open(t, cfg)
		dir := filepath.Join(t.TempDir(), "backup")
		plant(t, w, "segments", "one", "first segment")
		if _, err := w.Backup(ctx, identity.LocalActor, dir, nil); err != nil {
			t.Fatal(err)
		}
		plant(t, w, "segments", "two", "second segment")
		plant(t, w, "segments", "three", "third segment")
		stop, cancel := context.WithCancel(ctx)
		_, err := w.Backup(stop, identity.LocalActor, dir, func(p world.BackupProgress) {
			if p.FilesDone == 2 {
				cancel()
			}
		})
		if err == nil {
			t.Fatal("was not interrupted")
		}
		if _, err := world.Restore(ctx, identity.LocalActor, another(), dir, nil); err != nil {
			t.Fatal(err)
		}
		s, err := w.Backup(ctx, identity.LocalActor, dir, nil)
		if err != nil || s.Files != 3 || s.Copied != 1 {
			t.Fatalf("the next backup: %+v %v", s, err)
		}
	})
}

func TestOneServerADirectory(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	open(t, world.Config{Dir: dir, Serve: "http://127.0.0.1:1"})
	if _, err := world.Open(ctx, world.Config{Dir: dir, Serve: "http://127.0.0.1:2"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second server: %v", err)
	}
	open(t, world.Config{Dir: dir}) // the command line works beside it
}
