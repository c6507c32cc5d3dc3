package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// composeAgain is when a letter has another turn whose composer could not do its work.
const composeAgain = 5 * time.Minute

// prepare brings a letter to where it can be handed over: composed, rendered, protected, and released. What it makes is committed
// before it returns. ready is false when the letter is not to be handed over now; the letter is then given back, held or ended.
func (w *worker) prepare(ctx context.Context, l *Letter) (c *Content, message []byte, ready bool, err error) {
	o := w.o
	var content []byte
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		content, message, err = kept(tx, l.ID)
		return err
	})
	if err != nil {
		return nil, nil, false, errors.Join(err, w.giveBack(l, 0, ""))
	}
	fresh := content == nil
	if fresh {
		c, err = o.compose(ctx, *l)
	} else {
		c, err = o.unpackContent(content)
	}
	if err != nil {
		return nil, nil, false, w.stuck(ctx, l, err)
	}
	if message != nil {
		if message, err = o.unpackMessage(ctx, l, message); err != nil {
			return nil, nil, false, w.stuck(ctx, l, err)
		}
	}
	if message == nil {
		message, err = o.render(ctx, l, c)
	}
	if err != nil {
		if fresh { // what was composed is kept: it says what is held or given up
			if packed, e := o.packContent(c); e == nil {
				w.batch.do(func(tx *db.Tx) error { return saveContent(tx, l.ID, packed) }, "")
			}
		}
		return nil, nil, false, w.stuck(ctx, l, err)
	}
	if l.State == Rendered && !fresh && l.Bytes == int64(len(message)) {
		return c, message, true, nil
	}
	ready, err = w.keep(l, c, message, fresh)
	o.Step("prepared")
	return c, message, ready, err
}

// keep commits what was made of the letter, and holds it when nobody released its recipient yet.
func (w *worker) keep(l *Letter, c *Content, message []byte, fresh bool) (ready bool, err error) {
	o := w.o
	l.Subject, l.Rendered, l.Bytes = c.Subject, o.Clock.Now().UnixMicro(), int64(len(message))
	if l.Channel == disclosure.Mail {
		l.MessageID = o.MessageID(l.Key)
	}
	if message != nil {
		sum := sha256.Sum256(message)
		l.SHA256 = hex.EncodeToString(sum[:])
	}
	var packedContent, packedMessage []byte
	if fresh {
		if packedContent, err = o.packContent(c); err != nil {
			return false, w.stuck(context.Background(), l, err)
		}
	}
	if message != nil {
		packedMessage = o.pack.EncodeAll(message, nil)
	}
	err = w.batch.do(func(tx *db.Tx) error {
		ready = false
		if ours, err := mine(tx, l); err != nil || !ours {
			return err
		}
		if fresh {
			if err := saveContent(tx, l.ID, packedContent); err != nil {
				return err
			}
		}
		if message != nil {
			if err := saveMessage(tx, l.ID, packedMessage); err != nil {
				return err
			}
		}
		if err := saveRendered(tx, l); err != nil {
			return err
		}
		if held, err := holdUnreleased(tx, l); err != nil || held {
			return err
		}
		on, err := sending(tx)
		if ready = err == nil && on && !o.Sealed; err == nil && !ready {
			err = give(tx, l, 0, "")
		}
		return err
	}, "")
	l.State = Rendered
	return ready && err == nil, err
}

// holdUnreleased holds a letter whose recipient was not released yet.
func holdUnreleased(tx *db.Tx, l *Letter) (bool, error) {
	if l.release == "" {
		return false, nil
	}
	ok, err := released(tx, l.release)
	if err != nil || ok {
		return false, err
	}
	if err := lockReleases(tx); err != nil {
		return false, err
	}
	if ok, err = released(tx, l.release); err != nil || ok {
		return false, err
	}
	return true, hold(tx, l, HoldRelease, "")
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

// stuck deals with what kept a letter from being prepared.
func (w *worker) stuck(ctx context.Context, l *Letter, err error) error {
	var h *Hold
	now := w.o.Clock.Now()
	switch {
	case errors.Is(err, ErrNothing):
		return w.batch.do(func(tx *db.Tx) error { return bury(tx, l, Cancelled, err.Error(), now.UnixMicro()) }, string(Cancelled), l.ID)
	case errors.As(err, &h):
		return w.batch.do(func(tx *db.Tx) error { return hold(tx, l, h.Why, h.Reason) }, string(Held), l.ID)
	case fault.KindOf(err) == fault.Invalid:
		return w.batch.do(func(tx *db.Tx) error { return bury(tx, l, Dead, err.Error(), now.UnixMicro()) }, string(Dead), l.ID)
	case ctx.Err() != nil:
		return w.giveBack(l, 0, "")
	}
	w.o.Log.Warn("a letter waits", "letter", l.ID, "kind", l.Kind, "error", err)
	return w.giveBack(l, now.Add(composeAgain).UnixMicro(), reasonOf(err))
}

// reasonOf is an error as a person may read it at the letter.
func reasonOf(err error) string {
	s := err.Error()
	if len(s) > 300 {
		s = s[:300]
	}
	return s
}
