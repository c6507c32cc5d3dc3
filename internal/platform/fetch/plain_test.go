package fetch_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fetch"
)

func TestPlainClientStaysWithinItsBoundsAndItsNet(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/long":
			io.WriteString(w, strings.Repeat("x", 101))
		default:
			io.WriteString(w, strings.Repeat("x", 100))
		}
	}))
	defer s.Close()
	c := fetch.Plain(egress.Open(egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), "test", 100, 10*time.Second)
	get := func(path string) (int, int, error) {
		res, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return res.StatusCode, len(b), err
	}
	if status, n, err := get("/"); status != 200 || n != 100 || err != nil {
		t.Errorf("%d %d %v", status, n, err)
	}
	if _, n, err := get("/long"); n != 100 || err == nil {
		t.Errorf("a body over the limit: %d %v", n, err)
	}
	if status, _, _ := get("/away"); status != http.StatusFound {
		t.Errorf("a redirect was followed: %d", status)
	}
	if _, err := fetch.Plain(egress.Sealed("drill"), "test", 100, time.Second).Get(s.URL); !errors.Is(err, egress.ErrSealed) {
		t.Errorf("a sealed world: %v", err)
	}
}
