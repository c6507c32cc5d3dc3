// Package protecttest has certificates and outside judges, openssl and gpg, for tests of mail that is signed and encrypted.
package protecttest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"mime"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Certificate makes a certificate that signed itself, and its private key, both in PEM. It is for mail addresses, and valid for the
// ten years before a time.
func Certificate(until time.Time, addresses ...string) (certificate, key string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(until.UnixMicro()), Subject: pkix.Name{CommonName: "Desk"}, NotBefore: until.AddDate(-10, 0, 0), NotAfter: until,
		EmailAddresses: addresses, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		panic(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return text("CERTIFICATE", der), text("PRIVATE KEY", pkcs8)
}

// Run runs an outside judge; without it the test is skipped.
func Run(t testing.TB, stdin string, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: it is the judge here", name)
	}
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// File writes a file for a judge.
func File(t testing.TB, name, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// GPG is GnuPG with a home of its own.
type GPG struct {
	t    testing.TB
	home string
}

// NewGPG makes the home; it is gone when the test ends.
func NewGPG(t testing.TB) GPG {
	t.Helper()
	home, err := os.MkdirTemp("", "g") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	return GPG{t, home}
}

// Run runs gpg.
func (g GPG) Run(stdin string, args ...string) (stdout, stderr string, err error) {
	g.t.Helper()
	return Run(g.t, stdin, "gpg", append([]string{"--homedir", g.home, "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"}, args...)...)
}

// Must runs gpg, which must succeed.
func (g GPG) Must(stdin string, args ...string) string {
	g.t.Helper()
	out, errs, err := g.Run(stdin, args...)
	if err != nil {
		g.t.Fatalf("gpg %v: %v\n%s", args, err, errs)
	}
	return out
}

// Parts splits a multipart/signed or multipart/encrypted message into the bytes of its two parts, as they were signed.
func Parts(t testing.TB, raw string) (first, second string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	pieces := strings.Split(raw, "--"+params["boundary"])
	if len(pieces) != 4 {
		t.Fatalf("%d pieces", len(pieces))
	}
	cut := func(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, "\r\n"), "\r\n") }
	_, second, _ = strings.Cut(cut(pieces[2]), "\r\n\r\n")
	return cut(pieces[1]), second
}
