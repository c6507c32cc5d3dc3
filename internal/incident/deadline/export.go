package deadline

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/fault"
)

// Line is a clock as an export has it.
type Line struct {
	ID                                          int64
	Entity, Sector, Regime, Edition, Step, Owed string
	Report, Case                                string // numbers
	Triggered, Due                              int64
	State                                       State
	Submitted                                   int64
	Reason                                      string
	Law                                         *Law
}

// Line is the clock in an export for the staff.
func (l *Listed) Line() Line {
	return Line{l.ID, l.Entity, l.Sector, l.Regime, l.Edition, l.Step, l.Owed, l.ReportNumber, l.CaseNumber, l.Triggered, l.Due, l.State, l.Submitted, l.Reason, l.Law}
}

// Line is the clock in an export for its constituent.
func (o *Own) Line() Line {
	return Line{o.ID, o.Entity, "", o.Regime, o.Edition, o.Step, o.Owed, o.ReportNumber, "", o.Triggered, o.Due, o.State, o.Submitted, o.Reason, o.Law}
}

// Formats are what clocks are exported as.
func Formats() []string { return []string{"csv", "ics"} }

// Types are the content types of the formats.
func Types() []string { return []string{"text/csv; charset=utf-8", "text/calendar; charset=utf-8"} }

const exportPages = 100

// All lists the clocks of a filter for an export, at most 100,000.
func (d *Desk) All(ctx context.Context, f Filter) (out []Line, err error) {
	f.Limit = 1000
	for range exportPages {
		ls, more, err := d.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for i := range ls {
			out = append(out, ls[i].Line())
		}
		if !more {
			break
		}
		f.AfterDue, f.AfterID = ls[len(ls)-1].Due, ls[len(ls)-1].ID
	}
	return out, nil
}

// Write writes an export in one of the formats.
func Write(w io.Writer, format, language string, now time.Time, lines []Line) error {
	switch format {
	case "csv":
		return writeCSV(w, lines)
	case "ics":
		return writeCalendar(w, language, now, lines)
	}
	return fault.NotFoundf("%q is no format of clocks: use csv or ics", format)
}

func writeCSV(w io.Writer, lines []Line) error {
	c := csv.NewWriter(w)
	c.Write([]string{"id", "entity", "sector", "regime", "edition", "step", "owed_by", "report", "case", "triggered", "due", "state", "submitted", "in_time", "reason"})
	for _, l := range lines {
		submitted, inTime := "", ""
		if l.Submitted != 0 {
			submitted, inTime = stamp(l.Submitted), strconv.FormatBool(l.Submitted <= l.Due)
		}
		c.Write(delimited.InertRow([]string{strconv.FormatInt(l.ID, 10), l.Entity, l.Sector, l.Regime, l.Edition, l.Step, l.Owed, l.Report, l.Case, stamp(l.Triggered),
			stamp(l.Due), string(l.State), submitted, inTime, l.Reason}))
	}
	c.Flush()
	return c.Error() // that of every line before, too
}

const calendarForm = "20060102T150405Z"

// writeCalendar writes iCalendar (RFC 5545): an event of no length at the end of each term that runs.
func writeCalendar(w io.Writer, language string, now time.Time, lines []Line) error {
	var b strings.Builder
	put := func(name, value string) { b.WriteString(folded(name + ":" + value)) }
	put("BEGIN", "VCALENDAR")
	put("VERSION", "2.0")
	put("PRODID", "-//Tocsin//Statutory clocks//EN")
	for _, l := range lines {
		if !l.State.Live() {
			continue
		}
		number := l.Case
		if number == "" {
			number = l.Report
		}
		due := time.UnixMicro(l.Due).UTC().Format(calendarForm)
		put("BEGIN", "VEVENT")
		put("UID", fmt.Sprintf("clock-%d-%d@tocsin", l.ID, l.Triggered))
		put("DTSTAMP", now.UTC().Format(calendarForm))
		put("DTSTART", due)
		put("SUMMARY", escaped(l.Law.StepName(l.Step, language)+": "+l.Entity+" "+number))
		put("DESCRIPTION", escaped(l.Law.Name(language)+", "+l.Law.Source))
		put("TRANSP", "TRANSPARENT")
		put("END", "VEVENT")
	}
	put("END", "VCALENDAR")
	_, err := io.WriteString(w, b.String())
	return err
}

// escaped is a text as RFC 5545, section 3.3.11, writes it.
func escaped(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
}

// folded is a content line in lines of at most 75 bytes, none of which breaks a character (section 3.1).
func folded(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		size := len(string(r))
		if n+size > 75 {
			b.WriteString("\r\n ")
			n = 1
		}
		b.WriteRune(r)
		n += size
	}
	return b.String() + "\r\n"
}
