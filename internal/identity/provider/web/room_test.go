package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

const secret = "violet tractor hums quietly"

// console is a small Tocsin with this room alone, and the provider that it trusts.
type console struct {
	*testing.T
	url      string
	idp      *idp
	accounts *identity.Store
	clock    *clock.Manual
	ana      int64
	verbs    *[]string
}

func open(t *testing.T, more ...func(*provider.Provider)) *console {
	t.Helper()
	at := clock.NewManual(clock.Real().Now())
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
	c.ana = c.account("ana@home.example", identity.Administrator)
	var app http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	c.url = s.URL
	c.idp = startIDP(t, map[string]*storage.Client{"tocsin": storage.WebClient("tocsin", "sesame", s.URL+"/sign-in/from/ministry")})
	p := provider.Provider{ID: "ministry", Title: "Ministry", Issuer: c.idp.URL, ClientID: "tocsin", Secret: "sesame", Scopes: []string{"email", "profile"}}
	for _, fn := range more {
		fn(&p)
	}
	net := egress.Open(egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	app, err = web.New(web.Config{Clock: at, Log: slog.New(slog.DiscardHandler), Team: "CERT", Allowed: identity.Allowed, SignIn: "/sign-in",
		Actor: func(r *http.Request) act.Actor {
			a, err := c.accounts.Resume(r.Context(), web.CookieOf(r, identity.SessionCookie, false))
			if err != nil {
				t.Error(err)
			}
			return a
		}}, Room(Config{Accounts: c.accounts, Seal: seal, Real: at, Providers: []provider.Provider{p}, PublicURL: c.url + "/",
		Client: fetch.Plain(net, "test", 1<<20, 10*time.Second), Log: slog.New(slog.DiscardHandler)}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *console) account(login string, r identity.Role) int64 {
	c.Helper()
	id, err := c.accounts.Create(context.Background(), identity.LocalActor, identity.NewAccount{Login: login, Name: "Somebody",
		Password: secret, Roles: []identity.Held{{Role: r}}})
	if err != nil {
		c.Fatal(err)
	}
	return id
}

// visitor is a browser with its own cookies.
type visitor struct {
	*console
	http.Client
}

func (c *console) visitor() *visitor {
	c.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.Fatal(err)
	}
	return &visitor{c, http.Client{Jar: jar}}
}

// signIn gives the browser a session by password.
func (v *visitor) signIn(login string) *visitor {
	v.Helper()
	in, err := v.accounts.SignIn(context.Background(), login, secret, identity.Device{})
	if err != nil {
		v.Fatal(err)
	}
	u, _ := url.Parse(v.url)
	v.Jar.SetCookies(u, []*http.Cookie{{Name: identity.SessionCookie, Value: in.Secret, Path: "/"}})
	return v
}

// open follows an address to the end and gives where that is and the page.
func (v *visitor) open(address string) (*url.URL, string) {
	v.Helper()
	if strings.HasPrefix(address, "/") {
		address = v.url + address
	}
	res, err := v.Get(address)
	if err != nil {
		v.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.Fatal(err)
	}
	return res.Request.URL, string(b)
}

// until follows an address until the console is asked for something that begins with the path, and does not ask for that.
func (v *visitor) until(address, path string) string {
	v.Helper()
	at := ""
	v.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if "http://"+r.URL.Host == v.url && strings.HasPrefix(r.URL.Path, path) {
			at = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { v.CheckRedirect = nil }()
	v.open(address)
	if at == "" {
		v.Fatalf("%s does not lead to %s", address, path)
	}
	return at
}

// first is where an address leads at once.
func (v *visitor) first(address string) *url.URL {
	v.Helper()
	v.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { v.CheckRedirect = nil }()
	res, err := v.Get(v.url + address)
	if err != nil {
		v.Fatal(err)
	}
	res.Body.Close()
	u, err := res.Location()
	if err != nil {
		v.Fatalf("%s leads nowhere: %d", address, res.StatusCode)
	}
	return u
}

// who is the account that the browser is signed in with, 0 without.
func (v *visitor) who() int64 {
	v.Helper()
	u, _ := url.Parse(v.url)
	for _, k := range v.Jar.Cookies(u) {
		if k.Name == identity.SessionCookie {
			a, err := v.accounts.Resume(context.Background(), k.Value)
			if err != nil {
				v.Fatal(err)
			}
			if a.Rights != nil {
				return a.Rights.Account
			}
		}
	}
	return 0
}

// refused fails unless the address ends with nobody signed in and this reason.
func (v *visitor) refused(address, why string) {
	v.Helper()
	at, page := v.open(address)
	if at.Path != "/sign-in/refused" || at.Query().Get("why") != why || !strings.Contains(page, "You are not signed in") {
		v.Errorf("want refused as %s, at %s", why, at)
	}
	if id := v.who(); id != 0 {
		v.Errorf("signed in as %d all the same", id)
	}
}

func (c *console) link() {
	c.Helper()
	if err := c.accounts.Link(context.Background(), identity.LocalActor, c.ana, c.idp.URL, "id1"); err != nil {
		c.Fatal(err)
	}
}

func TestRoomKeepsTheRules(t *testing.T) {
	keys := []string{"title.provider-refused", "title.providers", "title.provider-person", "provider.linked", "provider.unlinked"}
	for _, r := range reasons {
		keys = append(keys, "provider.why."+r)
	}
	webtest.Check(t, Room(Config{}), keys...)
}

func TestLinkedIdentitySignsInAndAStrangerIsTold(t *testing.T) {
	c := open(t)
	c.visitor().refused("/sign-in/with/ministry", "unknown")
	if !slices.Contains(*c.verbs, "identity.stranger") {
		t.Errorf("audit does not tell of the stranger: %q", *c.verbs)
	}
	c.link()
	v := c.visitor()
	at, _ := v.open("/sign-in/with/ministry?to=/account/providers")
	if at.Path != "/account/providers" || v.who() != c.ana {
		t.Fatalf("signed in as %d at %s", v.who(), at)
	}
	list, err := c.accounts.Sessions(context.Background(), c.ana, 0)
	if err != nil || len(list) != 1 || list[0].Method != "oidc" {
		t.Errorf("sessions %+v %v", list, err)
	}
	if n := c.idp.asked.Load(); n != 1 {
		t.Errorf("the provider's description was asked for %d times", n)
	}
	if err := c.accounts.Disable(context.Background(), identity.LocalActor, c.ana); err == nil {
		t.Fatal("the last administrator was disabled")
	}
	c.account("second@home.example", identity.Administrator)
	if err := c.accounts.Disable(context.Background(), identity.LocalActor, c.ana); err != nil {
		t.Fatal(err)
	}
	c.visitor().refused("/sign-in/with/ministry", "disabled")
}

func TestAnswerMustBelongToThisBrowsersSignInAndComeInTimeAndOnce(t *testing.T) {
	c := open(t)
	c.link()
	t.Run("wrong state", func(t *testing.T) {
		v := c.visitor()
		at, _ := url.Parse(v.until("/sign-in/with/ministry", "/sign-in/from/"))
		q := at.Query()
		q.Set("state", "AAAA")
		at.RawQuery = q.Encode()
		v.refused(at.String(), "late")
	})
	t.Run("no cookie", func(t *testing.T) {
		c.visitor().refused(c.visitor().until("/sign-in/with/ministry", "/sign-in/from/"), "late")
	})
	t.Run("another browser's sign-in", func(t *testing.T) {
		other := c.visitor()
		other.first("/sign-in/with/ministry")
		other.refused(c.visitor().until("/sign-in/with/ministry", "/sign-in/from/"), "late")
	})
	t.Run("expired", func(t *testing.T) {
		v := c.visitor()
		at := v.until("/sign-in/with/ministry", "/sign-in/from/")
		c.clock.Move(10 * time.Minute)
		v.refused(at, "late")
	})
	t.Run("twice", func(t *testing.T) {
		v := c.visitor()
		at := v.until("/sign-in/with/ministry", "/sign-in/from/")
		u, _ := url.Parse(c.url)
		kept := v.Jar.Cookies(u)
		v.open(at)
		if v.who() != c.ana {
			t.Fatal("the right answer does not sign in")
		}
		again := c.visitor()
		again.refused(at, "late") // the cookie is gone
		again.Jar.SetCookies(u, kept)
		again.refused(at, "failed") // and with it the code is used
	})
	t.Run("the answer of another issuer", func(t *testing.T) {
		v := c.visitor()
		v.refused(v.until("/sign-in/with/ministry", "/sign-in/from/")+"&iss=https%3A%2F%2Fother.example", "failed")
	})
	t.Run("declined", func(t *testing.T) {
		v := c.visitor()
		state := v.first("/sign-in/with/ministry").Query().Get("state")
		v.refused("/sign-in/from/ministry?error=access_denied&state="+state, "denied")
	})
	t.Run("an error without its state", func(t *testing.T) {
		c.visitor().refused("/sign-in/from/ministry?error=access_denied", "late")
	})
}

func TestTokenMustBeForThisClientAndSignInInTimeAndSigned(t *testing.T) {
	c := open(t)
	c.link()
	for name, change := range map[string]func(map[string]any){
		"wrong audience":        func(m map[string]any) { m["aud"] = "other" },
		"made for another":      func(m map[string]any) { m["azp"] = "other" },
		"two audiences, no azp": func(m map[string]any) { m["aud"] = []string{"tocsin", "other"}; delete(m, "azp") },
		"wrong issuer":          func(m map[string]any) { m["iss"] = "https://other.example" },
		"expired":               func(m map[string]any) { m["exp"] = c.clock.Now().Add(-time.Second).Unix() },
		"wrong nonce":           func(m map[string]any) { m["nonce"] = "other" },
		"no nonce":              func(m map[string]any) { delete(m, "nonce") },
		"nobody":                func(m map[string]any) { m["sub"] = "" },
		"a subject too long":    func(m map[string]any) { m["sub"] = strings.Repeat("x", 256) },
	} {
		t.Run(name, func(t *testing.T) {
			c.idp.answers(change, false)
			c.visitor().refused("/sign-in/with/ministry", "failed")
		})
	}
	c.idp.answers(nil, true)
	c.visitor().refused("/sign-in/with/ministry", "failed") // another key signed it
	c.idp.answers(func(map[string]any) {}, false)
	v := c.visitor()
	if v.open("/sign-in/with/ministry"); v.who() != c.ana {
		t.Error("the token as it was does not sign in: this test tests nothing")
	}
}

func TestNonceAndVerifierOfTheRequestCount(t *testing.T) {
	c := open(t)
	c.link()
	for name, value := range map[string]string{"nonce": "other", "code_challenge": "0123456789012345678901234567890123456789abc"} {
		v := c.visitor()
		to := v.first("/sign-in/with/ministry")
		q := to.Query()
		if q.Get(name) == "" || q.Get("code_challenge_method") != "S256" {
			t.Fatalf("the request lacks %s: %s", name, to)
		}
		q.Set(name, value)
		to.RawQuery = q.Encode()
		v.refused(to.String(), "failed")
	}
}

func TestProviderThatIsDownKeepsNobodyElseOut(t *testing.T) {
	c := open(t)
	c.link()
	c.idp.down.Store(true)
	v := c.visitor()
	for range 3 {
		if at, page := v.open("/sign-in/with/ministry"); !strings.Contains(page, "Ministry does not answer") {
			t.Errorf("at %s: %s", at, page)
		}
	}
	if n := c.idp.asked.Load(); n != 1 {
		t.Errorf("a provider that is down was asked %d times at once", n)
	}
	if _, page := c.visitor().signIn("ana@home.example").open("/account/providers"); !strings.Contains(page, "Ministry") {
		t.Error("the page of providers needs the provider")
	}
	c.idp.down.Store(false)
	c.clock.Move(10 * time.Second)
	if v.open("/sign-in/with/ministry"); v.who() != c.ana {
		t.Error("the provider is back and nobody signs in")
	}
	c.idp.down.Store(true)
	c.clock.Move(24 * time.Hour)
	if to := c.visitor().first("/sign-in/with/ministry"); !strings.HasPrefix(to.String(), c.idp.URL) {
		t.Errorf("the old description does not serve: %s", to)
	}
}

func TestOwnAccountIsLinkedAndUnlinkedOnItsPage(t *testing.T) {
	c := open(t)
	ctx := context.Background()
	v := c.visitor().signIn("ana@home.example")
	_, page := v.open("/account/providers")
	_, rest, ok := strings.Cut(page, `href="/account/providers/ministry/link?ticket=`)
	if !ok {
		t.Fatal(page)
	}
	ticket, _, _ := strings.Cut(rest, `"`)
	link := "/account/providers/ministry/link?ticket=" + strings.ReplaceAll(ticket, "&#43;", "+")

	for _, wrong := range []string{"/account/providers/ministry/link", "/account/providers/ministry/link?ticket=AAAA"} {
		if at, page := v.open(wrong); at.Path != "/account/providers/ministry/link" || !strings.Contains(page, "begin the link on your page") {
			t.Errorf("%s begins a link", wrong)
		}
	}
	c.account("eve@home.example", identity.Reader)
	eve := c.visitor().signIn("eve@home.example")
	if at, _ := eve.open(link); at.Path != "/account/providers/ministry/link" {
		t.Error("the ticket of one account begins a link of another")
	}
	if at, page := v.open(link); at.Path != "/account/providers" || !strings.Contains(page, "The identity is linked.") {
		t.Errorf("at %s: %s", at, page)
	}
	if a, err := c.accounts.ByProvider(ctx, c.idp.URL, "id1"); err != nil || a.ID != c.ana {
		t.Errorf("linked to %+v %v", a, err)
	}
	_, page = eve.open("/account/providers")
	_, rest, _ = strings.Cut(page, `href="/account/providers/ministry/link?ticket=`)
	ticket, _, _ = strings.Cut(rest, `"`)
	if at, _ := eve.open("/account/providers/ministry/link?ticket=" + ticket); at.Query().Get("why") != "elsewhere" {
		t.Errorf("an identity belongs to two accounts: %s", at)
	}
	res, err := v.PostForm(c.url+"/account/providers/unlink", url.Values{"issuer": {c.idp.URL}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if list, err := c.accounts.Providers(ctx, c.ana); err != nil || len(list) != 0 {
		t.Errorf("still linked: %v %v", list, err)
	}
}

func TestAdministratorLinksAPerson(t *testing.T) {
	c := open(t)
	c.accounts.NeedsTwo = func(context.Context, string) (bool, error) { return false, nil } // one administrator recovers an account
	id := c.account("bob@home.example", identity.Reader)
	v := c.visitor().signIn("ana@home.example")
	path := personPath(id)
	if _, page := v.open(path); !strings.Contains(page, "Ministry") {
		t.Error(page)
	}
	post := func(v *visitor, path string, form url.Values) int {
		res, err := v.PostForm(c.url+path, form)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if s := post(v, path, url.Values{"issuer": {"https://other.example"}, "subject": {"id1"}}); s != 400 {
		t.Errorf("an issuer that is no provider is linked: %d", s)
	}
	if s := post(c.visitor().signIn("bob@home.example"), path, url.Values{"issuer": {c.idp.URL}, "subject": {"id1"}}); s != 403 {
		t.Errorf("a reader links: %d", s)
	}
	if s := post(v, path, url.Values{"issuer": {c.idp.URL}, "subject": {"id1"}}); s != 200 {
		t.Errorf("an administrator does not link: %d", s)
	}
	bob := c.visitor()
	if bob.open("/sign-in/with/ministry"); bob.who() != id {
		t.Errorf("signed in as %d", bob.who())
	}
}

func TestWhomTheSettingsWelcomeGetsAnAccountAndNobodyElse(t *testing.T) {
	c := open(t, func(p *provider.Provider) { p.Role, p.Domains = identity.Reader, []string{"cert.example"} })
	v := c.visitor()
	v.open("/sign-in/with/ministry")
	a, err := c.accounts.ByLogin(context.Background(), "ana@cert.example")
	if err != nil || v.who() != a.ID || a.Name != "Ana Anić" || !a.Has(identity.Reader) || len(a.Roles) != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	again := c.visitor()
	if again.open("/sign-in/with/ministry"); again.who() != a.ID {
		t.Error("the second time is another account")
	}
	if err := c.accounts.Unlink(context.Background(), identity.LocalActor, a.ID, c.idp.URL); err == nil {
		t.Error("the only way to sign in was taken")
	}
	for user, why := range map[string]string{"eve": "unknown", "bob": "unknown"} { // not verified; of another domain
		c.idp.userAt.Store(user)
		c.visitor().refused("/sign-in/with/ministry", why)
	}
	c.account("carol@cert.example", identity.Analyst)
	c.idp.userAt.Store("ana")
	c.idp.answers(func(m map[string]any) {
		m["sub"], m["email"], m["email_verified"] = "id9", "carol@cert.example", "true"
	}, false)
	c.visitor().refused("/sign-in/with/ministry", "taken") // a mail address never takes an account over
}
