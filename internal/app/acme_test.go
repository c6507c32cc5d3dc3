package app_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	pebbledb "github.com/letsencrypt/pebble/v2/db"
	pebbleva "github.com/letsencrypt/pebble/v2/va"
	pebblewfe "github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/net/dns/dnsmessage"

	"tocsin/internal/app"
	"tocsin/internal/platform/egress"
)

type ctxt = context.Context

var loopbacks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// names answers every question for an address, by TCP, with 127.0.0.1.
func names(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for answer(c) == nil {
				}
			}()
		}
	}()
	return l.Addr().String()
}

func answer(c net.Conn) error {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		return err
	}
	a := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		a.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	out, err := a.AppendPack(make([]byte, 2))
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint16(out, uint16(len(out)-2))
	_, err = c.Write(out)
	return err
}

// freePort is a port of loopback that nobody listens on.
func freePort(t *testing.T) (string, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String(), l.Addr().(*net.TCPAddr).Port
}

// TestACMEGetsACertificate runs against the authority that Let's Encrypt tests its clients with, once for each challenge: the
// port of the other one is closed to it.
func TestACMEGetsACertificate(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	resolver := names(t)
	for _, challenge := range []string{"TLS-ALPN-01", "HTTP-01"} {
		t.Run(challenge, func(t *testing.T) {
			listen, tlsPort := freePort(t)
			plain, httpPort := freePort(t)
			acme := app.ACME{Domains: []string{"cert.tocsin.test"}, Email: "cert@tocsin.test", AcceptTOS: true}
			if challenge == "HTTP-01" {
				acme.HTTP = plain
				_, tlsPort = freePort(t)
			} else {
				_, httpPort = freePort(t)
			}
			quiet := log.New(io.Discard, "", 0)
			store := pebbledb.NewMemoryStore()
			authority := pebbleca.New(quiet, store, "", "ecdsa", 0, 1, map[string]pebbleca.Profile{"default": {Description: "default"}})
			wfe := pebblewfe.New(quiet, store, pebbleva.New(quiet, httpPort, tlsPort, false, resolver, store), authority,
				[]string{"tocsin.test"}, false, false, 1, 1)
			directory := httptest.NewTLSServer(wfe.Handler())
			defer directory.Close()
			acme.Directory, acme.CAFile = directory.URL+pebblewfe.DirectoryPath, filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(acme.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: directory.Certificate().Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			w := openWorld(t)
			s, _ := startWith(t, w, app.Options{Listen: listen, ACME: acme, Net: egress.Open(egress.Policy{})})
			roots := x509.NewCertPool()
			if !roots.AppendCertsFromPEM(authority.GetRootCert(0).PEM()) {
				t.Fatal("no root")
			}
			web := client(t, s, roots)
			r, _ := fetch(t, web, "https://cert.tocsin.test/healthz")
			if r.StatusCode != 200 || r.ProtoMajor != 2 {
				t.Errorf("%d %s", r.StatusCode, r.Proto)
			}
			if _, err := web.Get("https://other.tocsin.test/healthz"); err == nil {
				t.Error("there is a certificate for a name that nobody configured")
			}
			info, err := os.Stat(filepath.Join(w.Dir(), "acme"))
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the keys are kept with %v, %v", info, err)
			}
			if challenge == "HTTP-01" {
				redirected(t, plain, s.PublicURL().String())
			}
		})
	}
}

// redirected checks that the plain listener leads to the public address, whatever name it was asked by.
func redirected(t *testing.T, plain, public string) {
	t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, host := range []string{"cert.tocsin.test", "evil.example"} {
		req, _ := http.NewRequest("GET", "http://"+plain+"/findings?a=1", nil)
		req.Host = host
		r, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if to := r.Header.Get("Location"); r.StatusCode != 308 || to != public+"/findings?a=1" || !strings.HasPrefix(to, "https://cert.tocsin.test") {
			t.Errorf("%s: %d to %q", host, r.StatusCode, to)
		}
	}
}
