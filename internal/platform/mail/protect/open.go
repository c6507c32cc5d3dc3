package protect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"tocsin/internal/format/cms"
)

// SignatureState is what a signature is worth.
type SignatureState string

// The states of a signature.
const (
	Unsigned      SignatureState = ""
	Verified      SignatureState = "verified"      // made by a known key of the sender, of this content
	KeyUnknown    SignatureState = "unknown"       // by a key that is not known: anybody can make one
	KeyOfAnother  SignatureState = "another"       // by a known key of somebody else than the sender
	KeyPassed     SignatureState = "expired"       // by a known key of the sender that had expired
	SignatureFake SignatureState = "forged"        // it is not that of this content
	Undecided     SignatureState = "not-decidable" // it is damaged, or by a means that is not read here
)

// SignatureStates lists the states of what is signed.
func SignatureStates() []SignatureState {
	return []SignatureState{Verified, KeyUnknown, KeyOfAnother, KeyPassed, SignatureFake, Undecided}
}

// EncryptionState is what became of what is encrypted.
type EncryptionState string

// The states of encryption.
const (
	InClear     EncryptionState = ""
	Decrypted   EncryptionState = "decrypted"
	KeyMissing  EncryptionState = "no-key"  // it is encrypted to keys that are not ours, or no longer
	Undecrypted EncryptionState = "damaged" // it was changed, or is too large once it is opened
)

// EncryptionStates lists the states of what is encrypted.
func EncryptionStates() []EncryptionState {
	return []EncryptionState{Decrypted, KeyMissing, Undecrypted}
}

// Verdict is how a message was protected, and what that is worth.
type Verdict struct {
	Encryption  EncryptionState `json:"encryption,omitempty"`
	EncryptedBy Type            `json:"encrypted_by,omitempty"`
	Key         string          `json:"key,omitempty"` // fingerprint of ours that opened it
	Signature   SignatureState  `json:"signature,omitempty"`
	SignedBy    Type            `json:"signed_by,omitempty"`
	Signer      string          `json:"signer,omitempty"`      // the name that the signer's key gives itself; of a key that is not known it is a claim
	Fingerprint string          `json:"fingerprint,omitempty"` // of the signer's key, as far as it is known
	Content     string          `json:"content,omitempty"`     // SHA-256 of what is signed, with lines that end in CRLF
}

// Opened is a message whose protection was taken off.
type Opened struct {
	Message []byte // as it would have come in clear; nil: there was nothing to open, or it could not be opened
	Verdict Verdict
}

// Ring is what a message is opened with.
type Ring struct {
	Own   []*Signer // decrypt
	Known []*Key    // whose signatures are told apart
	Limit int64     // bytes that opening may give; 0 is 25 MiB
}

const (
	maxLayers    = 3 // encrypted, then signed
	defaultLimit = 25 << 20
)

// Marked tells by its header whether a message is encrypted or signed as a whole. What is so only in part is not looked at: who reads
// could not tell which part.
func Marked(r io.Reader) bool {
	m, err := netmail.ReadMessage(io.LimitReader(r, 256<<10))
	return err == nil && layerOf(m.Header.Get("Content-Type")) != ""
}

// Open takes off the protection of a message at a time, and says what it is worth for its sender, whose address is that of From. A
// message without protection gives a verdict that says nothing. Nothing that is in a message makes an error.
func Open(raw []byte, ring Ring, from string, at time.Time) (out Opened) {
	if ring.Limit == 0 {
		ring.Limit = defaultLimit
	}
	o := opener{ring, strings.ToLower(from), at, &out.Verdict}
	head, body, ok := split(crlf(raw))
	if !ok {
		return out
	}
	inner, ok := entity{head, body}, false
	for range maxLayers {
		next, opened := o.layer(inner)
		if !opened {
			break
		}
		inner, ok = next, true
	}
	if ok {
		out.Message = inner.under(head)
	}
	return out
}

const (
	pgpEncrypted = "pgp-encrypted"
	pgpSigned    = "pgp-signed"
	cmsEncrypted = "cms-encrypted"
	cmsSigned    = "cms-signed"
	cmsOpaque    = "cms-opaque"
)

