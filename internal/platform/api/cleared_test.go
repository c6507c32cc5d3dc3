package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
)

func clearedConfig() api.Config {
	return api.Config{Title: "x", Version: "1", Log: slog.New(slog.DiscardHandler),
		Actor:   func(*http.Request) act.Actor { return act.Anybody },
		Allowed: func(act.Actor, act.Permission) bool { return true },
		Outside: func(p act.Permission) bool { return strings.HasPrefix(string(p), "portal.") }}
}

func TestOperationOfOutsidersTellsOnlyWhatWasCleared(t *testing.T) {
	let := &egress.Grant{Recipient: "person:1", Channel: "rest"}
	h, err := api.New(clearedConfig(),
		api.ClearedOperation[oneInput, bell]{Method: "GET", Path: "/api/portal/bells/{name}", ID: "portal-bell", Summary: "x", Permission: "portal.read",
			Handle: func(_ context.Context, _ api.Caller, in *oneInput) (c egress.Cleared[*bell], err error) {
				if in.Name == "Maria" {
					c = egress.MakeCleared(&bell{Name: in.Name}, let)
				}
				return c, nil
			}},
		api.ClearedDownload[oneInput]{Path: "/api/portal/files/{name}", ID: "portal-file", Summary: "x", Permission: "portal.download",
			Handle: func(_ context.Context, _ api.Caller, in *oneInput) (c egress.Cleared[*api.Stream], err error) {
				if in.Name == "Maria" {
					c = egress.MakeCleared(&api.Stream{ContentType: "text/plain", Write: func(_ context.Context, w io.Writer) error {
						_, err := io.WriteString(w, "Maria")
						return err
					}}, let)
				}
				return c, nil
			}})
	if err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{"/api/portal/bells/Maria": 200, "/api/portal/bells/Susanna": 500,
		"/api/portal/files/Maria": 200, "/api/portal/files/Susanna": 500} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != status || strings.Contains(w.Body.String(), "Maria") != (status == 200) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestPlainOperationOfOutsidersIsAFaultAtStart(t *testing.T) {
	read := api.Operation[struct{}, bell]{Method: "GET", Path: "/api/x", ID: "x", Summary: "x", Permission: "portal.read",
		Handle: func(context.Context, api.Caller, *struct{}) (*bell, error) { return nil, nil }}
	write := read
	write.Method = "POST"
	stream := api.Download[struct{}]{Path: "/api/x", ID: "x", Summary: "x", Permission: "portal.read",
		Handle: func(context.Context, api.Caller, *struct{}) (*api.Stream, error) { return nil, nil }}
	for name, tt := range map[string]struct {
		route api.Route
		leaks bool
	}{"read": {read, true}, "download": {stream, true}, "write": {write, false}} {
		_, err := api.New(clearedConfig(), tt.route)
		if leaks := err != nil && strings.Contains(err.Error(), "must be cleared"); leaks != tt.leaks {
			t.Errorf("%s: %v", name, err)
		}
	}
}
