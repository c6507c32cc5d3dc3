// Package idf is the IntelMQ Data Format as a feed: files of JSON lines in, single lines out, and the filling of events
// from texts by IDF field names, which other formats use too. How rows are attributed and kept is event's business.
package idf

import (
	"errors"
	"io"
	"path"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/format/delimited"
	wire "tocsin/internal/format/idf"
	"tocsin/internal/format/rsit"
	"tocsin/internal/platform/fault"
)

// Format reads IDF JSON lines, one event a line, with flat or nested keys. It is immutable and safe for concurrent use.
type Format struct{ fields map[string]Field }

// New returns the format.
func New() *Format { return &Format{Fields()} }

// Name is "idf".
func (f *Format) Name() string { return "idf" }

const shape = "expected YYYY-MM-DD-<type>-<subscription>.json, or YYYY-MM-DD.json; .jsonl, .ndjson and .idf do as well, with .gz or .zip behind them"

// Identify reads YYYY-MM-DD-<type>-<subscription>.json; without type and subscription the type is "idf".
func (f *Format) Identify(name string) (event.Identity, error) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	stem := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zip")
	ext := strings.ToLower(path.Ext(stem))
	switch ext {
	case ".json", ".jsonl", ".ndjson", ".idf":
	default:
		return event.Identity{}, fault.Invalidf("%s: the name has no ending of JSON lines; %s", name, shape)
	}
	stem = stem[:len(stem)-len(ext)]
	if len(stem) < 10 || len(stem) > 10 && stem[10] != '-' && stem[10] != '_' && stem[10] != 'T' {
		return event.Identity{}, fault.Invalidf("%s: the name does not begin with a date; %s", name, shape)
	}
	day, err := event.ParseDay(stem[:10])
	if err != nil {
		return event.Identity{}, fault.Invalidf("%s: %s is no date of the calendar; %s", name, stem[:10], shape)
	}
	id := event.Identity{Name: name, Type: "idf", Day: day}
	rest := strings.TrimLeft(stem[10:], "-_T")
	if typ, sub, ok := strings.Cut(rest, "-"); ok && stem[10] == '-' && typ != "" && sub != "" {
		id.Type, rest = typ, sub
	}
	var kept []string
	for token := range strings.SplitSeq(rest, "-") {
		switch token {
		case "delayed":
			id.Delayed = true
			continue
		case "delta":
			id.Delta = true
		}
		kept = append(kept, token)
	}
	id.Subscription = strings.Join(kept, "-")
	return id, nil
}

// Type of a file of IDF says little: each line has its own classification, and nothing is a snapshot of anything.
func (f *Format) Type(name string) event.ReportType {
	t := event.ReportType{Name: name, Title: name, Class: "other", Kind: "undetermined", Subject: event.Address,
		Closing: event.Observation, Known: true}
	if strings.HasPrefix(name, "scan") {
		t.Subject = event.Service
	}
	if name == "idf" {
		t.Title = "IntelMQ events"
	}
	return t
}

// Open looks at the first line.
func (f *Format) Open(id event.Identity, r io.Reader) (event.Reader, error) {
	in := &reader{format: f, lines: delimited.NewLines(r, delimited.Options{})}
	in.base = event.Event{Port: -1, DestinationPort: -1}
	in.firstErr = in.lines.Next(&in.line)
	var long *delimited.Error
	switch {
	case in.firstErr == io.EOF:
		return nil, fault.Invalidf("empty file: %s has no line", id.Name)
	case in.firstErr != nil && !errors.As(in.firstErr, &long):
		return nil, in.firstErr
	case in.firstErr == nil && in.line.Text[0] == '[':
		return nil, fault.Invalidf("%s: line %d: an array begins here; expected one JSON object on each line", id.Name, in.line.Line)
	}
	in.hasFirst = true
	return in, nil
}

type reader struct {
	format   *Format
	lines    *delimited.Lines
	line     delimited.Line
	hasFirst bool // line and firstErr are the first line, not yet returned
	firstErr error
	base     event.Event
	build    Builder
	row      int64
}

// Next reads the next line.
func (r *reader) Next(e *event.Event) error {
	err := r.firstErr
	if !r.hasFirst {
		err = r.lines.Next(&r.line)
	}
	r.hasFirst = false
	var long *delimited.Error
	if errors.As(err, &long) {
		r.row++
		e.Offset = long.Offset
		return &event.RowError{Row: r.row, Line: long.Line, Reason: long.Error()}
	}
	if err != nil {
		return err
	}
	r.row++
	r.build.Begin(e, &r.base)
	e.Row, e.Line, e.Offset = r.row, r.line.Line, r.line.Offset
	err = wire.Decode(r.line.Text, func(key, v string) error { return r.value(e, key, v) })
	var wrong *event.RowError
	var bad *wire.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return err
	case errors.As(err, &bad):
		return &event.RowError{Row: r.row, Line: r.line.Line, Column: bad.Offset + 1, Reason: bad.Error()}
	}
	classify(e)
	r.build.End(e)
	return nil
}

// classify completes and mends the line's own classification.
func classify(e *event.Event) {
	switch {
	case e.Kind != "":
		e.Class, e.Kind, _ = rsit.Classify(e.Class, e.Kind)
	case e.Class == "":
		e.Class, e.Kind = "other", "undetermined"
	}
}

func (r *reader) value(e *event.Event, key, v string) error {
	if v == "" {
		return nil
	}
	if key == "extra" && v[0] == '{' { // the object as a text, as some outputs write it
		err := wire.Decode(v, func(k, v string) error { return r.value(e, "extra."+k, v) })
		var bad *wire.SyntaxError
		if errors.As(err, &bad) {
			r.build.Extra(key, v)
			return nil
		}
		return err
	}
	if name, ok := strings.CutPrefix(key, "extra."); ok {
		r.build.Extra(name, v)
		return nil
	}
	f := r.format.fields[key]
	if f == Other {
		r.build.Extra(key, v)
		return nil
	}
	reason := r.build.Set(e, f, v)
	switch {
	case reason == "":
	case Evidence(f):
		r.build.Extra(key, v)
	default:
		return &event.RowError{Row: r.row, Line: r.line.Line, Field: key, Reason: reason}
	}
	return nil
}

// Evidence reports whether a wrong value of the field is kept as it stands among the extra fields, because the row can be
// understood without it; a wrong value of any other field makes the row wrong.
func Evidence(f Field) bool {
	switch f {
	case SourceFQDN, SourceNetwork, DestinationIP, DestinationFQDN, Severity:
		return true
	}
	return false
}
