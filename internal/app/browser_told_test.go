package app_test

import (
	"net/netip"
	"regexp"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/event/digest"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/mail"
	"tocsin/internal/world"
)

var answerLink = regexp.MustCompile(`/answer/[A-Za-z0-9_-]+`)

// furnishTold tells a constituent of a finding, answers for it, and makes a letter and a key of the team. It returns the answer link
// of the digest.
func furnishTold(t *testing.T, w *world.World, own constituency.Listed) (link string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	assets, _, err := w.Constituency.Assets(ctx, constituency.AssetFilter{Constituent: own.ID, Limit: 200})
	must(err)
	host := ""
	for _, a := range assets {
		if p, err := netip.ParsePrefix(a.Value); err == nil {
			host = p.Addr().Next().String()
			break
		}
	}
	_, err = w.Constituency.AddContact(ctx, identity.LocalActor, constituency.Contact{Constituent: own.ID, Role: "abuse", Name: "Desk for AMBER", Mail: "amber@grid.example", Clearance: "AMBER"})
	must(err)
	tell(t, w, host)
	told, _, err := w.Digest.Messages(ctx, []int64{own.ID}, 0, 1)
	must(err)
	if len(told) == 0 {
		t.Fatalf("nothing was told to %s", own.Ref)
	}
	letters, _, err := w.Outbox.List(ctx, notify.Filter{Limit: 50})
	must(err)
	for _, l := range letters {
		if l.Constituent == own.ID && l.Kind == "digest" {
			link = answerLink.FindString(w.Digest.Compose(ctx, []notify.Letter{l})[0].Content.Text) // the outbox shows it to nobody
		}
	}
	if link == "" {
		t.Fatal("the digest has no answer link")
	}
	must(w.Digest.Answer(ctx, identity.LocalActor, told[0].ID, digest.Reply{Answer: digest.NotOurs, Note: "That network was sold in spring."}))
	must(w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) error {
		_, err := w.Outbox.Enqueue(tx, notify.Letter{Key: "furnished", Kind: "receipt", Constituent: own.ID, To: "noc@grid.example", Content: &notify.Content{
			Subject: "Your report arrived", Text: "We have it.", Attachments: []mail.Attachment{{Name: "report.csv", Bytes: []byte("a")}}}})
		return err
	}))
	_, err = w.MailKeys.Generate(ctx, identity.LocalActor, "CERT Ruritania", "cert@cert.example", signing.DefaultLife)
	must(err)
	return link
}
