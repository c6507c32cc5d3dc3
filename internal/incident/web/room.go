// Package web is the staff's room of incidents: the board on which reports are decided about, the report as it was said, the list of
// cases and the case. It translates and decides nothing.
package web

import (
	"context"
	"embed"
	"encoding/json"
	"io"

	"tocsin/internal/constituency"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// The permissions of this room.
const (
	Read  act.Permission = "incident.read"
	Write act.Permission = "incident.write"
)

// Names tells what the nation calls a sector in a language.
type Names func(sector, language string) string

type room struct {
	desk   *incident.Desk
	sector Names
}

const (
	reportPage = "GET /reports/{id}"
	casePage   = "GET /cases/{id}"
	editPage   = "GET /cases/{id}/edit"

	indicatorPage = "GET /cases/{id}/indicators"
	relatedPage   = "GET /cases/{id}/related"
)

// Room returns the room.
func Room(d *incident.Desk, sector Names) web.Room {
	r := &room{d, sector}
	return web.Room{Name: "incident", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/reports", Key: "nav.reports", Group: "incidents", Order: 12, Shortcut: "r", Permission: Read},
			{Path: "/cases", Key: "nav.cases", Group: "incidents", Order: 14, Shortcut: "a", Permission: Read},
			{Path: "/shared/cases", Key: "nav.shared-cases", Order: 64, Permission: TakePart}},
		Routes: append([]web.Route{
			web.Page("GET /reports", Read, "reports.html", r.board),
			web.Page(reportPage, Read, "report.html", r.report),
			web.Download("GET /reports/{id}/receipt", Read, r.receipt),
			web.Download("GET /reports/{id}/record", Read, r.record),
			web.Action("POST /reports/{id}/decide", Write, reportPage, r.decide).Retry(),
			web.Action("POST /reports/{id}/untriage", Write, reportPage, r.untriage).Retry(),
			web.Action("POST /reports/{id}/split", Write, reportPage, r.split).Retry(),
			web.Page("GET /cases", Read, "cases.html", r.cases),
			web.Download("GET /cases/export/csv", Read, r.exportCases),
			web.Page("GET /cases/search", Read, "case-search.html", r.search),
			web.Page("GET /cases/new", Write, "case-new.html", r.blank),
			web.Action("POST /cases/new", Write, "GET /cases/new", r.open),
			web.Page(casePage, Read, "case.html", r.one),
			web.Page(editPage, Write, "case-edit.html", r.editing),
			web.Action("POST /cases/{id}/edit", Write, editPage, r.edit).Retry(),
			web.Action("POST /cases/{id}/move", Write, casePage, r.move).Retry(),
			web.Action("POST /cases/{id}/involve", Write, casePage, r.involve).Retry(),
			web.Action("POST /cases/{id}/dismiss", Write, casePage, r.dismiss).Retry(),
			web.Action("POST /cases/{id}/notes", Write, casePage, r.note).MaxBody(2 << 20),
			web.Action("POST /cases/{id}/files", Write, casePage, r.keep),
			web.Action("POST /cases/{id}/join", Write, casePage, r.join).Retry(),
			web.Download("GET /evidence/{file}", Read, r.take),
			web.Page("GET /cases/tasks", Read, "tasks.html", r.todo),
			web.Action("POST /cases/{id}/tasks", Write, casePage, r.addTask),
			web.Action("POST /cases/{id}/tasks/finish", Write, casePage, r.finishTask),
			web.Action("POST /cases/{id}/tasks/assign", Write, casePage, r.assignTask),
			web.Page(indicatorPage, Read, "case-indicators.html", r.indicators),
			web.Action("POST /cases/{id}/indicators", Write, indicatorPage, r.judge),
			web.Action("POST /cases/{id}/indicators/look", Write, indicatorPage, r.look),
			web.Download("GET /cases/{id}/indicators/{format}", Read, r.exportIndicators),
			web.Page(relatedPage, Read, "case-related.html", r.related),
			web.Action("POST /cases/{id}/links", Write, relatedPage, r.connect),
			web.Action("POST /cases/{id}/links/remove", Write, relatedPage, r.disconnect),
		}, r.participantRoutes()...)}
}

// people are the constituents by their number, for pages that name them.
func (r *room) people(ctx context.Context) (*constituency.Directory, error) {
	return r.desk.Constituency.Directory(ctx)
}

// sectorName is what people call a sector.
func (r *room) sectorName(v web.Visitor, id string) string {
	if r.sector != nil && id != "" {
		if n := r.sector(id, v.Lang()); n != "" {
			return n
		}
	}
	return id
}

// named is a constituent on a page.
type named struct {
	ID          int64
	Name        string
	Designation string
	Sector      string
}

func (r *room) named(v web.Visitor, dir *constituency.Directory, id int64) named {
	l, ok := dir.ByID(id)
	if !ok {
		return named{}
	}
	return named{l.ID, l.Name, string(l.Designation), r.sectorName(v, l.Sector)}
}

// jsonFile is a value as a file of JSON.
func jsonFile(name string, value any) web.File {
	return web.File{Name: name, Type: "application/json", Write: func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(value)
	}}
}
