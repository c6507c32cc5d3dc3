package shadowserver

import (
	"cmp"
	_ "embed" // the tables
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
)

// typesNow is Shadowserver's current schema; typesBefore are the types that it no longer lists but that archives still hold.
//
//go:embed types.tsv
var typesNow string

//go:embed formerly.tsv
var typesBefore string

var builtin = sync.OnceValue(func() *Schema {
	now, err := parseTable(typesNow)
	if err != nil {
		panic(err) // the embedded table is part of the program; a test reads it
	}
	before, err := parseTable(typesBefore)
	if err != nil {
		panic(err)
	}
	return now.over(before)
})

// Builtin is the schema that Tocsin was built with.
func Builtin() *Schema { return builtin() }

// Load reads newer schema files: Shadowserver's reports.json and its mapping intelmq.json; either may be nil. What the files
// do not say is taken from the built-in schema; types that they do not have are kept, as archives have files of them.
// A file that cannot be used is a fault of kind Invalid.
func Load(reports, intelmq io.Reader) (*Schema, error) {
	s, err := derive(reports, intelmq, Builtin())
	if err != nil {
		return nil, err
	}
	return s.over(Builtin()), nil
}

// Derive makes a schema of nothing but Shadowserver's two files.
func Derive(reports, intelmq io.Reader) (*Schema, error) {
	return derive(reports, intelmq, newSchema("", nil))
}

// over is the schema with the types of an older one that it lacks.
func (s *Schema) over(older *Schema) *Schema {
	return newSchema(cmp.Or(s.date, older.date), slices.Concat(s.types, older.types))
}

// report is an entry of reports.json.
type report struct {
	Class  string   `json:"classification.taxonomy"`
	Kind   string   `json:"classification.type"`
	Name   string   `json:"name"`
	Fields []string `json:"fields"`
}

// mapping is an entry of intelmq.json. A rule is [field, column], [field, column, conversion] or
// [field, column, conversion, whether the conversion sees the whole row].
type mapping struct {
	Constant map[string]string   `json:"constant_fields"`
	FeedName string              `json:"feed_name"`
	FileName string              `json:"file_name"`
	Required [][]json.RawMessage `json:"required_fields"`
	Optional [][]json.RawMessage `json:"optional_fields"`
}

// usable are the names of types and columns that files may have; others would break the table, or are none.
var usable = regexp.MustCompile(`^[A-Za-z0-9_.]{1,100}$`)

// maxSchema bounds a schema file in bytes; the present ones have less than 1 MB.
const maxSchema = 64 << 20

func derive(reports, intelmq io.Reader, base *Schema) (*Schema, error) {
	listed, err := readReports(reports)
	if err != nil {
		return nil, err
	}
	mapped, date, err := readMappings(intelmq)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for name := range listed {
		names[name] = true
	}
	for name := range mapped {
		names[name] = true
	}
	common := base.commonRules()
	var types []Type
	for _, name := range slices.Sorted(maps.Keys(names)) {
		known, _ := base.Type(name)
		t, err := deriveType(name, listed[name], mapped[name], known, common)
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return newSchema(cmp.Or(date, base.date), types), nil
}

func readReports(r io.Reader) (map[string]report, error) {
	list := map[string]report{}
	if r == nil {
		return list, nil
	}
	if err := json.NewDecoder(io.LimitReader(r, maxSchema)).Decode(&list); err != nil {
		return nil, fault.Invalidf("read reports.json: %w; it should be Shadowserver's list of report types", err)
	}
	for name, rep := range list {
		if len(rep.Fields) == 0 { // _meta, should it ever be here
			delete(list, name)
		} else if !usable.MatchString(name) {
			return nil, fault.Invalidf("reports.json: %q is no name of a report type", name)
		}
	}
	return list, nil
}

// readMappings gives the mappings by file name, not by key: 18 differ.
func readMappings(r io.Reader) (list map[string]*mapping, date string, err error) {
	list = map[string]*mapping{}
	if r == nil {
		return list, "", nil
	}
	var raw map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(r, maxSchema)).Decode(&raw); err != nil {
		return nil, "", fault.Invalidf("read intelmq.json: %w; it should be Shadowserver's field mapping", err)
	}
	for key, text := range raw {
		if key == "_meta" {
			var meta struct {
				Date string `json:"date_created"`
			}
			if json.Unmarshal(text, &meta) == nil && !strings.ContainsAny(meta.Date, "\t\r\n") {
				date = meta.Date
			}
			continue
		}
		m := new(mapping)
		if err := json.Unmarshal(text, m); err != nil {
			return nil, "", fault.Invalidf("intelmq.json: report type %q: %w", key, err)
		}
		name := cmp.Or(m.FileName, key)
		if !usable.MatchString(name) {
			return nil, "", fault.Invalidf("intelmq.json: report type %q: file name %q cannot be one", key, name)
		}
		list[name] = m
	}
	return list, date, nil
}

