// Package web is the room of the gate: the ledger of what left, the overrides with their approvals and reviews, and the
// circles.
package web

import (
	"embed"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read     act.Permission = "disclosure.read"
	write    act.Permission = "disclosure.write"
	override act.Permission = "disclosure.override"
)

type room struct{ gate *disclosure.Gate }

// Room returns the room.
func Room(g *disclosure.Gate) web.Room {
	r := &room{g}
	return web.Room{Name: "disclosure", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/disclosure", Key: "nav.disclosure", Group: "administration", Order: 80, Shortcut: "d", Permission: read}},
		Routes: []web.Route{
			web.Page("GET /disclosure", read, "ledger.html", r.ledger),
			web.Page("GET /disclosure/ledger/{id}", read, "entry.html", r.entry),
			web.Download("GET /disclosure/export/{format}", read, r.export),
			web.Page("GET /disclosure/overrides", read, "overrides.html", r.overrides),
			web.Page("GET /disclosure/overrides/new", override, "override-new.html", r.blank),
			web.Action("POST /disclosure/overrides/new", override, "GET /disclosure/overrides/new", r.request),
			web.Page("GET /disclosure/overrides/{id}", read, "override.html", r.override),
			web.Action("POST /disclosure/overrides/{id}/approve", override, "", r.approve),
			web.Action("POST /disclosure/overrides/{id}/refuse", override, "GET /disclosure/overrides/{id}", r.refuse),
			web.Action("POST /disclosure/overrides/{id}/review", override, "GET /disclosure/overrides/{id}", r.review),
			web.Page("GET /disclosure/circles", read, "circles.html", r.circles),
			web.Action("POST /disclosure/circles", write, "GET /disclosure/circles", r.saveCircle),
			web.Page("GET /disclosure/circles/{name}", read, "circle.html", r.circle),
			web.Action("POST /disclosure/circles/{name}", write, "GET /disclosure/circles/{name}", r.rename),
			web.Action("POST /disclosure/circles/{name}/join", write, "GET /disclosure/circles/{name}", r.join),
			web.Action("POST /disclosure/circles/{name}/leave", write, "", r.leave),
		}}
}

type none struct{}

// Numbered is the path of something with a number.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

// channels are the exits as a choice.
func channels(v web.Visitor, any bool) []web.Option {
	var os []web.Option
	if any {
		os = append(os, web.Option{Label: v.T("any")})
	}
	for _, c := range disclosure.Channels() {
		os = append(os, web.Option{Value: string(c), Label: v.T("channel." + string(c))})
	}
	return os
}

// cursor is where a list goes on, as the pager has it.
func cursor(next int64) string {
	if next == 0 {
		return ""
	}
	return strconv.FormatInt(next, 10)
}
