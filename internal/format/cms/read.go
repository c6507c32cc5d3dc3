package cms

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNotForKey is why Decrypt opens nothing: the content is encrypted to other certificates.
var ErrNotForKey = errors.New("it is encrypted to other keys")

// errOpen is all that is told of what could not be decrypted: more would help who tries out changes.
var errOpen = errors.New("it cannot be decrypted: it is damaged, or was changed")

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type encryptedInfo struct {
	Type      asn1.ObjectIdentifier
	Algorithm pkix.AlgorithmIdentifier
	Content   asn1.RawValue `asn1:"tag:0"` // a string of octets under a tag of its own, in one piece or in several
}

// octets are those of the content.
func (e *encryptedInfo) octets() ([]byte, error) {
	if !e.Content.IsCompound {
		return e.Content.Bytes, nil
	}
	var parts [][]byte
	for rest := e.Content.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil, errBER
		}
		parts = append(parts, one.FullBytes)
	}
	return join(parts)
}

type envelopedData struct {
	Version    int
	Originator asn1.RawValue   `asn1:"optional,tag:0"`
	Recipients []asn1.RawValue `asn1:"set"`
	Content    encryptedInfo
	Others     asn1.RawValue `asn1:"optional,tag:1"`
}

type authEnvelopedData struct {
	Version    int
	Originator asn1.RawValue   `asn1:"optional,tag:0"`
	Recipients []asn1.RawValue `asn1:"set"`
	Content    encryptedInfo
	Attributes asn1.RawValue `asn1:"optional,tag:1"`
	MAC        []byte
	Others     asn1.RawValue `asn1:"optional,tag:2"`
}

