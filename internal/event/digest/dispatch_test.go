package digest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event/feed"
	"tocsin/internal/notify"
)

func TestOneMessageToEachAddressWithEverythingThatChanged(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_ftp", "203.0.113.1 21 high", "203.0.113.9 21 high", "203.0.113.8 21 high")
		w.report("scan_smb", "203.0.113.9 445 high")
		if n := w.tell(); n != 0 {
			t.Errorf("%d messages before the morning", n)
		}
		w.clock.Set(w.clock.Now().Add(time.Hour))
		if n := w.tell(); n != 2 { // the hospital's and the ISP's copy
			t.Fatalf("%d messages, want 2", n)
		}
		if n := w.tell(); n != 0 {
			t.Errorf("%d messages more of the same", n)
		}
		ls := w.letters("hospital") // one desk in two roles
		if len(ls) != 1 || ls[0].To != "soc@hospital.example" && ls[0].To != "SOC@hospital.example" {
			t.Fatalf("letters %v", ls)
		}
		l := ls[0]
		w.has("the subject", l.Content.Subject, "["+l.Ticket+"]", "3 nova nalaza")
		w.lacks("the subject", l.Content.Subject, "otvoreno")
		w.has("the text", l.Text, "203.0.113.9 21/tcp", "203.0.113.8 21/tcp", "203.0.113.9 445/tcp", "novo", "https://cert.example/answer/", "TLP:AMBER:", "Šta da uradite: Datoteke")
		w.lacks("the text", l.Text, "203.0.113.1 ", "na engleskom") // the backlog
		w.has("the page", l.HTML, `<html lang="sr-Latn">`, "<h2", "203.0.113.9 445/tcp")
		if len(l.Attachments) != 2 || l.Attachments[0].Name != "2026-03-05-scan_ftp.csv" {
			t.Fatalf("attachments %v", l.Attachments)
		}
		rows, err := csv.NewReader(bytes.NewReader(l.Attachments[0].Bytes)).ReadAll()
		if err != nil || len(rows) != 3 || strings.Join(rows[0], ",") != "timestamp,ip,port,protocol,severity,tag" || rows[1][5] != "'=cmd()" || rows[1][0] != "2026-03-05 00:01:00" {
			t.Errorf("rows %q: %v", rows, err)
		}
		if len(l.About) != 3 {
			t.Errorf("it names %d findings to the gate, want 3", len(l.About))
		}
		copied := w.letters("isp")[0]
		w.has("the copy", copied.Text, "told themselves", "Hospital", "203.0.113.9 445/tcp")
		w.want("hospital 203.0.113.8 told open - -", "hospital 203.0.113.9 told open - -", "hospital 203.0.113.9 told open - -",
			"isp 203.0.113.8 told open - -", "isp 203.0.113.9 told open - -", "isp 203.0.113.9 told open - -")
	})
}

func TestNextMessageTellsWhatIsStillOpenAndThanksForWhatIsGone(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_ftp", "198.51.100.7 21 high", "198.51.100.8 21 high")
		w.collect()
		w.clock.Set(w.clock.Now().Add(time.Hour))
		w.tell()
		first := w.letters("clinic")[0]
		for range 5 {
			w.next(1)
			w.report("scan_ftp", "198.51.100.8 21 high")
		}
		w.collect()
		w.next(1)
		w.report("scan_ftp", "198.51.100.8 21 high", "198.51.100.9 21 high")
		w.collect()
		w.clock.Set(w.clock.Now().Add(time.Hour))
		if n := w.tell(); n != 1 {
			t.Fatalf("%d messages, want 1", n)
		}
		l := w.letters("clinic")[0]
		w.has("the subject", l.Content.Subject, "1 new finding", "1 no longer seen", "1 still open")
		w.has("the text", l.Text, "No longer seen: thank you", "198.51.100.7 21/tcp", "the oldest one has been open for 7 days", "198.51.100.9 21/tcp")
		rows, err := csv.NewReader(bytes.NewReader(l.Attachments[0].Bytes)).ReadAll()
		if err != nil || len(rows) != 1+6+1 { // every day since the last message, and the new one
			t.Errorf("rows %q: %v", rows, err)
		}
		if l.Ticket != first.Ticket || len(l.References) != 1 || l.References[0] != w.Outbox.MessageID(first.Key) {
			t.Errorf("ticket %s after %s, references %v, want %s", l.Ticket, first.Ticket, l.References, w.Outbox.MessageID(first.Key))
		}
		w.next(1)
		w.report("scan_ftp", "198.51.100.7 21 high", "198.51.100.8 21 high", "198.51.100.9 21 high")
		w.collect()
		w.clock.Set(w.clock.Now().Add(time.Hour))
		w.tell()
		w.has("the text", w.letters("clinic")[0].Text, "back again")
	})
}

