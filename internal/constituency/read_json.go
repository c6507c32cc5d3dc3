package constituency

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// maxDocument bounds what is read into memory at once.
const maxDocument = 512 << 20

// Read reads a document. All that is wrong comes back at once as fault.Problems.
func Read(file string, f Format, r io.Reader) (*Document, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(b) > maxDocument {
		return nil, fault.Invalidf("%s is longer than %d MB: import it in parts", file, maxDocument>>20)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if f == CSV {
		return readCSV(file, b)
	}
	return readJSON(file, b)
}

// FormatOf tells the format by a file's name; JSON unless it ends in ".csv".
func FormatOf(name string) Format {
	if strings.HasSuffix(strings.ToLower(name), ".csv") {
		return CSV
	}
	return JSON
}

type jsonReader struct {
	*builder
	data  []byte
	dec   *json.Decoder
	ends  []int // offsets of line feeds
	where map[string]place
	// Where at was asked last, and the characters before it in its line: a file of one line is counted once, not at every field.
	last, runes int
}

func readJSON(file string, data []byte) (*Document, error) {
	r := &jsonReader{builder: newBuilder(file), data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	for i, c := range data {
		if c == '\n' {
			r.ends = append(r.ends, i)
		}
	}
	err := r.object("the document", func(key string, at place) error {
		switch key {
		case "constituents":
			return r.array(key, r.constituentObject)
		case "national_prefixes":
			r.doc.hasNational = true
			return r.array(key, func() error {
				at := r.here()
				s, ok, err := r.text(key)
				if ok {
					r.prefix(s, at)
				}
				return err
			})
		}
		r.bad(at, key, "unknown key; there are constituents and national_prefixes")
		return r.skip()
	})
	if err == nil && r.next() < len(r.data) {
		r.bad(r.here(), "", "more text after the end of the document")
	}
	if err != nil {
		r.syntax(err)
	}
	return r.finish()
}

func (r *jsonReader) syntax(err error) {
	var se *json.SyntaxError
	switch {
	case errors.As(err, &se):
		// Where a token is wrong the offset is its own; inside of a value that was read whole it is one further.
		r.bad(r.at(max(int(se.Offset)-1, r.next())), "", "is not JSON: %v", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.bad(r.at(len(r.data)), "", "is not JSON: it ends in the middle")
	default:
		r.bad(r.here(), "", "is not JSON: %v", err)
	}
}

// next is the offset at which the next token begins.
func (r *jsonReader) next() int {
	i := int(r.dec.InputOffset())
	for i < len(r.data) && strings.IndexByte(" \t\r\n:,", r.data[i]) >= 0 {
		i++
	}
	return i
}

func (r *jsonReader) here() place { return r.at(r.next()) }

func (r *jsonReader) at(offset int) place {
	offset = min(max(offset, 0), len(r.data))
	n := sort.SearchInts(r.ends, offset)
	start := 0
	if n > 0 {
		start = r.ends[n-1] + 1
	}
	before := 0
	if r.last >= start && r.last <= offset {
		start, before = r.last, r.runes
	}
	r.last, r.runes = offset, before+utf8.RuneCount(r.data[start:offset])
	return place{int64(n + 1), r.runes + 1}
}

func (r *jsonReader) peek() byte {
	if i := r.next(); i < len(r.data) {
		return r.data[i]
	}
	return 0
}

func (r *jsonReader) skip() error {
	var raw json.RawMessage
	return r.dec.Decode(&raw)
}

// object reads an object and calls fn for each key, which reads the value.
func (r *jsonReader) object(what string, fn func(key string, at place) error) error {
	if c := r.peek(); c != '{' && c != 0 {
		r.bad(r.here(), "", "%s must be an object {…}", what)
		return r.skip()
	}
	if _, err := r.dec.Token(); err != nil {
		return err
	}
	for r.dec.More() {
		at := r.here()
		t, err := r.dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("a key must be a text")
		}
		if err := fn(key, at); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

func (r *jsonReader) array(field string, fn func() error) error {
	if c := r.peek(); c != '[' && c != 0 {
		r.bad(r.here(), field, "must be a list […]")
		return r.skip()
	}
	if _, err := r.dec.Token(); err != nil {
		return err
	}
	for r.dec.More() {
		if err := fn(); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

// text reads a text; ok is false, and the fault reported, when the value is something else.
func (r *jsonReader) text(field string) (s string, ok bool, err error) {
	switch r.peek() {
	case '"', 'n':
		at := r.here()
		t, err := r.dec.Token()
		if err != nil {
			return "", false, err
		}
		s, ok = t.(string)
		if t != nil && !ok {
			r.bad(at, field, "must be a text in quotation marks")
		}
		return s, ok || t == nil, nil
	}
	r.bad(r.here(), field, "must be a text in quotation marks")
	return "", false, r.skip()
}

func (r *jsonReader) constituentObject() error {
	e := &entry{Constituent: newConstituent(), at: r.here(), given: map[string]place{}}
	err := r.object("a constituent", func(key string, at place) error {
		switch {
		case key == "contacts":
			return r.array(key, func() error { return r.contactObject(e) })
		case key == "assets":
			return r.array(key, func() error { return r.assetObject(e) })
		case key == "ref" || slices.Contains(constituentFields, key):
			e.given[key] = r.here()
			s, ok, err := r.text(key)
			if ok {
				if serr := e.set(key, s); serr != nil {
					r.bad(e.given[key], key, "%v", serr)
				}
			}
			return err
		}
		r.bad(at, key, "unknown key; a constituent has ref, %s, contacts and assets", strings.Join(constituentFields, ", "))
		return r.skip()
	})
	if err == nil {
		r.constituent(e)
	}
	return err
}

func (r *jsonReader) contactObject(e *entry) error {
	c := contactEntry{Contact: Contact{Source: Manual, ValidUntil: Open}, at: r.here()}
	given, sound := r.fields(), len(r.problems)
	err := r.object("a contact", func(key string, at place) error {
		if !slices.Contains(contactFields, key) {
			r.bad(at, key, "unknown key; a contact has %s", strings.Join(contactFields, ", "))
			return r.skip()
		}
		given[key] = r.here()
		s, ok, err := r.contactValue(key)
		if ok {
			if serr := c.set(key, s); serr != nil {
				r.bad(given[key], key, "%v", serr)
			}
		}
		return err
	})
	if err == nil && len(r.problems) == sound {
		c.clean(r.wrongAt(c.at, given))
		e.contacts = append(e.contacts, c)
	}
	return err
}

// contactValue reads a text, or the list of keys or true and false as they stand.
func (r *jsonReader) contactValue(key string) (s string, ok bool, err error) {
	c := r.peek()
	if !(key == "keys" && c == '[') && !(key == "encrypt" && (c == 't' || c == 'f')) {
		return r.text(key)
	}
	var raw json.RawMessage
	err = r.dec.Decode(&raw)
	return string(raw), err == nil, err
}

func (r *jsonReader) assetObject(e *entry) error {
	a := assetEntry{Asset: Asset{Source: Manual, ValidUntil: Open}, at: r.here()}
	given, sound := r.fields(), len(r.problems)
	err := r.object("an asset", func(key string, at place) error {
		if !slices.Contains(assetFields, key) {
			r.bad(at, key, "unknown key; an asset has %s", strings.Join(assetFields, ", "))
			return r.skip()
		}
		given[key] = r.here()
		if c := r.peek(); key == "also_notify" && (c == 't' || c == 'f') {
			return r.dec.Decode(&a.AlsoNotify)
		}
		s, ok, err := r.text(key)
		if ok {
			if serr := a.set(key, s); serr != nil {
				r.bad(given[key], key, "%v", serr)
			}
		}
		return err
	})
	if err == nil && len(r.problems) == sound {
		a.clean(r.wrongAt(a.at, given))
		e.assets = append(e.assets, a)
	}
	return err
}

// fields returns the one map that serves every contact and asset in turn.
func (r *jsonReader) fields() map[string]place {
	if r.where == nil {
		r.where = map[string]place{}
	}
	clear(r.where)
	return r.where
}
