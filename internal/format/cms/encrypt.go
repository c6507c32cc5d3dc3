package cms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
)

const keyBytes = 32 // of AES-256

// Sealed is encrypted content, and what S/MIME calls it in smime-type.
type Sealed struct {
	DER  []byte
	Type string // enveloped-data, authEnveloped-data
}

// Encrypt encrypts content to a certificate with AES-256: in GCM, which notices changes, if the certificate says that its
// owner reads it, else in CBC, which every mail program reads. The key travels by RSA, or is agreed on by ECDH (RFC 5753).
func Encrypt(data []byte, to *x509.Certificate) (Sealed, error) {
	key := make([]byte, keyBytes)
	rand.Read(key)
	recipient, version, err := recipientOf(to, key)
	if err != nil {
		return Sealed{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Sealed{}, err
	}
	if readsGCM(to) {
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return Sealed{}, err
		}
		nonce := make([]byte, aead.NonceSize())
		rand.Read(nonce)
		sealed := aead.Seal(nil, nonce, data, nil)
		at := len(sealed) - aead.Overhead()
		algorithm := der(tagSequence, oidAES256GCM, der(tagSequence, der(tagOctets, nonce), small(byte(aead.Overhead()))))
		body := der(tagSequence, small(0), der(tagSet, recipient), encrypted(algorithm, sealed[:at]), der(tagOctets, sealed[at:]))
		return Sealed{content(oidAuthEnveloped, body), "authEnveloped-data"}, nil
	}
	iv := make([]byte, aes.BlockSize)
	rand.Read(iv)
	pad := aes.BlockSize - len(data)%aes.BlockSize
	out := append(bytes.Clone(data), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	body := der(tagSequence, small(version), der(tagSet, recipient), encrypted(der(tagSequence, oidAES256CBC, der(tagOctets, iv)), out))
	return Sealed{content(oidEnveloped, body), "enveloped-data"}, nil
}

func encrypted(algorithm, data []byte) []byte {
	return der(tagSequence, oidData, algorithm, der(implicit, data))
}

// CanEncrypt tells why nothing can be encrypted to a certificate's key; nil when it can.
func CanEncrypt(c *x509.Certificate) error {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return fmt.Errorf("its RSA key has %d bits: 2048 are the least", k.N.BitLen())
		}
		return nil
	case *ecdsa.PublicKey:
		if _, err := k.ECDH(); err != nil {
			return fmt.Errorf("its elliptic curve cannot be used: %w", err)
		}
		return nil
	}
	return fmt.Errorf("its key is neither RSA nor on a NIST curve")
}

// recipientOf is the content's key, encrypted to a certificate, and the version that EnvelopedData has with it.
func recipientOf(c *x509.Certificate, key []byte) (info []byte, version byte, err error) {
	if err := CanEncrypt(c); err != nil {
		return nil, 0, err
	}
	name, err := issuerAndSerial(c)
	if err != nil {
		return nil, 0, err
	}
	switch pub := c.PublicKey.(type) {
	case *rsa.PublicKey:
		// PKCS #1 v1.5 is what every mail program opens. Its weakness is the decrypting side's to hide.
		sealed, err := rsa.EncryptPKCS1v15(rand.Reader, pub, key)
		if err != nil {
			return nil, 0, err
		}
		return der(tagSequence, small(0), name, der(tagSequence, oidRSA, der(tagNull)), der(tagOctets, sealed)), 0, nil
	case *ecdsa.PublicKey:
		info, err = agree(pub, name, key)
		return info, 2, err
	}
	return nil, 0, fmt.Errorf("nothing can be encrypted to a %T", c.PublicKey)
}

// agree wraps a key with one that ECDH with a new key pair makes.
func agree(pub *ecdsa.PublicKey, name, key []byte) ([]byte, error) {
	theirs, err := pub.ECDH()
	if err != nil {
		return nil, err
	}
	ours, err := theirs.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	wrapped, err := wrapFor(ours, theirs, key)
	if err != nil {
		return nil, err
	}
	originator := der(explicit, der(explicit|1, der(tagSequence, oidEC), der(tagBits, []byte{0}, ours.PublicKey().Bytes())))
	algorithm := der(tagSequence, oidECDHSHA256, der(tagSequence, oidAES256Wrap))
	return der(explicit|1, small(3), originator, algorithm, der(tagSequence, der(tagSequence, name, der(tagOctets, wrapped)))), nil
}

func wrapFor(ours *ecdh.PrivateKey, theirs *ecdh.PublicKey, key []byte) ([]byte, error) {
	secret, err := ours.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	bits := binary.BigEndian.AppendUint32(nil, keyBytes*8)
	shared := der(tagSequence, der(tagSequence, oidAES256Wrap), der(explicit|2, der(tagOctets, bits)))
	// One round of the derivation of ANSI X9.63 with SHA-256 gives exactly the 32 bytes.
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint32(secret, 1), shared...))
	return wrap(sum[:], key)
}

// wrap is the AES key wrap of RFC 3394.
func wrap(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	n := len(key) / 8
	a := bytes.Repeat([]byte{0xa6}, 8)
	r := bytes.Clone(key)
	b := make([]byte, 16)
	for j := range 6 {
		for i := range n {
			copy(b, a)
			copy(b[8:], r[8*i:8*i+8])
			block.Encrypt(b, b)
			copy(a, b[:8])
			t := binary.BigEndian.Uint64(a) ^ uint64(n*j+i+1)
			binary.BigEndian.PutUint64(a, t)
			copy(r[8*i:], b[8:])
		}
	}
	return append(a, r...), nil
}

// readsGCM tells whether the certificate lists AES-256 in GCM among what its owner's program can do (RFC 4262).
func readsGCM(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if !isCapabilities(e) {
			continue
		}
		var list []struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		if rest, err := asn1.Unmarshal(e.Value, &list); err != nil || len(rest) > 0 {
			return false
		}
		for _, x := range list {
			if x.ID.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 46}) {
				return true
			}
		}
	}
	return false
}

func isCapabilities(e pkix.Extension) bool {
	return e.Id.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 15})
}
