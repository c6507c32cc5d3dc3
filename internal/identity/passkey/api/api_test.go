package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	passkeyapi "tocsin/internal/identity/passkey/api"
	"tocsin/internal/identity/provider"
	providerapi "tocsin/internal/identity/provider/api"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
)

func TestOwnAndOthersWaysOfSigningInAreListedAndTakenAway(t *testing.T) {
	ctx := context.Background()
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(clock.Real()))
	s := identity.NewStore(identity.Config{DB: d, Real: clock.Real()})
	who := map[string]act.Actor{}
	ids := map[string]int64{}
	for login, role := range map[string]identity.Role{"ana@cert.example": identity.Administrator, "bob@cert.example": identity.Member} {
		h := identity.Held{Role: role}
		if role.OfConstituent() {
			h.Role = identity.Authority
		}
		id, err := s.Create(ctx, identity.LocalActor, identity.NewAccount{Login: login, Name: "N", Password: "violet tractor hums quietly", Roles: []identity.Held{h}})
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.Begin(ctx, id, "passkey", identity.Device{})
		if err != nil {
			t.Fatal(err)
		}
		if who[login], err = s.Resume(ctx, in.Secret); err != nil {
			t.Fatal(err)
		}
		ids[login] = id
		if err := s.AddPasskey(ctx, who[login], []byte(login), "{}", "Key of "+login); err != nil {
			t.Fatal(err)
		}
	}
	caller := ""
	h, err := api.New(api.Config{Title: "T", Version: "1", Allowed: identity.Allowed, Log: slog.New(slog.DiscardHandler),
		Actor: func(*http.Request) act.Actor { return who[caller] }},
		append(passkeyapi.Routes(s), providerapi.Routes(s, []provider.Provider{{ID: "m", Issuer: "https://login.example"}})...)...)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(as, method, path, body string, status int, want string) {
		t.Helper()
		caller = as
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s as %s: %d %s, want %d %q", path, as, w.Code, w.Body, status, want)
		}
	}
	const ana, bob = "ana@cert.example", "bob@cert.example"
	of := func(login, what string) string { return fmt.Sprintf("/api/accounts/%d/%s", ids[login], what) }
	list, err := s.Passkeys(ctx, ids[ana])
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	anas := fmt.Sprintf("/api/me/passkeys/%d", list[0].ID)

	ask(bob, "GET", "/api/me/passkeys", "", 200, "Key of "+bob)
	ask(bob, "GET", of(ana, "passkeys"), "", 403, "")
	ask(bob, "DELETE", anas, "", 404, "")
	ask(ana, "GET", of(bob, "passkeys"), "", 200, "Key of "+bob)
	ask(ana, "GET", "/api/accounts/999/passkeys", "", 404, "")
	ask(ana, "DELETE", anas, "", 204, "")
	ask(ana, "GET", "/api/me/passkeys", "", 200, `"items":[]`)

	link := `{"issuer":"https://login.example","subject":"7"}`
	ask(bob, "POST", of(bob, "providers"), link, 403, "")
	ask(ana, "POST", of(bob, "providers"), `{"issuer":"https://other.example","subject":"7"}`, 422, "there is no such provider")
	ask(ana, "POST", of(bob, "providers"), link, 403, "can sign in")
	s.NeedsTwo = func(context.Context, string) (bool, error) { return false, nil } // one administrator recovers an account
	ask(ana, "POST", of(bob, "providers"), link, 201, "https://login.example")
	ask(ana, "POST", of(ana, "providers"), link, 409, "")
	ask(ana, "POST", "/api/accounts/999/providers", link, 404, "")
	ask(bob, "GET", "/api/me/providers", "", 200, "https://login.example")
	ask(bob, "DELETE", "/api/me/providers?issuer=https://login.example", "", 204, "")
	ask(bob, "GET", "/api/me/providers", "", 200, `"items":[]`)
	ask(ana, "DELETE", of(bob, "providers")+"?issuer=https://login.example", "", 404, "")
}
