package app_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/app"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
)

// ca is a certificate authority made for a test.
type ca struct {
	t    *testing.T
	cert *x509.Certificate
	key  crypto.Signer
	next int64
}

func newCA(t *testing.T) *ca {
	t.Helper()
	c := &ca{t: t, next: 1}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	c.cert, c.key = c.sign(tmpl, nil)
	return c
}

func (c *ca) sign(tmpl, parent *x509.Certificate) (*x509.Certificate, crypto.Signer) {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	signer := crypto.Signer(key)
	if parent == nil {
		parent = tmpl
	} else {
		signer = c.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return cert, key
}

// issue makes a certificate for a name, and writes it and its key as PEM.
func (c *ca) issue(name, dir string) (certFile, keyFile string, cert *x509.Certificate) {
	c.t.Helper()
	c.next++
	cert, key := c.sign(&x509.Certificate{SerialNumber: big.NewInt(c.next), DNSNames: []string{name}, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, c.cert)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		c.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	c.write(certFile, "CERTIFICATE", cert.Raw)
	c.write(keyFile, "PRIVATE KEY", der)
	return certFile, keyFile, cert
}

func (c *ca) write(name, kind string, der []byte) {
	c.t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// client reaches the server by whatever name, and trusts the authority.
func client(t *testing.T, s *app.Server, roots *x509.CertPool, own ...tls.Certificate) *http.Client {
	at := strings.TrimPrefix(s.URL(), "https://")
	tr := &http.Transport{ForceAttemptHTTP2: true, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: own}}
	var d net.Dialer
	tr.DialContext = func(ctx ctxt, network, _ string) (net.Conn, error) { return d.DialContext(ctx, network, at) }
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func (c *ca) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

func fetch(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func TestTLSWithOwnCertificate(t *testing.T) {
	c := newCA(t)
	cert, key, _ := c.issue("cert.example", t.TempDir())
	s, _ := startWith(t, openWorld(t), app.Options{Listen: "127.0.0.1:0", CertFile: cert, KeyFile: key})
	web := client(t, s, c.pool())
	r, _ := fetch(t, web, "https://cert.example/findings")
	if r.StatusCode != 200 || r.ProtoMajor != 2 || r.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%d %s TLS %x", r.StatusCode, r.Proto, r.TLS.Version)
	}
	if _, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL(), "https://")); s.PublicURL().String() != "https://cert.example:"+port {
		t.Errorf("public address %s", s.PublicURL())
	}
	// A name that is not the certificate's: the certificate is asked for as cert.example, the page is not.
	req, _ := http.NewRequest("GET", "https://cert.example/", nil)
	req.Host = "rebound.example"
	if r, err := web.Do(req); err != nil || r.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign name: %v %v", r, err)
	}
	old := client(t, s, c.pool())
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if _, err := old.Get("https://cert.example/"); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	if r, err := http.Get("http://" + strings.TrimPrefix(s.URL(), "https://")); err != nil || r.StatusCode != 400 {
		t.Errorf("plain HTTP: %v %v", r, err)
	}
}

func TestANewCertificateIsTakenIntoUseAndABadOneIsNot(t *testing.T) {
	c, dir := newCA(t), t.TempDir()
	certFile, keyFile, first := c.issue("cert.example", dir)
	s, _ := startWith(t, openWorld(t), app.Options{Listen: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile})
	web := client(t, s, c.pool())
	shown := func() string {
		t.Helper()
		r, _ := fetch(t, web, "https://cert.example/healthz")
		return r.TLS.PeerCertificates[0].SerialNumber.String()
	}
	if shown() != first.SerialNumber.String() {
		t.Fatal("another certificate is shown")
	}
	_, _, second := c.issue("cert.example", dir)
	s.Reload()
	if shown() != second.SerialNumber.String() {
		t.Error("the new certificate is not shown")
	}
	for name, broken := range map[string]func(){
		"no file":        func() { os.Remove(certFile) },
		"no certificate": func() { os.WriteFile(certFile, []byte("nonsense"), 0o600) },
		"key of another one": func() {
			c.issue("cert.example", dir)
			os.Rename(certFile, certFile+".x")
			c.issue("cert.example", dir)
			os.Rename(certFile+".x", certFile)
		},
	} {
		broken()
		s.Reload()
		if shown() != second.SerialNumber.String() {
			t.Errorf("%s: the certificate before is not kept", name)
		}
	}
	_, _, last := c.issue("cert.example", dir)
	s.Reload()
	if shown() != last.SerialNumber.String() {
		t.Error("after a bad certificate a good one is not taken")
	}
}