// deriveType joins what the two files say of a type with what is known of it; common are the known rules of columns.
func deriveType(name string, rep report, m *mapping, known Type, common map[string]string) (Type, error) {
	var constant map[string]string
	if m != nil {
		constant = m.Constant
	} else {
		m = new(mapping)
		constant = map[string]string{"classification.identifier": known.Identifier,
			"protocol.transport": known.Transport, "protocol.application": known.Application}
	}
	t := Type{ReportType: event.ReportType{Name: name}}
	t.Title = clean(cmp.Or(rep.Name, m.FeedName, known.Title, name))
	t.Class = clean(cmp.Or(rep.Class, constant["classification.taxonomy"], known.Class))
	t.Kind = rsitKind(clean(cmp.Or(rep.Kind, constant["classification.type"], known.Kind)))
	t.Identifier = clean(constant["classification.identifier"])
	t.Transport, t.Application = clean(constant["protocol.transport"]), clean(constant["protocol.application"])
	judge(&t.ReportType)

	rules, order, err := m.rules(name)
	if err != nil {
		return Type{}, err
	}
	t.Columns = rep.Fields
	if len(t.Columns) == 0 {
		t.Columns = known.Columns
	}
	t.Columns = withMissing(t.Columns, order)
	had := rulesOf(&known)
	for _, column := range t.Columns {
		if !usable.MatchString(column) {
			return Type{}, fault.Invalidf("report type %q: %q is no name of a column", name, column)
		}
		if len(order) > 0 {
			t.Map = append(t.Map, rules[column]...)
		} else if t.Map, err = parseRule(t.Map, column, cmp.Or(had[column], common[column], commonRule)); err != nil {
			return Type{}, err
		}
	}
	if len(order) > 0 {
		t.Map = withAdditions(t.Map, t.Columns, additions[name])
	}
	return t, nil
}

// rsitKind is the RSIT type of a name that Shadowserver's files still use.
func rsitKind(kind string) string {
	if kind == "blacklist" {
		return "blocklist"
	}
	return kind
}

// clean makes a text fit for a line of the table.
func clean(s string) string { return strings.Join(strings.Fields(s), " ") }

// withMissing is columns and those of more that it lacks. It does not change columns.
func withMissing(columns, more []string) []string {
	columns = slices.Clip(columns)
	for _, name := range more {
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	return columns
}

// withAdditions puts each addition behind the other uses of its column, so that the mapping stays in column order.
func withAdditions(m []Column, columns []string, add []Column) []Column {
	for _, c := range add {
		if !slices.Contains(columns, c.Name) || slices.Contains(m, c) {
			continue
		}
		at := 0
		for i := range m {
			if slices.Index(columns, m[i].Name) <= slices.Index(columns, c.Name) {
				at = i + 1
			}
		}
		m = slices.Insert(m, at, c)
	}
	return m
}

// rules are what becomes of each column, required before optional, and the columns in the order of the file.
func (m *mapping) rules(name string) (rules map[string][]Column, order []string, err error) {
	rules = map[string][]Column{}
	for _, raw := range slices.Concat(m.Required, m.Optional) {
		var part [3]string
		for i := range min(len(raw), len(part)) {
			if err := json.Unmarshal(raw[i], &part[i]); err != nil {
				return nil, nil, fault.Invalidf("intelmq.json: report type %q: rule %d of %d: %w", name, len(order)+1,
					len(m.Required)+len(m.Optional), err)
			}
		}
		field, column := part[0], part[1]
		if field == "extra." {
			field += column
		}
		if !usable.MatchString(field) || !usable.MatchString(column) {
			return nil, nil, fault.Invalidf("intelmq.json: report type %q: rule %q for column %q", name, field, column)
		}
		c := Column{Name: column, Field: field, Convert: cmp.Or(converts[part[2]], Text)}
		if slices.ContainsFunc(rules[column], func(had Column) bool { return had.Field == field }) {
			continue // said twice; the first rule stands
		}
		rules[column] = append(rules[column], c)
		if !slices.Contains(order, column) {
			order = append(order, column)
		}
	}
	return rules, order, nil
}
