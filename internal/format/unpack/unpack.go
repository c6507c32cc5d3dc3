// Package unpack opens files as they come: plain, gzip (also of several members) or zip, told apart by their first bytes
// and not by their names. What a zip holds are files of their own. It holds decompression bombs off; what is inside a file
// is its callers' business, and archives in archives are not opened.
package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// Source is a file that can be opened.
type Source struct {
	Name string
	Size int64 // in bytes, -1 when unknown
	Open func() (io.ReadCloser, error)
}

// Limits hold off bombs; a zero field has its default.
type Limits struct {
	Bytes int64 // decompressed bytes of one source, all members together; 8 GiB
	Ratio int64 // decompressed bytes per compressed byte, once there are Grace of them; 1000
	Grace int64 // 64 MiB
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 8 << 30
	}
	if l.Ratio <= 0 {
		l.Ratio = 1000
	}
	if l.Grace <= 0 {
		l.Grace = 64 << 20
	}
	return l
}

// Member is one file of a source: the source itself, or a file in a zip.
type Member struct {
	Name     string    // a base name: for a zip the member's, else the source's, suffixes kept
	Modified time.Time // what the archive says, the zero time when it does not
	Reader   io.Reader // the decompressed content, valid during the call
}

// Kind of a source's fault.
type Kind int

// The kinds.
const (
	Truncated Kind = iota + 1 // compressed data ends too early
	Damaged                   // compressed data or an archive's directory is wrong
	TooLarge                  // over a limit
	Nested                    // a member is an archive itself
	Encrypted                 // a member is encrypted
)

// Error is a source that is wrong, as opposed to one that could not be read.
type Error struct {
	Kind   Kind
	Name   string // of the source
	Member string // of a zip, "" else
	Reason string // what is wrong and where, for people
	Err    error  // from decompression, may be nil
}

// Error is "source: member: reason".
func (e *Error) Error() string {
	if e.Member != "" {
		return e.Name + ": " + e.Member + ": " + e.Reason
	}
	return e.Name + ": " + e.Reason
}

// Unwrap is what decompression said.
func (e *Error) Unwrap() error { return e.Err }

// IsError reports whether err is about a source that is wrong.
func IsError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// Each calls fn for every file in src, one after the other, and stops at its first error. A wrong member fails when its
// Reader is read, with an *Error, so that fn can go on with the others.
func Each(src Source, limits Limits, fn func(Member) error) error {
	limits = limits.withDefaults()
	f, err := src.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", src.Name, err)
	}
	defer f.Close()
	name := BaseName(src.Name)
	budget := limits.Bytes
	if at, ok := f.(io.ReaderAt); ok && src.Size >= 0 {
		head := make([]byte, 4)
		n, err := at.ReadAt(head, 0)
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s: %w", src.Name, err)
		}
		if isZip(head[:n]) {
			return eachOfZip(name, at, src.Size, limits, &budget, fn)
		}
	}
	buffered := bufio.NewReaderSize(f, 64<<10)
	head, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read %s: %w", src.Name, err)
	}
	switch {
	case isZip(head):
		at, size, remove, err := spool(name, buffered, limits)
		if err != nil {
			return err
		}
		defer remove()
		return eachOfZip(name, at, size, limits, &budget, fn)
	case isGzip(head):
		return fn(Member{Name: name, Reader: newGzip(name, "", buffered, limits, &budget)})
	}
	return fn(Member{Name: name, Reader: &guard{r: buffered, name: name, limits: limits, budget: &budget}})
}

// isZip also knows the archive that holds nothing.
func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte("\x1f\x8b")) }

// BaseName is a name without folders, of either system, control characters and leading dots; "unnamed" when nothing is
// left. Invalid UTF-8 becomes U+FFFD.
func BaseName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' {
			return -1
		}
		return r
	}, name)
	name = strings.TrimLeft(name, ".")
	if i := strings.LastIndexByte(name, ':'); i == 1 { // a drive
		name = name[2:]
	}
	if name == "" {
		return "unnamed"
	}
	return name
}
