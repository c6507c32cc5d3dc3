// Package api is the REST side of saved lists.
package api

import (
	"context"
	"net/http"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/view"
)

// Write is the permission of this room.
const Write act.Permission = "view.write"

type room struct{ views *view.Store }

// Routes are the room's operations.
func Routes(s *view.Store) []api.Route {
	r := &room{s}
	return []api.Route{
		api.Operation[struct{}, api.Page[savedView]]{Method: http.MethodGet, Path: "/api/views", ID: "list-views",
			Summary: "One's own saved lists, and those that others share", Permission: Write, Handle: r.list},
		api.Operation[saveViewInput, savedView]{Method: http.MethodPost, Path: "/api/views", ID: "save-view",
			Summary: "Save a list: a page of the console with its query", Permission: Write, Handle: r.save},
		api.Operation[changeViewInput, api.Nothing]{Method: http.MethodPut, Path: "/api/views/{view}", ID: "change-view",
			Summary: "Rename one's own saved list, and share it or not", Permission: Write, Handle: r.change},
		api.Operation[oneViewInput, api.Nothing]{Method: http.MethodDelete, Path: "/api/views/{view}", ID: "delete-view",
			Summary: "Delete one's own saved list", Permission: Write, Handle: r.remove},
	}
}

type savedView struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`
	Shared bool   `json:"shared"`
	Mine   bool   `json:"mine"`
}

func savedOf(v view.View) savedView {
	return savedView{v.ID, v.Name, v.Path, v.Query, v.Shared, v.Mine}
}

func (r *room) list(ctx context.Context, c api.Caller, _ *struct{}) (*api.Page[savedView], error) {
	list, err := r.views.List(ctx, c.Actor)
	if err != nil {
		return nil, err
	}
	var out []savedView
	for _, v := range list {
		out = append(out, savedOf(v))
	}
	return api.NewPage(out, ""), nil
}

type saveViewInput struct {
	Body struct {
		Name   string `json:"name" minLength:"1" maxLength:"100"`
		Path   string `json:"path" minLength:"1" maxLength:"300" doc:"Of a page: /findings"`
		Query  string `json:"query,omitempty" maxLength:"4000" doc:"Of the page: sector=energy"`
		Shared bool   `json:"shared,omitempty" doc:"With all of the staff"`
	}
}

func (r *room) save(ctx context.Context, c api.Caller, in *saveViewInput) (*savedView, error) {
	v, err := r.views.Save(ctx, c.Actor, view.View{Name: in.Body.Name, Path: in.Body.Path, Query: in.Body.Query, Shared: in.Body.Shared})
	if err != nil {
		return nil, err
	}
	out := savedOf(v)
	return &out, nil
}

type oneViewInput struct {
	View int64 `path:"view" minimum:"1"`
}

type changeViewInput struct {
	View int64 `path:"view" minimum:"1"`
	Body struct {
		Name   string `json:"name" minLength:"1" maxLength:"100"`
		Shared bool   `json:"shared"`
	}
}

func (r *room) change(ctx context.Context, c api.Caller, in *changeViewInput) (*api.Nothing, error) {
	return nil, r.views.Change(ctx, c.Actor, in.View, in.Body.Name, in.Body.Shared)
}

func (r *room) remove(ctx context.Context, c api.Caller, in *oneViewInput) (*api.Nothing, error) {
	return nil, r.views.Delete(ctx, c.Actor, in.View)
}
