package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/incident/leak"
	"tocsin/internal/incident/leak/api"
	"tocsin/internal/platform/act"
	rest "tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
)

// TestPagesAnswersAndLogsShowNoAddress asks for all that can be asked for about a list.
func TestPagesAnswersAndLogsShowNoAddress(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		town := incidenttest.Open(t, d)
		desk, err := leak.New(town.Desk)
		town.OK(err)
		_, err = town.Desk.Open(context.Background(), incidenttest.Officer, incident.Opening{Title: "Leak"})
		town.OK(err)
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		as := act.Actor{Kind: act.Local, ID: "test", Name: "Boss"}
		actor := func(*http.Request) act.Actor { return as }
		allowed := func(act.Actor, act.Permission) bool { return true }
		pages, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT", Version: "1", Clock: town.Clock, Actor: actor, Allowed: allowed, Log: log, Outside: disclosure.Outside,
			Client: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }}, Room(desk))
		town.OK(err)
		operations, err := rest.New(rest.Config{Title: "Tocsin", Version: "1", Log: log, Actor: actor, Allowed: allowed, Outside: disclosure.Outside}, api.Routes(desk)...)
		town.OK(err)
		ask := func(h http.Handler, method, target, kind, body string, status int) string {
			t.Helper()
			r := httptest.NewRequest(method, target, strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != status {
				t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
			if s := w.Header().Get("Location") + w.Header().Get("Set-Cookie") + w.Body.String(); strings.Contains(strings.ToLower(s), "canary") {
				t.Errorf("%s %s shows an address: %s", method, target, s)
			}
			return w.Body.String()
		}
		const plain, form = "application/octet-stream", "application/x-www-form-urlencoded"
		query := "/api/cases/1/leaks?name=l.txt&told=x&title=" + url.QueryEscape("The shop")
		ask(operations, "POST", query, plain, "canary-ana@private.example\ncanary-boris@hospital.example\n", 201)
		ask(operations, "POST", query, plain, "CANARY nobody\n", 422)
		ask(operations, "POST", query, plain, strings.Repeat("canary@private.example ", 60_000), 422)
		two := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ncanary-ana@private.example\r\n"
		two += strings.Replace(two, "a.txt", "b.txt", 1) + "--x--\r\n"
		before := ask(operations, "GET", "/api/cases/1/leaks", "", "", 200)
		ask(operations, "POST", query, "multipart/form-data; boundary=x", two, 422)
		if after := ask(operations, "GET", "/api/cases/1/leaks", "", "", 200); after != before {
			t.Errorf("of two files one was loaded: %s", after)
		}
		ask(operations, "POST", query, "multipart/form-data; boundary=x", strings.Replace(two, "; filename=\"b.txt\"", "", 1), 201)
		page := "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nThe shop again\r\n--x\r\nContent-Disposition: form-data; name=\"told\"\r\n\r\nx\r\n" +
			"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"l.txt\"\r\n\r\ncanary-ana@private.example\r\n--x--\r\n"
		ask(pages, "POST", "/cases/1/leaks", "multipart/form-data; boundary=x", page, 303)
		if s := ask(pages, "GET", "/cases/1/leaks", "", "", 200); !strings.Contains(s, "The shop again") || !strings.Contains(s, "can be asked about") {
			t.Error(s)
		}
		ask(operations, "GET", "/api/cases/1/leaks", "", "", 200)
		ask(operations, "GET", "/api/leaks/ranges/abcde", "", "", 200)
		if s := ask(operations, "GET", "/api/leaks/ranges/xyz12", "", "", 422); !strings.Contains(s, "first 5 hexadecimal digits") {
			t.Error(s)
		}
		as = act.Actor{Kind: act.Person, ID: "50", Rights: &act.Rights{Roles: []string{"member"}, Constituents: []int64{town.IDs["hospital"]}, Account: 50}}
		ask(pages, "GET", "/portal/leaks", "", "", 200)
		ask(operations, "GET", "/api/portal/leaks", "", "", 200)
		as = act.Anybody
		ask(pages, "GET", "/affected", "", "", 200)
		in := ask(pages, "POST", "/affected", form, "mail=canary-ana%40private.example", 200)
		if out := ask(pages, "POST", "/affected", form, "mail=other%40private.example", 200); in != out {
			t.Errorf("what is shown tells whether the address is in the list:\n%s\n%s", in, out)
		}
		if strings.Contains(strings.ToLower(said.String()), "canary") {
			t.Errorf("the log has an address: %s", said.String())
		}
	})
}
