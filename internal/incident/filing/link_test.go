package filing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// handedIn is a stranger's report, handed in and not confirmed.
func (w *town) handedIn(f incident.Filing) (secret string, r incident.Report) {
	w.t.Helper()
	ctx := context.Background()
	secret, err := w.Begin(ctx, home, incident.Filing{Text: f.Text})
	w.ok(err)
	w.ok(w.Submit(ctx, secret, f))
	r, err = w.Linked(ctx, secret)
	w.ok(err)
	return secret, r
}

func TestStrangersReportIsConfirmedByItsMailAlone(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		f := w.filing()
		f.Title, f.Name = "CANARY title", "CANARY name"
		secret, r := w.handedIn(f)
		if r.State != incident.Unconfirmed {
			t.Fatalf("it is %s", r.State)
		}
		c := w.composed(KindConfirm, r.ID)
		page := "https://cert.example/report/" + secret + "/confirm/"
		_, code, found := strings.Cut(c.Text, page)
		code, _, _ = strings.Cut(code, "\n")
		if !found || strings.Contains(c.Text+c.Subject, "CANARY") || !strings.Contains(c.Subject, r.Ticket()) {
			t.Errorf("the letter says:\n%s\n%s", c.Subject, c.Text)
		}
		w.refused(w.Confirm(ctx, secret, "wrong"), fault.NotFound, "not valid")
		w.refused(w.Confirm(ctx, secret, ""), fault.NotFound, "not valid")
		w.refused(w.Confirm(ctx, "wrong", code), fault.NotFound, "not valid")
		_, other := w.handedIn(f)
		w.refused(w.Confirm(ctx, secret, w.code(&other)), fault.NotFound, "not valid")
		w.ok(w.Confirm(ctx, secret, code))
		w.ok(w.Confirm(ctx, secret, code)) // a scanner pressed first
		if r, err := w.Linked(ctx, secret); err != nil || r.State != incident.Received || r.Receipted == 0 {
			t.Errorf("after confirmation: %+v, %v", r, err)
		}
		c = w.composed(KindReceipt, r.ID)
		if !strings.Contains(c.Text, r.SHA256) || !strings.Contains(c.Text, "https://cert.example/report/"+secret) || len(c.Attachments) != 1 {
			t.Errorf("the receipt's letter says:\n%s", c.Text)
		}
		var receipt incident.Receipt
		w.ok(json.Unmarshal(c.Attachments[0].Bytes, &receipt))
		w.ok(receipt.Verify(w.ReceiptKey()))
	})
}

func TestReporterReadsTheirPageAndNothingOfTheCase(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret, r := w.handedIn(w.filing())
		w.ok(w.AddByLink(ctx, secret, incident.Addition{Text: "It was a phishing mail."}))
		w.ok(w.KeepByLink(ctx, secret, "../../etc/note.txt", "text/plain", strings.NewReader("pay us")))
		_, err := w.Desk.Confirm(ctx, officer, r.ID)
		w.ok(err)
		kase, err := w.Accept(ctx, officer, r.ID, 0, incident.Opening{Title: "CANARY case", Summary: "CANARY summary"})
		w.ok(err)
		_, err = w.Note(ctx, officer, kase.ID, incident.Entry{Kind: incident.KindNote, Text: "CANARY note"})
		w.ok(err)
		_, err = w.Advise(ctx, officer, Advice{Report: r.ID, Subject: "What to do", Text: "Unplug it.", Label: tlp.AmberStrict}, true)
		w.ok(err)
		_, other := w.handedIn(w.filing())
		_, err = w.Advise(ctx, officer, Advice{Report: other.ID, Subject: "CANARY", Text: "CANARY for another"}, false)
		w.ok(err)
		told := w.told(secret)
		b, err := json.Marshal(told)
		w.ok(err)
		if strings.Contains(string(b), "CANARY") || strings.Contains(string(b), kase.Number) || told.Report.Case != 0 {
			t.Errorf("the page shows what is not the reporter's: %s", b)
		}
		if told.Report.State != incident.Accepted || len(told.Additions) != 1 || len(told.Files) != 1 || told.Files[0].Name != "note.txt" || len(told.Advice) != 1 || told.Advice[0].Text != "Unplug it." {
			t.Errorf("the page lacks something: %s", b)
		}
		papers, err := w.PapersByLink(ctx, secret)
		w.ok(err)
		p, _, err := papers.Open()
		w.ok(err)
		if sum := sha256.Sum256(p.Record); hex.EncodeToString(sum[:]) != p.Receipt.SHA256 {
			t.Error("the record is not what the receipt proves")
		}
		es, err := w.Timeline(ctx, kase.ID, 0, 50)
		w.ok(err)
		if !slices.ContainsFunc(es, func(e incident.Entry) bool { return e.Kind == kindAdvice }) {
			t.Error("the advice is not on the case's timeline")
		}
	})
}

