package letter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/notify/mailbox/mailboxtest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

// town is a nation with a hospital and a bank, a mailbox, and a desk that writes.
type town struct {
	*incidenttest.Town
	desk    *Desk
	post    *mailboxtest.Post
	counter *filing.Counter
	k       incident.Case
}

var (
	boss    = act.Actor{Kind: act.Local, ID: "test", Name: "Boss"}
	analyst = act.Actor{Kind: act.Person, ID: "8", Name: "Boris", Rights: &act.Rights{Staff: true, Account: 8, Roles: []string{"analyst"}, Permissions: map[act.Permission]bool{"incident.read": true, "incident.write": true}}}
)

func eachTown(t *testing.T, fn func(t *testing.T, w *town)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		w := &town{Town: incidenttest.Open(t, d)}
		w.post = mailboxtest.Open(t, d, w.Clock)
		w.Town.Outbox = w.post.Outbox // one that has a mail server, and so Message-IDs
		var err error
		w.counter, err = filing.New(w.Town.Desk)
		w.OK(err)
		w.counter.Box, w.post.Box.Incidents = w.post.Box, w.counter.Mailbox()
		w.desk, err = New(Config{Incidents: w.Town.Desk, Box: w.post.Box, Reach: func(_ context.Context, account int64) (string, string, error) {
			return fmt.Sprintf("p%d@partner.example", account), "sr-Latn", nil
		}})
		w.OK(err)
		r := w.Filed("hospital", "Locked shares")
		w.k, err = w.Accept(context.Background(), boss, r.ID, 0, incident.Opening{})
		w.OK(err)
		fn(t, w)
	})
}

func (w *town) refused(err error, kind fault.Kind, says string) {
	w.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.Errorf("got %v, want a fault of kind %s that says %q", err, kind, says)
	}
}

// key is the party of a kind.
func (w *town) key(kind string) string {
	w.Helper()
	ps, err := w.desk.Parties(context.Background(), About{Case: w.k.ID})
	w.OK(err)
	i := slices.IndexFunc(ps, func(p Party) bool { return p.Kind == kind })
	if i < 0 {
		w.Fatalf("there is no %s among %+v", kind, ps)
	}
	return ps[i].Key
}

func (w *town) send(by act.Actor, dr Draft) (notify.Letter, *notify.Content) {
	w.Helper()
	w.Clock.Move(time.Minute)
	ids, err := w.desk.Send(context.Background(), by, About{Case: w.k.ID}, dr)
	w.OK(err)
	if len(ids) != 1 {
		w.Fatalf("%d letters", len(ids))
	}
	l, c, err := w.post.Outbox.Preview(context.Background(), ids[0])
	w.OK(err)
	return l, c
}

func (w *town) timeline(kind string) (out []incident.Entry) {
	w.Helper()
	es, err := w.Timeline(context.Background(), w.k.ID, 0, 100)
	w.OK(err)
	for _, e := range es {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func TestLetterBearsTheTicketInTheLanguageOfItsReader(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		_, err := w.Invite(ctx, boss, w.k.ID, "partner", w.Clock.Now().Add(24*time.Hour).UnixMicro(), "")
		w.OK(err)
		l, c := w.send(analyst, Draft{To: w.key(Contact), Subject: "Question", Text: "Which gateway is it?"})
		if l.To != "soc@hospital.example" || l.Subject != "["+w.k.Ticket()+"] Question" || l.Ticket != w.k.Ticket() || l.Constituent != w.IDs["hospital"] ||
			!strings.Contains(c.Text, "Which gateway is it?") || !strings.Contains(c.Text, "With regards") || !strings.Contains(c.Text, "TLP:AMBER") || c.Marking.Label != tlp.Amber {
			t.Errorf("%+v\n%s", l, c.Text)
		}
		if _, c := w.send(analyst, Draft{To: w.key(Participant), Subject: "Pitanje", Text: "Koji?"}); !strings.Contains(c.Text, "Srdačan pozdrav") {
			t.Errorf("not in the participant's language:\n%s", c.Text)
		}
		reports, err := w.ReportsOf(ctx, w.k.ID)
		w.OK(err)
		if l, c := w.send(analyst, Draft{To: w.key(Reporter), Subject: "Question", Text: "When?"}); l.Ticket != reports[0].Ticket() || strings.Contains(c.Text, w.k.Number) {
			t.Errorf("the reporter is told the case's number: %+v\n%s", l, c.Text)
		}
		l2, c2 := w.send(analyst, Draft{To: w.key(Contact), Subject: "Once more", Text: "And since when?"})
		if !slices.Equal(c2.References, []string{l.MessageID}) || l2.MessageID == l.MessageID {
			t.Errorf("the second letter refers to %q, the first is %q", c2.References, l.MessageID)
		}
		if es := w.timeline(KindLetter); len(es) != 4 || es[0].Text != "And since when?" || !strings.Contains(es[0].Detail, fmt.Sprintf(`"letter":%d`, l2.ID)) {
			t.Errorf("timeline %+v", es)
		}
		_, err = w.desk.Send(ctx, analyst, About{Case: w.k.ID}, Draft{To: w.key(Contact), Subject: "Once more", Text: "And since when?"})
		w.refused(err, fault.Conflict, fmt.Sprintf("number %d of the outbox, queued", l2.ID))
	})
}

