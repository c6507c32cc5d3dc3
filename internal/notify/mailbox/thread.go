package mailbox

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/eml"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/protect"
)

func kindOf(e *eml.Message) Kind {
	switch {
	case e.Report != nil && slices.ContainsFunc(e.Report.Recipients, func(d eml.Delivery) bool { return d.Action == "failed" }):
		return Bounce
	case e.Report != nil && len(e.Report.Recipients) > 0:
		return Delivery
	case e.Automatic != "":
		return Automatic
	case e.List:
		return List
	}
	return Letter
}

// thread finds the conversation that a message belongs to. A delivery report belongs to the letter that it names, and only when it
// names the address too that the letter went to: anybody can send something that looks like one.
func (b *Box) thread(tx *db.Tx, m *Message) error {
	if m.MessageID != "" {
		l, err := b.letter(tx, m.MessageID)
		if err != nil {
			return err
		}
		if l != nil {
			m.Kind = Own
			m.join(l, ByReference)
			return nil
		}
	}
	if m.Kind == Bounce || m.Kind == Delivery {
		return b.threadReport(tx, m)
	}
	for _, id := range slices.Backward(m.Earlier) {
		l, err := b.letter(tx, id)
		if err != nil {
			return err
		}
		if l != nil {
			m.join(l, ByReference)
			return nil
		}
		found, err := ticketOf(tx, id)
		if err != nil {
			return err
		}
		if found != "" {
			return b.joinTicket(tx, m, found, ByReference)
		}
	}
	for _, word := range tickets(m.Subject) {
		ticket, err := b.findTicket(tx, word)
		if err != nil {
			return err
		}
		if ticket != "" {
			return b.joinTicket(tx, m, ticket, ByTicket)
		}
	}
	return nil
}

func (b *Box) threadReport(tx *db.Tx, m *Message) error {
	if m.Report.ID == "" {
		return nil
	}
	l, err := b.letter(tx, m.Report.ID)
	if err != nil || l == nil {
		return err
	}
	if m.delivery = deliveryTo(m.Report, l.To); m.delivery != nil {
		m.join(l, ByReport)
		m.Verified = true
	}
	return nil
}

// deliveryTo is what a report says of an address; nil: nothing.
func deliveryTo(r *eml.Report, address string) *eml.Delivery {
	for i, d := range r.Recipients {
		if sameAddress(d.Recipient, address) || sameAddress(d.Original, address) {
			return &r.Recipients[i]
		}
	}
	return nil
}

func sameAddress(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// letter is the letter with a Message-ID that left by mail; nil: there is none.
func (b *Box) letter(tx *db.Tx, id string) (*notify.Letter, error) {
	l, err := b.Outbox.ByMessageID(tx, "<"+id+">")
	if fault.KindOf(err) == fault.NotFound || err == nil && l.Channel != disclosure.Mail {
		return nil, nil
	}
	return &l, err
}

func (m *Message) join(l *notify.Letter, how string) {
	m.Letter, m.Ticket, m.Constituent, m.Threaded, m.to = l.ID, l.Ticket, l.Constituent, how, l.To
	if m.Ticket == "" { // a letter without one: the conversation is named by it
		m.Ticket = "L" + strconv.FormatInt(l.ID, 10)
	}
}

// joinTicket puts a message into a conversation, beside the last letter of it to this sender, else the last at all.
func (b *Box) joinTicket(tx *db.Tx, m *Message, ticket, how string) error {
	ls, err := b.Outbox.ByTicket(tx, ticket)
	if err != nil {
		return err
	}
	var last *notify.Letter
	for i := range ls {
		if last == nil || !sameAddress(last.To, m.From) || sameAddress(ls[i].To, m.From) {
			last = &ls[i]
		}
	}
	if last != nil {
		m.join(last, how)
	}
	m.Ticket, m.Threaded = ticket, how
	if last == nil || m.Constituent == 0 {
		m.Constituent, err = constituentOf(tx, ticket)
	}
	return err
}

// findTicket is the ticket of the conversation that people call so: some write it in brackets, "" when there is none.
func (b *Box) findTicket(tx *db.Tx, word string) (string, error) {
	word = strings.Trim(strings.TrimSpace(word), "[]")
	for _, ticket := range []string{word, "[" + word + "]"} {
		if word == "" {
			break
		}
		there, err := isTicket(tx, ticket)
		if err != nil {
			return "", err
		}
		ls, err := b.Outbox.ByTicket(tx, ticket)
		if err != nil {
			return "", err
		}
		if !there && len(ls) == 0 && b.Incidents.Known != nil {
			if there, err = b.Incidents.Known(tx, ticket); err != nil {
				return "", err
			}
		}
		if there || len(ls) > 0 {
			return ticket, nil
		}
	}
	return "", nil
}

var inBrackets = regexp.MustCompile(`\[([^\[\]\s]{2,80})\]`)

const maxTickets = 5

// tickets are what may be one in a subject: a word in square brackets.
func tickets(subject string) []string {
	var out []string
	for _, m := range inBrackets.FindAllStringSubmatch(subject, maxTickets) {
		out = append(out, m[1])
	}
	return out
}

// verify looks whether the sender's address is that of the letter, or of a contact of its constituent.
func (b *Box) verify(ctx context.Context, m *Message) error {
	if p := m.Protection; p != nil && (p.Signature == protect.SignatureFake || p.Signature == protect.KeyOfAnother) {
		m.Verified = false // whoever it is, it is not whom the signature is made to say
		return nil
	}
	if m.Ticket == "" || m.From == "" || m.Verified || m.Authentic == Denied || slices.Contains(m.Flaws, eml.Senders) {
		return nil
	}
	if m.Verified = sameAddress(m.to, m.From); m.Verified || m.Constituent == 0 {
		return nil
	}
	contacts, err := b.Constituency.Contacts(ctx, m.Constituent)
	if err != nil {
		return err
	}
	today := constituency.DayOf(b.Clock.Now())
	m.Verified = slices.ContainsFunc(contacts, func(c constituency.Contact) bool {
		return sameAddress(c.Mail, m.From) && c.ValidFrom <= today && today < c.ValidUntil
	})
	return nil
}

// settle decides what the message waits for: what a machine wrote asks for nothing, once it is known what it is about.
func (m *Message) settle() {
	switch {
	case m.Kind == Own:
		m.State = Done
	case m.Ticket == "":
		m.State = Waiting
	case m.Kind == Letter || m.Kind == List:
		m.State = Open
	default:
		m.State = Done
	}
}

// effect is what a message changes by itself, in its transaction: a letter that it proves to be about.
func (b *Box) effect(tx *db.Tx, m *Message) error {
	switch {
	case m.Letter == 0 || !m.Verified:
		return nil
	case m.Kind == Letter:
		return b.Outbox.MarkAnswered(tx, m.Letter)
	case m.Kind == Bounce && m.delivery != nil && m.delivery.Action == "failed":
		return b.Outbox.MarkBounced(tx, m.Letter, strings.TrimSpace(m.delivery.Status+" "+m.delivery.Reason), m.delivery.Permanent())
	}
	return nil
}

// detail is an act's detail as JSON.
func detail(values map[string]any) string {
	b, err := json.Marshal(values)
	if err != nil {
		return ""
	}
	return string(b)
}

func object(id int64) string { return "mail:" + strconv.FormatInt(id, 10) }
