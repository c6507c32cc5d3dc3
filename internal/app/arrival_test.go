package app

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/rate"
)

// gate is a server's way in, up to what next is.
func gate(t *testing.T, o Options, c clock.Clock, next http.HandlerFunc) (*Server, http.Handler) {
	t.Helper()
	s := &Server{options: o, forms: []string{"/sign-in"}, limits: newLimits(o.Limits, c), publicURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}}
	urls, err := o.public()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range urls {
		s.hosts = append(s.hosts, hostname(u.Host))
		s.publicURL, s.secure = urls[0], urls[0].Scheme == "https"
	}
	return s, guardContent(s.arrive(s.limit(s.guardHost(next))))
}

func ask(h http.Handler, method, target, from string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.TLS = nil
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTheClientIsWhoTheProxySaysAndNobodyElse(t *testing.T) {
	behind := func(forwarded bool) Options {
		return Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8:f::/48")},
			Forwarded: forwarded, PublicURL: []string{"https://cert.example"}}
	}
	for _, tt := range []struct {
		name      string
		o         Options
		from      string
		header    []string
		status    int
		client    string
		hsts, lcl bool
	}{
		{"no proxy: headers are not believed", Options{}, "127.0.0.1", []string{"X-Forwarded-For", "203.0.113.9", "Forwarded", "for=203.0.113.9"}, 200, "127.0.0.1", false, true},
		{"a stranger passes by the proxy", behind(false), "203.0.113.66", []string{"X-Forwarded-For", "10.0.0.1", "X-Forwarded-Proto", "https"}, 403, "", false, false},
		{"this machine passes by the proxy", behind(false), "127.0.0.1", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, 200, "127.0.0.1", false, true},
		{"the proxy tells", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, 200, "203.0.113.9", true, false},
		{"what the client wrote before is not believed", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto", "https"}, 200, "203.0.113.9", true, false},
		{"in a line of its own either", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, 200, "203.0.113.9", true, false},
		{"two proxies", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.0.0.8", "X-Forwarded-Proto", "https"}, 200, "203.0.113.9", true, false},
		{"a client that claims to be a proxy", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "10.0.0.9, 203.0.113.9", "X-Forwarded-Proto", "https"}, 200, "203.0.113.9", true, false},
		{"a client that claims to be this machine is not local", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "https"}, 200, "127.0.0.1", true, false},
		{"a port and IPv4 in IPv6", behind(false), "::ffff:10.0.0.7", []string{"X-Forwarded-For", "[::ffff:203.0.113.9]:4711", "X-Forwarded-Proto", "HTTPS"}, 200, "203.0.113.9", true, false},
		{"IPv6", behind(false), "2001:db8:f::1", []string{"X-Forwarded-For", "2001:db8::9", "X-Forwarded-Proto", "https"}, 200, "2001:db8::9", true, false},
		{"nonsense ends the chain", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "203.0.113.9, unknown, 10.0.0.8", "X-Forwarded-Proto", "https"}, 200, "10.0.0.8", true, false},
		{"a proxy that says nothing about the client", behind(false), "10.0.0.7", []string{"X-Forwarded-Proto", "https"}, 200, "10.0.0.7", true, false},
		{"plain HTTP at the proxy", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http"}, 308, "", false, false},
		{"a client that claims https before the proxy's http", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https, http"}, 308, "", false, false},
		{"a proxy that does not say how", behind(false), "10.0.0.7", []string{"X-Forwarded-For", "203.0.113.9"}, 403, "", false, false},
		{"Forwarded where the other is expected", behind(false), "10.0.0.7", []string{"Forwarded", "for=198.51.100.1;proto=https"}, 403, "", false, false},
		{"Forwarded", behind(true), "10.0.0.7", []string{"Forwarded", `for=198.51.100.1;proto=http, For="203.0.113.9:80";Proto=https`, "X-Forwarded-For", "192.0.2.1"}, 200, "203.0.113.9", true, false},
		{"Forwarded with IPv6", behind(true), "10.0.0.7", []string{"Forwarded", `by=_a;for="[2001:db8::9]:4711";proto=https`}, 200, "2001:db8::9", true, false},
		{"Forwarded with a hidden name", behind(true), "10.0.0.7", []string{"Forwarded", `for=203.0.113.9, for=_hidden;proto=https`}, 200, "10.0.0.7", true, false},
		{"Forwarded with a quote that the client left open", behind(true), "10.0.0.7", []string{"Forwarded", `for=198.51.100.1;proto=https;x=", for=203.0.113.9;proto=https`}, 403, "", false, false},
		{"Forwarded with a separator in quotes", behind(true), "10.0.0.7", []string{"Forwarded", `for=203.0.113.9;host="a,for=192.0.2.1;proto=http";proto=https`}, 200, "203.0.113.9", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got arrival
			_, h := gate(t, tt.o, clock.Real(), func(w http.ResponseWriter, r *http.Request) {
				got = arrivalOf(r)
				if Client(r) != got.client {
					t.Error("Client tells another address")
				}
			})
			host := "cert.example"
			if len(tt.o.Proxies) == 0 {
				host = "127.0.0.1"
			}
			w := ask(h, "GET", "http://"+host+"/findings?a=1", tt.from, tt.header...)
			if w.Code != tt.status {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if w.Code == 308 && w.Header().Get("Location") != "https://cert.example/findings?a=1" {
				t.Errorf("leads to %s", w.Header().Get("Location"))
			}
			if (w.Header().Get("Strict-Transport-Security") != "") != tt.hsts {
				t.Errorf("HSTS: %q", w.Header().Get("Strict-Transport-Security"))
			}
			if w.Code == 200 && (got.client.String() != tt.client || got.local != tt.lcl) {
				t.Errorf("client %s, local %t", got.client, got.local)
			}
		})
	}
}

func TestAWriteByPlainHTTPIsNotRedirected(t *testing.T) {
	_, h := gate(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, PublicURL: []string{"https://cert.example"}},
		clock.Real(), func(http.ResponseWriter, *http.Request) { t.Error("it was let in") })
	w := ask(h, "POST", "http://cert.example/api/x", "10.0.0.7", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http")
	if w.Code != 403 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOnlyOwnNamesAreAnswered(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	_, plain := gate(t, Options{}, clock.Real(), ok)
	_, behind := gate(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, PublicURL: []string{"https://cert.example", "https://soc.example:8443"}},
		clock.Real(), ok)
	for _, tt := range []struct {
		h      http.Handler
		host   string
		status int
	}{
		{plain, "127.0.0.1:8080", 200}, {plain, "localhost", 200}, {plain, "[::1]:8080", 200}, {plain, "LOCALHOST:1", 200},
		{plain, "rebound.example", 421}, {plain, "127.0.0.1.rebound.example", 421}, {plain, "203.0.113.7", 421}, {plain, "localhost.example", 421},
		{behind, "cert.example", 200}, {behind, "CERT.example.:443", 200}, {behind, "soc.example", 200},
		{behind, "rebound.example", 421}, {behind, "a.cert.example", 421},
		{behind, "127.0.0.1:8080", 421}, // a proxy that replaces the name hides which one the browser asked for
	} {
		w := ask(tt.h, "GET", "http://"+tt.host+"/", "127.0.0.1", "X-Forwarded-Proto", "https")
		if w.Code != tt.status {
			t.Errorf("%s: %d", tt.host, w.Code)
		}
	}
}

func TestEveryAnswerForbidsContentToRun(t *testing.T) {
	_, h := gate(t, Options{Limits: Limits{Forms: rate.PerMinute(1, 1)}}, clock.Real(), func(http.ResponseWriter, *http.Request) {})
	for _, w := range []*httptest.ResponseRecorder{ask(h, "GET", "http://127.0.0.1/", "127.0.0.1"), ask(h, "GET", "http://rebound.example/", "127.0.0.1"),
		ask(h, "POST", "http://127.0.0.1/sign-in", "127.0.0.1"), ask(h, "POST", "http://127.0.0.1/sign-in", "127.0.0.1")} {
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff",
			"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin"} {
			if !strings.Contains(w.Header().Get(name), want) {
				t.Errorf("%d: %s is %q", w.Code, name, w.Header().Get(name))
			}
		}
	}
}

