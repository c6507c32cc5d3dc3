package web

import (
	"encoding"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// maxText bounds a text value without a max of its own.
const maxText = 4096

// slot is where one value of a request goes.
type slot struct {
	index []int
	from  string // path, query, form
	name  string
	min   *int64 // of a number
	max   *int64 // of a number, or of a text's length
	def   string
	need  bool
	many  bool
	wild  bool // all values whose names begin with name, by the rest of it
	exact bool // as it was sent, white space and all
}

var (
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	uploadsType = reflect.TypeFor[Uploads]()
)

// newDecoder returns what fills an In from a request, by the tags of its fields:
//
//	ID    int64    `path:"id"`
//	Query string   `query:"q" max:"200"`
//	Page  int      `query:"page" min:"1" max:"1000" default:"1"`
//	Kinds []string `query:"kind"`
//	Title string   `form:"title" need:"true" max:"100"`
//	Files web.Uploads `form:"file"`
//	Cells map[string]string `form:"cell-*"` // cell-a and cell-b, as a and b
//
// A text loses the white space around it, unless it has exact:"true".
//
// Fields are texts, numbers, flags, encoding.TextUnmarshaler or slices of them; structs without a tag are looked into. An
// empty value is as good as none. What does not fit is a fault.Problems that names the field.
func newDecoder[In any]() (func(*http.Request) (In, error), error) {
	t := reflect.TypeFor[In]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the input %s is no struct", t)
	}
	var slots []slot
	if err := collect(t, nil, &slots); err != nil {
		return nil, err
	}
	return func(r *http.Request) (in In, err error) {
		v := reflect.ValueOf(&in).Elem()
		query := r.URL.Query()
		form, err := formOf(r, slots, v)
		if err != nil {
			return in, err
		}
		var ps fault.Problems
		for _, s := range slots {
			var values []string
			switch s.from {
			case "path":
				values = []string{r.PathValue(s.name)}
			case "query":
				values = query[s.name]
			case "form":
				if r.Method != http.MethodPost {
					continue // one In may serve a form's page and its action
				}
				values = form[s.name]
			}
			if s.wild {
				ps = append(ps, s.gather(v.FieldByIndex(s.index), form)...)
				continue
			}
			if err := s.set(v.FieldByIndex(s.index), values); err != nil {
				ps = append(ps, fault.Problem{Field: s.name, Message: err.Error()})
			}
		}
		if len(ps) > 0 {
			return in, ps
		}
		return in, nil
	}, nil
}

// Read fills a T by the same tags from a query that stands elsewhere than in a request's address.
func Read[T any](query string) (out T, err error) {
	if _, err := url.ParseQuery(query); err != nil {
		return out, fault.Invalidf("%q is no query of an address: %w", query, err)
	}
	decode, err := newDecoder[T]()
	if err != nil {
		return out, err
	}
	return decode(&http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: query}})
}

func collect(t reflect.Type, at []int, out *[]slot) error {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), at...), i)
		s := slot{index: index}
		for _, from := range [...]string{"path", "query", "form"} {
			if n, ok := f.Tag.Lookup(from); ok {
				s.from, s.name = from, n
			}
		}
		if s.from == "" {
			if f.Type.Kind() == reflect.Struct && (f.IsExported() || f.Anonymous) {
				if err := collect(f.Type, index, out); err != nil {
					return err
				}
			}
			continue
		}
		if !f.IsExported() {
			return fmt.Errorf("the field %s is not exported", f.Name)
		}
		if f.Type == uploadsType {
			s.from = "upload"
			*out = append(*out, s)
			continue
		}
		if name, ok := strings.CutSuffix(s.name, "*"); ok {
			if f.Type != reflect.TypeFor[map[string]string]() || s.from != "form" {
				return fmt.Errorf("the field %s gathers values of a form: make it a map of texts", f.Name)
			}
			s.name, s.wild = name, true
			*out = append(*out, s)
			continue
		}
		et := f.Type
		if et.Kind() == reflect.Slice && !reflect.PointerTo(et).Implements(unmarshaler) {
			s.many, et = true, et.Elem()
		}
		if !settable(et) {
			return fmt.Errorf("the field %s has a type that no value of a request fits", f.Name)
		}
		s.def, s.need = f.Tag.Get("default"), f.Tag.Get("need") == "true"
		s.exact = f.Tag.Get("exact") == "true"
		for tag, to := range map[string]**int64{"min": &s.min, "max": &s.max} {
			if b, ok := f.Tag.Lookup(tag); ok {
				n, err := strconv.ParseInt(b, 10, 64)
				if err != nil {
					return fmt.Errorf("the field %s: %s is no number", f.Name, tag)
				}
				*to = &n
			}
		}
		*out = append(*out, s)
	}
	return nil
}

