package protect

import (
	"fmt"
	"strings"
	"time"

	"tocsin/internal/format/cms"
	"tocsin/internal/platform/fault"
)

// Sign returns the message signed: multipart/signed, the content as it was. The message is one that mail.Sender rendered; its
// header stays, Message-ID included.
func (s *Signer) Sign(raw []byte, at time.Time) ([]byte, error) {
	if err := s.Public.Valid(at); err != nil {
		return nil, fault.New(fault.Unavailable, "sign the message: %w", err)
	}
	m, err := take(raw)
	if err != nil {
		return nil, err
	}
	data, signature, kind, micalg := m.payload(""), []byte(nil), "", ""
	if s.entity != nil {
		kind = "application/pgp-signature"
		armored, alg, err := signOpenPGP(s.entity, data, at)
		if err != nil {
			return nil, err
		}
		micalg = alg
		signature = append([]byte("Content-Type: "+kind+"; name=\"signature.asc\"\r\nContent-Disposition: attachment; filename=\"signature.asc\"\r\n\r\n"), armored...)
	} else {
		kind = "application/pkcs7-signature"
		if signature, micalg, err = s.smimePart(data, kind, at); err != nil {
			return nil, err
		}
	}
	boundary, body := parts(data, signature)
	return m.wrap("", fmt.Sprintf("multipart/signed; protocol=\"%s\";\r\n micalg=%s; boundary=\"%s\"", kind, micalg, boundary), nil, body), nil
}

func (s *Signer) smimePart(data []byte, kind string, at time.Time) (part []byte, micalg string, err error) {
	sig, err := cms.Sign(data, s.key, s.chain, at)
	if err != nil {
		return nil, "", err
	}
	_, micalg, err = cms.Digest(s.key.Public())
	head := "Content-Type: " + kind + "; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n"
	return append([]byte(head), lines(sig)...), micalg, err
}

// Encrypt returns the message encrypted to a key, signed inside by from when that is of the same type; nil signs nothing. Cover is the
// subject that travels in clear; the true one is inside. A key that is not valid at the time is refused.
func Encrypt(raw []byte, from *Signer, to *Key, cover string, at time.Time) ([]byte, error) {
	if err := to.Valid(at); err != nil {
		return nil, err
	}
	if cover == "" || len(cover) > 200 || strings.ContainsFunc(cover, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fault.Invalidf("the subject outside is one line of at most 200 characters of ASCII")
	}
	m, err := take(raw)
	if err != nil {
		return nil, err
	}
	data := m.payload(cover)
	if from != nil {
		if from.Public.Type != to.Type {
			return nil, fault.Invalidf("a message encrypted by %s is not signed by %s", to.Type, from.Public.Type)
		}
		if err := from.Public.Valid(at); err != nil {
			return nil, fault.New(fault.Unavailable, "sign the message: %w", err)
		}
	}
	if to.Type == OpenPGP {
		return encryptPGPMIME(m, data, from, to, cover, at)
	}
	if from != nil {
		sig, micalg, err := from.smimePart(data, "application/pkcs7-signature", at)
		if err != nil {
			return nil, err
		}
		boundary, body := parts(data, sig)
		data = append([]byte("Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n micalg="+micalg+"; boundary=\""+boundary+"\"\r\n\r\n"), body...)
	}
	sealed, err := cms.Encrypt(data, to.certificate)
	if err != nil {
		return nil, err
	}
	return m.wrap(cover, "application/pkcs7-mime; smime-type="+sealed.Type+"; name=\"smime.p7m\"",
		[]string{"Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=\"smime.p7m\""}, lines(sealed.DER)), nil
}

// encryptPGPMIME signs and encrypts in one go, as RFC 3156 allows in section 6.2.
func encryptPGPMIME(m *message, data []byte, from *Signer, to *Key, cover string, at time.Time) ([]byte, error) {
	var signer = from
	if signer == nil {
		signer = &Signer{}
	}
	armored, err := encryptOpenPGP(data, signer.entity, to, at)
	if err != nil {
		return nil, err
	}
	version := []byte("Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n")
	content := append([]byte("Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\nContent-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"), armored...)
	boundary, body := parts(version, content)
	return m.wrap(cover, "multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n boundary=\""+boundary+"\"", nil, body), nil
}
