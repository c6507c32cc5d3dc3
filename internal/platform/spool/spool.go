// Package spool holds a stream in a temporary file while it is worked on. The file has no name from the beginning, so that
// a crash leaves nothing behind and nobody else can read it.
package spool

import (
	"errors"
	"fmt"
	"io"
	"os"

	"tocsin/internal/platform/fault"
)

// Dir is where temporary files are made: on the file system of the world's data, because /tmp may be small.
type Dir string

// File is one held stream: written once, then read as often as needed.
type File struct {
	f     *os.File
	named string // on systems that cannot remove an open file; "" elsewhere
	size  int64
	limit int64
}

// Create begins a file of at most limit bytes; the directory is made when it is not there.
func (d Dir) Create(limit int64) (*File, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for temporary files: %w", err)
	}
	f, err := os.CreateTemp(string(d), "spool-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	s := &File{f: f, limit: limit}
	if err := os.Remove(f.Name()); err != nil {
		s.named = f.Name()
	}
	return s, nil
}

// Hold copies r into a new file. A longer stream than limit is a fault of kind Invalid.
func (d Dir) Hold(r io.Reader, limit int64) (*File, error) {
	f, err := d.Create(limit)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	if f.size+int64(len(p)) > f.limit {
		return 0, fault.Invalidf("the content is larger than the limit of %d bytes", f.limit)
	}
	n, err := f.f.Write(p)
	f.size += int64(n)
	return n, err
}

// Size is how many bytes were written.
func (f *File) Size() int64 { return f.size }

// Open reads the file from its beginning; several readers do not disturb each other, and end with Close of the file.
func (f *File) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(f.f, 0, f.size)), nil
}

// Close gives the file up.
func (f *File) Close() error {
	err := f.f.Close()
	if f.named != "" {
		err = errors.Join(err, os.Remove(f.named))
	}
	return err
}
