package protect

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"tocsin/internal/format/cms"
	"tocsin/internal/platform/fault"
)

// Signer is a private key that mail is signed with. It is safe for concurrent use.
type Signer struct {
	Public Key // what it says of itself; of a certificate that may not be for encryption

	key    crypto.Signer
	chain  []*x509.Certificate
	entity *openpgp.Entity
}

// ParseSigner reads what signs mail: in PEM a private key without a passphrase, its certificate and those of the authorities between it
// and a root, in any order; or one armored OpenPGP private key, without a passphrase too.
func ParseSigner(text string) (*Signer, error) {
	switch {
	case len(text) > 4*MaxKey:
		return nil, fault.Invalidf("the key is longer than %d bytes", 4*MaxKey)
	case strings.Contains(text, "-----BEGIN PGP"):
		return openPGPSigner(text)
	}
	return smimeSigner(text)
}

func openPGPSigner(text string) (*Signer, error) {
	e, err := readOpenPGP(text, openpgp.PrivateKeyType)
	if err != nil {
		return nil, err
	}
	if e.Revoked(ever()) {
		return nil, fault.Invalidf("the OpenPGP key is revoked")
	}
	s := &Signer{Public: *describeOpenPGP(e), entity: e}
	until, ok := lasts(e, func(at time.Time) bool {
		k, ok := e.SigningKey(at, settings(at))
		return ok && k.PrivateKey != nil && !k.PrivateKey.Encrypted && !k.PrivateKey.Dummy()
	})
	if !ok {
		return nil, fault.Invalidf("the OpenPGP key cannot sign: it has no private key for that, or one with a passphrase; take that off first (gpg --edit-key, passwd)")
	}
	s.Public.Expires = until
	return s, nil
}

func smimeSigner(text string) (*Signer, error) {
	s := &Signer{}
	var certs strings.Builder
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if !strings.HasSuffix(b.Type, "PRIVATE KEY") {
			certs.Write(pem.EncodeToMemory(&pem.Block{Type: b.Type, Bytes: b.Bytes}))
			continue
		}
		if s.key != nil {
			return nil, fault.Invalidf("there are several private keys: give one")
		}
		key, err := privateKey(b)
		if err != nil {
			return nil, err
		}
		s.key = key
	}
	if s.key == nil {
		return nil, fault.Invalidf("there is no private key: want PEM with PRIVATE KEY and CERTIFICATE, or an armored OpenPGP private key (from a .p12 file: openssl pkcs12 -in FILE -nodes)")
	}
	all, err := certificates(certs.String())
	if err != nil {
		return nil, err
	}
	var others []*x509.Certificate
	for _, c := range all {
		if pub, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && pub.Equal(s.key.Public()) {
			s.chain = append([]*x509.Certificate{c}, s.chain...)
		} else if string(c.RawIssuer) != string(c.RawSubject) { // a root is known to who trusts it
			others = append(others, c)
		}
	}
	if len(s.chain) != 1 {
		return nil, fault.Invalidf("%d of the certificates are that of the private key: give one", len(s.chain))
	}
	s.chain = append(s.chain, others...)
	own := s.chain[0]
	if _, _, err := cms.Digest(own.PublicKey); err != nil {
		return nil, fault.Invalidf("the key cannot sign mail: %w", err)
	}
	if own.KeyUsage != 0 && own.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, fault.Invalidf("the certificate is not for signatures: its key usage has no digitalSignature")
	}
	s.Public = *describe(own)
	return s, nil
}

func privateKey(b *pem.Block) (crypto.Signer, error) {
	if b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != "" {
		return nil, fault.Invalidf("the private key has a passphrase: take it off first (openssl pkey)")
	}
	var key any
	var err error
	switch b.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	}
	if err != nil {
		return nil, fault.Invalidf("the private key cannot be read") // what the parser says might repeat a part of it
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fault.Invalidf("the private key cannot sign")
	}
	return s, nil
}

// GenerateOpenPGP makes an OpenPGP key for a name and an address, valid so long, and returns it armored, with its private half.
func GenerateOpenPGP(name, address string, at time.Time, lifetime time.Duration) (string, error) {
	c := settings(at)
	c.Algorithm, c.KeyLifetimeSecs = packet.PubKeyAlgoEdDSA, uint32(lifetime/time.Second)
	e, err := openpgp.NewEntity(name, "", address, c)
	if err != nil {
		return "", fault.Invalidf("an OpenPGP key for %q: %w", name, err)
	}
	return armorEntity(openpgp.PrivateKeyType, func(b *strings.Builder) error { return e.SerializePrivateWithoutSigning(b, c) })
}

func armorEntity(kind string, write func(*strings.Builder) error) (string, error) {
	var b strings.Builder
	if err := write(&b); err != nil {
		return "", err
	}
	text, err := armoredText(kind, []byte(b.String()))
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

// Certificate is the public half, for others to verify with: PEM, or an armored OpenPGP public key.
func (s *Signer) Certificate() (string, error) {
	if s.entity != nil {
		return armorEntity(openpgp.PublicKeyType, func(b *strings.Builder) error { return s.entity.Serialize(b) })
	}
	var b strings.Builder
	for _, c := range s.chain {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}
