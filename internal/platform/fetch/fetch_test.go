package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/spool"
)

var loopback = egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// client is one that may reach the test's servers and does not wait between attempts; waits counts the pauses.
func client(t *testing.T, n *egress.Net) (c *Client, waits *[]time.Duration) {
	waits = new([]time.Duration)
	return New(n, Options{Version: "1.2", Spool: spool.Dir(t.TempDir()), MaxBytes: 1000,
		Wait: func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil }}), waits
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestGetsAFileWhole(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "Tocsin/1.2" || r.Header.Get("X-Key") != "k" {
			t.Errorf("headers: %v", r.Header)
		}
		w.Header().Set("Content-Disposition", `attachment; filename="../2026-01-02-a.csv"`)
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, "content")
	})
	c, _ := client(t, egress.Open(loopback))
	f, r, err := c.File(context.Background(), Request{URL: u + "/x?secret=1", Header: map[string]string{"X-Key": "k"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	body, _ := f.Open()
	if b, _ := io.ReadAll(body); string(b) != "content" || r.Name != "2026-01-02-a.csv" || r.ETag != `"1"` {
		t.Errorf("got %q, %+v", b, r)
	}
}

func TestAsksOnlyForWhatIsNew(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"1"` && r.Header.Get("If-Modified-Since") == "then" {
			w.WriteHeader(http.StatusNotModified)
		}
	})
	c, _ := client(t, egress.Open(loopback))
	f, r, err := c.File(context.Background(), Request{URL: u, ETag: `"1"`, LastModified: "then"})
	if err != nil || f != nil || !r.NotModified() {
		t.Errorf("got %v, %+v, %v", f, r, err)
	}
}

func TestTriesAgainWhatMayPass(t *testing.T) {
	n := 0
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n++; n {
		case 1:
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2: // cut off in the middle
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "half")
		default:
			io.WriteString(w, "whole")
		}
	})
	c, waits := client(t, egress.Open(loopback))
	b, _, err := c.Bytes(context.Background(), Request{URL: u}, 100)
	if err != nil || string(b) != "whole" {
		t.Errorf("got %q, %v", b, err)
	}
	if fmt.Sprint(*waits) != "[30s 4s]" {
		t.Errorf("waited %v", *waits)
	}
}

func TestGivesUpOnWhatDoesNotPass(t *testing.T) {
	n := 0
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		http.Error(w, "no such key", http.StatusForbidden)
	})
	c, _ := client(t, egress.Open(loopback))
	_, _, err := c.Bytes(context.Background(), Request{URL: u + "/p?secret=1"}, 100)
	var status *StatusError
	if !errors.As(err, &status) || status.Status != 403 || n != 1 {
		t.Errorf("got %v after %d requests", err, n)
	}
	if s := err.Error(); strings.Contains(s, "secret") || !strings.Contains(s, "no such key") {
		t.Errorf("got %q", s)
	}
	gone := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if _, _, err := c.Bytes(context.Background(), Request{URL: gone}, 100); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after all attempts: %v", err)
	}
}

func TestRefusesTooMuch(t *testing.T) {
	for _, header := range []bool{true, false} {
		u := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if header {
				w.Header().Set("Content-Length", "2000")
			}
			io.WriteString(w, strings.Repeat("x", 2000))
		})
		c, _ := client(t, egress.Open(loopback))
		if _, _, err := c.File(context.Background(), Request{URL: u}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("got %v", err)
		}
	}
}

func TestRedirects(t *testing.T) {
	var other string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}
	})
	other = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a secret for one server was shown to another")
		}
		io.WriteString(w, "there")
	})
	c, _ := client(t, egress.Open(loopback))
	get := func(path string) (string, error) {
		b, _, err := c.Bytes(context.Background(), Request{URL: u + path, Header: map[string]string{"Authorization": "x"}}, 100)
		return string(b), err
	}
	if b, err := get("/away"); b != "there" {
		t.Errorf("got %q, %v", b, err)
	}
	for _, path := range []string{"/loop", "/file"} {
		if _, err := get(path); !errors.Is(err, errFinal) {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, _, err := c.Bytes(context.Background(), Request{Method: "POST", URL: u + "/away", Body: []byte("signed")}, 100)
	var status *StatusError
	if !errors.As(err, &status) || status.Status != 302 {
		t.Errorf("a POST was led away: %v", err)
	}
}

// outside answers as a public server would: with a redirect to an address inside.
type outside struct{ to string }

type publicConn struct{ net.Conn }

func (publicConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(8, 8, 8, 8), Port: 443} }

func (o outside) RoundTrip(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Conn: publicConn{}})
	return &http.Response{StatusCode: 302, Header: http.Header{"Location": {o.to}}, Body: http.NoBody, Request: r}, nil
}

func TestPublicServerCannotLeadInside(t *testing.T) {
	u := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a machine inside was asked") })
	for _, to := range []string{u, strings.Replace(u, "127.0.0.1", "localhost", 1)} {
		c, _ := client(t, egress.Open(loopback))
		c.first = outside{to}
		if _, _, err := c.Bytes(context.Background(), Request{URL: "http://feed.example/x"}, 100); !errors.Is(err, egress.ErrLocal) {
			t.Errorf("to %s: got %v", to, err)
		}
	}
}

func TestProxyIsUsedAndCannotLeadInside(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "feed.example" {
			t.Errorf("asked for %s", r.URL)
		}
		if r.URL.Path == "/inside" {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}
		io.WriteString(w, "by proxy")
	})
	pu, _ := url.Parse(p)
	c, _ := client(t, egress.Open(egress.Policy{Proxy: pu}))
	if b, _, err := c.Bytes(context.Background(), Request{URL: "http://feed.example/x"}, 100); string(b) != "by proxy" {
		t.Errorf("got %q, %v", b, err)
	}
	if _, _, err := c.Bytes(context.Background(), Request{URL: "http://feed.example/inside"}, 100); !errors.Is(err, egress.ErrLocal) {
		t.Errorf("got %v", err)
	}
}

func TestSealedWorldGetsNothing(t *testing.T) {
	u := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	c, waits := client(t, egress.Sealed("exercise"))
	if _, _, err := c.Bytes(context.Background(), Request{URL: u}, 100); !errors.Is(err, egress.ErrSealed) || len(*waits) > 0 {
		t.Errorf("got %v", err)
	}
}

func TestStalledConnectionIsGivenUp(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	c := New(egress.Open(loopback), Options{Stall: 20 * time.Millisecond, Attempts: 1, Spool: spool.Dir(t.TempDir())})
	if _, _, err := c.File(context.Background(), Request{URL: u}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestPacedRequestsKeepTheirDistance(t *testing.T) {
	u := serve(t, func(http.ResponseWriter, *http.Request) {})
	c, waits := client(t, egress.Open(loopback))
	p := c.Paced(time.Hour)
	for range 3 {
		if _, _, err := p.Bytes(context.Background(), Request{URL: u}, 10); err != nil {
			t.Fatal(err)
		}
	}
	if len(*waits) != 2 || (*waits)[1] < 90*time.Minute {
		t.Errorf("waited %v", *waits)
	}
}

func FuzzBaseName(f *testing.F) {
	for _, s := range []string{"a.csv", "../a", `..\a`, "a/b/", "", "/", "a\x00b", strings.Repeat("x", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n := baseName(s); strings.ContainsAny(n, "/\\\x00\n") || n == ".." || n == "." {
			t.Errorf("%q gives the name %q", s, n)
		}
	})
}

func TestAStrangersAddressLeadsToPublicAddressesOnly(t *testing.T) {
	called := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer s.Close()
	c := New(egress.Open(egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}), Options{Attempts: 1})
	for _, address := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)} {
		if _, _, err := c.Bytes(t.Context(), Request{URL: address}, 100); err != nil {
			t.Errorf("%s, named by us: %v", address, err)
		}
		called = false
		if _, _, err := c.Bytes(t.Context(), Request{URL: address, Public: true}, 100); !errors.Is(err, egress.ErrLocal) || called {
			t.Errorf("%s, named by a stranger: %v, called %t", address, err, called)
		}
	}
}