func manual() *clock.Manual { return clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) }

// proxied asks as a client behind the proxy.
func proxied(h http.Handler, method, path, client string, header ...string) *httptest.ResponseRecorder {
	return ask(h, method, "http://cert.example"+path, "10.0.0.7", append(header, "X-Forwarded-For", client, "X-Forwarded-Proto", "https")...)
}

func limited(l Limits) Options {
	return Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, PublicURL: []string{"https://cert.example"}, Limits: l}
}

func TestWhoAsksTooOftenWaits(t *testing.T) {
	now := manual()
	_, h := gate(t, limited(Limits{Requests: rate.PerMinute(30, 2)}), now, func(http.ResponseWriter, *http.Request) {})
	for i, want := range []int{200, 200, 429} {
		if w := proxied(h, "GET", "/", "203.0.113.9"); w.Code != want {
			t.Fatalf("request %d: %d", i, w.Code)
		}
	}
	w := proxied(h, "GET", "/api/findings", "203.0.113.9")
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := proxied(h, "GET", "/", "203.0.113.10"); w.Code != 200 {
		t.Errorf("another client waits with it: %d", w.Code)
	}
	if w := ask(h, "GET", "http://127.0.0.1/", "127.0.0.1"); w.Code != 200 {
		t.Errorf("this machine waits with it: %d", w.Code)
	}
	now.Move(2 * time.Second)
	if w := proxied(h, "GET", "/", "203.0.113.9"); w.Code != 200 {
		t.Errorf("after the wait: %d", w.Code)
	}
}

