package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tocsin/internal/platform/fault"
)

// Key is a key that signed checkpoints of this log, as others verify with it.
type Key struct {
	Verifier string `json:"verifier"` // as golang.org/x/mod/sumdb/note writes it: name+hash+key
	At       int64  `json:"at"`       // first used, UTC microseconds
}

// signer is the private half of a key.
type signer struct {
	note.Signer
	verifier string
}

// openKey reads the key file at path, and makes it when it is not there. Of processes that make it at once one wins; the others
// take what it made.
func openKey(path, name string) (*signer, error) {
	s, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path, name); err == nil {
			s, err = readKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key that signs checkpoints: %w", err)
	}
	if s.Name() != name {
		return nil, fault.Invalidf("the key in %s is of %q, this log is %q: move the file away, and a new key is made", path, s.Name(), name)
	}
	return s, nil
}

func readKey(path string) (*signer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseKey(strings.TrimSpace(string(b)), path)
}

// parseKey reads a private key as note.GenerateKey writes it: PRIVATE+KEY+name+hash+base64 of the algorithm and the seed.
func parseKey(text, path string) (*signer, error) {
	bad := fault.Invalidf("%s is no Ed25519 key of Tocsin: restore the file or move it away, and a new key is made", path)
	s, err := note.NewSigner(text)
	if err != nil {
		return nil, bad
	}
	parts := strings.SplitN(text, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, bad
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	v, err := note.NewEd25519VerifierKey(s.Name(), public)
	return &signer{s, v}, err
}

func makeKey(path, name string) error {
	secret, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	tmp := path + "." + rand.Text()
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// VerifierKey is the verifier key that a person gave: the key itself, or the name of a file with it.
func VerifierKey(given string, read func(name string) ([]byte, error)) (string, error) {
	if _, err := note.NewVerifier(given); err == nil {
		return given, nil
	}
	b, err := read(given)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if _, err := note.NewVerifier(text); err != nil {
		return "", fault.Invalidf("%s is no verifier key: tocsin audit keys prints them", given)
	}
	return text, nil
}
