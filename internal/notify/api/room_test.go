package api

import (
	"context"
	"fmt"
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
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/mail"
)

type rest struct {
	*testing.T
	box *notify.Outbox
	db  *db.DB
	h   http.Handler
}

func open(t *testing.T) *rest {
	t.Helper()
	clock := clock.NewManual(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC))
	r := &rest{T: t, db: dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(clock))}
	registry := constituency.NewStore(r.db, clock)
	seal, err := identity.NewSeal(make([]byte, 32))
	r.must(err)
	r.box, err = notify.New(notify.Config{DB: r.db, Clock: clock, Real: clock, Seal: seal,
		Gate: disclosure.NewGate(disclosure.Config{DB: r.db, Clock: clock, Constituency: registry, Nation: nation.NewStore(r.db)})})
	r.must(err)
	_, err = registry.Create(context.Background(), act.Machine, constituency.Constituent{Ref: "isp1", Name: "ISP One", Kind: constituency.ISP, Designation: constituency.OtherDesignation})
	r.must(err)
	r.h, err = api.New(api.Config{Title: "t", Version: "1", Log: slog.New(slog.DiscardHandler), Allowed: func(act.Actor, act.Permission) bool { return true },
		Actor: func(*http.Request) act.Actor {
			return act.Actor{Kind: act.Person, ID: "1", Name: "Officer", Rights: &act.Rights{Staff: true}}
		}},
		Routes(Config{Outbox: r.box, Address: func(context.Context, act.Actor) (string, error) { return "officer@cert.example", nil }})...)
	r.must(err)
	return r
}

func (r *rest) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rest) ask(method, path, body string, status int, parts ...string) string {
	r.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, req)
	if w.Code != status {
		r.Errorf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			r.Errorf("%s %s: %s is missing in %s", method, path, p, w.Body)
		}
	}
	return w.Body.String()
}

func TestLettersAreListedPreviewedAndCancelled(t *testing.T) {
	r := open(t)
	for i := range 3 {
		r.must(r.db.Act(context.Background(), act.Act{Actor: act.Machine, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) error {
			_, err := r.box.Enqueue(tx, notify.Letter{Key: fmt.Sprint(i), Kind: "digest", Constituent: 1, To: "abuse@isp.example", Ticket: "[CERT-1]", Content: &notify.Content{
				Subject: "Findings", Text: "Open.", Marking: disclosure.Marking{Label: tlp.Amber}, Attachments: []mail.Attachment{{Name: "a.csv", Bytes: []byte("a,b")}}}})
			return err
		}))
	}
	body := r.ask("GET", "/api/outbox/letters?limit=2&state=queued", "", 200, `"id":3`, `"id":2`, `"next"`)
	_, cursor, _ := strings.Cut(body, `"next":"`)
	cursor, _, _ = strings.Cut(cursor, `"`)
	if body = r.ask("GET", "/api/outbox/letters?limit=2&cursor="+cursor, "", 200, `"id":1`); strings.Contains(body, `"id":2`) || strings.Contains(body, "next") {
		t.Errorf("the second page: %s", body)
	}
	r.ask("GET", "/api/outbox/letters?state=lost", "", 422)
	r.ask("GET", "/api/outbox/letters?ticket=%5BCERT-2%5D", "", 200, `"items":[]`)
	r.ask("GET", "/api/outbox/letters/1", "", 200, `"state":"queued"`, `"to":"abuse@isp.example"`)
	r.ask("GET", "/api/outbox/letters/9", "", 404)
	r.ask("GET", "/api/outbox/letters/1/content", "", 200, `"text":"Open."`, `"marking":"TLP:AMBER"`, `"name":"a.csv"`)
	if got := r.ask("GET", "/api/outbox/letters/1/attachments/0", "", 200); got != "a,b" {
		t.Errorf("attachment %q", got)
	}
	r.ask("GET", "/api/outbox/letters/1/attachments/1", "", 404)
	r.ask("POST", "/api/outbox/cancel", `{"letters":[1,2]}`, 422, "say why")
	r.ask("POST", "/api/outbox/cancel", `{"letters":[1,2],"reason":"wrong"}`, 200, `"letters":2`)
	r.ask("POST", "/api/outbox/resend", `{"letters":[1]}`, 200, `"letters":0`)
	r.ask("POST", "/api/outbox/release", `{"all":true}`, 200, `"letters":0`)
	r.ask("GET", "/api/outbox", "", 200, `"cancelled":2`, `"queued":1`, `"sending":false`)
}

func TestTheSwitchIsTurnedWithAReason(t *testing.T) {
	r := open(t)
	r.ask("POST", "/api/outbox/start", `{"reason":""}`, 422, "say why")
	r.ask("POST", "/api/outbox/start", `{"reason":"ready"}`, 204)
	r.ask("GET", "/api/outbox", "", 200, `"sending":true`, `"reason":"ready"`, `"name":"Officer"`)
	r.ask("POST", "/api/outbox/stop", `{"reason":""}`, 204)
	r.ask("GET", "/api/outbox", "", 200, `"sending":false`)
	r.ask("POST", "/api/outbox/test", "", 200, `"id":1`)
	r.ask("GET", "/api/outbox/letters/1", "", 200, `"to":"officer@cert.example"`, `"kind":"test"`)
	r.ask("GET", "/api/contact-health?failing=true", "", 200, `"items":[]`)
}

func TestAWebhookIsAddedSwitchedAndRemoved(t *testing.T) {
	r := open(t)
	r.ask("POST", "/api/webhooks", `{"constituent":1,"name":"SIEM","url":"https://10.0.0.1/"}`, 422, "public address")
	r.ask("POST", "/api/webhooks", `{"constituent":7,"name":"SIEM","url":"https://siem.example/"}`, 404)
	r.ask("POST", "/api/webhooks", `{"constituent":1,"name":"SIEM","url":"https://siem.example/"}`, 201, `"secret":"whsec_`, `"enabled":true`)
	if body := r.ask("GET", "/api/webhooks?constituent=1", "", 200, "siem.example"); strings.Contains(body, "secret") {
		t.Errorf("shows the secret again: %s", body)
	}
	r.ask("PUT", "/api/webhooks/1/enabled", `{"enabled":false}`, 204)
	r.ask("GET", "/api/webhooks", "", 200, `"enabled":false`)
	r.ask("DELETE", "/api/webhooks/1", "", 204)
	r.ask("DELETE", "/api/webhooks/1", "", 404)
}
