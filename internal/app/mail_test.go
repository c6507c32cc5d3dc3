package app_test

import (
	"fmt"
	"path/filepath"

	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
	"tocsin/internal/platform/spool"
)

// mail has a message taken in, through a mailbox of its own over the nation's records.
func (f *full) mail(label string) int64 {
	f.t.Helper()
	server := imaptest.Start(f.t, imap.None)
	source, err := imap.New(server.Config, egress.Open(egress.Policy{}))
	f.must(err)
	box := mailbox.New(mailbox.Config{DB: f.w.DB(), Clock: f.w.Clock(), Real: clock.Real(), Outbox: f.w.Outbox, Constituency: f.w.Constituency, Source: source,
		Files: file.Dir{FS: file.OS{}, Root: filepath.Join(f.w.Dir(), "mail")}, Spool: spool.Dir(filepath.Join(f.w.Dir(), "tmp"))})
	server.Put(f.t, "INBOX", fmt.Sprintf("From: ana@isp.example\r\nSubject: %s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\nContent-Disposition: attachment; filename=x.csv\r\n\r\na,b\r\n--b--\r\n",
		label, f.unique(label)))
	_, err = box.Read(f.t.Context())
	f.must(err)
	ms, _, err := f.w.Mailbox.List(f.t.Context(), mailbox.Filter{}, 1)
	f.must(err)
	return ms[0].ID
}
