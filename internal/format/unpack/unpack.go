// Package unpack opens files as they come: plain, gzip (also of several members) or zip, told apart by their first bytes
// and not by their names. What a zip holds are files of their own. It holds decompression bombs off; what is inside a file
// is its callers' business, and archives in archives are not opened.
package unpack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
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
	a, err := unpack(src, limits)
	if err != nil {
		return err
	}
	defer a.close()
	for k := range a.len() {
		m := a.member(k)
		err := fn(m.Member)
		m.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// OpenMember opens the file number k, from 0, of those that Each gives, without reading those before it. The limit of
// bytes is this member's own.
func OpenMember(src Source, limits Limits, k int) (io.ReadCloser, error) {
	a, err := unpack(src, limits)
	if err != nil {
		return nil, err
	}
	if k < 0 || k >= a.len() {
		a.close()
		return nil, fmt.Errorf("open file %d of %s: it holds %d", k, src.Name, a.len())
	}
	m := a.member(k)
	return &opened{m.Reader, m, a}, nil
}

type opened struct {
	io.Reader
	member  member
	archive *archive
}

// Close closes the member and its source.
func (o *opened) Close() error {
	o.member.close()
	return o.archive.close()
}

// archive is an open source: a zip, or one file that is its only member.
type archive struct {
	name    string
	limits  Limits
	budget  int64 // decompressed bytes left
	members []*zip.File
	single  io.Reader // nil for a zip
	close   func() error
}

func (a *archive) len() int {
	if a.single != nil {
		return 1
	}
	return len(a.members)
}

type member struct {
	Member
	close func()
}

func (a *archive) member(k int) member {
	if a.single != nil {
		return member{Member{Name: a.name, Reader: a.single}, func() {}}
	}
	f := a.members[k]
	g := &guard{name: a.name, member: BaseName(f.Name), limits: a.limits, budget: &a.budget, packed: func() int64 { return int64(f.CompressedSize64) }}
	m := member{Member{Name: g.member, Modified: f.Modified, Reader: g}, func() {}}
	content, err := open(f, g)
	if err != nil {
		g.err = err
		return m
	}
	g.r = content
	m.close = func() { content.Close() }
	return m
}

// unpack opens a source and looks at its first bytes.
func unpack(src Source, limits Limits) (*archive, error) {
	f, err := src.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name, err)
	}
	a := &archive{name: BaseName(src.Name), limits: limits.withDefaults(), close: f.Close}
	a.budget = a.limits.Bytes
	if err := a.open(f, src.Size); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *archive) open(f io.ReadCloser, size int64) error {
	if at, ok := f.(io.ReaderAt); ok && size >= 0 {
		head := make([]byte, 4)
		n, err := at.ReadAt(head, 0)
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s: %w", a.name, err)
		}
		if isZip(head[:n]) {
			a.members, err = directory(a.name, at, size)
			return err
		}
	}
	buffered := bufio.NewReaderSize(f, 64<<10)
	head, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read %s: %w", a.name, err)
	}
	switch {
	case isZip(head):
		spooled, size, err := spool(a.name, buffered, a.limits)
		if err != nil {
			return err
		}
		a.close = func() error {
			spooled.Close()
			os.Remove(spooled.Name())
			return f.Close()
		}
		a.members, err = directory(a.name, spooled, size)
		return err
	case isGzip(head):
		a.single = newGzip(a.name, buffered, a.limits, &a.budget)
	default:
		a.single = &guard{r: buffered, name: a.name, limits: a.limits, budget: &a.budget}
	}
	return nil
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
