package signing

import (
	"bytes"
	"context"
	netmail "net/mail"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/mail/protect"
)

// Open opens a message that came: it is decrypted with the team's keys that are in use, and its signature is judged by the keys that the
// registry has of its sender's address. The message itself stays as it is. One that is not protected gives the zero value; what is wrong
// with one is its verdict and no error.
func (s *Store) Open(ctx context.Context, raw []byte) (protect.Opened, error) {
	if !protect.Marked(bytes.NewReader(raw)) {
		return protect.Opened{}, nil
	}
	now := s.Clock.Now()
	from := sender(raw)
	var ring protect.Ring
	var own []Key
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		if own, err = inUse(tx); err != nil {
			return err
		}
		ring.Known, err = constituency.KeysBy(tx, from, "", now)
		return err
	})
	if err != nil {
		return protect.Opened{}, err
	}
	for _, k := range own {
		p, err := s.open(k)
		if err != nil {
			return protect.Opened{}, err
		}
		ring.Own = append(ring.Own, p)
	}
	out := protect.Open(raw, ring, from, now)
	if out.Verdict.Signature != protect.KeyUnknown || out.Verdict.Fingerprint == "" {
		return out, nil
	}
	var others []*protect.Key // whose key is it then
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		others, err = constituency.KeysBy(tx, "", out.Verdict.Fingerprint, now)
		return err
	})
	if err != nil || len(others) == 0 {
		return out, err
	}
	ring.Known = append(ring.Known, others...)
	return protect.Open(raw, ring, from, now), nil
}

// sender is the one address of From; "" when there are none or several.
func sender(raw []byte) string {
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil || len(m.Header["From"]) != 1 {
		return ""
	}
	a, err := netmail.ParseAddress(m.Header.Get("From"))
	if err != nil {
		return ""
	}
	return a.Address
}
