// Package web is the room of saved lists: where they are saved, named, shared and deleted.
package web

import (
	"context"
	"embed"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
	"tocsin/internal/view"
)

//go:embed *.html locale
var files embed.FS

// Write is the permission of this room.
const Write act.Permission = "view.write"

type room struct{ views *view.Store }

// Room returns the room.
func Room(s *view.Store) web.Room {
	r := &room{s}
	return web.Room{Name: "view", Templates: files, Locale: files, Routes: []web.Route{
		web.Page("GET /views", Write, "views.html", r.list),
		web.Action("POST /views", Write, "GET /views", r.save),
		web.Action("POST /views/{id}", Write, "GET /views", r.change),
		web.Action("POST /views/{id}/delete", Write, "", r.remove),
	}}
}

// Menu lists a visitor's views for the layout; a fault hides the menu and no page.
func Menu(s *view.Store) func(context.Context, act.Actor) []web.Link {
	return func(ctx context.Context, by act.Actor) []web.Link {
		list, err := s.List(ctx, by)
		if err != nil {
			return nil
		}
		var out []web.Link
		for _, v := range list {
			out = append(out, web.Link{Text: v.Name, Href: v.Address()})
		}
		return out
	}
}

type page struct {
	Mine, Others []view.View
	Empty        web.Empty
}

func (r *room) list(ctx context.Context, v web.Visitor, _ struct{}) (*page, error) {
	all, err := r.views.List(ctx, v.Actor)
	if err != nil {
		return nil, err
	}
	p := &page{Empty: web.Empty{Title: v.T("view.none"), Text: v.T("view.none-text"), Href: "/", Link: v.T("view.begin")}}
	for _, x := range all {
		if x.Mine {
			p.Mine = append(p.Mine, x)
		} else {
			p.Others = append(p.Others, x)
		}
	}
	return p, nil
}

type saveIn struct {
	Name  string `form:"name" max:"200"`
	Path  string `form:"path" max:"300"`
	Query string `form:"query" max:"4000"`
}

func (r *room) save(ctx context.Context, v web.Visitor, in saveIn) (web.Done, error) {
	x, err := r.views.Save(ctx, v.Actor, view.View{Name: in.Name, Path: in.Path, Query: in.Query})
	return web.Done{To: x.Address(), Flash: "done.saved", Args: []any{x.Name}}, err
}

type changeIn struct {
	ID     int64  `path:"id" min:"1"`
	Name   string `form:"name" max:"200"`
	Shared bool   `form:"shared"`
}

func (r *room) change(ctx context.Context, v web.Visitor, in changeIn) (web.Done, error) {
	return web.Done{To: "/views", Flash: "done.changed"}, r.views.Change(ctx, v.Actor, in.ID, in.Name, in.Shared)
}

func (r *room) remove(ctx context.Context, v web.Visitor, in changeIn) (web.Done, error) {
	return web.Done{To: "/views", Flash: "done.deleted"}, r.views.Delete(ctx, v.Actor, in.ID)
}