func TestClientCertificateIsAskedForAndToldByFingerprint(t *testing.T) {
	c, other := newCA(t), newCA(t)
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	c.write(caFile, "CERTIFICATE", c.cert.Raw)
	cert, key, _ := c.issue("cert.example", dir)
	s, _ := startWith(t, openWorld(t), app.Options{Listen: "127.0.0.1:0", CertFile: cert, KeyFile: key, ClientCAFile: caFile})
	partnerCert, partnerKey, leaf := c.issue("partner.example", t.TempDir())
	pair, err := tls.LoadX509KeyPair(partnerCert, partnerKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, own := range map[string][]tls.Certificate{"without": nil, "with": {pair}} {
		if r, _ := fetch(t, client(t, s, c.pool(), own...), "https://cert.example/healthz"); r.StatusCode != 200 {
			t.Errorf("%s a certificate: %d", name, r.StatusCode)
		}
	}
	strangerCert, strangerKey, _ := other.issue("partner.example", t.TempDir())
	stranger, err := tls.LoadX509KeyPair(strangerCert, strangerKey)
	if err != nil {
		t.Fatal(err)
	}
	web := client(t, s, c.pool())
	web.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	if _, err := web.Get("https://cert.example/healthz"); err == nil {
		t.Error("a stranger's certificate was let in")
	}
	sum := sha256.Sum256(leaf.Raw)
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	if _, ok := app.ClientCertificate(r); ok {
		t.Error("a certificate that nobody verified counts")
	}
	r.TLS.VerifiedChains = [][]*x509.Certificate{{leaf, c.cert}}
	if got, ok := app.ClientCertificate(r); !ok || got != hex.EncodeToString(sum[:]) {
		t.Errorf("fingerprint %s %t", got, ok)
	}
}

func TestMetricsAreReadFromElsewhereWithTheTokenOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tokenFile := range []string{"", file} {
		s, _ := startWith(t, openWorld(t), app.Options{Listen: "127.0.0.1:0", Proxies: loopbacks, PublicURL: []string{"https://cert.example"}, MetricsTokenFile: tokenFile})
		ask := func(token string) int {
			status, _ := get(t, s.URL()+"/metrics", "Host", "cert.example", "X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "https", "Authorization", "Bearer "+token)
			return status
		}
		right, wrong := 200, 401
		if tokenFile == "" {
			right, wrong = 403, 403
		}
		if got := ask("0123456789abcdef0"); got != right {
			t.Errorf("with the token: %d", got)
		}
		for _, token := range []string{"", "0123456789abcdef1", "0123456789abcdef"} {
			if got := ask(token); got != wrong {
				t.Errorf("token %q: %d", token, got)
			}
		}
	}
}

func TestWellKnownFilesAreServed(t *testing.T) {
	w := openWorld(t)
	profile, err := nation.Shipped("ruritania")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Nation.Set(t.Context(), identity.LocalActor, "ruritania.toml", profile); err != nil {
		t.Fatal(err)
	}
	p, _, err := w.Nation.Load(t.Context())
	if err != nil || len(p.Team.Mails) == 0 {
		t.Fatalf("%v: the profile has no contact", err)
	}
	url, _ := start(t, w)
	for path, want := range map[string]string{"/robots.txt": "Disallow: /\n", "/.well-known/security.txt": "Contact: mailto:" + p.Team.Mails[0] + "\n"} {
		if status, body := get(t, url+path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestRefusalsAreCounted(t *testing.T) {
	url, _ := start(t, openWorld(t))
	get(t, url+"/", "Host", "rebound.example")
	if _, body := get(t, url+"/metrics"); !strings.Contains(body, `tocsin_http_refused_total{reason="host"} 1`) {
		t.Error("a refused request is not counted")
	}
}
