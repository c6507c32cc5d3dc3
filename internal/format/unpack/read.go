package unpack

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// guard passes a content on until a limit is reached.
type guard struct {
	r            io.Reader
	name, member string
	limits       Limits
	budget       *int64       // decompressed bytes left for the whole source
	packed       func() int64 // compressed bytes so far or in all, nil when nothing is compressed
	out          int64
	err          error
}

func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	g.out += int64(n)
	*g.budget -= int64(n)
	switch {
	case *g.budget < 0:
		g.err = g.fault(TooLarge, nil, "more than %d bytes of content, the limit", g.limits.Bytes)
	case g.packed != nil && g.out > g.limits.Grace && g.out/g.limits.Ratio > g.packed():
		g.err = g.fault(TooLarge, nil, "%d compressed bytes hold more than %d: over %d to 1, a decompression bomb", g.packed(), g.out, g.limits.Ratio)
	case err == io.EOF:
		g.err = io.EOF
	case err != nil:
		g.err = g.explain(err)
	}
	if g.err != nil && g.err != io.EOF {
		return 0, g.err
	}
	return n, g.err
}

func (g *guard) fault(k Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: k, Name: g.name, Member: g.member, Reason: fmt.Sprintf(format, args...), Err: err}
}

// explain tells wrong content from a file that cannot be read.
func (g *guard) explain(err error) error {
	if g.packed == nil {
		return fmt.Errorf("read %s: %w", g.name, err)
	}
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return g.fault(Truncated, err, "truncated: the compressed data ends after %d bytes (%d decompressed) without its end mark", g.packed(), g.out)
	case errors.Is(err, gzip.ErrHeader):
		return g.fault(Damaged, err, "damaged: what follows %d decompressed bytes is no gzip data", g.out)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zip.ErrChecksum):
		return g.fault(Damaged, err, "damaged: the checksum after %d decompressed bytes is wrong", g.out)
	case errors.Is(err, zip.ErrFormat), errors.As(err, &corrupt):
		return g.fault(Damaged, err, "damaged: the compressed data is wrong after about %d decompressed bytes", g.out)
	}
	return fmt.Errorf("read %s: %w", g.name, err)
}

// counter counts what is taken from a buffered reader, byte by byte as flate likes it.
type counter struct {
	r *bufio.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// lazyGzip reads the first header when the content is first read, so that a wrong one is the content's fault.
type lazyGzip struct {
	from *counter
	zip  *gzip.Reader
}

func (l *lazyGzip) Read(p []byte) (int, error) {
	if l.zip == nil {
		z, err := gzip.NewReader(l.from)
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		l.zip = z
	}
	return l.zip.Read(p)
}

func newGzip(name string, r *bufio.Reader, limits Limits, budget *int64) *guard {
	c := &counter{r: r}
	return &guard{r: &lazyGzip{from: c}, name: name, limits: limits, budget: budget, packed: func() int64 { return c.n }}
}

// spool puts a zip that cannot be read at will into a temporary file.
func spool(name string, r io.Reader, limits Limits) (f *os.File, size int64, err error) {
	f, err = os.CreateTemp("", "tocsin-unpack-*.zip")
	if err != nil {
		return nil, 0, fmt.Errorf("unpack %s: %w", name, err)
	}
	size, err = io.Copy(f, io.LimitReader(r, limits.Bytes+1))
	if err == nil && size > limits.Bytes {
		err = &Error{Kind: TooLarge, Name: name, Reason: fmt.Sprintf("more than %d bytes, the limit", limits.Bytes)}
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, 0, fmt.Errorf("unpack %s: %w", name, err)
	}
	return f, size, nil
}

// mostMembers bounds a zip's directory.
const mostMembers = 100_000

// directory lists a zip's files, folders left out.
func directory(name string, at io.ReaderAt, size int64) ([]*zip.File, error) {
	z, err := zip.NewReader(at, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, &Error{Kind: Truncated, Name: name, Reason: fmt.Sprintf("damaged or truncated: a zip of %d bytes whose directory, at its end, cannot be read", size), Err: err}
		}
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(z.File) > mostMembers {
		return nil, &Error{Kind: TooLarge, Name: name, Reason: fmt.Sprintf("holds %d files; the limit is %d", len(z.File), mostMembers)}
	}
	return slices.DeleteFunc(z.File, func(f *zip.File) bool { return f.FileInfo().IsDir() }), nil
}

// open opens a member unless it is one that is not read.
func open(f *zip.File, g *guard) (io.ReadCloser, error) {
	if f.Flags&1 != 0 {
		return nil, g.fault(Encrypted, nil, "encrypted: decrypt it first")
	}
	content, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, g.fault(Damaged, err, "compressed by method %d, which is not known: use deflate", f.Method)
	}
	if err != nil {
		return nil, g.explain(err)
	}
	buffered := bufio.NewReaderSize(content, 4<<10)
	if head, _ := buffered.Peek(4); isZip(head) || isGzip(head) {
		content.Close()
		return nil, g.fault(Nested, nil, "an archive in an archive: unpack it first")
	}
	return struct {
		io.Reader
		io.Closer
	}{buffered, content}, nil
}
