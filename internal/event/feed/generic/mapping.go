package generic

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	wire "tocsin/internal/format/idf"
	"tocsin/internal/format/rsit"
	"tocsin/internal/platform/fault"

	"github.com/BurntSushi/toml"
)

// Mapping says how files of one report type are read. It is immutable.
type Mapping struct {
	kind      event.ReportType
	file      *regexp.Regexp
	encoding  string // csv, json-lines, json
	comma     byte
	columns   []string // nil when the file has a header
	records   string   // key of the array in a JSON document, "" when the document is the array
	targets   map[string][]target
	constants []constant
	times     []timeFormat
	severity  map[string]event.Severity
	base      event.Event
	baseExtra []constant
}

// target is where a column's text goes: a field, or an extra field.
type target struct {
	field idf.Field
	extra string
}

type constant struct {
	target
	value string
}

// document is the mapping file as it is written.
type document struct {
	Name       string            `toml:"name"`
	Title      string            `toml:"title"`
	File       string            `toml:"file"`
	Format     string            `toml:"format"`
	Delimiter  string            `toml:"delimiter"`
	Header     *bool             `toml:"header"`
	Columns    []string          `toml:"columns"`
	Records    string            `toml:"records"`
	Times      []string          `toml:"time_formats"`
	Zone       string            `toml:"time_zone"`
	Subject    string            `toml:"subject"`
	Closing    string            `toml:"closing"`
	Class      string            `toml:"class"`
	Type       string            `toml:"type"`
	Identifier string            `toml:"identifier"`
	Severity   string            `toml:"severity"`
	Population bool              `toml:"population"`
	Map        map[string]any    `toml:"map"`
	Constants  map[string]string `toml:"constants"`
	Severities map[string]string `toml:"severities"`
}

// Parse reads a mapping file. The error is fault.Problems, which name the file, the line and the key.
func Parse(name string, text []byte) (*Mapping, error) {
	var d document
	meta, err := toml.Decode(string(text), &d)
	if err != nil {
		p := fault.Problem{File: name, Message: err.Error()}
		var bad toml.ParseError
		if errors.As(err, &bad) {
			p.Line, p.Column, p.Field, p.Message = int64(bad.Position.Line), bad.Position.Col, bad.LastKey, bad.Message
			if p.Message == "" {
				p.Message = bad.Error()
			}
		}
		return nil, fault.Problems{p}
	}
	c := checker{file: name, text: string(text), fields: idf.Fields()}
	for _, key := range meta.Undecoded() {
		table, last := "", key[len(key)-1]
		if len(key) > 1 {
			table = key[0]
		}
		c.wrong(table, last, "unknown key; the keys are described in docs/feeds-generic.md")
	}
	m := c.mapping(&d)
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b fault.Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, c.problems
	}
	return m, nil
}

// checker gathers what is wrong in a document.
type checker struct {
	file, text string
	fields     map[string]idf.Field
	problems   fault.Problems
}

func (c *checker) wrong(table, key, format string, args ...any) {
	field := key
	if table != "" {
		field = table + "." + key
	}
	c.problems = append(c.problems, fault.Problem{File: c.file, Line: lineOf(c.text, table, key), Field: field, Message: fmt.Sprintf(format, args...)})
}

// lineOf is the line of a key in a table, 0 when it is not there.
func lineOf(text, table, key string) int64 {
	at, n := "", int64(0)
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && !strings.Contains(line, "=") {
			at = strings.Trim(line, "[] \t")
			continue
		}
		k, _, ok := strings.Cut(line, "=")
		if ok && at == table && strings.Trim(strings.TrimSpace(k), `"'`) == key {
			return n
		}
	}
	return 0
}

func (c *checker) mapping(d *document) *Mapping {
	m := &Mapping{encoding: cmp.Or(d.Format, "csv"), comma: ',', records: d.Records, targets: map[string][]target{}}
	if !slices.Contains([]string{"csv", "json-lines", "json"}, m.encoding) {
		c.wrong("", "format", "%q is no format; expected csv, json-lines or json", d.Format)
	}
	c.layout(m, d)
	c.reportType(m, d)
	c.filePattern(m, d)
	c.timeFormats(m, d)
	c.severities(m, d)
	c.targets(m, d)
	c.base(m, d)
	if _, mapped := c.column(m, idf.Kind); !mapped && d.Type == "" && d.Constants["classification.type"] == "" {
		c.wrong("", "type", "missing; expected an RSIT type such as spam, or a column mapped to classification.type")
	}
	return m
}

