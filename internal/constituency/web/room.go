// Package web is the room of the constituency: who is served, what they have and whom to tell, how the registry is brought
// in and where it disagrees with itself, and who owns an address and why.
package web

import (
	"context"
	"embed"

	"tocsin/internal/constituency"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// The permissions.
const (
	read  act.Permission = "constituency.read"
	write act.Permission = "constituency.write"
)

type room struct {
	store   *constituency.Store
	nation  *nation.Store
	told    Teller
	pending pending
}

// Room returns the room.
func Room(s *constituency.Store, n *nation.Store, told Teller) web.Room {
	r := &room{store: s, nation: n, told: told}
	return web.Room{Name: "constituency", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/constituents", Key: "nav.constituents", Group: "constituents", Order: 30, Shortcut: "c", Permission: read},
			{Path: "/why", Key: "nav.why", Group: "constituents", Order: 35, Shortcut: "w", Permission: read},
		},
		Routes: []web.Route{
			web.Page("GET /constituents", read, "constituents.html", r.list),
			web.Page("GET /constituents/new", write, "constituent-new.html", r.blank),
			web.Action("POST /constituents/new", write, "GET /constituents/new", r.create),
			web.Page("GET /constituents/{id}", read, "constituent.html", r.one),
			web.Page("GET /constituents/{id}/edit", write, "constituent-edit.html", r.edit),
			web.Action("POST /constituents/{id}/edit", write, "GET /constituents/{id}/edit", r.save),
			web.Action("POST /constituents/{id}/retire", write, "GET /constituents/{id}/edit", r.retire),
			web.Action("POST /constituents/{id}/contacts", write, "GET /constituents/{id}", r.addContact),
			web.Page("GET /constituents/{id}/contacts/{item}/keys", write, "contact-keys.html", r.contactKeys),
			web.Action("POST /constituents/{id}/contacts/{item}/keys", write, "GET /constituents/{id}/contacts/{item}/keys", r.setKeys),
			web.Action("POST /constituents/{id}/contacts/{item}/end", write, "", r.endContact),
			web.Action("POST /constituents/{id}/assets", write, "GET /constituents/{id}", r.addAsset),
			web.Action("POST /constituents/{id}/assets/{item}/end", write, "", r.endAsset),
			web.Page("GET /registry/import", write, "import.html", r.upload),
			web.Action("POST /registry/import", write, "GET /registry/import", r.compare),
			web.Page("GET /registry/import/{token}", write, "import-diff.html", r.compared),
			web.Action("POST /registry/import/{token}", write, "", r.apply),
			web.Download("GET /registry/export/{format}", read, r.export),
			web.Page("GET /registry/conflicts", read, "conflicts.html", r.conflicts),
			web.Page("GET /registry/requests", read, "requests.html", r.requests),
			web.Page("GET /registry/requests/{id}", read, "request.html", r.request),
			web.Action("POST /registry/requests/{id}/approve", approve, "GET /registry/requests/{id}", r.approve),
			web.Action("POST /registry/requests/{id}/refuse", approve, "GET /registry/requests/{id}", r.refuse),
			web.Page("GET /registry/keys", read, "registry-keys.html", r.keys),
			web.Page("GET /registry/confirmations", read, "confirmations.html", r.due),
			web.Page("GET /registry/refreshes", read, "refreshes.html", r.refreshes),
			web.Page("GET /registry/refreshes/{id}", read, "refresh.html", r.refresh),
			web.Page("GET /why", read, "why.html", r.why),
		}}
}

// words are the nation's own words for what the pages show.
type words struct {
	profile *nation.Profile
	v       web.Visitor
}

func (r *room) words(ctx context.Context, v web.Visitor) (words, error) {
	p, _, err := r.nation.Load(ctx)
	return words{p, v}, err
}

// Sector is the nation's name for a sector.
func (w words) Sector(id string) string { return w.profile.SectorName(id, w.v.Lang()) }

// Designation is the nation's name for a designation.
func (w words) Designation(d constituency.Designation) string {
	return w.profile.DesignationName(string(d), w.v.Lang())
}

func (w words) sectors(first web.Option) []web.Option {
	out := []web.Option{first}
	for _, s := range w.profile.Sectors {
		out = append(out, web.Option{Value: s.ID, Label: w.Sector(s.ID)})
	}
	return out
}

func (w words) designations(first ...web.Option) []web.Option {
	for _, d := range constituency.Designations() {
		first = append(first, web.Option{Value: string(d), Label: w.Designation(d)})
	}
	return first
}

// options are values with their words in the catalogue.
func options[T ~string](v web.Visitor, prefix string, values []T, first ...web.Option) []web.Option {
	for _, x := range values {
		first = append(first, web.Option{Value: string(x), Label: v.T(prefix + string(x))})
	}
	return first
}
