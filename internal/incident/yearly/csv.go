package yearly

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// Columns are those of the file that returns leave as and come in. A return has a row for each class and severity with incidents, and
// one with neither for what is said of the whole year.
var columns = []string{"year", "constituent", "state", "class", "severity", "incidents", "downtime_minutes", "cost", "currency", "note"}

// maxFile and maxRows bound a file that comes in.
const (
	maxFile = 32 << 20
	maxRows = 500_000
)

// WriteCSV writes returns as a file that ReadCSV reads.
func WriteCSV(w io.Writer, rs []Return) error {
	c := csv.NewWriter(w)
	if err := c.Write(columns); err != nil {
		return err
	}
	for i := range rs {
		r := &rs[i]
		if r.State == None {
			continue
		}
		cost := ""
		if r.Cost != nil {
			cost = strconv.FormatInt(*r.Cost, 10)
		}
		head := []string{strconv.Itoa(r.Year), r.Ref, string(r.State)}
		if err := c.Write(delimited.InertRow(append(slices.Clone(head), "", "", strconv.FormatInt(r.Incidents(), 10), strconv.FormatInt(r.Downtime, 10), cost,
			r.Currency, r.Note))); err != nil {
			return err
		}
		for _, n := range r.Counts {
			if err := c.Write(delimited.InertRow(append(slices.Clone(head), n.Class, strconv.Itoa(n.Severity), strconv.FormatInt(n.Incidents, 10), "", "", "", ""))); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// Filed is a return as a file has it.
type Filed struct {
	Line   int64
	Year   int
	Ref    string
	Submit bool
	Content
}

// ReadCSV reads returns. Columns may come in any order, those that are not needed may be left out; what is wrong comes back as
// fault.Problems with file, line and column name.
func ReadCSV(file string, r io.Reader) ([]Filed, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fault.Invalidf("%s is larger than %d bytes: send it in parts", file, maxFile)
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return nil, fault.Invalidf("%s is not text in UTF-8", file)
	}
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	f := filing{file: file, at: map[string]int{}, in: c}
	head, err := c.Read()
	if err != nil {
		return nil, f.syntax(err)
	}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, name) {
			f.bad(1, name, "unknown column; there are %s", strings.Join(columns, ", "))
		}
		f.at[name] = i
	}
	for _, need := range []string{"year", "constituent", "incidents"} {
		if _, ok := f.at[need]; !ok {
			f.bad(1, need, "this column is needed")
		}
	}
	for rows := 0; len(f.problems) == 0; rows++ {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, f.syntax(err)
		}
		if rows == maxRows {
			return nil, fault.Invalidf("%s has more than %d rows: send it in parts", file, maxRows)
		}
		f.row(row)
	}
	if len(f.problems) > 0 {
		return nil, f.problems
	}
	for i := range f.out { // whoever leaves the row of the whole year out and counts nothing says that there was nothing
		f.out[i].Nothing = f.out[i].Incidents() == 0
	}
	return f.out, nil
}

type filing struct {
	file     string
	in       *csv.Reader
	at       map[string]int
	out      []Filed
	known    map[string]int
	problems fault.Problems
}

func (f *filing) bad(line int64, field, format string, args ...any) {
	f.problems = append(f.problems, fault.Problem{File: f.file, Line: line, Field: field, Message: fmt.Sprintf(format, args...)})
}

func (f *filing) syntax(err error) error {
	var pe *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return fault.Problems{{File: f.file, Message: "the file is empty"}}
	case errors.As(err, &pe):
		return fault.Problems{{File: f.file, Line: int64(pe.Line), Column: pe.Column, Message: pe.Err.Error()}}
	}
	return err
}

