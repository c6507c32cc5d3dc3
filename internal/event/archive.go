package event

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"tocsin/internal/platform/file"
)

// An archived file is a row of independent Zstandard frames of blockSize bytes of content each, followed by a skippable
// frame with the index: `zstd -d` restores the file as it came, and any block can be read alone. The index is, little
// endian, per block its compressed and decompressed size (uint32 each), then the row marks: every markEvery rows the
// byte offset where that row begins (uint64), then the number of blocks and of marks (uint32 each) and indexMagic.
const (
	blockSize      = 256 << 10
	markEvery      = 256
	skippableMagic = 0x184D2A5E
	indexMagic     = 0x31435254 // "TRC1"
)

// archiver writes a file's content into the archive while somebody else reads it: it is an io.Reader that passes on what
// it reads from src.
type archiver struct {
	src   io.Reader
	dst   *file.Pending
	enc   *zstd.Encoder
	hash  hash.Hash
	block []byte
	out   []byte
	sizes []uint32
	marks []uint64
	rows  int64
	size  int64
}

func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(blockSize), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true))
}

func newArchiver(src io.Reader, dst *file.Pending, enc *zstd.Encoder) *archiver {
	return &archiver{src: src, dst: dst, enc: enc, hash: sha256.New(), block: make([]byte, 0, blockSize)}
}

// Read implements io.Reader.
func (a *archiver) Read(p []byte) (int, error) {
	n, err := a.src.Read(p)
	if n > 0 {
		a.hash.Write(p[:n])
		a.size += int64(n)
		for q := p[:n]; len(q) > 0; {
			k := min(blockSize-len(a.block), len(q))
			a.block = append(a.block, q[:k]...)
			q = q[k:]
			if len(a.block) == blockSize {
				if err := a.flush(); err != nil {
					return n, err
				}
			}
		}
	}
	return n, err
}

func (a *archiver) flush() error {
	if len(a.block) == 0 {
		return nil
	}
	a.out = a.enc.EncodeAll(a.block, a.out[:0])
	a.sizes = append(a.sizes, uint32(len(a.out)), uint32(len(a.block)))
	a.block = a.block[:0]
	_, err := a.dst.Write(a.out)
	return err
}

// row marks where a row begins, so that it can be found again.
func (a *archiver) row(offset int64) {
	if a.rows%markEvery == 0 {
		a.marks = append(a.marks, uint64(offset))
	}
	a.rows++
}

// finish writes what is left and the index; the caller commits the file.
func (a *archiver) finish() (sum [32]byte, err error) {
	if err := a.flush(); err != nil {
		return sum, err
	}
	var b bytes.Buffer
	le := binary.LittleEndian
	body := 4*len(a.sizes) + 8*len(a.marks) + 12
	binary.Write(&b, le, []uint32{skippableMagic, uint32(body)})
	binary.Write(&b, le, a.sizes)
	binary.Write(&b, le, a.marks)
	binary.Write(&b, le, []uint32{uint32(len(a.sizes) / 2), uint32(len(a.marks)), indexMagic})
	if _, err := a.dst.Write(b.Bytes()); err != nil {
		return sum, err
	}
	a.hash.Sum(sum[:0])
	return sum, nil
}

// archived is a file of the archive, open for reading.
type archived struct {
	r      file.Reader
	offset []int64 // of each block in the file, and the end
	start  []int64 // of each block in the content, and the end
	marks  []uint64
}

func openArchived(d file.Dir, name string) (*archived, error) {
	r, err := d.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the archived file: %w", err)
	}
	a := &archived{r: r}
	if err := a.readIndex(); err != nil {
		r.Close()
		return nil, fmt.Errorf("archived file %s: %w", name, err)
	}
	return a, nil
}

var errDamaged = errors.New("the archived file is damaged")

func (a *archived) readIndex() error {
	size, err := a.r.Size()
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	var tail [12]byte
	if size < 20 {
		return errDamaged
	}
	if _, err := a.r.ReadAt(tail[:], size-12); err != nil {
		return err
	}
	blocks, marks := int64(le.Uint32(tail[:])), int64(le.Uint32(tail[4:]))
	body := 8*blocks + 8*marks
	if le.Uint32(tail[8:]) != indexMagic || body+20 > size {
		return errDamaged
	}
	b := make([]byte, body)
	if _, err := a.r.ReadAt(b, size-12-body); err != nil {
		return err
	}
	var at, from int64
	for ; blocks > 0; blocks-- {
		a.offset, a.start = append(a.offset, at), append(a.start, from)
		at, from = at+int64(le.Uint32(b)), from+int64(le.Uint32(b[4:]))
		b = b[8:]
	}
	a.offset, a.start = append(a.offset, at), append(a.start, from)
	for ; len(b) > 0; b = b[8:] {
		a.marks = append(a.marks, le.Uint64(b))
	}
	return nil
}

// Close closes the file.
func (a *archived) Close() error { return a.r.Close() }

// reader reads the content from offset on.
func (a *archived) reader(offset int64) (io.Reader, error) {
	i := 0
	for i < len(a.start)-1 && a.start[i+1] <= offset {
		i++
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockSize+1024))
	if err != nil {
		return nil, err
	}
	r := &blockReader{a: a, next: i, dec: dec}
	if i < len(a.start)-1 {
		if _, err := io.CopyN(io.Discard, r, offset-a.start[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type blockReader struct {
	a    *archived
	next int
	dec  *zstd.Decoder
	in   []byte
	out  []byte
	rest []byte
}

func (r *blockReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.next >= len(r.a.offset)-1 {
			r.dec.Close()
			return 0, io.EOF
		}
		n := r.a.offset[r.next+1] - r.a.offset[r.next]
		r.in = append(r.in[:0], make([]byte, n)...)
		if _, err := r.a.r.ReadAt(r.in, r.a.offset[r.next]); err != nil {
			return 0, err
		}
		var err error
		if r.out, err = r.dec.DecodeAll(r.in, r.out[:0]); err != nil {
			return 0, errors.Join(errDamaged, err)
		}
		r.rest = r.out
		r.next++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// line returns the file's first line and its row number row (from 1).
func (a *archived) line(row int64) (header, raw string, err error) {
	r, err := a.reader(0)
	if err != nil {
		return "", "", err
	}
	if header, err = record(bufio.NewReader(r)); err != nil {
		return "", "", err
	}
	i := (row - 1) / markEvery
	if row < 1 || i >= int64(len(a.marks)) {
		return "", "", fmt.Errorf("row %d is not in the archived file", row)
	}
	if r, err = a.reader(int64(a.marks[i])); err != nil {
		return "", "", err
	}
	br := bufio.NewReader(r)
	for k := (row - 1) % markEvery; ; k-- {
		if raw, err = record(br); err != nil || k == 0 {
			return header, raw, err
		}
	}
}

const maxRecord = 1 << 20

// record reads one record: to the line break outside double quotes in CSV, to any line break in JSON lines, which begin
// with a brace.
func record(r *bufio.Reader) (string, error) {
	var b []byte
	quoted := false
	for {
		c, err := r.ReadByte()
		if err == io.EOF && len(b) > 0 {
			return string(b), nil
		}
		if err != nil {
			return "", err
		}
		switch {
		case c == '"' && (len(b) == 0 || b[0] != '{'):
			quoted = !quoted
		case c == '\n' && !quoted:
			if s := bytes.TrimSuffix(b, []byte{'\r'}); len(s) > 0 {
				return string(s), nil
			}
			b = b[:0]
			continue
		}
		if b = append(b, c); len(b) > maxRecord {
			return string(b), nil
		}
	}
}
