// Package web is the room of the team's own mail keys: what signs, until when, and the public halves to give away.
package web

import (
	"context"
	"embed"

	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "nation.read"
	write act.Permission = "nation.write"
)

type room struct{ keys *signing.Store }

// Room returns the room.
func Room(s *signing.Store) web.Room {
	r := &room{s}
	return web.Room{Name: "signing", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/mail-keys", Key: "nav.mail-keys", Group: "letters", Order: 88, Permission: read}},
		Routes: []web.Route{
			web.Page("GET /mail-keys", read, "mail-keys.html", r.list),
			web.Page("GET /mail-keys/{print}", read, "mail-key.html", r.one),
			web.Action("POST /mail-keys/{print}/retire", write, "GET /mail-keys/{print}", r.retire),
		}}
}

// shown is a key with its state now.
type shown struct {
	signing.Key
	State signing.State
}

type listOut struct {
	Items []shown
	Empty web.Empty
}

func (r *room) list(ctx context.Context, v web.Visitor, _ struct{}) (*listOut, error) {
	ks, err := r.keys.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &listOut{Empty: web.Empty{Title: v.T("mail-key.none"), Text: v.T("mail-key.none-text")}}
	for _, k := range ks {
		out.Items = append(out.Items, shown{k, k.State(v.Now)})
	}
	return out, nil
}

type oneIn struct {
	Print string `path:"print" max:"200"`
}

func (r *room) one(ctx context.Context, v web.Visitor, in oneIn) (*shown, error) {
	k, err := r.keys.One(ctx, in.Print)
	return &shown{k, k.State(v.Now)}, err
}

func (r *room) retire(ctx context.Context, v web.Visitor, in oneIn) (web.Done, error) {
	return web.Done{To: "/mail-keys", Flash: "mail-key.retired"}, r.keys.Retire(ctx, v.Actor, in.Print)
}