func (f *filing) row(row []string) {
	l, _ := f.in.FieldPos(0)
	line := int64(l)
	cell := func(name string) string {
		if i, ok := f.at[name]; ok {
			s := strings.TrimSpace(row[i])
			if rest, ok := strings.CutPrefix(s, "'"); ok && delimited.Inert(rest) == s {
				return rest
			}
			return s
		}
		return ""
	}
	number := func(name string) int64 {
		s := cell(name)
		if s == "" {
			return 0
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			f.bad(line, name, "%q is no whole number", s)
		}
		return n
	}
	year, ref := number("year"), cell("constituent")
	if ref == "" || year < firstYear || year > 9999 {
		f.bad(line, "constituent", "a row needs a year and the reference of a constituent")
		return
	}
	key := fmt.Sprint(year, " ", ref)
	i, ok := f.known[key]
	if !ok {
		if f.known == nil {
			f.known = map[string]int{}
		}
		i = len(f.out)
		f.known[key] = i
		f.out = append(f.out, Filed{Line: line, Year: int(year), Ref: ref})
	}
	r := &f.out[i]
	switch s := State(cell("state")); s {
	case Submitted:
		r.Submit = true
	case Draft, "":
	default:
		f.bad(line, "state", "%q is no state; write %s or %s", s, Draft, Submitted)
	}
	if cell("class") != "" {
		r.Counts = append(r.Counts, Count{cell("class"), int(number("severity")), number("incidents")})
		return
	}
	r.Downtime = number("downtime_minutes")
	r.Currency, r.Note = cell("currency"), cell("note")
	if cell("cost") != "" {
		cost := number("cost")
		r.Cost = &cost
	}
}

// Imported is what came of a file.
type Imported struct {
	Returns   int `json:"returns"`
	Same      int `json:"same"` // said already what the file says
	Corrected int `json:"corrected"`
}

// Import hands in the returns of a file: drafts, those that are submitted, and corrections, which get the reason. Somebody from outside
// imports those of whom they act for. All of it is looked at before any is handed in; each is an act of its own, so that after a
// fault the same file goes on where it ended.
func (d *Desk) Import(ctx context.Context, by act.Actor, file string, r io.Reader, reason string) (out Imported, err error) {
	filed, err := ReadCSV(file, r)
	if err != nil {
		return out, err
	}
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return out, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return out, err
	}
	var ps fault.Problems
	var todo []Entry
	for _, x := range filed {
		bad := func(field, message string) {
			ps = append(ps, fault.Problem{File: file, Line: x.Line, Field: field, Message: message})
		}
		l, err := dir.ByRef(x.Ref)
		if err != nil || !may(by, l.ID) {
			bad("constituent", fmt.Sprintf("there is no constituent %q", x.Ref))
			continue
		}
		if err := counted(p, x.Year, d.Clock.Now()); err != nil {
			bad("year", err.Error())
			continue
		}
		now, err := d.One(ctx, by, x.Year, l.ID)
		if err != nil {
			return out, err
		}
		final := x.Submit || now.State == Submitted
		if !final && x.Incidents() == 0 {
			x.Nothing = now.Nothing // a draft need not say yet
		}
		var wrong fault.Problems
		if err := x.check(p, final); errors.As(err, &wrong) {
			for _, w := range wrong {
				bad(w.Field, w.Message)
			}
			continue
		}
		if now.Version > 0 && same(now.Content, x.Content) && (now.State == Submitted) == final {
			out.Same++
			continue
		}
		if now.State == Submitted {
			if strings.TrimSpace(reason) == "" {
				bad("reason", fmt.Sprintf("the return of %s for %d was submitted: say why it is corrected", x.Ref, x.Year))
			}
			out.Corrected++
		}
		todo = append(todo, Entry{Year: x.Year, Constituent: l.ID, Version: now.Version, Content: x.Content, Submit: x.Submit, Reason: reason})
	}
	if len(ps) > 0 {
		return Imported{}, ps
	}
	for _, e := range todo {
		if _, err := d.Hand(ctx, by, e); err != nil {
			return out, err
		}
		out.Returns++
	}
	return out, nil
}
