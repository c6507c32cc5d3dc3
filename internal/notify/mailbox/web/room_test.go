package web

import (
	"testing"

	"tocsin/internal/format/eml"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "mail.no-subject", "list.none-text", "did.answer", "did.assign", "did.begin", "did.dismiss", "did.finish", "did.report",
		"col.subject", "col.from", "col.kind", "col.taken")
	check := func(key string) {
		t.Helper()
		webtest.Check(t, web.Room{Templates: files, Locale: files}, key)
	}
	for _, s := range mailbox.States() {
		check("mail-state." + string(s))
		check("list.none." + string(s))
	}
	for _, k := range []mailbox.Kind{mailbox.Letter, mailbox.Automatic, mailbox.Bounce, mailbox.Delivery, mailbox.List, mailbox.Own} {
		check("kind." + string(k))
	}
	for _, f := range []eml.Flaw{eml.Cut, eml.ManyParts, eml.Deep, eml.LongText, eml.Header, eml.Broken, eml.Charset, eml.Senders, eml.Encrypted} {
		check("flaw." + string(f))
	}
	for _, how := range []string{mailbox.ByReference, mailbox.ByTicket, mailbox.ByReport, mailbox.ByHand} {
		check("threaded." + how)
	}
	for _, s := range []mailbox.FileState{mailbox.Queued, mailbox.Took, mailbox.Failed} {
		check("file." + string(s))
	}
}