// layerOf is the protection that a Content-Type tells of; "" none.
func layerOf(contentType string) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	protocol := strings.ToLower(params["protocol"])
	switch {
	case kind == "multipart/encrypted" && protocol == "application/pgp-encrypted":
		return pgpEncrypted
	case kind == "multipart/signed" && protocol == "application/pgp-signature":
		return pgpSigned
	case kind == "multipart/signed" && strings.HasSuffix(protocol, "pkcs7-signature"):
		return cmsSigned
	case kind == "application/pkcs7-mime" || kind == "application/x-pkcs7-mime":
		if strings.HasPrefix(strings.ToLower(params["smime-type"]), "signed") {
			return cmsOpaque
		}
		return cmsEncrypted
	}
	return ""
}

type opener struct {
	Ring
	from    string
	at      time.Time
	verdict *Verdict
}

// layer takes one layer off. What is signed outside of what is encrypted is not believed for what is inside: whoever took the
// letter up could have signed it. So a signature outside is forgotten when encryption comes below it.
func (o *opener) layer(e entity) (entity, bool) {
	kind := e.field("Content-Type")
	switch layerOf(kind) {
	case cmsEncrypted, pgpEncrypted:
		v := o.verdict
		if v.Encryption != InClear {
			return e, false
		}
		v.Signature, v.SignedBy, v.Signer, v.Fingerprint, v.Content = Unsigned, "", "", "", ""
		if layerOf(kind) == pgpEncrypted {
			v.EncryptedBy = OpenPGP
			return o.decryptPGP(pieces(e.body, kind))
		}
		v.EncryptedBy = SMIME
		return o.decryptCMS(e)
	case cmsOpaque:
		if o.verdict.Signature != Unsigned {
			return e, false
		}
		der, err := decoded(e, o.Limit)
		if err != nil {
			o.verdict.Signature, o.verdict.SignedBy = Undecided, SMIME
			return e, false
		}
		signed, ok := o.verifyCMS(der, nil)
		o.verdict.Content = sumOf(signed)
		return o.inside(signed, ok)
	case cmsSigned, pgpSigned:
		if o.verdict.Signature != Unsigned {
			return e, false
		}
		parts := pieces(e.body, kind)
		if len(parts) != 2 {
			o.verdict.Signature, o.verdict.SignedBy = Undecided, map[bool]Type{true: OpenPGP, false: SMIME}[layerOf(kind) == pgpSigned]
			return e, false
		}
		o.detached(layerOf(kind), parts)
		return o.inside(parts[0], true)
	}
	return e, false
}

func (o *opener) inside(b []byte, ok bool) (entity, bool) {
	if !ok {
		return entity{}, false
	}
	head, body, ok := split(b)
	return entity{head, body}, ok
}

func (o *opener) detached(kind string, parts [][]byte) {
	head, body, _ := split(parts[1])
	signature, err := decoded(entity{head, body}, 1<<20)
	if err != nil {
		o.verdict.Signature = Undecided
		return
	}
	o.verdict.Content = sumOf(parts[0])
	if kind == pgpSigned {
		o.verifyPGP(parts[0], signature)
		return
	}
	o.verifyCMS(signature, parts[0])
}

func (o *opener) decryptCMS(e entity) (entity, bool) {
	der, err := decoded(e, o.Limit)
	if err != nil {
		o.verdict.Encryption = Undecrypted
		return e, false
	}
	o.verdict.Encryption = KeyMissing
	for _, s := range o.Own {
		if s.Public.Type != SMIME {
			continue
		}
		plain, err := cms.Decrypt(der, s.chain[0], s.key)
		switch {
		case errors.Is(err, cms.ErrNotForKey):
			continue
		case err != nil:
			o.verdict.Encryption = Undecrypted
			continue
		}
		o.verdict.Encryption, o.verdict.Key = Decrypted, s.Public.Fingerprint
		return o.inside(crlf(plain), true)
	}
	return e, false
}

func (o *opener) verifyCMS(signature, content []byte) (signed []byte, ok bool) {
	v := o.verdict
	v.SignedBy = SMIME
	c, signed, err := cms.Verify(signature, content)
	if c != nil {
		k := describe(c)
		v.Signer, v.Fingerprint = k.Holder, k.Fingerprint
	}
	switch {
	case errors.Is(err, cms.ErrSignature):
		v.Signature = SignatureFake
	case err != nil || c == nil:
		v.Signature = Undecided
	default:
		v.Signature = o.worth()
	}
	return crlf(signed), signed != nil
}

