package mail

import (
	"crypto/sha256"
	"encoding/hex"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"tocsin/internal/platform/fault"
)

// Message is one mail to one recipient.
type Message struct {
	To      string // one address: "Ana <ana@isp.example>"
	Subject string
	Text    string
	HTML    string            // "": text only
	Key     string            // what the message is, the same when it is sent again; its Message-ID is made of it
	Headers map[string]string // others, such as Auto-Submitted or List-Unsubscribe
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
	return to, nil
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	to, err := m.check()
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.ToMailAddress(to)
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.clock.Now())
	msg.SetMessageIDWithValue(s.messageID(m.Key))
	for name, value := range m.Headers {
		msg.SetGenHeader(gomail.Header(textproto.CanonicalMIMEHeaderKey(name)), value)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// messageID tells nothing of the key.
func (s *Sender) messageID(key string) string {
	sum := sha256.Sum256([]byte("tocsin message " + s.domain + "\x00" + key))
	return hex.EncodeToString(sum[:16]) + "@" + s.domain
}
