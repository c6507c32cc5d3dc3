package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func issue(t *testing.T, key crypto.Signer, gcm bool) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(0x80_00_01), Subject: pkix.Name{CommonName: "CERT Ruritania"}, NotBefore: noon.AddDate(-1, 0, 0),
		NotAfter: noon.AddDate(20, 0, 0), EmailAddresses: []string{"cert@cert.example"}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	if gcm {
		tmpl.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 15}, Value: der(tagSequence, der(tagSequence, oidAES256GCM))}}
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keys are one of each sort that mail programs have.
func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	out := map[string]crypto.Signer{}
	var err error
	if out["RSA"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		if out[name], err = ecdsa.GenerateKey(c, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// judge is openssl, with a directory for its files.
type judge struct {
	t   *testing.T
	dir string
}

func openssl(t *testing.T) judge {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed: it is the judge here")
	}
	return judge{t, t.TempDir()}
}

func (j judge) file(name string, b []byte) string {
	j.t.Helper()
	p := filepath.Join(j.dir, name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		j.t.Fatal(err)
	}
	return p
}

func (j judge) pair(key crypto.Signer, c *x509.Certificate) (keyFile, certificateFile string) {
	j.t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		j.t.Fatal(err)
	}
	return j.file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})),
		j.file("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func (j judge) run(args ...string) ([]byte, error) {
	cmd := exec.Command("openssl", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		j.t.Logf("openssl %s: %s", strings.Join(args, " "), errs.String())
	}
	return out.Bytes(), err
}

func TestOpenSSLAcceptsSignatures(t *testing.T) {
	data := []byte("Content-Type: text/plain\r\n\r\nšta\r\n")
	for name, key := range keys(t) {
		j := openssl(t)
		c := issue(t, key, false)
		sig, err := Sign(data, key, []*x509.Certificate{c}, noon)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, cert := j.pair(key, c)
		verify := []string{"cms", "-verify", "-binary", "-inform", "DER", "-in", j.file("sig", sig), "-CAfile", cert, "-purpose", "any", "-attime", "1772625600"}
		if out, err := j.run(append(verify, "-content", j.file("data", data))...); err != nil || !bytes.Equal(out, data) {
			t.Errorf("%s: %v, %q", name, err, out)
		}
		if _, err := j.run(append(verify, "-content", j.file("data", append(data, 'x')))...); err == nil {
			t.Errorf("%s: a changed text verifies", name)
		}
		if out, err := j.run("cms", "-cmsout", "-print", "-inform", "DER", "-in", j.file("sig", sig)); err != nil || !bytes.Contains(out, []byte("Mar  4 12:00:00 2026")) || !bytes.Contains(out, []byte("S/MIME Capabilities")) {
			t.Errorf("%s: %v, no signing time or capabilities in\n%s", name, err, out)
		}
	}
}

func TestOpenSSLDecrypts(t *testing.T) {
	for name, key := range keys(t) {
		for _, gcm := range []bool{false, true} {
			for _, data := range [][]byte{{}, []byte("fifteen letters"), []byte("sixteen letters!"), bytes.Repeat([]byte("long"), 100_000)} {
				j := openssl(t)
				c := issue(t, key, gcm)
				s, err := Encrypt(data, c)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if want := map[bool]string{false: "enveloped-data", true: "authEnveloped-data"}[gcm]; s.Type != want {
					t.Errorf("%s: %s, want %s", name, s.Type, want)
				}
				if len(data) > 10 && bytes.Contains(s.DER, data[:10]) {
					t.Errorf("%s: the text is in clear", name)
				}
				keyFile, cert := j.pair(key, c)
				out, err := j.run("cms", "-decrypt", "-binary", "-inform", "DER", "-in", j.file("sealed", s.DER), "-inkey", keyFile, "-recip", cert)
				if err != nil || !bytes.Equal(out, data) {
					t.Errorf("%s, gcm %t, %d bytes: %v, got %d bytes", name, gcm, len(data), err, len(out))
				}
			}
		}
	}
}

// The vectors are those of RFC 3394, section 4.6.
func TestWrapIsThatOfRFC3394(t *testing.T) {
	h := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	got, err := wrap(h("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), h("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"))
	if err != nil || !bytes.Equal(got, h("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")) {
		t.Errorf("%x %v", got, err)
	}
}

func TestWrongKeysAreRefused(t *testing.T) {
	all := keys(t)
	c := issue(t, all["RSA"], false)
	if _, err := Sign(nil, all["P-256"], []*x509.Certificate{c}, noon); err == nil {
		t.Error("signed with the certificate of another key")
	}
	if _, err := Sign(nil, all["RSA"], nil, noon); err == nil {
		t.Error("signed without a certificate")
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(nil, edwards, []*x509.Certificate{issue(t, edwards, false)}, noon); err == nil {
		t.Error("signed by an algorithm that mail programs do not know")
	}
	if _, err := Encrypt(nil, issue(t, edwards, false)); err == nil {
		t.Error("encrypted to a key that only signs")
	}
	weak := issue(t, all["RSA"], false)
	weak.PublicKey = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	if _, err := Encrypt(nil, weak); err == nil || !strings.Contains(err.Error(), "2048") {
		t.Errorf("a weak key: %v", err)
	}
}