func TestCriticalIsToldAtOnceUnderATicketOfItsOwn(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(3) // Saturday
		w.report("scan_rdp", "198.51.100.7 3389 critical", "198.51.100.8 3389 high")
		if n := w.tell(); n != 1 {
			t.Fatalf("%d messages, want 1", n)
		}
		l := w.letters("clinic")[0]
		w.has("the subject", l.Content.Subject, "urgent, 1 finding")
		w.lacks("the text", l.Text, "198.51.100.8")
		if l.Ticket != fmt.Sprintf("T-A%d", w.ids["clinic"]) {
			t.Errorf("ticket %s", l.Ticket)
		}
	})
}

func TestWhatTheGateKeepsBackIsNotComposed(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		f, err := w.Feeds.ByName(ctx, "shadowserver")
		w.ok(err)
		f.Audience = feed.Owner
		_, err = w.Feeds.Save(ctx, officer, f)
		w.ok(err)
		w.next(1)
		w.report("scan_rdp", "203.0.113.7 3389 critical", "203.0.114.7 3389 critical")
		w.tell()
		w.has("the ISP's", w.letters("isp")[0].Text, "203.0.114.7")
		w.lacks("the ISP's", w.letters("isp")[0].Text, "203.0.113.7")
		w.has("the hospital's", w.letters("hospital")[0].Text, "203.0.113.7")
		w.want("hospital 203.0.113.7 told open - -", "isp 203.0.113.7 withheld open - -", "isp 203.0.114.7 told open - -")
	})
}

// What no contact is cleared for is withheld, and not taken for told; who is cleared for nothing of it gets no letter.
func TestClearanceOfTheContactsCounts(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		contact := func(mail, clearance string) {
			_, err := w.Constituency.AddContact(ctx, officer, constituency.Contact{Constituent: w.ids["mute"], Role: "security", Name: clearance, Mail: mail, Clearance: clearance})
			w.ok(err)
		}
		contact("green@mute.example", "GREEN")
		w.next(1)
		w.report("scan_rdp", "192.0.2.5 3389 critical")
		w.tell()
		if n := len(w.letters("mute")); n != 0 {
			t.Errorf("%d letters to who is cleared for GREEN", n)
		}
		w.want("mute 192.0.2.5 withheld open - -")
		contact("amber@mute.example", "AMBER")
		w.report("scan_ftp", "192.0.2.6 21 critical")
		w.tell()
		ls := w.letters("mute")
		if len(ls) != 1 || ls[0].To != "amber@mute.example" {
			t.Errorf("letters %v", ls)
		}
	})
}

func TestWithoutAContactItWaits(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_rdp", "192.0.2.7 3389 critical")
		if n := w.tell(); n != 0 {
			t.Errorf("%d messages to nobody", n)
		}
		w.want("mute 192.0.2.7 waiting open new Fri 06 06:00")
		_, err := w.Constituency.AddContact(context.Background(), officer, constituency.Contact{Constituent: w.ids["mute"], Role: "technical", Mail: "now@mute.example"})
		w.ok(err)
		w.next(1)
		if n := w.tell(); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
	})
}

func TestWhoIsToldNothingNewIsRemindedOnceAWeek(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.next(1) // Thursday the 5th
		w.report("scan_rdp", "198.51.100.7 3389 critical")
		w.tell()
		reminded := func() int { n, err := w.Remind(ctx); w.ok(err); return n }
		for range 7 {
			w.next(1)
			w.report("scan_rdp", "198.51.100.7 3389 critical")
			w.tell()
			if n := reminded(); n != 0 {
				t.Errorf("reminded on %s", w.clock.Now().Format(time.DateOnly))
			}
		}
		w.next(4) // Monday the 16th, 06:00
		w.clock.Set(w.clock.Now().Add(2 * time.Hour))
		if n := reminded(); n != 1 {
			t.Fatalf("%d reminders, want 1", n)
		}
		w.has("the reminder", w.letters("clinic")[0].Content.Subject, "1 still open")
		if n := reminded(); n != 0 {
			t.Error("reminded twice")
		}
	})
}

func TestWhatBecameSomebodyElsesIsLeftOutOfALetterThatWaited(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.next(1)
		w.report("scan_rdp", "198.51.100.7 3389 critical")
		w.tell()
		_, err := w.Constituency.AddAsset(ctx, officer, constituency.Asset{Constituent: w.ids["mute"], Kind: constituency.AddressAsset, Value: "198.51.100.7"})
		w.ok(err)
		w.next(1)
		w.report("scan_rdp", "198.51.100.7 3389 critical")
		w.collect()
		ls, _, err := w.Outbox.List(ctx, notify.Filter{Constituent: w.ids["clinic"]})
		w.ok(err)
		if got := w.Compose(ctx, ls[:1]); !errors.Is(got[0].Err, notify.ErrNothing) {
			t.Errorf("it says %v", got[0].Err)
		}
	})
}

