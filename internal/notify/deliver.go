package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/mail"
)

// idleLine is how long a worker keeps an idle line to the mail server open.
const idleLine = 10 * time.Second

// worker hands over one letter after the other, over one line.
type worker struct {
	*shift
	line     *mail.Line    // nil: closed
	settling chan struct{} // of unsettled
	settled  sync.WaitGroup
}

func (w *worker) run(ctx context.Context, begun <-chan *handover) {
	defer w.settled.Wait()
	defer w.hangUp()
	idle := time.NewTicker(idleLine)
	defer idle.Stop()
	busy := false
	for {
		select {
		case h, ok := <-begun:
			if !ok {
				return
			}
			busy = true
			w.deliver(ctx, h)
		case <-idle.C:
			if !busy {
				w.hangUp()
			}
			busy = false
		}
	}
}

// deliver hands a letter over, after a last look.
func (w *worker) deliver(ctx context.Context, h *handover) {
	defer w.room.Release(h.weight)
	ok, err := w.mayLeave(ctx, h.Letter)
	if err != nil || !ok {
		w.giveBack(h.Letter)
		return
	}
	w.Step("looked")
	err = w.hand(ctx, h)
	w.Step("sent")
	if errors.Is(err, context.Canceled) { // it was not begun
		w.giveBack(h.Letter)
		return
	}
	c := w.judge(h.Letter, err)
	w.settling <- struct{}{}
	w.settled.Go(func() {
		defer func() { <-w.settling }()
		if err := w.outcome(h.Letter, c); err != nil {
			w.Log.Error("deliver a letter", "letter", h.ID, "kind", h.Kind, "error", err)
		}
	})
}

func (w *worker) hand(ctx context.Context, h *handover) error {
	if h.Channel == disclosure.Webhook {
		return w.call(ctx, h.Letter, h.cleared)
	}
	used := w.line != nil
	if err := w.dial(ctx); err != nil {
		return err
	}
	err := w.line.Send(ctx, h.cleared)
	if used && errors.Is(err, mail.ErrGone) { // an idle line was closed from the other side: nothing was sent
		w.hangUp()
		if err = w.dial(ctx); err == nil {
			err = w.line.Send(ctx, h.cleared)
		}
	}
	return err
}

// dial opens the worker's line, or takes the one that is spare.
func (w *worker) dial(ctx context.Context) (err error) {
	if w.line != nil {
		return nil
	}
	select {
	case w.line = <-w.spare:
		return nil
	default:
	}
	if w.line, err = w.Sender.Dial(ctx); err == nil {
		w.open.Add(1)
	}
	return err
}

func (w *worker) hangUp() {
	if w.line != nil {
		w.line.Close()
		w.line = nil
		w.open.Add(-1)
	}
}

// reach finds out whether there is a mail server, before anything is said to leave.
func (s *shift) reach(ctx context.Context) error {
	if s.open.Load() > 0 || !s.on.Load() {
		return nil
	}
	s.dials.Lock()
	defer s.dials.Unlock()
	if s.open.Load() > 0 {
		return nil
	}
	l, err := s.Sender.Dial(ctx)
	if err != nil {
		return err
	}
	s.open.Add(1)
	select {
	case s.spare <- l:
	default:
		s.open.Add(-1)
		l.Close()
	}
	return nil
}

func (s *shift) down(tx *db.Tx, line string, err error) error {
	now := s.Clock.Now()
	s.ill.Store(line, true)
	return lineDown(tx, line, reasonOf(err), now.UnixMicro(), func(failures int) int64 { return now.Add(linePause(failures)).UnixMicro() })
}

// refusal is what the other side says to one letter, while the line is well.
func refusal(err error) (forGood, refused bool) {
	var r *mail.Refusal
	var h *hookRefusal
	switch {
	case errors.As(err, &r):
		return r.ForGood(), true
	case errors.As(err, &h):
		return h.forGood, h.forGood
	}
	return false, false
}

// outcome commits how a hand-over ended. The other side may have the letter already, so it is committed again and again while the
// lease lasts.
func (s *shift) outcome(l *Letter, c *commit) error {
	for {
		err := s.batch.do(c)[0]
		if err == nil {
			s.Step("settled")
			return nil
		}
		if s.Real.Now().UnixMicro() > l.lease {
			return fmt.Errorf("letter %d may be sent twice, with the same Message-ID: %w", l.ID, err)
		}
		s.Log.Error("write down how a hand-over ended", "letter", l.ID, "error", err)
		<-time.After(time.Second)
	}
}

// judge says what is to be written down of a hand-over that ended.
func (w *worker) judge(l *Letter, err error) *commit {
	if err == nil {
		return &commit{handed: l}
	}
	now := w.Clock.Now()
	at := now.UnixMicro()
	forGood, refused := refusal(err)
	if !refused {
		w.hangUp()
	}
	w.Log.Warn("a letter was not taken", "letter", l.ID, "attempt", l.Attempts, "error", err)
	if forGood || now.Sub(time.UnixMicro(l.FirstTry)) > giveUpAfter {
		return &commit{what: string(Dead), id: l.ID, fn: func(tx *db.Tx) error {
			if forGood {
				if err := failed(tx, l.HealthKey(), reasonOf(err), at); err != nil {
					return err
				}
			}
			return errors.Join(bury(tx, l, Dead, reasonOf(err), at), w.drop(tx, l))
		}}
	}
	due := now.Add(backoff(l.Attempts)).UnixMicro()
	return &commit{fn: func(tx *db.Tx) error {
		if !refused {
			if err := w.down(tx, l.line, err); err != nil {
				return err
			}
		}
		return give(tx, l, due, reasonOf(err))
	}}
}

// handed notes which letters the other side has.
func (s *shift) handed(tx *db.Tx, ls []*Letter) error {
	if len(ls) == 0 {
		return nil
	}
	at := s.Clock.Now().UnixMicro()
	for _, l := range ls {
		if _, ill := s.ill.Load(l.line); ill {
			if err := lineUp(tx, l.line); err != nil {
				return err
			}
		}
		if err := succeeded(tx, l.HealthKey(), at); err != nil {
			return err
		}
	}
	if err := s.drop(tx, ls...); err != nil {
		return err
	}
	return handed(tx, ls, at)
}
