package filing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/notify/mailbox/mailboxtest"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/mail/protect"
	"tocsin/internal/platform/mail/protect/protecttest"
)

// post gives the town a mailbox, whose mail to reports@cert.example becomes reports.
func (w *town) post() *mailboxtest.Post {
	p := mailboxtest.Open(w.t, w.DB, w.clock)
	p.Box.Incidents, p.Box.Trust = w.Mailbox(), mailbox.Trust{Server: "mx.cert.example", Intake: []string{"reports@cert.example"}}
	w.Box = p.Box
	return p
}

// work does the jobs that are due.
func (w *town) work() {
	w.t.Helper()
	q := job.New(w.DB, w.clock, clock.Real(), w.Log)
	w.Register(q)
	w.ok(q.Drain(context.Background()))
}

// last is the latest report.
func (w *town) last() incident.Report {
	w.t.Helper()
	w.clock.Move(1)
	rs := w.reports()
	if len(rs) == 0 {
		w.t.Fatal("there is no report")
	}
	return rs[len(rs)-1]
}

// reports are all reports, the first one first.
func (w *town) reports() (out []incident.Report) {
	w.t.Helper()
	ctx, at := context.Background(), &incident.Place{}
	for at != nil {
		lines, next, err := w.ReportList(ctx, incident.ReportFilter{Oldest: true}, *at, 500)
		w.ok(err)
		for _, l := range lines {
			r, err := w.Report(ctx, l.ID)
			w.ok(err)
			out = append(out, r)
		}
		at = next
	}
	return out
}

const vouched = "Authentication-Results: mx.cert.example; dkim=pass header.d=hospital.example; dmarc=pass header.from=hospital.example\n"

func TestMailToTheAddressForReportsBecomesOneWithItsFiles(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		p := w.post()
		p.Receive(vouched+"From: SOC <soc@hospital.example>\nTo: reports@cert.example\nSubject: <script>alert(1)</script> encrypted\nMessage-ID: <a@hospital.example>\n"+
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nAll shares end in .locked.\n--x\nContent-Type: text/plain\n"+
			"Content-Disposition: attachment; filename=\"../../x\"\n\npay us\n--x--\n",
			"From: stranger@x.example\nTo: info@cert.example\nSubject: hello\nMessage-ID: <b@x.example>\n\nNo report.\n")
		rs := w.reports()
		if len(rs) != 1 {
			t.Fatalf("%d reports", len(rs))
		}
		r := rs[0]
		if r.Origin != incident.FromMail || r.State != incident.Received || r.Constituent != w.ids["hospital"] || r.Mail != "soc@hospital.example" ||
			r.Title != "<script>alert(1)</script> encrypted" || r.Receipted != 0 {
			t.Errorf("got %+v", r)
		}
		w.work()
		w.work() // done again it keeps nothing twice
		fs, err := w.FilesOf(ctx, 0, r.ID)
		w.ok(err)
		var names []string
		for _, f := range fs {
			names = append(names, f.Name)
			w.ok(w.Verify(ctx, f.ID))
		}
		if !slices.Equal(names, []string{"message-1.eml", "x"}) {
			t.Errorf("kept %q", names)
		}
		m, err := w.Box.ByID(ctx, 1)
		w.ok(err)
		if m.Ticket != r.Ticket() || m.State != mailbox.Done || m.Threaded != mailbox.ByIntake {
			t.Errorf("the message is %s in %q by %s", m.State, m.Ticket, m.Threaded)
		}
		if m, err = w.Box.ByID(ctx, 2); err != nil || m.State != mailbox.Waiting {
			t.Errorf("the other one is %s, %v", m.State, err)
		}
		ticket, err := w.Box.Report(ctx, officer, 2)
		w.ok(err)
		if r := w.last(); r.Ticket() != ticket || r.Constituent != 0 {
			t.Errorf("%s, %+v", ticket, r)
		}
		if _, err := w.Box.Report(ctx, officer, 2); err == nil {
			t.Error("it became two reports")
		}
	})
}

