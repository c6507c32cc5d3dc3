// Package eml reads Internet messages: RFC 5322 headers, MIME bodies and attachments, delivery reports (RFC 3464) and the
// marks of automatic mail (RFC 3834). A message is a stranger's input: whatever is in it, reading ends early, within bounds,
// and what was left out is told as a flaw. It fetches nothing that a message refers to.
package eml

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// Limits bound what a message can make its reader do; a zero field takes that of Strict.
type Limits struct {
	Bytes  int64 // of the message as it came
	Header int   // bytes of a header
	Parts  int   // that are read
	Depth  int   // of multiparts within multiparts
	Text   int   // bytes of text that are kept
}

// Strict are limits that no letter of a person reaches.
func Strict() Limits {
	return Limits{Bytes: 25 << 20, Header: 256 << 10, Parts: 200, Depth: 8, Text: 512 << 10}
}

func (l Limits) filled() Limits {
	s := Strict()
	if l.Bytes > 0 {
		s.Bytes = l.Bytes
	}
	if l.Header > 0 {
		s.Header = l.Header
	}
	if l.Parts > 0 {
		s.Parts = l.Parts
	}
	if l.Depth > 0 {
		s.Depth = l.Depth
	}
	if l.Text > 0 {
		s.Text = l.Text
	}
	return s
}

// Options say how a message is read.
type Options struct {
	Limits
	// Charset decodes character sets besides UTF-8, US-ASCII and ISO-8859-1; nil knows no others.
	Charset func(label string, r io.Reader) (io.Reader, error)
	// Attachment is given the decoded content of every attachment; nil leaves attachments unread. Its error ends the reading.
	Attachment func(a Attachment, content io.Reader) error
}

// Flaw is something that is wrong with a message, or that was left out of it.
type Flaw string

// The flaws.
const (
	Cut       Flaw = "cut"       // longer than the limit: its end was not read
	ManyParts Flaw = "parts"     // more parts than the limit: the others were not read
	Deep      Flaw = "depth"     // nested deeper than the limit: what is below was not read
	LongText  Flaw = "text"      // more text than the limit: the rest was not kept
	Header    Flaw = "header"    // lines of a header that are none, or a header over the limit
	Broken    Flaw = "broken"    // a part that ends early or is wrongly encoded
	Charset   Flaw = "charset"   // text in a character set that is not known
	Senders   Flaw = "senders"   // none or several senders
	Encrypted Flaw = "encrypted" // encrypted: its content was not read
)

// Address is a mail address and the name that goes with it.
type Address struct{ Name, Address string }

// Attachment is a part that is no text of the letter.
type Attachment struct {
	Number int    // from 1, in the order of the message
	Name   string // safe as a file's name, never empty
	Type   string // as the message says: "text/csv"
}

// Message is what was read. Texts hold no control characters but line feeds and tabs.
type Message struct {
	From        []Address
	ReplyTo     []Address
	To          []Address
	Subject     string
	Date        time.Time // as the message says; zero without one
	ID          string    // Message-ID without its brackets
	InReplyTo   []string
	References  []string // the latest last
	Text        string   // what there is to read: the plain text, else what the HTML says
	HTML        string   // as it came, "" without one: never shown as it is
	Attachments []Attachment
	Report      *Report // of delivery; nil: the message is none
	Automatic   string  // the field by which it says that no person wrote it, "" when it does not
	List        bool    // it came by a mailing list
	NullSender  bool    // sent as <>, which nobody answers
	// Authentication is that of the mail server which touched the message last, and nobody else's; nil: it says nothing.
	Authentication *Authentication
	Flaws          []Flaw
}

// Has tells whether the message has a flaw.
func (m *Message) Has(f Flaw) bool { return slices.Contains(m.Flaws, f) }

// ErrNoMessage is what Read says of what has no header at all.
var ErrNoMessage = errors.New("this is no mail message: it has no header")

