package protect

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/internal/format/eml"
	"tocsin/internal/platform/mail/protect/protecttest"
)

// letter is what Ana writes.
const letter = "From: Ana <ana@isp.example>\r\nTo: cert@cert.example\r\nSubject: Re: [T-D1] findings\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\n" +
	"Message-ID: <a@isp.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nWe fixed it.\r\n"

// pair is a private key with what others know of it.
type pair struct {
	own   *Signer
	known *Key
}

func pgpPair(t *testing.T, name, address string, life time.Duration) pair {
	t.Helper()
	text, err := GenerateOpenPGP(name, address, now.Add(-48*time.Hour), life)
	if err != nil {
		t.Fatal(err)
	}
	s := signer(t, text)
	public, err := s.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return pair{s, parsed(t, public)}
}

func smimePair(t *testing.T, address string, until time.Time) pair {
	t.Helper()
	c := issue(t, ecKey(t), address, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter, c.SerialNumber = now.AddDate(0, 0, -2), until, new(big.Int).SetBytes([]byte(address))
	})
	return pair{signer(t, c.pem+c.key), parsed(t, c.pem)}
}

// people are Ana, Eve and the team, by one standard.
type people struct{ ana, eve, team pair }

func each(t *testing.T, fn func(t *testing.T, p people)) {
	t.Run("openpgp", func(t *testing.T) {
		fn(t, people{pgpPair(t, "Ana", "ana@isp.example", 96*time.Hour), pgpPair(t, "Eve", "eve@other.example", 96*time.Hour), pgpPair(t, "Team", "cert@cert.example", 96*time.Hour)})
	})
	t.Run("smime", func(t *testing.T) {
		until := now.AddDate(0, 0, 2)
		fn(t, people{smimePair(t, "ana@isp.example", until), smimePair(t, "eve@other.example", until), smimePair(t, "cert@cert.example", until)})
	})
}