func TestForgedSenderIsNobodysReport(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		p := w.post()
		for i, head := range []string{"", "Authentication-Results: mx.evil.example; dkim=pass header.d=hospital.example\n",
			"Authentication-Results: mx.cert.example; dkim=fail header.d=hospital.example\n"} {
			p.Receive(head + fmt.Sprintf("From: soc@hospital.example\nTo: reports@cert.example\nSubject: forged %d\nMessage-ID: <f%d@x.example>\n\nx\n", i, i))
		}
		rs := w.reports()
		if len(rs) != 3 {
			t.Fatalf("%d reports", len(rs))
		}
		for _, r := range rs {
			if r.Constituent != 0 {
				t.Errorf("%s is taken for a report of constituent %d", r.Title, r.Constituent)
			}
		}
	})
}

func TestReplyIsAddedToWhatItsTicketNames(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		p := w.post()
		own, err := w.FileFor(ctx, of(identity.Manager, 1, w.ids["hospital"]), Filed{Constituent: w.ids["hospital"], Filing: w.filing()})
		w.ok(err)
		kase, err := w.Open(ctx, officer, incident.Opening{Title: "A case"})
		w.ok(err)
		p.Receive("From: night@hospital.example\nSubject: Re: ["+own.Ticket()+"]\nMessage-ID: <1@hospital.example>\n\nIt was a phishing mail.\n\n> earlier\n",
			"From: stranger@x.example\nSubject: ["+own.Ticket()+"]\nMessage-ID: <2@x.example>\n\nI know more.\n",
			"From: other@x.example\nSubject: about ["+kase.Ticket()+"]\nMessage-ID: <3@x.example>\n\nWe see it too.\n",
			"From: other@x.example\nSubject: [T-R-0000-0000] [T-I2026-9999]\nMessage-ID: <4@x.example>\n\nNothing.\n")
		as, err := w.Additions(ctx, own.ID)
		w.ok(err)
		if len(as) != 2 || strings.Contains(as[0].Text, "earlier") || as[1].Via != viaStranger {
			t.Errorf("additions %+v", as)
		}
		es, err := w.Timeline(ctx, kase.ID, 0, 10)
		w.ok(err)
		if !slices.ContainsFunc(es, func(e incident.Entry) bool { return e.Kind == kindMail && e.Text == "We see it too." && !e.Shared }) {
			t.Errorf("the timeline is %+v", es)
		}
		m, err := w.Box.ByID(ctx, 4)
		w.ok(err)
		if m.Ticket != "" {
			t.Errorf("a ticket that nobody gave is %q", m.Ticket)
		}
		w.work()
		fs, err := w.FilesOf(ctx, kase.ID, 0)
		w.ok(err)
		if len(fs) != 1 || fs[0].Name != "message-3.eml" {
			t.Errorf("files of the case: %+v", fs)
		}
	})
}

// People answer letters of a case long after it became part of another one, and that one of a third.
func TestReplyToAJoinedCaseIsAddedToTheOneThatStands(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		p := w.post()
		var ks [4]incident.Case
		for i := range ks {
			var err error
			ks[i], err = w.Open(ctx, officer, incident.Opening{Title: "A case"})
			w.ok(err)
		}
		join := func(from, into int) {
			_, err := w.Join(ctx, officer, ks[from].ID, 0, ks[into].ID, "one campaign")
			w.ok(err)
		}
		join(0, 1)
		join(1, 2)
		p.Receive("From: other@x.example\nSubject: about [" + ks[0].Ticket() + "]\nMessage-ID: <1@x.example>\n\nWe see it too.\n")
		es, err := w.Timeline(ctx, ks[2].ID, 0, 10)
		w.ok(err)
		if !slices.ContainsFunc(es, func(e incident.Entry) bool { return e.Kind == kindMail && e.Text == "We see it too." }) {
			t.Errorf("the timeline is %+v", es)
		}
		join(2, 3) // before its files are kept
		for range 2 {
			w.work()
			w.ok(w.keepMail(ctx, job.Job{Payload: fmt.Sprintf(`{"message":1,"case":%d,"owner":-1}`, ks[0].ID)})) // and again
		}
		fs, err := w.FilesOf(ctx, ks[3].ID, 0)
		w.ok(err)
		if len(fs) != 1 || fs[0].Name != "message-1.eml" || fs[0].Case != ks[3].ID {
			t.Errorf("files of the case: %+v", fs)
		}
	})
}

