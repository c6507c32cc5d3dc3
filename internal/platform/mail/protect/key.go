// Package protect signs and encrypts mail: by S/MIME (RFC 8551) and by OpenPGP (RFC 3156). It takes a finished message and
// gives a finished message, so that whatever composed the one and hands over the other knows nothing of it. Whose keys are
// to be believed is its callers' business.
package protect

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"tocsin/internal/format/cms"
	"tocsin/internal/platform/fault"
)

// Type is by which of the two standards a key is used.
type Type string

// The types.
const (
	SMIME   Type = "smime"
	OpenPGP Type = "openpgp"
)

// MaxKey is how long a key may be, in bytes. Certificates have two thousand; an OpenPGP key with many signatures of others
// can be made smaller with gpg's export-minimal.
const MaxKey = 64 << 10

// Key is a public key that mail can be encrypted to. It was whole, not revoked and good for encryption when it was read.
type Key struct {
	Type        Type
	Fingerprint string   // of a certificate the SHA-256 of it; of an OpenPGP key its own; in capitals
	Holder      string   // the name it gives itself
	Addresses   []string // mail addresses that it is for, in small letters
	Begins      time.Time
	Expires     time.Time // zero: never

	certificate *x509.Certificate
	entity      *openpgp.Entity
}

// ParseKey reads one certificate in PEM or one armored OpenPGP public key. What is wrong with it for good is told: no key,
// several, a private one, one that is revoked, too weak, or not meant for encrypting mail.
func ParseKey(text string) (*Key, error) {
	switch {
	case len(text) > MaxKey:
		return nil, fault.Invalidf("the key is longer than %d bytes: export it without the signatures of others (gpg --export-options export-minimal)", MaxKey)
	case strings.Contains(text, "PRIVATE KEY"):
		return nil, fault.Invalidf("this is a private key, which its owner must give to nobody: replace it, and give the certificate or public key instead")
	case strings.Contains(text, "-----BEGIN PGP"):
		e, err := readOpenPGP(text, openpgp.PublicKeyType)
		if err != nil {
			return nil, err
		}
		return openPGPKey(e)
	case strings.Contains(text, "-----BEGIN"):
		cs, err := certificates(text)
		if err != nil {
			return nil, err
		}
		if len(cs) > 1 {
			return nil, fault.Invalidf("these are %d certificates: give the contact's own only", len(cs))
		}
		return smimeKey(cs[0])
	}
	return nil, fault.Invalidf("this is no key: want a certificate (-----BEGIN CERTIFICATE-----) or an OpenPGP public key (-----BEGIN PGP PUBLIC KEY BLOCK-----)")
}

func certificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			return nil, fault.Invalidf("there is a %q where a CERTIFICATE should be", b.Type)
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fault.Invalidf("the certificate cannot be read: %w", err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fault.Invalidf("the certificate is damaged: it is base64 between the lines BEGIN CERTIFICATE and END CERTIFICATE")
	}
	return out, nil
}

func smimeKey(c *x509.Certificate) (*Key, error) {
	k := describe(c)
	switch {
	case c.IsCA:
		return nil, fault.Invalidf("this is the certificate of an authority, %s: give the contact's own", k.Holder)
	case len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny):
		return nil, fault.Invalidf("the certificate is not for mail: its extended key usage has no emailProtection")
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement) == 0:
		return nil, fault.Invalidf("the certificate is not for encryption: its key usage has neither keyEncipherment nor keyAgreement")
	}
	if err := cms.CanEncrypt(c); err != nil {
		return nil, fault.Invalidf("nothing can be encrypted to the certificate: %w", err)
	}
	return k, nil
}

// describe says of a certificate what a Key says.
func describe(c *x509.Certificate) *Key {
	sum := sha256.Sum256(c.Raw)
	k := &Key{Type: SMIME, Fingerprint: strings.ToUpper(hex.EncodeToString(sum[:])), Holder: c.Subject.CommonName, Begins: c.NotBefore,
		Expires: c.NotAfter, certificate: c}
	if k.Holder == "" {
		k.Holder = c.Subject.String()
	}
	for _, a := range c.EmailAddresses {
		k.address(a)
	}
	for _, n := range c.Subject.Names {
		if s, ok := n.Value.(string); ok && n.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}) {
			k.address(s)
		}
	}
	return k
}

func (k *Key) address(a string) {
	if a = strings.ToLower(a); a != "" && !slices.Contains(k.Addresses, a) {
		k.Addresses = append(k.Addresses, a)
	}
}

// For tells whether the key says that it is for a mail address.
func (k *Key) For(address string) bool { return slices.Contains(k.Addresses, strings.ToLower(address)) }

// Valid tells why nothing may be encrypted to the key at a time: it has expired, or its time has not come.
func (k *Key) Valid(at time.Time) error {
	switch {
	case !k.Expires.IsZero() && !at.Before(k.Expires):
		return fault.Invalidf("the key expired on %s: ask its owner for a new one", k.Expires.UTC().Format(time.DateOnly))
	case at.Before(k.Begins):
		return fault.Invalidf("the key is valid from %s on only", k.Begins.UTC().Format(time.DateOnly))
	}
	return nil
}
