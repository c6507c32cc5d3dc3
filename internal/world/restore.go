package world

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/config"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// restoring marks a data directory whose restore has not ended; nobody opens it.
const restoring = "restore-not-finished"

// Restore makes the world of cfg from the backup in dir. The data directory must be empty or absent, a PostgreSQL world must
// not have been written to. Every file is compared with the manifest as it is copied; a damaged backup restores nothing
// that could be taken for whole.
func Restore(ctx context.Context, actor act.Actor, cfg Config, dir string, progress func(BackupProgress)) (Manifest, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return m, err
	}
	if postgres := strings.HasPrefix(cfg.DatabaseURL, "postgres"); postgres != (m.Engine == string(db.PostgreSQL)) {
		return m, fault.Invalidf("the backup is of a world on %s: restore it to one (--database)", m.Engine)
	}
	if err := empty(cfg.Dir); err != nil {
		return m, err
	}
	if err := prepare(cfg.Dir); err != nil {
		return m, err
	}
	l, err := hold(cfg.Dir, worldLock, true, "")
	if err != nil {
		return m, err
	}
	defer l.release()
	src, dst := file.Dir{FS: file.OS{}, Root: dir}, file.Dir{FS: file.OS{}, Root: cfg.Dir}
	if _, err := put(dst, restoring, strings.NewReader("from "+dir+"\n")); err != nil {
		return m, err
	}
	if err := restoreFiles(ctx, m, src, dst, progress); err != nil {
		return m, err
	}
	if err := restoreRecords(ctx, actor, cfg, m, src, dst); err != nil {
		return m, err
	}
	if err := dst.Remove(restoring); err != nil {
		return m, err
	}
	return m, dst.FS.SyncDir(dst.Root)
}

func restoreFiles(ctx context.Context, m Manifest, src, dst file.Dir, progress func(BackupProgress)) error {
	p := BackupProgress{Files: len(m.Files)}
	for _, e := range m.Files {
		p.Bytes += e.Size
	}
	for _, e := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := restoreFile(e, strings.TrimPrefix(e.Path, filesDir+"/"), src, dst); err != nil {
			return err
		}
		p.FilesDone++
		p.BytesDone += e.Size
		if progress != nil {
			progress(p)
		}
	}
	return nil
}

func restoreFile(e Entry, name string, src, dst file.Dir) error {
	r, err := src.Open(e.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Invalidf("the backup lacks %s", e.Path)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := put(dst, name, r)
	if err != nil {
		return err
	}
	return e.same(got)
}

func restoreRecords(ctx context.Context, actor act.Actor, cfg Config, m Manifest, src, dst file.Dir) error {
	if cfg.Name == "" {
		cfg.Name = "live"
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real()
	}
	url := cfg.DatabaseURL
	if m.Engine == string(db.SQLite) {
		if url == "" {
			url = filepath.Join(cfg.Dir, databaseFile)
		}
		rel, err := filepath.Rel(cfg.Dir, strings.TrimPrefix(url, "sqlite://"))
		if err != nil || !filepath.IsLocal(rel) {
			return fault.Invalidf("restore puts the database into the data directory; leave out --database")
		}
		if err := restoreFile(m.Records, filepath.ToSlash(rel), src, dst); err != nil {
			return err
		}
	} else if err := m.Records.verify(src); err != nil {
		return err
	}
	d, err := db.Open(ctx, url, cfg.Name, audit.Recorder(cfg.Clock))
	if err != nil {
		return err
	}
	if m.Engine == string(db.PostgreSQL) {
		err = loadRecords(ctx, d, src, m.Records.Path)
	}
	if err == nil {
		err = d.Act(ctx, act.Act{Actor: actor, Verb: "world.restore", Object: "world:" + cfg.Name,
			Detail: fmt.Sprintf(`{"of":%q}`, m.Created)}, func(*db.Tx) error { return nil })
	}
	return errors.Join(err, d.Close())
}

func loadRecords(ctx context.Context, d *db.DB, src file.Dir, name string) error {
	r, err := src.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	return d.Load(ctx, r)
}

// empty wants a directory that is absent or has nothing but a configuration file.
func empty(dir string) error {
	es, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Unavailable, "read the data directory: %w", err)
	}
	for _, e := range es {
		if e.Name() != config.FileName && e.Name() != "lost+found" {
			return fault.Conflictf("the data directory %s is not empty (%s is in it): restore into an empty one", dir, e.Name())
		}
	}
	return nil
}

// whole refuses a directory whose restore was interrupted.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, restoring)); err == nil {
		return fault.Conflictf("a restore into %s has not ended: empty the directory and restore again", dir)
	}
	return nil
}