// What comes at once is written down together; one that cannot be keeps nobody else from it, and what came before is known again.
func TestManyMailsAtOnceAreEachOneReport(t *testing.T) {
	const mails = 120
	eachTown(t, func(t *testing.T, w *town) {
		p := w.post()
		own, err := w.FileFor(context.Background(), of(identity.Manager, 1, w.ids["hospital"]), Filed{Constituent: w.ids["hospital"], Filing: w.filing()})
		w.ok(err)
		mail := func(i int) string {
			return fmt.Sprintf("From: a%d@x.example\nTo: reports@cert.example\nSubject: mail %d\nMessage-ID: <m%d@x.example>\n\nHelp.\n", i, i, i)
		}
		var raws []string
		for i := range mails {
			switch raws = append(raws, mail(i)); i % 10 {
			case 3: // another copy
				raws = append(raws, mail(i))
			case 7:
				raws = append(raws, fmt.Sprintf("From: night@hospital.example\nSubject: Re: [%s]\nMessage-ID: <r%d@x.example>\n\nanswer %d\n", own.Ticket(), i, i))
			}
		}
		p.Receive(raws...)
		p.Receive(mail(5), mail(mails-1)) // delivered again by another server
		seen := map[string]int{}
		for _, r := range w.reports() {
			seen[r.Title]++
		}
		for i := range mails {
			if n := seen[fmt.Sprint("mail ", i)]; n != 1 {
				t.Errorf("mail %d is %d reports", i, n)
			}
		}
		if len(seen) != mails+1 {
			t.Errorf("%d different reports", len(seen))
		}
		as, err := w.Additions(context.Background(), own.ID)
		w.ok(err)
		if len(as) != mails/10 {
			t.Errorf("%d answers were added", len(as))
		}
	})
}

// withFiles is a mail with so many different files.
func withFiles(head string, n int) string {
	var parts strings.Builder
	for i := range n {
		fmt.Fprintf(&parts, "--x\nContent-Disposition: attachment; filename=\"%d.txt\"\n\n%s %d\n", i, head, i)
	}
	return head + "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n" + parts.String() + "--x--\n"
}

func TestStrangersMailTakesNoRoomFromTheStaff(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		p := w.post()
		kase, err := w.Open(ctx, officer, incident.Opening{Title: "A case"})
		w.ok(err)
		of := func(sender string) (n int) {
			fs, err := w.FilesOf(ctx, kase.ID, 0)
			w.ok(err)
			for _, f := range fs {
				if f.Sender == sender {
					n++
				}
			}
			return n
		}
		left := func() (out []string) {
			es, err := w.Timeline(ctx, kase.ID, 0, 500)
			w.ok(err)
			for _, e := range es {
				if strings.Contains(e.Detail, `"left":`) {
					out = append(out, e.Detail)
				}
			}
			return out
		}
		p.Receive(withFiles("From: Evil@x.example\nSubject: ["+kase.Ticket()+"] one\nMessage-ID: <1@x.example>\n", 30),
			withFiles("From: evil@x.example\nSubject: ["+kase.Ticket()+"] two\nMessage-ID: <2@x.example>\n", 30))
		w.work()
		if n := of("evil@x.example"); n != 50 {
			t.Errorf("%d files of one stranger are kept", n)
		}
		if said := left(); len(said) != 1 || !strings.Contains(said[0], `"left":12,"message":2`) { // of 62
			t.Errorf("what stayed in its message: %q", said)
		}
		for i := range 4 {
			p.Receive(withFiles(fmt.Sprintf("From: evil%d@x.example\nSubject: [%s] %d\nMessage-ID: <m%d@x.example>\n", i, kase.Ticket(), i, i), 60))
		}
		w.work()
		if fs, err := w.FilesOf(ctx, kase.ID, 0); err != nil || len(fs) != 200 || len(left()) != 5 {
			t.Errorf("%d files of strangers are kept, %q: %v", len(fs), left(), err)
		}
		p.Receive("From: evil@x.example\nSubject: [" + kase.Ticket() + "] last\nMessage-ID: <last@x.example>\n\nNothing to attach.\n")
		w.work()
		if said := left(); len(said) != 6 {
			t.Errorf("the original of a message is no file of the case, and nobody says so: %q", said)
		}
		w.fill(kase.ID, 999)
		_, err = w.Keep(ctx, officer, incident.File{Case: kase.ID, Name: "disk.img"}, strings.NewReader("x"))
		w.ok(err)
		_, err = w.Keep(ctx, officer, incident.File{Case: kase.ID, Name: "disk.img"}, strings.NewReader("x"))
		w.refused(err, fault.Conflict, "1000 files already")
		if fs, err := w.FilesOf(ctx, kase.ID, 0); err != nil || len(fs) != 1200 || fs[1199].Name != "disk.img" {
			t.Errorf("%d files are listed, %v", len(fs), err)
		}
	})
}

