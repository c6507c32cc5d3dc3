package mailbox_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/format/eml"
	"tocsin/internal/identity"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/protect"
)

// keyed is a contact with a key, and what it and the team sign and encrypt with.
type keyed struct {
	box  *mailbox.Box
	keys *signing.Store
	isp  int64
	ana  *protect.Signer
	team *protect.Key
}

func (b *bench) keyed() (k keyed) {
	b.Helper()
	seal, err := identity.NewSeal(make([]byte, 32))
	b.must(err)
	k.keys = signing.New(signing.Config{DB: b.db, Clock: b.clock, Seal: seal})
	own, err := k.keys.Generate(b.Context(), officer, "Team", "cert@cert.example", signing.DefaultLife)
	b.must(err)
	k.team, err = protect.ParseKey(own.Public)
	b.must(err)
	k.ana = b.person("Ana", "ana@isp.example")
	c, err := b.places.Create(b.Context(), officer, constituency.Constituent{Ref: "isp", Name: "ISP", Kind: constituency.ISP, Designation: constituency.OtherDesignation, Language: "en"})
	b.must(err)
	public, err := k.ana.Certificate()
	b.must(err)
	_, err = b.places.AddContact(b.Context(), officer, constituency.Contact{Constituent: c.ID, Role: "security", Name: "Ana", Mail: "ana@isp.example", Keys: []constituency.Key{{Key: public}}})
	b.must(err)
	k.isp = c.ID
	k.box = b.open(func(c *mailbox.Config) { c.Open = k.keys.Open })
	return k
}

func (b *bench) person(name, address string) *protect.Signer {
	b.Helper()
	text, err := protect.GenerateOpenPGP(name, address, b.clock.Now().Add(-time.Hour), 90*24*time.Hour)
	b.must(err)
	s, err := protect.ParseSigner(text)
	b.must(err)
	return s
}

// reply is Ana's answer with a file, as it is before it is protected.
func (k keyed) reply(from, id, to string) []byte {
	return []byte(strings.ReplaceAll("From: Ana <"+from+">\nTo: cert@cert.example\nSubject: Re: What we saw\nMessage-ID: <"+id+">\nIn-Reply-To: "+to+"\nMIME-Version: 1.0\n"+
		"Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\nClosed it all.\n--m\nContent-Type: text/csv; name=\"rows.csv\"\n\na,b\n--m--\n", "\n", "\r\n"))
}

func TestAnEncryptedReplyIsReadInItsConversationAndItsOriginalKept(t *testing.T) {
	onEach(t, func(b *bench) {
		k := b.keyed()
		d := digest(1)
		d.Constituent, d.To = k.isp, "ana@isp.example"
		l := b.send(d)
		raw, err := protect.Encrypt(k.reply("ana@isp.example", "r1@isp.example", l.MessageID), k.ana, k.team, "[...]", b.clock.Now())
		b.must(err)
		b.imap.Put(t, "INBOX", string(raw))
		m, err := k.box.ByID(t.Context(), b.read(k.box)[0].ID)
		b.must(err)
		if p := m.Protection; p == nil || p.Encryption != protect.Decrypted || p.Signature != protect.Verified || p.Fingerprint != k.ana.Public.Fingerprint || p.Key != k.team.Fingerprint {
			t.Fatalf("%+v", m.Protection)
		}
		if m.Subject != "Re: What we saw" || !strings.Contains(m.Text, "Closed it all.") || !m.Verified || m.Letter != l.ID || len(m.Flaws) != 0 {
			t.Errorf("%+v", m)
		}
		var original, file bytes.Buffer
		b.must(k.box.Original(t.Context(), m.ID, &original))
		if !bytes.Equal(original.Bytes(), raw) {
			t.Error("the original was changed")
		}
		if len(m.Files) != 1 || m.Files[0].Name != "rows.csv" {
			t.Fatalf("files %+v", m.Files)
		}
		_, write, err := k.box.Attachment(t.Context(), m.ID, 1)
		b.must(err)
		if err := write(&file); err != nil || strings.TrimSpace(file.String()) != "a,b" {
			t.Errorf("%q, %v", file.String(), err)
		}
		b.must(k.keys.Retire(t.Context(), officer, k.team.Fingerprint)) // its private half is forgotten
		if err := write(&file); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("opened without a key: %v", err)
		}
		if again, err := k.box.ByID(t.Context(), m.ID); err != nil || !strings.Contains(again.Text, "Closed it all.") {
			t.Errorf("what was read is still there: %+v, %v", again, err)
		}
	})
}

func TestAForgedSignatureIsNotBelievedWhateverTheAddress(t *testing.T) {
	onEach(t, func(b *bench) {
		k := b.keyed()
		d := digest(1)
		d.Constituent, d.To = k.isp, "ana@isp.example"
		l := b.send(d)
		eve := b.person("Ana", "ana@isp.example") // anybody can make a key in any name
		signed := func(by *protect.Signer, id string) []byte {
			raw, err := by.Sign(k.reply("ana@isp.example", id, l.MessageID), b.clock.Now())
			b.must(err)
			return raw
		}
		b.imap.Put(t, "INBOX", string(bytes.Replace(signed(k.ana, "a@isp.example"), []byte("Closed it all."), []byte("Not ours at a."), 1)))
		b.imap.Put(t, "INBOX", string(signed(eve, "b@isp.example")))
		ms := b.read(k.box)
		if m := ms[0]; m.Protection == nil || m.Protection.Signature != protect.SignatureFake || m.Verified {
			t.Errorf("changed on its way: %+v, verified %t", m.Protection, m.Verified)
		}
		if m := ms[1]; m.Protection == nil || m.Protection.Signature != protect.KeyUnknown {
			t.Errorf("by a key that is not known: %+v", m.Protection)
		}
	})
}

func TestWhatNobodyCanOpenIsKeptAndMarked(t *testing.T) {
	onEach(t, func(b *bench) {
		k := b.keyed()
		other := b.person("Other", "other@isp.example")
		public, err := other.Certificate()
		b.must(err)
		to, err := protect.ParseKey(public)
		b.must(err)
		raw, err := protect.Encrypt(k.reply("ana@isp.example", "c@isp.example", "<x@y>"), nil, to, "[...]", b.clock.Now())
		b.must(err)
		b.imap.Put(t, "INBOX", string(raw))
		m := b.read(k.box)[0]
		if m.Protection == nil || m.Protection.Encryption != protect.KeyMissing || m.State != mailbox.Waiting || len(m.Flaws) != 1 || m.Flaws[0] != eml.Encrypted {
			t.Errorf("%+v %+v", m.Protection, m)
		}
	})
}
