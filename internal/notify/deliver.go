package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
)

// idleLine is how long a worker keeps an idle line to the mail server open.
const idleLine = 10 * time.Second

// worker delivers one letter after the other, over one line.
type worker struct {
	o     *Outbox
	batch *batch
	line  *mail.Line // nil: closed
}

func (w *worker) run(ctx context.Context, queue <-chan Letter) {
	defer w.hangUp()
	idle := time.NewTicker(idleLine)
	defer idle.Stop()
	busy := false
	for {
		select {
		case l, ok := <-queue:
			if !ok {
				return
			}
			busy = true
			if err := w.deliver(ctx, &l); err != nil && ctx.Err() == nil {
				w.o.Log.Error("deliver a letter", "letter", l.ID, "kind", l.Kind, "error", err)
			}
		case <-idle.C:
			if !busy {
				w.hangUp()
			}
			busy = false
		}
	}
}

func (w *worker) hangUp() {
	if w.line != nil {
		w.line.Close()
		w.line = nil
	}
}

// giveBack gives a letter back, due at a time; 0 leaves that as it is.
func (w *worker) giveBack(l *Letter, due int64, reason string) error {
	return w.batch.do(func(tx *db.Tx) error { return give(tx, l, due, reason) }, "")
}

// deliver does what a letter's turn asks for.
func (w *worker) deliver(ctx context.Context, l *Letter) error {
	if ctx.Err() != nil {
		return w.giveBack(l, 0, "")
	}
	fresh := l.State == Queued
	c, message, ready, err := w.prepare(ctx, l)
	if err != nil || !ready {
		return err
	}
	if now := w.o.Clock.Now(); fresh { // the place of rendered ones was taken when they were claimed
		if at := w.o.pace.take(l.destination, now); at.After(now) {
			return w.giveBack(l, at.UnixMicro(), "")
		}
	}
	if ok, err := w.reach(ctx, l); err != nil || !ok {
		return err
	}
	hand, err := w.begin(ctx, l, c, message)
	if err != nil || hand == nil {
		return err
	}
	w.o.Step("begun")
	if ok, err := w.look(ctx, l); err != nil || !ok {
		return errors.Join(err, w.giveBack(l, 0, ""))
	}
	w.o.Step("looked")
	err = hand(ctx)
	w.o.Step("sent")
	return w.outcome(l, err)
}

// reach opens the line that the letter goes over, unless that rests.
func (w *worker) reach(ctx context.Context, l *Letter) (bool, error) {
	if w.line != nil && l.Channel == disclosure.Mail {
		return true, nil
	}
	rests := false
	err := w.o.DB.View(ctx, func(tx *db.Tx) error {
		ls, err := lines(tx)
		for _, x := range ls {
			rests = rests || x.Name == l.line && x.Next > w.o.Clock.Now().UnixMicro()
		}
		return err
	})
	if err != nil || rests {
		return false, errors.Join(err, w.giveBack(l, 0, ""))
	}
	if l.Channel == disclosure.Webhook {
		return true, nil
	}
	if w.line, err = w.o.Sender.Dial(ctx); err != nil {
		w.line = nil
		if ctx.Err() != nil {
			return false, w.giveBack(l, 0, "")
		}
		w.o.Log.Warn("the mail server cannot be reached", "error", err)
		return false, w.batch.do(func(tx *db.Tx) error {
			return errors.Join(w.down(tx, l.line, err), give(tx, l, 0, ""))
		}, "")
	}
	return true, nil
}

func (w *worker) down(tx *db.Tx, line string, err error) error {
	now := w.o.Clock.Now()
	return lineDown(tx, line, reasonOf(err), now.UnixMicro(), func(failures int) int64 { return now.Add(linePause(failures)).UnixMicro() })
}

