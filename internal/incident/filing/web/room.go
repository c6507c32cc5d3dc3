// Package web is the room of reporters: the form for everybody and the page behind its link, the reports of constituents, and what the
// staff writes down for a caller or advises a reporter. Every page works without JavaScript and on a phone.
package web

import (
	"embed"
	"strconv"

	"tocsin/internal/identity"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// The permissions.
const (
	open  act.Permission = identity.Open
	read  act.Permission = "portal.read"
	write act.Permission = "portal.write"
	take  act.Permission = "portal.download"
	enter act.Permission = "incident.write"
)

// Upload is how much a stranger may send at once.
const Upload = 100 << 20

type room struct{ counter *filing.Counter }

type none struct{}

// Room returns the room.
func Room(c *filing.Counter) web.Room {
	r := &room{c}
	return web.Room{Name: "filing", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/portal/reports", Key: "nav.reports", Order: 61, Permission: read},
			{Path: "/report", Key: "nav.report", Order: 95, Permission: open, Unless: "incident.read"},
		},
		Routes: []web.Route{
			web.Page("GET /report", open, "report.html", r.blank),
			web.Action("POST /report", open, "GET /report", r.begin),
			web.ClearedPage("GET /report/{secret}", open, "reported.html", r.page),
			web.Action("POST /report/{secret}", open, "GET /report/{secret}", r.save),
			web.Action("POST /report/{secret}/additions", open, "GET /report/{secret}", r.add),
			web.Action("POST /report/{secret}/files", open, "", r.attach).MaxBody(Upload),
			web.Page("GET /report/{secret}/confirm/{code}", open, "confirm.html", r.ask),
			web.Action("POST /report/{secret}/confirm/{code}", open, "", r.confirm),
			web.ClearedDownload("GET /report/{secret}/receipt", open, r.receipt),
			web.ClearedDownload("GET /report/{secret}/record", open, r.record),
			web.ClearedPage("GET /portal/reports", read, "mine.html", r.mine),
			web.ClearedPage("GET /portal/reports/new", write, "mine-new.html", r.mineNew),
			web.Action("POST /portal/reports", write, "GET /portal/reports/new", r.mineFile),
			web.ClearedPage("GET /portal/reports/{id}", read, "mine-one.html", r.mineOne),
			web.Action("POST /portal/reports/{id}", write, "GET /portal/reports/{id}", r.mineSave),
			web.Action("POST /portal/reports/{id}/additions", write, "GET /portal/reports/{id}", r.mineAdd),
			web.Action("POST /portal/reports/{id}/files", write, "", r.mineAttach),
			web.Action("POST /portal/reports/{id}/discard", write, "", r.mineDiscard),
			web.ClearedDownload("GET /portal/reports/{id}/files/{file}", take, r.mineTake),
			web.ClearedDownload("GET /portal/reports/{id}/receipt", take, r.mineReceipt),
			web.ClearedDownload("GET /portal/reports/{id}/record", take, r.mineRecord),
			web.Page("GET /reports/new", enter, "enter.html", r.call),
			web.Action("POST /reports/new", enter, "GET /reports/new", r.enter),
			web.Page("GET /reports/{id}/advice", enter, "advice.html", r.advice),
			web.Action("POST /reports/{id}/advice", enter, "GET /reports/{id}/advice", r.advise),
		}}
}

func number(id int64) string { return strconv.FormatInt(id, 10) }
