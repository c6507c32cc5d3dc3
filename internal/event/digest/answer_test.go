package digest

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// link is the secret of the answer link in the latest letter to a constituent.
func (w *town) link(ref string) string {
	w.t.Helper()
	m := regexp.MustCompile(`https://cert\.example/answer/(\S+)`).FindStringSubmatch(w.letters(ref)[0].Text)
	if m == nil {
		w.t.Fatal("the letter has no answer link")
	}
	return m[1]
}

func (w *town) alarmed() {
	w.t.Helper()
	w.settled()
	w.next(1)
	w.report("scan_rdp", "198.51.100.7 3389 critical", "198.51.100.8 3389 critical", "203.0.113.7 3389 critical")
	w.tell()
}

func (w *town) notices(secret string) *Notice {
	w.t.Helper()
	c, err := w.Link(context.Background(), secret)
	w.ok(err)
	n, _, err := c.Open()
	w.ok(err)
	return n
}

func TestAnswerLinkShowsWhatTheMailSaidAndTakesAnswersAgain(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.alarmed()
		secret := w.link("clinic")
		n := w.notices(secret)
		if len(n.Items) != 2 || n.Items[0].Where != "198.51.100.7 3389/tcp" || n.Message.Constituent != w.ids["clinic"] {
			t.Fatalf("the page shows %+v", n)
		}
		one := n.Items[0].Finding
		for _, r := range []Reply{{Answer: Seen}, {Answer: Fixed, Findings: []string{one}, Note: "filtered", Name: "Ana"}, {Answer: Fixed, Findings: []string{one}}} {
			w.ok(w.AnswerLink(ctx, secret, r))
		}
		id, err := event.ParseID(one)
		w.ok(err)
		list, err := w.AnswersAbout(ctx, id)
		w.ok(err)
		if len(list) != 3 || list[1].Answer != Fixed || list[1].Note != "filtered" || list[1].By != "Ana" || list[2].Findings != 2 {
			t.Errorf("answers %+v", list)
		}
		if n := w.notices(secret); n.Items[0].Answer != Fixed || n.Items[1].Answer != Seen || len(n.Answers) != 3 {
			t.Errorf("the page shows %+v", n)
		}
		for _, r := range []Reply{{Answer: "yes"}, {Answer: Help}, {Answer: Seen, Findings: []string{w.notices(w.link("hospital")).Items[0].Finding}}, {Answer: Seen, Note: strings.Repeat("x", 3000)}, {Answer: Seen, Note: strings.Repeat("x", 10<<20)},
			{Answer: Seen, Note: "a\x00b"}, {Answer: Seen, Note: "\xff\xfe"}} {
			if err := w.AnswerLink(ctx, secret, r); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%+v is taken: %v", r, err)
			}
		}
	})
}

func TestForgedExpiredAndRevokedLinksAreAllTheSame(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.alarmed()
		clinic, hospital := w.link("clinic"), w.link("hospital")
		gone := func(secret string) {
			t.Helper()
			if _, err := w.Link(ctx, secret); fault.KindOf(err) != fault.NotFound || err.Error() != errLink().Error() {
				t.Errorf("the link shows something: %v", err)
			}
			if err := w.AnswerLink(ctx, secret, Reply{Answer: Seen}); fault.KindOf(err) != fault.NotFound {
				t.Errorf("the link takes an answer: %v", err)
			}
		}
		gone("")
		gone(clinic[:len(clinic)-1] + "A" + "A")
		w.ok(w.Revoke(ctx, officer, w.notices(clinic).Message.ID))
		gone(clinic)
		w.clock.Set(w.clock.Now().AddDate(0, 0, 30).Add(-time.Second))
		w.notices(hospital)
		w.clock.Set(w.clock.Now().Add(time.Second))
		gone(hospital)
		w.ok(w.DB.View(ctx, func(tx *db.Tx) error { // the database alone opens no link
			return tx.Each(`SELECT secret FROM digest_message`, nil, func(scan func(...any) error) error {
				var s string
				err := scan(&s)
				if s == clinic || s == hospital || s == "" {
					t.Errorf("the link %q lies open in the database", s)
				}
				return err
			})
		}))
	})
}

func TestOutboxShowsNoAnswerLink(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.alarmed()
		secret := w.link("hospital")
		ls, _, err := w.Outbox.List(ctx, notify.Filter{Constituent: w.ids["hospital"], Limit: 1})
		w.ok(err)
		_, c, err := w.Outbox.Preview(ctx, ls[0].ID)
		w.ok(err)
		if strings.Contains(c.Text+c.HTML, secret) || !strings.Contains(c.Text, "/answer/…") {
			t.Errorf("whoever may read the outbox answers for the hospital:\n%s", c.Text)
		}
	})
}

func TestClaimIsACorrectionOnceAnAnalystApproves(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.alarmed()
		secret := w.link("clinic")
		one := w.notices(secret).Items[0].Finding
		w.ok(w.AnswerLink(ctx, secret, Reply{Answer: NotOurs, Findings: []string{one}, Note: "sold to the hospital"}))
		claims, _, err := w.Answers(ctx, AnswerFilter{State: ClaimOpen, Limit: 10})
		w.ok(err)
		if len(claims) != 1 || claims[0].Constituent != w.ids["clinic"] {
			t.Fatalf("claims %+v", claims)
		}
		w.ok(w.DecideClaim(ctx, officer, claims[0].ID, true, "mute", "the contract says so"))
		if err := w.DecideClaim(ctx, officer, claims[0].ID, false, "", "no"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("decided twice: %v", err)
		}
		w.next(1)
		w.report("scan_rdp", "198.51.100.7 3389 critical", "198.51.100.8 3389 critical", "203.0.113.7 3389 critical")
		w.collect()
		var of []string
		for _, x := range w.directives() {
			if strings.Contains(x, "198.51.100.7") {
				of = append(of, x)
			}
		}
		if len(of) != 2 || !strings.HasPrefix(of[0], "clinic 198.51.100.7 told left") || !strings.HasPrefix(of[1], "mute 198.51.100.7 waiting open new") {
			t.Errorf("directives %q", of)
		}
	})
}

func TestNobodyAnswersForOthers(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.alarmed()
		m := w.notices(w.link("clinic")).Message.ID
		other := act.Actor{Kind: act.Person, ID: "9", Name: "Other", Rights: &act.Rights{Constituents: []int64{w.ids["hospital"]}}}
		if err := w.Answer(ctx, other, m, Reply{Answer: Fixed}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another one's message is answered: %v", err)
		}
		if err := w.Set(ctx, other, DefaultSetting(w.ids["clinic"])); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another one's settings are changed: %v", err)
		}
		own := act.Actor{Kind: act.Person, ID: "8", Name: "Own", Rights: &act.Rights{Constituents: []int64{w.ids["clinic"]}}}
		w.ok(w.Answer(ctx, own, m, Reply{Answer: Fixed}))
	})
}
