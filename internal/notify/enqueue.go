package notify

import (
	"context"
	"fmt"
	"strings"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Enqueue writes a letter down in the caller's act, so that what was decided and what is sent are committed together, and returns its
// number. A letter whose key is known already is not written again: the number is that of the first one. What is wrong with a letter
// is a fault of kind Invalid.
func (o *Outbox) Enqueue(tx *db.Tx, l Letter) (int64, error) {
	if l.Channel == "" {
		l.Channel = disclosure.Mail
	}
	if l.Content != nil {
		l.Subject = l.Content.Subject
	}
	if err := l.Check(); err != nil {
		return 0, fmt.Errorf("enqueue a letter of kind %q: %w", l.Kind, err)
	}
	l.place()
	l.Created, l.State = o.Clock.Now().UnixMicro(), Queued
	if l.Due == 0 {
		l.Due = l.Created
	}
	l.MessageID = o.MessageID(l.Key)
	if l.Channel == disclosure.Webhook {
		hook, err := hookByID(tx, hookNumber(l.To))
		if err != nil {
			return 0, err
		}
		l.Name, l.destination, l.MessageID = hook.Name, host(hook.URL), hookMessageID(l.Key)
	}
	id, fresh, err := insertLetter(tx, &l)
	if err != nil {
		return 0, fmt.Errorf("enqueue a letter of kind %s: %w", l.Kind, err)
	}
	if fresh && l.Content != nil {
		packed, err := o.packContent(l.Content)
		if err != nil {
			return 0, err
		}
		if err := saveContent(tx, id, packed); err != nil {
			return 0, err
		}
	}
	if fresh {
		tx.After(func(context.Context) error { o.Wake(); return nil })
	}
	return id, nil
}

// place works out what the letter goes over, and whose release it waits for.
func (l *Letter) place() {
	l.line, l.destination = "mail", domain(l.To)
	if l.Channel == disclosure.Webhook {
		l.line = "webhook:" + l.To
	}
	switch {
	case l.Asked || l.Recipient.Kind == disclosure.Staff:
		l.release = ""
	case l.Constituent != 0:
		l.release = fmt.Sprintf("constituent:%d", l.Constituent)
	default:
		l.release = "address:" + strings.ToLower(l.To)
	}
}

// Cancel takes letters back within the caller's act: those that are handed over already stay as they are, and one whose hand-over is
// under way may still leave. It tells how many were taken back.
func (o *Outbox) Cancel(tx *db.Tx, reason string, ids ...int64) (int64, error) {
	return o.cancel(tx, ids, reason)
}

// Anew gives a letter that people write a key of its own when the one it has was cancelled or given up. What was written before and is
// not is not written again: that is a fault of kind Conflict.
func (o *Outbox) Anew(tx *db.Tx, l *Letter) error {
	for key, n := l.Key, 2; ; n++ {
		was, err := o.ByKey(tx, l.Key)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			return nil
		case err != nil:
			return err
		case was.State != Cancelled && was.State != Dead:
			return fault.Conflictf("this very letter to %s was written before: it is number %d of the outbox, %s", l.To, was.ID, was.State)
		}
		l.Key = fmt.Sprintf("%s:%d", key, n)
	}
}

// ByKey finds a letter in the caller's transaction; an unknown key is a fault of kind NotFound.
func (o *Outbox) ByKey(tx *db.Tx, key string) (Letter, error) {
	l, err := letterBy(tx, "uniq", key)
	if fault.KindOf(err) == fault.NotFound {
		return l, fault.NotFoundf("there is no letter with the key %q", key)
	}
	return l, err
}

// ByMessageID finds the letter that a reply or a bounce names; unknown ones are a fault of kind NotFound.
func (o *Outbox) ByMessageID(tx *db.Tx, id string) (Letter, error) {
	l, err := letterBy(tx, "message_id", id)
	if fault.KindOf(err) == fault.NotFound {
		return l, fault.NotFoundf("no letter has the Message-ID %q", id)
	}
	return l, err
}

// ByTicket lists the letters of a conversation, the first one first, at most 1,000.
func (o *Outbox) ByTicket(tx *db.Tx, ticket string) ([]Letter, error) {
	return lettersByTicket(tx, ticket)
}

// Standing tells how far letters are, at most 1,000; those that are not there any more are missing.
func (o *Outbox) Standing(ctx context.Context, ids []int64) (out map[int64]State, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		out, err = statesOf(tx, ids[:min(len(ids), 1000)])
		return err
	})
	return out, err
}

// MarkAnswered notes, within the caller's act, that somebody replied. It changes only letters that were handed over.
func (o *Outbox) MarkAnswered(tx *db.Tx, id int64) error {
	return settle(tx, id, Answered, "", o.Clock.Now().UnixMicro())
}

// MarkBounced notes, within the caller's act, that a letter came back, and counts it against the health of its address when it did so
// for good. The caller has made sure that the bounce is about this letter and this address.
func (o *Outbox) MarkBounced(tx *db.Tx, id int64, reason string, forGood bool) error {
	l, err := letterByID(tx, id)
	if err != nil {
		return err
	}
	now := o.Clock.Now().UnixMicro()
	if l.State != Handed && l.State != Answered {
		return nil
	}
	if err := settle(tx, id, Bounced, reason, now); err != nil || !forGood {
		return err
	}
	return failed(tx, l.HealthKey(), reason, now)
}
