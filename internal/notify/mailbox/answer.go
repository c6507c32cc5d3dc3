package mailbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/eml"
	"tocsin/internal/format/tlp"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Answer is what a person writes back.
type Answer struct {
	Text  string
	Label tlp.Label // how far what it says may travel
	Quote bool      // the message below it
}

const (
	answerKind  = "answer" // of letters
	maxAnswer   = 100 << 10
	maxReason   = 1000
	quotedLines = 200
	maxEarlier  = 20 // references that an answer carries
)

// Answer queues an answer to a message as a letter of its conversation and returns the letter's number. Who is answered is the
// message's author, by the address it came from. An author whose address is not one that we write to is the public for the gate: only
// TLP:CLEAR leaves to them. Machines are never answered. The same answer to the same message is one letter.
func (b *Box) Answer(ctx context.Context, actor act.Actor, id int64, answer Answer) (letter int64, err error) {
	answer.Text = strings.TrimSpace(strings.ReplaceAll(answer.Text, "\r\n", "\n"))
	switch {
	case answer.Text == "" || !utf8.ValidString(answer.Text):
		return 0, fault.Problems{{Field: "text", Message: "write an answer"}}
	case len(answer.Text) > maxAnswer:
		return 0, fault.Problems{{Field: "text", Message: fmt.Sprintf("is longer than %d bytes", maxAnswer)}}
	case answer.Label == tlp.None:
		return 0, fault.Problems{{Field: "label", Message: "choose how far it may travel"}}
	}
	err = b.DB.Act(ctx, act.Act{Actor: actor, Verb: "mailbox.answer", Object: object(id)}, func(tx *db.Tx) error {
		m, err := messageByID(tx, id)
		if err != nil {
			return err
		}
		switch {
		case m.Ticket == "":
			return fault.Conflictf("the message %d is in no conversation: put it into one first", id)
		case !m.Answerable():
			return fault.Conflictf("the message %d was not written by a person: nobody reads an answer", id)
		}
		l, err := b.reply(&m, answer)
		if err != nil {
			return err
		}
		if letter, err = b.Outbox.Enqueue(tx, l); err != nil {
			return err
		}
		tx.Note("", detail(map[string]any{"letter": letter, "ticket": m.Ticket}))
		return answered(tx, &m, letter)
	})
	return letter, err
}

// reply is the letter that answers a message.
func (b *Box) reply(m *Message, answer Answer) (notify.Letter, error) {
	sum := sha256.Sum256([]byte(answer.Label.String() + "\x00" + answer.Text))
	to, name := m.From, m.FromName
	if a, err := netmail.ParseAddress(to); err != nil || a.Address != to {
		return notify.Letter{}, fault.Conflictf("the message %d came from %q, which is no address that can be answered", m.ID, to)
	}
	l := notify.Letter{Key: fmt.Sprintf("mailbox:%d:%s", m.ID, hex.EncodeToString(sum[:12])), Kind: answerKind, Channel: disclosure.Mail, To: to,
		Name: name, Ticket: m.Ticket, Object: disclosure.Ref(object(m.ID)), Asked: true}
	mark := disclosure.Marking{Label: answer.Label}
	if m.Verified && m.Constituent != 0 {
		l.Constituent, mark.Owners = m.Constituent, []int64{m.Constituent}
	}
	text := answer.Text
	if answer.Quote {
		text += "\n\n" + m.Quote()
	}
	l.Content = &notify.Content{Subject: subject(m.Subject, m.Ticket), Text: text, Marking: mark, References: m.References()}
	return l, nil
}

// Quote is what the message says itself, as an answer quotes it.
func (m *Message) Quote() string {
	own, _ := eml.Quoted(m.Text)
	return m.author() + ", " + time.UnixMicro(m.at()).UTC().Format("2006-01-02 15:04 UTC") + ":\n" + eml.Quote(own, quotedLines)
}

// References are the Message-IDs that an answer to the message carries, as notify.Content has them.
func (m *Message) References() (out []string) {
	for _, ref := range m.Earlier[max(0, len(m.Earlier)-maxEarlier):] {
		out = append(out, "<"+ref+">")
	}
	if m.MessageID != "" {
		out = append(out, "<"+m.MessageID+">")
	}
	return out
}

// Reply is the subject of an answer without the ticket: one Re:, whatever the message has.
func (m *Message) Reply() string {
	s := subject(m.Subject, m.Ticket)
	return strings.TrimSpace(strings.TrimSuffix(s, "["+strings.Trim(m.Ticket, "[]")+"]"))
}

// Answered notes within the caller's act that a letter answers a message of a conversation.
func (b *Box) Answered(tx *db.Tx, message, letter int64) error {
	m, err := messageByID(tx, message)
	if err != nil {
		return err
	}
	return answered(tx, &m, letter)
}