func TestWrongAndOldLinksAreToldAlike(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret, err := w.Begin(ctx, home, incident.Filing{Text: "Half"})
		w.ok(err)
		w.clock.Move(31 * 24 * time.Hour)
		w.ok(w.Desk.Sweep(ctx))
		w.ok(w.Sweep(ctx))
		said := map[string]bool{}
		for _, s := range []string{secret, "", "wrong", strings.ToLower(secret), "' OR 1=1"} {
			_, err := w.Page(ctx, s)
			w.refused(err, fault.NotFound, "not valid")
			said[err.Error()] = true
			for _, err := range []error{w.Counter.Save(ctx, s, w.filing()), w.Counter.Submit(ctx, s, w.filing()), w.AddByLink(ctx, s, incident.Addition{Text: "x"}),
				w.KeepByLink(ctx, s, "a", "", strings.NewReader("x")), w.Confirm(ctx, s, "x")} {
				w.refused(err, fault.NotFound, "not valid")
				said[err.Error()] = true
			}
		}
		if len(said) != 1 {
			t.Errorf("%d answers: %v", len(said), said)
		}
		left := int64(0)
		w.ok(w.DB.View(ctx, func(tx *db.Tx) error { return tx.Row(`SELECT COUNT(*) FROM filing_link`).Scan(&left) }))
		if left != 0 {
			t.Errorf("%d links are left", left)
		}
	})
}

func TestNetworkBeginsSoManyReportsInAnHourOfTheWorld(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for range perHour {
			_, err := w.Begin(ctx, home, incident.Filing{Text: "x"})
			w.ok(err)
		}
		_, err := w.Begin(ctx, home, incident.Filing{Text: "x"})
		w.refused(err, fault.Conflict, "within an hour")
		_, err = w.Begin(ctx, netip.MustParseAddr("198.51.100.9"), incident.Filing{Text: "x"})
		w.ok(err)
		w.clock.Move(time.Hour)
		_, err = w.Begin(ctx, home, incident.Filing{Text: "x"})
		w.ok(err)
	})
}

func TestNobodysMailboxIsFlooded(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		f := w.filing()
		for range perMailbox {
			w.handedIn(f)
		}
		secret, err := w.Begin(ctx, home, incident.Filing{Text: "x"})
		w.ok(err)
		f.Mail = strings.ToUpper(f.Mail)
		w.refused(w.Submit(ctx, secret, f), fault.Conflict, "confirmed")
		f.Mail = ""
		w.refused(w.Submit(ctx, secret, f), fault.Invalid, "how to reach you")
		f.Phone = "+381 11 000"
		w.ok(w.Submit(ctx, secret, f))
	})
}

func TestWhatAStrangerAddsIsBounded(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret, _ := w.handedIn(w.filing())
		w.refused(w.KeepByLink(ctx, secret, "big", "", io.LimitReader(zeros{}, 17<<20)), fault.Invalid, "larger than")
		for range maxFiles {
			w.ok(w.KeepByLink(ctx, secret, "a", "", strings.NewReader("x")))
		}
		w.refused(w.KeepByLink(ctx, secret, "a", "", strings.NewReader("x")), fault.Conflict, "files already")
		_, err := io.ReadAll(&within{zeros{}, 10})
		w.refused(err, fault.Invalid, "at most")
		b, err := io.ReadAll(&within{strings.NewReader("0123456789"), 10})
		if err != nil || string(b) != "0123456789" {
			t.Errorf("read %q, %v", b, err)
		}
	})
}

