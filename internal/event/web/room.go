// Package web is the room of findings: the list that filters and sorts by everything, one finding with its history, its
// events, its original row and why it belongs to its owner, and the search over all.
package web

import (
	"context"
	"embed"
	"io"

	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// The permissions of this room.
const (
	Read  act.Permission = "finding.read"
	Write act.Permission = "finding.write"
)

// Names tells what the nation calls a sector in a language.
type Names func(sector, language string) string

type room struct {
	list  *event.Lister
	in    *event.Intake
	names Names
	desk  *digest.Desk
}

// Room returns the room. The intake reads events and original rows; the desk, which may be nil, knows who was told.
func Room(l *event.Lister, in *event.Intake, sectorName Names, desk *digest.Desk) web.Room {
	r := &room{l, in, sectorName, desk}
	return web.Room{Name: "finding", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/findings", Key: "nav.findings", Group: "findings", Order: 20, Shortcut: "f", Permission: Read}},
		Routes: []web.Route{
			web.Page("GET /findings", Read, "findings.html", r.findings),
			web.Download("GET /findings/export/{format}", Read, r.export),
			web.Page("GET /findings/{id}", Read, "finding.html", r.finding),
			web.Action("POST /findings/{id}/rule", Write, "GET /findings/{id}", r.ruleOne),
			web.Page("GET /findings/rule", Write, "rule.html", r.form),
			web.Action("POST /findings/rule", Write, "GET /findings/rule", r.ruleMany),
			web.Page("GET /findings/bulk", Read, "deeds.html", r.deeds),
			web.Page("GET /findings/bulk/{id}", Read, "deed.html", r.deed),
			web.Action("POST /findings/bulk/{id}/undo", Write, "", r.undo),
			web.Action("POST /findings/notes/{id}/retract", Write, "", r.retract),
			web.Page("GET /search", Read, "search.html", r.search),
		}}
}

type exportIn struct {
	event.FilterText
	Sort   string `query:"sort"`
	Format string `path:"format" max:"10"`
}

func (r *room) export(ctx context.Context, v web.Visitor, in exportIn) (web.File, error) {
	f, err := in.Filter(v.Actor)
	if err != nil {
		return web.File{}, err
	}
	types := map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8", "idf": "application/x-ndjson"}
	return web.File{Name: "findings-" + event.DayOf(v.Now.UnixMicro()).String() + "." + in.Format, Type: types[in.Format],
		Write: func(w io.Writer) error { return r.list.Export(ctx, w, f, in.Format) }}, nil
}

// sector is what people call a sector.
func (r *room) sector(v web.Visitor, id string) string {
	if id == "" {
		return ""
	}
	if r.names != nil {
		if n := r.names(id, v.Lang()); n != "" {
			return n
		}
	}
	return id
}
