package world

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// BackupProgress tells how far a backup or a restore is.
type BackupProgress struct {
	Files, FilesDone int
	Bytes, BytesDone int64
}

// BackupSummary tells what a backup did.
type BackupSummary struct {
	Files  int   `json:"files"`  // that the backup consists of, besides the records
	Copied int   `json:"copied"` // that were not there yet
	Bytes  int64 `json:"bytes"`  // copied, records included
	Pruned int   `json:"pruned"` // that no backup names any more
}

const pinLease = 10 * time.Minute

// Backup copies the world to dir while it goes on working. The records are a snapshot of one moment; the files it names are
// immutable, and only those that dir lacks are copied. A pin keeps what is retired meanwhile. The manifest is replaced last, so
// that dir holds one whole backup at any point.
func (w *World) Backup(ctx context.Context, actor act.Actor, dir string, progress func(BackupProgress)) (s BackupSummary, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fault.New(fault.Unavailable, "make the backup's directory: %w", err)
	}
	l, err := hold(dir, "backup.lock", true, "")
	if err != nil {
		return s, fault.Conflictf("another backup to %s is running", dir)
	}
	defer l.release()
	before, err := ReadManifest(dir)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return s, err
	}
	err = w.pinned(ctx, "backup to "+filepath.Base(dir), func(ctx context.Context) error {
		b := backup{w: w, dst: file.Dir{FS: file.OS{}, Root: dir}, before: before.byPath(), progress: progress}
		defer func() { s = b.summary }()
		return b.run(ctx)
	})
	if err != nil {
		return s, fmt.Errorf("back up to %s: %w", dir, err)
	}
	detail := fmt.Sprintf(`{"files":%d,"copied":%d}`, s.Files, s.Copied)
	return s, w.db.Act(ctx, act.Act{Actor: actor, Verb: "world.backup", Object: "world:" + w.Name(), Detail: detail},
		func(*db.Tx) error { return nil })
}

// pinned runs fn while a pin keeps retired files from being deleted.
func (w *World) pinned(ctx context.Context, what string, fn func(context.Context) error) (err error) {
	until := func() int64 { return w.cfg.Real.Now().Add(pinLease).UnixMicro() }
	var id int64
	err = w.db.Upkeep(ctx, func(tx *db.Tx) (err error) {
		id, err = insertPin(tx, what, until())
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(pinLease / 4)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if e := w.db.Upkeep(ctx, func(tx *db.Tx) error { return extendPin(tx, id, until()) }); e != nil {
					cancel(fmt.Errorf("renew the pin: %w", e))
				}
			}
		}
	})
	defer func() {
		cancel(nil)
		wg.Wait()
		end := context.WithoutCancel(ctx)
		err = errors.Join(err, w.db.Upkeep(end, func(tx *db.Tx) error { return deletePin(tx, id) }))
	}()
	return fn(ctx)
}

type backup struct {
	w        *World
	dst      file.Dir
	before   map[string]Entry
	progress func(BackupProgress)
	summary  BackupSummary
}

func (b *backup) run(ctx context.Context) error {
	m := Manifest{Format: manifestFormat, Created: b.w.cfg.Real.Now().Format(time.RFC3339), World: b.w.Name(),
		Engine: string(b.w.db.Engine())}
	var err error
	if m.Schema, err = b.w.db.Version(ctx); err != nil {
		return err
	}
	var files []named
	if m.Records, files, err = b.records(ctx); err != nil {
		return err
	}
	b.summary.Bytes = m.Records.Size
	if m.Files, err = b.files(ctx, files); err != nil {
		return err
	}
	if err := m.write(b.dst); err != nil {
		return err
	}
	return b.prune(m.byPath())
}

// records writes the snapshot under a name of its own and lists the files it names.
func (b *backup) records(ctx context.Context) (e Entry, files []named, err error) {
	name := recordsDir + "/" + rand.Text() // a name of its own: the snapshot before stays until the manifest names this one
	if b.w.db.Engine() == db.PostgreSQL {
		return b.dump(ctx, name+".copy")
	}
	tmp, err := os.MkdirTemp(filepath.Join(b.w.Dir(), tmpDir), "backup-")
	if err != nil {
		return e, nil, err
	}
	defer os.RemoveAll(tmp)
	path := filepath.Join(tmp, databaseFile)
	if err := b.w.db.Snapshot(ctx, path); err != nil {
		return e, nil, err
	}
	snapshot, err := db.Open(ctx, path, b.w.Name(), audit.Recorder(b.w.cfg.Clock))
	if err != nil {
		return e, nil, err
	}
	err = snapshot.View(ctx, func(tx *db.Tx) (err error) {
		files, err = namedFiles(tx)
		return err
	})
	if err = errors.Join(err, snapshot.Close()); err != nil {
		return e, nil, err
	}
	r, err := os.Open(path)
	if err != nil {
		return e, nil, err
	}
	defer r.Close()
	e, err = put(b.dst, name+".db", r)
	return e, files, err
}

func (b *backup) files(ctx context.Context, files []named) ([]Entry, error) {
	p := BackupProgress{Files: len(files)}
	for _, f := range files {
		p.Bytes += f.size
	}
	src := file.Dir{FS: file.OS{}, Root: b.w.Dir()}
	entries := make([]Entry, 0, len(files))
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		e, err := b.one(src, f)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		b.summary.Files++
		p.FilesDone++
		p.BytesDone += f.size
		if b.progress != nil {
			b.progress(p)
		}
	}
	return entries, nil
}

// one copies a file unless the backup has it: by its manifest, or whole from a backup that was interrupted.
func (b *backup) one(src file.Dir, f named) (Entry, error) {
	name := filesDir + "/" + f.path
	if st, err := os.Stat(b.dst.Path(name)); err == nil && st.Size() == f.size {
		if e, ok := b.before[name]; ok && e.Size == f.size {
			return e, nil
		}
		return hashed(b.dst, name)
	}
	r, err := src.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, fault.New(fault.Internal, "the records name %s, which is not there: run tocsin check", f.path)
	}
	if err != nil {
		return Entry{}, err
	}
	defer r.Close()
	e, err := put(b.dst, name, r)
	b.summary.Copied++
	b.summary.Bytes += e.Size
	return e, err
}

// prune deletes what the new manifest does not name; a crash before it is done leaves files that the next backup deletes.
func (b *backup) prune(keep map[string]Entry) error {
	for _, top := range []string{recordsDir, filesDir} {
		err := filepath.WalkDir(b.dst.Path(top), func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && e.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(b.dst.Root, path)
			if err != nil {
				return err
			}
			if _, ok := keep[filepath.ToSlash(rel)]; ok || strings.HasPrefix(e.Name(), ".") {
				return nil
			}
			b.summary.Pruned++
			return os.Remove(path)
		})
		if err != nil {
			return fmt.Errorf("delete what no backup names: %w", err)
		}
	}
	return nil
}
