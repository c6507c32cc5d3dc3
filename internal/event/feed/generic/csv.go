package generic

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	"tocsin/internal/format/delimited"
	wire "tocsin/internal/format/idf"
	"tocsin/internal/platform/fault"
)

// csvReader reads delimited text.
type csvReader struct {
	*Mapping
	split   *delimited.Splitter
	rec     delimited.Record
	ready   bool // rec is the first row, read by openCSV
	first   error
	names   []string
	targets [][]target // by column
	build   idf.Builder
	row     int64
}

const mostColumns = 10_000

func openCSV(m *Mapping, id event.Identity, r io.Reader) (event.Reader, error) {
	c := &csvReader{Mapping: m, split: delimited.New(r, delimited.Options{Comma: m.comma})}
	err := c.split.Next(&c.rec)
	var bad *delimited.Error
	wrong := errors.As(err, &bad)
	switch {
	case err == io.EOF:
		return nil, fault.Invalidf("empty file: %s has no line", id.Name)
	case err != nil && !wrong:
		return nil, err
	case wrong && m.columns == nil:
		return nil, fault.Invalidf("%s: line %d: the header cannot be read: %v", id.Name, bad.Line, bad)
	}
	names := m.columns
	if names == nil {
		names = make([]string, len(c.rec.Fields))
		for i, h := range c.rec.Fields {
			names[i] = strings.ToLower(strings.TrimSpace(wire.Clean(h)))
			if names[i] == "" {
				names[i] = fmt.Sprintf("column_%d", i+1)
			}
		}
	} else {
		c.ready, c.first = true, err
	}
	if len(names) > mostColumns {
		return nil, fault.Invalidf("%s: line %d: the header has %d columns; the limit is %d", id.Name, c.rec.Line, len(names), mostColumns)
	}
	mapped := 0
	seen := map[string]bool{}
	c.names, c.targets = names, make([][]target, len(names))
	for i, name := range names {
		if t := m.targets[name]; t != nil && !seen[name] {
			mapped++
			c.targets[i] = t
		} else {
			c.targets[i] = []target{{extra: name}}
		}
		seen[name] = true
	}
	if mapped == 0 {
		return nil, fault.Invalidf("%s: line %d: the header has none of the mapping's columns; it has %s", id.Name, c.rec.Line, strings.Join(names, ", "))
	}
	return c, nil
}

func (c *csvReader) Next(e *event.Event) error {
	err := c.first
	if !c.ready {
		err = c.split.Next(&c.rec)
	}
	c.ready = false
	var bad *delimited.Error
	if errors.As(err, &bad) {
		c.row++
		e.Offset = bad.Offset
		return &event.RowError{Row: c.row, Line: bad.Line, Column: bad.Column, Reason: bad.Error()}
	}
	if err != nil {
		return err
	}
	c.row++
	if len(c.rec.Fields) != len(c.names) {
		e.Offset = c.rec.Offset
		return c.wrong(0, "", fmt.Sprintf("the row has %d columns; expected %d", len(c.rec.Fields), len(c.names)))
	}
	c.build.Clean = c.rec.Plain
	c.begin(&c.build, e)
	e.Row, e.Line, e.Offset = c.row, c.rec.Line, c.rec.Offset
	for i, v := range c.rec.Fields {
		if v == "" {
			continue
		}
		for _, t := range c.targets[i] {
			if reason := c.value(&c.build, e, t, c.names[i], v); reason != "" {
				return c.wrong(i+1, t.field.String(), reason)
			}
		}
	}
	c.end(&c.build, e)
	return nil
}

func (c *csvReader) wrong(column int, field, reason string) error {
	return &event.RowError{Row: c.row, Line: c.rec.Line, Column: column, Field: field, Reason: reason}
}
