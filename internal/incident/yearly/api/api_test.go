package api

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// TestAnOperatorReturnsAndTheStaffSeeIt goes the whole way over the wire: draft, submission, correction, file, summary.
func TestAnOperatorReturnsAndTheStaffSeeIt(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(now), func(t *testing.T, d *db.DB) {
		people := constituency.NewStore(d, now)
		doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(`{"constituents":[{"ref":"grid","name":"Grid","kind":"operator","designation":"special-importance"},
			{"ref":"bank","name":"Bank","kind":"operator","designation":"special-importance"}]}`))
		if err == nil {
			_, err = people.Import(t.Context(), act.Machine, doc, constituency.ImportOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		states := nation.NewStore(d)
		profile, err := nation.Shipped("ruritania")
		if err == nil {
			_, err = states.Set(t.Context(), act.Machine, "ruritania.toml", profile)
		}
		if err != nil {
			t.Fatal(err)
		}
		desk, err := yearly.New(yearly.Config{DB: d, Clock: now, Constituency: people, Nation: states,
			Gate: disclosure.NewGate(disclosure.Config{DB: d, Clock: now, Constituency: people, Nation: states})})
		if err != nil {
			t.Fatal(err)
		}
		operator := act.Actor{Kind: act.Person, ID: "7", Name: "Operator", Rights: &act.Rights{Roles: []string{"member"}, Constituents: []int64{1}}}
		h, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: slog.New(slog.DiscardHandler), Allowed: func(act.Actor, act.Permission) bool { return true },
			Actor: func(r *http.Request) act.Actor {
				if strings.HasPrefix(r.URL.Path, "/api/portal/") {
					return operator
				}
				return act.Actor{Kind: act.Local, ID: "local", Name: "Analyst"}
			}}, Routes(desk)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			ask, body string
			status    int
			says      string
		}{
			{"GET /api/portal/yearly", "", 200, `"state":"none"`},
			{"PUT /api/portal/yearly/2025/1", `{"counts":[{"class":"fraud","severity":5,"incidents":3}]}`, 204, ""},
			{"GET /api/portal/yearly/2025/1", "", 200, `"state":"draft"`},
			{"PUT /api/portal/yearly/2025/1", `{"version":1,"submit":true,"counts":[{"class":"magic","severity":5,"incidents":3}]}`, 422, "no class of RSIT"},
			{"PUT /api/portal/yearly/2025/1", `{"version":1,"submit":true,"counts":[{"class":"fraud","severity":5,"incidents":4}],"cost":12,"currency":"EUR"}`, 204, ""},
			{"PUT /api/portal/yearly/2025/1", `{"version":1,"submit":true,"nothing":true,"reason":"x"}`, 409, "meanwhile"},
			{"PUT /api/portal/yearly/2025/1", `{"version":2,"nothing":true}`, 422, "with a reason"},
			{"PUT /api/portal/yearly/2025/1", `{"version":2,"counts":[{"class":"fraud","severity":5,"incidents":2}],"reason":"twice"}`, 204, ""},
			{"GET /api/portal/yearly/2025/1", "", 200, `"reason":"twice"`},
			{"GET /api/portal/yearly/2025/1/file", "", 200, "2025,grid,submitted,fraud,5,2"},
			{"GET /api/portal/yearly/2025/2", "", 404, "no constituent"},
			{"PUT /api/portal/yearly/2025/2", `{"nothing":true,"submit":true}`, 404, "no constituent"},
			{"GET /api/portal/yearly/2025/2/file", "", 404, "no constituent"},
			{"GET /api/portal/yearly/summary/2025", "", 404, "is over"},
			{"POST /api/portal/yearly/import?name=x.csv", "year,constituent,incidents\n2025,bank,0\n", 422, "x.csv"},
			{"GET /api/yearly/2025", "", 200, `"incidents":2`},
			{"GET /api/yearly/2025/returns?limit=1", "", 200, `"next":`},
			{"GET /api/yearly/2025/returns?state=submitted", "", 200, `"submitted_by":"Operator"`},
			{"GET /api/yearly/2025/returns/2", "", 200, `"version":0`},
			{"PUT /api/yearly/2025/returns/2", `{"nothing":true,"submit":true}`, 200, `"nothing":true`},
			{"GET /api/yearly/2025/export", "", 200, "2025,bank,submitted,,,0"},
			{"POST /api/yearly/import?name=y.csv&reason=again", "year,constituent,class,severity,incidents\n2025,bank,fraud,1,7\n", 200, `"corrected":1`},
			{"GET /api/yearly/2031", "", 404, "no statistics of 2031"},
		} {
			method, path, _ := strings.Cut(step.ask, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, path, io.NopCloser(bytes.NewBufferString(step.body)))
			if strings.HasPrefix(step.body, "{") {
				r.Header.Set("Content-Type", "application/json")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != step.status || !strings.Contains(w.Body.String(), step.says) {
				t.Errorf("%s: %d, want %d with %q: %s", step.ask, w.Code, step.status, step.says, w.Body)
			}
		}
	})
}