// begin commits that the hand-over begins: what the gate let out is in the ledger before it leaves. The function that it returns hands
// over; nil when the letter stays.
func (w *worker) begin(ctx context.Context, l *Letter, c *Content, message []byte) (hand func(context.Context) error, err error) {
	o := w.o
	to, err := o.recipient(ctx, l)
	if err != nil {
		return nil, errors.Join(err, w.giveBack(l, 0, ""))
	}
	items := append([]About{{disclosure.Ref(fmt.Sprintf("letter:%d", l.ID)), c.Marking}}, c.About...)
	err = w.batch.do(func(tx *db.Tx) error {
		hand = nil
		on, err := sending(tx)
		if err != nil {
			return err
		}
		if ours, err := mine(tx, l); err != nil || !ours {
			return err
		}
		if !on || o.Sealed {
			return give(tx, l, 0, "")
		}
		b := *l
		cleared, withheld, err := disclosure.ClearMessage(tx.Context(), tx, o.Gate, to, l.Channel, items, mail.Raw{To: l.To, Bytes: message}, l.Ledger)
		if err != nil {
			return err
		}
		if len(withheld) > 0 {
			return hold(tx, l, HoldGate, withheldReason(withheld))
		}
		_, grant, err := cleared.Open()
		if err != nil {
			return err
		}
		b.Attempts, b.Ledger = l.Attempts+1, grant.Ledger
		if b.FirstTry == 0 {
			b.FirstTry = o.Clock.Now().UnixMicro()
		}
		if err := begin(tx, &b); err != nil {
			return err
		}
		hand = func(ctx context.Context) error {
			l.Attempts, l.Ledger, l.FirstTry = b.Attempts, b.Ledger, b.FirstTry
			return w.hand(ctx, l, cleared)
		}
		return nil
	}, "")
	return hand, err
}

func withheldReason(ws []disclosure.Withheld) string {
	var s []string
	for _, w := range ws[:min(len(ws), 3)] {
		s = append(s, fmt.Sprintf("%s: %s", w.Item, w.Reason))
	}
	if len(ws) > 3 {
		s = append(s, fmt.Sprintf("and %d more", len(ws)-3))
	}
	return reasonOf(errors.New(strings.Join(s, "; ")))
}

// recipient is to whom a letter leaves.
func (o *Outbox) recipient(ctx context.Context, l *Letter) (disclosure.Recipient, error) {
	switch {
	case l.Recipient.Subject != "":
		return l.Recipient, nil
	case l.Constituent == 0:
		return disclosure.Anybody(), nil
	}
	d, err := o.Gate.Constituency.Directory(ctx)
	if err != nil {
		return disclosure.Recipient{}, err
	}
	c, _ := d.ByID(l.Constituent)
	return disclosure.OfConstituent(l.Constituent, c.Name), nil
}

// look is the last look before a letter leaves: the switch is on, the letter was not taken back, and nobody else can have it.
func (w *worker) look(ctx context.Context, l *Letter) (ok bool, err error) {
	if w.o.Real.Now().UnixMicro() > l.lease-lease.Microseconds()/3 {
		return false, nil
	}
	err = w.o.DB.View(ctx, func(tx *db.Tx) error {
		if ok, err = sending(tx); err != nil || !ok {
			return err
		}
		ok, err = mine(tx, l)
		return err
	})
	return ok, err
}

func (w *worker) hand(ctx context.Context, l *Letter, cleared egress.Cleared[mail.Raw]) error {
	if l.Channel == disclosure.Webhook {
		return w.o.call(ctx, l, cleared)
	}
	return w.line.Send(ctx, cleared)
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
func (w *worker) outcome(l *Letter, err error) error {
	what, fn := w.judge(l, err)
	for {
		e := w.batch.do(fn, what, l.ID)
		if e == nil {
			w.o.Step("settled")
			return nil
		}
		if w.o.Real.Now().UnixMicro() > l.lease {
			return fmt.Errorf("letter %d may be sent twice, with the same Message-ID: %w", l.ID, e)
		}
		w.o.Log.Error("write down how a hand-over ended", "letter", l.ID, "error", e)
		<-time.After(time.Second)
	}
}

func (w *worker) judge(l *Letter, err error) (what string, fn func(tx *db.Tx) error) {
	now := w.o.Clock.Now()
	at := now.UnixMicro()
	if err == nil {
		return string(Handed), func(tx *db.Tx) error {
			return errors.Join(handed(tx, l, at), succeeded(tx, l.healthKey(), at), lineUp(tx, l.line))
		}
	}
	forGood, refused := refusal(err)
	if !refused {
		w.hangUp()
	}
	w.o.Log.Warn("a letter was not taken", "letter", l.ID, "attempt", l.Attempts, "error", err)
	if forGood || now.Sub(time.UnixMicro(l.FirstTry)) > giveUpAfter {
		return string(Dead), func(tx *db.Tx) error {
			if forGood {
				if err := failed(tx, l.healthKey(), reasonOf(err), at); err != nil {
					return err
				}
			}
			return bury(tx, l, Dead, reasonOf(err), at)
		}
	}
	due := now.Add(backoff(l.Attempts)).UnixMicro()
	return "", func(tx *db.Tx) error {
		if !refused {
			if err := w.down(tx, l.line, err); err != nil {
				return err
			}
		}
		return give(tx, l, due, reasonOf(err))
	}
}
