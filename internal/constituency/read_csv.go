package constituency

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// csvColumns are the columns of a registry file as CSV: one row is one object, whose kind is in "record" (constituent,
// contact, asset, national_prefix) and whose constituent is in "ref". A row fills the columns of its record; a national
// prefix has only its value. Columns may be left out and may stand in any order; an empty cell is an empty value.
var csvColumns = []string{"record", "ref", "parent", "name", "kind", "sector", "designation", "delegate", "language", "note",
	"role", "mail", "phone", "keys", "encrypt", "clearance", "value", "also_notify", "valid_from", "valid_until"}

type csvReader struct {
	*builder
	r      *csv.Reader
	header []string
	row    []string
}

func readCSV(file string, data []byte) (*Document, error) {
	c := &csvReader{builder: newBuilder(file), r: csv.NewReader(bytes.NewReader(data))}
	c.r.FieldsPerRecord = -1
	c.r.ReuseRecord = true
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		c.r.Comma = ';' // what spreadsheets write where the comma is the decimal sign
	}
	if !c.readHeader() {
		return c.finish()
	}
	for {
		row, err := c.r.Read()
		if errors.Is(err, io.EOF) {
			return c.finish()
		}
		if err != nil {
			c.syntax(err)
			return c.finish()
		}
		c.row = row
		if len(row) != len(c.header) {
			c.bad(c.at(0), "", "has %d columns, the header has %d", len(row), len(c.header))
			continue
		}
		c.object()
	}
}

func (c *csvReader) readHeader() bool {
	row, err := c.r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			c.bad(place{1, 1}, "", "is empty; the first line names the columns: %s", strings.Join(csvColumns, ","))
		} else {
			c.syntax(err)
		}
		return false
	}
	for i, name := range row {
		name = strings.ToLower(line(name))
		if !slices.Contains(csvColumns, name) {
			c.bad(c.at(i), name, "unknown column; there are %s", strings.Join(csvColumns, ", "))
		} else if slices.Contains(c.header, name) {
			c.bad(c.at(i), name, "is there twice")
		}
		c.header = append(c.header, name)
	}
	for _, must := range []string{"record", "ref"} {
		if !slices.Contains(c.header, must) {
			c.bad(place{1, 1}, must, "the column is missing")
		}
	}
	return len(c.problems) == 0
}

func (c *csvReader) syntax(err error) {
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		c.bad(place{int64(pe.Line), pe.Column}, "", "is not CSV: %v", pe.Err)
		return
	}
	c.bad(place{}, "", "is not CSV: %v", err)
}

func (c *csvReader) at(field int) place {
	l, col := c.r.FieldPos(field)
	return place{int64(l), col}
}

func (c *csvReader) cell(name string) string {
	if i := slices.Index(c.header, name); i >= 0 {
		return c.row[i]
	}
	return ""
}

func (c *csvReader) object() {
	switch record := strings.ToLower(line(c.cell("record"))); record {
	case "constituent":
		e := &entry{Constituent: newConstituent(), at: c.at(0), given: map[string]place{}}
		e.Ref = c.cell("ref")
		e.given["ref"] = c.at(slices.Index(c.header, "ref"))
		c.fill(record, constituentFields, e.given, e.set)
		c.constituent(e)
	case "contact":
		v := contactEntry{Contact: Contact{Source: Manual, ValidUntil: Open}, at: c.at(0)}
		given := map[string]place{}
		c.fill(record, contactFields, given, v.set)
		v.clean(c.wrongAt(v.at, given))
		o := c.owner(c.cell("ref"), v.at)
		o.contacts = append(o.contacts, v)
	case "asset":
		v := assetEntry{Asset: Asset{Source: Manual, ValidUntil: Open}, at: c.at(0)}
		given := map[string]place{}
		c.fill(record, assetFields, given, v.set)
		v.clean(c.wrongAt(v.at, given))
		o := c.owner(c.cell("ref"), v.at)
		o.assets = append(o.assets, v)
	case "national_prefix":
		c.doc.hasNational = true
		c.fill(record, []string{"value"}, nil, func(_, v string) error {
			c.prefix(v, c.at(slices.Index(c.header, "value")))
			return nil
		})
	default:
		c.bad(c.at(slices.Index(c.header, "record")), "record",
			"%q is no record; write constituent, contact, asset or national_prefix", record)
	}
}

// fill hands every cell that belongs to the record to set; text in another column is a mistake.
func (c *csvReader) fill(record string, fields []string, given map[string]place, set func(field, v string) error) {
	for i, name := range c.header {
		if name == "record" || name == "ref" {
			continue
		}
		if !slices.Contains(fields, name) {
			if line(c.row[i]) != "" {
				c.bad(c.at(i), name, "does not belong to a %s", record)
			}
			continue
		}
		if given != nil {
			given[name] = c.at(i)
		}
		if err := set(name, c.row[i]); err != nil {
			c.bad(c.at(i), name, "%v", err)
		}
	}
}
