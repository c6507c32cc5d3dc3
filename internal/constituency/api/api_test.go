package api

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

type service struct {
	*testing.T
	h     http.Handler
	store *constituency.Store
}

func each(t *testing.T, fn func(s *service)) {
	t.Helper()
	c := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(c), func(t *testing.T, d *db.DB) {
		store := constituency.NewStore(d, c)
		h, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: slog.New(slog.DiscardHandler),
			Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: "local", Name: "Analyst"} },
			Allowed: func(act.Actor, act.Permission) bool { return true },
		}, Routes(store, nation.NewStore(d))...)
		if err != nil {
			t.Fatal(err)
		}
		fn(&service{t, h, store})
	})
}

// ask makes a request, checks the status and what the answer holds, and gives the answer.
func (s *service) ask(method, path, body string, status int, parts ...string) string {
	s.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if strings.HasPrefix(body, "{") && !strings.Contains(path, "name=") {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	if w.Code != status {
		s.Errorf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			s.Errorf("%s %s: %q is missing: %s", method, path, p, w.Body)
		}
	}
	return w.Body.String()
}

func TestConstituentsContactsAndAssets(t *testing.T) {
	each(t, func(s *service) {
		s.ask("GET", "/api/constituents", "", 200, `"items":[]`, `"total":0`)
		s.ask("POST", "/api/constituents", `{"ref":"cert","name":"Energy CERT","kind":"sector-cert"}`, 201, `"designation":"other"`)
		s.ask("POST", "/api/constituents", `{"ref":"grid","name":"Grid","kind":"operator","delegate":"cert","sector":"energy"}`, 201)
		s.ask("POST", "/api/constituents", `{"ref":"north","name":"North","parent":"grid"}`, 201, `"delegate":"cert"`, `"parent":"grid"`)
		s.ask("POST", "/api/constituents", `{"ref":"north","name":"Twin"}`, 409)
		s.ask("POST", "/api/constituents", `{"ref":"?","name":"","parent":"nobody"}`, 422, `"field":"parent"`)
		s.ask("POST", "/api/constituents", `{"ref":"?","name":"","kind":"shop","valid_until":""}`, 422, `"field":"kind"`, `"field":"name"`)
		s.ask("PATCH", "/api/constituents/grid", `{"parent":"north"}`, 422, "above itself")
		s.ask("PATCH", "/api/constituents/grid", `{"name":"New Grid","valid_from":"2020-01-01"}`, 200, `"sector":"energy"`, `"valid_from":"2020-01-01"`)
		s.ask("PATCH", "/api/constituents/nobody", `{"name":"x"}`, 404)
		s.ask("GET", "/api/constituents?no_contact=true&delegate=cert&limit=1", "", 200, `"total":2`, `"next":`)
		s.ask("GET", "/api/constituents?kind=shop", "", 422)
		s.ask("POST", "/api/contacts", `{"constituent":"grid","role":"abuse","mail":"a@grid.example","clearance":"amber"}`, 201, `"TLP:AMBER"`)
		s.ask("POST", "/api/contacts", `{"constituent":"grid","role":"abuse","mail":"nobody"}`, 422, `"field":"mail"`)
		s.ask("POST", "/api/assets", `{"constituent":"grid","kind":"prefix","value":"198.51.100.9/24"}`, 201, `"198.51.100.0/24"`)
		s.ask("POST", "/api/assets", `{"constituent":"north","kind":"domain","value":"Grid.Example"}`, 201, `"grid.example"`)
		s.ask("POST", "/api/assets", `{"constituent":"north","kind":"asn","value":"AS64500","valid_from":"soon"}`, 422, `"field":"valid_from"`)
		s.ask("GET", "/api/constituents/grid/contacts", "", 200, `"keys":[]`)
		s.ask("GET", "/api/constituents/grid/assets?kind=prefix", "", 200, `"also_notify":false`)
		s.ask("GET", "/api/why?subject=198.51.100.7", "", 200, `"rule":"manual-prefix"`, `"copies":[{"id":1,"ref":"cert"`)
		s.ask("GET", "/api/why?subject=https://www.grid.example/x&at=2019-01-01T00:00:00Z", "", 200, `"ref":"north"`)
		s.ask("GET", "/api/why?subject=%20", "", 422)
		s.ask("PATCH", "/api/assets/1", `{"valid_until":"2026-03-01"}`, 204)
		s.ask("PATCH", "/api/contacts/1", `{"valid_until":"2026-03-01"}`, 204)
		s.ask("PATCH", "/api/contacts/9", `{"valid_until":"2026-03-01"}`, 404)
		s.ask("GET", "/api/why?subject=198.51.100.7", "", 200, `"rule":"none"`, `"why":"why.not-valid"`)
		s.ask("POST", "/api/constituents/north/retire", `{"valid_until":"2026-03-01"}`, 200, `"assets":0`)
		s.ask("GET", "/api/constituents", "", 200, `"total":2`)
	})
}

