// Package web is the room of leaked data: the form for everybody who asks whether they are affected, the lists that the staff loads for a
// case, and what owners of domains are told. It translates and decides nothing.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/leak"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	open  act.Permission = identity.Open
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	rule  act.Permission = "incident.rule"
	own   act.Permission = "portal.read"
	take  act.Permission = "portal.download"
)

type room struct{ desk *leak.Desk }

type none struct{}

const page = "GET /cases/{id}/leaks"

// Room returns the room.
func Room(d *leak.Desk) web.Room {
	r := &room{d}
	return web.Room{Name: "leak", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/portal/leaks", Key: "nav.leaks", Order: 62, Permission: own},
			{Path: "/affected", Key: "nav.ask", Order: 96, Permission: open, Unless: "incident.read"},
		},
		Routes: []web.Route{
			web.Page("GET /affected", open, "ask.html", r.blank),
			web.Action("POST /affected", open, "GET /affected", r.ask),
			web.Page(page, read, "leaks.html", r.list),
			web.Action("POST /cases/{id}/leaks", write, page, r.load),
			web.Action("POST /cases/{id}/leaks/{leak}/withdraw", write, page, r.withdraw),
			web.ClearedPage("GET /portal/leaks", own, "own-leaks.html", r.mine),
			web.ClearedDownload("GET /portal/leaks/{leak}/addresses", take, r.addresses),
		}}
}

// Numbered is the path of a case.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

func (n Numbered) path() string { return "/cases/" + strconv.FormatInt(n.ID, 10) + "/leaks" }

func (r *room) blank(context.Context, web.Visitor, none) (none, error) { return none{}, nil }

// ask answers every question alike: the answer goes to the address.
func (r *room) ask(ctx context.Context, v web.Visitor, in struct {
	Mail string `form:"mail" need:"true" max:"254"`
	Trap string `form:"website" max:"200"` // nobody sees it; programs fill it in
}) (web.Done, error) {
	if in.Trap != "" {
		return web.Done{}, fault.Invalidf("%s", v.T("ask.trap"))
	}
	return web.Done{Page: none{}, Template: "asked.html"}, r.desk.Ask(ctx, v.Client, in.Mail, v.Lang())
}

type listOut struct {
	Case   incident.Case
	Items  []leak.Leak
	Files  []web.Option // the evidence
	Strict bool         // the case is stricter than what those in a list are told
	Empty  web.Empty
}

// PageTitle is the case's number.
func (o *listOut) PageTitle() string { return o.Case.Number }

func (r *room) list(ctx context.Context, v web.Visitor, in Numbered) (*listOut, error) {
	c, err := r.desk.Case(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &listOut{Case: c, Strict: c.Marking().Effective() > tlp.Amber, Files: []web.Option{{Label: v.T("leak.upload")}}, Empty: web.Empty{Title: v.T("leak.none"), Text: v.T("leak.none-text")}}
	if out.Items, err = r.desk.Leaks(ctx, in.ID); err != nil {
		return nil, err
	}
	fs, err := r.desk.FilesOf(ctx, in.ID, 0)
	for _, f := range fs {
		out.Files = append(out.Files, web.Option{Value: strconv.FormatInt(f.ID, 10), Label: f.Name})
	}
	return out, err
}

func (r *room) load(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Title    string      `form:"title" max:"200"`
	Told     string      `form:"told" max:"20000"`
	Permit   string      `form:"permit" max:"2000"`
	Lowered  string      `form:"lowered" max:"2000"`
	Evidence int64       `form:"evidence" min:"0"`
	Files    web.Uploads `form:"file"`
}) (web.Done, error) {
	l := leak.Leak{Case: in.ID, Title: in.Title, Told: in.Told, Permit: in.Permit, Lowered: in.Lowered}
	var err error
	if in.Evidence != 0 {
		l, err = r.desk.LoadEvidence(ctx, v.Actor, l, in.Evidence)
	} else {
		f, next := in.Files.Next()
		if errors.Is(next, io.EOF) {
			return web.Done{}, fault.Problems{{Field: "file", Message: v.T("leak.no-file")}}
		}
		if next != nil {
			return web.Done{}, next
		}
		l, err = r.desk.Load(ctx, v.Actor, l, f)
	}
	return web.Done{To: in.path(), Flash: "leak.loaded", Args: []any{l.Addresses, l.Skipped}}, err
}

func (r *room) withdraw(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Leak int64 `path:"leak" min:"1"`
}) (web.Done, error) {
	return web.Done{To: in.path(), Flash: "leak.withdrawn"}, r.desk.Withdraw(ctx, v.Actor, in.ID, in.Leak)
}

type mineOut struct {
	Items []leak.Own
	Take  bool
	Empty web.Empty
}

func (r *room) mine(ctx context.Context, v web.Visitor, _ none) (out egress.Cleared[*mineOut], err error) {
	c, err := r.desk.Mine(ctx, v.Actor, disclosure.Portal)
	if err != nil {
		return out, err
	}
	all, g, err := c.Open()
	if err != nil {
		return out, err
	}
	return disclosure.Whole(&mineOut{Items: all, Take: v.May(take), Empty: web.Empty{Title: v.T("own.none"), Text: v.T("own.none-text")}}, g)
}

func (r *room) addresses(ctx context.Context, v web.Visitor, in struct {
	Leak int64 `path:"leak" min:"1"`
}) (out egress.Cleared[web.File], err error) {
	c, err := r.desk.Addresses(ctx, v.Actor, in.Leak)
	if err != nil {
		return out, err
	}
	all, g, err := c.Open()
	if err != nil {
		return out, err
	}
	return disclosure.Whole(web.File{Name: fmt.Sprintf("leak-%d.csv", in.Leak), Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error { return all.WriteCSV(ctx, w) }}, g)
}
