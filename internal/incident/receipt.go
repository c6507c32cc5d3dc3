package incident

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Receipt tells a reporter what the CERT has of them, since when, signed so that both can show it later.
type Receipt struct {
	Number   string        `json:"number"`
	Team     string        `json:"team"`
	Received string        `json:"received"` // RFC 3339, UTC
	SHA256   string        `json:"sha256"`   // of the record of what was handed in
	Files    []ReceiptFile `json:"files,omitempty"`
	Added    []ReceiptAdd  `json:"added,omitempty"` // what was said later
	Issued   string        `json:"issued"`          // RFC 3339, UTC
	Key      string        `json:"key"`             // Ed25519 public key, base64
	// Signature is Ed25519 (RFC 8032) over the JSON of the receipt with an empty signature, base64.
	Signature string `json:"signature"`
}

// ReceiptFile is a file that came with a report.
type ReceiptFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ReceiptAdd is something that was said later.
type ReceiptAdd struct {
	At     string `json:"at"`
	Step   string `json:"step,omitempty"`
	SHA256 string `json:"sha256"`
}

type signer struct{ key ed25519.PrivateKey }

func newSigner(seal *identity.Seal) (signer, error) {
	seed, err := seal.Derive("incident-receipt")
	if err != nil {
		return signer{}, err
	}
	return signer{ed25519.NewKeyFromSeed(seed)}, nil
}

func (s signer) public() string {
	return base64.StdEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))
}

// ReceiptKey is the public key that receipts of this world are signed with, in base64.
func (d *Desk) ReceiptKey() string { return d.signer.public() }

// Receipt is the receipt of a report as it is now.
func (d *Desk) Receipt(ctx context.Context, id int64) (Receipt, error) {
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return Receipt{}, err
	}
	var out Receipt
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		r, err := reportByID(tx, id)
		if err != nil {
			return err
		}
		if r.State == Draft {
			return fault.Conflictf("the report %s is not handed in yet", r.Number)
		}
		files, err := filesOfReport(tx, id)
		if err != nil {
			return err
		}
		adds, err := additionsOf(tx, id)
		if err != nil {
			return err
		}
		out = Receipt{Number: r.Number, Team: profile.Team.Name, Received: stamp(r.Received), SHA256: r.SHA256, Issued: stamp(d.now()), Key: d.ReceiptKey()}
		for _, f := range files {
			out.Files = append(out.Files, ReceiptFile{f.Name, f.Bytes, f.SHA256})
		}
		for _, a := range adds {
			out.Added = append(out.Added, ReceiptAdd{stamp(a.At), a.Step, a.SHA256})
		}
		return nil
	})
	if err != nil {
		return Receipt{}, err
	}
	b, err := json.Marshal(out)
	if err != nil {
		return Receipt{}, err
	}
	out.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(d.signer.key, b))
	return out, nil
}

// Verify tells whether a receipt was signed with a public key, in base64. What is wrong is a fault of kind Invalid.
func (r Receipt) Verify(key string) error {
	if r.Key != key {
		return fault.Invalidf("the receipt of %s was signed with the key %.60q, which is not the one of this CERT", r.Number, r.Key)
	}
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return fault.Invalidf("%.60q is no Ed25519 public key in base64", key)
	}
	signature, err := base64.StdEncoding.DecodeString(r.Signature)
	if err != nil {
		return fault.Invalidf("the signature of the receipt of %s is no base64", r.Number)
	}
	r.Signature = ""
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if !ed25519.Verify(public, b, signature) {
		return fault.Invalidf("the receipt of %s was changed after it was signed, or was not signed by this CERT", r.Number)
	}
	return nil
}

func stamp(at int64) string { return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000Z") }