// A report can be added to by mail with its ticket, and its reporter by their page.
func TestStrangersMailTakesNoRoomFromTheReporter(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		p := w.post()
		secret, r := w.handedIn(w.filing())
		w.ok(w.Confirm(ctx, secret, w.code(&r)))
		p.Receive(withFiles("From: evil@x.example\nSubject: ["+r.Ticket()+"] one\nMessage-ID: <1@x.example>\n", 60),
			withFiles("From: "+r.Mail+"\nSubject: ["+r.Ticket()+"] forged\nMessage-ID: <2@x.example>\n", 60))
		w.work()
		if fs, err := w.FilesOf(ctx, 0, r.ID); err != nil || len(fs) != 100 {
			t.Errorf("%d files, %v", len(fs), err)
		}
		for range maxFiles {
			w.ok(w.KeepByLink(ctx, secret, "a", "", strings.NewReader("x")))
		}
		p.Receive(withFiles(vouched+"From: "+r.Mail+"\nSubject: ["+r.Ticket()+"] own\nMessage-ID: <3@x.example>\n", 60))
		w.work()
		if fs, err := w.FilesOf(ctx, 0, r.ID); err != nil || len(fs) != 100+maxFiles+61 {
			t.Errorf("%d files, %v: our server vouches for the reporter's", len(fs), err)
		}
	})
}

