package protect

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"mime"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"tocsin/internal/platform/mail/protect/protecttest"
)

// Judges go by the machine's clock.
var now = time.Now()

const subject = "Otvoreni servisi č [RU-2026-17]"

// rendered is a digest as the mail package writes it.
func rendered(t *testing.T) []byte {
	t.Helper()
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	for _, err := range []error{m.From("CERT Ruritania <cert@cert.example>"), m.To("Ana Anić <ana@isp.example>")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m.Subject(subject)
	m.SetDateWithValue(now)
	m.SetMessageIDWithValue("abc@cert.example")
	m.SetGenHeader("References", "<first@cert.example>")
	m.SetBodyString(gomail.TypeTextPlain, "Šta je novo:\nFrom the start \n.\n-- \nkraj  ")
	m.AddAlternativeString(gomail.TypeTextHTML, "<p>Šta</p>\nFrom here")
	m.AttachReadSeeker("open.csv", bytes.NewReader([]byte("a,b\r\n1,2\r\n")))
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// certificate is one that an authority issued, both in PEM, with its key.
type certificate struct {
	signer        crypto.Signer
	pem, key, ca  string
	authorityCert *x509.Certificate
}

func issue(t *testing.T, signer crypto.Signer, address string, change func(*x509.Certificate)) certificate {
	t.Helper()
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Mail CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Somebody"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		EmailAddresses: []string{address}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	if change != nil {
		change(leaf)
	}
	make := func(c *x509.Certificate, key crypto.Signer) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, root, key.Public(), ca)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	rootDER := make(root, ca)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return certificate{signer: signer, pem: text("CERTIFICATE", make(leaf, signer)), key: text("PRIVATE KEY", pkcs8), ca: text("CERTIFICATE", rootDER)}
}

func rsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signer(t *testing.T, text string) *Signer {
	t.Helper()
	s, err := ParseSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsed(t *testing.T, text string) *Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// outer reads the header that travels in clear.
func outer(t *testing.T, raw []byte) netmail.Header {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}

// inside checks what a judge took out of a message: the content, and the header that was protected.
func inside(t *testing.T, content, how string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || got != subject || m.Header.Get("Message-ID") != "<abc@cert.example>" {
		t.Errorf("inside stands %q, %q: %v", got, m.Header.Get("Message-ID"), err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" || params["hp"] != how || (m.Header.Get("HP-Outer") != "") != (how == "cipher") {
		t.Errorf("inside is %s %v, %v", kind, params, err)
	}
	b, err := io.ReadAll(m.Body)
	if err != nil || !bytes.Contains(b, []byte("=46rom the start")) || !bytes.Contains(b, []byte("=46rom here")) || !bytes.Contains(b, []byte("open.csv")) {
		t.Errorf("the content is not whole: %v\n%s", err, b)
	}
}

func TestOpenSSLVerifiesSignedMail(t *testing.T) {
	raw := rendered(t)
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey(t), "ECDSA": ecKey(t)} {
		c := issue(t, key, "cert@cert.example", nil)
		signed, err := signer(t, c.key+c.pem+c.ca).Sign(raw, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if h := outer(t, signed); h.Get("Message-ID") != "<abc@cert.example>" || h.Get("References") != "<first@cert.example>" {
			t.Errorf("%s: the header changed: %v", name, h)
		}
		out, errs, err := protecttest.Run(t, string(signed), "openssl", "smime", "-verify", "-CAfile", protecttest.File(t, "ca.pem", c.ca))
		if err != nil {
			t.Fatalf("%s: %s\n%s", name, errs, signed)
		}
		inside(t, out, "clear")
		bad := bytes.Replace(signed, []byte("=46rom the"), []byte("=46rom tha"), 1)
		if _, _, err := protecttest.Run(t, string(bad), "openssl", "smime", "-verify", "-CAfile", protecttest.File(t, "ca.pem", c.ca)); err == nil {
			t.Errorf("%s: a changed message verifies", name)
		}
		if _, _, err := protecttest.Run(t, string(signed), "openssl", "smime", "-verify", "-CAfile", protecttest.File(t, "ca.pem", issue(t, key, "x@x.example", nil).ca)); err == nil {
			t.Errorf("%s: it verifies under an authority that did not issue it", name)
		}
	}
}

func TestOpenSSLDecryptsAndThenVerifies(t *testing.T) {
	team := issue(t, rsaKey(t), "cert@cert.example", nil)
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey(t), "ECDH": ecKey(t)} {
		contact := issue(t, key, "ana@isp.example", nil)
		sealed, err := Encrypt(rendered(t), signer(t, team.key+team.pem), parsed(t, contact.pem), "[...] RU-2026-17", now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		hidden(t, sealed)
		signed, errs, err := protecttest.Run(t, string(sealed), "openssl", "cms", "-decrypt", "-inkey", protecttest.File(t, "key.pem", contact.key), "-recip", protecttest.File(t, "cert.pem", contact.pem))
		if err != nil {
			t.Fatalf("%s: %s", name, errs)
		}
		out, errs, err := protecttest.Run(t, signed, "openssl", "smime", "-verify", "-CAfile", protecttest.File(t, "ca.pem", team.ca))
		if err != nil {
			t.Fatalf("%s: %s", name, errs)
		}
		inside(t, out, "cipher")
	}
}

// hidden checks that nothing of the content travels in clear.
func hidden(t *testing.T, sealed []byte) {
	t.Helper()
	h := outer(t, sealed)
	if h.Get("Subject") != "[...] RU-2026-17" || h.Get("Message-ID") != "<abc@cert.example>" || h.Get("To") == "" {
		t.Errorf("outside stands %v", h)
	}
	for _, s := range []string{"Otvoreni", "otvoreni", "=C5=A0ta", "open.csv", "T3R2b3Jlbmk"} {
		if bytes.Contains(sealed, []byte(s)) {
			t.Errorf("%q travels in clear", s)
		}
	}
}

// teamPGP is a key that Tocsin made; its public half is imported.
func teamPGP(t *testing.T, g protecttest.GPG) *Signer {
	t.Helper()
	text, err := GenerateOpenPGP("CERT Ruritania", "cert@cert.example", now.Add(-time.Minute), 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := signer(t, text)
	public, err := s.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	g.Must(public, "--import")
	return s
}

func TestGPGVerifiesSignedMail(t *testing.T) {
	g := protecttest.NewGPG(t)
	made := signer(t, func() string {
		other := protecttest.NewGPG(t)
		other.Must("", "--quick-gen-key", "CERT <cert@cert.example>", "rsa2048", "sign", "1y")
		g.Must(other.Must("", "--armor", "--export"), "--import")
		return other.Must("", "--armor", "--export-secret-keys")
	}())
	for name, s := range map[string]*Signer{"made here": teamPGP(t, g), "made by gpg": made} {
		signed, err := s.Sign(rendered(t), time.Now())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kind, params, err := mime.ParseMediaType(outer(t, signed).Get("Content-Type"))
		if err != nil || kind != "multipart/signed" || params["protocol"] != "application/pgp-signature" {
			t.Fatalf("%s: %s %v %v", name, kind, params, err)
		}
		data, sig := protecttest.Parts(t, string(signed))
		sigFile := protecttest.File(t, "sig.asc", sig)
		_, errs, err := g.Run(data, "--verbose", "--verify", sigFile, "-")
		if err != nil || !strings.Contains(errs, "Good signature") || !strings.Contains(strings.ToLower(errs), "digest algorithm "+strings.TrimPrefix(params["micalg"], "pgp-")) {
			t.Errorf("%s: %v, micalg %s\n%s", name, err, params["micalg"], errs)
		}
		if _, _, err := g.Run(data+"\r\n", "--verify", sigFile, "-"); err == nil {
			t.Errorf("%s: a longer content verifies", name)
		}
		inside(t, data, "clear")
	}
}

func TestGPGDecryptsAndFindsTheSignature(t *testing.T) {
	for _, algorithm := range []string{"default", "future-default"} {
		g := protecttest.NewGPG(t)
		g.Must("", "--quick-gen-key", "Ana <ana@isp.example>", algorithm, "default", "1y")
		contact := parsed(t, g.Must("", "--armor", "--export", "ana@isp.example"))
		if !contact.For("Ana@ISP.example") || contact.For("eve@isp.example") || contact.Type != OpenPGP || contact.Expires.IsZero() {
			t.Errorf("%s: read as %+v", algorithm, contact)
		}
		for name, from := range map[string]*Signer{"signed": teamPGP(t, g), "not signed": nil} {
			sealed, err := Encrypt(rendered(t), from, contact, "[...] RU-2026-17", time.Now())
			if err != nil {
				t.Fatalf("%s %s: %v", algorithm, name, err)
			}
			hidden(t, sealed)
			at := bytes.Index(sealed, []byte("-----BEGIN PGP MESSAGE"))
			out, errs, err := g.Run(string(sealed[at:]), "--decrypt")
			if err != nil || strings.Contains(errs, "Good signature") != (from != nil) {
				t.Fatalf("%s %s: %v\n%s", algorithm, name, err, errs)
			}
			inside(t, out, "cipher")
		}
	}
}

func TestWhatIsSentIsNeverLessThanAsked(t *testing.T) {
	team, contact := issue(t, rsaKey(t), "cert@cert.example", nil), issue(t, rsaKey(t), "ana@isp.example", nil)
	s, k := signer(t, team.key+team.pem), parsed(t, contact.pem)
	g := protecttest.NewGPG(t)
	pgp := teamPGP(t, g)
	raw := rendered(t)
	for name, try := range map[string]func() ([]byte, error){
		"an expired contact's key":  func() ([]byte, error) { return Encrypt(raw, s, k, "[...]", k.Expires) },
		"a key of later":            func() ([]byte, error) { return Encrypt(raw, s, k, "[...]", k.Begins.Add(-time.Second)) },
		"an expired key of ours":    func() ([]byte, error) { return s.Sign(raw, s.Public.Expires) },
		"an expired OpenPGP key":    func() ([]byte, error) { return pgp.Sign(raw, pgp.Public.Expires.Add(time.Second)) },
		"two standards in one":      func() ([]byte, error) { return Encrypt(raw, pgp, k, "[...]", now) },
		"no subject outside":        func() ([]byte, error) { return Encrypt(raw, s, k, "", now) },
		"a header in the subject":   func() ([]byte, error) { return Encrypt(raw, s, k, "a\r\nBcc: eve@evil.example", now) },
		"letters that mail changes": func() ([]byte, error) { return s.Sign([]byte("Subject: a\r\n\r\nš\r\n"), now) },
		"half a line end":           func() ([]byte, error) { return s.Sign([]byte("Subject: a\r\n\r\na\nb\r\n"), now) },
		"a long line":               func() ([]byte, error) { return s.Sign([]byte("Subject: a\r\n\r\n"+strings.Repeat("a", 999)), now) },
		"no header":                 func() ([]byte, error) { return s.Sign([]byte("text"), now) },
	} {
		if out, err := try(); err == nil || out != nil {
			t.Errorf("%s: %v, %d bytes", name, err, len(out))
		}
	}
}

func FuzzTake(f *testing.F) {
	f.Add([]byte("Subject: a\r\nContent-Type: text/plain\r\n\r\nFrom a\r\nFrom b\r\n"))
	f.Add([]byte("Subject: a\r\n\tb\r\nX:\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := take(raw)
		if err != nil {
			return
		}
		for _, cover := range []string{"", "[...]"} {
			if err := travels(m.payload(cover)); err != nil && !strings.Contains(err.Error(), "998") {
				t.Errorf("%q: %v", raw, err)
			}
		}
		again, err := take(m.wrap("", "text/plain", nil, m.body))
		if err != nil {
			return // a line that its name made too long
		}
		if len(again.outer) != len(m.outer) || !bytes.Equal(again.body, m.body) {
			t.Errorf("%q lost something: %v", raw, again)
		}
	})
}

func TestASignerSignsForManyAtOnce(t *testing.T) {
	raw := rendered(t)
	text, err := GenerateOpenPGP("CERT", "cert@cert.example", now.Add(-time.Minute), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := issue(t, ecKey(t), "cert@cert.example", nil)
	contact := parsed(t, public(t, nil))
	for _, s := range []*Signer{signer(t, text), signer(t, c.key+c.pem)} {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := s.Sign(raw, now); err != nil {
					t.Error(err)
				}
				if s.Public.Type == OpenPGP {
					if _, err := Encrypt(raw, s, contact, "[...]", now); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}
