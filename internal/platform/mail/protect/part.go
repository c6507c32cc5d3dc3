package protect

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// field is one field of a header, with its line ends.
type field struct{ name, raw string }

func (f field) value() string { return strings.TrimPrefix(f.raw, f.raw[:len(f.name)+1]) }

// message is a message taken apart: what travels in clear, what the content is, and the content itself.
type message struct {
	outer   []field // but MIME-Version
	content []field // Content-Type and its like
	body    []byte
}

// take takes a message apart. It must be as mail travels: lines that end in CRLF, seven bits, at most 998 of them a line; what is
// signed must not be changed on its way.
func take(raw []byte) (*message, error) {
	header, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, errors.New("the message has no end of its header")
	}
	if err := travels(raw); err != nil {
		return nil, err
	}
	m := &message{body: body}
	var fields []field
	for line := range strings.SplitSeq(string(header), "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if len(fields) == 0 {
				return nil, errors.New("the message's header begins with a continued line")
			}
			fields[len(fields)-1].raw += line + "\r\n"
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, errors.New("the message's header has a line without a name")
		}
		fields = append(fields, field{name, line + "\r\n"})
	}
	for _, f := range fields {
		switch lower := strings.ToLower(f.name); {
		case lower == "mime-version":
		case strings.HasPrefix(lower, "content-"):
			m.content = append(m.content, f)
		default:
			m.outer = append(m.outer, f)
		}
	}
	return m, nil
}

// travels tells whether no mail server has a reason to change the bytes.
func travels(b []byte) error {
	start := 0
	for i, c := range b {
		switch {
		case c >= 0x80 || c == 0:
			return fmt.Errorf("the message has a byte %#x at %d: what is signed has seven bits", c, i)
		case c == '\n' && (i == 0 || b[i-1] != '\r'), c == '\r' && (i+1 == len(b) || b[i+1] != '\n'):
			return fmt.Errorf("the message has half a line end at %d", i)
		case c == '\n':
			start = i + 1
		case i-start >= 998 && c != '\r':
			return fmt.Errorf("the message has a line of more than 998 characters at %d", start)
		}
	}
	return nil
}

// payload is what is signed or encrypted: the content with the header that belongs to it repeated inside (RFC 9788), so that
// nobody can change it on the way. With a cover, which is the subject that travels in clear, it says what travels outside.
func (m *message) payload(cover string) []byte {
	var b bytes.Buffer
	for _, f := range m.outer {
		b.WriteString(f.raw)
	}
	how := "clear"
	if cover != "" {
		how = "cipher"
		for _, f := range m.covered(cover) {
			b.WriteString("HP-Outer: " + f.raw)
		}
	}
	typed := false
	for _, f := range m.content {
		if strings.EqualFold(f.name, "Content-Type") {
			typed = true
			f.raw = strings.TrimSuffix(strings.TrimRight(f.raw, "\r\n"), ";") + ";\r\n hp=\"" + how + "\"\r\n"
		}
		b.WriteString(f.raw)
	}
	if !typed {
		b.WriteString("Content-Type: text/plain; hp=\"" + how + "\"\r\n")
	}
	b.WriteString("\r\n")
	b.Write(keepFrom(m))
	return b.Bytes()
}

// covered is the header outside, with another subject when there is a cover.
func (m *message) covered(cover string) []field {
	if cover == "" {
		return m.outer
	}
	out := make([]field, len(m.outer))
	for i, f := range m.outer {
		if strings.EqualFold(f.name, "Subject") {
			f.raw = "Subject: " + cover + "\r\n"
		}
		out[i] = f
	}
	return out
}

// keepFrom writes the F of a line that begins with "From " in quoted-printable: files that keep many messages change such lines.
// In a message that has other encodings than that and base64, they stay.
func keepFrom(m *message) []byte {
	at := []byte("\r\nFrom ")
	if !bytes.Contains(m.body, at) && !bytes.HasPrefix(m.body, at[2:]) {
		return m.body
	}
	whole := string(m.body)
	for _, f := range m.content {
		whole += "\r\n" + f.raw
	}
	whole = strings.ToLower(whole)
	if strings.Count(whole, "content-transfer-encoding:") !=
		strings.Count(whole, "content-transfer-encoding: quoted-printable")+strings.Count(whole, "content-transfer-encoding: base64") {
		return m.body
	}
	out := bytes.ReplaceAll(m.body, at, []byte("\r\n=46rom "))
	if rest, ok := bytes.CutPrefix(out, at[2:]); ok {
		out = append([]byte("=46rom "), rest...)
	}
	return out
}

// wrap writes the message anew around content of another type.
func (m *message) wrap(cover, contentType string, more []string, body []byte) []byte {
	var b bytes.Buffer
	for _, f := range m.covered(cover) {
		b.WriteString(f.raw)
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: " + contentType + "\r\n")
	for _, l := range more {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// parts joins parts with a line between them that none of them has.
func parts(all ...[]byte) (boundary string, body []byte) {
	sum := sha256.New()
	for _, p := range all {
		sum.Write(p)
	}
	boundary = "tocsin-" + hex.EncodeToString(sum.Sum(nil)[:16])
	var b bytes.Buffer
	for _, p := range all {
		b.WriteString("--" + boundary + "\r\n")
		b.Write(p)
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return boundary, b.Bytes()
}

// lines is base64 in lines of 76 characters.
func lines(b []byte) []byte {
	text := base64.StdEncoding.EncodeToString(b)
	var out bytes.Buffer
	out.Grow(len(text) + len(text)/38 + 2)
	for len(text) > 76 {
		out.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	out.WriteString(text + "\r\n")
	return out.Bytes()
}