func (c *checker) layout(m *Mapping, d *document) {
	switch {
	case d.Delimiter == "":
	case d.Delimiter == `\t` || d.Delimiter == "tab":
		m.comma = '\t'
	case len(d.Delimiter) != 1 || d.Delimiter[0] >= 0x80 || strings.ContainsAny(d.Delimiter, "\"\r\n"):
		c.wrong("", "delimiter", "%q is no delimiter; expected one ASCII character other than a quote", d.Delimiter)
	default:
		m.comma = d.Delimiter[0]
	}
	header := d.Header == nil || *d.Header
	switch {
	case m.encoding != "csv" && (d.Header != nil || len(d.Columns) > 0 || d.Delimiter != ""):
		c.wrong("", "format", "header, columns and delimiter are for csv only")
	case m.encoding != "json" && d.Records != "":
		c.wrong("", "records", "is for format = \"json\" only")
	case header && len(d.Columns) > 0:
		c.wrong("", "columns", "the names are in the file's header; set header = false when it has none")
	case !header && len(d.Columns) == 0:
		c.wrong("", "columns", "missing; a file without a header needs the names of its columns, in their order")
	}
	for _, name := range d.Columns {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" || slices.Contains(m.columns, name) {
			c.wrong("", "columns", "the name %q is empty or there twice", name)
		}
		m.columns = append(m.columns, name)
	}
}

var subjects = []event.Subject{event.Address, event.Service, event.Name}
var closings = []event.Closing{event.Observation, event.Snapshot, event.Manual}

func (c *checker) reportType(m *Mapping, d *document) {
	m.kind = event.ReportType{Name: d.Name, Title: cmp.Or(d.Title, d.Name), Class: d.Class, Kind: d.Type, Identifier: d.Identifier,
		Subject: event.Subject(cmp.Or(d.Subject, string(event.Address))), Closing: event.Closing(cmp.Or(d.Closing, string(event.Observation))),
		Population: d.Population, Known: true}
	if !typeName.MatchString(d.Name) {
		c.wrong("", "name", "%q is no name of a report type; expected letters, digits, _ and ., such as spamtrap", d.Name)
	}
	if !slices.Contains(subjects, m.kind.Subject) {
		c.wrong("", "subject", "%q is no subject; expected address, service or name", d.Subject)
	}
	if !slices.Contains(closings, m.kind.Closing) {
		c.wrong("", "closing", "%q is no closing; expected observation, snapshot or manual", d.Closing)
	}
	if d.Severity != "" {
		s, ok := event.ParseSeverity(d.Severity)
		if !ok {
			c.wrong("", "severity", "%q is no severity; expected unrated, info, low, medium, high or critical", d.Severity)
		}
		m.kind.Severity = s
	}
	if d.Type == "" {
		m.kind.Class, m.kind.Kind = cmp.Or(d.Class, "other"), "undetermined"
		if d.Class != "" && d.Class != "other" {
			c.wrong("", "class", "a class needs a type of its own; expected type = …")
		}
		return
	}
	class, kind, known := rsit.Classify(d.Class, d.Type)
	switch {
	case !known:
		c.wrong("", "type", "%q is no RSIT type", d.Type)
	case d.Class != "" && d.Class != class:
		c.wrong("", "class", "%s is a type of class %s, not of %q", kind, class, d.Class)
	}
	m.kind.Class, m.kind.Kind = class, kind
}

var typeName = regexp.MustCompile(`^[A-Za-z0-9_.]+$`)

func (c *checker) filePattern(m *Mapping, d *document) {
	pattern := d.File
	if pattern == "" {
		pattern = `^(?P<day>\d{4}-\d{2}-\d{2})-` + regexp.QuoteMeta(d.Name) + `(-(?P<subscription>.+))?\.(csv|tsv|txt|json|jsonl|ndjson)$`
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		c.wrong("", "file", "%v", err)
		return
	}
	if re.SubexpIndex("day") < 0 {
		c.wrong("", "file", "the pattern has no group (?P<day>…) for the report's date, YYYY-MM-DD or YYYYMMDD")
	}
	m.file = re
}

func (c *checker) severities(m *Mapping, d *document) {
	m.severity = map[string]event.Severity{}
	for text, name := range d.Severities {
		s, ok := event.ParseSeverity(name)
		if !ok {
			c.wrong("severities", text, "%q is no severity; expected unrated, info, low, medium, high or critical", name)
		}
		m.severity[strings.ToLower(text)] = s
	}
}