// together are files of 100 bytes each that have all begun to come before any of them ends.
func together(n int) (out []io.Reader) {
	var begun sync.WaitGroup
	begun.Add(n)
	for range n {
		first := true
		out = append(out, io.LimitReader(readerFunc(func(p []byte) (int, error) {
			if first {
				first = false
				begun.Done()
				begun.Wait()
			}
			return zeros{}.Read(p[:min(len(p), 10)])
		}), 100))
	}
	return out
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// keptOf gives drafts files at the same time, and tells how many were kept and why the others were not.
func (w *town) keptOf(secrets ...string) (kept int, refused []error) {
	w.t.Helper()
	errs := make([]error, len(secrets))
	var all sync.WaitGroup
	for i, r := range together(len(secrets)) {
		all.Go(func() { errs[i] = w.KeepByLink(context.Background(), secrets[i], "a", "", r) })
	}
	all.Wait()
	for _, err := range errs {
		if err == nil {
			kept++
		} else {
			refused = append(refused, err)
		}
	}
	return kept, refused
}

func TestFilesThatComeAtTheSameTimeKeepTheBound(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret, err := w.Begin(ctx, home, incident.Filing{Text: "Half"})
		w.ok(err)
		w.bound.Bytes = 250
		n, refused := w.keptOf(secret, secret, secret)
		if n != 2 || len(refused) != 1 {
			t.Fatalf("%d files of 100 bytes were kept of three, in a report of 250: %v", n, refused)
		}
		w.refused(refused[0], fault.Conflict, "2 files already, of 200 bytes, and takes 20 of 250 bytes at most: write to the CERT")
		w.bound = incident.Bound{Files: 4, Bytes: 10_000}
		if n, refused := w.keptOf(secret, secret, secret); n != 2 {
			t.Errorf("%d files were kept beside two, in a report of four: %v", n, refused)
		}
	})
}

func TestDraftsOfStrangersTogetherDoNotFillTheDisk(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.MaxDrafts = 250
		var secrets []string
		for range 3 {
			secret, err := w.Begin(ctx, home, incident.Filing{Text: "Half"})
			w.ok(err)
			secrets = append(secrets, secret)
		}
		n, refused := w.keptOf(secrets...)
		if n != 2 || len(refused) != 1 {
			t.Fatalf("%d files of 100 bytes were kept of three drafts, where drafts may hold 250: %v", n, refused)
		}
		w.refused(refused[0], fault.Unavailable, "hand yours in and add the file then")
		for _, s := range secrets {
			if len(w.told(s).Files) == 0 { // as it says
				w.ok(w.Submit(ctx, s, w.filing()))
				w.ok(w.KeepByLink(ctx, s, "a", "", strings.NewReader(strings.Repeat("x", 100))))
			}
		}
		own, err := w.FileFor(ctx, of(identity.Manager, 1, w.ids["hospital"]), Filed{Constituent: w.ids["hospital"], Filing: incident.Filing{Title: "Half"}, Draft: true})
		w.ok(err)
		_, err = w.KeepFor(ctx, of(identity.Manager, 1, w.ids["hospital"]), own.ID, "a", "", strings.NewReader(strings.Repeat("x", 100)))
		w.ok(err) // a constituent's is not a stranger's
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFirstLineIsTheTitleOfWhoWritesNone(t *testing.T) {
	for text, want := range map[string]string{
		"All is encrypted.\nSince the night.": "All is encrypted.",
		"  a\tb  \r\nc":                       "a b",
		"":                                    "",
		strings.Repeat("š", 300):              strings.Repeat("š", 98) + "…",
		"bad \x00 and \xff bytes":             "bad  and bytes",
		strings.Repeat("\U0001F514", 150):     strings.Repeat("\U0001F514", 49) + "…",
	} {
		f := incident.Filing{Text: text}
		if titled(&f); f.Title != want {
			t.Errorf("%.20q: %q, want %q", text, f.Title, want)
		}
		if len(f.Title) > 200 {
			t.Errorf("%.20q: %d bytes", text, len(f.Title))
		}
	}
}

func TestConfirmationAndReceiptReachTheMailServer(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		w.ok(w.Outbox.Start(ctx, officer, "the first day"))
		done := make(chan struct{})
		go func() { w.Outbox.Work(ctx); close(done) }()
		f := w.filing()
		f.Language = "sr-Latn"
		secret, r := w.handedIn(f)
		w.arrives(ctx, "Potvrdite")
		w.ok(w.Confirm(ctx, secret, w.code(&r)))
		w.arrives(ctx, "Potvrda")
		_, err := w.Advise(ctx, officer, Advice{Report: r.ID, Subject: "Do this", Text: "Unplug it."}, true)
		w.ok(err)
		w.arrives(ctx, "Do this")
		stop()
		<-done
		bears := 0
		for _, g := range w.server.Got() {
			if strings.Contains(g.Raw, secret) {
				bears++
			}
		}
		if bears != 2 {
			t.Errorf("%d mails have the link, of the confirmation and the receipt", bears)
		}
		w.conceals(secret, w.code(&r))
	})
}