// worth is what a signature is worth that is right, by whose key it is.
func (o *opener) worth() SignatureState {
	i := slices.IndexFunc(o.Known, func(k *Key) bool { return k.Fingerprint == o.verdict.Fingerprint })
	switch {
	case i < 0:
		return KeyUnknown
	case !o.Known[i].For(o.from):
		return KeyOfAnother
	case o.Known[i].Valid(o.at) != nil:
		return KeyPassed
	}
	return Verified
}

// keyring has our own keys, and those that signatures are told apart by.
func (o *opener) keyring() (out openpgp.EntityList) {
	for _, s := range o.Own {
		if s.entity != nil {
			out = append(out, s.entity)
		}
	}
	for _, k := range o.Known {
		if k.entity != nil {
			out = append(out, k.entity)
		}
	}
	return out
}

func (o *opener) decryptPGP(parts [][]byte) (none entity, ok bool) {
	v := o.verdict
	v.Encryption = Undecrypted
	if len(parts) != 2 {
		return none, false
	}
	head, body, _ := split(parts[1])
	text, err := decoded(entity{head, body}, o.Limit)
	if err != nil {
		return none, false
	}
	var r io.Reader = bytes.NewReader(text)
	if block, err := armor.Decode(bytes.NewReader(text)); err == nil {
		r = block.Body
	}
	config := settings(o.at)
	config.MaxDecompressedMessageSize = &o.Limit
	m, err := openpgp.ReadMessage(r, o.keyring(), nil, config)
	switch {
	case errors.Is(err, pgperrors.ErrKeyIncorrect):
		v.Encryption = KeyMissing
		return none, false
	case err != nil || !m.IsEncrypted:
		return none, false
	}
	plain, err := bounded(m.UnverifiedBody, o.Limit)
	if err != nil {
		return none, false
	}
	v.Encryption = Decrypted
	if e := m.DecryptedWith.Entity; e != nil {
		v.Key = fingerprintOf(e)
	}
	if m.IsSigned {
		o.verdict.Content = sumOf(plain)
		o.judge(m)
	}
	return o.inside(crlf(plain), true)
}

func (o *opener) verifyPGP(signed, signature []byte) {
	o.verdict.SignedBy = OpenPGP
	var r io.Reader = bytes.NewReader(signature)
	if block, err := armor.Decode(bytes.NewReader(signature)); err == nil {
		r = block.Body
	}
	m, err := openpgp.VerifyDetachedSignatureReader(o.keyring(), bytes.NewReader(signed), r, settings(o.at))
	if err == nil {
		_, err = io.Copy(io.Discard, m.UnverifiedBody)
	}
	if err != nil {
		o.verdict.Signature = Undecided
		if errors.Is(err, pgperrors.ErrUnknownIssuer) {
			o.verdict.Signature = KeyUnknown
		}
		return
	}
	o.judge(m)
}

// judge says what the signature of a message that was read to its end is worth.
func (o *opener) judge(m *openpgp.MessageDetails) {
	v := o.verdict
	v.SignedBy = OpenPGP
	var by *openpgp.Entity
	for _, c := range m.SignatureCandidates {
		if by == nil && c.SignedByEntity != nil {
			by = c.SignedByEntity
		}
		if v.Fingerprint == "" && len(c.IssuerFingerprint) > 0 {
			v.Fingerprint = strings.ToUpper(hex.EncodeToString(c.IssuerFingerprint))
		}
	}
	if by != nil {
		k := describeOpenPGP(by)
		v.Signer, v.Fingerprint = k.Holder, k.Fingerprint
	}
	switch err := m.SignatureError; {
	case err == nil && m.IsVerified && by != nil:
		v.Signature = o.worth()
	case errors.Is(err, pgperrors.ErrUnknownIssuer), by == nil:
		v.Signature = KeyUnknown
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		v.Signature = KeyPassed
	default:
		v.Signature = SignatureFake
	}
}

func sumOf(signed []byte) string {
	sum := sha256.Sum256(crlf(signed))
	return hex.EncodeToString(sum[:])
}

func fingerprintOf(e *openpgp.Entity) string { return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint) }
