package web

import (
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
)

func TestSearchThatCannotBeDoneKeepsWhatWasEntered(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		town := incidenttest.Open(t, d)
		desk, err := affected.New(affected.Config{Incidents: town.Desk, Findings: town.Findings})
		town.OK(err)
		_, err = town.Desk.Open(context.Background(), incidenttest.Officer, incident.Opening{Title: "Leak"})
		town.OK(err)
		pages, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT", Version: "1", Clock: town.Clock, Actor: func(*http.Request) act.Actor { return incidenttest.Officer },
			Allowed: func(act.Actor, act.Permission) bool { return true }, Log: slog.New(slog.DiscardHandler)}, Room(desk))
		town.OK(err)
		find := func(q url.Values, status int, parts ...string) string {
			t.Helper()
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/cases/1/affected/find", strings.NewReader(q.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			pages.ServeHTTP(w, r)
			page := html.UnescapeString(w.Body.String())
			if w.Code != status {
				t.Fatalf("%d: %s", w.Code, page)
			}
			for _, p := range parts {
				if !strings.Contains(page, p) {
					t.Errorf("%q is missing in %s", p, page)
				}
			}
			return page
		}
		page := find(url.Values{"values": {"300.1.1.1"}, "type": {"scan_dns"}}, 400, "300.1.1.1</textarea>", `value="scan_dns"`, `aria-invalid="true"`, "300.1.1.1")
		if strings.Contains(page, "empty-title") {
			t.Error("a search that was not done found nothing")
		}
		find(url.Values{"values": {"203.0.113.7"}, "since": {"soon"}}, 400, "203.0.113.7</textarea>", `value="soon" aria-invalid="true"`)
		find(url.Values{"values": {"203.0.113.7"}}, 200, "Hospital")
		find(url.Values{"values": {strings.Repeat("https://203.0.113.7/a/long/path/of/it ", 2000)}}, 200, "Hospital")
		find(url.Values{"values": {"203.0.113.7"}, "add": {"1"}}, 400, "choose who is affected")
		find(url.Values{"values": {"203.0.113.7 300.1.1.1"}}, 200, "Hospital", "Not looked for", "<li>300.1.1.1</li>")
	})
}