func TestSignInAndPublicFormsAreLimitedMore(t *testing.T) {
	_, h := gate(t, limited(Limits{Forms: rate.PerMinute(2, 2)}), manual(), func(http.ResponseWriter, *http.Request) {})
	for i, tt := range []struct {
		method, path, cookie string
		want                 int
	}{
		{"POST", "/sign-in", "", 200}, {"GET", "/sign-in", "", 200}, {"POST", "/sign-in/totp", "a=b", 200},
		{"POST", "/sign-in", "a=b", 429}, // an invented cookie is no way around
		{"POST", "/elsewhere", "", 429}, {"POST", "/findings/1/close", "a=b", 200}, {"GET", "/findings", "", 200},
		{"POST", "/sign-input", "a=b", 200},
	} {
		var header []string
		if tt.cookie != "" {
			header = []string{"Cookie", tt.cookie}
		}
		if w := proxied(h, tt.method, tt.path, "203.0.113.9", header...); w.Code != tt.want {
			t.Errorf("%d: %s %s: %d", i, tt.method, tt.path, w.Code)
		}
	}
	if w := ask(h, "POST", "http://127.0.0.1/sign-in", "127.0.0.1"); w.Code != 200 {
		t.Errorf("this machine has no bucket of its own: %d", w.Code)
	}
}

func TestFormsOfStrangersAreSmall(t *testing.T) {
	var err error
	_, h := gate(t, Options{}, clock.Real(), func(_ http.ResponseWriter, r *http.Request) { _, err = r.Body.Read(make([]byte, formBody+1)) })
	r := httptest.NewRequest("POST", "http://127.0.0.1/sign-in", strings.NewReader(strings.Repeat("x", formBody+1)))
	r.RemoteAddr = "127.0.0.1:1"
	h.ServeHTTP(httptest.NewRecorder(), r)
	if err == nil {
		t.Error("a body of more than a megabyte was read")
	}
}

func TestGuessedTokensRunOut(t *testing.T) {
	now := manual()
	_, h := gate(t, limited(Limits{Failures: rate.PerMinute(1, 2)}), now, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for i, tt := range []struct {
		token string
		want  int
	}{{"right", 200}, {"right", 200}, {"right", 200}, {"wrong", 401}, {"wrong", 401}, {"wrong", 429}, {"right", 429}} {
		if w := proxied(h, "GET", "/api/findings", "203.0.113.9", "Authorization", "Bearer "+tt.token); w.Code != tt.want {
			t.Errorf("%d: %d, want %d", i, w.Code, tt.want)
		}
	}
	if w := proxied(h, "GET", "/api/findings", "203.0.113.9"); w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
	now.Move(time.Minute)
	if w := proxied(h, "GET", "/api/findings", "203.0.113.9", "Authorization", "Bearer right"); w.Code != 200 {
		t.Errorf("after a minute: %d", w.Code)
	}
}

func TestOneClientDoesNotTakeAllSlots(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	_, h := gate(t, limited(Limits{Concurrent: 1}), clock.Real(), func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(inside)
			<-leave
		}
	})
	done := make(chan int)
	go func() { done <- proxied(h, "GET", "/slow", "203.0.113.9").Code }()
	<-inside
	if w := proxied(h, "GET", "/", "203.0.113.9"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a second at once: %d", w.Code)
	}
	if w := proxied(h, "GET", "/", "203.0.113.10"); w.Code != 200 {
		t.Errorf("another client: %d", w.Code)
	}
	close(leave)
	if code := <-done; code != 200 {
		t.Error(code)
	}
	if w := proxied(h, "GET", "/", "203.0.113.9"); w.Code != 200 {
		t.Errorf("after the first ended: %d", w.Code)
	}
}

func TestSecurityTextIsThatOfRFC9116(t *testing.T) {
	p := &nation.Profile{Languages: []string{"sr-Latn", "en"}, Team: nation.Team{Mails: []string{"cert@cert.example", "a&b@cert.example"}, Phone: "+381 (11) 123 456"}}
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	got := securityText(p, &url.URL{Scheme: "https", Host: "cert.example"}, now)
	want := `Contact: mailto:cert@cert.example
Contact: mailto:a&b@cert.example
Contact: tel:+381-11-123-456
Expires: 2026-08-31T00:00:00Z
Preferred-Languages: sr-Latn, en
Canonical: https://cert.example/.well-known/security.txt
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if got := securityText(&nation.Profile{Team: nation.Team{Phone: "internal 12"}}, &url.URL{Scheme: "http", Host: "127.0.0.1"}, now); got != "" {
		t.Errorf("without a contact the required field is missing: %s", got)
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.8", `for="[2001:db8::9]:1";proto=https, for=_x`)
	f.Add("", `for=198.51.100.1;proto=https;x="`)
	f.Fuzz(func(t *testing.T, xff, fwd string) {
		for _, o := range []Options{limited(Limits{}), {Proxies: limited(Limits{}).Proxies, Forwarded: true}} {
			s := &Server{options: o}
			r := &http.Request{RemoteAddr: "10.0.0.7:1", Header: http.Header{"X-Forwarded-For": {xff, "203.0.113.9"}, "Forwarded": {fwd, "for=203.0.113.9"}}}
			// Whatever a client writes before it, the element that the trusted proxy appends decides, or nothing does.
			client, _ := s.told(r)
			if client.String() != "203.0.113.9" && !(o.Forwarded && client.String() == "10.0.0.7" && strings.Contains(fwd, `"`)) {
				t.Errorf("%q %q: client %s", xff, fwd, client)
			}
		}
	})
}
