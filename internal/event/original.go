package event

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// RowRef names a row of a source file.
type RowRef struct{ File, Row int64 }

// Originals reads rows back from the archive as they came, file by file and in the order of their rows, whatever the order of refs.
// A row of a file that is no longer kept comes without its text. header is what stands before the file's first row.
func (in *Intake) Originals(ctx context.Context, refs []RowRef, fn func(ref RowRef, header, raw string) error) error {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, func(a, b RowRef) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row)) })
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n].File == refs[0].File {
			n++
		}
		if err := in.originals(ctx, refs[:n], fn); err != nil {
			return err
		}
		refs = refs[n:]
	}
	return nil
}

func (in *Intake) originals(ctx context.Context, refs []RowRef, fn func(ref RowRef, header, raw string) error) (err error) {
	path, err := in.archivePath(ctx, refs[0].File)
	var a *archived
	if err == nil {
		a, err = openArchived(in.Archive, path)
	}
	if fault.KindOf(err) == fault.NotFound || errors.Is(err, fs.ErrNotExist) {
		for _, r := range refs {
			if err := fn(r, "", ""); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockSize+1024))
	if err != nil {
		return err
	}
	defer dec.Close()
	b := blocks{a: a, dec: dec, kept: &in.blocks, path: path}
	header := ""
	if a.rows > 0 && a.marks[0] > 0 {
		h, err := b.content(0, int64(a.marks[0]))
		if err != nil {
			return err
		}
		header = headerLine(h)
	}
	for _, r := range refs {
		if r.Row < 1 || r.Row > a.rows {
			return fault.NotFoundf("row %d is not in the archived file, which has %d", r.Row, a.rows)
		}
		from, to, err := a.place(r.Row - 1)
		if err != nil {
			return err
		}
		raw, err := b.content(from, to)
		if err != nil {
			return err
		}
		if err := fn(r, header, oneRow(raw)); err != nil {
			return err
		}
	}
	return nil
}

// blocks reads parts of an archived file by the blocks they lie in.
type blocks struct {
	a    *archived
	dec  *zstd.Decoder
	kept *blockCache
	path string
	in   []byte
}

func (b *blocks) content(from, to int64) ([]byte, error) {
	out := make([]byte, 0, min(to-from, maxRecord))
	to = from + min(to-from, maxRecord)
	for i := 0; i < len(b.a.start)-1 && from < to; i++ {
		if b.a.start[i+1] <= from {
			continue
		}
		block, err := b.decode(i)
		if err != nil {
			return nil, err
		}
		upto := min(to, b.a.start[i+1])
		out = append(out, block[from-b.a.start[i]:upto-b.a.start[i]]...)
		from = upto
	}
	if from < to {
		return nil, errDamaged
	}
	return out, nil
}

func (b *blocks) decode(i int) ([]byte, error) {
	if block := b.kept.get(b.path, i); block != nil {
		return block, nil
	}
	n := b.a.offset[i+1] - b.a.offset[i]
	b.in = slices.Grow(b.in[:0], int(n))[:n]
	if _, err := b.a.r.ReadAt(b.in, b.a.offset[i]); err != nil {
		return nil, err
	}
	out, err := b.dec.DecodeAll(b.in, make([]byte, 0, b.a.start[i+1]-b.a.start[i]))
	if err != nil {
		return nil, errors.Join(errDamaged, err)
	}
	if int64(len(out)) != b.a.start[i+1]-b.a.start[i] {
		return nil, errDamaged
	}
	b.kept.put(b.path, i, out)
	return out, nil
}

// blockCache keeps the blocks of archived files that were decoded lately: many digests have rows of one block. Archived files never
// change, and what get returns must not be changed either.
type blockCache struct {
	mu   sync.Mutex
	kept map[blockPlace][]byte
	ring [keepBlocks]blockPlace
	at   int
}

type blockPlace struct {
	path string
	i    int
}

const keepBlocks = 64 // 16 MiB

func (c *blockCache) get(path string, i int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[blockPlace{path, i}]
}

func (c *blockCache) put(path string, i int, block []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := blockPlace{path, i}
	if c.kept == nil {
		c.kept = map[blockPlace][]byte{}
	}
	if _, ok := c.kept[p]; ok {
		return
	}
	delete(c.kept, c.ring[c.at])
	c.ring[c.at] = p
	c.at = (c.at + 1) % keepBlocks
	c.kept[p] = block
}

// Facts tells by id what findings are about, whose they are and since when, but not how they stand; those that are gone are missing.
func (l *Lister) Facts(ctx context.Context, ids []ID) (out map[ID]Finding, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		out = make(map[ID]Finding, len(ids))
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		return ix.eachFact(tx, ids, func(f Finding) { out[f.ID] = f })
	})
	return out, err
}
