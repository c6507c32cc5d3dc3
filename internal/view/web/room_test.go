package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
	"tocsin/internal/view"
	room "tocsin/internal/view/web"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, room.Room(nil), "title.views", "view.none", "view.none-text", "view.begin", "done.saved", "done.changed", "done.deleted")
}

func TestAListIsSavedNamedSharedAndDeleted(t *testing.T) {
	d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(clock.Real()))
	s := view.NewStore(d)
	a, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT", Version: "1", Clock: clock.Real(), Log: slog.New(slog.DiscardHandler),
		Actor: func(*http.Request) act.Actor { return identity.LocalActor }, Allowed: identity.Allowed, Views: room.Menu(s)}, room.Room(s))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, to string, form url.Values, status int, want ...string) http.Header {
		t.Helper()
		r := httptest.NewRequest(method, to, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != status {
			t.Fatalf("%s %s: %d %s", method, to, w.Code, w.Body)
		}
		for _, part := range want {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s %s: %q is missing in\n%s", method, to, part, w.Body)
			}
		}
		return w.Header()
	}
	ask("GET", "/views", nil, 200, "No list is saved")
	ask("POST", "/views", url.Values{"name": {""}, "path": {"/views"}}, 400, "give it a name")
	ask("POST", "/views", url.Values{"name": {"x"}, "path": {"//example.org"}}, 400, "no path of a page")
	h := ask("POST", "/views", url.Values{"name": {"<Mine>"}, "path": {"/views"}, "query": {"sort=a&after=3"}}, 303)
	if h.Get("Location") != "/views?sort=a" {
		t.Errorf("led to %s", h.Get("Location"))
	}
	ask("GET", "/views", nil, 200, `<details class="views">`, `<a href="/views?sort=a">&lt;Mine&gt;</a>`)
	list, err := s.List(context.Background(), identity.LocalActor)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	ask("POST", "/views/1", url.Values{"name": {"Ours"}, "shared": {"1"}}, 303)
	ask("GET", "/views", nil, 200, "Ours", "checked")
	ask("POST", "/views/1/delete", nil, 303)
	ask("POST", "/views/1/delete", nil, 404)
	ask("GET", "/views", nil, 200, "No list is saved")
}
