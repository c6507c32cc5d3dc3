package protect

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// public is an OpenPGP key made for a test, as its owner would send it.
func public(t *testing.T, change func(*openpgp.Entity, *packet.Config)) string {
	t.Helper()
	c := settings(now.Add(-time.Hour))
	c.Algorithm, c.KeyLifetimeSecs = packet.PubKeyAlgoEdDSA, 3600*24*30
	e, err := openpgp.NewEntity("Ana", "", "ana@isp.example", c)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(e, c)
	}
	text, err := armorEntity(openpgp.PublicKeyType, func(b *strings.Builder) error { return e.Serialize(b) })
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAKeyThatCannotBeUsedSaysWhy(t *testing.T) {
	key := rsaKey(t)
	cert := func(change func(*x509.Certificate)) string { return issue(t, key, "ana@isp.example", change).pem }
	good := issue(t, key, "ana@isp.example", nil)
	secret, err := GenerateOpenPGP("Ana", "ana@isp.example", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                    {"", "no key"},
		"garbage":                    {"hello", "no key"},
		"a damaged certificate":      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"},
		"half a certificate":         {good.pem[:200], "damaged"},
		"another PEM":                {strings.ReplaceAll(good.pem, "CERTIFICATE", "PKCS7"), "CERTIFICATE should be"},
		"two certificates":           {good.pem + good.pem, "2 certificates"},
		"an authority":               {good.ca, "authority"},
		"a web server's certificate": {cert(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "not for mail"},
		"a signing certificate":      {cert(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), "not for encryption"},
		"a private key":              {good.key, "private key"},
		"an OpenPGP private key":     {secret, "private key"},
		"a huge key":                 {good.pem + strings.Repeat("A", MaxKey), "longer than"},
		"a damaged OpenPGP key":      {strings.Replace(public(t, nil), "\n\n", "\n\n====", 1), "OpenPGP key"},
		"half an OpenPGP key":        {public(t, nil)[:300], "OpenPGP key"},
		"two OpenPGP keys":           {public(t, nil) + public(t, nil), "several"},
		"an OpenPGP message":         {strings.ReplaceAll(public(t, nil), "PUBLIC KEY BLOCK", "MESSAGE"), "PGP MESSAGE"},
		"a revoked key": {public(t, func(e *openpgp.Entity, c *packet.Config) {
			if err := e.Revoke(packet.KeySuperseded, "", c); err != nil {
				t.Fatal(err)
			}
		}), "revoked"},
		"a key whose subkey is revoked": {public(t, func(e *openpgp.Entity, c *packet.Config) {
			if err := e.Subkeys[0].Revoke(packet.KeyCompromised, "", c); err != nil {
				t.Fatal(err)
			}
		}), "not revoked"},
		"a key without a subkey": {public(t, func(e *openpgp.Entity, _ *packet.Config) { e.Subkeys = nil }), "no subkey"},
	} {
		if _, err := ParseKey(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: want %q, got %v", name, tt.want, err)
		}
	}
}

func TestAKeySaysWhoseItIsAndUntilWhen(t *testing.T) {
	c := parsed(t, issue(t, ecKey(t), "Ana@ISP.example", func(c *x509.Certificate) {
		c.SerialNumber = big.NewInt(77)
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: []int{1, 2, 840, 113549, 1, 9, 1}, Value: "abuse@isp.example"}}
	}).pem)
	if c.Type != SMIME || len(c.Fingerprint) != 64 || c.Holder != "Somebody" || !slices.Equal(c.Addresses, []string{"ana@isp.example", "abuse@isp.example"}) {
		t.Errorf("read as %+v", c)
	}
	if c.Valid(now) != nil || c.Valid(c.Expires.Add(-time.Second)) != nil || c.Valid(c.Expires) == nil || c.Valid(c.Begins.Add(-time.Second)) == nil {
		t.Errorf("valid from %s to %s", c.Begins, c.Expires)
	}
	made := now.Add(-time.Hour).UTC().Truncate(time.Second)
	p := parsed(t, public(t, nil))
	if p.Type != OpenPGP || len(p.Fingerprint) != 40 || p.Holder != "Ana <ana@isp.example>" || !p.For("ANA@isp.example") || !p.Expires.Equal(made.Add(30*24*time.Hour)) {
		t.Errorf("read as %+v, made %s", p, made)
	}
}

