package letter

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// during sends a letter, and does something after it was written and before it is sent.
func (w *town) during(a About, dr Draft, change func()) error {
	w.Helper()
	w.Clock.Move(time.Minute)
	m, ps, err := w.desk.prepare(context.Background(), a, &dr)
	w.OK(err)
	for _, p := range ps {
		if p.Withheld != "" {
			w.Fatal(p.Withheld)
		}
	}
	change()
	_, err = w.desk.deliver(context.Background(), boss, m, &dr, ps)
	return err
}

func TestReportThatIsDecidedAboutWhileALetterIsWrittenIsLookedAtAgain(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for name, tt := range map[string]struct {
			change func(r incident.Report) error
			says   string
		}{
			"rejected": {func(r incident.Report) error { _, err := w.Reject(ctx, boss, r.ID, 0, "a drill"); return err }, "became rejected"},
			"duplicate": {func(r incident.Report) error {
				_, err := w.Repeat(ctx, boss, r.ID, 0, w.Filed("bank", "First").ID)
				return err
			}, "became duplicate"},
			"merged":   {func(r incident.Report) error { _, err := w.Merge(ctx, boss, r.ID, 0, w.k.ID); return err }, "came into a case or out of one"},
			"accepted": {func(r incident.Report) error { _, err := w.Accept(ctx, boss, r.ID, 0, incident.Opening{}); return err }, "came into a case or out of one"},
			"stricter": {func(r incident.Report) error { // no act does this today
				return w.DB.Upkeep(ctx, func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE incident_report SET tlp = $1 WHERE id = $2`, int32(tlp.AmberStrict), r.ID)
					return err
				})
			}, "was marked TLP:AMBER+STRICT while this was written"},
		} {
			r := w.Filed("bank", name)
			dr := Draft{To: fmt.Sprintf("reporter:%d", r.ID), Subject: "x", Text: name}
			w.refused(w.during(About{Report: r.ID}, dr, func() { w.OK(tt.change(r)) }), fault.Conflict, tt.says)
			if ls, err := w.desk.Conversation(ctx, About{Report: r.ID}); err != nil || len(ls) != 1 { // the receipt
				t.Errorf("%s: %d letters, %v", name, len(ls), err)
			}
		}
		r := w.Filed("bank", "Nothing happens")
		w.OK(w.during(About{Report: r.ID}, Draft{To: fmt.Sprintf("reporter:%d", r.ID), Subject: "x", Text: "x"}, func() {}))
	})
}

func TestReporterWhoConfirmsWhileALetterIsWrittenGetsIt(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		r, _, err := w.File(ctx, incidenttest.Officer, incident.Reporter{Origin: incident.FromPublic, Confirm: true},
			incident.Filing{Title: "x", Text: "x", Aware: w.Clock.Now().UnixMicro(), Mail: "who@home.example", Label: tlp.Clear})
		w.OK(err)
		dr := Draft{To: Address, Address: "other@home.example", Why: "they called", Subject: "x", Text: "x"}
		w.OK(w.during(About{Report: r.ID}, dr, func() {
			_, err := w.Confirm(ctx, incidenttest.Officer, r.ID)
			w.OK(err)
		}))
	})
}

func TestSplitOutReportIsNotWrittenToFromTheOldCase(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		split := func(r incident.Report) func() {
			return func() {
				_, err := w.Split(ctx, boss, r.ID, incident.Opening{}, "two after all")
				w.OK(err)
			}
		}
		bank := incident.Reporter{Origin: incident.FromPortal, Constituent: w.IDs["bank"]}
		filing := incident.Filing{Title: "Ours too", Name: "Bank", Mail: "who@bank.example"}

		one := w.merged(bank, filing)
		w.refused(w.during(about, Draft{To: fmt.Sprintf("reporter:%d", one.ID), Subject: "x", Text: "x"}, split(one)), fault.Conflict, "is no part of")

		two := w.merged(bank, filing)
		w.post.Receive("From: who@bank.example\nSubject: [" + two.Ticket() + "] more\nMessage-ID: <1@bank.example>\n\nMore.\n")
		w.refused(w.during(about, Draft{Reply: 1, Text: "x", Label: tlp.Clear, Lowered: "nothing in it"}, split(two)), fault.Conflict, "is no part of")

		three := w.merged(bank, filing)
		f, err := w.Keep(ctx, boss, incident.File{Report: three.ID, Name: "x.txt"}, strings.NewReader("x"))
		w.OK(err)
		w.refused(w.during(about, Draft{To: fmt.Sprintf("reporter:%d", three.ID), Subject: "x", Text: "x", Files: []int64{f.ID}}, split(three)), fault.Conflict, "is no part of")

		four := w.merged(bank, filing)
		hospital := Draft{To: w.key(Reporter), Subject: "x", Text: "x"}
		if hospital.To == fmt.Sprintf("reporter:%d", four.ID) {
			t.Fatal("the first reporter is the hospital")
		}
		w.refused(w.during(about, hospital, split(four)), fault.Conflict, "no party of it any more") // it was the bank's letter too
		w.OK(w.during(about, hospital, func() {}))
	})
}

func TestClosedCaseIsAnsweredFrom(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		l, _ := w.send(analyst, Draft{To: w.key(Contact), Subject: "Question", Text: "Which gateway?"})
		for _, s := range []incident.CaseState{incident.Resolved, incident.Closed} {
			_, err := w.Move(ctx, boss, w.k.ID, 0, s, "")
			w.OK(err)
		}
		w.Clock.Move(time.Minute)
		w.post.Receive("From: SOC <soc@hospital.example>\nSubject: Re: " + l.Subject + "\nIn-Reply-To: " + l.MessageID + "\nMessage-ID: <1@hospital.example>\n\nThank you.\n")
		if es := w.timeline("mail"); len(es) != 1 {
			t.Errorf("%d mails stand on the timeline of the closed case", len(es))
		}
		dr, m, err := w.desk.Begin(ctx, about, 1)
		w.OK(err)
		if m == nil {
			t.Fatal("what came after closing cannot be answered")
		}
		dr.Text = "You are welcome."
		w.send(analyst, dr)
		// Closing while it is written keeps nobody from being answered either.
		_, err = w.Move(ctx, boss, w.k.ID, 0, incident.Open, "it came back")
		w.OK(err)
		w.OK(w.during(about, Draft{To: w.key(Contact), Subject: "Done", Text: "It is over."}, func() {
			for _, s := range []incident.CaseState{incident.Resolved, incident.Closed} {
				_, err := w.Move(ctx, boss, w.k.ID, 0, s, "")
				w.OK(err)
			}
		}))
		if k, err := w.Case(ctx, w.k.ID); err != nil || k.State != incident.Closed {
			t.Errorf("answering opened the case again: %s, %v", k.State, err)
		}
		// A case that is part of another one is not written from, however it stood before.
		other, err := w.Open(ctx, boss, incident.Opening{Title: "The campaign"})
		w.OK(err)
		_, err = w.Join(ctx, boss, w.k.ID, 0, other.ID, "one campaign")
		w.OK(err)
		_, err = w.desk.Send(ctx, boss, about, Draft{To: Address, Address: "a@b.example", Why: "x", Subject: "x", Text: "x"})
		w.refused(err, fault.Conflict, "part of another one now")
	})
}

func TestConversationOfACaseGoesOnInTheOneThatItBecamePartOf(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		l, _ := w.send(analyst, Draft{To: w.key(Contact), Subject: "Question", Text: "Which gateway?"})
		w.Clock.Move(time.Minute)
		w.post.Receive("From: SOC <soc@hospital.example>\nSubject: Re: " + l.Subject + "\nIn-Reply-To: " + l.MessageID + "\nMessage-ID: <1@hospital.example>\n\nThe old one.\n")
		join := func(from, into incident.Case) {
			k, err := w.Case(ctx, from.ID)
			w.OK(err)
			_, err = w.Join(ctx, boss, k.ID, k.Version, into.ID, "one campaign")
			w.OK(err)
		}
		middle, err := w.Open(ctx, boss, incident.Opening{Title: "The week"})
		w.OK(err)
		last, err := w.Open(ctx, boss, incident.Opening{Title: "The campaign"})
		w.OK(err)
		other, err := w.Open(ctx, boss, incident.Opening{Title: "Another"})
		w.OK(err)
		join(w.k, middle)
		join(middle, last)
		said := func(k incident.Case) (letters, messages int) {
			ls, err := w.desk.Conversation(ctx, About{Case: k.ID})
			w.OK(err)
			for _, x := range ls {
				if x.Ticket == w.k.Ticket() && x.Message != nil {
					messages++
				} else if x.Ticket == w.k.Ticket() {
					letters++
				}
			}
			return letters, messages
		}
		if l, m := said(last); l != 1 || m != 1 {
			t.Errorf("%d letters and %d messages of the joined case", l, m)
		}
		if l, m := said(other); l != 0 || m != 0 {
			t.Errorf("%d letters and %d messages of a case that has nothing to do with it", l, m)
		}
		dr, m, err := w.desk.Begin(ctx, About{Case: last.ID}, 1)
		w.OK(err)
		if m == nil || dr.Reply != 1 {
			t.Errorf("%+v", dr)
		}
		dr.Text = "Thank you."
		ids, err := w.desk.Send(ctx, boss, About{Case: last.ID}, dr)
		w.OK(err)
		if a, _, err := w.post.Outbox.Preview(ctx, ids[0]); err != nil || a.To != "soc@hospital.example" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestConversationOfAReportGoesAlongWhenItIsSplitOff(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		r := w.Filed("bank", "Ours too")
		two, err := w.Accept(ctx, boss, r.ID, 0, incident.Opening{})
		w.OK(err)
		_, err = w.Join(ctx, boss, two.ID, 0, w.k.ID, "one campaign")
		w.OK(err)
		l, _ := w.send(analyst, Draft{To: fmt.Sprintf("reporter:%d", r.ID), Subject: "Question", Text: "Which gateway?"})
		receive := func(n int) {
			w.Clock.Move(time.Minute)
			w.post.Receive(fmt.Sprintf("From: SOC <soc@bank.example>\nSubject: Re: %s\nIn-Reply-To: %s\nMessage-ID: <%d@bank.example>\n\nThe old one, %d.\n", l.Subject, l.MessageID, n, n))
		}
		lines := func(c int64) (letters, messages int) {
			ls, err := w.desk.Conversation(ctx, About{Case: c})
			w.OK(err)
			for _, x := range ls {
				if x.Ticket == r.Ticket() && x.Message != nil {
					messages++
				} else if x.Ticket == r.Ticket() {
					letters++
				}
			}
			return letters, messages
		}
		receive(1)
		if l, m := lines(w.k.ID); l != 2 || m != 1 { // the receipt, too
			t.Errorf("the case has %d letters and %d messages with the reporter", l, m)
		}
		three, err := w.Split(ctx, boss, r.ID, incident.Opening{}, "two after all")
		w.OK(err)
		receive(2)
		if l, m := lines(three.ID); l != 2 || m != 2 {
			t.Errorf("the new case has %d letters and %d messages with the reporter", l, m)
		}
		if l, m := lines(w.k.ID); l != 0 || m != 0 {
			t.Errorf("the old case has %d letters and %d messages with the reporter", l, m)
		}
		if l, m := lines(two.ID); l != 0 || m != 0 {
			t.Errorf("the joined case has %d letters and %d messages with the reporter", l, m)
		}
		as, err := w.Additions(ctx, r.ID)
		w.OK(err)
		es, err := w.Timeline(ctx, three.ID, 0, 100)
		w.OK(err)
		n := 0
		for _, e := range es {
			if e.Kind == incident.KindAddition {
				n++
			}
		}
		if len(as) != 2 || n != 2 {
			t.Errorf("the reporter said %d things, the new timeline has %d", len(as), n)
		}
		_, _, err = w.desk.Begin(ctx, about, 1)
		w.refused(err, fault.NotFound, "in no conversation")
		for i := range int64(2) {
			dr, m, err := w.desk.Begin(ctx, About{Case: three.ID}, i+1)
			w.OK(err)
			if m == nil {
				t.Fatal("it cannot be answered")
			}
			dr.Text = "Thank you."
			ids, err := w.desk.Send(ctx, boss, About{Case: three.ID}, dr)
			w.OK(err)
			if a, _, err := w.post.Outbox.Preview(ctx, ids[0]); err != nil || a.To != "soc@bank.example" || a.Ticket != r.Ticket() {
				t.Errorf("%+v, %v", a, err)
			}
		}
	})
}
