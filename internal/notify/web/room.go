// Package web is the room of the outbox: what is sent and what became of it, the release queue, the switch, the health of contacts,
// and webhooks.
package web

import (
	"context"
	"embed"
	"strconv"

	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read    act.Permission = "notify.read"
	write   act.Permission = "notify.write"
	release act.Permission = "notify.release"
	stop    act.Permission = "notify.stop"
)

// Config is what the room stands on.
type Config struct {
	Outbox *notify.Outbox
	// Address is the mail address of an actor's own, for tests; a fault when there is none.
	Address func(ctx context.Context, a act.Actor) (string, error)
	// Constituent is what people call a constituent; Find is the number of the one with a reference.
	Constituent func(ctx context.Context, id int64) string
	Find        func(ctx context.Context, ref string) (int64, error)
}

type room struct{ Config }

// Room returns the room.
func Room(c Config) web.Room {
	r := &room{c}
	return web.Room{Name: "notify", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/outbox", Key: "nav.outbox", Group: "letters", Order: 60, Shortcut: "o", Permission: read}},
		Routes: []web.Route{
			web.Page("GET /outbox", read, "outbox.html", r.outbox),
			web.Action("POST /outbox/stop", stop, "GET /outbox", r.stop),
			web.Action("POST /outbox/start", release, "GET /outbox", r.start),
			web.Action("POST /outbox/test", write, "", r.test),
			web.Page("GET /outbox/release", read, "release.html", r.queue),
			web.Action("POST /outbox/release", release, "GET /outbox/release", r.decide),
			web.Action("POST /outbox/resend", write, "", r.resend),
			web.Page("GET /outbox/health", read, "health.html", r.health),
			web.Page("GET /outbox/letters/{id}", read, "letter.html", r.letter),
			web.Download("GET /outbox/letters/{id}/attachments/{n}", read, r.attachment),
			web.Action("POST /outbox/letters/{id}/cancel", write, "GET /outbox/letters/{id}", r.cancel),
			web.Action("POST /outbox/letters/{id}/test", write, "", r.testOf),
			web.Page("GET /outbox/webhooks", read, "webhooks.html", r.hooks),
			web.Page("GET /outbox/webhooks/new", write, "webhook-new.html", r.blank),
			web.Action("POST /outbox/webhooks/new", write, "GET /outbox/webhooks/new", r.addHook),
			web.Action("POST /outbox/webhooks/{id}/enable", write, "", r.enableHook),
			web.Action("POST /outbox/webhooks/{id}/test", write, "", r.testHook),
			web.Action("POST /outbox/webhooks/{id}/remove", write, "", r.removeHook),
		}}
}

// Frame tells every page of the staff whether anything is sent.
func Frame(o *notify.Outbox, allowed func(act.Actor, act.Permission) bool) func(context.Context, act.Actor) *web.Sending {
	return func(ctx context.Context, a act.Actor) *web.Sending {
		if !allowed(a, read) {
			return nil
		}
		s, err := o.Sending(ctx)
		if err != nil {
			return nil // the page itself meets the same trouble, and says so
		}
		return &web.Sending{On: s && !o.Sealed, Sealed: o.Sealed, Stop: allowed(a, stop)}
	}
}

type none struct{}

// Numbered is the path of something with a number.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

func one(id int64) string { return "/outbox/letters/" + strconv.FormatInt(id, 10) }

// cursor is where a list goes on, as the pager has it.
func cursor(next int64) string {
	if next == 0 {
		return ""
	}
	return strconv.FormatInt(next, 10)
}
