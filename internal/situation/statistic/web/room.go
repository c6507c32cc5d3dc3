// Package web is the room of statistics: the trend of incidents, and the yearly report to be printed. It translates and decides nothing.
package web

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"strconv"
	"time"

	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
	"tocsin/internal/situation/statistic"
)

//go:embed *.html locale
var files embed.FS

const read act.Permission = "incident.read"

type room struct{ desk *statistic.Desk }

// Room returns the room.
func Room(d *statistic.Desk) web.Room {
	r := &room{d}
	return web.Room{Name: "statistic", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/statistics", Key: "nav.statistics", Group: "situation", Order: 11, Permission: read}},
		Routes: []web.Route{
			web.Page("GET /statistics", read, "statistics.html", r.trend),
			web.Page("GET /statistics/years/{year}", read, "statistics-year.html", r.year),
		}}
}

// label is what people call a class, a severity or a sector.
func label(v web.Visitor, p *nation.Profile, of, key string) string {
	switch {
	case of == statistic.Severity:
		n, _ := strconv.Atoi(key)
		return cmp.Or(p.SeverityName(n, v.Lang()), v.T("severity."+key))
	case key == "":
		return v.T("none." + of)
	case of == statistic.Sector:
		return p.SectorName(key, v.Lang())
	}
	return v.T("class." + key)
}

type row struct {
	Label string
	statistic.Line
	RunsR, RunsC int64 // of the period that is not over
}

type span struct {
	statistic.Span
	Label string
}

type trendOut struct {
	statistic.Trend
	Spans   []span
	Rows    []row
	Reports web.Bars
	Cases   web.Bars
	Tiles   []web.Tile
	Bys     []web.Option
	Ofs     []web.Option
	Periods int
	Year    int
}

// Savable says that the page can be saved.
func (*trendOut) Savable() bool { return true }

func (r *room) trend(ctx context.Context, v web.Visitor, in struct {
	By      string `query:"by" max:"10"`
	Of      string `query:"of" max:"10"`
	Periods int    `query:"periods" min:"1" max:"60" default:"12"`
}) (*trendOut, error) {
	t, err := r.desk.Trend(ctx, statistic.Ask{By: in.By, Of: in.Of, Periods: in.Periods})
	if err != nil {
		return nil, err
	}
	p, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	out := &trendOut{Trend: t, Periods: in.Periods, Year: v.Now.In(p.Location()).Year()}
	out.Bys = []web.Option{{Value: statistic.Week, Label: v.T("by.week")}, {Value: statistic.Month, Label: v.T("by.month")}}
	for _, of := range []string{statistic.Class, statistic.Severity, statistic.Sector} {
		out.Ofs = append(out.Ofs, web.Option{Value: of, Label: v.T("of." + of)})
	}
	for _, l := range t.Lines {
		last := len(t.Spans) - 1
		out.Rows = append(out.Rows, row{label(v, p, t.Of, l.Key), l, l.Reports[last], l.Cases[last]})
	}
	for i, s := range t.Spans {
		name := v.Day(dayIn(p.Location(), s.From))
		if s.Runs {
			name += " " + v.T("runs")
		}
		out.Spans = append(out.Spans, span{s, name})
		out.Reports = append(out.Reports, bar(name, t, out.Rows, func(l statistic.Line) int64 { return l.Reports[i] }, s.Reports))
		out.Cases = append(out.Cases, bar(name, t, out.Rows, func(l statistic.Line) int64 { return l.Cases[i] }, s.Cases))
	}
	out.Tiles = []web.Tile{tile(v, "tile.reports", t.Reports), tile(v, "tile.cases", t.Cases)}
	return out, nil
}

// dayIn is the day of the calendar somewhere, in days since 1970-01-01.
func dayIn(l *time.Location, t time.Time) int64 {
	y, m, d := t.In(l).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86_400
}

func tile(v web.Visitor, key string, c situation.Compared) web.Tile {
	return web.Tile{Label: v.T(key), Value: v.Number(c.Now), Note: v.T("tile.before", v.Number(c.Before))}
}

// bar is a period; by severity it is of its parts, else of one.
func bar(name string, t statistic.Trend, rows []row, of func(statistic.Line) int64, all int64) web.Bar {
	b := web.Bar{Label: name}
	if t.Of != statistic.Severity {
		b.Parts = []web.Part{{Name: name, Class: "severity-2", Value: all}}
		return b
	}
	for _, r := range rows {
		b.Parts = append(b.Parts, web.Part{Name: r.Label, Class: "severity-" + r.Key, Value: of(r.Line)})
	}
	return b
}

