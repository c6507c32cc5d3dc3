package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/view"
	viewapi "tocsin/internal/view/api"
)

func TestViewsAreSavedListedChangedAndDeleted(t *testing.T) {
	d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(clock.Real()))
	h, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: slog.New(slog.DiscardHandler),
		Actor: func(*http.Request) act.Actor { return identity.LocalActor }, Allowed: identity.Allowed}, viewapi.Routes(view.NewStore(d))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/views", "", 200, `"items":[]`},
		{"POST", "/api/views", `{"name":"x","path":"//evil.example"}`, 422, "path"},
		{"POST", "/api/views", `{"name":"Energy","path":"/findings","query":"sector=energy"}`, 200, `"id":1`},
		{"PUT", "/api/views/1", `{"name":"Energy, all","shared":true}`, 204, ""},
		{"GET", "/api/views", "", 200, `"name":"Energy, all","path":"/findings","query":"sector=energy","shared":true,"mine":true`},
		{"PUT", "/api/views/2", `{"name":"x","shared":true}`, 404, ""},
		{"DELETE", "/api/views/1", "", 204, ""},
		{"DELETE", "/api/views/1", "", 404, ""},
	} {
		r := httptest.NewRequest(step.method, step.path, strings.NewReader(step.body))
		if step.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b, _ := io.ReadAll(w.Body)
		if w.Code != step.status || !strings.Contains(string(b), step.want) {
			t.Errorf("%s %s: %d %s, want %d %s", step.method, step.path, w.Code, b, step.status, step.want)
		}
	}
}