// An expired key is read, so that one that is kept can be shown; when a signature limits it, too.
func TestTheEarliestEndOfAnOpenPGPKeyCounts(t *testing.T) {
	made := now.Add(-time.Hour).UTC().Truncate(time.Second)
	short := parsed(t, public(t, func(e *openpgp.Entity, c *packet.Config) {
		life := uint32(60)
		for _, s := range e.Subkeys[0].Bindings {
			s.Packet.KeyLifetimeSecs = &life
		}
		if err := e.Subkeys[0].ReSign(c); err != nil {
			t.Fatal(err)
		}
	}))
	if !short.Expires.Equal(made.Add(time.Minute)) || short.Valid(now) == nil {
		t.Errorf("expires %s, want %s", short.Expires, made.Add(time.Minute))
	}
	forever := parsed(t, public(t, func(e *openpgp.Entity, c *packet.Config) {
		c.KeyLifetimeSecs = 0
		if err := e.AddUserId("Ana B", "", "b@isp.example", c); err != nil {
			t.Fatal(err)
		}
		for _, id := range e.Identities {
			for _, s := range id.SelfCertifications {
				s.Packet.KeyLifetimeSecs = nil
			}
			if err := id.ReSign(c); err != nil {
				t.Fatal(err)
			}
		}
	}))
	if !forever.Expires.IsZero() || !forever.For("b@isp.example") || !forever.For("ana@isp.example") {
		t.Errorf("read as %+v", forever)
	}
}

func TestAKeyThatCannotSignSaysWhy(t *testing.T) {
	key := rsaKey(t)
	c := issue(t, key, "cert@cert.example", nil)
	other := issue(t, ecKey(t), "cert@cert.example", nil)
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                     {"", "no private key"},
		"a certificate alone":         {c.pem, "no private key"},
		"a key alone":                 {c.key, "damaged"},
		"two keys":                    {c.key + other.key + c.pem, "several private keys"},
		"another key's certificate":   {c.key + other.pem, "0 of the certificates"},
		"twice the certificate":       {c.key + c.pem + c.pem, "2 of the certificates"},
		"a key with a passphrase":     {strings.ReplaceAll(c.key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY") + c.pem, "passphrase"},
		"a damaged key":               {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + c.pem, "cannot be read"},
		"an encryption certificate":   {c.key + issue(t, key, "a@b.example", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }).pem, "not for signatures"},
		"an OpenPGP public key":       {public(t, nil), "PUBLIC KEY BLOCK"},
		"a huge key":                  {strings.Repeat("A", 4*MaxKey+1), "longer"},
		"an OpenPGP key with garbage": {"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n", "OpenPGP key"},
	} {
		if _, err := ParseSigner(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: want %q, got %v", name, tt.want, err)
		}
	}
}

func TestWhatSignsGivesAwayItsPublicHalfOnly(t *testing.T) {
	c := issue(t, rsaKey(t), "cert@cert.example", nil)
	pgp, err := GenerateOpenPGP("CERT", "cert@cert.example", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Signer{"S/MIME": signer(t, c.key+c.pem+c.ca), "OpenPGP": signer(t, pgp)} {
		text, err := s.Certificate()
		if err != nil || strings.Contains(text, "PRIVATE") {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		k := parsed(t, text)
		if k.Fingerprint != s.Public.Fingerprint || k.Type != s.Public.Type {
			t.Errorf("%s: %s, not %s", name, k.Fingerprint, s.Public.Fingerprint)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Add("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEaSVT\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n")
	if e, err := openpgp.NewEntity("Ana", "", "ana@isp.example", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}); err == nil {
		if text, err := armorEntity(openpgp.PublicKeyType, func(b *strings.Builder) error { return e.Serialize(b) }); err == nil {
			f.Add(text)
		}
		if text, err := armorEntity(openpgp.PrivateKeyType, func(b *strings.Builder) error { return e.SerializePrivate(b, nil) }); err == nil {
			f.Add(text)
		}
	}
	raw := []byte("Subject: a\r\nContent-Type: text/plain\r\n\r\na\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if err == nil {
			if k.Fingerprint == "" || k.Type == "" {
				t.Errorf("read as %+v", k)
			}
			at := k.Begins.Add(time.Second)
			if _, err := Encrypt(raw, nil, k, "[...]", at); err != nil && k.Valid(at) == nil && k.Type == SMIME {
				t.Errorf("a key that was good cannot be used: %v", err)
			}
		}
		if s, err := ParseSigner(text); err == nil {
			if text, err := s.Certificate(); err != nil || strings.Contains(text, "PRIVATE") {
				t.Errorf("%v\n%s", err, text)
			}
		}
	})
}
