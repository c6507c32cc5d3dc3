// Package web is the room of statutory clocks: what is owed by when, for the staff and for those who owe it.
package web

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/incident/deadline"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read     act.Permission = "incident.read"
	write    act.Permission = "incident.write"
	rule     act.Permission = "incident.rule"
	portal   act.Permission = "portal.read"
	download act.Permission = "portal.download"
)

// Names tells what the nation calls a sector in a language.
type Names func(sector, language string) string

type room struct {
	desk *deadline.Desk
	name Names
}

// Room returns the room.
func Room(d *deadline.Desk, name Names) web.Room {
	r := &room{d, name}
	return web.Room{Name: "clock", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/clocks", Key: "nav.clocks", Group: "incidents", Order: 26, Shortcut: "t", Permission: read},
			{Path: "/portal/clocks", Key: "nav.clocks", Order: 61, Permission: portal},
		},
		Routes: []web.Route{
			web.Page("GET /clocks", read, "clocks.html", r.list),
			web.Fragment("GET /clocks/live", read, "clocks-live.html", r.live),
			web.Download("GET /clocks/export/{format}", read, r.export),
			web.Action("POST /clocks/seen", write, "", r.seen),
			web.Page("GET /clocks/{id}", read, "clock.html", r.one),
			web.Action("POST /clocks/{id}/submit", write, "GET /clocks/{id}", r.submit),
			web.Action("POST /clocks/{id}/waive", rule, "GET /clocks/{id}", r.waive),
			web.Action("POST /clocks/{id}/reopen", rule, "GET /clocks/{id}", r.reopen),
			web.Page("GET /cases/{id}/clocks", read, "case-clocks.html", r.ofCase),
			web.Action("POST /cases/{id}/clocks/significant", rule, "GET /cases/{id}/clocks", r.ruleCase),
			web.Action("POST /cases/{id}/clocks/begin", write, "GET /cases/{id}/clocks", r.begin),
			web.Page("GET /reports/{id}/clocks", read, "report-clocks.html", r.ofReport),
			web.Action("POST /reports/{id}/clocks/significant", rule, "GET /reports/{id}/clocks", r.ruleReport),
			web.ClearedPage("GET /portal/clocks", portal, "own-clocks.html", r.own),
			web.ClearedPage("GET /portal/reports/{id}/clocks", portal, "own-report-clocks.html", r.ownReport),
			web.ClearedDownload("GET /portal/clocks/export/{format}", download, r.ownExport),
		}}
}

// row is a clock as a list shows it.
type row struct {
	ID               int64
	Href             string
	Step, Law        string // as the nation calls them
	Entity           string
	Sector           string
	Owed             string
	About, AboutHref string
	Due              time.Time
	DueText          string
	State            deadline.State
	Left             string // the countdown
	Over             bool
	Soon             bool
	Submitted        time.Time
	InTime           bool
	Reason           string
	ReasonKey        string // of an ended clock
	To               string
	Elsewhere        bool
}

// left is how long there is until a time, or how long it has been over, to the minute, in two parts of which the second has two digits: the
// numbers of a column stand still below each other.
func left(v web.Visitor, due time.Time) string {
	d := due.Sub(v.Now)
	key := "left"
	if d < 0 {
		d, key = -d, "over"
	}
	minutes := int64(d / time.Minute)
	if days := minutes / (24 * 60); days > 1 {
		return v.T(key+".days", days, fmt.Sprintf("%02d", minutes/60%24))
	}
	return v.T(key+".hours", minutes/60, fmt.Sprintf("%02d", minutes%60))
}

// hurry is what is due within so long.
const hurry = 6 * time.Hour

func (r *room) row(v web.Visitor, l *deadline.Listed) row {
	x := line(v, l.Line())
	x.Href = fmt.Sprintf("/clocks/%d", l.ID)
	x.Sector = r.name(l.Sector, v.Lang())
	if l.Case != 0 {
		x.About, x.AboutHref = l.CaseNumber, fmt.Sprintf("/cases/%d/clocks", l.Case)
	} else if l.Report != 0 {
		x.About, x.AboutHref = l.ReportNumber, fmt.Sprintf("/reports/%d/clocks", l.Report)
	}
	return x
}

// line is a row of what an export and a page have in common.
func line(v web.Visitor, l deadline.Line) row {
	st, _ := l.Law.Step(l.Step)
	x := row{ID: l.ID, Step: l.Law.StepName(l.Step, v.Lang()), Law: l.Law.Name(v.Lang()), Entity: l.Entity, Owed: l.Owed, Due: time.UnixMicro(l.Due), State: l.State,
		Reason: l.Reason, To: st.To, Elsewhere: st.Elsewhere}
	x.DueText = v.Time(x.Due)
	if l.State.Live() {
		x.Left, x.Over = left(v, x.Due), !v.Now.Before(x.Due)
		x.Soon = !x.Over && x.Due.Sub(v.Now) < hurry
	}
	if l.Submitted != 0 {
		x.Submitted, x.InTime = time.UnixMicro(l.Submitted), l.Submitted <= l.Due
	}
	if l.State == deadline.Ended {
		x.ReasonKey, _, _ = strings.Cut(l.Reason, ":")
		x.Reason = ""
	}
	return x
}

func (r *room) rows(v web.Visitor, ls []deadline.Listed) (out []row) {
	for i := range ls {
		out = append(out, r.row(v, &ls[i]))
	}
	return out
}

// Numbered is the path of something with a number.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

const localForm = "2006-01-02T15:04"

// moment reads a time as a browser sends it, in the nation's zone.
func moment(v web.Visitor, field, s string) (int64, error) {
	t, err := time.ParseInLocation(localForm, s, v.Zone())
	if err != nil {
		return 0, fault.Problems{{Field: field, Message: v.T("wrong.time")}}
	}
	return t.UnixMicro(), nil
}

// local is a time as a browser's field has it.
func local(v web.Visitor, t time.Time) string { return t.In(v.Zone()).Format(localForm) }

func file(v web.Visitor, format string, lines []deadline.Line) (web.File, error) {
	for i, f := range deadline.Formats() {
		if f == format {
			return web.File{Name: "clocks." + f, Type: deadline.Types()[i], Write: writer(v, format, lines)}, nil
		}
	}
	return web.File{}, fault.NotFoundf("%q is no format of clocks: use csv or ics", format)
}

// cursor is where a list goes on.
func cursor(more bool, ls []deadline.Listed) string {
	if !more || len(ls) == 0 {
		return ""
	}
	last := ls[len(ls)-1]
	return cursorAt(last.Due, last.ID)
}

func cursorAt(due, id int64) string {
	return strconv.FormatInt(due, 10) + "." + strconv.FormatInt(id, 10)
}

// place reads a cursor; what is none begins the list again.
func place(s string) (due, id int64) {
	a, b, _ := strings.Cut(s, ".")
	due, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		return 0, 0
	}
	if id, err = strconv.ParseInt(b, 10, 64); err != nil {
		return 0, 0
	}
	return due, id
}
