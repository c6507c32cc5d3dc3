package mailbox

import (
	"bytes"
	"context"
	"errors"
	"io"

	"tocsin/internal/platform/mail/protect"
)

// opened is a message as it is read: in clear, when it could be opened, else as it came. Its verdict is noted. The original stays as it
// is: what is inside is never written anywhere but into the records.
func (b *Box) opened(ctx context.Context, m *Message, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	r, err := open()
	if err != nil || b.Open == nil || m.Cut() {
		return r, err
	}
	marked := protect.Marked(r)
	if err := r.Close(); err != nil {
		return nil, err
	}
	if r, err = open(); err != nil || !marked {
		return r, err
	}
	raw, err := io.ReadAll(io.LimitReader(r, b.MaxBytes))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	out, err := b.Open(ctx, raw)
	if err != nil {
		return nil, err
	}
	m.Protection = &out.Verdict
	if out.Message == nil {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	return io.NopCloser(bytes.NewReader(out.Message)), nil
}
