package protect

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
)

// entity is a MIME entity: its header, and what follows it.
type entity struct{ head, body []byte }

func (e entity) field(name string) string {
	m, err := netmail.ReadMessage(io.MultiReader(bytes.NewReader(e.head), strings.NewReader("\r\n\r\n")))
	if err != nil {
		return ""
	}
	return m.Header.Get(name)
}

// under is the entity as a message, with the header of the outer one. A subject that is inside takes the place of the one outside, which
// anybody could have changed; all else of the header is believed no more than before.
func (e entity) under(outer []byte) []byte {
	var b bytes.Buffer
	subject := e.field("Subject")
	for _, f := range fields(outer) {
		lower := strings.ToLower(f.name)
		if strings.HasPrefix(lower, "content-") || lower == "mime-version" || lower == "subject" && subject != "" {
			continue
		}
		b.WriteString(f.raw)
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	for _, f := range fields(e.head) {
		lower := strings.ToLower(f.name)
		if strings.HasPrefix(lower, "content-") || lower == "subject" {
			b.WriteString(f.raw)
		}
	}
	b.WriteString("\r\n")
	b.Write(e.body)
	return b.Bytes()
}

func fields(head []byte) (out []field) {
	for line := range strings.SplitAfterSeq(string(head)+"\r\n", "\r\n") {
		name, _, ok := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
			if len(out) > 0 {
				out[len(out)-1].raw += line
			}
		case ok && name != "":
			out = append(out, field{name, line})
		}
	}
	return out
}

// split divides a message whose lines end in CRLF.
func split(b []byte) (head, body []byte, ok bool) {
	if rest, empty := bytes.CutPrefix(b, []byte("\r\n")); empty {
		return nil, rest, true
	}
	return bytes.Cut(b, []byte("\r\n\r\n"))
}

// crlf gives lines the ends that they had when they were signed.
func crlf(b []byte) []byte {
	if !bytes.Contains(b, []byte("\n")) || bytes.Count(b, []byte("\n")) == bytes.Count(b, []byte("\r\n")) {
		return b
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// pieces are the parts of a multipart, byte for byte as they were signed; at most three.
func pieces(body []byte, contentType string) (out [][]byte) {
	_, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || boundary == "" {
		return nil
	}
	body = append([]byte("\r\n"), body...)
	_, rest, ok := bytes.Cut(body, []byte("\r\n--"+boundary+"\r\n"))
	for ok && len(out) < 3 {
		var part []byte
		part, rest, ok = bytes.Cut(rest, []byte("\r\n--"+boundary))
		out = append(out, part)
		if !bytes.HasPrefix(rest, []byte("\r\n")) {
			break
		}
		rest = rest[2:]
	}
	return out
}

// decoded undoes an entity's transfer encoding.
func decoded(e entity, limit int64) ([]byte, error) {
	var r io.Reader = bytes.NewReader(e.body)
	switch strings.ToLower(strings.TrimSpace(e.field("Content-Transfer-Encoding"))) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(bytes.Join(bytes.Fields(e.body), nil)))
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	return bounded(r, limit)
}

var errTooLong = errors.New("it is longer than the limit")

func bounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLong
	}
	return b, err
}