// Read reads a message. What is wrong in it are its flaws; an error is ErrNoMessage, of r, or of Attachment.
func Read(r io.Reader, o Options) (*Message, error) {
	o.Limits = o.filled()
	d := &decoder{o: o, m: &Message{}, in: &bounded{r: r, left: o.Bytes}}
	br := bufio.NewReader(d.in)
	h, err := d.header(br)
	if err != nil {
		return nil, d.failed(err)
	}
	if len(h) == 0 {
		return nil, ErrNoMessage
	}
	d.fields(h)
	if err := d.part(h, br, 0, ""); err != nil {
		return nil, d.failed(err)
	}
	if d.in.err != nil {
		return nil, fmt.Errorf("read the message: %w", d.in.err)
	}
	if d.in.cut {
		d.flaw(Cut)
	}
	d.m.HTML = strings.TrimSpace(d.html.String())
	d.m.Text = tidy(d.text.String())
	if d.m.Text == "" && d.m.HTML != "" {
		d.m.Text = tidy(Plain(d.m.HTML))
	}
	return d.m, nil
}

// decoder is one reading under way.
type decoder struct {
	o     Options
	m     *Message
	in    *bounded
	text  strings.Builder
	html  strings.Builder
	parts int
	end   error // of Attachment
}

func (d *decoder) failed(err error) error {
	switch {
	case d.end != nil:
		return d.end
	case d.in.err != nil:
		return fmt.Errorf("read the message: %w", d.in.err)
	}
	return err
}

func (d *decoder) flaw(f Flaw) {
	if !d.m.Has(f) {
		d.m.Flaws = append(d.m.Flaws, f)
	}
}

// bounded ends its reader at the limit, and keeps apart that and the reader's own errors, which the layers above would take
// for a flaw of the message.
type bounded struct {
	r    io.Reader
	left int64
	cut  bool
	err  error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, _ := io.ReadFull(b.r, one[:]); n > 0 {
			b.cut = true
		}
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// fields reads what the message's own header says.
func (d *decoder) fields(h header) {
	m := d.m
	m.From = d.addresses(h.all("From"))
	if len(m.From) != 1 {
		d.flaw(Senders)
	}
	m.ReplyTo, m.To = d.addresses(h.all("Reply-To")), d.addresses(append(h.all("To"), h.all("Cc")...))
	m.Subject = d.words(h.get("Subject"))
	if at, err := mail.ParseDate(h.get("Date")); err == nil {
		m.Date = at.UTC()
	}
	if ids := IDs(h.get("Message-Id")); len(ids) > 0 {
		m.ID = ids[0]
	}
	m.InReplyTo, m.References = IDs(h.get("In-Reply-To")), IDs(h.get("References"))
	m.Automatic, m.List, m.NullSender = automatic(h)
	if v := h.get("Authentication-Results"); v != "" {
		m.Authentication = authentication(v)
	}
}

// maxAddresses bounds the addresses of one kind that are kept.
const maxAddresses = 100

func (d *decoder) addresses(values []string) []Address {
	p := mail.AddressParser{WordDecoder: d.wordDecoder()}
	var out []Address
	for _, v := range values {
		list, err := p.ParseList(v)
		if err != nil {
			if a, ok := bareAddress(v); ok {
				list = []*mail.Address{a}
			} else if strings.TrimSpace(v) != "" {
				d.flaw(Header)
			}
		}
		for _, a := range list {
			if len(out) < maxAddresses {
				out = append(out, Address{line(a.Name, 200), line(a.Address, 320)})
			}
		}
	}
	return out
}

// bareAddress finds the address in a field that is not written by the rules: a name with unquoted dots or brackets.
func bareAddress(v string) (*mail.Address, bool) {
	i, j := strings.LastIndexByte(v, '<'), strings.LastIndexByte(v, '>')
	if i < 0 || j < i || strings.Count(v, "@") != 1 {
		return nil, false
	}
	a, err := mail.ParseAddress(v[i : j+1])
	return a, err == nil
}

func (d *decoder) wordDecoder() *mime.WordDecoder {
	return &mime.WordDecoder{CharsetReader: d.charset}
}

// words decodes the encoded words of a field (RFC 2047).
func (d *decoder) words(v string) string {
	s, err := d.wordDecoder().DecodeHeader(v)
	if err != nil {
		d.flaw(Charset)
		s = v
	}
	return line(s, 1000)
}

func (d *decoder) charset(label string, r io.Reader) (io.Reader, error) {
	if d.o.Charset == nil {
		return nil, fmt.Errorf("the character set %q is not known", label)
	}
	return d.o.Charset(label, r)
}