func TestLargeFilesAreZippedAndBounded(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		rows := []string{}
		for i := range 8000 {
			rows = append(rows, fmt.Sprintf("198.51.100.%d %d critical", i%250, 1000+i/250))
		}
		w.report("scan_rdp", rows...)
		w.tell()
		l := w.letters("clinic")[0]
		w.has("the text", l.Text, "and 7,980 more, in the attached file", "2026-03-05-scan_rdp.zip: 8,000 rows")
		z, err := zip.NewReader(bytes.NewReader(l.Attachments[0].Bytes), int64(len(l.Attachments[0].Bytes)))
		w.ok(err)
		f, err := z.File[0].Open()
		w.ok(err)
		b, err := io.ReadAll(f)
		if err != nil || bytes.Count(b, []byte("\n")) != 8001 {
			t.Errorf("%d lines: %v", bytes.Count(b, []byte("\n")), err)
		}
	})
}

func TestPreviewIsWhatWouldBeSentAndSendsNothing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.next(1)
		w.report("scan_ftp", "203.0.113.9 21 high", "203.0.113.8 21 low")
		w.collect()
		before := w.directives()
		p, err := w.Preview(ctx, w.ids["hospital"], "ja")
		w.ok(err)
		if p.Language != "ja" || p.Digest == nil || p.Message.Fresh != 2 || len(p.To) != 1 {
			t.Fatalf("preview %+v", p)
		}
		w.has("the preview", p.Digest.Text, "203.0.113.9 21/tcp", "対応")
		w.want(before...)
		if p, err = w.Preview(ctx, w.ids["clinic"], ""); err != nil || p.Digest != nil {
			t.Errorf("the clinic would be told %+v: %v", p, err)
		}
	})
}

// TestDigestLeavesByTheOutboxOnceItIsReleased has one handed to a mail server.
func TestDigestLeavesByTheOutboxOnceItIsReleased(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.alarmed()
		w.ok(w.Outbox.Start(ctx, officer, "the first day"))
		secret := w.link("clinic")
		working, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { w.Outbox.Work(working); close(done) }()
		defer func() { stop(); <-done }()
		tick, end := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
		defer tick.Stop()
		handed := func() (l notify.Letter, ok bool) {
			ls, _, err := w.Outbox.List(ctx, notify.Filter{Constituent: w.ids["clinic"]})
			w.ok(err)
			return ls[0], ls[0].State == notify.Handed
		}
		for {
			l, ok := handed()
			if ok {
				break
			}
			if l.State == notify.Held && l.Hold == notify.HoldRelease { // the first to its recipient
				_, err := w.Outbox.Release(ctx, officer, l.ID)
				w.ok(err)
			}
			select {
			case <-tick.C:
			case <-end:
				l, _ := handed()
				t.Fatalf("the letter is %s: %s %s", l.State, l.Hold, l.Reason)
			}
		}
		l, _ := handed()
		var text string
		for _, g := range w.server.Got() {
			if g.ID == l.MessageID || strings.Contains(g.Raw, l.MessageID) {
				text = g.Raw
			}
		}
		w.has("the message", text, "To: <it@clinic.example>", "["+l.Ticket+"]", "Auto-Submitted: auto-generated", "2026-03-05-scan_rdp.csv", "text/html")
		if l.Ledger == 0 {
			t.Error("the ledger has no row of it")
		}
		w.ok(w.AnswerLink(ctx, secret, Reply{Answer: Seen}))
		if l, _ = handed(); l.State != notify.Answered {
			t.Errorf("an answered letter is %s", l.State)
		}
	})
}

func TestWhatFeedsAndRegistriesSayIsTextAndOneLine(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		dir, err := w.Constituency.Directory(ctx)
		w.ok(err)
		l, err := dir.ByRef("clinic")
		w.ok(err)
		l.Constituent.Name = `<img src=x onerror=alert(1)> "Clinic" ` + strings.Repeat("long ", 30)
		w.ok(w.Constituency.Update(ctx, officer, l.Constituent))
		w.next(1)
		w.report("compromised_website", "198.51.100.7 80 critical")
		w.tell()
		c := w.letters("clinic")[0]
		for name, value := range map[string]string{"the recipient's name": c.Letter.Name, "the ticket": c.Letter.Ticket} {
			if strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("%s is %q", name, value)
			}
		}
		w.lacks("the page", c.HTML, "<img", "onerror=alert(1)>")
		w.has("the page", c.HTML, "&lt;img src=x")
		if strings.ContainsAny(c.Content.Subject, "\r\n") || len(c.Content.Subject) > 500 {
			t.Errorf("the subject is %q", c.Content.Subject)
		}
	})
	if s := clip("a\r\nBcc: x\u202e\x00", 50); strings.ContainsAny(s, "\r\n\x00\u202e") {
		t.Errorf("clipped to %q", s)
	}
}