func TestCaseSaysHowFarALetterTravels(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		free := Draft{To: Address, Address: "abuse@host.example", Why: "The server stands there", Subject: "Your server", Text: "It attacks."}
		ps, err := w.desk.Preview(ctx, about, free)
		w.OK(err)
		if len(ps) != 1 || !strings.Contains(ps[0].Withheld, "TLP:AMBER") {
			t.Fatalf("a stranger could read it: %+v", ps)
		}
		_, err = w.desk.Send(ctx, boss, about, free)
		w.refused(err, fault.Invalid, "may not be given TLP:AMBER")
		free.Label = tlp.Clear
		_, err = w.desk.Send(ctx, boss, about, free)
		w.refused(err, fault.Invalid, "say why")
		free.Lowered = "Only the address of the server is in it."
		_, err = w.desk.Send(ctx, analyst, about, free)
		w.refused(err, fault.Forbidden, "incident.rule")
		if l, _ := w.send(boss, free); l.To != "abuse@host.example" || l.Constituent != 0 {
			t.Errorf("%+v", l)
		}
		for _, tt := range []struct {
			dr   Draft
			says string
		}{{Draft{To: Address, Address: "abuse@host.example", Subject: "x", Text: "x"}, "why"}, {Draft{To: Address, Address: "nobody", Why: "x", Subject: "x", Text: "x"}, "no mail address"},
			{Draft{To: "contact:999", Subject: "x", Text: "x"}, "nobody of"}, {Draft{Subject: "x", Text: "x"}, "choose"}, {Draft{To: w.key(Contact), Subject: "a\nb", Text: "x"}, "one line"},
			{Draft{To: w.key(Contact), Subject: "x", Text: "x", Label: tlp.Red}, "told in person"}, {Draft{To: "constituent", Constituent: "bank", Role: "press", Subject: "x", Text: "x"}, "no contact of this role"}} {
			_, err := w.desk.Preview(ctx, about, tt.dr)
			w.refused(err, fault.Invalid, tt.says)
		}
		ps, err = w.desk.Preview(ctx, about, Draft{To: "constituent", Constituent: "bank", Role: "security", Subject: "x", Text: "x"})
		w.OK(err)
		if len(ps) != 1 || ps[0].Mail != "it@bank.example" || ps[0].Withheld == "" {
			t.Errorf("who is no party may read AMBER: %+v", ps)
		}
		_, err = w.Involve(ctx, boss, w.k.ID, 0, w.IDs["bank"], incident.AsVictim)
		w.OK(err)
		w.send(analyst, Draft{To: "constituent", Constituent: "bank", Role: "security", Subject: "x", Text: "x"})
	})
}

