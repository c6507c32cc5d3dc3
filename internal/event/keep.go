package event

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tocsin/internal/platform/fault"
)

// keep archives a file that does not count. It is read all the same: its rows can be shown, and count one day if the
// same content comes with another name.
func (t *taking) keep(ctx context.Context, s *source) error {
	return t.archive(ctx, s, func(r io.Reader, a *archiver) error {
		rd, err := t.format.Open(s.Identity, r)
		if err != nil {
			return err
		}
		var e Event
		for {
			err := rd.Next(&e)
			var wrong *RowError
			switch {
			case err == io.EOF:
				return nil
			case err != nil && !errors.As(err, &wrong):
				return err
			}
			a.row(e.Offset)
		}
	})
}

// archive reads a new file through fn and keeps its content.
func (t *taking) archive(ctx context.Context, s *source, fn func(io.Reader, *archiver) error) error {
	src, err := s.in.open()
	if err != nil {
		return &badFile{s.in, err}
	}
	defer src.Close()
	dst, err := t.Archive.Create(s.pending.path)
	if err != nil {
		return err
	}
	s.pending.file = dst
	enc, err := t.encoder()
	if err != nil {
		return err
	}
	defer t.release(enc)
	a := newArchiver(contextReader{ctx, &sourceReader{r: counting{src, t.meter}}}, dst, enc)
	if err := fn(a, a); err != nil {
		var own *sourceError
		if errors.As(err, &own) || fault.KindOf(err) == fault.Invalid {
			return &badFile{s.in, err}
		}
		return err
	}
	if _, err := io.Copy(io.Discard, a); err != nil { // what a reader left, so that the file is kept whole
		return err
	}
	sum, err := a.finish()
	if err != nil {
		return fmt.Errorf("archive %s: %w", s.Name, err)
	}
	s.sum, s.size, s.pending.bytes = sum, a.size, dst.Size()
	t.meter.filesDone.Add(1)
	return nil
}

// sourceReader marks errors of the source apart from those of the archive behind it.
type sourceReader struct{ r io.Reader }

type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
