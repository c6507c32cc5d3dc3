package identity

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Seal encrypts the few secrets that must be read back, such as those of authenticator apps, with a key that lies in a file
// beside the database and never in it: AES-256-GCM, a random nonce each, bound to what the secret belongs to.
type Seal struct {
	aead cipher.AEAD
	key  []byte
}

const sealKeyBytes = 32

// OpenSeal reads the key, and makes it when it is not there. The file is its owner's alone.
func OpenSeal(path string) (*Seal, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, sealKeyBytes)
		rand.Read(key)
		if err = writeNew(path, key); errors.Is(err, fs.ErrExist) { // another process was faster
			key, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key that seals secrets: %w", err)
	}
	return NewSeal(key)
}

// writeNew writes a file that appears whole or not at all, and never replaces one.
func writeNew(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// NewSeal returns the seal of a key of 32 bytes.
func NewSeal(key []byte) (*Seal, error) {
	if len(key) != sealKeyBytes {
		return nil, fmt.Errorf("the key that seals secrets has %d bytes, not %d", len(key), sealKeyBytes)
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	g, err := cipher.NewGCM(b)
	return &Seal{g, bytes.Clone(key)}, err
}

// Derive is a secret of 32 bytes for one purpose, always the same one.
func (s *Seal) Derive(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, s.key, nil, purpose, 32)
}

// Lock encrypts a secret for its owner: only Unlock with the same owner gives it back. The result is text of letters, digits, + and /.
func (s *Seal) Lock(secret, owner string) string {
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce)
	return base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(secret), []byte(owner)))
}

// Unlock gives back what Lock encrypted for this owner, and an error for anything else.
func (s *Seal) Unlock(sealed, owner string) (string, error) {
	b, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(b) < s.aead.NonceSize() {
		return "", errors.New("the sealed secret is damaged")
	}
	p, err := s.aead.Open(nil, b[:s.aead.NonceSize()], b[s.aead.NonceSize():], []byte(owner))
	if err != nil {
		return "", errors.New("the sealed secret was made with another key, or changed: put the key file of the data directory back")
	}
	return string(p), nil
}
