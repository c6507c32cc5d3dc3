package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// Uploads are the files of a multipart form, streamed: nothing of them is held in memory or on disk.
type Uploads struct {
	reader *multipart.Reader
	field  string
	first  *multipart.Part
}

// Upload is one file; it is read before the next one is asked for.
type Upload struct {
	Name string // base name, as the browser told it
	Type string
	io.Reader
}

// Next is the next file that was chosen; io.EOF after the last one.
func (u *Uploads) Next() (*Upload, error) {
	for u.reader != nil {
		p := u.first
		u.first = nil
		if p == nil {
			var err error
			if p, err = u.reader.NextRawPart(); errors.Is(err, io.EOF) {
				return nil, io.EOF
			} else if err != nil {
				return nil, fault.Invalidf("the upload ended early or is no form: %w", err)
			}
		}
		if p.FormName() == u.field && p.FileName() != "" {
			name := strings.ToValidUTF8(path.Base(strings.ReplaceAll(p.FileName(), `\`, "/")), "\uFFFD")
			return &Upload{Name: name, Type: p.Header.Get("Content-Type"), Reader: fault.Reader(p, "the upload")}, nil
		}
	}
	return nil, io.EOF
}

func openUploads(r *http.Request, field string) (Uploads, url.Values, error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return Uploads{}, nil, fault.Invalidf("the form sends no files: %w", err)
	}
	form := url.Values{}
	for total := 0; ; {
		p, err := mr.NextRawPart()
		if errors.Is(err, io.EOF) {
			return Uploads{}, form, nil
		}
		if err != nil {
			return Uploads{}, nil, fault.Invalidf("the form cannot be read: %w", err)
		}
		if p.FileName() != "" {
			return Uploads{reader: mr, field: field, first: p}, form, nil
		}
		b, err := io.ReadAll(io.LimitReader(p, 1<<20))
		if total += len(b) + 64; err != nil || total > 1<<20 || !utf8.Valid(b) {
			return Uploads{}, nil, fault.Invalidf("the form's values are too large or no text")
		}
		form.Add(p.FormName(), string(b))
	}
}