type sum struct {
	Label string
	Cells []string
	Sum   string
}

type clockRow struct {
	statistic.ClockRow
	Law, Name string
}

type yearOut struct {
	statistic.Year
	Team      string
	Nation    string
	Levels    []string // of the own cases
	Own       []sum
	Fields    web.Bars
	Deadlines []clockRow
	Returned  *yearly.Summary // nil: nothing is returned of this year yet
	Scale     []string        // of what was returned
	Counts    []sum
	Sectors   []sum
	Bars      web.Bars
	Years     []web.Option
}

// PageTitle is the report's.
func (o *yearOut) PageTitle() string { return fmt.Sprintf("%s %d", o.Nation, o.Year.Year) }

func (r *room) year(ctx context.Context, v web.Visitor, in struct {
	Year int `path:"year" min:"1"`
}) (*yearOut, error) {
	y, err := r.desk.Year(ctx, in.Year)
	if err != nil {
		return nil, err
	}
	p, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	out := &yearOut{Year: y, Team: p.Team.Name, Nation: p.Name}
	for i := range 10 {
		n := strconv.Itoa(v.Now.In(p.Location()).Year() - i)
		out.Years = append(out.Years, web.Option{Value: "/statistics/years/" + n, Label: n})
	}
	out.own(v, p)
	stand, err := r.desk.Yearly.Stand(ctx, in.Year)
	if fault.KindOf(err) == fault.NotFound { // the year is not over
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.returned(v, p, &stand.Summary)
	return out, nil
}

func (o *yearOut) own(v web.Visitor, p *nation.Profile) {
	levels := []int{5, 4, 3, 2, 1, 0}
	last := sum{Label: v.T("sum"), Sum: v.Number(o.Cases)}
	var columns [6]int64
	for _, l := range levels {
		o.Levels = append(o.Levels, label(v, p, statistic.Severity, strconv.Itoa(l)))
	}
	for _, c := range o.Classes {
		s := sum{Label: label(v, p, statistic.Class, c.Class), Sum: v.Number(c.Counts.Total())}
		for _, l := range levels {
			s.Cells = append(s.Cells, v.Number(c.Counts[l]))
			columns[l] += c.Counts[l]
		}
		o.Own = append(o.Own, s)
	}
	for _, l := range levels {
		last.Cells = append(last.Cells, v.Number(columns[l]))
	}
	o.Own = append(o.Own, last)
	for _, c := range o.Year.Sectors {
		name := label(v, p, statistic.Sector, c.Key)
		o.Fields = append(o.Fields, web.Bar{Label: name, Parts: []web.Part{{Name: name, Class: "severity-2", Value: c.Cases}}})
	}
	for _, c := range o.Clocks {
		row := clockRow{ClockRow: c, Law: c.Regime, Name: c.Step}
		for _, g := range p.Regimes {
			if g.ID != c.Regime {
				continue
			}
			row.Law = g.Names.In(v.Lang(), p.Languages...)
			for _, s := range g.Steps {
				if s.ID == c.Step {
					row.Name = s.Names.In(v.Lang(), p.Languages...)
				}
			}
		}
		o.Deadlines = append(o.Deadlines, row)
	}
}

func number(v web.Visitor, n *int64) string {
	if n == nil {
		return "–"
	}
	return v.Number(*n)
}

func (o *yearOut) returned(v web.Visitor, p *nation.Profile, s *yearly.Summary) {
	o.Returned = s
	last := sum{Label: v.T("sum"), Sum: number(v, s.Incidents)}
	for _, l := range s.Levels {
		o.Scale = append(o.Scale, p.SeverityName(l.Severity, v.Lang()))
		last.Cells = append(last.Cells, number(v, l.Incidents))
	}
	for _, c := range s.Classes {
		x := sum{Label: label(v, p, statistic.Class, c.Class), Sum: number(v, c.Incidents)}
		for _, n := range c.Counts {
			x.Cells = append(x.Cells, number(v, n))
		}
		o.Counts = append(o.Counts, x)
		if c.Incidents != nil && *c.Incidents > 0 {
			o.Bars = append(o.Bars, web.Bar{Label: x.Label, Parts: []web.Part{{Name: x.Label, Class: "severity-2", Value: *c.Incidents}}})
		}
	}
	o.Counts = append(o.Counts, last)
	for _, x := range s.Sectors {
		o.Sectors = append(o.Sectors, sum{label(v, p, statistic.Sector, x.Sector), []string{v.Number(x.Asked), v.Number(x.Returned)}, number(v, x.Incidents)})
	}
}
