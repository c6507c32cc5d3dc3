// Package shadowserver reads the reports of the Shadowserver Foundation: CSV files whose names tell type and day, whose
// columns the schema maps to IDF fields. It owns the schema, the table derived from it, and the judgements the schema does
// not make (what a type is about and when it is over); how rows are attributed and kept is event's business.
package shadowserver

import (
	"errors"
	"io"
	"path"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/fault"
)

// Format reads Shadowserver's CSV reports. It is immutable and safe for concurrent use.
type Format struct {
	schema *Schema
	fields map[string]idf.Field
}

// New returns the format as s describes it.
func New(s *Schema) *Format { return &Format{s, idf.Fields()} }

// Name is "shadowserver".
func (f *Format) Name() string { return "shadowserver" }

// Identify reads YYYY-MM-DD-<type>-<subscription>.csv, with .gz or .zip behind it if it likes. -delayed is no part of the
// subscription; delta is, for a delta file does not replace the full one.
func (f *Format) Identify(name string) (event.Identity, error) {
	name = baseName(name)
	stem, ok := trimSuffixes(name)
	if !ok {
		return event.Identity{}, fault.Invalidf("%s: the name does not end in .csv, .csv.gz or .csv.zip", name)
	}
	if len(stem) < 12 || stem[10] != '-' || !datelike(stem[:10]) {
		return event.Identity{}, fault.Invalidf("%s: the name does not begin with a date; expected YYYY-MM-DD-<type>-<subscription>.csv", name)
	}
	day, err := event.ParseDay(stem[:10])
	if err != nil {
		return event.Identity{}, fault.Invalidf("%s: %s is no date of the calendar; expected YYYY-MM-DD-<type>-<subscription>.csv", name, stem[:10])
	}
	typ, rest, ok := strings.Cut(stem[11:], "-")
	if !ok || typ == "" || rest == "" {
		return event.Identity{}, fault.Invalidf("%s: the name has no report type and subscription; expected YYYY-MM-DD-<type>-<subscription>.csv", name)
	}
	id := event.Identity{Name: name, Type: f.canonical(typ), Day: day}
	var kept []string
	for token := range strings.SplitSeq(rest, "-") {
		switch {
		case strings.EqualFold(token, "delayed"):
			id.Delayed = true
			continue
		case strings.EqualFold(token, "delta"):
			id.Delta = true
		}
		kept = append(kept, token)
	}
	id.Subscription = strings.Join(kept, "-")
	return id, nil
}

// Undated is the identity of a file whose name does not tell it, such as scan_ftp.csv: a person says what type and day it
// is of. An empty typ is taken from the name.
func (f *Format) Undated(name, typ string, day event.Day) (event.Identity, error) {
	name = baseName(name)
	if typ == "" {
		typ, _ = trimSuffixes(name)
	}
	if typ == "" || strings.Contains(typ, "-") {
		return event.Identity{}, fault.Invalidf("%s: %q is no report type; expected a name such as scan_ftp", name, typ)
	}
	return event.Identity{Name: name, Type: f.canonical(typ), Day: day}, nil
}

// canonical is a type's name as the schema spells it.
func (f *Format) canonical(typ string) string {
	if t, ok := f.schema.Type(typ); ok {
		return t.Name
	}
	return typ
}

func baseName(name string) string { return path.Base(strings.ReplaceAll(name, `\`, "/")) }

// trimSuffixes takes .csv and a compression's suffix off a name.
func trimSuffixes(name string) (stem string, ok bool) {
	stem = name
	for _, s := range [...]string{".gz", ".zip"} {
		if cutSuffixFold(&stem, s) {
			break
		}
	}
	return stem, cutSuffixFold(&stem, ".csv")
}

func cutSuffixFold(s *string, suffix string) bool {
	n := len(*s) - len(suffix)
	if n < 0 || !strings.EqualFold((*s)[n:], suffix) {
		return false
	}
	*s = (*s)[:n]
	return true
}

func datelike(s string) bool {
	for i := range len(s) {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return false
			}
		} else if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Type is what the schema says of a type. One that it does not know is taken in with what can be recognised: nobody is
// told that it was fixed when it stays away, it lapses.
func (f *Format) Type(name string) event.ReportType {
	return f.describe(name).ReportType
}

func (f *Format) describe(name string) Type {
	if t, ok := f.schema.Type(name); ok {
		return t
	}
	subject := event.Address
	if strings.HasPrefix(strings.ToLower(name), "scan") {
		subject = event.Service
	}
	return Type{ReportType: event.ReportType{
		Name: name, Title: name, Class: "other", Kind: "undetermined", Subject: subject, Closing: event.Observation,
	}}
}

// mostColumns is far beyond any report; what matching a header costs grows with its square.
const mostColumns = 2000

// Open reads the header. Columns are found by their names, in any order and case.
func (f *Format) Open(id event.Identity, r io.Reader) (event.Reader, error) {
	split := delimited.New(r, delimited.Options{})
	var header delimited.Record
	err := split.Next(&header)
	var bad *delimited.Error
	switch {
	case err == io.EOF:
		return nil, fault.Invalidf("empty file: %s has no header line", id.Name)
	case errors.As(err, &bad):
		return nil, fault.Invalidf("%s: line %d: the header cannot be read: %v", id.Name, bad.Line, bad)
	case err != nil:
		return nil, err
	}
	if n := len(header.Fields); n > mostColumns {
		return nil, fault.Invalidf("%s: line %d: the header has %d columns; the limit is %d", id.Name, header.Line, n, mostColumns)
	}
	p := f.compile(f.describe(id.Type), header.Fields)
	if !p.recognised {
		return nil, fault.Invalidf("%s: line %d: none of the %d columns of the header is known; expected names such as timestamp, ip, port: is this a Shadowserver report?",
			id.Name, header.Line, len(header.Fields))
	}
	return &reader{plan: p, split: split, rec: delimited.Record{Fields: make([]string, 0, len(p.columns))}}, nil
}
