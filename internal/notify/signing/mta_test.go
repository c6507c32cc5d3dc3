package signing_test

import (
	"log/slog"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/protect/protecttest"
)

// office is a mail server that others wrote, on loopback, which keeps what it takes in a maildir.
type office struct {
	*testing.T
	dir string
}

// realServer makes the desk's outbox hand over to the server of TOCSIN_TEST_MTA.
func (d *desk) realServer() office {
	d.Helper()
	address, dir := os.Getenv("TOCSIN_TEST_MTA"), os.Getenv("TOCSIN_TEST_MAILDIR")
	if address == "" || dir == "" {
		d.Skip("needs a mail server: set TOCSIN_TEST_MTA=127.0.0.1:PORT and TOCSIN_TEST_MAILDIR, where it keeps mail for isp.example (.ci/run does)")
	}
	host, port, err := net.SplitHostPort(address)
	d.must(err)
	n, err := strconv.Atoi(port)
	d.must(err)
	sender, err := mail.New(mail.Config{Host: host, Port: n, TLS: mail.None, From: "CERT Ruritania <cert@cert.example>"}, egress.Open(egress.Policy{}), d.clock)
	d.must(err)
	gate := disclosure.NewGate(disclosure.Config{DB: d.db, Clock: d.clock, Constituency: d.registry, Nation: nation.NewStore(d.db)})
	d.box, err = notify.New(notify.Config{DB: d.db, Clock: d.clock, Real: clock.Real(), Gate: gate, Sender: sender, Seal: d.keys.Seal, Tick: time.Millisecond,
		PerMinute: 6000, Burst: 1000, Protect: d.keys.Protect, Enough: d.keys.Enough, Log: slog.New(slog.DiscardHandler)})
	d.must(err)
	return office{d.T, dir}
}

// delivered waits for the message with a Message-ID and gives it as it lies in the maildir, with the line ends of mail.
func (o office) delivered(id string) string {
	o.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(o.dir, "new", "*"))
		if err != nil {
			o.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				o.Fatal(err)
			}
			raw := strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
			if m, err := netmail.ReadMessage(strings.NewReader(raw)); err == nil && m.Header.Get("Message-ID") == id {
				return raw
			}
		}
		select {
		case <-tick.C:
		case <-end:
			o.Fatalf("%s was not delivered", id)
		}
	}
}

// The dates of keys are judged by the machine's clock, so the world's is set to it.
func TestARealMailServerDeliversWhatOthersVerifyAndDecrypt(t *testing.T) {
	onEach(t, func(d *desk) {
		now := time.Now().Truncate(time.Second)
		d.clock.Set(now)
		o := d.realServer()
		d.start()
		g := protecttest.NewGPG(t)
		g.Must("", "--quick-gen-key", "Desk <pgp@isp.example>", "default", "default", "1y")
		team, teamKey := protecttest.Certificate(now.AddDate(1, 0, 0), "cert@cert.example")
		desk, deskKey := protecttest.Certificate(now.AddDate(1, 0, 0), "smime@isp.example")
		contact := func(mail string, keys ...constituency.Key) {
			t.Helper()
			_, err := d.registry.AddContact(d.ctx, admin, constituency.Contact{Constituent: d.contact.Constituent, Role: "security", Mail: mail, Keys: keys, Encrypt: len(keys) > 0})
			d.must(err)
		}
		contact("smime@isp.example", constituency.Key{Key: desk})
		contact("pgp@isp.example", constituency.Key{Key: g.Must("", "--armor", "--export")})

		made, err := d.keys.Generate(d.ctx, admin, "CERT Ruritania", "cert@cert.example", signing.DefaultLife)
		d.must(err)
		g.Must(made.Public, "--import")
		data, sig := protecttest.Parts(t, o.delivered(d.send("abuse@isp.example")))
		if _, errs, err := g.Run(data, "--verify", protecttest.File(t, "sig.asc", sig), "-"); err != nil || !strings.Contains(errs, "Good signature") || !strings.Contains(data, "Open services [CERT-17]") {
			t.Errorf("OpenPGP: %v\n%s\n%s", err, errs, data)
		}

		_, err = d.keys.Import(d.ctx, admin, team+teamKey)
		d.must(err)
		ca := protecttest.File(t, "ca.pem", team)
		if out, errs, err := protecttest.Run(t, o.delivered(d.send("abuse@isp.example")), "openssl", "smime", "-verify", "-CAfile", ca); err != nil || !strings.Contains(out, "Open services.") {
			t.Errorf("S/MIME: %v\n%s", err, errs)
		}
		raw := o.delivered(d.send("smime@isp.example"))
		signed, errs, err := protecttest.Run(t, raw, "openssl", "cms", "-decrypt", "-inkey", protecttest.File(t, "key.pem", deskKey), "-recip", protecttest.File(t, "cert.pem", desk))
		if err != nil || strings.Contains(raw, "Open services") {
			t.Fatalf("S/MIME: %v\n%s\n%s", err, errs, raw)
		}
		if out, errs, err := protecttest.Run(t, signed, "openssl", "smime", "-verify", "-CAfile", ca); err != nil || !strings.Contains(out, "Subject: Open services [CERT-17]") {
			t.Errorf("S/MIME inside: %v\n%s", err, errs)
		}
		raw = o.delivered(d.send("pgp@isp.example"))
		_, armored := protecttest.Parts(t, raw)
		if out, errs, err := g.Run(armored, "--decrypt"); err != nil || !strings.Contains(errs, "Good signature") || !strings.Contains(out, "Open services.") || strings.Contains(raw, "Open services") {
			t.Errorf("OpenPGP: %v\n%s\n%s", err, errs, raw)
		}
	})
}

// send sends a letter to an address and gives its Message-ID.
func (d *desk) send(to string) string {
	d.Helper()
	var id int64
	err := d.db.Act(d.ctx, act.Act{Actor: admin, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) (err error) {
		l := d.compose()
		l.To = to
		id, err = d.box.Enqueue(tx, l)
		return err
	})
	d.must(err)
	return d.becomes(id, notify.Handed).MessageID
}
