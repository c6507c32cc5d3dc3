package generic

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	"tocsin/internal/format/delimited"
	wire "tocsin/internal/format/idf"
	"tocsin/internal/platform/fault"
)

// object is one JSON object and its place.
type object struct {
	text         string
	line, offset int64
}

// jsonReader reads objects, wherever they come from.
type jsonReader struct {
	*Mapping
	next  func() (object, error) // *event.RowError for one that is wrong, with its place
	build idf.Builder
	row   int64
}

func (j *jsonReader) Next(e *event.Event) error {
	o, err := j.next()
	var wrong *event.RowError
	if errors.As(err, &wrong) {
		j.row++
		wrong.Row, e.Offset = j.row, o.offset
	}
	if err != nil {
		return err
	}
	j.row++
	j.begin(&j.build, e)
	e.Row, e.Line, e.Offset = j.row, o.line, o.offset
	err = wire.Decode(o.text, func(key, v string) error {
		if v == "" {
			return nil
		}
		targets := j.targets[key]
		if targets == nil {
			j.build.Extra(key, v)
		}
		for _, t := range targets {
			if reason := j.value(&j.build, e, t, key, v); reason != "" {
				return &event.RowError{Row: j.row, Line: o.line, Field: key, Reason: reason}
			}
		}
		return nil
	})
	var bad *wire.SyntaxError
	if errors.As(err, &bad) {
		return &event.RowError{Row: j.row, Line: o.line, Column: bad.Offset + 1, Reason: bad.Error()}
	}
	if err != nil {
		return err
	}
	j.end(&j.build, e)
	return nil
}

// openLines reads JSON lines.
func openLines(m *Mapping, id event.Identity, r io.Reader) (event.Reader, error) {
	lines := delimited.NewLines(r, delimited.Options{})
	read := func() (object, error) {
		var l delimited.Line
		err := lines.Next(&l)
		var long *delimited.Error
		if errors.As(err, &long) {
			return object{line: long.Line, offset: long.Offset}, &event.RowError{Line: long.Line, Reason: long.Error()}
		}
		return object{l.Text, l.Line, l.Offset}, err
	}
	first, err := read()
	var wrong *event.RowError
	switch {
	case err == io.EOF:
		return nil, fault.Invalidf("empty file: %s has no line", id.Name)
	case err != nil && !errors.As(err, &wrong):
		return nil, err
	case err == nil && first.text[0] == '[':
		return nil, fault.Invalidf("%s: line %d: an array begins here; set format = \"json\" in the mapping", id.Name, first.line)
	}
	pending := true
	return &jsonReader{Mapping: m, next: func() (object, error) {
		if pending {
			pending = false
			return first, err
		}
		return read()
	}}, nil
}

const longestObject = 16 << 20

// documentReader reads the objects of one array, one after the other.
type documentReader struct {
	id    event.Identity
	dec   *json.Decoder
	place *placer
}

// openDocument looks for the array.
func openDocument(m *Mapping, id event.Identity, r io.Reader) (event.Reader, error) {
	p := &placer{r: r, line: 1, limit: longestObject}
	d := &documentReader{id: id, dec: json.NewDecoder(p), place: p}
	if err := d.find(m.records); err != nil {
		if err == io.EOF {
			return nil, fault.Invalidf("empty file: %s has no JSON", id.Name)
		}
		return nil, d.explain(err)
	}
	return &jsonReader{Mapping: m, next: d.next}, nil
}

// find reads up to the array: the document itself, or the value of a key of it.
func (d *documentReader) find(key string) error {
	t, err := d.dec.Token()
	if err != nil {
		return err
	}
	if key == "" {
		if t != json.Delim('[') {
			return errors.New("expected an array of objects; name the key that has it by records = \"…\" in the mapping")
		}
		return nil
	}
	if t != json.Delim('{') {
		return errors.New("expected an object with the key " + key)
	}
	for d.dec.More() {
		d.place.limit = d.dec.InputOffset() + longestObject
		name, err := d.dec.Token()
		if err != nil {
			return err
		}
		if name != key {
			var skipped json.RawMessage
			if err := d.dec.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if t, err = d.dec.Token(); err == nil && t != json.Delim('[') {
			err = errors.New("expected an array under the key " + key)
		}
		return err
	}
	return errors.New("there is no key " + key)
}

func (d *documentReader) next() (object, error) {
	d.place.limit = d.dec.InputOffset() + longestObject
	if !d.dec.More() {
		if _, err := d.dec.Token(); err != nil {
			return object{}, d.explain(err)
		}
		return object{}, io.EOF
	}
	var raw json.RawMessage
	if err := d.dec.Decode(&raw); err != nil {
		return object{}, d.explain(err)
	}
	offset := d.dec.InputOffset() - int64(len(raw))
	o := object{string(raw), d.place.lineAt(offset), offset}
	if raw[0] != '{' {
		return o, &event.RowError{Line: o.line, Reason: "expected an object"}
	}
	return o, nil
}

// explain ends the file: a document that is broken somewhere cannot be read on behind it.
func (d *documentReader) explain(err error) error {
	var syntax *json.SyntaxError
	switch {
	case d.place.err != nil && errors.Is(err, d.place.err):
		return err
	case errors.As(err, &syntax):
		return fault.Invalidf("%s: line %d: %v", d.id.Name, d.place.lineAt(d.dec.InputOffset()), err)
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Invalidf("%s: the document ends in the middle, behind line %d", d.id.Name, d.place.lineAt(d.dec.InputOffset()))
	}
	return fault.Invalidf("%s: line %d: %v", d.id.Name, d.place.lineAt(d.dec.InputOffset()), err)
}

// placer remembers where lines end in what the decoder has read but not yet given out, and stops it at a limit.
type placer struct {
	r     io.Reader
	at    int64   // bytes read
	ends  []int64 // offsets of newlines not yet counted
	line  int64   // of what was last asked for
	limit int64   // offset
	begun bool
	err   error // of the stream, io.EOF aside
}

var errLong = errors.New("an object is longer than 16 MiB")

func (p *placer) Read(b []byte) (int, error) {
	if p.at > p.limit {
		return 0, errLong
	}
	n, err := p.r.Read(b)
	if !p.begun && n >= 3 && bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")) {
		copy(b, "   ") // a byte order mark: white space keeps the offsets
	}
	p.begun = p.begun || n > 0
	for i, c := range b[:n] {
		if c == '\n' {
			p.ends = append(p.ends, p.at+int64(i))
		}
	}
	p.at += int64(n)
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

func (p *placer) lineAt(offset int64) int64 {
	i := 0
	for i < len(p.ends) && p.ends[i] < offset {
		i++
	}
	p.line += int64(i)
	p.ends = append(p.ends[:0], p.ends[i:]...)
	return p.line
}
