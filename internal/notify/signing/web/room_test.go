package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/notify/signing"
	restapi "tocsin/internal/notify/signing/api"
	room "tocsin/internal/notify/signing/web"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/mail/protect/protecttest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil), "mail-key.state.", "mail-key.type.", "mail-key.none", "mail-key.none-text", "mail-key.retired")
}

func TestTheTeamsKeysAreShownAndRetired(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(now), func(t *testing.T, d *db.DB) {
		seal, err := identity.NewSeal(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys := signing.New(signing.Config{DB: d, Clock: now, Seal: seal})
		actor := func(*http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: "local", Name: "Administrator"} }
		allowed := func(act.Actor, act.Permission) bool { return true }
		pages, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1", Clock: now, Actor: actor, Allowed: allowed,
			Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, room.Room(keys))
		if err != nil {
			t.Fatal(err)
		}
		rest, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: slog.New(slog.DiscardHandler), Actor: actor, Allowed: allowed}, restapi.Routes(keys)...)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(h http.Handler, method, path string, status int, parts ...string) {
			t.Helper()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if w.Code != status {
				t.Errorf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
			}
			for _, p := range parts {
				if !strings.Contains(w.Body.String(), p) {
					t.Errorf("%s %s: %q is missing: %s", method, path, p, w.Body)
				}
			}
			if strings.Contains(w.Body.String(), "PRIVATE") {
				t.Errorf("%s %s shows a private key", method, path)
			}
		}
		ask(pages, "GET", "/mail-keys", 200, "Mail is not signed")
		ask(rest, "GET", "/api/mail-keys", 200, `"items":[]`)
		c, private := protecttest.Certificate(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), "cert@cert.example")
		k, err := keys.Import(context.Background(), act.Machine, c+private)
		if err != nil {
			t.Fatal(err)
		}
		ask(pages, "GET", "/mail-keys", 200, "expires soon", "cert@cert.example", k.Fingerprint)
		ask(pages, "GET", "/mail-keys/"+k.Fingerprint, 200, "BEGIN CERTIFICATE", "Retire this key")
		ask(rest, "GET", "/api/mail-keys", 200, `"state":"expiring"`, `"expires":"2026-03-20T00:00:00Z"`)
		ask(rest, "GET", "/api/mail-keys/"+strings.ToLower(k.Fingerprint), 200, "BEGIN CERTIFICATE")
		ask(rest, "GET", "/api/mail-keys/AB", 404)
		ask(pages, "GET", "/mail-keys/AB", 404)
		ask(rest, "POST", "/api/mail-keys/"+k.Fingerprint+"/retire", 204)
		ask(pages, "POST", "/mail-keys/"+k.Fingerprint+"/retire", 404)
		ask(pages, "GET", "/mail-keys", 200, "retired")
	})
}
