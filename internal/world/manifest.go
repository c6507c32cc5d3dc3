package world

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// Manifest says what a backup consists of. It is written last: a backup that was interrupted still is the one before it.
type Manifest struct {
	Format  int     `json:"format"`
	Created string  `json:"created"` // RFC 3339, UTC
	World   string  `json:"world"`
	Engine  string  `json:"engine"` // sqlite, postgres
	Schema  int64   `json:"schema"`
	Records Entry   `json:"records"`
	Files   []Entry `json:"files"`
}

// Entry is one file of a backup.
type Entry struct {
	Path   string `json:"path"` // slash-separated, relative to the backup
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

const (
	manifestFile   = "manifest.json"
	manifestFormat = 1
	recordsDir     = "records"
	filesDir       = "files"
)

// ReadManifest reads the manifest of the backup in dir. A directory without one is a fault of kind NotFound.
func ReadManifest(dir string) (m Manifest, err error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fault.NotFoundf("%s is no backup: it has no %s", dir, manifestFile)
	}
	if err != nil {
		return m, fault.New(fault.Unavailable, "read the backup: %w", err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fault.Invalidf("%s of the backup is damaged: %w", manifestFile, err)
	}
	if m.Format != manifestFormat {
		return m, fault.Invalidf("the backup has format %d, this version of Tocsin reads %d", m.Format, manifestFormat)
	}
	for _, e := range append([]Entry{m.Records}, m.Files...) {
		if !filepath.IsLocal(filepath.FromSlash(e.Path)) {
			return m, fault.Invalidf("%s names %q, which is outside the backup", manifestFile, e.Path)
		}
	}
	return m, nil
}

func (m Manifest) write(d file.Dir) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	_, err = put(d, manifestFile, bytes.NewReader(append(data, '\n')))
	return err
}

func (m Manifest) byPath() map[string]Entry {
	out := map[string]Entry{}
	for _, e := range append([]Entry{m.Records}, m.Files...) {
		out[e.Path] = e
	}
	return out
}

// put writes a durable file and returns its entry; it replaces one that is there at once or not at all.
func put(d file.Dir, name string, r io.Reader) (e Entry, err error) {
	if err := d.FS.Remove(d.Path(name) + ".tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	p, err := d.Create(name)
	if err != nil {
		return e, err
	}
	defer p.Abort()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(p, h), r)
	if err != nil {
		return e, fmt.Errorf("write %s: %w", name, err)
	}
	return Entry{Path: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, p.Commit()
}

// hashed reads a file that is there.
func hashed(d file.Dir, name string) (e Entry, err error) {
	r, err := d.Open(name)
	if err != nil {
		return e, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	return Entry{Path: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// verify compares a file of the backup with its entry.
func (e Entry) verify(d file.Dir) error {
	got, err := hashed(d, e.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Invalidf("the backup lacks %s", e.Path)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "read %s: %w", e.Path, err)
	}
	return e.same(got)
}

func (e Entry) same(got Entry) error {
	if got.Size != e.Size || !strings.EqualFold(got.SHA256, e.SHA256) {
		return fault.Invalidf("%s is damaged: it has %d bytes and SHA-256 %s, its manifest says %d and %s", e.Path, got.Size, got.SHA256, e.Size, e.SHA256)
	}
	return nil
}