func TestEvidenceIsAttachedByChoiceAndThroughTheGate(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		own, err := w.Keep(ctx, boss, incident.File{Case: w.k.ID, Name: "note.txt", Type: "text/plain"}, strings.NewReader("pay us"))
		w.OK(err)
		reports, err := w.ReportsOf(ctx, w.k.ID)
		w.OK(err)
		theirs, err := w.Keep(ctx, boss, incident.File{Report: reports[0].ID, Name: "mail.eml", Type: "message/rfc822"}, strings.NewReader("From: a@b\n\nx"))
		w.OK(err)
		_, c := w.send(analyst, Draft{To: w.key(Contact), Subject: "The note", Text: "Attached."})
		if len(c.Attachments) != 0 {
			t.Error("a file is attached that nobody chose")
		}
		_, c = w.send(analyst, Draft{To: w.key(Contact), Subject: "The note", Text: "Attached.", Files: []int64{own.ID, theirs.ID}})
		if len(c.Attachments) != 2 || string(c.Attachments[0].Bytes) != "pay us" || c.Attachments[1].Type != "application/octet-stream" || len(c.About) != 2 || c.About[0].Object != "evidence:1" {
			t.Errorf("%+v", c.About)
		}
		_, err = w.Involve(ctx, boss, w.k.ID, 0, w.IDs["bank"], incident.AsVictim)
		w.OK(err)
		_, err = w.desk.Send(ctx, boss, about, Draft{To: "constituent", Constituent: "bank", Subject: "x", Text: "x", Files: []int64{theirs.ID}})
		w.refused(err, fault.Invalid, "may not be given the file mail.eml") // what the hospital reported stays with it
		_, err = w.Invite(ctx, boss, w.k.ID, "partner", w.Clock.Now().Add(24*time.Hour).UnixMicro(), "")
		w.OK(err)
		to := Draft{To: w.key(Participant), Subject: "x", Text: "x", Files: []int64{own.ID}}
		_, err = w.desk.Send(ctx, boss, about, to)
		w.refused(err, fault.Invalid, "may not be given the file note.txt")
		w.OK(w.ShareFile(ctx, boss, w.k.ID, own.ID, true))
		w.send(analyst, to)
		_, err = w.desk.Preview(ctx, about, Draft{To: w.key(Contact), Subject: "x", Text: "x", Label: tlp.Green, Lowered: "x", Files: []int64{own.ID}})
		w.refused(err, fault.Invalid, "must be too")
		_, err = w.desk.Preview(ctx, about, Draft{To: w.key(Contact), Subject: "x", Text: "x", Files: []int64{99}})
		w.refused(err, fault.Invalid, "has no file 99")
	})
}

func TestReplyQuotesAndMarksStrangersAndMachinesAreNotAnswered(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		l, _ := w.send(analyst, Draft{To: w.key(Contact), Subject: "Question", Text: "Which gateway?"})
		w.Clock.Move(time.Minute)
		in := "Subject: Re: " + l.Subject + "\nIn-Reply-To: " + l.MessageID + "\n"
		w.post.Receive("From: SOC <soc@hospital.example>\n"+in+"Message-ID: <1@hospital.example>\n\nThe old one.\nIt is off now.\n",
			"From: eve@x.example\nSubject: ["+w.k.Ticket()+"] me too\nMessage-ID: <2@x.example>\n\nGive me all.\n",
			"From: soc@hospital.example\n"+in+"Auto-Submitted: auto-replied\nMessage-ID: <3@hospital.example>\n\nI am away.\n",
			"From: eve@x.example\nSubject: hello\nMessage-ID: <4@x.example>\n\nUnrelated.\n")
		ls, err := w.desk.Conversation(ctx, about) // the receipt of the report, the letter, and the answers to it
		w.OK(err)
		var got []string
		for _, x := range ls {
			if x.Message != nil {
				got = append(got, fmt.Sprintf("%d %t %t", x.Message.ID, x.Stranger, x.Answerable))
			} else {
				got = append(got, x.Letter.To)
			}
		}
		if !slices.Equal(got, []string{"soc@hospital.example", "soc@hospital.example", "1 false true", "2 true true", "3 false false"}) {
			t.Errorf("the conversation is %q", got)
		}
		if es := w.timeline("mail"); len(es) != 2 || !strings.Contains(es[0].Detail+es[1].Detail, `"verified":false`) {
			t.Errorf("timeline %+v", es)
		}
		dr, m, err := w.desk.Begin(ctx, about, 1)
		w.OK(err)
		if m == nil || dr.Subject != "Re: Question" || !dr.Quote {
			t.Errorf("%+v", dr)
		}
		dr.Text = "Thank you."
		answer, c := w.send(analyst, dr)
		if answer.To != "soc@hospital.example" || !strings.Contains(c.Text, "> The old one.\n> It is off now.") || c.References[len(c.References)-1] != "<1@hospital.example>" ||
			answer.Subject != "["+w.k.Ticket()+"] Re: Question" || answer.Constituent != w.IDs["hospital"] {
			t.Errorf("%+v %q\n%s", answer, c.References, c.Text)
		}
		if m, err := w.post.Box.ByID(ctx, 1); err != nil || m.Answer != answer.ID || m.State != mailbox.Done {
			t.Errorf("the message is %s, answered by %d: %v", m.State, m.Answer, err)
		}
		ps, err := w.desk.Preview(ctx, about, Draft{Reply: 2, Text: "No."})
		w.OK(err)
		if len(ps) != 1 || ps[0].Mail != "eve@x.example" || ps[0].Withheld == "" {
			t.Errorf("a stranger may read TLP:AMBER: %+v", ps)
		}
		_, _, err = w.desk.Begin(ctx, about, 3)
		w.refused(err, fault.Conflict, "nobody reads an answer")
		_, err = w.desk.Send(ctx, boss, about, Draft{Reply: 3, Text: "x"})
		w.refused(err, fault.Conflict, "nobody reads an answer")
		_, err = w.desk.Send(ctx, boss, about, Draft{Reply: 4, Text: "x"})
		w.refused(err, fault.NotFound, "in no conversation")
	})
}

