package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
)

// onPage is how many rows a table's page shows; its files have all.
const onPage = 500

// cell is one value of a table: a text or a number, and what a page makes of it.
type cell struct {
	Value    any    // string, int64, []string; what the files have
	Href     string // a page links it
	Severity bool   // a page shows the severity of this number
	Day      bool
}

// Text is the value as a page shows it when nothing else is said.
func (c cell) Text() string {
	if l, ok := c.Value.([]string); ok {
		return strings.Join(l, ", ")
	}
	return fmt.Sprint(c.Value)
}

// Number tells whether the value is a number.
func (c cell) Number() bool {
	_, ok := c.Value.(int64)
	return ok
}

// MarshalJSON is the bare value; a day is written as one.
func (c cell) MarshalJSON() ([]byte, error) {
	if n, ok := c.Value.(int64); ok && c.Day {
		return json.Marshal(event.Day(n).String())
	}
	if n, ok := c.Value.(int64); ok && c.Severity {
		return json.Marshal(event.Severity(n).String())
	}
	return json.Marshal(c.Value)
}

func (c cell) csv() string {
	if n, ok := c.Value.(int64); ok && c.Day {
		return event.Day(n).String()
	} else if ok && c.Severity {
		return event.Severity(n).String()
	}
	if l, ok := c.Value.([]string); ok {
		return strings.Join(l, " ")
	}
	return fmt.Sprint(c.Value)
}

// table is a list of the picture. Columns are the names that files have; pages look their words up.
type table struct {
	Name    string
	Title   string
	Query   string
	Columns []string
	Rows    [][]cell
	Total   int
	Numbers []bool // which columns are numbers
}

// PageTitle is the table's title.
func (t *table) PageTitle() string { return t.Title }

type tableIn struct {
	Window window
	Table  string `path:"table" max:"40"`
	Sector string `query:"sector" max:"100"`
}

func (r *room) table(ctx context.Context, v web.Visitor, in tableIn) (*table, error) {
	p, err := r.picture(ctx, in)
	if err != nil {
		return nil, err
	}
	t := &table{Name: in.Table, Title: v.T("table." + in.Table), Query: query(v)}
	if in.Sector != "" {
		t.Title = v.T("table.of", t.Title, r.sectorName(v, p.Sector))
	}
	switch in.Table {
	case "days":
		dayTable(t, p)
	case "sectors":
		r.sectorTable(t, v, p)
	case "types":
		typeTable(t, p)
	case "constituents":
		r.ownerTable(t, v, p.Exposed)
	case "no-contact":
		r.ownerTable(t, v, p.NoContact)
	case "gaps":
		gapTable(t, p)
	default:
		return nil, fault.NotFoundf("there is no table %q: days, sectors, types, constituents, no-contact and gaps are", in.Table)
	}
	t.Total = len(t.Rows)
	t.Numbers = make([]bool, len(t.Columns))
	if t.Total > 0 {
		for i, c := range t.Rows[0] {
			t.Numbers[i] = c.Number() && !c.Day && !c.Severity
		}
	}
	return t, nil
}

// query is the page's own, with its question mark.
func query(v web.Visitor) string {
	if v.URL.RawQuery == "" {
		return ""
	}
	return "?" + v.URL.RawQuery
}

func (r *room) picture(ctx context.Context, in tableIn) (*situation.Picture, error) {
	if in.Sector == "" {
		return r.situation.Picture(ctx, in.Window.Days)
	}
	return r.situation.Sector(ctx, sectorOf(in.Sector), in.Window.Days)
}

// Savable says that the list can be saved.
func (*table) Savable() bool { return true }

func (r *room) page(ctx context.Context, v web.Visitor, in tableIn) (*table, error) {
	t, err := r.table(ctx, v, in)
	if err == nil {
		t.Rows = head(t.Rows, onPage)
	}
	return t, err
}

func text(s string) cell  { return cell{Value: s} }
func number(n int64) cell { return cell{Value: n} }

func severityCells(s situation.Severities) []cell {
	var cs []cell
	for i := len(s) - 1; i >= 0; i-- {
		cs = append(cs, number(s[i]))
	}
	return cs
}