func (m *Message) author() string {
	if m.FromName == "" {
		return m.From
	}
	return m.FromName + " <" + m.From + ">"
}

// at is when the message was written, as far as that can be believed: not after it came.
func (m *Message) at() int64 {
	if m.Sent > 0 && m.Sent <= m.Taken {
		return m.Sent
	}
	return m.Taken
}

const maxSubject = 300

// subject is that of an answer: one Re:, and the ticket once.
func subject(of, ticket string) string {
	for {
		prefix, rest, ok := strings.Cut(of, ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(prefix), "re") && !strings.EqualFold(strings.TrimSpace(prefix), "aw") {
			break
		}
		of = strings.TrimSpace(rest)
	}
	mark := "[" + strings.Trim(ticket, "[]") + "]"
	of = strings.Join(strings.Fields(strings.ReplaceAll(of, mark, " ")), " ")
	if len(of) > maxSubject {
		of = strings.ToValidUTF8(of[:maxSubject], "")
	}
	return strings.TrimSpace("Re: "+of) + " " + mark
}

// Assign puts a message of the inbox into a conversation that there is.
func (b *Box) Assign(ctx context.Context, actor act.Actor, id int64, ticket string) error {
	m, err := b.ByID(ctx, id)
	if err != nil {
		return err
	}
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		found, err := b.findTicket(tx, ticket)
		if err != nil {
			return err
		}
		if found == "" {
			return fault.Problems{{Field: "ticket", Message: "there is no conversation of that name"}}
		}
		return b.joinTicket(tx, &m, found, ByHand)
	})
	if err != nil {
		return err
	}
	if err := b.verify(ctx, &m); err != nil {
		return err
	}
	return b.decide(ctx, actor, "mailbox.assign", id, detail(map[string]any{"ticket": m.Ticket}), func(tx *db.Tx) error {
		return assign(tx, &m)
	})
}

// Begin makes a message of the inbox the first of a conversation, and returns its ticket.
func (b *Box) Begin(ctx context.Context, actor act.Actor, id int64) (ticket string, err error) {
	var r [5]byte
	rand.Read(r[:])
	ticket = fmt.Sprintf("M%d-%s", id, hex.EncodeToString(r[:])) // it cannot be guessed: who knows it has seen it
	return ticket, b.decide(ctx, actor, "mailbox.begin", id, detail(map[string]any{"ticket": ticket}), func(tx *db.Tx) error {
		m, err := messageByID(tx, id)
		if err != nil {
			return err
		}
		if err := insertTicket(tx, ticket, m.Subject, 0, b.Clock.Now().UnixMicro()); err != nil {
			return err
		}
		m.Ticket, m.Threaded = ticket, ByHand
		return assign(tx, &m)
	})
}

// Dismiss puts a message aside; the reason is kept with it.
func (b *Box) Dismiss(ctx context.Context, actor act.Actor, id int64, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
		return fault.Problems{{Field: "reason", Message: "say why, in at most 1,000 bytes"}}
	}
	a := act.Act{Actor: actor, Verb: "mailbox.dismiss", Object: object(id), Detail: detail(map[string]any{"reason": reason})}
	return b.DB.Act(ctx, a, func(tx *db.Tx) error {
		m, err := messageByID(tx, id)
		if err != nil {
			return err
		}
		if m.State != Waiting && m.State != Open {
			return fault.Conflictf("the message %d waits for nobody", id)
		}
		return setState(tx, id, Dismissed, reason)
	})
}

// decide does what can be done with a message of the inbox, or one that was dismissed.
func (b *Box) decide(ctx context.Context, actor act.Actor, verb string, id int64, detail string, fn func(*db.Tx) error) error {
	return b.DB.Act(ctx, act.Act{Actor: actor, Verb: verb, Object: object(id), Detail: detail}, func(tx *db.Tx) error {
		m, err := messageByID(tx, id)
		if err != nil {
			return err
		}
		if m.State != Waiting && m.State != Dismissed {
			return fault.Conflictf("the message %d is in the conversation %s already", id, m.Ticket)
		}
		return fn(tx)
	})
}

// Finish says that a message of a conversation needs no answer.
func (b *Box) Finish(ctx context.Context, actor act.Actor, id int64) error {
	return b.DB.Act(ctx, act.Act{Actor: actor, Verb: "mailbox.finish", Object: object(id)}, func(tx *db.Tx) error {
		m, err := messageByID(tx, id)
		if err != nil {
			return err
		}
		if m.State != Open {
			return fault.Conflictf("the message %d waits for nobody", id)
		}
		return setState(tx, id, Done, "")
	})
}
