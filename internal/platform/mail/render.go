package mail

import (
	"encoding/base64"
	"maps"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// foldAt is where a line of the header ends if it can (RFC 5322, section 2.1.1).
const foldAt = 76

// render writes a checked message. Its bodies are encoded so that no line of them can be taken for a boundary, which begins with "=_"
// (RFC 2045, section 6.7), and that no server has to change them.
func (s *Sender) render(m Message, to *netmail.Address) []byte {
	size := 2048 + len(m.Text)*5/4 + len(m.HTML)*5/4
	for _, a := range m.Attachments {
		size += 512 + len(a.Bytes)*3/2
	}
	id := s.messageID(m.Key)
	b := make([]byte, 0, size)
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		b = appendHeader(b, textproto.CanonicalMIMEHeaderKey(name), mime.QEncoding.Encode("utf-8", m.Headers[name]))
	}
	date := m.Date
	if date.IsZero() {
		date = s.clock.Now()
	}
	b = appendHeader(b, "Date", date.Format(time.RFC1123Z))
	b = appendHeader(b, "MIME-Version", "1.0")
	b = appendHeader(b, "Message-ID", "<"+id+">")
	b = appendHeader(b, "Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	b = appendHeader(b, "From", s.from.String())
	b = appendHeader(b, "To", to.String())
	mixed, alternative := "=_mixed-"+id[:16], "=_alternative-"+id[:16]
	if len(m.Attachments) == 0 {
		return appendBody(b, m, alternative)
	}
	b = appendHeader(b, "Content-Type", `multipart/mixed; boundary="`+mixed+`"`)
	b = append(b, "\r\n--"+mixed+"\r\n"...)
	b = appendBody(b, m, alternative)
	for _, a := range m.Attachments {
		b = append(b, "\r\n--"+mixed+"\r\n"...)
		b = appendAttachment(b, a)
	}
	return append(b, "\r\n--"+mixed+"--\r\n"...)
}

func appendBody(b []byte, m Message, boundary string) []byte {
	text := func(kind, text string) {
		b = appendHeader(b, "Content-Type", "text/"+kind+"; charset=utf-8")
		b = appendHeader(b, "Content-Transfer-Encoding", "quoted-printable")
		b = appendQuoted(append(b, "\r\n"...), text)
	}
	if m.HTML == "" {
		text("plain", m.Text)
		return b
	}
	b = appendHeader(b, "Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	b = append(b, "\r\n--"+boundary+"\r\n"...)
	text("plain", m.Text)
	b = append(b, "\r\n--"+boundary+"\r\n"...)
	text("html", m.HTML)
	return append(b, "\r\n--"+boundary+"--\r\n"...)
}

func appendAttachment(b []byte, a Attachment) []byte {
	b = appendHeader(b, "Content-Type", a.mediaType())
	b = appendHeader(b, "Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	b = appendHeader(b, "Content-Transfer-Encoding", "base64")
	b = append(b, "\r\n"...)
	const line = 57 // bytes, which become 76 characters
	for rest := a.Bytes; len(rest) > 0; {
		n := min(line, len(rest))
		b = base64.StdEncoding.AppendEncode(b, rest[:n])
		b = append(b, "\r\n"...)
		rest = rest[n:]
	}
	return b
}

// appendHeader writes a field of the header, folded where it has spaces; between encoded words they are none of the text (RFC 2047,
// section 6.2).
func appendHeader(b []byte, name, value string) []byte {
	b = append(append(b, name...), ':')
	at := len(name) + 1
	before := ":"
	for word := range strings.SplitSeq(value, " ") {
		if before != "" && word != "" && at+1+len(word) > foldAt { // several spaces stay together: whoever unfolds may cut some off
			b = append(b, "\r\n"...)
			at = 0
		}
		b = append(append(b, ' '), word...)
		at += 1 + len(word)
		before = word
	}
	return append(b, "\r\n"...)
}

// appendQuoted encodes a text as quoted-printable (RFC 2045, section 6.7); it ends with the end of a line.
func appendQuoted(b []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	at := 0 // in the line
	for len(text) > 0 {
		line, rest, ended := strings.Cut(text, "\n")
		text = rest
		if ended {
			line = strings.TrimSuffix(line, "\r")
		}
		for line != "" {
			run := line[:literal(line)]
			if run == "" {
				if at > 75-3 {
					b = append(b, "=\r\n"...)
					at = 0
				}
				b = append(b, '=', digits[line[0]>>4], digits[line[0]&15])
				at += 3
				line = line[1:]
				continue
			}
			line = line[len(run):]
			for run != "" {
				if at > 75-1 {
					b = append(b, "=\r\n"...)
					at = 0
				}
				n := min(len(run), 75-at)
				b = append(b, run[:n]...)
				at += n
				run = run[n:]
			}
		}
		b = append(b, "\r\n"...)
		at = 0
	}
	return b
}

// literal is how many bytes at the beginning of a line stand for themselves in quoted-printable.
func literal(line string) int {
	for i := range len(line) {
		c := line[i]
		if c > ' ' && c < 0x7f && c != '=' || (c == ' ' || c == '\t') && i < len(line)-1 {
			continue
		}
		return i
	}
	return len(line)
}
