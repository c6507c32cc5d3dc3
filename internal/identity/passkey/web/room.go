// Package web is the room of passkeys: a person's own, and signing in with one.
package web

import (
	"context"
	"embed"

	"tocsin/internal/identity"
	"tocsin/internal/identity/passkey"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// Config is what the room stands on.
type Config struct {
	Accounts *identity.Store
	Keys     *passkey.Keys
	Home     string // where a sign-in leads that came from nowhere; "" is "/"
}

type room struct{ Config }

// Room returns the room.
func Room(c Config) web.Room {
	if c.Home == "" {
		c.Home = "/"
	}
	r := &room{c}
	return web.Room{Name: "passkey", Templates: files, Locale: files,
		Routes: []web.Route{
			web.Page("GET /account/passkeys", identity.Own, "passkeys.html", r.list),
			web.Action("POST /account/passkeys", identity.Own, "GET /account/passkeys", r.add),
			web.Action("POST /account/passkeys/{id}/remove", identity.Own, "", r.remove),
			web.Page("GET /sign-in/passkey", identity.Open, "passkey-sign-in.html", r.ask),
			web.Action("POST /sign-in/passkey", identity.Open, "GET /sign-in/passkey", r.signIn),
		}}
}

type none struct{}

type listPage struct {
	Passkeys []identity.Passkey
	Offered  bool
	passkey.Ceremony
}

func (r *room) list(ctx context.Context, v web.Visitor, _ none) (p listPage, err error) {
	if v.Actor.Rights != nil {
		if p.Passkeys, err = r.Accounts.Passkeys(ctx, v.Actor.Rights.Account); err != nil {
			return p, err
		}
	}
	if p.Offered = r.Keys.Offered(); p.Offered {
		p.Ceremony, err = r.Keys.Create(ctx, v.Actor)
	}
	return p, err
}

type answer struct {
	Name   string `form:"name" max:"100"`
	State  string `form:"state" max:"8192"`
	Answer string `form:"answer" max:"65536"`
}

func (r *room) add(ctx context.Context, v web.Visitor, in answer) (web.Done, error) {
	if err := r.Keys.Created(ctx, v.Actor, in.State, in.Answer, in.Name); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account/passkeys", Flash: "passkey.added", Args: []any{in.Name}}, nil
}

type one struct {
	ID int64 `path:"id"`
}

func (r *room) remove(ctx context.Context, v web.Visitor, in one) (web.Done, error) {
	if err := r.Accounts.RemovePasskey(ctx, v.Actor, in.ID); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account/passkeys", Flash: "passkey.removed"}, nil
}

type from struct {
	To string `query:"to" max:"2000"`
}

type askPage struct {
	Offered bool
	To      string
	passkey.Ceremony
}

func (r *room) ask(_ context.Context, _ web.Visitor, in from) (p askPage, err error) {
	p = askPage{Offered: r.Keys.Offered(), To: web.Inside(in.To, r.Home)}
	if p.Offered {
		p.Ceremony, err = r.Keys.Get()
	}
	return p, err
}

type given struct {
	To     string `form:"to" max:"2000"`
	State  string `form:"state" max:"8192"`
	Answer string `form:"answer" max:"65536"`
}

func (r *room) signIn(ctx context.Context, v web.Visitor, in given) (web.Done, error) {
	s, err := r.Keys.Got(ctx, in.State, in.Answer, identity.Device{Address: v.Client, Agent: v.Agent})
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: web.Inside(in.To, r.Home), Cookies: []web.Cookie{{Name: identity.SessionCookie, Value: s.Secret, Lax: true}}}, nil
}
