package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"tocsin/internal/app"
	"tocsin/internal/identity/provider"
)

func TestSignInOffersThePasskeysAndProvidersThatThereAre(t *testing.T) {
	w := openWorld(t)
	page := func(o app.Options) string {
		t.Helper()
		o.Listen = "127.0.0.1:0"
		s, stop := startWith(t, w, o)
		defer stop()
		res, err := http.Get(s.URL() + "/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		return string(b)
	}
	if p := page(app.Options{}); strings.Contains(p, "/sign-in/passkey") || strings.Contains(p, "/sign-in/with/") {
		t.Error("offers what there is not")
	}
	p := page(app.Options{PublicURL: []string{"http://localhost:8080"},
		Providers: []provider.Provider{{ID: "ministry", Title: "Ministry <of>", Issuer: "https://login.example", ClientID: "tocsin"}}})
	for _, want := range []string{`href="/sign-in/passkey">Sign in with a passkey<`, `href="/sign-in/with/ministry">Ministry &lt;of&gt;<`} {
		if !strings.Contains(p, want) {
			t.Errorf("%q is missing in %s", want, p)
		}
	}
}