func made(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func says(t *testing.T, o Opened) string {
	t.Helper()
	if o.Message == nil {
		return ""
	}
	m, err := eml.Read(bytes.NewReader(o.Message), eml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m.Subject + "|" + m.Text
}

const told = "Re: [T-D1] findings|We fixed it."

func TestAMessageIsOpenedAndItsSignerNamed(t *testing.T) {
	each(t, func(t *testing.T, p people) {
		ring := Ring{Own: []*Signer{p.team.own}, Known: []*Key{p.ana.known, p.eve.known}}
		open := func(raw []byte) Opened { return Open(raw, ring, "Ana@isp.example", now) }
		for name, tt := range map[string]struct {
			raw  []byte
			want Verdict
		}{
			"signed":               {made(p.ana.own.Sign([]byte(letter), now)), Verdict{Signature: Verified}},
			"signed and encrypted": {made(Encrypt([]byte(letter), p.ana.own, p.team.known, "[...]", now)), Verdict{Encryption: Decrypted, Signature: Verified}},
			"encrypted":            {made(Encrypt([]byte(letter), nil, p.team.known, "[...]", now)), Verdict{Encryption: Decrypted}},
			"with lone line feeds": {bytes.ReplaceAll(made(Encrypt([]byte(letter), p.ana.own, p.team.known, "[...]", now)), []byte("\r\n"), []byte("\n")), Verdict{Encryption: Decrypted, Signature: Verified}},
			"signed by another":    {made(Encrypt([]byte(letter), p.eve.own, p.team.known, "[...]", now)), Verdict{Encryption: Decrypted, Signature: KeyOfAnother}},
		} {
			was := bytes.Clone(tt.raw)
			got := open(tt.raw)
			if got.Verdict.Encryption != tt.want.Encryption || got.Verdict.Signature != tt.want.Signature || says(t, got) != told {
				t.Errorf("%s: %+v, says %q", name, got.Verdict, says(t, got))
			}
			if tt.want.Encryption == Decrypted && got.Verdict.Key != p.team.known.Fingerprint || tt.want.Signature == Verified && got.Verdict.Fingerprint != p.ana.known.Fingerprint {
				t.Errorf("%s: opened by %s, signed by %s", name, got.Verdict.Key, got.Verdict.Fingerprint)
			}
			if !bytes.Equal(was, tt.raw) {
				t.Errorf("%s: the original was changed", name)
			}
			if !Marked(bytes.NewReader(tt.raw)) {
				t.Errorf("%s: it is not marked", name)
			}
		}
		if got := open([]byte(letter)); got.Message != nil || got.Verdict != (Verdict{}) || Marked(strings.NewReader(letter)) {
			t.Errorf("in clear: %+v", got)
		}
	})
}

func TestForgedSignersAndStrangersAreTold(t *testing.T) {
	each(t, func(t *testing.T, p people) {
		signed := made(p.ana.own.Sign([]byte(letter), now))
		changed := bytes.Replace(signed, []byte("We fixed it."), []byte("We sold it.."), 1)
		known := Ring{Own: []*Signer{p.team.own}, Known: []*Key{p.ana.known}}
		for name, tt := range map[string]struct {
			raw  []byte
			ring Ring
			want SignatureState
		}{
			"a changed text":         {changed, known, SignatureFake},
			"a key nobody knows":     {signed, Ring{}, KeyUnknown},
			"a key of somebody else": {made(p.eve.own.Sign([]byte(letter), now)), Ring{Known: []*Key{p.eve.known}}, KeyOfAnother},
			"no signature at all":    {bytes.Replace(signed, []byte("\r\n\r\nMI"), []byte("\r\n\r\n!!"), 1), Ring{}, ""},
		} {
			got := Open(tt.raw, tt.ring, "ana@isp.example", now)
			if tt.want != "" && got.Verdict.Signature != tt.want || got.Verdict.Signature == Verified {
				t.Errorf("%s: %+v", name, got.Verdict)
			}
		}
		// Another's signature under the sender's text: the part is exchanged, the signature stays.
		other := made(p.ana.own.Sign([]byte(strings.Replace(letter, "We fixed it.", "No.", 1)), now))
		if got := Open(bytes.Replace(other, []byte("No."), []byte("Yes, all of it."), 1), known, "ana@isp.example", now); got.Verdict.Signature != SignatureFake {
			t.Errorf("an exchanged part: %+v", got.Verdict)
		}
	})
}

func TestAnExpiredKeyIsNoLongerBelieved(t *testing.T) {
	later := now.AddDate(0, 0, 3)
	each(t, func(t *testing.T, p people) {
		signed := made(p.ana.own.Sign([]byte(letter), now))
		ring := Ring{Own: []*Signer{p.team.own}, Known: []*Key{p.ana.known}}
		if got := Open(signed, ring, "ana@isp.example", later); got.Verdict.Signature != KeyPassed || says(t, got) != told {
			t.Errorf("%+v, %q", got.Verdict, says(t, got))
		}
		sealed := made(Encrypt([]byte(letter), p.ana.own, p.team.known, "[...]", now))
		if got := Open(sealed, ring, "ana@isp.example", later); got.Verdict.Encryption != Decrypted || got.Verdict.Signature == Verified {
			t.Errorf("what was sent to a key of ours that has expired since is read, and not believed: %+v", got.Verdict)
		}
	})
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, p people) {
		sealed := made(Encrypt([]byte(letter), p.ana.own, p.eve.known, "[...]", now))
		if got := Open(sealed, Ring{Own: []*Signer{p.team.own}}, "ana@isp.example", now); got.Verdict.Encryption != KeyMissing || got.Message != nil {
			t.Errorf("for somebody else: %+v", got.Verdict)
		}
		sealed = made(Encrypt([]byte(letter), p.ana.own, p.team.known, "[...]", now))
		at := len(sealed) * 2 / 3
		for sealed[at] < ' ' {
			at++
		}
		sealed[at] = map[bool]byte{true: 'B', false: 'A'}[sealed[at] == 'A']
		if got := Open(sealed, Ring{Own: []*Signer{p.team.own}, Known: []*Key{p.ana.known}}, "ana@isp.example", now); got.Verdict.Signature == Verified {
			t.Errorf("a changed letter is believed: %+v", got.Verdict)
		}
		small := made(Encrypt([]byte(letter+strings.Repeat("long\r\n", 10_000)), nil, p.team.known, "[...]", now))
		if got := Open(small, Ring{Own: []*Signer{p.team.own}, Limit: 20_000}, "ana@isp.example", now); got.Verdict.Encryption != Undecrypted || got.Message != nil {
			t.Errorf("larger than the limit: %+v, %d bytes", got.Verdict, len(got.Message))
		}
	})
}

