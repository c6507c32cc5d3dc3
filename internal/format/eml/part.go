package eml

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

// part reads a part with its header, and all below it. Its error ends the reading; flaws are noted.
func (d *decoder) part(h header, r io.Reader, depth int, parent string) error {
	kind, params, err := mime.ParseMediaType(h.get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		if kind = "text/plain"; h.get("Content-Type") != "" {
			kind = "application/octet-stream"
			d.flaw(Header)
		}
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		return d.multipart(kind, params["boundary"], r, depth)
	case kind == "message/delivery-status" || kind == "message/global-delivery-status":
		return d.status(d.decoded(h, r))
	case parent == "multipart/report" && (kind == "message/rfc822" || kind == "text/rfc822-headers" || kind == "message/global" || kind == "message/global-headers"):
		return d.returned(d.decoded(h, r))
	}
	disposition, name := d.disposition(h, params)
	if disposition != "attachment" && name == "" && (kind == "text/plain" || kind == "text/html") {
		return d.body(kind, params["charset"], d.decoded(h, r))
	}
	if kind == "application/pgp-encrypted" || kind == "application/pkcs7-mime" && !strings.HasPrefix(params["smime-type"], "signed") {
		d.flaw(Encrypted)
	}
	return d.attachment(kind, name, d.decoded(h, r))
}

func (d *decoder) multipart(kind, boundary string, r io.Reader, depth int) error {
	if depth == d.o.Depth {
		d.flaw(Deep)
		return nil
	}
	if boundary == "" {
		d.flaw(Broken)
		return nil
	}
	mr := multipart.NewReader(r, boundary)
	for {
		p, err := mr.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			d.flaw(Broken)
			return nil
		}
		if d.parts++; d.parts > d.o.Parts {
			d.flaw(ManyParts)
			return nil
		}
		if err := d.part(fieldsOf(p.Header), p, depth+1, kind); err != nil {
			return err
		}
	}
}

func fieldsOf(h textproto.MIMEHeader) header {
	var out header
	for name, values := range h {
		for _, v := range values {
			out = append(out, field{name, v})
		}
	}
	return out
}

// disposition tells how a part wants to be shown, and its safe name: "" without one.
func (d *decoder) disposition(h header, params map[string]string) (disposition, name string) {
	disposition, dp, err := mime.ParseMediaType(h.get("Content-Disposition"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		disposition = ""
	}
	if name = dp["filename"]; name == "" {
		name = params["name"]
	}
	if name != "" {
		name = SafeName(d.words(name))
	}
	return disposition, name
}

// decoded undoes the part's transfer encoding.
func (d *decoder) decoded(h header, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(h.get("Content-Transfer-Encoding"))) {
	case "base64":
		return &lenient{d, base64.NewDecoder(base64.StdEncoding, &alphabet{r: bufio.NewReader(r)})}
	case "quoted-printable":
		return &lenient{d, quotedprintable.NewReader(r)}
	}
	return &lenient{d, r}
}

// lenient makes a wrong encoding the end of its part and a flaw of the message. An error of the message's own reader is the
// end too; Read tells it.
type lenient struct {
	d *decoder
	r io.Reader
}

func (l *lenient) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		l.d.flaw(Broken)
		return n, io.EOF
	}
	return n, err
}

// alphabet passes only what belongs to base64: others are to be ignored (RFC 2045, 6.8). Padding ends it.
type alphabet struct {
	r      *bufio.Reader
	n      int // characters passed
	padded bool
	ended  bool
}

func (a *alphabet) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if a.ended {
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		if a.padded { // what lacks of the last four characters
			if a.n%4 == 0 {
				a.ended = true
				continue
			}
			p[n] = '='
			n, a.n = n+1, a.n+1
			continue
		}
		c, err := a.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			a.padded = true
			if a.n%4 == 1 {
				a.ended = true // six bits are no byte
				return n, io.ErrUnexpectedEOF
			}
		case err != nil:
			return n, err
		case c == '=':
			a.padded = true
			io.Copy(io.Discard, a.r)
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/':
			p[n] = c
			n, a.n = n+1, a.n+1
		}
	}
	return n, nil
}

// body keeps a text of the letter, within the limit.
func (d *decoder) body(kind, charset string, r io.Reader) error {
	text, err := d.utf8(charset, r)
	if err != nil {
		return err
	}
	b := &d.text
	if kind == "text/html" {
		b = &d.html
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	b.WriteString(text)
	return nil
}

func (d *decoder) utf8(charset string, r io.Reader) (string, error) {
	label := strings.ToLower(strings.Trim(charset, " \"'"))
	switch label {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		label = ""
	case "iso-8859-1", "latin1":
		r = &latin{r: bufio.NewReader(r)}
	default:
		decoded, err := d.charset(label, r)
		if err != nil {
			d.flaw(Charset)
		} else {
			r = decoded
		}
	}
	room := max(0, d.o.Text-d.text.Len()-d.html.Len())
	b, err := io.ReadAll(io.LimitReader(r, int64(room)+1))
	if err != nil {
		d.flaw(Broken)
	}
	if len(b) > room {
		d.flaw(LongText)
		b = b[:room]
	}
	return clean(string(b)), nil
}

// latin decodes ISO-8859-1, whose characters are the first of Unicode.
type latin struct {
	r    *bufio.Reader
	rest []byte
}

func (l *latin) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		c, err := l.r.ReadByte()
		if err != nil {
			return 0, err
		}
		l.rest = utf8.AppendRune(l.rest, rune(c))
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (d *decoder) attachment(kind, name string, r io.Reader) error {
	if name == "" {
		name = "attachment" + extension(kind)
	}
	a := Attachment{Number: len(d.m.Attachments) + 1, Name: name, Type: line(kind, 100)}
	d.m.Attachments = append(d.m.Attachments, a)
	if d.o.Attachment == nil {
		return nil
	}
	if d.end = d.o.Attachment(a, r); d.end != nil {
		return d.end
	}
	return nil
}

// extension is the ending of a nameless attachment's name; the machine's own table of types is left out of it.
func extension(kind string) string {
	for _, t := range [][2]string{{"text/plain", ".txt"}, {"text/html", ".html"}, {"text/csv", ".csv"}, {"message/rfc822", ".eml"},
		{"application/pdf", ".pdf"}, {"application/zip", ".zip"}, {"application/json", ".json"}, {"application/pgp-signature", ".asc"},
		{"application/pkcs7-signature", ".p7s"}, {"image/png", ".png"}, {"image/jpeg", ".jpg"}, {"text/calendar", ".ics"}} {
		if t[0] == kind {
			return t[1]
		}
	}
	return ".bin"
}
