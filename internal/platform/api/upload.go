package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tocsin/internal/platform/fault"
)

// Upload is a field of an operation's input that takes files as a stream: multipart/form-data with one or more files, or
// the body itself, named by the query parameter "name" (declare it beside: `query:"name"`). The operation's MaxBytes
// bounds the whole.
type Upload struct {
	w      http.ResponseWriter
	r      *http.Request
	limit  int64
	single bool
}

// Resolve takes the request's body; huma calls it.
func (u *Upload) Resolve(ctx huma.Context) []error {
	u.r, u.w = humago.Unwrap(ctx)
	u.limit = ctx.Operation().MaxBodyBytes
	return nil
}

// Each calls fn for every file in the order they come; fn reads r before it returns. No file at all is a fault of kind
// Invalid, as is more than the limit.
func (u *Upload) Each(fn func(name string, r io.Reader) error) error {
	http.NewResponseController(u.w).SetReadDeadline(time.Time{}) // bounded by size, not by time
	u.r.Body = http.MaxBytesReader(u.w, u.r.Body, u.limit)
	var err error
	if kind, _, _ := mime.ParseMediaType(u.r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		err = u.parts(fn)
	} else {
		err = u.whole(fn)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault.Invalidf("the upload is larger than the %d bytes allowed: send it in parts", u.limit)
	}
	return err
}

// One is Each of a single file. A second one is a fault that reading the first one ends with, so that fn keeps nothing of it.
func (u *Upload) One(fn func(name string, r io.Reader) error) error {
	u.single = true
	return u.Each(fn)
}

func (u *Upload) parts(fn func(string, io.Reader) error) error {
	mr, err := u.r.MultipartReader()
	if err != nil {
		return fault.Invalidf("the form cannot be read: %w", err)
	}
	files := 0
	for {
		p, err := mr.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fault.Invalidf("the form breaks off after %d files: %w", files, err)
		}
		if p.FileName() == "" {
			continue
		}
		files++
		if u.single {
			return fn(p.FileName(), &only{fault.Reader(p, "the upload"), mr, nil})
		}
		if err := fn(p.FileName(), fault.Reader(p, "the upload")); err != nil {
			return err
		}
	}
	if files == 0 {
		return fault.Invalidf("the form has no file: add at least one part with a file name")
	}
	return nil
}

// only is the content of a file that has to be the last one of its form.
type only struct {
	io.Reader
	form *multipart.Reader
	end  error
}

// Read tells the end only when no file follows.
func (o *only) Read(b []byte) (int, error) {
	if o.end != nil {
		return 0, o.end
	}
	n, err := o.Reader.Read(b)
	if err == io.EOF {
		err = o.follows()
	}
	o.end = err
	return n, err
}

func (o *only) follows() error {
	for {
		p, err := o.form.NextPart()
		switch {
		case err == io.EOF:
			return err
		case err != nil:
			return fault.Invalidf("the form breaks off after its file: %w", err)
		case p.FileName() != "":
			return fault.Invalidf("the form has more than one file: send each by itself")
		}
	}
}

func (u *Upload) whole(fn func(string, io.Reader) error) error {
	name := path.Base(strings.ReplaceAll(u.r.URL.Query().Get("name"), `\`, "/"))
	if name == "." || name == "/" {
		return fault.Invalidf("the body needs a file name: add ?name=…, or send multipart/form-data")
	}
	return fn(name, fault.Reader(u.r.Body, "the upload"))
}

func takesUpload(in reflect.Type) bool {
	for i := range in.NumField() {
		if in.Field(i).Type == reflect.TypeFor[Upload]() {
			return true
		}
	}
	return false
}

func uploadBody() *huma.RequestBody {
	file := &huma.Schema{Type: "string", Format: "binary"}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{
			"file": {Type: "array", Items: file},
		}}},
		"application/octet-stream": {Schema: file},
	}}
}