func settable(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return true
	}
	return false
}

func (s slot) set(to reflect.Value, values []string) error {
	if s.from == "upload" {
		return nil
	}
	var full []string
	for _, v := range values {
		if !s.exact {
			v = strings.TrimSpace(v)
		}
		if v != "" {
			full = append(full, v)
		}
	}
	if len(full) == 0 && s.def != "" {
		full = []string{s.def}
	}
	if len(full) == 0 {
		if s.need {
			return errors.New("this is needed")
		}
		return nil
	}
	if !s.many {
		return s.one(to, full[len(full)-1])
	}
	if len(full) > 1000 {
		return errors.New("more than 1000 values")
	}
	list := reflect.MakeSlice(to.Type(), len(full), len(full))
	for i, v := range full {
		if err := s.one(list.Index(i), v); err != nil {
			return err
		}
	}
	to.Set(list)
	return nil
}

// gather takes the values of a form whose names begin alike, as texts of at most 400 bytes.
func (s slot) gather(to reflect.Value, form url.Values) (ps fault.Problems) {
	all := map[string]string{}
	for name, values := range form {
		rest, ok := strings.CutPrefix(name, s.name)
		if !ok || len(values) == 0 {
			continue
		}
		v := strings.TrimSpace(values[len(values)-1])
		switch {
		case len(all) == 1000:
			return fault.Problems{{Field: s.name, Message: "more than 1000 values"}}
		case len(v) > 400 || !utf8.ValidString(name) || !utf8.ValidString(v) || strings.ContainsRune(v, 0):
			ps = append(ps, fault.Problem{Field: strings.ToValidUTF8(name, "?"), Message: "not valid UTF-8 text, or too long"})
		case v != "":
			all[rest] = v
		}
	}
	to.Set(reflect.ValueOf(all))
	return ps
}

func (s slot) one(to reflect.Value, v string) error {
	limit := int64(maxText)
	if s.max != nil && to.Kind() == reflect.String {
		limit = *s.max
	}
	if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
		return errors.New("not valid UTF-8 text")
	}
	if int64(utf8.RuneCountInString(v)) > limit {
		return fmt.Errorf("longer than %d characters", limit)
	}
	if u, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(v))
	}
	switch k := to.Kind(); {
	case k == reflect.String:
		to.SetString(v)
	case k == reflect.Bool:
		switch v {
		case "1", "true", "on", "yes":
			to.SetBool(true)
		case "0", "false", "off", "no":
			to.SetBool(false)
		default:
			return fmt.Errorf("%q is neither 1 nor 0", v)
		}
	case k == reflect.Float64:
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", v)
		}
		to.SetFloat(f)
	case to.CanInt():
		n, err := strconv.ParseInt(v, 10, to.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number that fits", v)
		}
		if err := s.within(n); err != nil {
			return err
		}
		to.SetInt(n)
	default:
		n, err := strconv.ParseUint(v, 10, to.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number that fits", v)
		}
		to.SetUint(n)
	}
	return nil
}

func (s slot) within(n int64) error {
	if s.min != nil && n < *s.min {
		return fmt.Errorf("%d is less than %d", n, *s.min)
	}
	if s.max != nil && n > *s.max {
		return fmt.Errorf("%d is more than %d", n, *s.max)
	}
	return nil
}

// formOf reads the body's values. For an In with Uploads the body stays unread from its first file on, so values stand
// before files in a form.
func formOf(r *http.Request, slots []slot, v reflect.Value) (url.Values, error) {
	for _, s := range slots {
		if s.from == "upload" {
			u, form, err := openUploads(r, s.name)
			if err != nil {
				return nil, err
			}
			v.FieldByIndex(s.index).Set(reflect.ValueOf(u))
			return form, nil
		}
	}
	if r.Method != http.MethodPost {
		return nil, nil
	}
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, fault.Invalidf("the form is larger than %d bytes", tooLarge.Limit)
		}
		return nil, fault.Invalidf("the form cannot be read: %w", err)
	}
	return r.PostForm, nil
}
