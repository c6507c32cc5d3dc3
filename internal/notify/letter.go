package notify

import (
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// State is how far a letter is.
type State string

// The states of a letter.
const (
	Queued    State = "queued"      // waits for its turn to be composed and rendered
	Rendered  State = "rendered"    // what is handed over is settled, byte for byte
	Held      State = "held"        // waits for a person; Letter.Hold says why
	Handed    State = "handed-over" // the mail server, or the webhook, has it
	Answered  State = "answered"    // somebody replied
	Bounced   State = "bounced"     // it came back
	Dead      State = "dead"        // given up; can be sent again
	Cancelled State = "cancelled"   // not to be sent any more
)

// States lists the states in the order of a letter's life.
func States() []State {
	return []State{Queued, Rendered, Held, Handed, Answered, Bounced, Dead, Cancelled}
}

// Why a letter is held.
const (
	HoldRelease    = "release"    // the first to its recipient: a person looks at it
	HoldEncryption = "encryption" // it must be encrypted and cannot be
	HoldGate       = "gate"       // the gate does not let all of it out
)

// Letter is one message to one recipient. What Enqueue reads stands above the line.
type Letter struct {
	Key  string // the same key is the same letter, however often it is enqueued
	Kind string // "digest", "invitation", "receipt" …

	// Channel is disclosure.Mail, also when empty, or disclosure.Webhook.
	Channel     disclosure.Channel
	Constituent int64 // whom it is for; 0: none of the constituents
	// Recipient is to whom it leaves, for the gate. The zero value is the constituent as an organisation; without one, the public.
	Recipient disclosure.Recipient
	To        string // a mail address alone; of a webhook its number
	Name      string // of who reads it
	Language  string

	Ticket string         // what replies are found by: it stands in the subject
	Object disclosure.Ref // what it is about

	EncryptionRequired bool
	Asked              bool   // a person asks for exactly this letter: it waits for no release
	Due                int64  // UTC microseconds; 0 is now
	Payload            string // for the composer

	Content *Content // nil: the composer of the kind writes it when the letter's turn comes

	// Below is what became of it.

	ID        int64
	Subject   string
	State     State
	Hold      string
	Reason    string // the last trouble, or why it was cancelled
	Attempts  int    // hand-overs that were begun
	Created   int64  // UTC microseconds, like all below; 0: not yet
	Rendered  int64
	FirstTry  int64
	HandedAt  int64
	Settled   int64 // when it was answered, bounced, given up or cancelled
	MessageID string
	Bytes     int64  // of what is handed over
	SHA256    string // of that
	Ledger    int64  // its row of the egress ledger

	line        string
	release     string
	destination string
	holder      string
	lease       int64
}

// Content is what a letter says.
type Content struct {
	Subject     string            `json:"subject"`
	Text        string            `json:"text"` // of a webhook the JSON that is posted
	HTML        string            `json:"html,omitempty"`
	Attachments []mail.Attachment `json:"attachments,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	// References are the Message-IDs of the conversation, in angle brackets, the oldest first; the last is what it replies to.
	References []string `json:"references,omitempty"`
	// Marking is the letter's own. About are the objects it tells of, each with its marking: the gate judges them all.
	Marking disclosure.Marking `json:"marking"`
	About   []About            `json:"about,omitempty"`
}

// About is an object that a letter tells of.
type About struct {
	Object disclosure.Ref     `json:"object"`
	Mark   disclosure.Marking `json:"marking"`
}

// Ref implements disclosure.Item.
func (a About) Ref() disclosure.Ref { return a.Object }

// Marking implements disclosure.Item.
func (a About) Marking() disclosure.Marking { return a.Mark }

// References implements disclosure.Item.
func (a About) References() []disclosure.Item { return nil }

// The bounds of a letter.
const (
	maxText        = 1 << 20
	maxHTML        = 2 << 20
	maxAttachments = 20 << 20
	maxAbout       = 200_000
	maxReferences  = 50
	maxUnpacked    = 128 << 20
)

var (
	kindName  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	messageID = regexp.MustCompile(`^<[^<>\s]{1,250}>$`)
)

// oneLine tells whether a text may stand in a header.
func oneLine(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Check says what is wrong with the letter; its content is checked too, when it has one.
func (l *Letter) Check() error {
	var ps fault.Problems
	bad := func(field, message string) { ps = append(ps, fault.Problem{Field: field, Message: message}) }
	if l.Key == "" || !oneLine(l.Key, 300) {
		bad("key", "a letter needs a key of one line")
	}
	if !kindName.MatchString(l.Kind) {
		bad("kind", "is a word of lower-case letters, digits and -")
	}
	switch l.Channel {
	case disclosure.Mail:
		if a, err := netmail.ParseAddress(l.To); err != nil || a.Address != l.To || !oneLine(l.To, 254) {
			bad("to", "is no mail address")
		}
	case disclosure.Webhook:
		if hookNumber(l.To) == 0 {
			bad("to", "is no number of a webhook")
		}
	default:
		bad("channel", "a letter goes by mail or webhook")
	}
	for field, v := range map[string]string{"name": l.Name, "language": l.Language, "ticket": l.Ticket, "object": string(l.Object)} {
		if !oneLine(v, 300) {
			bad(field, "is one line of at most 300 bytes")
		}
	}
	if len(ps) > 0 {
		slices.SortFunc(ps, func(a, b fault.Problem) int { return strings.Compare(a.Field, b.Field) })
		return ps
	}
	if l.Content == nil {
		return nil
	}
	return l.Content.check(l)
}

// check says what is wrong with a content.
func (c *Content) check(l *Letter) error {
	if err := c.bounds(l); err != nil || l.Channel != disclosure.Mail {
		return err
	}
	return c.message(l).Check()
}

// bounds says whether a content is too large, or no content at all.
func (c *Content) bounds(l *Letter) error {
	total := 0
	for _, a := range c.Attachments {
		total += len(a.Bytes)
	}
	switch {
	case !oneLine(c.Subject, 500):
		return fault.Problems{{Field: "subject", Message: "is one line of at most 500 bytes"}}
	case strings.TrimSpace(c.Text) == "" || !utf8.ValidString(c.Text):
		return fault.Problems{{Field: "text", Message: "a letter needs a text"}}
	case len(c.Text) > maxText && l.Channel == disclosure.Mail || len(c.Text) > maxAttachments:
		return fault.Problems{{Field: "text", Message: "is longer than a letter may be: attach it"}}
	case len(c.HTML) > maxHTML:
		return fault.Problems{{Field: "html", Message: "is longer than a letter may be: attach it"}}
	case total > maxAttachments:
		return fault.Problems{{Field: "attachments", Message: "are more than 20 MiB together: zip them, or send fewer"}}
	case len(c.About) > maxAbout || len(c.References) > maxReferences:
		return fault.Problems{{Field: "about", Message: "a letter tells of too much"}}
	}
	for _, id := range c.References {
		if !messageID.MatchString(id) {
			return fault.Problems{{Field: "references", Message: "are Message-IDs in angle brackets"}}
		}
	}
	return nil
}

// message is the letter as mail has it.
func (c *Content) message(l *Letter) mail.Message {
	m := mail.Message{To: l.To, Subject: c.Subject, Text: c.Text, HTML: c.HTML, Key: l.Key, Attachments: c.Attachments, Headers: map[string]string{}}
	if l.Name != "" {
		m.To = (&netmail.Address{Name: l.Name, Address: l.To}).String()
	}
	for k, v := range c.Headers {
		m.Headers[k] = v
	}
	if n := len(c.References); n > 0 {
		m.Headers["References"] = strings.Join(c.References, " ")
		m.Headers["In-Reply-To"] = c.References[n-1]
	}
	return m
}

// domain is what rates are kept for.
func domain(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
