// Package file writes immutable files so that they survive a crash: written under a temporary name, synced, renamed, all
// directories above it synced. The caller's SQL transaction is the commit; see docs/adr on the file protocol.
package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// FS is the file system under a world's files. OS is the real one; the tests have one that loses what was not synced.
type FS interface {
	Create(path string) (Writer, error)
	Open(path string) (Reader, error)
	Rename(from, to string) error
	Remove(path string) error
	Mkdir(path string) error
	SyncDir(path string) error
}

// Writer is a file being written.
type Writer interface {
	io.Writer
	Sync() error
	Close() error
}

// Reader is a file being read, at any place.
type Reader interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() (int64, error)
}

// OS is the machine's file system.
type OS struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// Create implements FS; an existing file is an error.
func (OS) Create(p string) (Writer, error) {
	return os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// Open implements FS.
func (OS) Open(p string) (Reader, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(p string) error { return os.Remove(p) }

// Mkdir implements FS.
func (OS) Mkdir(p string) error { return os.Mkdir(p, 0o700) }

// SyncDir implements FS.
func (OS) SyncDir(p string) error {
	d, err := os.Open(p)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Dir is a directory of immutable files on an FS. Names are slash-separated and relative to Root.
type Dir struct {
	FS   FS
	Root string
}

// Pending is a file that is not there yet: Commit makes it durable under its name, Abort removes it.
type Pending struct {
	dir  Dir
	name string
	w    Writer
	n    int64
	done bool
}

const temporary = ".tmp"

// Path is the place of name on the file system.
func (d Dir) Path(name string) string { return filepath.Join(d.Root, filepath.FromSlash(name)) }

// above are the folders above a path, up to the one that holds Root: all that must be synced for the path to last. Who
// made a folder, this process or one that was killed before it could sync, does not matter then.
func (d Dir) above(path string) []string {
	var out []string
	top := filepath.Dir(filepath.Clean(d.Root))
	for p := filepath.Dir(path); ; p = filepath.Dir(p) {
		if out = append(out, p); p == top || p == filepath.Dir(p) {
			return out
		}
	}
}

// Create begins the file name; its parents are made. Commit syncs them.
func (d Dir) Create(name string) (*Pending, error) {
	p := d.Path(name)
	if err := d.mkdir(filepath.Dir(p)); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", name, err)
	}
	w, err := d.FS.Create(p + temporary)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return &Pending{dir: d, name: name, w: w}, nil
}

func (d Dir) mkdir(p string) error {
	err := d.FS.Mkdir(p)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(p) != p:
		if err := d.mkdir(filepath.Dir(p)); err != nil {
			return err
		}
		if err := d.FS.Mkdir(p); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	default:
		return err
	}
	return nil
}

// Write implements io.Writer.
func (p *Pending) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

// Size is how many bytes were written.
func (p *Pending) Size() int64 { return p.n }

// Commit makes the file durable; see the function Commit.
func (p *Pending) Commit() error { return Commit(p) }

// syncs is how many files are synced side by side: a journalling file system makes them durable together.
const syncs = 16

// Commit makes files durable: all are synced, then renamed, then all directories above them are synced, each once. After an error
// a file is not there, or is there whole without being durable; the caller's transaction must then name none of them.
func Commit(ps ...*Pending) error {
	if err := each(ps, (*Pending).seal); err != nil {
		for _, p := range ps {
			err = errors.Join(err, ignoreMissing(p.dir.FS.Remove(p.dir.Path(p.name)+temporary)))
		}
		return err
	}
	type place struct {
		fs   FS
		path string
	}
	var dirs []place
	for _, p := range ps {
		path := p.dir.Path(p.name)
		if err := p.dir.FS.Rename(path+temporary, path); err != nil {
			return fmt.Errorf("rename %s: %w", p.name, err)
		}
		for _, folder := range p.dir.above(path) {
			if d := (place{p.dir.FS, folder}); !slices.Contains(dirs, d) {
				dirs = append(dirs, d)
			}
		}
	}
	return each(dirs, func(d place) error { return d.fs.SyncDir(d.path) })
}

// seal syncs and closes the temporary file.
func (p *Pending) seal() error {
	p.done = true
	if err := p.w.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync %s: %w", p.name, err), p.w.Close())
	}
	if err := p.w.Close(); err != nil {
		return fmt.Errorf("close %s: %w", p.name, err)
	}
	return nil
}

func each[T any](list []T, fn func(T) error) error {
	if len(list) == 1 {
		return fn(list[0])
	}
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	slots := make(chan struct{}, syncs)
	for i, v := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = fn(v)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Abort removes what was written; after Commit it does nothing.
func (p *Pending) Abort() {
	if p.done {
		return
	}
	p.done = true
	p.w.Close()
	p.dir.FS.Remove(p.dir.Path(p.name) + temporary)
}

// Open opens the file name for reading.
func (d Dir) Open(name string) (Reader, error) { return d.FS.Open(d.Path(name)) }

// Remove deletes files, finished or temporary, and syncs their folders, each once, so that none comes back after a crash
// when nobody knows it any more. A file that is not there is no error.
func (d Dir) Remove(names ...string) error {
	var folders []string
	for _, name := range names {
		p := d.Path(name)
		for _, q := range []string{p, p + temporary} {
			if err := ignoreMissing(d.FS.Remove(q)); err != nil {
				return err
			}
		}
		if f := filepath.Dir(p); !slices.Contains(folders, f) {
			folders = append(folders, f)
		}
	}
	return each(folders, func(f string) error { return ignoreMissing(d.FS.SyncDir(f)) })
}
