// Package mailboxtest gives tests a mailbox with letters and messages in it.
package mailboxtest

import (
	"context"
	"io"
	"strings"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/platform/spool"
)

// Post is a mailbox, its mail servers, and one letter to abuse@isp1.example with the ticket CERT-1.
type Post struct {
	Box    *mailbox.Box
	Outbox *notify.Outbox
	Letter notify.Letter
	imap   *imaptest.Server
	t      testing.TB
}

// Open makes one over the records.
func Open(t testing.TB, d *db.DB, c clock.Clock) *Post {
	t.Helper()
	p := &Post{imap: imaptest.Start(t, imap.None), t: t}
	n := egress.Open(egress.Policy{})
	places := constituency.NewStore(d, c)
	sender, err := mail.New(mailtest.New(t).Config(), n, c)
	p.must(err)
	seal, err := identity.NewSeal(make([]byte, 32))
	p.must(err)
	gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: c, Constituency: places, Nation: nation.NewStore(d)})
	p.Outbox, err = notify.New(notify.Config{DB: d, Clock: c, Real: clock.Real(), Gate: gate, Sender: sender, Seal: seal})
	p.must(err)
	source, err := imap.New(p.imap.Config, n)
	p.must(err)
	p.Box = mailbox.New(mailbox.Config{DB: d, Clock: c, Real: c, Outbox: p.Outbox, Constituency: places, Source: source,
		Files: file.Dir{FS: file.OS{}, Root: t.TempDir() + "/mail"}, Spool: spool.Dir(t.TempDir()),
		Reports: mailbox.Reports{Named: named, Take: take}})
	var id int64
	p.must(d.Act(context.Background(), act.Act{Actor: act.Machine, Verb: "test.letter", Object: "test:1"}, func(tx *db.Tx) (err error) {
		id, err = p.Outbox.Enqueue(tx, notify.Letter{Key: "digest:1", Kind: "digest", Constituent: 1, To: "abuse@isp1.example", Asked: true, Ticket: "CERT-1",
			Content: &notify.Content{Subject: "What we saw [CERT-1]", Text: "Open services.\n", Marking: disclosure.Marking{Label: tlp.Green}}})
		return err
	}))
	p.Letter, err = p.Outbox.ByID(context.Background(), id)
	p.must(err)
	return p
}

func named(_ context.Context, name string) (string, error) {
	if strings.Contains(name, "scan_dns") {
		return "shadowserver", nil
	}
	return "", nil
}

func take(context.Context, string, string, int64, func() (io.ReadCloser, error)) (string, bool, error) {
	return "", true, nil
}

// Receive delivers messages, lines ending in a line feed, and has them taken.
func (p *Post) Receive(raw ...string) {
	p.t.Helper()
	for _, r := range raw {
		p.imap.Put(p.t, "INBOX", strings.ReplaceAll(r, "\n", "\r\n"))
	}
	_, err := p.Box.Read(context.Background())
	p.must(err)
}

func (p *Post) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
