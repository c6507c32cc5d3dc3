package api

import (
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
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

type item struct{ ref disclosure.Ref }

func (i item) Ref() disclosure.Ref           { return i.ref }
func (i item) Marking() disclosure.Marking   { return disclosure.Marking{Label: tlp.Green} }
func (i item) References() []disclosure.Item { return nil }

type client struct {
	*testing.T
	h    http.Handler
	gate *disclosure.Gate
	db   *db.DB
	who  string
}

func open(t *testing.T) *client {
	t.Helper()
	at := clock.NewManual(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC))
	c := &client{T: t, who: "1", db: dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(at))}
	c.gate = disclosure.NewGate(disclosure.Config{DB: c.db, Clock: at, Constituency: constituency.NewStore(c.db, at), Nation: nation.NewStore(c.db)})
	var err error
	c.h, err = api.New(api.Config{Title: "x", Version: "1", Log: slog.New(slog.DiscardHandler),
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Person, ID: c.who, Name: "Officer " + c.who} },
		Allowed: func(act.Actor, act.Permission) bool { return true }}, Routes(c.gate)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) do(method, path, body string, status int, parts ...string) string {
	c.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	if w.Code != status {
		c.Errorf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			c.Errorf("%s %s: %q is missing in\n%s", method, path, p, w.Body)
		}
	}
	return w.Body.String()
}

func TestLedgerIsReadInPages(t *testing.T) {
	c := open(t)
	for _, via := range []disclosure.Channel{disclosure.Mail, disclosure.REST, disclosure.Portal} {
		err := c.db.View(context.Background(), func(tx *db.Tx) error {
			_, _, err := disclosure.Clear(context.Background(), tx, c.gate, disclosure.OfConstituent(7, "Grid"), via, []item{{"finding:1"}}, item.Ref)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var page struct {
		Items []Entry
		Next  string
	}
	seen := 0
	for path := "/api/disclosure/ledger?limit=2"; path != ""; {
		page.Next = ""
		if err := json.Unmarshal([]byte(c.do("GET", path, "", 200)), &page); err != nil {
			t.Fatal(err)
		}
		seen += len(page.Items)
		if path = ""; page.Next != "" {
			path = "/api/disclosure/ledger?limit=2&cursor=" + page.Next
		}
	}
	if seen != 3 {
		t.Errorf("%d rows", seen)
	}
	c.do("GET", "/api/disclosure/ledger?channel=rest", "", 200, `"at":"2026-11-25T10:00:00Z"`, `"highest":"TLP:GREEN"`, `"refs":["finding:1"]`)
	c.do("GET", "/api/disclosure/ledger?channel=pigeon", "", 422)
	c.do("GET", "/api/disclosure/ledger?from=today", "", 422)
	c.do("GET", "/api/disclosure/ledger?cursor=xx", "", 422)
	c.do("GET", "/api/disclosure/ledger/1", "", 200, "constituent:7")
	c.do("GET", "/api/disclosure/ledger/9", "", 404)
	c.do("GET", "/api/disclosure/export/csv?channel=mail", "", 200, "id,at,last", ",mail,")
	c.do("GET", "/api/disclosure/export/json", "", 200, `"channel":"portal"`)
}

func TestOverrideTakesTwoCallers(t *testing.T) {
	c := open(t)
	ask := `{"item":"finding:12","recipient":"constituent:7","channel":"mail","hours":2,"reason":"the plant must be warned"}`
	c.do("POST", "/api/disclosure/overrides", ask, 201, `"state":"requested"`)
	c.do("POST", "/api/disclosure/overrides/1/approve", "", 403)
	c.who = "2"
	c.do("POST", "/api/disclosure/overrides/1/approve", "", 200, `"state":"approved"`, `"expires":"2026-11-25T12:00:00Z"`)
	c.do("POST", "/api/disclosure/overrides/1/refuse", `{"why":"late"}`, 409)
	c.who = "3"
	c.do("POST", "/api/disclosure/overrides/1/review", `{"justified":true,"review":"it was right"}`, 200, `"justified":true`)
	c.do("POST", "/api/disclosure/overrides", ask, 201)
	c.do("POST", "/api/disclosure/overrides/2/refuse", `{"why":"once is enough"}`, 200, `"state":"refused"`)
	c.do("GET", "/api/disclosure/overrides?state=refused", "", 200, `"id":2`)
	c.do("GET", "/api/disclosure/overrides?overdue=true", "", 200, `"items":[]`)
	c.do("GET", "/api/disclosure/overrides/9", "", 404)
}

func TestCirclesAreKeptByREST(t *testing.T) {
	c := open(t)
	c.do("PUT", "/api/disclosure/circles/csirts", `{"title":"CSIRTs network"}`, 200, `"name":"csirts"`)
	c.do("PUT", "/api/disclosure/circles/csirts/members/service:12", `{"name":"CERT Syldavia"}`, 204)
	c.do("PUT", "/api/disclosure/circles/csirts/members/person:3", `{}`, 204)
	c.do("GET", "/api/disclosure/circles", "", 200, `"members":2`)
	c.do("GET", "/api/disclosure/circles/csirts/members?limit=1", "", 200, "person:3", `"next"`)
	c.do("DELETE", "/api/disclosure/circles/csirts/members/service:12", "", 204)
	c.do("DELETE", "/api/disclosure/circles/csirts/members/service:12", "", 404)
	c.do("PUT", "/api/disclosure/circles/csirts/members/all", `{}`, 422)
}