func TestCaseThatChangesWhileALetterIsWrittenIsLookedAtAgain(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		other, err := w.Open(ctx, boss, incident.Opening{Title: "The campaign"})
		w.OK(err)
		_, err = w.Invite(ctx, boss, w.k.ID, "partner", w.Clock.Now().Add(24*time.Hour).UnixMicro(), "")
		w.OK(err)
		change := func() {}
		desk := *w.desk
		desk.reach = func(_ context.Context, account int64) (string, string, error) { // it is asked after the case was read
			change()
			return fmt.Sprintf("p%d@partner.example", account), "sr-Latn", nil
		}
		send := func(during func(k incident.Case)) error {
			k, err := w.Case(ctx, w.k.ID)
			w.OK(err)
			change = func() {
				change = func() {}
				during(k)
			}
			w.Clock.Move(time.Minute)
			_, err = desk.Send(ctx, boss, About{Case: w.k.ID}, Draft{To: w.key(Participant), Subject: "x", Text: "x"})
			return err
		}
		w.refused(send(func(k incident.Case) {
			_, err := w.Edit(ctx, boss, k.ID, k.Version, incident.Change{Label: new(tlp.Red)})
			w.OK(err)
		}), fault.Conflict, "was marked TLP:RED while this was written")
		k, err := w.Case(ctx, w.k.ID)
		w.OK(err)
		_, err = w.Edit(ctx, boss, k.ID, k.Version, incident.Change{Label: new(tlp.Amber), Reason: "not so bad"})
		w.OK(err)
		w.refused(send(func(k incident.Case) {
			_, err := w.Join(ctx, boss, k.ID, k.Version, other.ID, "one campaign")
			w.OK(err)
		}), fault.Conflict, "part of another one now")
		if n := len(w.timeline(KindLetter)); n > 0 {
			t.Errorf("%d letters were written", n)
		}
	})
}

// Whoever may read a case sees the receipt and what the reporter wrote below it, and cannot speak as the reporter.
func TestConversationShowsNoSecretOfTheReporter(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret, err := w.counter.Begin(ctx, netip.MustParseAddr("192.0.2.7"), incident.Filing{Text: "All is locked."})
		w.OK(err)
		w.OK(w.counter.Submit(ctx, secret, incident.Filing{Text: "All is locked.", Aware: w.Clock.Now().UnixMicro(), Mail: "me@home.example", Language: "en"}))
		r, err := w.Linked(ctx, secret)
		w.OK(err)
		page := "https://cert.example/report/" + secret
		w.post.Receive("From: me@home.example\nSubject: Re: ["+r.Ticket()+"]\nMessage-ID: <1@home.example>\n\nI pressed it.\n\n> "+page+"/confirm/"+strings.Repeat("A", 32)+"\n",
			"From: me@home.example\nSubject: Re: ["+r.Ticket()+"]\nMessage-ID: <2@home.example>\n\nIt is on "+page+"\n")
		ls, err := w.desk.Conversation(ctx, About{Report: r.ID})
		w.OK(err)
		if len(ls) != 3 {
			t.Fatalf("%d lines", len(ls))
		}
		said, err := w.Additions(ctx, r.ID)
		w.OK(err)
		ms, _, err := w.post.Box.List(ctx, mailbox.Filter{}, 10)
		w.OK(err)
		for _, m := range ms {
			one, err := w.post.Box.ByID(ctx, m.ID)
			w.OK(err)
			ms = append(ms, one)
		}
		b, err := json.Marshal([]any{ls, said, ms})
		w.OK(err)
		if strings.Contains(string(b), secret) || strings.Contains(string(b), strings.Repeat("A", 32)) || len(said) != 2 || !strings.Contains(said[1].Text, "/report/…") {
			t.Errorf("the secret is shown: %s", b)
		}
	})
}
