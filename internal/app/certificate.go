package app

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

// lookEvery is how often a handshake looks whether the certificate's files have changed.
const lookEvery = time.Minute

// certificates are what the server shows and asks for in TLS handshakes. With files it follows their changes: a handshake
// uses the new ones from the moment they fit together, and the old ones until then.
type certificates struct {
	options Options
	clock   clock.Clock
	log     *slog.Logger
	acme    *autocert.Manager // nil with files

	current atomic.Pointer[tls.Config]
	mu      sync.Mutex
	looked  time.Time
	seen    [sha256.Size]byte
}

// acmeDir is where keys and certificates from ACME are kept, in the data directory; a backup does not hold them.
const acmeDir = "acme"

// newCertificates reads what the options name; nil without TLS.
func newCertificates(o Options, dataDir string, c clock.Clock, log *slog.Logger) (*certificates, error) {
	if !o.tls() {
		return nil, nil
	}
	k := &certificates{options: o, clock: c, log: log}
	if len(o.ACME.Domains) > 0 {
		client, err := acmeClient(o)
		if err != nil {
			return nil, err
		}
		k.acme = &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(filepath.Join(dataDir, acmeDir)),
			HostPolicy: autocert.HostWhitelist(o.ACME.Domains...), Email: o.ACME.Email, Client: client}
	}
	return k, k.look(true)
}

// acmeClient talks to the directory over the process's way out. The administrator named the directory, so it may be local.
func acmeClient(o Options) (*acme.Client, error) {
	c := &acme.Client{DirectoryURL: o.ACME.Directory, UserAgent: "tocsin/" + Release()}
	if c.DirectoryURL == "" {
		c.DirectoryURL = autocert.DefaultACMEDirectory
	}
	way, err := o.Net.ToURL(c.DirectoryURL)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{DialContext: way.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second, IdleConnTimeout: time.Minute, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if p := way.Proxy(); p != nil {
		t.Proxy = http.ProxyURL(p)
	}
	if o.ACME.CAFile != "" {
		if t.TLSClientConfig.RootCAs, _, err = authorities("--acme-ca", o.ACME.CAFile); err != nil {
			return nil, err
		}
	}
	c.HTTPClient = &http.Client{Transport: t, Timeout: time.Minute}
	return c, nil
}

// config is what http.Server gets.
func (k *certificates) config() *tls.Config {
	c := k.current.Load().Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if err := k.look(false); err != nil {
			k.log.Error("the new certificate cannot be used; the one before stays in use", "error", err)
		}
		return k.current.Load(), nil
	}
	return c
}

// names says whether the certificate is for a host.
func (k *certificates) names(host string) bool {
	if k.acme != nil {
		return false // its domains are among the server's own
	}
	return k.current.Load().Certificates[0].Leaf.VerifyHostname(host) == nil
}

// first is a name that the certificate is for, "" when it has none that browsers can open.
func (k *certificates) first() string {
	if k.acme != nil {
		return strings.ToLower(k.options.ACME.Domains[0])
	}
	for _, n := range k.current.Load().Certificates[0].Leaf.DNSNames {
		if !strings.HasPrefix(n, "*") {
			return strings.ToLower(n)
		}
	}
	return ""
}

// look reads the files again when a minute has passed or it must, and takes them into use when they changed.
func (k *certificates) look(must bool) error {
	if !k.mu.TryLock() {
		if !must {
			return nil // another handshake is at it
		}
		k.mu.Lock()
	}
	defer k.mu.Unlock()
	now := k.clock.Now()
	if !must && now.Sub(k.looked) < lookEvery {
		return nil
	}
	k.looked = now
	var cert, key []byte
	var clients *x509.CertPool
	var err error
	sum := sha256.New()
	if k.acme == nil {
		if cert, err = readPEM("--tls-cert", k.options.CertFile); err != nil {
			return err
		}
		if key, err = readPEM("--tls-key", k.options.KeyFile); err != nil {
			return err
		}
		sum.Write(bytes.Join([][]byte{cert, key}, []byte{0}))
	}
	if k.options.ClientCAFile != "" {
		var pem []byte
		if clients, pem, err = authorities("--client-ca", k.options.ClientCAFile); err != nil {
			return err
		}
		sum.Write(pem)
	}
	seen := [sha256.Size]byte(sum.Sum(nil))
	if k.current.Load() != nil && seen == k.seen {
		return nil
	}
	if err := k.use(cert, key, clients); err != nil {
		return err
	}
	k.seen = seen
	return nil
}

func (k *certificates) use(cert, key []byte, clients *x509.CertPool) error {
	c := &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	if k.acme != nil {
		c = k.acme.TLSConfig()
	} else {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fault.Invalidf("--tls-cert %s and --tls-key %s: %w", k.options.CertFile, k.options.KeyFile, err)
		}
		if now := k.clock.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
			k.log.Warn("the certificate is not valid now: browsers will refuse it", "from", pair.Leaf.NotBefore, "until", pair.Leaf.NotAfter)
		}
		c.Certificates = []tls.Certificate{pair}
		k.log.Info("certificate", "names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter)
	}
	c.MinVersion = tls.VersionTLS12
	if clients != nil {
		c.ClientCAs, c.ClientAuth = clients, tls.VerifyClientCertIfGiven
	}
	k.current.Store(c)
	return nil
}

const maxPEM = 4 << 20

func readPEM(flag, name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && info.Size() > maxPEM {
		return nil, fault.Invalidf("%s %s: too large for a PEM file", flag, name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.Invalidf("%s: %w", flag, err)
	}
	return b, nil
}

func authorities(flag, name string) (*x509.CertPool, []byte, error) {
	b, err := readPEM(flag, name)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, nil, fault.Invalidf("%s %s: there is no certificate in it", flag, name)
	}
	return pool, b, nil
}

// Reload reads the certificate's files again at once, as a handshake does after a minute. What cannot be used is logged, and
// the files before stay in use.
func (s *Server) Reload() {
	if s.certificates == nil {
		return
	}
	if err := s.certificates.look(true); err != nil {
		s.log.Error("the new certificate cannot be used; the one before stays in use", "error", err)
	}
}
