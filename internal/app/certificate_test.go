package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tocsin/internal/platform/clock"
)

func writePair(t *testing.T, dir string, serial int64) Options {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"*.example", "cert.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for name, b := range map[string]*pem.Block{o.CertFile: {Type: "CERTIFICATE", Bytes: der}, o.KeyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestHandshakesLookForANewCertificateEveryMinute(t *testing.T) {
	dir, now := t.TempDir(), manual()
	k, err := newCertificates(writePair(t, dir, 1), dir, clock.Clock(now), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		c, err := k.config().GetConfigForClient(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificates[0].Leaf.SerialNumber.Int64()
	}
	writePair(t, dir, 2)
	now.Move(lookEvery - 1)
	if got := serial(); got != 1 {
		t.Errorf("within a minute the files were read again: %d", got)
	}
	now.Move(1)
	if got := serial(); got != 2 {
		t.Errorf("after a minute the new certificate is not shown: %d", got)
	}
	if k.first() != "cert.example" || !k.names("a.example") || !k.names("cert.example") || k.names("example") || k.names("a.b.example") {
		t.Error("names of the certificate")
	}
}
