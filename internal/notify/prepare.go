package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// composeAgain is when a letter has another turn whose composer could not do its work.
const composeAgain = 5 * time.Minute

// handover is a letter whose hand-over has begun, as the records say.
type handover struct {
	*Letter
	cleared egress.Cleared[mail.Raw]
	weight  int64 // of the room it takes
}

// draft is a letter in preparation.
type draft struct {
	*Letter
	content       *Content
	message       []byte
	packedContent []byte    // nil: it is kept already
	packedMessage []byte    // nil: it is kept already, or there is none yet
	fresh         bool      // it was not rendered before
	due           time.Time // after now: its destination has had enough
	unreachable   error     // why it cannot be handed over now
	to            disclosure.Recipient
	items         []About
}

// prepare brings a letter to where it can be handed over: composed, rendered, protected, released, let out by the gate. All of that is
// committed before it returns, with the ledger's row. It returns nil when the letter is not handed over now: it is then given back,
// held or ended.
func (s *shift) prepare(ctx context.Context, l *Letter) *handover {
	if ctx.Err() != nil {
		s.giveBack(l, 0, "")
		return nil
	}
	d := &draft{Letter: l}
	s.draws <- struct{}{}
	err := s.draft(ctx, d)
	<-s.draws
	if err != nil {
		s.stuck(ctx, d, err)
		return nil
	}
	weight := min(int64(len(d.message)), inFlight)
	if err := s.room.Acquire(ctx, weight); err != nil {
		s.stuck(ctx, d, err)
		return nil
	}
	h := s.commit(ctx, d)
	if h == nil {
		s.room.Release(weight)
		return nil
	}
	h.weight = weight
	return h
}

// commit commits what was made of a letter, and that its hand-over begins.
func (s *shift) commit(ctx context.Context, d *draft) *handover {
	l := d.Letter
	now := s.Clock.Now()
	if d.due = now; d.fresh { // the place of rendered ones was taken when they were claimed
		d.due = s.pace.take(l.destination, now)
	}
	if !d.due.After(now) && l.Channel == disclosure.Mail {
		d.unreachable = s.reach(ctx)
	}
	d.to = s.recipient(l)
	d.items = append([]About{{disclosure.Ref(fmt.Sprintf("letter:%d", l.ID)), d.content.Marking}}, d.content.About...)
	var h *handover
	err := s.batch.do(func(tx *db.Tx) (err error) {
		h, err = s.begin(tx, d)
		return err
	}, "")
	if err != nil {
		s.Log.Error("prepare a letter", "letter", l.ID, "error", err)
		s.giveBack(l, 0, "")
		return nil
	}
	s.Step("begun")
	return h
}

// draft reads what is kept of the letter, and makes what is not.
func (s *shift) draft(ctx context.Context, d *draft) error {
	var content, message []byte
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		content, message, err = kept(tx, d.ID)
		return err
	})
	if err != nil {
		return err
	}
	if content != nil {
		d.content, err = s.unpackContent(content)
	} else if d.content, err = s.compose(ctx, *d.Letter); err == nil {
		d.packedContent, err = s.packContent(d.content)
	}
	if err != nil {
		return err
	}
	if message != nil {
		if d.message, err = s.unpackMessage(ctx, d.Letter, message); err != nil || d.message != nil {
			return err
		}
	}
	if d.message, err = s.render(ctx, d.Letter, d.content); err != nil {
		return err
	}
	d.fresh = d.State == Queued
	d.Subject, d.Rendered, d.Bytes = d.content.Subject, s.Clock.Now().UnixMicro(), int64(len(d.message))
	if d.Channel == disclosure.Mail {
		d.MessageID = s.MessageID(d.Key)
	}
	if d.message != nil {
		sum := sha256.Sum256(d.message)
		d.SHA256, d.packedMessage = hex.EncodeToString(sum[:]), s.pack.EncodeAll(d.message, nil)
	}
	return nil
}

// begin keeps what was made of a letter and notes that its hand-over begins, unless something stands against that.
func (s *shift) begin(tx *db.Tx, d *draft) (*handover, error) {
	now := s.Clock.Now()
	st, ours, err := standingOf(tx, d.Letter, now.UnixMicro())
	if err != nil || !ours {
		return nil, err
	}
	if err := s.keep(tx, d); err != nil {
		return nil, err
	}
	if !st.released {
		if err := saveRendered(tx, d.Letter); err != nil {
			return nil, err
		}
		if held, err := holdUnreleased(tx, d.Letter); err != nil || held {
			return nil, err
		}
	}
	later := func(due int64) (*handover, error) {
		return nil, errors.Join(saveRendered(tx, d.Letter), give(tx, d.Letter, due, ""))
	}
	switch {
	case !st.sending || s.Sealed || st.rests:
		return later(0)
	case d.due.After(now):
		return later(d.due.UnixMicro())
	case d.unreachable != nil:
		if err := s.down(tx, d.line, d.unreachable); err != nil {
			return nil, err
		}
		return later(0)
	case d.message == nil: // there was no mail server when it was rendered, and now there is: the next turn renders it
		return later(0)
	}
	cleared, withheld, err := disclosure.ClearMessage(tx.Context(), tx, s.Gate, d.to, d.Channel, d.items, mail.Raw{To: d.To, Bytes: d.message}, d.Ledger)
	if err != nil {
		return nil, err
	}
	if len(withheld) > 0 {
		return nil, errors.Join(saveRendered(tx, d.Letter), hold(tx, d.Letter, HoldGate, withheldReason(withheld)))
	}
	_, grant, err := cleared.Open()
	if err != nil {
		return nil, err
	}
	l := *d.Letter
	l.Attempts, l.Ledger = l.Attempts+1, grant.Ledger
	if l.FirstTry == 0 {
		l.FirstTry = now.UnixMicro()
	}
	return &handover{Letter: &l, cleared: cleared}, saveRendered(tx, &l)
}

