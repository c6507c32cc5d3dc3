package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/mail/protect"
	"tocsin/internal/world"
)

// protection is how the letters of a measurement are protected.
type protection struct {
	name, what string
	prepare    func(ctx context.Context, w *world.World) error
}

// measureProtection sends the same letters signed and encrypted, every letter to a contact with a key of its own.
func (b *bench) measureProtection(ctx context.Context, e *engine, s *sink, floor, unsigned float64) error {
	team, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	contact, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	signSMIME := func(ctx context.Context, w *world.World) error {
		c, key, err := benchCertificate(team, "cert@cert.example")
		if err == nil {
			_, err = w.MailKeys.Import(ctx, identity.LocalActor, c+key)
		}
		return err
	}
	signPGP := func(ctx context.Context, w *world.World) error {
		_, err := w.MailKeys.Generate(ctx, identity.LocalActor, "CERT", "cert@cert.example", signing.DefaultLife)
		return err
	}
	for _, p := range []protection{
		{"smime", "letters signed by S/MIME (RSA 2048)", signSMIME},
		{"openpgp", "letters signed by OpenPGP (Ed25519)", signPGP},
		{"smime-encrypted", "letters signed and encrypted by S/MIME", func(ctx context.Context, w *world.World) error {
			if err := signSMIME(ctx, w); err != nil {
				return err
			}
			return b.contacts(ctx, w, func(address string) (string, error) {
				c, _, err := benchCertificate(contact, address)
				return c, err
			})
		}},
		{"openpgp-encrypted", "letters signed and encrypted by OpenPGP", func(ctx context.Context, w *world.World) error {
			if err := signPGP(ctx, w); err != nil {
				return err
			}
			return b.contacts(ctx, w, benchOpenPGP)
		}},
	} {
		rate, err := b.throughOutbox(ctx, e, s, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
		b.report.add(p.what, e.name, fmt.Sprintf("%s letters/s", thousands(int64(rate))), fmt.Sprintf("%.2f of the rate unsigned", rate/unsigned), fmt.Sprintf("1/%.1f of the floor", floor/rate))
	}
	return nil
}

// contacts enters a constituent with a contact and its key for every letter.
func (b *bench) contacts(ctx context.Context, w *world.World, key func(address string) (string, error)) error {
	type contact struct {
		Role string             `json:"role"`
		Mail string             `json:"mail"`
		Keys []constituency.Key `json:"keys"`
	}
	type entry struct {
		Ref      string    `json:"ref"`
		Name     string    `json:"name"`
		Contacts []contact `json:"contacts"`
	}
	var doc struct {
		Constituents []entry `json:"constituents"`
	}
	for n := 1; n <= b.letters; n++ {
		l := benchLetter(n)
		k, err := key(l.To)
		if err != nil {
			return err
		}
		doc.Constituents = append(doc.Constituents, entry{fmt.Sprint("isp", n), fmt.Sprint("ISP ", n), []contact{{"abuse", l.To, []constituency.Key{{Key: k}}}}})
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	d, err := constituency.Read("bench.json", constituency.JSON, bytes.NewReader(text))
	if err != nil {
		return err
	}
	_, err = w.Constituency.Import(ctx, identity.LocalActor, d, constituency.ImportOptions{})
	return err
}

// benchCertificate is a certificate for an address, and its key, in PEM.
func benchCertificate(key crypto.Signer, address string) (certificate, private string, err error) {
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	now := clock.Real().Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "Bench"}, NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(1, 0, 0),
		EmailAddresses: []string{address}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, &x509.Certificate{Subject: pkix.Name{CommonName: "Bench CA"}}, key.Public(), authority)
	if err != nil {
		return "", "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), nil
}

// benchOpenPGP is the public half of a key made for an address.
func benchOpenPGP(address string) (string, error) {
	text, err := protect.GenerateOpenPGP("Desk", address, clock.Real().Now().AddDate(0, 0, -1), signing.DefaultLife)
	if err != nil {
		return "", err
	}
	s, err := protect.ParseSigner(text)
	if err != nil {
		return "", err
	}
	return s.Certificate()
}