func TestImportExportAndConflicts(t *testing.T) {
	each(t, func(s *service) {
		file := `{"constituents":[{"ref":"a","name":"A","assets":[{"kind":"asn","value":"AS1"}]},
			{"ref":"b","name":"B","assets":[{"kind":"asn","value":"AS1"}]}]}`
		s.ask("POST", "/api/constituency/import?name=x.json&dry_run=true", file, 200, `"dry_run":true`, `"added":2`)
		s.ask("GET", "/api/constituents/a", "", 404)
		s.ask("POST", "/api/constituency/import?name=x.json", file, 200, `"dry_run":false`)
		s.ask("POST", "/api/constituency/import?name=x.csv", "record,ref\nshop,a\n", 422, `"line":2`, `"file":"x.csv"`)
		s.ask("GET", "/api/conflicts", "", 200, `"kind":"tie"`, `"matched":"AS1"`)
		if got := s.ask("GET", "/api/constituency/export", "", 200); !json.Valid([]byte(got)) || !strings.Contains(got, `"ref":"b"`) {
			s.Errorf("export: %s", got)
		}
		s.ask("GET", "/api/constituency/export?format=csv", "", 200, "asset,b,,,asn")
		s.ask("POST", "/api/constituency/national?name=xx.txt", "198.18.0.0/15\n", 200, `"added":1`)
		s.ask("GET", "/api/constituency/refreshes", "", 200, `"items":[]`)
		s.ask("GET", "/api/constituency/refreshes/7", "", 404)
	})
}

func TestNationIsChosen(t *testing.T) {
	each(t, func(s *service) {
		s.ask("GET", "/api/nation", "", 200, `"chosen":false`, `"hours":72`)
		b, err := nation.Shipped("korea")
		if err != nil {
			s.Fatal(err)
		}
		s.ask("PUT", "/api/nation?name=korea.toml", string(bytes.TrimSpace(b)), 200, `"chosen":true`, `"code":"KR"`)
		s.ask("PUT", "/api/nation?name=x.toml", "nonsense = 1", 422, `"field":"nonsense"`)
		s.ask("GET", "/api/nation", "", 200, `"Asia/Seoul"`)
	})
}

func TestChangeRequestsAreDecided(t *testing.T) {
	each(t, func(s *service) {
		s.ask("POST", "/api/constituents", `{"ref":"grid","name":"Grid"}`, 201)
		who := act.Actor{Kind: act.Person, ID: "5", Name: "Vera", Rights: &act.Rights{Constituents: []int64{1}}}
		for range 2 {
			_, err := s.store.Propose(context.Background(), who, 1, []constituency.ChangeStep{{Op: constituency.ContactAdd,
				Want: constituency.Record{Role: "abuse", Mail: "a@grid.example"}}}, "")
			if err != nil {
				s.Fatal(err)
			}
		}
		s.ask("GET", "/api/change-requests?state=open&limit=1", "", 200, `"id":2`, `"constituent":"grid"`, `"next":`)
		var got struct{ Seen string }
		if err := json.Unmarshal([]byte(s.ask("GET", "/api/change-requests/1", "", 200, `"after":"a@grid.example"`, `"blocked":false`)), &got); err != nil {
			s.Fatal(err)
		}
		s.ask("GET", "/api/change-requests/7", "", 404)
		s.ask("POST", "/api/change-requests/1/approve", `{"seen":"x"}`, 409)
		s.ask("POST", "/api/change-requests/1/approve", `{"seen":"`+got.Seen+`"}`, 204)
		s.ask("GET", "/api/constituents/grid/contacts", "", 200, "a@grid.example")
		s.ask("POST", "/api/change-requests/2/refuse", `{"reason":""}`, 422)
		s.ask("POST", "/api/change-requests/2/refuse", `{"reason":"twice"}`, 204)
		s.ask("GET", "/api/change-requests?state=refused", "", 200, `"reason":"twice"`, `"decided_by":"Analyst"`)
		s.ask("GET", "/api/contact-confirmations/due", "", 200, `"constituent":"grid"`)
	})
}
