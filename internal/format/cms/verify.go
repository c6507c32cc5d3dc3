package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// ErrSignature is why Verify refuses a signature: it is not that of the content.
var ErrSignature = errors.New("the signature is not that of the content")

type signedData struct {
	Version      int
	Digests      asn1.RawValue `asn1:"set"`
	Content      contained
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	Revocations  asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

type contained struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,optional,tag:0"`
}

type signerInfo struct {
	Version    int
	Who        asn1.RawValue
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Others     asn1.RawValue `asn1:"optional,tag:1"`
}

// Verify says whose signature SignedData is, by the certificate that it brings: of content, or of what it holds itself when content is
// nil, which it then returns. Whether the certificate is to be believed is the caller's business. Of several signatures the first
// counts. What is signed by SHA-1 or MD5 is not signed.
func Verify(b, content []byte) (signer *x509.Certificate, signed []byte, err error) {
	if b, err = canonical(b); err != nil {
		return nil, nil, err
	}
	var outer contentInfo
	if err := parse(b, &outer, ""); err != nil {
		return nil, nil, err
	}
	if kind, err := asn1.Marshal(outer.Type); err != nil || !bytes.Equal(kind, oidSigned) {
		return nil, nil, fmt.Errorf("its type is %s, which is no signature", outer.Type)
	}
	var s signedData
	if err := parse(outer.Content.Bytes, &s, ""); err != nil {
		return nil, nil, err
	}
	if signed = content; content == nil {
		signed = s.Content.Content
	}
	if len(s.Signers) == 0 || signed == nil {
		return nil, signed, errors.New("there is no signature in it")
	}
	info := &s.Signers[0]
	for rest := s.Certificates.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil, signed, errBER
		}
		if c, err := x509.ParseCertificate(one.FullBytes); err == nil && isFor(info.Who, c) {
			return c, signed, info.verify(c, signed)
		}
	}
	return nil, signed, errors.New("the signature brings no certificate of its signer")
}

func (i *signerInfo) verify(c *x509.Certificate, signed []byte) error {
	hash := digestOf(i.Digest.Algorithm)
	if hash == 0 {
		return fmt.Errorf("it is signed by the digest %s, which is weak or not known", i.Digest.Algorithm)
	}
	h := hash.New()
	h.Write(signed)
	sum := h.Sum(nil)
	if len(i.Attributes.FullBytes) > 0 {
		digest, err := i.attribute(oidMessageDigest)
		var claimed []byte
		if err != nil || parse(digest, &claimed, "") != nil || subtle.ConstantTimeCompare(claimed, sum) != 1 {
			return ErrSignature
		}
		if kind, err := i.attribute(oidContentType); err != nil || !bytes.Equal(kind, oidData) {
			return ErrSignature
		}
		set := bytes.Clone(i.Attributes.FullBytes)
		set[0] = tagSet // signed as a SET, sent under a tag of its own
		h = hash.New()
		h.Write(set)
		sum = h.Sum(nil)
	}
	switch pub := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if pub.N.BitLen() < 2048 {
			return fmt.Errorf("the signer's RSA key has %d bits: 2048 are the least", pub.N.BitLen())
		}
		err := rsa.VerifyPKCS1v15(pub, hash, sum, i.Signature)
		if i.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}) {
			err = rsa.VerifyPSS(pub, hash, sum, i.Signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: hash})
		}
		if err != nil {
			return ErrSignature
		}
		return nil
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(pub, sum, i.Signature) {
			return ErrSignature
		}
		return nil
	}
	return fmt.Errorf("it is signed with a %T, which is not read here", c.PublicKey)
}

// attribute is the one value of a signed attribute; that there are none or several is an error.
func (i *signerInfo) attribute(name []byte) (value []byte, err error) {
	for rest := i.Attributes.Bytes; len(rest) > 0; {
		var a struct {
			Name   asn1.RawValue
			Values []asn1.RawValue `asn1:"set"`
		}
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return nil, errBER
		}
		if !bytes.Equal(a.Name.FullBytes, name) {
			continue
		}
		if value != nil || len(a.Values) != 1 {
			return nil, errBER
		}
		value = a.Values[0].FullBytes
	}
	if value == nil {
		return nil, errBER
	}
	return value, nil
}

func digestOf(o asn1.ObjectIdentifier) crypto.Hash {
	name, err := asn1.Marshal(o)
	if err != nil {
		return 0
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if bytes.Equal(name, digestOID(h)) {
			return h
		}
	}
	return 0
}
