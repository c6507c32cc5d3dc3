// Package generic reads feeds that no other format knows: CSV, JSON lines and JSON documents, by a mapping file that a
// person writes (docs/feeds-generic.md). One mapping is one report type.
package generic

import (
	"io"
	"path"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
)

// Format reads the files of some mappings. It is immutable and safe for concurrent use.
type Format struct{ mappings []*Mapping }

// New returns the format of these mappings; where two fit a file's name the first one reads it.
func New(mappings ...*Mapping) *Format { return &Format{mappings} }

// Name is "generic".
func (f *Format) Name() string { return "generic" }

// Identify finds the mapping whose pattern fits the name, compression suffixes left aside, and reads the day and the
// subscription from the pattern's groups.
func (f *Format) Identify(name string) (event.Identity, error) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	stem := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zip")
	for _, m := range f.mappings {
		groups := m.file.FindStringSubmatch(stem)
		if groups == nil {
			continue
		}
		text := groups[m.file.SubexpIndex("day")]
		date := text
		if len(date) == 8 {
			date = date[:4] + "-" + date[4:6] + "-" + date[6:]
		}
		day, err := event.ParseDay(date)
		if err != nil {
			return event.Identity{}, fault.Invalidf("%s: %q is no date of the calendar; expected YYYY-MM-DD or YYYYMMDD", name, text)
		}
		id := event.Identity{Name: name, Type: m.kind.Name, Day: day}
		if i := m.file.SubexpIndex("subscription"); i >= 0 {
			id.Subscription = groups[i]
		}
		return id, nil
	}
	patterns := make([]string, len(f.mappings))
	for i, m := range f.mappings {
		patterns[i] = m.file.String()
	}
	return event.Identity{}, fault.Invalidf("%s: the name fits no mapping of this feed; expected %s", name, strings.Join(patterns, " or "))
}

// Type is what the mapping of that name says.
func (f *Format) Type(name string) event.ReportType {
	if m := f.mapping(name); m != nil {
		return m.kind
	}
	return event.ReportType{Name: name, Title: name, Class: "other", Kind: "undetermined", Subject: event.Address, Closing: event.Observation}
}

func (f *Format) mapping(name string) *Mapping {
	for _, m := range f.mappings {
		if m.kind.Name == name {
			return m
		}
	}
	return nil
}

// Open begins to read a file of one of the mappings.
func (f *Format) Open(id event.Identity, r io.Reader) (event.Reader, error) {
	m := f.mapping(id.Type)
	if m == nil {
		return nil, fault.Invalidf("%s: there is no mapping for the report type %s", id.Name, id.Type)
	}
	switch m.encoding {
	case "json-lines":
		return openLines(m, id, r)
	case "json":
		return openDocument(m, id, r)
	}
	return openCSV(m, id, r)
}
