package signing_test

import (
	"context"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/platform/mail/protect/protecttest"
)

var (
	begin = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	admin = act.Actor{Kind: act.Person, ID: "1", Name: "Administrator"}
)

// desk is an outbox whose mail is protected, with a mail server behind it and one constituent before it.
type desk struct {
	*testing.T
	ctx      context.Context
	db       *db.DB
	clock    *clock.Manual
	server   *mailtest.Server
	registry *constituency.Store
	keys     *signing.Store
	box      *notify.Outbox
	contact  constituency.Contact
	letters  int
	began    int64 // a maildir keeps what earlier tests sent
}

func onEach(t *testing.T, fn func(d *desk)) {
	dbtest.Each(t, audit.Recorder(clock.NewManual(begin)), func(t *testing.T, records *db.DB) {
		d := &desk{T: t, ctx: context.Background(), db: records, clock: clock.NewManual(begin), server: mailtest.New(t), began: time.Now().UnixNano()}
		d.registry = constituency.NewStore(records, d.clock)
		seal, err := identity.NewSeal(make([]byte, 32))
		d.must(err)
		d.keys = signing.New(signing.Config{DB: records, Clock: d.clock, Seal: seal})
		sender, err := mail.New(d.server.Config(), egress.Open(egress.Policy{}), d.clock)
		d.must(err)
		gate := disclosure.NewGate(disclosure.Config{DB: records, Clock: d.clock, Constituency: d.registry, Nation: nation.NewStore(records)})
		d.box, err = notify.New(notify.Config{DB: records, Clock: d.clock, Real: clock.Real(), Gate: gate, Sender: sender, Seal: seal, Tick: time.Millisecond,
			PerMinute: 6000, Burst: 1000, Protect: d.keys.Protect, Enough: d.keys.Enough, Log: slog.New(slog.DiscardHandler)})
		d.must(err)
		c, err := d.registry.Create(d.ctx, admin, constituency.Constituent{Ref: "isp", Name: "ISP", Kind: constituency.ISP, Designation: constituency.OtherDesignation})
		d.must(err)
		d.contact, err = d.registry.AddContact(d.ctx, admin, constituency.Contact{Constituent: c.ID, Role: "abuse", Mail: "abuse@isp.example"})
		d.must(err)
		fn(d)
	})
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// team gives the team a certificate until a time.
func (d *desk) team(until time.Time) signing.Key {
	d.Helper()
	c, key := protecttest.Certificate(until, "cert@cert.example")
	k, err := d.keys.Import(d.ctx, admin, c+key)
	d.must(err)
	return k
}

// give gives the contact certificates until some times.
func (d *desk) give(encrypt bool, until ...time.Time) {
	d.Helper()
	var keys []constituency.Key
	for _, t := range until {
		c, _ := protecttest.Certificate(t, d.contact.Mail)
		keys = append(keys, constituency.Key{Key: c})
	}
	d.must(d.registry.SetKeys(d.ctx, admin, d.contact.ID, keys, encrypt))
}

// compose is another letter to the contact.
func (d *desk) compose() notify.Letter {
	d.letters++
	return notify.Letter{Key: fmt.Sprintf("digest:%d:%d", d.began, d.letters), Kind: "digest", Constituent: d.contact.Constituent, To: d.contact.Mail, Asked: true, Ticket: "[CERT-17]",
		Content: &notify.Content{Subject: "Open services [CERT-17]", Text: "Open services.\n", Marking: disclosure.Marking{Label: tlp.Green}}}
}

// enqueue writes a letter down.
func (d *desk) enqueue(required bool) (id int64) {
	d.Helper()
	err := d.db.Act(d.ctx, act.Act{Actor: admin, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) (err error) {
		l := d.compose()
		l.EncryptionRequired = required
		id, err = d.box.Enqueue(tx, l)
		return err
	})
	d.must(err)
	return id
}

func (d *desk) letter(id int64) notify.Letter {
	d.Helper()
	l, err := d.box.ByID(d.ctx, id)
	d.must(err)
	return l
}

// work lets the outbox work until the condition holds.
func (d *desk) work(until func() bool) {
	d.Helper()
	ctx, cancel := context.WithCancel(d.ctx)
	var wg sync.WaitGroup
	wg.Go(func() { d.box.Work(ctx) })
	defer wg.Wait()
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for !until() {
		select {
		case <-tick.C:
		case <-end:
			d.Fatal("it did not come to that in time")
		}
	}
}

// becomes works until the letter is in a state.
func (d *desk) becomes(id int64, s notify.State) notify.Letter {
	d.Helper()
	d.work(func() bool { return d.letter(id).State == s })
	return d.letter(id)
}

// last is the header of what arrived last, and how much arrived.
func (d *desk) last() (netmail.Header, string, int) {
	d.Helper()
	got := d.server.Got()
	if len(got) == 0 {
		return netmail.Header{}, "", 0
	}
	raw := got[len(got)-1].Raw
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	d.must(err)
	return m.Header, raw, len(got)
}

func (d *desk) start() {
	d.Helper()
	d.must(d.box.Start(d.ctx, admin, "ready"))
}

func TestMailIsSignedOnceThereIsAKey(t *testing.T) {
	onEach(t, func(d *desk) {
		d.start()
		d.becomes(d.enqueue(false), notify.Handed)
		if h, _, _ := d.last(); strings.HasPrefix(h.Get("Content-Type"), "multipart/signed") {
			t.Errorf("signed by nobody: %v", h)
		}
		d.team(begin.AddDate(1, 0, 0))
		l := d.becomes(d.enqueue(false), notify.Handed)
		h, raw, _ := d.last()
		if !strings.HasPrefix(h.Get("Content-Type"), `multipart/signed; protocol="application/pkcs7-signature"`) || h.Get("Message-ID") != l.MessageID || h.Get("Subject") != "Open services [CERT-17]" ||
			!strings.Contains(raw, "Open services.") {
			t.Errorf("%v\n%s", h, raw)
		}
		_, err := d.keys.Generate(d.ctx, admin, "CERT Ruritania", "cert@cert.example", signing.DefaultLife)
		d.must(err)
		d.becomes(d.enqueue(false), notify.Handed)
		if h, _, _ := d.last(); !strings.Contains(h.Get("Content-Type"), "pkcs7-signature") {
			t.Errorf("of two standards the one that mail programs show by themselves: %v", h)
		}
	})
}

func TestMailIsEncryptedToAContactWithAKey(t *testing.T) {
	onEach(t, func(d *desk) {
		d.start()
		d.team(begin.AddDate(1, 0, 0))
		d.give(false, begin.AddDate(0, 1, 0))
		d.becomes(d.enqueue(false), notify.Handed)
		h, raw, _ := d.last()
		if !strings.HasPrefix(h.Get("Content-Type"), "application/pkcs7-mime; smime-type=enveloped-data") || h.Get("Subject") != "[...] [CERT-17]" || strings.Contains(raw, "Open services") {
			t.Errorf("%v\n%s", h, raw)
		}
		d.clock.Set(begin.AddDate(0, 1, 0)) // the key expired; nothing was said of never in clear
		d.becomes(d.enqueue(false), notify.Handed)
		if h, _, _ := d.last(); !strings.HasPrefix(h.Get("Content-Type"), "multipart/signed") {
			t.Errorf("after the key expired: %v", h)
		}
	})
}

func TestWhatMustBeEncryptedIsHeldRatherThanSentInClear(t *testing.T) {
	onEach(t, func(d *desk) {
		d.start()
		d.team(begin.AddDate(1, 0, 0))
		for name, try := range map[string]func() int64{
			"the letter asks for it, without a key": func() int64 { return d.enqueue(true) },
			"the contact asks for it, without a key": func() int64 {
				d.give(true)
				return d.enqueue(false)
			},
		} {
			if l := d.becomes(try(), notify.Held); l.Hold != notify.HoldEncryption || !strings.Contains(l.Reason, "has no key") {
				t.Errorf("%s: %+v", name, l)
			}
		}
		d.give(true, begin.Add(time.Hour))
		d.clock.Set(begin.Add(time.Hour))
		expired := d.becomes(d.enqueue(false), notify.Held)
		if !strings.Contains(expired.Reason, "expired") {
			t.Errorf("with an expired key: %q", expired.Reason)
		}
		if _, _, n := d.last(); n > 0 {
			t.Fatalf("%d messages left", n)
		}
		d.give(true, begin.AddDate(1, 0, 0))
		n, err := d.box.Resend(d.ctx, admin, expired.ID)
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		d.becomes(expired.ID, notify.Handed)
		if h, _, n := d.last(); n != 1 || !strings.HasPrefix(h.Get("Content-Type"), "application/pkcs7-mime") {
			t.Errorf("%d: %v", n, h)
		}
	})
}

// A letter is rendered long before it leaves: sending is off, its recipient waits for a release, the mail server is down.
func TestWhatWasRenderedInClearIsNotSentOnceItMustNot(t *testing.T) {
	onEach(t, func(d *desk) {
		d.team(begin.AddDate(1, 0, 0))
		open, shut := d.enqueue(false), d.enqueue(false)
		d.work(func() bool { return d.letter(open).State == notify.Rendered && d.letter(shut).State == notify.Rendered })
		before := d.letter(shut)
		d.give(true)
		d.start()
		if l := d.becomes(open, notify.Held); l.Hold != notify.HoldEncryption {
			t.Errorf("%+v", l)
		}
		d.becomes(shut, notify.Held)
		d.give(true, begin.AddDate(1, 0, 0))
		_, err := d.box.Resend(d.ctx, admin, shut)
		d.must(err)
		after := d.becomes(shut, notify.Handed)
		h, raw, n := d.last()
		if n != 1 || !strings.HasPrefix(h.Get("Content-Type"), "application/pkcs7-mime") || h.Get("Message-ID") != before.MessageID || after.SHA256 == before.SHA256 || strings.Contains(raw, "Open services.") {
			t.Errorf("%d arrived, %v", n, h)
		}
	})
}

func TestMailWaitsRatherThanLeaveUnsigned(t *testing.T) {
	onEach(t, func(d *desk) {
		d.start()
		k := d.team(begin.Add(time.Hour))
		d.clock.Set(begin.Add(time.Hour))
		id := d.enqueue(false)
		d.work(func() bool { return strings.Contains(d.letter(id).Reason, "tocsin mail keys import") })
		if _, _, n := d.last(); n > 0 {
			t.Fatal("it left")
		}
		d.must(d.keys.Retire(d.ctx, admin, strings.ToLower(k.Fingerprint)))
		d.clock.Set(begin.Add(2 * time.Hour))
		d.becomes(id, notify.Handed)
		if err := d.keys.Retire(d.ctx, admin, k.Fingerprint); fault.KindOf(err) != fault.NotFound {
			t.Errorf("retired twice: %v", err)
		}
	})
}

func TestTheTeamsKeysAreKeptSealed(t *testing.T) {
	onEach(t, func(d *desk) {
		c, private := protecttest.Certificate(begin.AddDate(1, 0, 0), "cert@cert.example")
		k, err := d.keys.Import(d.ctx, admin, private+c)
		d.must(err)
		made, err := d.keys.Generate(d.ctx, admin, "CERT", "cert@cert.example", 20*24*time.Hour)
		d.must(err)
		var sealed []string
		d.must(d.db.View(d.ctx, func(tx *db.Tx) error {
			return tx.Each(`SELECT sealed, public FROM mail_key`, nil, func(scan func(...any) error) error {
				var s, public string
				err := scan(&s, &public)
				if sealed = append(sealed, s); strings.Contains(s+public, "PRIVATE") || s == "" {
					t.Error("a private key lies in the records in clear")
				}
				return err
			})
		}))
		other, err := identity.NewSeal([]byte(strings.Repeat("x", 32)))
		d.must(err)
		stranger := signing.New(signing.Config{DB: d.db, Clock: d.clock, Seal: other})
		message := []byte("From: cert@cert.example\r\nSubject: a\r\n\r\na\r\n")
		p := notify.Plain{Letter: notify.Letter{To: "a@a.example"}, Message: message}
		if stranger.Protect(d.ctx, &p); fault.KindOf(p.Err) != fault.Unavailable || !strings.Contains(p.Err.Error(), k.Fingerprint) {
			t.Errorf("another key file opens it: %v", p.Err)
		}
		list, err := d.keys.List(d.ctx)
		if err != nil || len(list) != 2 || list[0].Fingerprint != made.Fingerprint || list[0].State(begin) != signing.Expiring || list[1].State(begin) != signing.InUse {
			t.Errorf("%+v, %v", list, err)
		}
		if st := list[0].State(begin.AddDate(0, 0, 21)); st != signing.Expired {
			t.Errorf("later %s", st)
		}
		d.must(d.keys.Retire(d.ctx, admin, made.Fingerprint))
		gone, err := d.keys.One(d.ctx, made.Fingerprint)
		if err != nil || gone.State(begin) != signing.Retired || !strings.Contains(gone.Public, "PUBLIC KEY") {
			t.Errorf("%+v, %v", gone, err)
		}
		d.must(d.db.View(d.ctx, func(tx *db.Tx) error {
			var s string
			err := tx.Row(`SELECT sealed FROM mail_key WHERE fingerprint = $1`, made.Fingerprint).Scan(&s)
			if s != "" {
				t.Error("the private half of a retired key is kept")
			}
			return err
		}))
		again, err := d.keys.Import(d.ctx, admin, private+c)
		if err != nil || again.ID != k.ID {
			t.Errorf("the same key once more: %+v, %v", again, err)
		}
		if _, err := d.keys.One(d.ctx, "AB"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no such key: %v", err)
		}
	})
}

func TestAKeyThatCannotSignForTheTeamIsRefused(t *testing.T) {
	onEach(t, func(d *desk) {
		expired, key := protecttest.Certificate(begin, "cert@cert.example")
		nobody, nobodys := protecttest.Certificate(begin.AddDate(1, 0, 0))
		for name, text := range map[string]string{"expired": expired + key, "nobody's": nobody + nobodys, "no private half": expired, "garbage": "hello"} {
			if _, err := d.keys.Import(d.ctx, admin, text); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, try := range map[string][2]string{"no address": {"CERT", "cert"}, "a name too": {"CERT", "CERT <cert@cert.example>"}, "brackets": {"CERT <x>", "cert@cert.example"}, "no name": {" ", "cert@cert.example"}} {
			if _, err := d.keys.Generate(d.ctx, admin, try[0], try[1], signing.DefaultLife); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := d.keys.Generate(d.ctx, admin, "CERT", "cert@cert.example", time.Hour); fault.KindOf(err) != fault.Invalid {
			t.Errorf("an hour: %v", err)
		}
		if list, err := d.keys.List(d.ctx); err != nil || len(list) > 0 {
			t.Errorf("%v, %v", list, err)
		}
		// A key for another address does not sign as this one.
		c, k := protecttest.Certificate(begin.AddDate(1, 0, 0), "other@cert.example")
		_, err := d.keys.Import(d.ctx, admin, c+k)
		d.must(err)
		p := notify.Plain{Letter: notify.Letter{To: "a@a.example"}, Message: []byte("From: cert@cert.example\r\nSubject: a\r\n\r\na\r\n")}
		if d.keys.Protect(d.ctx, &p); fault.KindOf(p.Err) != fault.Unavailable {
			t.Errorf("another address: %v", p.Err)
		}
	})
}
