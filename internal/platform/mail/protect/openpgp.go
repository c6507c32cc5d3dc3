package protect

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"tocsin/internal/platform/fault"
)

// settings are those of every use of OpenPGP, at a time.
func settings(at time.Time) *packet.Config {
	return &packet.Config{Time: func() time.Time { return at }, DefaultHash: crypto.SHA256, DefaultCipher: packet.CipherAES256, MinRSABits: 2047}
}

// readOpenPGP reads exactly one key of a type.
func readOpenPGP(text, want string) (*openpgp.Entity, error) {
	if strings.Count(text, "-----BEGIN PGP") > 1 {
		return nil, fault.Invalidf("these are several OpenPGP keys: give one only")
	}
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil, fault.Invalidf("the OpenPGP key is damaged: its armor cannot be read")
	}
	if block.Type != want {
		return nil, fault.Invalidf("this is a %s: want a %s", block.Type, want)
	}
	list, err := openpgp.ReadKeyRing(block.Body)
	if err != nil {
		return nil, fault.Invalidf("the OpenPGP key cannot be read: %w", err)
	}
	if len(list) != 1 {
		return nil, fault.Invalidf("these are %d OpenPGP keys: give one only", len(list))
	}
	return list[0], nil
}

// ever is a time later than every expiry that OpenPGP can write.
func ever() time.Time { return time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) }

func openPGPKey(e *openpgp.Entity) (*Key, error) {
	if e.Revoked(ever()) {
		return nil, fault.Invalidf("the OpenPGP key was revoked by its owner: ask for the new one")
	}
	k := describeOpenPGP(e)
	var ok bool
	if k.Expires, ok = lasts(e, func(at time.Time) bool { _, ok := e.EncryptionKey(at, settings(at)); return ok }); !ok {
		return nil, fault.Invalidf("nothing can be encrypted to the OpenPGP key: it has no subkey for encryption that is strong enough and not revoked")
	}
	return k, nil
}

func describeOpenPGP(e *openpgp.Entity) *Key {
	k := &Key{Type: OpenPGP, Fingerprint: strings.ToUpper(hex.EncodeToString(e.PrimaryKey.Fingerprint)), Begins: e.PrimaryKey.CreationTime.UTC(), entity: e}
	for _, name := range slices.Sorted(maps.Keys(e.Identities)) {
		id := e.Identities[name]
		if _, err := id.LatestValidSelfCertification(time.Time{}, nil); err != nil || id.Revoked(nil, ever(), nil) {
			continue // who has not signed the name, or has taken it back, does not go by it
		}
		if k.Holder == "" {
			k.Holder = name
		}
		k.address(id.UserId.Email)
	}
	return k
}

// lasts finds until when a key can be used, by asking at the moments where that can end. ok is false when it never can.
//
// The library checks a signature once, against the time of the first question, and goes by that afterwards. So every signature is
// asked about at the time it was made, the oldest first; after that the key is only read, by however many at once.
func lasts(e *openpgp.Entity, usable func(time.Time) bool) (until time.Time, ok bool) {
	made, ends := map[int64]bool{}, map[int64]bool{}
	note := func(begins time.Time, sigs []*packet.VerifiableSignature) {
		for _, s := range sigs {
			made[s.Packet.CreationTime.Unix()] = true
			if l := s.Packet.KeyLifetimeSecs; l != nil && *l > 0 {
				ends[begins.Unix()+int64(*l)] = true
			}
			if l := s.Packet.SigLifetimeSecs; l != nil && *l > 0 {
				ends[s.Packet.CreationTime.Unix()+int64(*l)] = true
			}
		}
	}
	note(e.PrimaryKey.CreationTime, e.DirectSignatures)
	for _, id := range e.Identities {
		note(e.PrimaryKey.CreationTime, id.SelfCertifications)
	}
	for _, s := range e.Subkeys {
		note(s.PublicKey.CreationTime, s.Bindings)
	}
	for _, at := range slices.Sorted(maps.Keys(made)) {
		usable(time.Unix(at, 0))
	}
	if usable(ever()) {
		return time.Time{}, true
	}
	all := slices.Sorted(maps.Keys(ends))
	for _, at := range slices.Backward(all) {
		if t := time.Unix(at, 0).UTC(); usable(t.Add(-time.Second)) {
			return t, true
		}
	}
	return time.Time{}, false
}

// signOpenPGP is a signature over the bytes as they are, and its name in Content-Type's micalg.
func signOpenPGP(e *openpgp.Entity, data []byte, at time.Time) (armored []byte, micalg string, err error) {
	var raw bytes.Buffer
	if err := openpgp.DetachSign(&raw, []*openpgp.Entity{e}, bytes.NewReader(data), settings(at)); err != nil {
		return nil, "", fmt.Errorf("sign with OpenPGP: %w", err)
	}
	p, err := packet.Read(bytes.NewReader(raw.Bytes()))
	if err != nil {
		return nil, "", err
	}
	sig, ok := p.(*packet.Signature)
	if !ok {
		return nil, "", fmt.Errorf("sign with OpenPGP: the signature is a %T", p)
	}
	armored, err = armoredText("PGP SIGNATURE", raw.Bytes())
	return armored, "pgp-" + strings.ToLower(strings.ReplaceAll(sig.Hash.String(), "-", "")), err
}

// encryptOpenPGP encrypts to a key, and signs inside with from unless it is nil.
func encryptOpenPGP(data []byte, from *openpgp.Entity, to *Key, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	var signers []*openpgp.Entity
	if from != nil {
		signers = append(signers, from)
	}
	w, err := openpgp.Encrypt(&out, []*openpgp.Entity{to.entity}, nil, signers, nil, settings(at))
	if err != nil {
		return nil, fmt.Errorf("encrypt with OpenPGP: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return armoredText("PGP MESSAGE", out.Bytes())
}

// armoredText writes ASCII armor with the line ends of mail.
func armoredText(kind string, data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n")), nil
}