// conceals wants nothing of the secrets in what people are shown of letters.
func (w *town) conceals(secrets ...string) {
	w.t.Helper()
	ls, _, err := w.Outbox.List(context.Background(), notify.Filter{})
	w.ok(err)
	links := 0
	for _, l := range ls {
		_, c, err := w.Outbox.Preview(context.Background(), l.ID)
		if fault.KindOf(err) == fault.Invalid { // nothing to say any more
			continue
		}
		w.ok(err)
		b, err := json.Marshal(c)
		w.ok(err)
		for _, s := range secrets {
			if strings.Contains(string(b), s) {
				w.t.Errorf("the letter %d shows a secret of its reader:\n%s", l.ID, c.Text)
			}
		}
		links += strings.Count(c.Text, "https://cert.example/report/…")
	}
	if links == 0 {
		w.t.Error("no letter shows that there was a link")
	}
}

func TestLetterThatWaitsShowsNoSecretOfItsReader(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		secret, r := w.handedIn(w.filing())
		w.conceals(secret, w.code(&r))
		w.ok(w.Confirm(context.Background(), secret, w.code(&r)))
		w.conceals(secret, w.code(&r))
	})
}

// arrives waits until a mail of the subject is at the server.
func (w *town) arrives(ctx context.Context, subject string) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, g := range w.server.Got() {
			if strings.Contains(g.Raw, subject) {
				return
			}
		}
		select {
		case <-ctx.Done():
			ls, _, err := w.Outbox.List(context.Background(), notify.Filter{Limit: 10})
			w.t.Fatalf("no mail %q came: %+v, %v", subject, ls, err)
		case <-tick.C:
		}
	}
}

func TestAdviceHasATemplateForEveryAudienceTopicAndLanguage(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for _, language := range w.Languages() {
			f := w.filing()
			f.Language, f.Mail = language, language+"@x.example"
			_, r := w.handedIn(f)
			for _, a := range Audiences() {
				for _, topic := range Topics() {
					got, err := w.Template(ctx, r.ID, a, topic)
					w.ok(err)
					if strings.Contains(got.Subject+got.Text, "advice.") || got.Subject == "" {
						t.Errorf("%s %s %s: %q", language, a, topic, got.Text)
					}
				}
			}
			_, err := w.Template(ctx, r.ID, "x", "y")
			w.refused(err, fault.Invalid, "topics are")
		}
	})
}

func TestAdviceIsCheckedAndNeedsAnAddress(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		f := w.filing()
		f.Mail, f.Phone = "", "+381"
		_, r := w.handedIn(f)
		good := Advice{Report: r.ID, Subject: "a", Text: "b"}
		_, err := w.Advise(ctx, officer, good, true)
		w.refused(err, fault.Invalid, "call them")
		for want, spoil := range map[string]func(*Advice){
			"subject": func(a *Advice) { a.Subject = "a\r\nBcc: x" }, "text": func(a *Advice) { a.Text = " " }, "tlp": func(a *Advice) { a.Label = tlp.Red }} {
			a := good
			spoil(&a)
			_, err := w.Advise(ctx, officer, a, false)
			w.refused(err, fault.Invalid, want)
		}
		_, err = w.Advise(ctx, of("manager", 1, w.ids["bank"]), good, false)
		w.refused(err, fault.Forbidden, "staff")
		_, err = w.Advise(ctx, officer, good, false)
		w.ok(err)
	})
}

func TestAdviceIsMailedOnlyToTheAddressThatWasConfirmed(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		_, r := w.handedIn(w.filing())
		a := Advice{Report: r.ID, Subject: "What to do", Text: "Unplug it."}
		_, err := w.Advise(ctx, officer, a, true)
		w.refused(err, fault.Invalid, "has not confirmed the mail address")
		_, err = w.Advise(ctx, officer, a, false) // which is read on the page of the link
		w.ok(err)
		_, err = w.Desk.Confirm(ctx, officer, r.ID)
		w.ok(err)
		a, err = w.Advise(ctx, officer, a, true)
		w.ok(err)
		if a.Letter == 0 {
			t.Error("it is not mailed to the confirmed address")
		}
	})
}

func TestLetterThatIsOutOfDateIsNotWritten(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret, r := w.handedIn(w.filing())
		w.ok(w.Confirm(ctx, secret, w.code(&r)))
		l := w.letter(KindConfirm, r.ID, &r)
		if _, err := w.ComposeConfirm(ctx, l); err != notify.ErrNothing {
			t.Errorf("got %v", err)
		}
	})
}
