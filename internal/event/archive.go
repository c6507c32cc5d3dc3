package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// An archived file is a row of independent Zstandard frames of blockSize bytes of content each, followed by a skippable
// frame with the index: `zstd -d` restores the file as it came, and any block can be read alone. The index is, little
// endian: how far each row is from the one before it, from the second row to the end of the content (uvarint each); per
// block its compressed and decompressed size (uint32 each); every markEvery rows the byte offset where that row begins and
// where its successor's distance stands (uint64 each); then the bytes of the distances, the numbers of rows, blocks and
// marks (uint32 each) and indexMagic. Where rows begin is said by the reader that took them in, so that a row is found again
// whatever its format, and also when it was rejected.
const (
	blockSize      = 256 << 10
	markEvery      = 256
	skippableMagic = 0x184D2A5E
	indexMagic     = 0x32435254 // "TRC2"
	indexTail      = 20
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
	steps []byte
	marks []uint64
	last  int64 // where the latest row begins
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
	offset = max(offset, a.last)
	if a.rows > 0 {
		a.steps = binary.AppendUvarint(a.steps, uint64(offset-a.last))
	}
	if a.rows%markEvery == 0 {
		a.marks = append(a.marks, uint64(offset), uint64(len(a.steps)))
	}
	a.last = offset
	a.rows++
}

// finish writes what is left and the index; the caller commits the file.
func (a *archiver) finish() (sum [32]byte, err error) {
	if err := a.flush(); err != nil {
		return sum, err
	}
	var b bytes.Buffer
	le := binary.LittleEndian
	if a.rows > 0 {
		a.steps = binary.AppendUvarint(a.steps, uint64(max(a.size-a.last, 0)))
	}
	body := len(a.steps) + 4*len(a.sizes) + 8*len(a.marks) + indexTail
	binary.Write(&b, le, []uint32{skippableMagic, uint32(body)})
	b.Write(a.steps)
	binary.Write(&b, le, a.sizes)
	binary.Write(&b, le, a.marks)
	binary.Write(&b, le, []uint32{uint32(len(a.steps)), uint32(a.rows), uint32(len(a.sizes) / 2), uint32(len(a.marks) / 2), indexMagic})
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
	rows   int64
	steps  int64 // where the distances stand
	mark   int64
	ends   []int64 // of the rows after that mark; nil: not read yet
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
	var tail [indexTail]byte
	if size < indexTail+8 {
		return errDamaged
	}
	if _, err := a.r.ReadAt(tail[:], size-indexTail); err != nil {
		return err
	}
	steps, blocks, marks := int64(le.Uint32(tail[:])), int64(le.Uint32(tail[8:])), int64(le.Uint32(tail[12:]))
	a.rows = int64(le.Uint32(tail[4:]))
	body := 8*blocks + 16*marks
	if le.Uint32(tail[16:]) != indexMagic || steps+body+indexTail+8 > size || (a.rows+markEvery-1)/markEvery != marks {
		return errDamaged
	}
	a.steps = size - indexTail - body - steps
	b := make([]byte, body)
	if _, err := a.r.ReadAt(b, size-indexTail-body); err != nil {
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

const maxRecord = 1 << 20 // of a row that is read back; a longer one is cut

// line returns what stands before the file's first row, its header if it has one, and its row number row (from 1), both
// as they came, without the ends of their lines.
func (a *archived) line(row int64) (header, raw string, err error) {
	if row < 1 || row > a.rows {
		return "", "", fault.NotFoundf("row %d is not in the archived file, which has %d", row, a.rows)
	}
	var h []byte
	if first := int64(a.marks[0]); first > 0 {
		if h, err = a.content(0, first); err != nil {
			return "", "", err
		}
	}
	from, to, err := a.place(row - 1)
	if err != nil {
		return "", "", err
	}
	r, err := a.content(from, to)
	if err != nil {
		return "", "", err
	}
	return headerLine(h), oneRow(r), nil
}

func headerLine(b []byte) string {
	return string(bytes.Trim(bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF")), "\r\n"))
}

// place is where a row, from 0, begins and ends.
func (a *archived) place(row int64) (from, to int64, err error) {
	m := row / markEvery
	if a.ends == nil || a.mark != m {
		if err := a.readSteps(m); err != nil {
			return 0, 0, err
		}
	}
	k := row % markEvery
	if k >= int64(len(a.ends)) {
		return 0, 0, errDamaged
	}
	if from = int64(a.marks[2*m]); k > 0 {
		from = a.ends[k-1]
	}
	return from, a.ends[k], nil
}

// readSteps reads where the rows after a mark end: rows are asked for in their order.
func (a *archived) readSteps(m int64) error {
	b := make([]byte, min(a.rows-m*markEvery, markEvery)*binary.MaxVarintLen64)
	n, err := a.r.ReadAt(b, a.steps+int64(a.marks[2*m+1]))
	if err != nil && err != io.EOF {
		return err
	}
	b = b[:n]
	a.mark, a.ends = m, a.ends[:0]
	at := int64(a.marks[2*m])
	for range min(a.rows-m*markEvery, markEvery) {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			break // a row that is asked for and is not there is damage
		}
		at, b = at+int64(step), b[n:]
		a.ends = append(a.ends, at)
	}
	return nil
}

func (a *archived) content(from, to int64) ([]byte, error) {
	r, err := a.reader(from)
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(to-from, maxRecord))
	_, err = io.ReadFull(r, b)
	return b, err
}

// oneRow takes off what stands between a row and the next one: ends of lines and, between the objects of a JSON array, a
// comma or the array's end.
func oneRow(b []byte) string {
	b = bytes.TrimRight(b, "\r\n")
	if len(b) > 0 && b[0] == '{' {
		d := json.NewDecoder(bytes.NewReader(b))
		var object json.RawMessage
		if d.Decode(&object) == nil {
			b = b[:d.InputOffset()]
		}
	}
	return string(b)
}
