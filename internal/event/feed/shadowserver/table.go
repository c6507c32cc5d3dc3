package shadowserver

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/event"
)

// The table is lines of tab-separated fields. The first field is the kind of line:
//
//	d  the date of the schema
//	c  a column, and what becomes of it in the types that do not say otherwise: field:conversion, comma separated
//	t  a type: name, title, class, type, identifier, severity, subject, closing, flags, transport, application, columns
//	   (space separated, or =<name of an earlier type with the same columns>), and what becomes of single columns
//	   when it is not what their c line says: column=field:conversion,…;…
//
// The field + is extra.<column>, flag p is population, - alone is nothing. A column without a c line is +:optional.
const tableHead = "# Shadowserver's report types as Tocsin knows them. Written by the derive command, not by hand; the format\n" +
	"# is described in table.go, the judgements (severity, subject, closing) in rule.go.\n"

// commonRule is the rule of a column without a c line.
const commonRule = "+:" + string(Optional)

// WriteTable writes the schema in the compact form that is embedded. Equal schemas give equal bytes.
func (s *Schema) WriteTable(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(tableHead)
	fmt.Fprintf(b, "d\t%s\n", s.date)
	rules := s.commonRules()
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if rules[name] != commonRule {
			fmt.Fprintf(b, "c\t%s\t%s\n", name, rules[name])
		}
	}
	lists := map[string]string{}
	for i := range s.types {
		t := &s.types[i]
		columns := strings.Join(t.Columns, " ")
		if first, ok := lists[columns]; ok {
			columns = "=" + first
		} else {
			lists[columns] = t.Name
		}
		flags := "-"
		if t.Population {
			flags = "p"
		}
		fmt.Fprintln(b, strings.Join([]string{"t", t.Name, t.Title, t.Class, t.Kind, dash(t.Identifier), t.Severity.String(),
			string(t.Subject), string(t.Closing), flags, dash(t.Transport), dash(t.Application), columns,
			dash(exceptions(t, rules))}, "\t"))
	}
	return b.Flush()
}

// commonRules is for each column the rule that most types give it, the smaller text at a tie.
func (s *Schema) commonRules() map[string]string {
	counts := map[string]map[string]int{}
	for i := range s.types {
		for name, rule := range rulesOf(&s.types[i]) {
			if counts[name] == nil {
				counts[name] = map[string]int{}
			}
			counts[name][rule]++
		}
	}
	common := make(map[string]string, len(counts))
	for name, rules := range counts {
		keys := slices.Sorted(maps.Keys(rules))
		common[name] = slices.MinFunc(keys, func(a, b string) int { return cmp.Compare(rules[b], rules[a]) })
	}
	return common
}

// rulesOf writes the type's mapping as rules, "-" for a column that goes nowhere.
func rulesOf(t *Type) map[string]string {
	rules := make(map[string]string, len(t.Columns))
	for _, c := range t.Map {
		field := c.Field
		if field == "extra."+c.Name {
			field = "+"
		}
		rule := field + ":" + string(c.Convert)
		if had := rules[c.Name]; had != "" {
			rule = had + "," + rule
		}
		rules[c.Name] = rule
	}
	for _, name := range t.Columns {
		if rules[name] == "" {
			rules[name] = "-"
		}
	}
	return rules
}

func exceptions(t *Type, common map[string]string) string {
	var list []string
	rules := rulesOf(t)
	for _, name := range t.Columns {
		if rules[name] != common[name] {
			list = append(list, name+"="+rules[name])
		}
	}
	return strings.Join(list, ";")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func undash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// parseRule appends what becomes of a column.
func parseRule(m []Column, name, rule string) ([]Column, error) {
	if rule == "-" {
		return m, nil
	}
	for part := range strings.SplitSeq(rule, ",") {
		field, convert, ok := strings.Cut(part, ":")
		if !ok || field == "" || convert == "" {
			return nil, fmt.Errorf("column %s: rule %q, want field:conversion", name, part)
		}
		if field == "+" {
			field = "extra." + name
		}
		m = append(m, Column{Name: name, Field: field, Convert: Convert(convert)})
	}
	return m, nil
}

// parseTable reads what WriteTable wrote.
func parseTable(table string) (*Schema, error) {
	var date string
	var types []Type
	common := map[string]string{}
	columns := map[string][]string{}
	n := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(table, "\n"), "\n") {
		n++
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		switch {
		case f[0] == "d" && len(f) == 2:
			date = f[1]
		case f[0] == "c" && len(f) == 3:
			common[f[1]] = f[2]
		case f[0] == "t" && len(f) == 14:
			t, err := parseType(f, common, columns)
			if err != nil {
				return nil, fmt.Errorf("table of report types, line %d: %w", n, err)
			}
			types = append(types, t)
		default:
			return nil, fmt.Errorf("table of report types, line %d: %q with %d fields", n, f[0], len(f))
		}
	}
	return newSchema(date, types), nil
}

func parseType(f []string, common map[string]string, columns map[string][]string) (Type, error) {
	severity, ok := event.ParseSeverity(f[6])
	if !ok {
		return Type{}, fmt.Errorf("severity %q", f[6])
	}
	t := Type{
		ReportType: event.ReportType{Name: f[1], Title: f[2], Class: f[3], Kind: f[4], Identifier: undash(f[5]),
			Severity: severity, Subject: event.Subject(f[7]), Closing: event.Closing(f[8]), Population: f[9] == "p", Known: true},
		Transport: undash(f[10]), Application: undash(f[11]),
	}
	if first, same := strings.CutPrefix(f[12], "="); same {
		if t.Columns = columns[first]; t.Columns == nil {
			return Type{}, fmt.Errorf("columns of %q, which is not above", first)
		}
	} else {
		t.Columns = strings.Fields(f[12])
	}
	columns[t.Name] = t.Columns
	own := map[string]string{}
	if f[13] != "-" {
		for part := range strings.SplitSeq(f[13], ";") {
			name, rule, _ := strings.Cut(part, "=")
			own[name] = rule
		}
	}
	for _, name := range t.Columns {
		var err error
		if t.Map, err = parseRule(t.Map, name, cmp.Or(own[name], common[name], commonRule)); err != nil {
			return Type{}, err
		}
	}
	return t, nil
}
