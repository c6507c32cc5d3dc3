// Package web is the room of the register of special CERTs: the public page, and the pages on which the staff keep it. It translates
// and decides nothing.
package web

import (
	"context"
	"embed"
	"fmt"
	"io"

	"tocsin/internal/constituency/special"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "constituency.read"
	write act.Permission = "constituency.write"
)

type room struct{ register *special.Register }

// Room returns the room.
func Room(r *special.Register) web.Room {
	o := &room{r}
	return web.Room{Name: "special", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/special-certs", Key: "nav.special", Group: "constituents", Order: 34, Permission: read},
			{Path: "/register/special-certs", Key: "nav.public", Order: 95, Permission: identity.Open, Unless: read},
		},
		Routes: []web.Route{
			web.Page("GET /register/special-certs", identity.Open, "register.html", o.public),
			web.Download("GET /register/special-certs.csv", identity.Open, o.file),
			web.Page("GET /special-certs", read, "special-certs.html", o.list),
			web.Page("GET /special-certs/new", write, "special-cert-new.html", o.blank),
			web.Action("POST /special-certs/new", write, "GET /special-certs/new", o.enter),
			web.Page("GET /special-certs/{id}", read, "special-cert.html", o.one),
			web.Action("POST /special-certs/{id}", write, "GET /special-certs/{id}", o.change),
		}}
}

type none struct{}

type publicOut struct{ All []special.Public }

func (o *room) public(ctx context.Context, _ web.Visitor, _ none) (*publicOut, error) {
	all, err := o.register.Published(ctx)
	return &publicOut{all}, err
}

func (o *room) file(ctx context.Context, _ web.Visitor, _ none) (web.File, error) {
	all, err := o.register.Published(ctx)
	return web.File{Name: "special-certs.csv", Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error { return special.WriteCSV(w, all) }}, err
}

type listOut struct {
	All []special.CERT
	May bool
}

func (o *room) list(ctx context.Context, v web.Visitor, _ none) (*listOut, error) {
	all, err := o.register.All(ctx)
	return &listOut{all, v.May(write)}, err
}

type formOut struct {
	special.CERT
	Action string
	May    bool
}

// PageTitle is its name.
func (f *formOut) PageTitle() string { return f.Name }

// blankOut is a form without a name of its own: the page's title stands in the catalogue.
type blankOut struct {
	special.CERT
	Action string
	May    bool
}

func (o *room) blank(context.Context, web.Visitor, none) (*blankOut, error) {
	return &blankOut{Action: "/special-certs/new", May: true}, nil
}

func (o *room) one(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id" min:"1"`
}) (*formOut, error) {
	c, err := o.register.ByID(ctx, in.ID)
	return &formOut{c, fmt.Sprintf("/special-certs/%d", in.ID), v.May(write)}, err
}

type entered struct {
	Version      int64  `form:"version" min:"0"`
	Name         string `form:"name"`
	Organisation string `form:"organisation"`
	Scope        string `form:"scope"`
	Mail         string `form:"mail"`
	Phone        string `form:"phone"`
	Website      string `form:"website"`
	RFC2350      string `form:"rfc2350"`
	Fingerprint  string `form:"fingerprint"`
	Key          string `form:"key" max:"100000"`
	Note         string `form:"note" max:"10000"`
	Approved     bool   `form:"approved"`
	Approval     string `form:"approval"`
	Since        string `form:"since" max:"10"`
	Until        string `form:"until" max:"10"`
}

func (in *entered) cert(id int64) (special.CERT, error) {
	since, until, err := special.Days(in.Since, in.Until)
	return special.CERT{ID: id, Version: in.Version, Name: in.Name, Organisation: in.Organisation, Scope: in.Scope, Mail: in.Mail, Phone: in.Phone, Website: in.Website,
		RFC2350: in.RFC2350, Fingerprint: in.Fingerprint, Key: in.Key, Note: in.Note, Approved: in.Approved, Approval: in.Approval, Since: since, Until: until}, err
}

func (o *room) save(ctx context.Context, v web.Visitor, id int64, in entered) (web.Done, error) {
	c, err := in.cert(id)
	if err != nil {
		return web.Done{}, err
	}
	saved, err := o.register.Save(ctx, v.Actor, c)
	flash := "saved"
	if in.Approved && !saved.Approved {
		flash = "saved.unapproved"
	}
	return web.Done{To: fmt.Sprintf("/special-certs/%d", saved.ID), Flash: flash}, err
}

func (o *room) enter(ctx context.Context, v web.Visitor, in entered) (web.Done, error) {
	return o.save(ctx, v, 0, in)
}

func (o *room) change(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id" min:"1"`
	entered
}) (web.Done, error) {
	return o.save(ctx, v, in.ID, in.entered)
}
