// Package web is the room of the mailbox: what waits in the inbox, conversations with their letters and messages in order, and the
// answer to them. A message is shown as text only: nothing of its HTML reaches the browser, and nothing that it refers to is fetched.
package web

import (
	"embed"
	"fmt"
	"net/url"

	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "mailbox.read"
	write act.Permission = "mailbox.write"
)

type room struct{ box *mailbox.Box }

type none struct{}

// Numbered is the number of a message in a path.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

// Filed is a file of a message in a path.
type Filed struct {
	Numbered
	Number int `path:"number" min:"1" max:"10000"`
}

// Room returns the room.
func Room(b *mailbox.Box) web.Room {
	r := &room{b}
	return web.Room{Name: "mailbox", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/mailbox", Key: "nav.mailbox", Group: "letters", Order: 47, Shortcut: "b", Permission: read}},
		Routes: []web.Route{
			web.Page("GET /mailbox", read, "mailbox.html", r.list),
			web.Page("GET /mailbox/{id}", read, "mail.html", r.one),
			web.Download("GET /mailbox/{id}/original", read, r.original),
			web.Download("GET /mailbox/{id}/files/{number}", read, r.file),
			web.Page("GET /conversations/{ticket}", read, "conversation.html", r.conversation),
			web.Action("POST /mailbox/{id}/answer", write, "GET /mailbox/{id}", r.answer),
			web.Action("POST /mailbox/{id}/assign", write, "GET /mailbox/{id}", r.assign),
			web.Action("POST /mailbox/{id}/begin", write, "GET /mailbox/{id}", r.begin),
			web.Action("POST /mailbox/{id}/incident", write, "GET /mailbox/{id}", r.incident),
			web.Action("POST /mailbox/{id}/dismiss", write, "GET /mailbox/{id}", r.dismiss),
			web.Action("POST /mailbox/{id}/finish", write, "GET /mailbox/{id}", r.finish),
			web.Action("POST /mailbox/{id}/files/{number}/report", write, "", r.report),
		}}
}

func pathOf(id int64) string { return fmt.Sprintf("/mailbox/%d", id) }

func conversationPath(ticket string) string { return "/conversations/" + url.PathEscape(ticket) }
