package mailbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Filter selects messages; a zero field selects all.
type Filter struct {
	State       State
	Kind        Kind
	Constituent int64
	Before      int64 // only messages with a lower number: the last of the page before
}

// List gives a page of messages, the latest first, at most 1,000. next is the Before of the page that follows, 0 at the end.
func (b *Box) List(ctx context.Context, f Filter, limit int) (out []Message, next int64, err error) {
	if f.State != "" && !slices.Contains(States(), f.State) {
		return nil, 0, fault.Problems{{Field: "state", Message: "is no state of a message"}}
	}
	limit = min(max(limit, 1), 1000)
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listMessages(tx, f, limit+1)
		return err
	})
	if err == nil && len(out) > limit {
		out = out[:limit]
		next = out[limit-1].ID
	}
	for i := range out {
		b.conceal(&out[i])
	}
	return out, next, err
}

// ByID finds a message with its files; an unknown one is a fault of kind NotFound.
func (b *Box) ByID(ctx context.Context, id int64) (m Message, err error) {
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		m, err = messageByID(tx, id)
		return err
	})
	b.conceal(&m)
	return m, err
}

// conceal takes from a message what it quotes of the secrets of our letters: who writes here is not who reads what they write.
func (b *Box) conceal(m *Message) {
	m.Subject, m.Text = b.Outbox.Concealed(m.Subject), b.Outbox.Concealed(m.Text)
}

// Counts tells how many messages are in each state.
func (b *Box) Counts(ctx context.Context) (c Counts, err error) {
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		c, err = counts(tx)
		return err
	})
	return c, err
}

// Status tells how the reading of the mailboxes goes.
func (b *Box) Status(ctx context.Context) (out []Status, err error) {
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listStatus(tx)
		return err
	})
	return out, err
}

// Conversation is all that went to and fro under one ticket.
type Conversation struct {
	Ticket      string
	Subject     string
	Constituent int64
	Entries     []Entry // the first one first; of a long conversation the last ones
}

// Entry is a letter of ours or a message of theirs.
type Entry struct {
	At      int64
	Letter  *notify.Letter
	Text    string // the beginning of what it says; "" of a letter that is not composed yet, or long past
	Message *Message
}

const (
	maxEntries = 100
	maxTexts   = 20 // letters whose text is shown: a digest may carry megabytes
)

// Conversation gives a conversation; an unknown ticket is a fault of kind NotFound.
func (b *Box) Conversation(ctx context.Context, ticket string) (c Conversation, err error) {
	c.Ticket = ticket
	var letters []notify.Letter
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		ms, err := messagesIn(tx, ticket, maxEntries)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(ms) { // of what came at once the first first
			b.conceal(&m)
			c.Entries = append(c.Entries, Entry{At: m.Taken, Text: m.Text, Message: &m})
		}
		if c.Constituent, err = constituentOf(tx, ticket); err != nil {
			return err
		}
		if c.Subject, err = ticketSubject(tx, ticket); err != nil {
			return err
		}
		letters, err = b.Outbox.ByTicket(tx, ticket)
		return err
	})
	if err != nil {
		return c, err
	}
	if first, err := b.named(ctx, ticket); err != nil {
		return c, err
	} else if first != nil {
		letters = append(letters, *first)
	}
	letters = letters[max(0, len(letters)-maxEntries):]
	for i, l := range letters {
		e := Entry{At: cmp.Or(l.HandedAt, l.Created), Letter: &l}
		if i >= len(letters)-maxTexts {
			if e.Text, err = b.textOf(ctx, &l); err != nil {
				return c, err
			}
		}
		c.Constituent = cmp.Or(c.Constituent, l.Constituent)
		c.Entries = append(c.Entries, e)
	}
	if len(c.Entries) == 0 {
		return c, fault.NotFoundf("there is no conversation %q", ticket)
	}
	slices.SortStableFunc(c.Entries, func(x, y Entry) int { return cmp.Compare(x.At, y.At) })
	c.Entries = c.Entries[max(0, len(c.Entries)-maxEntries):]
	c.Subject = cmp.Or(c.Subject, subjectOf(c.Entries))
	return c, nil
}

// textOf is the beginning of what a letter says. One that is composed when its turn comes says nothing yet.
func (b *Box) textOf(ctx context.Context, l *notify.Letter) (string, error) {
	if l.Rendered == 0 && b.Outbox.Composes(l.Kind) {
		return "", nil
	}
	_, content, err := b.Outbox.Preview(ctx, l.ID)
	if fault.KindOf(err) == fault.Unavailable || err == nil && content == nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strings.ToValidUTF8(content.Text[:min(len(content.Text), Shown)], ""), nil
}

// named is the letter that a conversation of a letter without a ticket began with.
func (b *Box) named(ctx context.Context, ticket string) (*notify.Letter, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(ticket, "L"), 10, 64)
	if err != nil || !strings.HasPrefix(ticket, "L") {
		return nil, nil
	}
	l, err := b.Outbox.ByID(ctx, id)
	if fault.KindOf(err) == fault.NotFound || err == nil && l.Ticket != "" {
		return nil, nil
	}
	return &l, err
}

func subjectOf(es []Entry) string {
	for _, e := range es {
		if e.Letter != nil && e.Letter.Subject != "" {
			return e.Letter.Subject
		}
		if e.Message != nil && e.Message.Subject != "" {
			return e.Message.Subject
		}
	}
	return ""
}

// Original writes a message as it came.
func (b *Box) Original(ctx context.Context, id int64, w io.Writer) error {
	m, err := b.ByID(ctx, id)
	if err != nil {
		return err
	}
	r, err := b.Files.Open(m.path)
	if err != nil {
		return fmt.Errorf("open the original of message %d: %w", id, err)
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// Verify compares the original of a message with its hash.
func (b *Box) Verify(ctx context.Context, id int64) error {
	m, err := b.ByID(ctx, id)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if err := b.Original(ctx, id, sum); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("the content of message %d is not what came", id)
	}
	return nil
}

// Attachment finds an attachment and gives what writes its content.
func (b *Box) Attachment(ctx context.Context, id int64, number int) (File, func(io.Writer) error, error) {
	m, err := b.ByID(ctx, id)
	if err != nil {
		return File{}, nil, err
	}
	f, err := m.file(number)
	if err != nil {
		return File{}, nil, err
	}
	if f.URL != "" {
		return File{}, nil, fault.NotFoundf("the file %d of message %d is a link, and not kept here", number, id)
	}
	return *f, func(w io.Writer) error { return b.copyFile(ctx, &m, number, w) }, nil
}