var severityColumns = []string{"critical", "high", "medium", "low", "info", "unrated"}

func dayTable(t *table, p *situation.Picture) {
	t.Columns = []string{"day", "complete", "open", "new", "reopened", "no_longer_seen", "transferred", "handed_over", "ongoing", "events"}
	for i := len(p.Days) - 1; i >= 0; i-- {
		d := p.Days[i]
		complete := "yes"
		if d.Incomplete {
			complete = "no"
		}
		t.Rows = append(t.Rows, []cell{{Value: int64(d.Day), Day: true}, text(complete), number(d.Open), number(d.Fresh), number(d.Reopened),
			number(d.Gone), number(d.Transferred), number(d.HandedOver), number(d.Ongoing), number(d.Events)})
	}
}

func (r *room) sectorTable(t *table, v web.Visitor, p *situation.Picture) {
	t.Columns = append([]string{"sector", "name", "constituents", "open"}, append(severityColumns, "new", "no_longer_seen")...)
	for _, s := range p.Sectors {
		row := []cell{text(s.ID), {Value: r.sectorName(v, s.ID), Href: sectorHref(s.ID)}, number(int64(s.Constituents)), number(s.Open.Total())}
		t.Rows = append(t.Rows, append(append(row, severityCells(s.Open)...), number(s.Flow.Fresh+s.Flow.Reopened), number(s.Flow.Gone)))
	}
}

func typeTable(t *table, p *situation.Picture) {
	t.Columns = append([]string{"type", "title", "feed", "class", "kind", "severity", "open"}, append(severityColumns, "new", "no_longer_seen")...)
	for _, y := range p.Types {
		row := []cell{{Value: y.Name, Href: typeHref(y)}, text(y.Title), text(y.Feed), text(y.Class), text(y.Kind),
			{Value: int64(y.Severity), Severity: true}, number(y.Open.Total())}
		t.Rows = append(t.Rows, append(append(row, severityCells(y.Open)...), number(y.Flow.Fresh+y.Flow.Reopened), number(y.Flow.Gone)))
	}
}

func (r *room) ownerTable(t *table, v web.Visitor, list []situation.Standing) {
	t.Columns = append([]string{"ref", "name", "sector", "designation", "contact", "exposure", "open"}, severityColumns...)
	for _, s := range list {
		contact := "yes"
		if !s.Contact {
			contact = "no"
		}
		row := []cell{text(s.Ref), {Value: s.Name, Href: "/constituents/" + strconv.FormatInt(s.ID, 10)}, text(r.sectorName(v, s.Sector)),
			text(s.Designation), text(contact), number(s.Exposure), number(s.Open.Total())}
		t.Rows = append(t.Rows, append(row, severityCells(s.Open)...))
	}
}

func gapTable(t *table, p *situation.Picture) {
	t.Columns = []string{"day", "feed", "came", "expected", "missing"}
	for _, g := range p.Gaps {
		t.Rows = append(t.Rows, []cell{{Value: int64(g.Day), Day: true}, text(g.Feed), number(int64(g.Types)), number(int64(g.Expected)),
			{Value: g.Missing}})
	}
}

func (r *room) csv(ctx context.Context, v web.Visitor, in tableIn) (web.File, error) {
	t, err := r.table(ctx, v, in)
	return web.File{Name: "situation-" + in.Table + ".csv", Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error {
		c := csv.NewWriter(w)
		c.Write(t.Columns)
		record := make([]string, len(t.Columns))
		for _, row := range t.Rows {
			for i := range row {
				record[i] = delimited.Inert(row[i].csv())
			}
			c.Write(record)
		}
		c.Flush()
		return c.Error()
	}}, err
}

func (r *room) json(ctx context.Context, v web.Visitor, in tableIn) (web.File, error) {
	t, err := r.table(ctx, v, in)
	return web.File{Name: "situation-" + in.Table + ".json", Type: "application/json", Write: func(w io.Writer) error {
		rows := make([]map[string]cell, len(t.Rows))
		for i, row := range t.Rows {
			rows[i] = make(map[string]cell, len(row))
			for k, c := range row {
				rows[i][t.Columns[k]] = c
			}
		}
		return json.NewEncoder(w).Encode(rows)
	}}, err
}
