package web_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
)

func outside(p act.Permission) bool { return strings.HasPrefix(string(p), "portal.") }

func TestPageOfOutsidersShowsOnlyWhatWasCleared(t *testing.T) {
	r := room()
	let := &egress.Grant{Recipient: "person:1", Channel: "portal"}
	r.Routes = append(r.Routes,
		web.ClearedPage("GET /portal/{id}", "portal.read", "part.html", func(_ context.Context, _ web.Visitor, in struct {
			ID int `path:"id"`
		}) (c egress.Cleared[string], err error) {
			if in.ID == 1 {
				c = egress.MakeCleared("shown", let)
			}
			return c, nil
		}),
		web.ClearedDownload("GET /portal.csv", "portal.read", func(_ context.Context, _ web.Visitor, in struct {
			Whole bool `query:"whole"`
		}) (c egress.Cleared[web.File], err error) {
			if in.Whole {
				c = egress.MakeCleared(web.File{Type: "text/csv", Write: func(w io.Writer) error {
					_, err := io.WriteString(w, "a,b\n")
					return err
				}}, let)
			}
			return c, nil
		}))
	fs := room().Templates
	r.Templates = fs
	cfg := config()
	cfg.Outside = outside
	cfg.Allowed = func(act.Actor, act.Permission) bool { return true }
	r.Locale = files(map[string]string{"locale/en.toml": `"title.list" = "Notes"
"title.edit" = "Edit a note"
"title.part" = "Part"
"note.title" = "Title"
"nav" = "Notes"`})
	a, err := web.New(cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	want(t, get(a, "GET", "/portal/1", ""), 200, "shown")
	want(t, get(a, "GET", "/portal/2", ""), 500)
	want(t, get(a, "GET", "/portal.csv?whole=1", ""), 200, "a,b")
	want(t, get(a, "GET", "/portal.csv", ""), 500)
}

func TestPlainRouteOfOutsidersIsAFaultAtStart(t *testing.T) {
	page := web.Page("GET /portal", "portal.read", "part.html", func(context.Context, web.Visitor, struct{}) (string, error) { return "", nil })
	fragment := web.Fragment("GET /portal", "portal.read", "part.html", func(context.Context, web.Visitor, struct{}) (string, error) { return "", nil })
	download := web.Download("GET /portal", "portal.read", func(context.Context, web.Visitor, struct{}) (web.File, error) { return web.File{}, nil })
	action := web.Action("POST /portal", "portal.write", "", func(context.Context, web.Visitor, struct{}) (web.Done, error) { return web.Done{}, nil })
	for name, tt := range map[string]struct {
		route web.Route
		leaks bool
	}{"page": {page, true}, "fragment": {fragment, true}, "download": {download, true}, "action": {action, false}} {
		r := room()
		r.Locale = files(map[string]string{"locale/en.toml": "\"title.list\" = \"Notes\"\n\"title.edit\" = \"Edit\"\n\"title.part\" = \"Part\"\n\"nav\" = \"Notes\"\n\"note.title\" = \"Title\""})
		r.Routes = append(r.Routes, tt.route)
		cfg := config()
		cfg.Outside = outside
		_, err := web.New(cfg, r)
		if leaks := err != nil && strings.Contains(err.Error(), "must be cleared"); leaks != tt.leaks {
			t.Errorf("%s: %v", name, err)
		}
	}
}
