// Package web is the room of the national picture: the console's front page, a page per sector, how one constituent
// stands, and every table as a page, CSV and JSON.
package web

import (
	"context"
	"embed"
	"io/fs"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
)

//go:embed *.html locale
var files embed.FS

// Read is the permission to see the national picture.
const Read act.Permission = "situation.read"

// Names tells what the nation calls a sector in a language.
type Names func(sector, language string) string

type room struct {
	situation *situation.Situation
	sharer    *situation.Sharer
	names     Names
}

// Room is the national picture's part of the console.
func Room(s *situation.Situation, sharer *situation.Sharer, sectorName Names) web.Room {
	r := &room{s, sharer, sectorName}
	return web.Room{
		Name:      "situation",
		Templates: fs.FS(files),
		Locale:    fs.FS(files),
		Nav: []web.NavEntry{{Path: "/", Key: "nav.situation", Group: "situation", Order: 10, Shortcut: "s", Permission: Read},
			{Path: "/shared", Key: "nav.shared", Order: 60, Permission: Shared}},
		Routes: []web.Route{
			web.Page("GET /{$}", Read, "situation.html", r.nation),
			web.Page("GET /sectors/{sector}", Read, "sector.html", r.sector),
			web.Page("GET /constituents/{id}/situation", Read, "standing.html", r.constituent),
			web.Page("GET /situation/{table}", Read, "table.html", r.page),
			web.Download("GET /situation/{table}/csv", Read, r.csv),
			web.Download("GET /situation/{table}/json", Read, r.json),
			web.ClearedPage("GET /shared", Shared, "shared.html", r.shared),
		},
	}
}

type window struct {
	Days int `query:"days" min:"7" max:"366" default:"30"`
}

type sectorIn struct {
	Window window
	Sector string `path:"sector" max:"100"`
}

type constituentIn struct {
	Window window
	ID     string `path:"id" max:"200"` // or the reference
}

func (r *room) nation(ctx context.Context, v web.Visitor, in struct{ Window window }) (*overview, error) {
	p, err := r.situation.Picture(ctx, in.Window.Days)
	if err != nil {
		return nil, err
	}
	o := r.overview(v, p)
	i, err := r.situation.Incidents(ctx, v.Now, p.Window)
	if err != nil {
		return nil, err
	}
	o.Incidents = r.incidents(v, i)
	return o, nil
}

func (r *room) sector(ctx context.Context, v web.Visitor, in sectorIn) (*overview, error) {
	p, err := r.situation.Sector(ctx, sectorOf(in.Sector), in.Window.Days)
	if err != nil {
		return nil, err
	}
	return r.overview(v, p), nil
}

func (r *room) constituent(ctx context.Context, v web.Visitor, in constituentIn) (*standing, error) {
	id, err := r.situation.Named(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	n, err := r.situation.Constituent(ctx, id, in.Window.Days)
	if err != nil {
		return nil, err
	}
	return r.standing(v, n, in.Window.Days), nil
}

// noSector stands in a path for the sector without a name.
const noSector = "-"

func sectorOf(path string) string {
	if path == noSector {
		return ""
	}
	return path
}