type transport struct {
	Version   int
	Who       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

type agreement struct {
	Version    int
	Originator asn1.RawValue `asn1:"explicit,tag:0"`
	Material   []byte        `asn1:"explicit,optional,tag:1"`
	Algorithm  pkix.AlgorithmIdentifier
	Keys       []struct {
		Who asn1.RawValue
		Key []byte
	}
}

type publicKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

type named struct {
	Issuer asn1.RawValue
	Serial asn1.RawValue
}

// parse reads one value and nothing after it.
func parse(b []byte, into any, params string) error {
	rest, err := asn1.UnmarshalWithParams(b, into, params)
	if err == nil && len(rest) > 0 {
		err = errBER
	}
	if err != nil {
		return fmt.Errorf("read the CMS structure: %w", err)
	}
	return nil
}

// Decrypt opens what was encrypted to a certificate: EnvelopedData and AuthEnvelopedData with AES in CBC or GCM, whose key travels by
// RSA or ECDH. Why something cannot be decrypted is not told apart.
func Decrypt(b []byte, c *x509.Certificate, key crypto.PrivateKey) ([]byte, error) {
	b, err := canonical(b)
	if err != nil {
		return nil, err
	}
	var outer contentInfo
	if err := parse(b, &outer, ""); err != nil {
		return nil, err
	}
	switch kind, err := asn1.Marshal(outer.Type); {
	case err != nil:
		return nil, err
	case bytes.Equal(kind, oidEnveloped):
		var e envelopedData
		if err := parse(outer.Content.Bytes, &e, ""); err != nil {
			return nil, err
		}
		return openWith(e.Recipients, c, key, func(k []byte) ([]byte, error) { return openCBC(&e.Content, k) }, &e.Content)
	case bytes.Equal(kind, oidAuthEnveloped):
		var e authEnvelopedData
		if err := parse(outer.Content.Bytes, &e, ""); err != nil {
			return nil, err
		}
		return openWith(e.Recipients, c, key, func(k []byte) ([]byte, error) { return openGCM(&e, k) }, &e.Content)
	}
	return nil, fmt.Errorf("its type is %s, which nothing is encrypted by", outer.Type)
}

func openWith(recipients []asn1.RawValue, c *x509.Certificate, key crypto.PrivateKey, open func([]byte) ([]byte, error), e *encryptedInfo) ([]byte, error) {
	size := keySize(e.Algorithm.Algorithm)
	if size == 0 {
		return nil, fmt.Errorf("it is encrypted by %s, which is not read here", e.Algorithm.Algorithm)
	}
	for _, r := range recipients {
		k, ok, err := keyFor(r, c, key, size)
		if err != nil {
			return nil, err
		}
		if ok {
			return open(k)
		}
	}
	return nil, ErrNotForKey
}

// keySize is the size of a content encryption's key; 0 is not known.
func keySize(algorithm asn1.ObjectIdentifier) int {
	switch algorithm.String() {
	case "2.16.840.1.101.3.4.1.2", "2.16.840.1.101.3.4.1.6":
		return 16
	case "2.16.840.1.101.3.4.1.22", "2.16.840.1.101.3.4.1.26":
		return 24
	case "2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.46":
		return 32
	}
	return 0
}

// keyFor is the content's key, when a recipient is the certificate.
func keyFor(r asn1.RawValue, c *x509.Certificate, key crypto.PrivateKey, size int) (k []byte, ok bool, err error) {
	switch {
	case r.Class == asn1.ClassUniversal && r.Tag == asn1.TagSequence:
		var t transport
		if err := parse(r.FullBytes, &t, ""); err != nil {
			return nil, false, err
		}
		private, isRSA := key.(*rsa.PrivateKey)
		if !isRSA || !isFor(t.Who, c) {
			return nil, false, nil
		}
		if alg, err := asn1.Marshal(t.Algorithm.Algorithm); err != nil || !bytes.Equal(alg, oidRSA) {
			return nil, false, fmt.Errorf("its key is encrypted by %s, which is not read here", t.Algorithm.Algorithm)
		}
		k = make([]byte, size) // a wrong padding gives this random key, which opens nothing: who asks cannot tell
		rand.Read(k)
		if err := rsa.DecryptPKCS1v15SessionKey(nil, private, t.Key, k); err != nil {
			return nil, false, errOpen
		}
		return k, true, nil
	case r.Class == asn1.ClassContextSpecific && r.Tag == 1:
		var a agreement
		if err := parse(r.FullBytes, &a, "tag:1"); err != nil {
			return nil, false, err
		}
		private, isEC := key.(*ecdsa.PrivateKey)
		for _, x := range a.Keys {
			if isEC && isFor(x.Who, c) {
				k, err := agreed(&a, private, x.Key)
				return k, err == nil, err
			}
		}
	}
	return nil, false, nil
}

// isFor tells whether a recipient, or a signer, is named as a certificate is.
func isFor(who asn1.RawValue, c *x509.Certificate) bool {
	if who.Class == asn1.ClassContextSpecific && who.Tag == 0 {
		id := who.Bytes
		if who.IsCompound { // of an agreement: a structure around the identifier
			var inner asn1.RawValue
			if _, err := asn1.Unmarshal(who.Bytes, &inner); err != nil {
				return false
			}
			id = inner.Bytes
		}
		return len(id) > 0 && bytes.Equal(id, c.SubjectKeyId)
	}
	var n named
	if err := parse(who.FullBytes, &n, ""); err != nil {
		return false
	}
	serial, err := asn1.Marshal(c.SerialNumber)
	return err == nil && bytes.Equal(n.Issuer.FullBytes, c.RawIssuer) && bytes.Equal(n.Serial.FullBytes, serial)
}

// agreed unwraps a key that ECDH with the sender's key pair wrapped (RFC 5753), by SHA-256.
func agreed(a *agreement, private *ecdsa.PrivateKey, wrapped []byte) ([]byte, error) {
	if scheme, err := asn1.Marshal(a.Algorithm.Algorithm); err != nil || !bytes.Equal(scheme, oidECDHSHA256) {
		return nil, fmt.Errorf("its key is agreed on by %s, which is not read here", a.Algorithm.Algorithm)
	}
	var wrapping pkix.AlgorithmIdentifier
	if err := parse(a.Algorithm.Parameters.FullBytes, &wrapping, ""); err != nil {
		return nil, err
	}
	sizes := map[string]int{"2.16.840.1.101.3.4.1.5": 16, "2.16.840.1.101.3.4.1.25": 24, "2.16.840.1.101.3.4.1.45": 32}
	size := sizes[wrapping.Algorithm.String()]
	var theirs publicKey
	if err := parse(a.Originator.Bytes, &theirs, "tag:1"); err != nil {
		return nil, err
	}
	ours, err := private.ECDH()
	if err != nil || size == 0 {
		return nil, errOpen
	}
	peer, err := ours.Curve().NewPublicKey(theirs.Key.Bytes)
	if err != nil {
		return nil, errOpen
	}
	kek, err := derive(ours, peer, a.Algorithm.Parameters.FullBytes, a.Material, size)
	if err != nil {
		return nil, errOpen
	}
	return unwrap(kek, wrapped)
}

// derive is the derivation of ANSI X9.63 with SHA-256, of which one round is enough.
func derive(ours *ecdh.PrivateKey, theirs *ecdh.PublicKey, wrapping, material []byte, size int) ([]byte, error) {
	secret, err := ours.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	parts := [][]byte{wrapping}
	if len(material) > 0 {
		parts = append(parts, der(explicit, der(tagOctets, material)))
	}
	parts = append(parts, der(explicit|2, der(tagOctets, binary.BigEndian.AppendUint32(nil, uint32(size*8)))))
	h := crypto.SHA256.New()
	h.Write(binary.BigEndian.AppendUint32(secret, 1))
	h.Write(der(tagSequence, parts...))
	return h.Sum(nil)[:size], nil
}

// unwrap undoes wrap.
func unwrap(kek, wrapped []byte) ([]byte, error) {
	n := len(wrapped)/8 - 1
	if len(wrapped)%8 != 0 || n < 2 || n > 8 {
		return nil, errOpen
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, errOpen
	}
	a, r, b := bytes.Clone(wrapped[:8]), bytes.Clone(wrapped[8:]), make([]byte, 16)
	for j := 5; j >= 0; j-- {
		for i := n - 1; i >= 0; i-- {
			t := binary.BigEndian.Uint64(a) ^ uint64(n*j+i+1)
			binary.BigEndian.PutUint64(b, t)
			copy(b[8:], r[8*i:8*i+8])
			block.Decrypt(b, b)
			copy(a, b)
			copy(r[8*i:], b[8:])
		}
	}
	if subtle.ConstantTimeCompare(a, bytes.Repeat([]byte{0xa6}, 8)) != 1 {
		return nil, errOpen
	}
	return r, nil
}

func openCBC(e *encryptedInfo, key []byte) ([]byte, error) {
	var iv []byte
	sealed, err := e.octets()
	if err != nil {
		return nil, err
	}
	if err := parse(e.Algorithm.Parameters.FullBytes, &iv, ""); err != nil || len(iv) != aes.BlockSize || len(key) != keySize(e.Algorithm.Algorithm) ||
		len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 || !isCBC(e.Algorithm.Algorithm) {
		return nil, errOpen
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errOpen
	}
	out := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, sealed)
	pad := int(out[len(out)-1])
	if pad < 1 || pad > aes.BlockSize || !bytes.Equal(out[len(out)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errOpen
	}
	return out[:len(out)-pad], nil
}

func isCBC(o asn1.ObjectIdentifier) bool { return len(o) > 0 && o[len(o)-1]%20 == 2 }

func openGCM(e *authEnvelopedData, key []byte) ([]byte, error) {
	var p struct {
		Nonce []byte
		Size  int `asn1:"optional,default:12"`
	}
	if err := parse(e.Content.Algorithm.Parameters.FullBytes, &p, ""); err != nil || isCBC(e.Content.Algorithm.Algorithm) || len(key) != keySize(e.Content.Algorithm.Algorithm) ||
		len(p.Nonce) != 12 || p.Size != len(e.MAC) || p.Size < 12 || p.Size > 16 {
		return nil, errOpen
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errOpen
	}
	aead, err := cipher.NewGCMWithTagSize(block, p.Size)
	if err != nil {
		return nil, errOpen
	}
	var more []byte
	if len(e.Attributes.FullBytes) > 0 { // authenticated as a SET, sent under a tag of its own
		more = bytes.Clone(e.Attributes.FullBytes)
		more[0] = tagSet
	}
	sealed, err := e.Content.octets()
	if err != nil {
		return nil, err
	}
	out, err := aead.Open(nil, p.Nonce, append(bytes.Clone(sealed), e.MAC...), more)
	if err != nil {
		return nil, errOpen
	}
	return out, nil
}
