// Package web is the room of yearly statistics: who returned them, the national summary, and the form that operators fill in. It
// translates and decides nothing.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read   act.Permission = "incident.read"
	write  act.Permission = "incident.write"
	see    act.Permission = "portal.read"
	fill   act.Permission = "portal.write"
	takes  act.Permission = "portal.download"
	onForm                = "GET /yearly/returns/{year}/{constituent}"
)

type room struct{ desk *yearly.Desk }

// Room returns the room.
func Room(d *yearly.Desk) web.Room {
	r := &room{d}
	return web.Room{Name: "yearly", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/yearly", Key: "nav.yearly", Group: "incidents", Order: 48, Permission: read},
			{Path: "/portal/yearly", Key: "nav.own", Order: 64, Permission: see},
		},
		Routes: []web.Route{
			web.Page("GET /yearly", read, "yearly.html", r.stand),
			web.Page(onForm, read, "return.html", r.one),
			web.Action("POST /yearly/returns/{year}/{constituent}", write, onForm, r.hand),
			web.Action("POST /yearly/import", write, "GET /yearly", r.load),
			web.Download("GET /yearly/export/{year}", read, r.export),
			web.ClearedPage("GET /portal/yearly", see, "own.html", r.own),
			web.ClearedPage("GET /portal/yearly/summary/{year}", see, "summary.html", r.summary),
			web.ClearedPage("GET /portal/yearly/{year}/{constituent}", see, "own-return.html", r.form),
			web.Action("POST /portal/yearly/{year}/{constituent}", fill, "GET /portal/yearly/{year}/{constituent}", r.handOwn),
			web.ClearedDownload("GET /portal/yearly/{year}/{constituent}/file", takes, r.file),
			web.Action("POST /portal/yearly/import", fill, "GET /portal/yearly", r.loadOwn),
		}}
}

// Placed is the return of a constituent for a year.
type Placed struct {
	Year        int   `path:"year" min:"1"`
	Constituent int64 `path:"constituent" min:"1"`
}

// cell is one number of the form.
type cell struct {
	Name  string // of the input: count-spam-5
	Label string
	Value int64
}

type row struct {
	Label string
	Cells []cell
}

// form is what a return is drawn from, for staff and in the portal.
type form struct {
	yearly.Return
	Levels []string
	Rows   []row
	Action string
	May    bool
	Says   string // of the cost, as it was said
}

// Final tells whether it was submitted: what follows is a correction.
func (f *form) Final() bool { return f.State == yearly.Submitted }

func formOf(v web.Visitor, p *nation.Profile, r yearly.Return, action string, may bool) *form {
	f := &form{Return: r, Action: action, May: may}
	if r.Cost != nil {
		f.Says = strconv.FormatInt(*r.Cost, 10)
	}
	levels := yearly.Levels(p)
	for _, l := range levels {
		f.Levels = append(f.Levels, p.SeverityName(l, v.Lang()))
	}
	for _, class := range yearly.Classes() {
		line := row{Label: v.T("class." + class)}
		for i, l := range levels {
			line.Cells = append(line.Cells, cell{fmt.Sprintf("count-%s-%d", class, l), line.Label + ", " + f.Levels[i], r.Of(class, l)})
		}
		f.Rows = append(f.Rows, line)
	}
	return f
}

// handed is what the form sends.
type handed struct {
	Placed
	Version  int64             `form:"version" min:"0"`
	Counts   map[string]string `form:"count-*"`
	Nothing  bool              `form:"nothing"`
	Downtime int64             `form:"downtime" min:"0"`
	Cost     string            `form:"cost" max:"20"`
	Currency string            `form:"currency" max:"3"`
	Note     string            `form:"note" max:"10000"`
	Reason   string            `form:"reason" max:"1000"`
	Do       string            `form:"do" max:"10"`
}

func (in *handed) entry(v web.Visitor) (yearly.Entry, error) {
	e := yearly.Entry{Year: in.Year, Constituent: in.Constituent, Version: in.Version, Submit: in.Do == "submit", Reason: in.Reason,
		Content: yearly.Content{Nothing: in.Nothing, Downtime: in.Downtime, Currency: in.Currency, Note: in.Note}}
	var ps fault.Problems
	for _, class := range yearly.Classes() {
		for level := 5; level >= 0; level-- {
			text, ok := in.Counts[fmt.Sprintf("%s-%d", class, level)]
			if !ok {
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				ps = append(ps, fault.Problem{Field: fmt.Sprintf("count-%s-%d", class, level), Message: v.T("form.no-number", text)})
			}
			e.Counts = append(e.Counts, yearly.Count{Class: class, Severity: level, Incidents: n})
		}
	}
	if in.Cost != "" {
		n, err := strconv.ParseInt(in.Cost, 10, 64)
		if err != nil {
			ps = append(ps, fault.Problem{Field: "cost", Message: v.T("form.no-number", in.Cost)})
		}
		e.Cost = &n
	}
	if len(ps) > 0 {
		return e, ps
	}
	return e, nil
}

func (r *room) take(ctx context.Context, v web.Visitor, in handed, to string) (web.Done, error) {
	e, err := in.entry(v)
	if err != nil {
		return web.Done{}, err
	}
	before, err := r.desk.One(ctx, v.Actor, in.Year, in.Constituent)
	if err != nil {
		return web.Done{}, err
	}
	flash := "done.draft"
	switch {
	case before.State == yearly.Submitted:
		flash = "done.corrected"
	case e.Submit:
		flash = "done.submitted"
	}
	_, err = r.desk.Hand(ctx, v.Actor, e)
	return web.Done{To: fmt.Sprintf(to, in.Year, in.Constituent), Flash: flash}, err
}

const (
	staffForm  = "/yearly/returns/%d/%d"
	portalForm = "/portal/yearly/%d/%d"
)

func (r *room) hand(ctx context.Context, v web.Visitor, in handed) (web.Done, error) {
	return r.take(ctx, v, in, staffForm)
}

func (r *room) handOwn(ctx context.Context, v web.Visitor, in handed) (web.Done, error) {
	return r.take(ctx, v, in, portalForm)
}

type loadIn struct {
	Reason string      `form:"reason" max:"1000"`
	File   web.Uploads `form:"file"`
}

func (r *room) read(ctx context.Context, v web.Visitor, in loadIn, to string) (web.Done, error) {
	f, err := in.File.Next()
	if errors.Is(err, io.EOF) {
		return web.Done{}, fault.Problems{{Field: "file", Message: v.T("import.choose")}}
	}
	if err != nil {
		return web.Done{}, err
	}
	done, err := r.desk.Import(ctx, v.Actor, f.Name, f, in.Reason)
	return web.Done{To: to, Flash: "import.done", Args: []any{done.Returns, done.Same}}, err
}

func (r *room) load(ctx context.Context, v web.Visitor, in loadIn) (web.Done, error) {
	return r.read(ctx, v, in, "/yearly")
}

func (r *room) loadOwn(ctx context.Context, v web.Visitor, in loadIn) (web.Done, error) {
	return r.read(ctx, v, in, "/portal/yearly")
}

func csvFile(name string, rs []yearly.Return) web.File {
	return web.File{Name: name, Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error { return yearly.WriteCSV(w, rs) }}
}

// dress makes a page of what was cleared.
func dress[In, Out any](c egress.Cleared[In], err error, page func(In) Out) (none egress.Cleared[Out], _ error) {
	if err != nil {
		return none, err
	}
	in, g, err := c.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(page(in), g)
}