// keep keeps what was made of a letter.
func (s *shift) keep(tx *db.Tx, d *draft) error {
	if d.packedContent != nil {
		if err := saveContent(tx, d.ID, d.packedContent); err != nil {
			return err
		}
	}
	if d.packedMessage != nil {
		return saveMessage(tx, d.ID, d.packedMessage)
	}
	return nil
}

// holdUnreleased holds a letter whose recipient was not released, unless that happens at this moment.
func holdUnreleased(tx *db.Tx, l *Letter) (bool, error) {
	if err := lockReleases(tx); err != nil {
		return false, err
	}
	if ok, err := released(tx, l.release); err != nil || ok {
		return false, err
	}
	return true, hold(tx, l, HoldRelease, "")
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
func (s *shift) recipient(l *Letter) disclosure.Recipient {
	switch {
	case l.Recipient.Subject != "":
		return l.Recipient
	case l.Constituent == 0:
		return disclosure.Anybody()
	}
	names := s.names.Load()
	c, _ := names.ByID(l.Constituent)
	return disclosure.OfConstituent(l.Constituent, c.Name).In(names)
}

// compose has the content written by the composer of the letter's kind.
func (o *Outbox) compose(ctx context.Context, l Letter) (c *Content, err error) {
	fn := o.composer(l.Kind)
	if fn == nil {
		return nil, fmt.Errorf("nobody composes letters of kind %s here", l.Kind)
	}
	defer func() {
		if r := recover(); r != nil {
			o.Log.Error("a composer panicked", "kind", l.Kind, "letter", l.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	content, err := fn(ctx, l)
	if err != nil {
		return nil, err
	}
	return &content, content.check(&l)
}

// unpackMessage is the message as it was rendered; nil when that is less protected than the letter must be by now.
func (o *Outbox) unpackMessage(ctx context.Context, l *Letter, packed []byte) ([]byte, error) {
	message, err := o.unpack.DecodeAll(packed, nil)
	if err != nil || l.Channel != disclosure.Mail || o.Enough == nil {
		return message, err
	}
	if ok, err := o.Enough(ctx, *l, message); err != nil || !ok {
		return nil, err
	}
	return message, nil
}

// render makes what is handed over, byte for byte. Without a mail server it is nil: it is made when there is one.
func (o *Outbox) render(ctx context.Context, l *Letter, c *Content) ([]byte, error) {
	if l.Channel == disclosure.Webhook {
		return []byte(c.Text), nil
	}
	if l.EncryptionRequired && o.Protect == nil {
		return nil, &Hold{HoldEncryption, "the letter must be encrypted, and nothing is there to do it with"}
	}
	if o.Sender == nil {
		return nil, nil
	}
	b, err := o.Sender.Render(c.message(l))
	if err != nil || o.Protect == nil {
		return b, err
	}
	return o.Protect(ctx, *l, b)
}

// stuck deals with what kept a letter from being prepared. What was composed is kept: it says what is held or given up.
func (s *shift) stuck(ctx context.Context, d *draft, err error) {
	if ctx.Err() != nil {
		s.giveBack(d.Letter, 0, "")
		return
	}
	state := Queued
	var h *Hold
	switch {
	case errors.Is(err, ErrNothing):
		state = Cancelled
	case errors.As(err, &h):
		state = Held
	case fault.KindOf(err) == fault.Invalid:
		state = Dead
	}
	now := s.Clock.Now()
	what := string(state)
	if state == Queued {
		what = ""
		s.Log.Warn("a letter waits", "letter", d.ID, "kind", d.Kind, "error", err)
	}
	e := s.batch.do(func(tx *db.Tx) error {
		if d.packedContent != nil {
			if err := saveContent(tx, d.ID, d.packedContent); err != nil {
				return err
			}
		}
		switch state {
		case Queued:
			return give(tx, d.Letter, now.Add(composeAgain).UnixMicro(), reasonOf(err))
		case Held:
			return hold(tx, d.Letter, h.Why, h.Reason)
		}
		return bury(tx, d.Letter, state, reasonOf(err), now.UnixMicro())
	}, what, d.ID)
	if e != nil {
		s.Log.Error("write down why a letter waits", "letter", d.ID, "error", e)
	}
}

// reasonOf is an error as a person may read it at the letter.
func reasonOf(err error) string {
	s := err.Error()
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}
