package mail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// Message is one mail to one recipient.
type Message struct {
	To      string // one address: "Ana <ana@isp.example>"
	Subject string
	Text    string
	HTML    string            // "": text only
	Key     string            // what the message is, the same when it is sent again; its Message-ID is made of it
	Headers map[string]string // others, such as Auto-Submitted, References or List-Unsubscribe
	Date    time.Time         // zero: now; the same message with the same date is the same bytes

	Attachments []Attachment
}

// Attachment is a file that goes with a message.
type Attachment struct {
	Name  string // without a path: "2026-11-25-open-dns.csv"
	Type  string // "text/csv; charset=utf-8"; "" is bytes of any sort
	Bytes []byte
}

func (a Attachment) check() error {
	if a.Name == "" || len(a.Name) > 200 || broken(a.Name) || strings.ContainsAny(a.Name, `/\`) || strings.HasPrefix(a.Name, ".") {
		return fault.Invalidf("%q is no name of an attachment", a.Name)
	}
	if _, _, err := mime.ParseMediaType(a.mediaType()); err != nil || broken(a.Type) {
		return fault.Invalidf("the attachment %s: %q is no media type", a.Name, a.Type)
	}
	return nil
}

func (a Attachment) mediaType() string {
	if a.Type == "" {
		return "application/octet-stream"
	}
	return a.Type
}

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// reserved are headers that follow from the rest of the message.
var reserved = []string{"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Message-Id", "Mime-Version", "Return-Path",
	"Received", "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-From", "Dkim-Signature"}

// broken says whether a text would begin another line of the header.
func broken(s string) bool { return strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) }

// check refuses what could become another header or another recipient.
func (m Message) check() (*netmail.Address, error) {
	for _, f := range [][2]string{{"recipient", m.To}, {"subject", m.Subject}, {"key", m.Key}} {
		if broken(f[1]) {
			return nil, fault.Invalidf("the message's %s has more than one line", f[0])
		}
	}
	if m.Key == "" || strings.TrimSpace(m.Text) == "" || !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML) {
		return nil, fault.Invalidf("a message needs a key and a text")
	}
	to, err := netmail.ParseAddress(m.To)
	if err != nil || broken(to.Name) || broken(to.Address) {
		return nil, fault.Invalidf("the message's recipient is no mail address")
	}
	for name, value := range m.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !headerName.MatchString(name) || len(name) > 70:
			return nil, fault.Invalidf("%q is no header's name", name)
		case slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Content-"):
			return nil, fault.Invalidf("the header %s follows from the message: it cannot be set", canonical)
		case broken(value):
			return nil, fault.Invalidf("the header %s has more than one line", canonical)
		}
	}
	for _, a := range m.Attachments {
		if err := a.check(); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// Render writes a message as it is handed over: RFC 5322 with MIME, lines that end in CRLF. A message that is wrong is a fault of kind
// Invalid.
func (s *Sender) Render(m Message) ([]byte, error) {
	if s == nil {
		return nil, errNoServer
	}
	to, err := m.check()
	if err != nil {
		return nil, err
	}
	return s.render(m, to), nil
}

// MessageID is the Message-ID that a message with the key has, in angle brackets, by which replies and bounces name it.
func (s *Sender) MessageID(key string) string {
	if s == nil {
		return ""
	}
	return "<" + s.messageID(key) + ">"
}

// Check tells what is wrong with a message, without a mail server.
func (m Message) Check() error {
	_, err := m.check()
	return err
}

// messageID tells nothing of the key, and nobody without the secret can guess it: who names it has seen the message.
func (s *Sender) messageID(key string) string {
	h := hmac.New(sha256.New, s.cfg.Secret)
	h.Write([]byte("tocsin message " + s.domain + "\x00" + key))
	return hex.EncodeToString(h.Sum(nil)[:16]) + "@" + s.domain
}
