// Package cms writes the Cryptographic Message Syntax (RFC 5652) as S/MIME 4.0 (RFC 8551) uses it: detached signatures, and
// content encrypted to certificates. What it reads is a stranger's: it is bounded, and nothing in it is believed but what a key proves.
package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the digests that Sign asks for by name
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"
)

// Tags of DER.
const (
	tagOctets   = 0x04
	tagBits     = 0x03
	tagNull     = 0x05
	tagSequence = 0x30
	tagSet      = 0x31
	implicit    = 0x80 // of a primitive
	explicit    = 0xa0 // and implicit of something constructed
)

var (
	oidData          = oid(1, 2, 840, 113549, 1, 7, 1)
	oidSigned        = oid(1, 2, 840, 113549, 1, 7, 2)
	oidEnveloped     = oid(1, 2, 840, 113549, 1, 7, 3)
	oidAuthEnveloped = oid(1, 2, 840, 113549, 1, 9, 16, 1, 23)

	oidContentType   = oid(1, 2, 840, 113549, 1, 9, 3)
	oidMessageDigest = oid(1, 2, 840, 113549, 1, 9, 4)
	oidSigningTime   = oid(1, 2, 840, 113549, 1, 9, 5)
	oidCapabilities  = oid(1, 2, 840, 113549, 1, 9, 15)

	oidRSA         = oid(1, 2, 840, 113549, 1, 1, 1)
	oidRSASHA256   = oid(1, 2, 840, 113549, 1, 1, 11)
	oidEC          = oid(1, 2, 840, 10045, 2, 1)
	oidECDSASHA256 = oid(1, 2, 840, 10045, 4, 3, 2)
	oidECDSASHA384 = oid(1, 2, 840, 10045, 4, 3, 3)
	oidECDSASHA512 = oid(1, 2, 840, 10045, 4, 3, 4)
	oidSHA256      = oid(2, 16, 840, 1, 101, 3, 4, 2, 1)
	oidSHA384      = oid(2, 16, 840, 1, 101, 3, 4, 2, 2)
	oidSHA512      = oid(2, 16, 840, 1, 101, 3, 4, 2, 3)

	oidAES128CBC  = oid(2, 16, 840, 1, 101, 3, 4, 1, 2)
	oidAES256CBC  = oid(2, 16, 840, 1, 101, 3, 4, 1, 42)
	oidAES256Wrap = oid(2, 16, 840, 1, 101, 3, 4, 1, 45)
	oidAES256GCM  = oid(2, 16, 840, 1, 101, 3, 4, 1, 46)
	oidECDHSHA256 = oid(1, 3, 132, 1, 11, 1) // dhSinglePass-stdDH-sha256kdf-scheme
)

// oid is an object identifier in DER. The arcs are constants of this package.
func oid(arcs ...int) []byte {
	b, err := asn1.Marshal(asn1.ObjectIdentifier(arcs))
	if err != nil {
		panic(err)
	}
	return b
}

// der writes one element: its tag, its length, its parts.
func der(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	head := []byte{tag}
	if n < 0x80 {
		head = append(head, byte(n))
	} else {
		size := 1
		for n>>(8*size) > 0 {
			size++
		}
		head = append(head, 0x80|byte(size))
		for i := size - 1; i >= 0; i-- {
			head = append(head, byte(n>>(8*i)))
		}
	}
	out := make([]byte, 0, len(head)+n)
	out = append(out, head...)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func small(n byte) []byte { return der(0x02, []byte{n}) }

// set is a SET OF, whose elements DER wants in order.
func set(tag byte, elements ...[]byte) []byte {
	sorted := slices.Clone(elements)
	slices.SortFunc(sorted, slices.Compare)
	return der(tag, sorted...)
}

// content is the outermost element.
func content(kind []byte, of []byte) []byte { return der(tagSequence, kind, der(explicit, of)) }

// issuerAndSerial names a certificate.
func issuerAndSerial(c *x509.Certificate) ([]byte, error) {
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		return nil, fmt.Errorf("the certificate's serial number: %w", err)
	}
	return der(tagSequence, c.RawIssuer, serial), nil
}

// Digest is the hash that Sign uses with a key, and its name in Content-Type's micalg.
func Digest(pub crypto.PublicKey) (h crypto.Hash, micalg string, err error) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return crypto.SHA256, "sha-256", nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return crypto.SHA256, "sha-256", nil
		case elliptic.P384():
			return crypto.SHA384, "sha-384", nil
		case elliptic.P521():
			return crypto.SHA512, "sha-512", nil
		}
	}
	return 0, "", fmt.Errorf("S/MIME signs with RSA or ECDSA on P-256, P-384 or P-521, not with %T", pub)
}

func digestOID(h crypto.Hash) []byte {
	return map[crypto.Hash][]byte{crypto.SHA256: oidSHA256, crypto.SHA384: oidSHA384, crypto.SHA512: oidSHA512}[h]
}

// signatureAlgorithm is the algorithm's identifier; those of RSA have a NULL, those of ECDSA nothing.
func signatureAlgorithm(pub crypto.PublicKey, h crypto.Hash) []byte {
	if _, ok := pub.(*rsa.PublicKey); ok {
		return der(tagSequence, oidRSASHA256, der(tagNull))
	}
	return der(tagSequence, map[crypto.Hash][]byte{crypto.SHA256: oidECDSASHA256, crypto.SHA384: oidECDSASHA384, crypto.SHA512: oidECDSASHA512}[h])
}

// Sign signs content without repeating it. chain begins with the key's own certificate; those of authorities between it and
// a root go along. The signature says when it was made, and by which algorithms its maker can be answered.
func Sign(data []byte, key crypto.Signer, chain []*x509.Certificate, at time.Time) ([]byte, error) {
	if len(chain) == 0 {
		return nil, fmt.Errorf("a signature needs a certificate")
	}
	if pub, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(key.Public()) {
		return nil, fmt.Errorf("the certificate is not that of the key")
	}
	hash, _, err := Digest(key.Public())
	if err != nil {
		return nil, err
	}
	signer, err := issuerAndSerial(chain[0])
	if err != nil {
		return nil, err
	}
	when, err := asn1.Marshal(at.UTC().Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	h := hash.New()
	h.Write(data)
	attributes := [][]byte{
		attribute(oidContentType, oidData),
		attribute(oidSigningTime, when),
		attribute(oidMessageDigest, der(tagOctets, h.Sum(nil))),
		attribute(oidCapabilities, der(tagSequence, der(tagSequence, oidAES256GCM), der(tagSequence, oidAES256CBC), der(tagSequence, oidAES128CBC))),
	}
	h = hash.New()
	h.Write(set(tagSet, attributes...)) // signed as a SET, sent under a tag of its own
	signature, err := key.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	digest := der(tagSequence, digestOID(hash))
	info := der(tagSequence, small(1), signer, digest, set(explicit, attributes...), signatureAlgorithm(key.Public(), hash), der(tagOctets, signature))
	var certificates [][]byte
	for _, c := range chain {
		certificates = append(certificates, c.Raw)
	}
	return content(oidSigned, der(tagSequence, small(1), der(tagSet, digest), der(tagSequence, oidData), set(explicit, certificates...), der(tagSet, info))), nil
}

func attribute(name, value []byte) []byte { return der(tagSequence, name, der(tagSet, value)) }
