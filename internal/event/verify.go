package event

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"tocsin/internal/platform/file"
)

// Verify compares the content of an archived file with what the records say of it.
func (in *Intake) Verify(ctx context.Context, path string, sum []byte, size int64) error {
	a, err := openArchived(in.Archive, path)
	if err != nil {
		return err
	}
	defer a.Close()
	r, err := a.reader(0)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, r})
	switch {
	case err != nil:
		return err
	case n != size:
		return fmt.Errorf("has %d bytes of content, the records say %d", n, size)
	case string(h.Sum(nil)) != string(sum):
		return errors.New("its content is not what was taken in: the hash differs")
	}
	return nil
}

// SegmentRows counts the rows of a segment by its footer.
func (in *Intake) SegmentRows(path string) (int64, error) {
	return segmentRowsOf(in.Segments, path)
}

func segmentRowsOf(d file.Dir, path string) (int64, error) {
	rs := newReaders(d)
	s, err := rs.get(path)
	if err != nil {
		return 0, err
	}
	n := s.f.NumRows()
	rs.put(s)
	rs.forget(path)
	return n, nil
}