// TestABombInsideIsNotOpened packs 300 megabytes of zeros, and a message of parts within parts, into letters that are encrypted.
func TestABombInsideIsNotOpened(t *testing.T) {
	team := pgpPair(t, "Team", "cert@cert.example", 96*time.Hour)
	g := protecttest.NewGPG(t)
	public, err := team.own.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	g.Must(public, "--import")
	zeros := protecttest.File(t, "zeros", "Content-Type: text/plain\r\n\r\n")
	f, err := os.OpenFile(zeros, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(300 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	bomb := g.Must("", "--armor", "--compress-algo", "zlib", "--compress-level", "9", "--recipient", "cert@cert.example", "--encrypt", "--output", "-", zeros)
	if len(bomb) > 5<<20 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	raw := "From: ana@isp.example\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n" +
		"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n" + strings.ReplaceAll(bomb, "\n", "\r\n") + "\r\n--b--\r\n"
	if got := Open([]byte(raw), Ring{Own: []*Signer{team.own}, Limit: 1 << 20}, "ana@isp.example", time.Now()); got.Verdict.Encryption != Undecrypted || got.Message != nil {
		t.Errorf("%+v, %d bytes", got.Verdict, len(got.Message))
	}
	var nested strings.Builder
	nested.WriteString("From: ana@isp.example\r\n")
	for i := range 2000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	nested.WriteString("\r\nend\r\n")
	sealed := made(Encrypt([]byte(nested.String()), nil, team.known, "[...]", now))
	got := Open(sealed, Ring{Own: []*Signer{team.own}}, "ana@isp.example", now)
	m, err := eml.Read(bytes.NewReader(got.Message), eml.Options{})
	if err != nil || !m.Has(eml.Deep) {
		t.Errorf("parts within parts: %+v, %v", m, err)
	}
}

func TestWhatOthersSendIsOpened(t *testing.T) {
	g := protecttest.NewGPG(t)
	g.Must("", "--quick-gen-key", "Ana <ana@isp.example>", "default", "default", "1y")
	team := teamPGP(t, g)
	ana := parsed(t, g.Must("", "--armor", "--export", "ana@isp.example"))
	ring := Ring{Own: []*Signer{team}, Known: []*Key{ana}}
	inner := "Content-Type: text/plain\r\n\r\nWe fixed it.\r\n"
	text := g.Must(inner, "--armor", "--sign", "--local-user", "ana@isp.example", "--recipient", "cert@cert.example", "--encrypt")
	head := strings.SplitAfter(letter, "MIME-Version: 1.0\r\n")[0]
	raw := head + "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n" +
		"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n" + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n--b--\r\n"
	if got := Open([]byte(raw), ring, "ana@isp.example", time.Now()); got.Verdict.Signature != Verified || got.Verdict.Encryption != Decrypted || says(t, got) != told {
		t.Errorf("gpg's: %+v, %q", got.Verdict, says(t, got))
	}
	a, c := smimePair(t, "ana@isp.example", now.AddDate(1, 0, 0)), smimePair(t, "cert@cert.example", now.AddDate(1, 0, 0))
	certOf := func(p pair) string {
		s, err := p.own.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	key := func(s *Signer) string {
		b, err := x509.MarshalPKCS8PrivateKey(s.key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
	}
	anaFile, teamFile := protecttest.File(t, "ana.pem", certOf(a)+key(a.own)), protecttest.File(t, "team.pem", certOf(c))
	for _, how := range [][]string{{"-sign"}, {"-sign", "-nodetach"}} {
		signed, errs, err := protecttest.Run(t, inner, "openssl", append([]string{"cms", "-signer", anaFile}, how...)...)
		if err != nil {
			t.Fatalf("%v: %s", how, errs)
		}
		ring := Ring{Own: []*Signer{c.own}, Known: []*Key{a.known}}
		if got := Open([]byte(head+strings.TrimPrefix(signed, "MIME-Version: 1.0\n")), ring, "ana@isp.example", now); got.Verdict.Signature != Verified || says(t, got) != told {
			t.Errorf("openssl's %v: %+v, %q", how, got.Verdict, says(t, got))
		}
		sealed, errs, err := protecttest.Run(t, signed, "openssl", "cms", "-encrypt", "-recip", teamFile, "-keyopt", "ecdh_kdf_md:sha256", "-aes256-wrap", "-aes256")
		if err != nil {
			t.Fatalf("%v: %s", how, errs)
		}
		if got := Open([]byte(head+strings.TrimPrefix(sealed, "MIME-Version: 1.0\n")), ring, "ana@isp.example", now); got.Verdict.Signature != Verified || got.Verdict.Encryption != Decrypted || says(t, got) != told {
			t.Errorf("openssl's %v, encrypted: %+v, %q", how, got.Verdict, says(t, got))
		}
	}
}

// Whoever takes a letter up that is encrypted can sign it anew, and has not read it: such a signature says nothing of what is inside.
func TestASignatureAroundWhatIsEncryptedSaysNothing(t *testing.T) {
	each(t, func(t *testing.T, p people) {
		sealed := made(Encrypt([]byte(letter), nil, p.team.known, "[...]", now))
		signed := made(p.ana.own.Sign(sealed, now))
		got := Open(signed, Ring{Own: []*Signer{p.team.own}, Known: []*Key{p.ana.known}}, "ana@isp.example", now)
		if got.Verdict.Signature != Unsigned || got.Verdict.Encryption != Decrypted {
			t.Errorf("%+v", got.Verdict)
		}
	})
}

func FuzzOpen(f *testing.F) {
	t := &testing.T{}
	a, c := pgpPair(t, "Ana", "ana@isp.example", 96*time.Hour), smimePair(t, "ana@isp.example", now.AddDate(1, 0, 0))
	for _, p := range []pair{a, c} {
		f.Add(made(p.own.Sign([]byte(letter), now)))
		f.Add(made(Encrypt([]byte(letter), p.own, p.known, "[...]", now)))
	}
	f.Add([]byte(letter))
	ring := Ring{Own: []*Signer{a.own, c.own}, Known: []*Key{a.known, c.known}, Limit: 1 << 20}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := Open(raw, ring, "ana@isp.example", now)
		if len(got.Message) > len(raw)*4+2<<20 {
			t.Errorf("%d bytes became %d", len(raw), len(got.Message))
		}
	})
}