// fill makes rows of files of a case, as if the staff had kept them.
func (w *town) fill(caseID int64, n int) {
	w.t.Helper()
	w.ok(w.DB.Upkeep(context.Background(), func(tx *db.Tx) error {
		for i := range n {
			if _, err := tx.Exec(`INSERT INTO incident_file (case_id, report, addition, name, type, bytes, sha256, path, at, actor, by_name, note)
				VALUES ($1, 0, 0, 'a', 'text/plain', 1, $2, $2, 1, 'test', 'Officer', '')`, caseID, fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestHostileMailBecomesAReportInItsBounds(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		p := w.post()
		var parts strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&parts, "--x\nContent-Disposition: attachment; filename=\"../../%d\"\n\nA%d\n", i, i)
		}
		nested := ""
		for i := range 200 {
			nested += fmt.Sprintf("--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
		}
		to := "To: reports@cert.example\n"
		p.Receive("From: a@x.example\n"+to+"Subject: parts\nMessage-ID: <h1@x.example>\nContent-Type: multipart/mixed; boundary=x\n\n"+parts.String()+"--x--\n",
			"From: a@x.example\n"+to+"Subject: bomb\nMessage-ID: <h2@x.example>\nContent-Type: multipart/mixed; boundary=b0\n\n"+nested,
			"From: a@x.example\n"+to+"Subject: long\nMessage-ID: <h3@x.example>\n\n"+strings.Repeat("x", 10<<20)+"\n",
			"From: a@x.example\n"+to+"Subject: "+strings.Repeat("š", 600)+"\nMessage-ID: <h4@x.example>\n\n\n",
			"From: \"<b>\x01\" <\"odd address\"@x.example>\n"+to+"Date: Mon, 1 Jan 2099 00:00:00 +0000\nMessage-ID: <h5@x.example>\n\n\x00<img src=x onerror=alert(1)>\n")
		rs := w.reports()
		if len(rs) != 5 {
			t.Fatalf("%d reports", len(rs))
		}
		for _, r := range rs {
			if len(r.Text) > 200_000 || len(r.Title) > 200 || r.Aware > w.clock.Now().UnixMicro() {
				t.Errorf("%s is out of bounds", r.Number)
			}
		}
		w.work()
		for _, r := range rs {
			fs, err := w.FilesOf(context.Background(), 0, r.ID)
			w.ok(err)
			if len(fs) == 0 || fs[0].Type != "message/rfc822" {
				t.Errorf("%s: the message is not kept: %d files", r.Number, len(fs))
			}
			for _, f := range fs {
				if strings.ContainsAny(f.Name, `/\`) {
					t.Errorf("a file is called %q", f.Name)
				}
			}
		}
	})
}

func FuzzMailBecomesAFiling(f *testing.F) {
	f.Add("subject", "text\x00", "name\r\nx", "a@b.example", int64(-1))
	f.Add("", "", "", "", int64(1)<<62)
	f.Add(" ", "\x13", "0", "0", int64(-46))
	f.Fuzz(func(t *testing.T, subject, text, name, from string, sent int64) {
		c := &Counter{Desk: &incident.Desk{Config: incident.Config{Clock: clock.NewManual(monday)}}}
		got := c.filingOf(&mailbox.Message{Subject: subject, Text: text, FromName: name, From: from, Sent: sent})
		if titled(&got); got.Title == "" || got.Text == "" || len(got.Title) > 200 || len(got.Text) > 200_000 || len(got.Name) > 200 || got.Aware > monday.UnixMicro() || got.Aware <= 0 {
			t.Errorf("%+v", got)
		}
	})
}

// BenchmarkMailIntake is what a mail of 4 KB costs from the IMAP server to the report that waits on the board.
func BenchmarkMailIntake(b *testing.B) {
	w := newTown(b, dbtest.Open(b, b.TempDir()+"/tocsin.db", "live", audit.Recorder(clock.Real())))
	p := w.post()
	raws := make([]string, b.N)
	for i := range raws {
		raws[i] = fmt.Sprintf("From: a%d@x.example\nTo: reports@cert.example\nSubject: Incident %d\nMessage-ID: <r%d@x.example>\n\n%04000d\n", i, i, i, i)
	}
	b.ResetTimer()
	for at := 0; at < len(raws); at += 500 {
		p.Receive(raws[at:min(at+500, len(raws))]...)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	if n := len(w.reports()); n != b.N {
		b.Fatalf("%d mails became %d reports", b.N, n)
	}
}

// keyed gives the town a mailbox that judges signatures, and a contact of a constituent a key for addresses: OpenPGP for one, S/MIME for any.
func (w *town) keyed(p *mailboxtest.Post, kind protect.Type, ref string, addresses ...string) *protect.Signer {
	w.t.Helper()
	ctx := context.Background()
	p.Box.Open = signing.New(signing.Config{DB: w.DB, Clock: w.clock, Seal: w.Seal}).Open
	var text string
	if kind == protect.SMIME {
		certificate, key := protecttest.Certificate(w.clock.Now().AddDate(1, 0, 0), addresses...)
		text = key + certificate
	} else {
		var err error
		text, err = protect.GenerateOpenPGP("SOC", addresses[0], w.clock.Now().Add(-time.Hour), 90*24*time.Hour)
		w.ok(err)
	}
	s, err := protect.ParseSigner(text)
	w.ok(err)
	public, err := s.Certificate()
	w.ok(err)
	cs, err := w.Constituency.Contacts(ctx, w.ids[ref])
	w.ok(err)
	w.ok(w.Constituency.SetKeys(ctx, officer, cs[0].ID, []constituency.Key{{Key: public}}, false))
	return s
}

func TestMailSignedByAContactIsItsConstituentsReport(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		p := w.post()
		n := 0
		send := func(by *protect.Signer, change string) incident.Report {
			n++
			raw := fmt.Sprintf("From: SOC <soc@hospital.example>\r\nTo: reports@cert.example\r\nSubject: signed %d\r\nMessage-ID: <s%d@hospital.example>\r\n"+
				"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nAll shares end in .locked.\r\n", n, n)
			signed, err := by.Sign([]byte(raw), w.clock.Now())
			w.ok(err)
			p.Receive(strings.ReplaceAll(strings.ReplaceAll(string(signed), "\r\n", "\n"), ".locked", change))
			return w.last()
		}
		for _, kind := range []protect.Type{protect.OpenPGP, protect.SMIME} {
			own := w.keyed(p, kind, "hospital", "soc@hospital.example")
			if r := send(own, ".locked"); r.Constituent != w.ids["hospital"] || r.Mail != "soc@hospital.example" {
				t.Errorf("%s: signed by the hospital's contact: %+v", kind, r)
			}
			if r := send(own, ".broken"); r.Constituent != 0 {
				t.Errorf("%s: changed on its way, and of constituent %d", kind, r.Constituent)
			}
		}
		if r := send(w.keyed(p, protect.SMIME, "bank", "it@bank.example", "soc@hospital.example"), ".locked"); r.Constituent != 0 {
			t.Errorf("the bank's contact has a certificate in the hospital's name too, and is taken for constituent %d", r.Constituent)
		}
	})
}

func TestSignedMailThatCameBeforeProvesNothingAgain(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		p := w.post()
		for i, kind := range []protect.Type{protect.OpenPGP, protect.SMIME} {
			raw := fmt.Sprintf("From: SOC <soc@hospital.example>\r\nTo: reports@cert.example\r\nSubject: first\r\nDate: Mon, 02 Feb 2026 10:00:00 +0000\r\nMessage-ID: <first%d@hospital.example>\r\n"+
				"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nAll shares end in .locked.\r\n", i)
			by := w.keyed(p, kind, "hospital", "soc@hospital.example")
			made, err := by.Sign([]byte(raw), w.clock.Now())
			w.ok(err)
			signed := strings.ReplaceAll(string(made), "\r\n", "\n")
			p.Receive(signed)
			first := w.last()
			if received, err := w.Box.ByID(context.Background(), int64(3*i+1)); err != nil || first.Constituent != w.ids["hospital"] || first.Aware != first.Reported ||
				first.Aware == received.Sent || first.Aware != w.arrived(&received) {
				t.Errorf("%s: %+v of %+v, %v", kind, first, received, err)
			}
			anew := func(id, day string) string { // the subject stands in what is signed, too
				outer := strings.Replace(strings.Replace(signed, "<first", "<"+id, 1), "02 Feb", day, 1)
				return strings.Replace(outer, "Subject: first", "Subject: "+id, 1)
			}
			state := func(id int) protect.SignatureState {
				m, err := w.Box.ByID(context.Background(), int64(id))
				w.ok(err)
				return m.Protection.Signature
			}
			p.Receive(anew("again", "09 Feb"))
			again := w.last()
			if again.ID == first.ID || again.Constituent != 0 || state(3*i+2) != protect.Verified {
				t.Errorf("%s: sent again it is %+v", kind, again)
			}
			p.Receive(vouched + anew("vouched", "10 Feb"))
			if r := w.last(); r.ID == again.ID || r.Constituent != w.ids["hospital"] || state(3*i+3) != protect.Verified {
				t.Errorf("%s: our server vouches for it, and it is %+v", kind, r)
			}
		}
	})
}
