package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/identity/passkey"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

const secret = "violet tractor hums quietly"

// console is a small Tocsin with this room alone, at http://localhost.
type console struct {
	*testing.T
	url      string
	accounts *identity.Store
	clock    *clock.Manual
	ana      int64
	verbs    *[]string
}

func open(t *testing.T) *console {
	t.Helper()
	at := clock.NewManual(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	var verbs []string
	recorder := audit.Recorder(at)
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", func(tx *db.Tx, a act.Act) error {
		verbs = append(verbs, a.Verb)
		return recorder(tx, a)
	})
	seal, err := identity.NewSeal([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	c := &console{T: t, accounts: identity.NewStore(identity.Config{DB: d, Real: at, Seal: seal}), clock: at, verbs: &verbs}
	if c.ana, err = c.accounts.Create(context.Background(), identity.LocalActor, identity.NewAccount{Login: "ana@cert.example",
		Name: "Ana", Password: secret, Roles: []identity.Held{{Role: identity.Analyst}}}); err != nil {
		t.Fatal(err)
	}
	var app http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	c.url = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	app = c.app(seal, c.url)
	return c
}

func (c *console) app(seal *identity.Seal, public string) http.Handler {
	c.Helper()
	keys, err := passkey.New(passkey.Config{Accounts: c.accounts, Seal: seal, Real: c.clock, PublicURL: public, Title: "CERT"})
	if err != nil {
		c.Fatal(err)
	}
	app, err := web.New(web.Config{Clock: c.clock, Log: slog.New(slog.DiscardHandler), Team: "CERT", Allowed: identity.Allowed,
		Actor: func(r *http.Request) act.Actor {
			a, err := c.accounts.Resume(r.Context(), web.CookieOf(r, identity.SessionCookie, false))
			if err != nil {
				c.Error(err)
			}
			return a
		}}, Room(Config{Accounts: c.accounts, Keys: keys, Home: "/account/passkeys"}))
	if err != nil {
		c.Fatal(err)
	}
	return app
}

func (c *console) session() string {
	c.Helper()
	in, err := c.accounts.SignIn(context.Background(), "ana@cert.example", secret, identity.Device{Address: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		c.Fatal(err)
	}
	return in.Secret
}

// post sends a form without a browser and gives the status, the page and the session that was opened.
func (c *console) post(path, session string, form url.Values) (int, string, string) {
	c.Helper()
	r, err := http.NewRequest("POST", c.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if session != "" {
		r.AddCookie(&http.Cookie{Name: identity.SessionCookie, Value: session})
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	opened := ""
	for _, k := range res.Cookies() {
		if k.Name == identity.SessionCookie {
			opened = k.Value
		}
	}
	return res.StatusCode, string(b), opened
}

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, Room(Config{}), "title.passkeys", "title.passkey-sign-in", "passkey.added", "passkey.removed")
}

func TestAtAnAddressPasskeysAreNotOfferedAndThePagesSayWhy(t *testing.T) {
	c := open(t)
	seal, err := identity.NewSeal([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []string{"", "http://127.0.0.1:8080", "https://[2001:db8::1]", "http://tocsin.cert.example"} {
		app := c.app(seal, public)
		for _, path := range []string{"/sign-in/passkey", "/account/passkeys"} {
			r := httptest.NewRequest("GET", path, nil)
			r.AddCookie(&http.Cookie{Name: identity.SessionCookie, Value: c.session()})
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if w.Code != 200 || strings.Contains(w.Body.String(), "data-passkey-") || !strings.Contains(w.Body.String(), "by its host name over https") {
				t.Errorf("%q %s: %d %s", public, path, w.Code, w.Body)
			}
		}
	}
}

func TestAnswerThatIsNoneIsRefusedWithAFreshQuestion(t *testing.T) {
	c := open(t)
	session := c.session()
	for _, answer := range []string{"", "{", `{"id":"x"}`, `{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{}}`} {
		for path, session := range map[string]string{"/sign-in/passkey": "", "/account/passkeys": session} {
			status, page, opened := c.post(path, session, url.Values{"name": {"Phone"}, "answer": {answer}, "state": {"nonsense"}})
			if status != 400 || opened != "" || !strings.Contains(page, `data-passkey-`) {
				t.Errorf("%s with %q: %d", path, answer, status)
			}
		}
	}
	if status, _, _ := c.post("/account/passkeys", "", url.Values{"name": {"Phone"}}); status != 403 {
		t.Errorf("nobody adds a passkey: %d", status)
	}
}
