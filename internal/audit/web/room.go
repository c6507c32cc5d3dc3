// Package web is the room of the audit log: a search in what was done, one entry with the proof that the log has it, the
// signed checkpoints, and exports.
package web

import (
	"embed"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "audit.read"
	write act.Permission = "audit.write"
)

type room struct{ log *audit.Log }

// Room returns the room.
func Room(l *audit.Log) web.Room {
	r := &room{l}
	return web.Room{Name: "audit", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/audit", Key: "nav.audit", Group: "administration", Order: 90, Shortcut: "l", Permission: read}},
		Routes: []web.Route{
			web.Page("GET /audit", read, "audit.html", r.list),
			web.Download("GET /audit/export", read, r.export),
			web.Page("GET /audit/{id}", read, "audit-entry.html", r.entry),
			web.Page("GET /audit/checkpoints", read, "audit-checkpoints.html", r.checkpoints),
			web.Action("POST /audit/checkpoints", write, "", r.sign),
			web.Download("GET /audit/checkpoints/{size}", read, r.checkpoint),
		}}
}
