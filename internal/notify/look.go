package notify

import (
	"context"

	"tocsin/internal/platform/db"
)

// look is the last look before a letter leaves. Those who look at the same moment look together, after the last of them asked.
type look struct {
	letter *Letter
	ok     bool
	done   chan error
}

// mayLeave is the last look: the switch is on, the letter was not taken back, and nobody else can have it.
func (s *shift) mayLeave(ctx context.Context, l *Letter) (bool, error) {
	if ctx.Err() != nil || s.Real.Now().UnixMicro() > l.lease-lease.Microseconds()/3 {
		return false, nil
	}
	k := &look{letter: l, done: make(chan error, 1)}
	s.looks <- k
	err := <-k.done
	return k.ok && ctx.Err() == nil, err
}

// lookOut looks for those who ask, until nobody does any more.
func (s *shift) lookOut() {
	for k := range s.looks {
		ks := []*look{k}
		for n := len(s.looks); n > 0; n-- {
			ks = append(ks, <-s.looks)
		}
		err := s.lookAll(ks)
		for _, k := range ks {
			k.done <- err
		}
	}
}

func (s *shift) lookAll(ks []*look) error {
	ctx, cancel := s.inTime()
	defer cancel()
	ids := make([]int64, len(ks))
	for i, k := range ks {
		ids[i] = k.letter.ID
	}
	var holders map[int64]string
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		holders, err = sendable(tx, ids)
		return err
	})
	for _, k := range ks {
		k.ok = err == nil && holders[k.letter.ID] == k.letter.holder
	}
	return err
}
