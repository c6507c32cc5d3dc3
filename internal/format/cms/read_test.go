package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"testing"
)

func TestWhatIsEncryptedIsDecryptedByItsKeyOnly(t *testing.T) {
	all := keys(t)
	for name, key := range all {
		for _, gcm := range []bool{false, true} {
			c := issue(t, key, gcm)
			data := []byte("Content-Type: text/plain\r\n\r\nšta\r\n")
			s, err := Encrypt(data, c)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := Decrypt(s.DER, c, key); err != nil || !bytes.Equal(out, data) {
				t.Errorf("%s, gcm %t: %q, %v", name, gcm, out, err)
			}
			other := issue(t, all["P-256"], gcm)
			if name == "P-256" {
				other = issue(t, all["RSA"], gcm)
			}
			other.SerialNumber.SetInt64(7)
			if _, err := Decrypt(s.DER, other, key); !errors.Is(err, ErrNotForKey) {
				t.Errorf("%s, gcm %t, for somebody else: %v", name, gcm, err)
			}
			for at := len(s.DER) - 1; at > 0; at -= 1 + len(s.DER)/40 { // wherever it is changed
				bad := bytes.Clone(s.DER)
				bad[at] ^= 1
				if out, err := Decrypt(bad, c, key); gcm && err == nil && (!bytes.Equal(out, data) || at > len(bad)-16) {
					t.Errorf("%s: changed at %d it gives %q", name, at, out)
				}
			}
		}
	}
}

// OpenSSL writes what it streams in pieces of indefinite length.
func TestWhatOpenSSLEncryptsIsDecrypted(t *testing.T) {
	for name, key := range keys(t) {
		for _, algorithm := range []string{"-aes-128-cbc", "-aes-192-cbc", "-aes-256-cbc", "-aes-256-gcm"} {
			j := openssl(t)
			c := issue(t, key, false)
			_, cert := j.pair(key, c)
			data := bytes.Repeat([]byte("many words "), 5000)
			for _, stream := range [][]string{{}, {"-stream"}, {"-keyid"}} {
				args := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER", algorithm, "-in", j.file("data", data)}, stream...)
				if len(stream) > 0 && stream[0] == "-keyid" && len(c.SubjectKeyId) == 0 {
					continue
				}
				if name != "RSA" {
					args = append(args, "-recip", cert, "-keyopt", "ecdh_kdf_md:sha256", "-aes256-wrap")
				} else {
					args = append(args, cert)
				}
				sealed, err := j.run(args...)
				if err != nil {
					t.Logf("openssl does not encrypt by %s to %s %v", algorithm, name, stream)
					continue
				}
				if out, err := Decrypt(sealed, c, key); err != nil || !bytes.Equal(out, data) {
					t.Errorf("%s %s %v: %d bytes, %v", name, algorithm, stream, len(out), err)
				}
			}
		}
	}
}

func TestSignaturesVerifyForTheirContentOnly(t *testing.T) {
	data := []byte("Content-Type: text/plain\r\n\r\nšta\r\n")
	for name, key := range keys(t) {
		c := issue(t, key, false)
		sig, err := Sign(data, key, []*x509.Certificate{c}, noon)
		if err != nil {
			t.Fatal(err)
		}
		if by, _, err := Verify(sig, data); err != nil || !by.Equal(c) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := Verify(sig, append(bytes.Clone(data), ' ')); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: another content: %v", name, err)
		}
		for at := len(sig) - 60; at < len(sig); at++ { // the signature itself stands at the end
			bad := bytes.Clone(sig)
			bad[at] ^= 0x40
			if _, _, err := Verify(bad, data); err == nil {
				t.Errorf("%s: changed at %d it verifies", name, at)
			}
		}
	}
}

func TestOpenSSLsSignaturesVerify(t *testing.T) {
	data := []byte("Content-Type: text/plain\r\n\r\nabc\r\n")
	for name, key := range keys(t) {
		j := openssl(t)
		c := issue(t, key, false)
		keyFile, cert := j.pair(key, c)
		for what, more := range map[string][]string{"detached": nil, "opaque": {"-nodetach"}, "streamed": {"-nodetach", "-stream"}, "without attributes": {"-noattr"}, "by PSS": {"-keyopt", "rsa_padding_mode:pss"}} {
			if what == "by PSS" && name != "RSA" {
				continue
			}
			sig, err := j.run(append([]string{"cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-in", j.file("data", data), "-signer", cert, "-inkey", keyFile}, more...)...)
			if err != nil {
				t.Logf("openssl does not sign %s with %s", what, name)
				continue
			}
			content := data
			if what == "opaque" || what == "streamed" {
				content = nil
			}
			by, signed, err := Verify(sig, content)
			if err != nil || !by.Equal(c) || !bytes.Equal(signed, data) {
				t.Errorf("%s, %s: %q, %v", name, what, signed, err)
			}
		}
		weak, err := j.run("cms", "-sign", "-binary", "-outform", "DER", "-md", "sha1", "-in", j.file("data", data), "-signer", cert, "-inkey", keyFile)
		if err == nil {
			if _, _, err := Verify(weak, data); err == nil {
				t.Errorf("%s: SHA-1 is taken for a signature", name)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	t := &testing.T{}
	all := keys(t)
	type pair struct {
		c   *x509.Certificate
		key crypto.Signer
	}
	var pairs []pair
	for _, key := range all {
		c := issue(t, key, false)
		pairs = append(pairs, pair{c, key})
		s, err := Encrypt([]byte("text"), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s.DER)
		sig, err := Sign([]byte("text"), key, []*x509.Certificate{c}, noon)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sig)
	}
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 0x41, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := canonical(b); err == nil && len(out) > len(b) {
			t.Errorf("%x became longer: %x", b, out)
		}
		for _, p := range pairs {
			Decrypt(b, p.c, p.key)
		}
		Verify(b, []byte("text"))
		Verify(b, nil)
	})
}