// target is the place that an IDF field name stands for.
func (c *checker) target(table, key, field string) (target, bool) {
	if name, ok := strings.CutPrefix(field, "extra."); ok && name != "" {
		return target{extra: name}, true
	}
	if f, ok := c.fields[field]; ok {
		return target{field: f}, true
	}
	if wire.Known(field) {
		return target{extra: field}, true
	}
	c.wrong(table, key, "%q is no IDF field; expected one such as source.ip, or extra.<name>", field)
	return target{}, false
}

func (c *checker) targets(m *Mapping, d *document) {
	if len(d.Map) == 0 {
		c.wrong("", "map", "missing; expected a table of columns and their IDF fields, such as ip = \"source.ip\"")
	}
	for _, column := range slices.Sorted(maps.Keys(d.Map)) {
		var fields []string
		switch v := d.Map[column].(type) {
		case string:
			fields = []string{v}
		case []any:
			for _, x := range v {
				s, _ := x.(string)
				fields = append(fields, s)
			}
		default:
			c.wrong("map", column, "expected the name of an IDF field or a list of them; put a column name with dots in quotes")
			continue
		}
		name := column
		if m.encoding == "csv" {
			name = strings.ToLower(column)
			if m.columns != nil && !slices.Contains(m.columns, name) {
				c.wrong("map", column, "there is no such name in columns")
			}
		}
		for _, field := range fields {
			t, ok := c.target("map", column, field)
			if !ok {
				continue
			}
			if other, taken := c.column(m, t.field); taken && t.field != idf.Other {
				c.wrong("map", column, "%s has a column already: %s", field, other)
			}
			m.targets[name] = append(m.targets[name], t)
		}
	}
}

// column is the column that a field is set from.
func (c *checker) column(m *Mapping, f idf.Field) (string, bool) {
	for name, targets := range m.targets {
		for _, t := range targets {
			if t.field == f && f != idf.Other {
				return name, true
			}
		}
	}
	return "", false
}

// base makes the event that every row begins with.
func (c *checker) base(m *Mapping, d *document) {
	m.base = event.Event{Port: -1, DestinationPort: -1, Class: m.kind.Class, Kind: m.kind.Kind, Identifier: m.kind.Identifier, Severity: m.kind.Severity}
	var b idf.Builder
	for _, key := range slices.Sorted(maps.Keys(d.Constants)) {
		t, ok := c.target("constants", key, key)
		switch v := d.Constants[key]; {
		case !ok || v == "":
		case t.field == idf.Other:
			m.baseExtra = append(m.baseExtra, constant{t, v})
		default:
			if reason := b.Set(&m.base, t.field, v); reason != "" {
				c.wrong("constants", key, "%s", reason)
			}
		}
	}
	if class, kind, known := rsit.Classify(m.base.Class, m.base.Kind); known {
		m.base.Class, m.base.Kind = class, kind
	} else if d.Constants["classification.type"] != "" {
		c.wrong("constants", "classification.type", "%q is no RSIT type", m.base.Kind)
	}
}

// timeFormat is one way to write a time.
type timeFormat struct {
	unit   int64 // microseconds of a number since 1970, 0 when it is written otherwise
	layout string
	zone   *time.Location // of times that do not tell theirs
}

func (c *checker) timeFormats(m *Mapping, d *document) {
	zone := time.UTC
	if d.Zone != "" {
		var err error
		if zone, err = time.LoadLocation(d.Zone); err != nil {
			c.wrong("", "time_zone", "%q is no time zone; expected a name such as Europe/Belgrade", d.Zone)
			zone = time.UTC
		}
	}
	if len(d.Times) == 0 {
		d.Times = []string{"iso"}
	}
	for _, t := range d.Times {
		switch t {
		case "unix":
			m.times = append(m.times, timeFormat{unit: 1_000_000})
		case "unix-millis":
			m.times = append(m.times, timeFormat{unit: 1000})
		case "unix-micros":
			m.times = append(m.times, timeFormat{unit: 1})
		case "iso":
			m.times = append(m.times, timeFormat{zone: zone})
		default:
			ref := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)
			if back, err := time.Parse(t, ref.Format(t)); err != nil || back.Year() != ref.Year() || back.YearDay() != ref.YearDay() {
				c.wrong("", "time_formats", "%q is no time format; expected iso, unix, unix-millis, unix-micros, or 2006-01-02 15:04:05 (the second of January 2006, 15:04:05) written your way", t)
			}
			m.times = append(m.times, timeFormat{layout: t, zone: zone})
		}
	}
}
