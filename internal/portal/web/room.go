// Package web is the room of the portal: what constituents see of themselves, and what they ask to have changed. Everything it
// shows has been through the gate.
package web

import (
	"context"
	"embed"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
	"tocsin/internal/portal"
)

//go:embed *.html locale
var files embed.FS

// The permissions.
const (
	read     act.Permission = "portal.read"
	write    act.Permission = "portal.write"
	download act.Permission = "portal.download"
	manage   act.Permission = "portal.manage"
)

// Names tells what the nation calls a sector in a language.
type Names func(sector, language string) string

type room struct {
	portal *portal.Portal
	names  Names
}

// Room returns the room.
func Room(p *portal.Portal, sectorName Names) web.Room {
	r := &room{p, sectorName}
	return web.Room{Name: "portal", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/portal", Key: "nav.start", Order: 60, Permission: read},
			{Path: "/portal/findings", Key: "nav.findings", Order: 61, Permission: read},
			{Path: "/portal/notifications", Key: "nav.notifications", Order: 61, Permission: read},
			{Path: "/portal/registry", Key: "nav.registry", Order: 62, Permission: read},
			{Path: "/portal/requests", Key: "nav.requests", Order: 63, Permission: read},
		},
		Routes: []web.Route{
			web.ClearedPage("GET /portal", read, "start.html", r.start),
			web.ClearedPage("GET /portal/findings", read, "findings.html", r.findings),
			web.ClearedPage("GET /portal/findings/{id}", read, "finding.html", r.finding),
			web.ClearedDownload("GET /portal/findings/export/{format}", download, r.export),
			web.ClearedPage("GET /portal/notifications", read, "notifications.html", r.notifications),
			web.ClearedPage("GET /portal/notifications/{id}", read, "notification.html", r.notification),
			web.Action("POST /portal/notifications/{id}", write, "GET /portal/notifications/{id}", r.reply),
			web.ClearedPage("GET /portal/telling", read, "telling.html", r.telling),
			web.Action("POST /portal/telling", manage, "GET /portal/telling", r.tell),
			web.Action("POST /portal/webhooks", manage, "GET /portal/telling", r.addHook),
			web.Action("POST /portal/webhooks/{id}/enable", manage, "", r.enableHook),
			web.Action("POST /portal/webhooks/{id}/test", manage, "", r.testHook),
			web.Action("POST /portal/webhooks/{id}/remove", manage, "", r.removeHook),
			web.ClearedPage("GET /portal/registry", read, "registry.html", r.registry),
			web.ClearedDownload("GET /portal/registry.csv", download, r.file),
			web.ClearedPage("GET /portal/contacts/{item}", read, "contact.html", r.contact),
			web.Action("POST /portal/registry/confirm", write, "", r.confirm),
			web.Action("POST /portal/registry/name", write, "GET /portal/registry", r.rename),
			web.Action("POST /portal/registry/contacts", write, "GET /portal/registry", r.addContact),
			web.Action("POST /portal/contacts/{item}", write, "GET /portal/contacts/{item}", r.changeContact),
			web.Action("POST /portal/contacts/{item}/end", write, "", r.endContact),
			web.Action("POST /portal/registry/assets", write, "GET /portal/registry", r.addAsset),
			web.Action("POST /portal/assets/{item}/end", write, "", r.endAsset),
			web.ClearedPage("GET /portal/requests", read, "requests.html", r.requests),
			web.ClearedPage("GET /portal/requests/{id}", read, "request.html", r.request),
			web.Action("POST /portal/requests/{id}/withdraw", write, "", r.withdraw),
		}}
}

// chosen is the constituent that a page is of; 0 is all of the visitor's.
type chosen struct {
	Constituent int64 `query:"constituent" min:"0"`
}

func (r *room) asker(v web.Visitor, constituent int64, via disclosure.Channel) portal.Asker {
	return portal.Asker{Actor: v.Actor, Via: via, Constituent: constituent}
}

// chooser lets somebody who acts for several constituents choose one.
type chooser struct {
	Chosen  int64
	Options []web.Option // none with a single constituent
}

func choose(v web.Visitor, all []portal.Choice, in int64) chooser {
	c := chooser{Chosen: in}
	if len(all) < 2 {
		return c
	}
	c.Options = []web.Option{{Label: v.T("choose.all")}}
	for _, x := range all {
		c.Options = append(c.Options, web.Option{Value: strconv.FormatInt(x.ID, 10), Label: x.Name})
	}
	return c
}

// Value is what the choice begins with.
func (c chooser) Value() string {
	if c.Chosen == 0 {
		return ""
	}
	return strconv.FormatInt(c.Chosen, 10)
}

// With is a path with the choice kept.
func (c chooser) With(path string) string {
	if c.Chosen == 0 {
		return path
	}
	return path + "?constituent=" + strconv.FormatInt(c.Chosen, 10)
}

// dress makes a page of what was cleared.
func dress[In, Out any](c egress.Cleared[In], err error, page func(In) Out) (none egress.Cleared[Out], _ error) {
	if err != nil {
		return none, err
	}
	in, g, err := c.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(page(in), g)
}

func (r *room) sector(v web.Visitor, id string) string {
	if n := r.names(id, v.Lang()); n != "" {
		return n
	}
	return id
}

type startOut struct {
	*portal.Start
	Choose   chooser
	Tiles    []web.Tile
	Chart    web.Trend
	Kinds    web.Bars
	SectorIs string
	Average  int64
	Compared bool
	People   bool // the visitor may invite people
}

func (r *room) start(ctx context.Context, v web.Visitor, in chosen) (egress.Cleared[*startOut], error) {
	c, err := r.portal.Start(ctx, r.asker(v, in.Constituent, disclosure.Portal))
	return dress(c, err, func(s *portal.Start) *startOut {
		out := &startOut{Start: s, Choose: choose(v, s.Choices, in.Constituent), People: v.May(manage)}
		for n := len(s.Open) - 1; n >= 0; n-- {
			if s.Open[n] > 0 {
				out.Tiles = append(out.Tiles, web.Tile{Label: v.T("severity." + strconv.Itoa(n)), Value: v.Number(s.Open[n]),
					Href: out.link("min-severity", severities[n])})
			}
		}
		out.Chart = web.Trend{Title: v.T("start.trend"), First: int64(s.First), Zero: true,
			Series: []web.Series{{Name: v.T("start.own"), Class: "open", Values: s.Trend}}}
		for _, t := range s.Types {
			label := t.Title
			if label == "" {
				label = t.Name
			}
			out.Kinds = append(out.Kinds, web.Bar{Label: label, Href: out.link("type", t.Name), Parts: []web.Part{{Name: v.T("start.open"), Class: "open", Value: t.Open}}})
		}
		if s.Sector != nil {
			out.SectorIs = r.sector(v, s.Sector.Sector)
			if n := len(s.Sector.Average); n > 0 {
				out.Compared, out.Average = true, s.Sector.Average[n-1]
				out.Chart.Series = append(out.Chart.Series, web.Series{Name: v.T("start.others"), Class: "series-2", Values: s.Sector.Average})
			}
		}
		return out
	})
}

// Total is all that is open.
func (o *startOut) Total() int64 { return o.Open.Total() }

func (o *startOut) link(name, value string) string {
	return findingsPath(o.Choose.Chosen, name, value)
}
