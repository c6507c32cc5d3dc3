package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/eml"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
	"tocsin/internal/platform/job"
	platformmail "tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/platform/spool"
)

var (
	begin   = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	officer = act.Actor{Kind: act.Person, ID: "1", Name: "Officer"}
)

// bench is a mailbox between a real IMAP server and an outbox with a real mail server.
type bench struct {
	*testing.T
	db     *db.DB
	clock  *clock.Manual
	imap   *imaptest.Server
	smtp   *mailtest.Server
	outbox *notify.Outbox
	places *constituency.Store
	dir    string
	box    *mailbox.Box
	took   map[string]string // what the intake was given, by name
	mu     sync.Mutex
}

func onEach(t *testing.T, fn func(b *bench)) {
	dbtest.Each(t, audit.Recorder(clock.NewManual(begin)), func(t *testing.T, d *db.DB) {
		b := &bench{T: t, db: d, clock: clock.NewManual(begin), imap: imaptest.Start(t, imap.None), smtp: mailtest.New(t), dir: t.TempDir(), took: map[string]string{}}
		b.places = constituency.NewStore(d, b.clock)
		n := egress.Open(egress.Policy{})
		sender, err := platformmail.New(b.smtp.Config(), n, b.clock)
		b.must(err)
		seal, err := identity.NewSeal(make([]byte, 32))
		b.must(err)
		gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: b.clock, Constituency: b.places, Nation: nation.NewStore(d)})
		b.outbox, err = notify.New(notify.Config{DB: d, Clock: b.clock, Real: clock.Real(), Gate: gate, Sender: sender, Seal: seal, Tick: time.Millisecond, PerMinute: 6000, Burst: 1000})
		b.must(err)
		b.must(b.outbox.Start(t.Context(), officer, "test"))
		b.box = b.open(func(*mailbox.Config) {})
		fn(b)
	})
}

// open returns another mailbox over the same records and files.
func (b *bench) open(change func(*mailbox.Config)) *mailbox.Box {
	b.Helper()
	source, err := imap.New(b.imap.Config, egress.Open(egress.Policy{}))
	b.must(err)
	c := mailbox.Config{DB: b.db, Clock: b.clock, Real: b.clock, Outbox: b.outbox, Constituency: b.places, Source: source,
		Log:   slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Files: file.Dir{FS: file.OS{}, Root: b.dir + "/mail"}, Spool: spool.Dir(b.dir + "/tmp"), Reports: mailbox.Reports{Named: named, Take: b.take}}
	change(&c)
	return mailbox.New(c)
}

func named(_ context.Context, name string) (string, error) {
	if strings.HasSuffix(name, "-scan_dns-ruritania.csv") {
		return "shadowserver", nil
	}
	return "", nil
}

func (b *bench) take(_ context.Context, feed, name string, size int64, open func() (io.ReadCloser, error)) (string, bool, error) {
	r, err := open()
	if err != nil {
		return "", false, err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if int64(len(content)) != size {
		b.Errorf("%s: %d bytes, said %d", name, len(content), size)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took[feed+"/"+name] += string(content)
	return "1 row", true, err
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// send has the outbox hand letters over and returns the last one.
func (b *bench) send(ls ...notify.Letter) notify.Letter {
	b.Helper()
	ids := make([]int64, len(ls))
	b.must(b.db.Act(b.Context(), act.Act{Actor: officer, Verb: "test.send", Object: "test:1"}, func(tx *db.Tx) (err error) {
		for i, l := range ls {
			if ids[i], err = b.outbox.Enqueue(tx, l); err != nil {
				return err
			}
		}
		return nil
	}))
	b.deliver(ids...)
	return b.letter(ids[len(ids)-1])
}

// deliver lets the outbox work until it has handed the letters over.
func (b *bench) deliver(ids ...int64) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.outbox.Work(ctx) })
	defer wg.Wait()
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for _, id := range ids {
		for l := b.letter(id); l.State != notify.Handed; l = b.letter(id) {
			select {
			case <-tick.C:
			case <-end:
				b.Fatalf("letter %d is %s %s %s", id, l.State, l.Hold, l.Reason)
			}
		}
	}
}

func (b *bench) letter(id int64) notify.Letter {
	b.Helper()
	l, err := b.outbox.ByID(b.Context(), id)
	b.must(err)
	return l
}

func digest(n int) notify.Letter {
	return notify.Letter{Key: fmt.Sprintf("digest:%d", n), Kind: "digest", Constituent: int64(n), To: fmt.Sprintf("abuse@isp%d.example", n), Asked: true,
		Ticket: fmt.Sprintf("CERT-%d", n), Content: &notify.Content{Subject: fmt.Sprintf("What we saw [CERT-%d]", n), Text: "Open services.\n", Marking: disclosure.Marking{Label: tlp.Green}}}
}

// read reads the mailbox and returns all messages, the first one first.
func (b *bench) read(box *mailbox.Box) []mailbox.Message {
	b.Helper()
	_, err := box.Read(b.Context())
	b.must(err)
	return b.all()
}

func (b *bench) all() []mailbox.Message {
	b.Helper()
	ms, _, err := b.box.List(b.Context(), mailbox.Filter{}, 1000)
	b.must(err)
	slices.Reverse(ms)
	return ms
}

func (b *bench) put(raw string) { b.imap.Put(b.T, "INBOX", strings.ReplaceAll(raw, "\n", "\r\n")) }

func reply(from, id, to, body string) string {
	return "Return-Path: <" + from + ">\nFrom: Ana <" + from + ">\nTo: cert@cert.example\nSubject: Re: What we saw\nDate: Wed, 25 Nov 2026 09:59:00 +0000\nMessage-ID: <" + id + ">\nIn-Reply-To: " + to +
		"\nReferences: " + to + "\n\n" + body + "\n\nOn Wed, CERT wrote:\n> Open services.\n"
}

func TestAReplyStandsInItsConversationAndIsAnsweredThere(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		b.clock.Move(time.Minute)
		raw := reply("ABUSE@isp1.example", "r1@isp1.example", l.MessageID, "Closed. č")
		b.put(raw)
		ms := b.read(b.box)
		if len(ms) != 1 || ms[0].Kind != mailbox.Letter || ms[0].Ticket != "CERT-1" || ms[0].Letter != l.ID || !ms[0].Verified || ms[0].State != mailbox.Open || ms[0].Threaded != mailbox.ByReference {
			t.Fatalf("%+v", ms)
		}
		if got := b.letter(l.ID).State; got != notify.Answered {
			t.Errorf("the letter is %s", got)
		}
		var original bytes.Buffer
		b.must(b.box.Original(t.Context(), ms[0].ID, &original))
		if original.String() != strings.ReplaceAll(raw, "\n", "\r\n") {
			t.Errorf("kept %q", original.String())
		}
		b.must(b.box.Verify(t.Context(), ms[0].ID))
		if _, unseen := b.imap.Count(t, "INBOX"); unseen != 0 {
			t.Error("it is not marked as taken")
		}
		b.clock.Move(time.Minute)
		answer := mailbox.Answer{Text: "Thank you.", Label: tlp.Amber, Quote: true}
		id, err := b.box.Answer(t.Context(), officer, ms[0].ID, answer)
		b.must(err)
		if again, err := b.box.Answer(t.Context(), officer, ms[0].ID, answer); err != nil || again != id {
			t.Errorf("the same answer is letter %d, then %d %v", id, again, err)
		}
		b.deliver(id)
		got := b.smtp.Got()
		sent, err := mail.ReadMessage(strings.NewReader(got[len(got)-1].Raw))
		b.must(err)
		body, _ := io.ReadAll(sent.Body)
		if h := sent.Header; h.Get("In-Reply-To") != "<r1@isp1.example>" || h.Get("References") != l.MessageID+" <r1@isp1.example>" || h.Get("Subject") != "Re: What we saw [CERT-1]" || got[len(got)-1].To != "ABUSE@isp1.example" {
			t.Errorf("%+v", h)
		}
		if !strings.Contains(string(body), "Thank you.") || !strings.Contains(string(body), "\n> Closed.") || strings.Contains(string(body), "Open services") {
			t.Errorf("%s", body)
		}
		c, err := b.box.Conversation(t.Context(), "CERT-1")
		b.must(err)
		if len(c.Entries) != 3 || c.Entries[0].Letter == nil || c.Entries[1].Message == nil || c.Entries[2].Letter == nil || c.Entries[2].Text == "" || c.Entries[1].Message.State != mailbox.Done || c.Entries[1].Message.Answer != id {
			t.Errorf("%+v", c)
		}
		// Our own answer comes back by some forwarding: it changes nothing, and nobody answers it.
		b.imap.Put(t, "INBOX", got[len(got)-1].Raw)
		ms = b.read(b.box)
		if own := ms[len(ms)-1]; own.Kind != mailbox.Own || own.State != mailbox.Done {
			t.Errorf("%+v", own)
		}
		if _, err := b.box.Answer(t.Context(), officer, ms[len(ms)-1].ID, answer); fault.KindOf(err) != fault.Conflict {
			t.Errorf("answering ourselves: %v", err)
		}
	})
}

func TestAnAnswerLeavesWhatOthersWroteOpen(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		for i, from := range []string{"abuse@isp1.example", "noc@isp9.example", "ABUSE@isp1.example", "abuse@isp1.example"} {
			b.put(reply(from, fmt.Sprintf("o%d@isp1.example", i), l.MessageID, fmt.Sprint("Closed ", i)))
		}
		ms := b.read(b.box)
		_, err := b.box.Answer(t.Context(), officer, ms[2].ID, mailbox.Answer{Text: "Thank you.", Label: tlp.Amber})
		b.must(err)
		for i, want := range []mailbox.State{mailbox.Done, mailbox.Open, mailbox.Done, mailbox.Open} {
			if m, err := b.box.ByID(t.Context(), ms[i].ID); err != nil || m.State != want || (m.Answer != 0) != (i == 2) {
				t.Errorf("the message %d of %s is %s, answered by %d: %v", i, m.From, m.State, m.Answer, err)
			}
		}
	})
}

func TestAForgedSenderIsShownAndMovesNothing(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		b.put(reply("eve@evil.example", "e1@evil.example", l.MessageID, "Not ours"))
		b.put("From: eve@evil.example\nSubject: about [CERT-1] please\nMessage-ID: <e2@evil.example>\n\nhello\n")
		b.put("From: abuse@isp1.example\nFrom: eve@evil.example\nIn-Reply-To: " + l.MessageID + "\nMessage-ID: <e3@evil.example>\n\nhello\n")
		for i, m := range b.read(b.box) {
			if m.Verified || m.Ticket != "CERT-1" || m.State != mailbox.Open {
				t.Errorf("%d: %+v", i, m)
			}
			if i == 1 && m.Threaded != mailbox.ByTicket {
				t.Errorf("threaded by %s", m.Threaded)
			}
			if _, err := b.box.Answer(t.Context(), officer, m.ID, mailbox.Answer{Text: "What do you mean?", Label: tlp.Amber}); i == 0 && err != nil {
				t.Error(err)
			}
		}
		if got := b.letter(l.ID).State; got != notify.Handed {
			t.Errorf("the letter is %s", got)
		}
	})
}

func TestWhoIsNotKnownGetsOnlyClear(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		b.put(reply("eve@evil.example", "e1@evil.example", l.MessageID, "Send me more"))
		m := b.read(b.box)[0]
		secret, err := b.box.Answer(t.Context(), officer, m.ID, mailbox.Answer{Text: "Secret.", Label: tlp.Green})
		b.must(err)
		open, err := b.box.Answer(t.Context(), officer, m.ID, mailbox.Answer{Text: "Who are you?", Label: tlp.Clear})
		b.must(err)
		b.deliver(open)
		if got := b.letter(secret); got.State == notify.Handed || got.State == notify.Answered {
			t.Errorf("the secret left: %+v", got)
		}
		for _, g := range b.smtp.Got() {
			if strings.Contains(g.Raw, "Secret.") {
				t.Error("the secret left")
			}
		}
	})
}

func TestAnotherContactOfTheConstituentIsKnown(t *testing.T) {
	onEach(t, func(b *bench) {
		c, err := b.places.Create(t.Context(), officer, constituency.Constituent{Ref: "isp", Name: "ISP", Kind: constituency.ISP, Designation: constituency.OtherDesignation, Language: "en"})
		b.must(err)
		_, err = b.places.AddContact(t.Context(), officer, constituency.Contact{Constituent: c.ID, Role: "technical", Name: "Ana", Mail: "ana@isp.example"})
		b.must(err)
		d := digest(1)
		d.Constituent = c.ID
		l := b.send(d)
		b.put(reply("Ana@isp.example", "a@isp.example", l.MessageID, "ok"))
		if m := b.read(b.box)[0]; !m.Verified || m.Constituent != c.ID {
			t.Errorf("%+v", m)
		}
	})
}

func bounce(of, address string) string {
	return "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nAuto-Submitted: auto-replied\nMessage-ID: <b-" + address + of[1:10] + "@mx.example>\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nsorry\n" +
		"--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; " + address + "\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 unknown\n\n" +
		"--r\nContent-Type: text/rfc822-headers\n\nMessage-ID: " + of + "\nTo: " + address + "\n\n--r--\n"
}

func TestOnlyABounceThatNamesOurLetterAndItsAddressIsBelieved(t *testing.T) {
	onEach(t, func(b *bench) {
		l, other := b.send(digest(1)), b.send(digest(2))
		b.put(bounce(l.MessageID, "abuse@isp2.example"))                                                                  // our letter, another address
		b.put(bounce("<nothing-of-ours@cert.example>", "abuse@isp1.example"))                                             // not our letter
		b.put("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nIn-Reply-To: " + l.MessageID + "\n\nit did not arrive\n") // no report at all
		ms := b.read(b.box)
		for i, m := range ms {
			if m.Verified || i < 2 && (m.State != mailbox.Waiting || m.Kind != mailbox.Bounce) {
				t.Errorf("%d: %+v", i, m)
			}
		}
		if a, o := b.letter(l.ID).State, b.letter(other.ID).State; a != notify.Handed || o != notify.Handed {
			t.Errorf("%s %s", a, o)
		}
		b.put(bounce(l.MessageID, "Abuse@isp1.example"))
		ms = b.read(b.box)
		if m := ms[len(ms)-1]; !m.Verified || m.State != mailbox.Done || m.Letter != l.ID || m.Threaded != mailbox.ByReport {
			t.Errorf("%+v", m)
		}
		if got := b.letter(l.ID); got.State != notify.Bounced || !strings.Contains(got.Reason, "550 unknown") {
			t.Errorf("%+v", got)
		}
		h, err := b.outbox.HealthOf(t.Context(), "abuse@isp1.example")
		if err != nil || h.Failures != 1 {
			t.Errorf("%+v %v", h, err)
		}
	})
}

func TestMachinesAreShownAndNeverAnswered(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		before := len(b.smtp.Got())
		for i, field := range []string{"Auto-Submitted: auto-replied", "Precedence: auto_reply", "X-Autoreply: yes", "Return-Path: <>"} {
			b.put(field + "\n" + strings.Replace(reply("abuse@isp1.example", fmt.Sprintf("v%d@isp1.example", i), l.MessageID, "I am away until Monday"), "Return-Path: <abuse@isp1.example>\n", "", 1))
		}
		ms := b.read(b.box)
		if len(ms) != 4 {
			t.Fatalf("%d messages", len(ms))
		}
		for _, m := range ms {
			if m.Kind != mailbox.Automatic || m.State != mailbox.Done || m.AutomaticBy == "" {
				t.Errorf("%+v", m)
			}
			if _, err := b.box.Answer(t.Context(), officer, m.ID, mailbox.Answer{Text: "ok", Label: tlp.Clear}); fault.KindOf(err) != fault.Conflict {
				t.Errorf("answered: %v", err)
			}
		}
		if got := b.letter(l.ID).State; got != notify.Handed || len(b.smtp.Got()) != before {
			t.Errorf("the letter is %s, %d messages left", got, len(b.smtp.Got())-before)
		}
	})
}

func TestALetterOf30MegabytesIsKeptCutAndMarked(t *testing.T) {
	onEach(t, func(b *bench) {
		b.put("From: a@isp.example\nSubject: big\nMessage-ID: <big@isp.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Disposition: attachment; filename=x.bin\n\n" +
			strings.Repeat(strings.Repeat("x", 1022)+"\n", 30<<10) + "--b--\n")
		b.put("From: b@isp.example\nSubject: after it\n\nhello\n")
		ms := b.read(b.box)
		if len(ms) != 2 || !ms[0].Cut() || ms[0].Stored != 25<<20 || ms[0].Size < 30<<20 || !slices.Contains(ms[0].Flaws, eml.Cut) || ms[0].Text != "hello" || ms[1].Subject != "after it" {
			t.Fatalf("%+v", ms)
		}
		if err := b.box.TakeReport(t.Context(), officer, ms[0].ID, 1, "shadowserver"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a cut report is taken in: %v", err)
		}
	})
}

func TestWhatIsNoMessageStopsNothing(t *testing.T) {
	onEach(t, func(b *bench) {
		for _, raw := range []string{"", "\n", "garbage", "From: a@b.example\x00\n\n\x00\xff", "Content-Type: multipart/mixed\n\n--\n", "From: a@isp.example\nSubject: =?utf-8?q?a=0D=0ABcc:_e@evil.example?=\n\nlast\n"} {
			b.put(raw)
		}
		ms := b.read(b.box)
		if last := ms[len(ms)-1]; len(ms) < 4 || last.From != "a@isp.example" || last.Text != "last" {
			t.Errorf("%d: %+v", len(ms), ms)
		}
	})
}

func TestEveryMessageIsTakenOnceWhereverTheReadingBreaksOff(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		for i := range 3 {
			b.put(reply("abuse@isp1.example", fmt.Sprintf("r%d@isp1.example", i), l.MessageID, strings.Repeat(fmt.Sprintf("answer %d\n", i), 200)))
		}
		for after := int64(1); after < 12_000; after += 997 { // the connection breaks off
			b.imap.Break(after)
			if _, err := b.box.Read(t.Context()); err != nil {
				t.Fatalf("after %d bytes: %v", after, err)
			}
		}
		b.imap.Break(0)
		for i := 3; i < 12; i++ { // the process ends
			b.put(reply("abuse@isp1.example", fmt.Sprintf("r%d@isp1.example", i), l.MessageID, fmt.Sprintf("answer %d", i)))
			at := []string{"read", "kept", "recorded"}[i%3]
			dying := b.open(func(c *mailbox.Config) {
				c.Step = func(name string) {
					if name == at {
						panic("killed")
					}
				}
			})
			func() {
				defer func() { recover() }()
				dying.Read(t.Context())
				t.Errorf("it went on after %s", at)
			}()
		}
		ms := b.read(b.box)
		seen := map[string]int{}
		for _, m := range ms {
			seen[m.MessageID]++
			b.must(b.box.Verify(t.Context(), m.ID))
		}
		for i := range 12 {
			if n := seen[fmt.Sprintf("r%d@isp1.example", i)]; n != 1 {
				t.Errorf("message %d was taken %d times", i, n)
			}
		}
		b.clock.Move(time.Hour)
		b.read(b.box)
		kept := 0
		b.must(filepath.WalkDir(b.dir+"/mail", func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				kept++
			}
			return err
		}))
		if kept != 12 {
			t.Errorf("%d originals are kept", kept)
		}
		if all, _ := b.imap.Count(t, "INBOX"); all != 12 {
			t.Errorf("%d messages are left in the mailbox", all)
		}
	})
}

func TestACopyOfAMessageIsTakenOnce(t *testing.T) {
	onEach(t, func(b *bench) {
		raw := "From: a@isp.example\nMessage-ID: <m@isp.example>\n\nhello\n"
		b.put(raw)
		b.put("Received: from elsewhere\n" + raw)
		b.put(strings.Replace(raw, "hello", "something else", 1)) // the same Message-ID proves nothing
		if ms := b.read(b.box); len(ms) != 2 {
			t.Errorf("%d messages", len(ms))
		}
		b.imap.Anew(t, "INBOX") // all UIDs count anew
		b.put(raw)
		b.put("From: b@isp.example\n\nnew\n")
		if ms := b.read(b.box); len(ms) != 3 || ms[2].Text != "new" {
			t.Errorf("%+v", ms)
		}
		if n, err := b.box.Read(t.Context()); n != 0 || err != nil {
			t.Errorf("again %d %v", n, err)
		}
	})
}

func TestTwoReadersTakeEveryMessageOnce(t *testing.T) {
	onEach(t, func(b *bench) {
		for i := range 20 {
			b.put(fmt.Sprintf("From: a@isp.example\nMessage-ID: <m%d@isp.example>\n\nhello %d\n", i, i))
		}
		var wg sync.WaitGroup
		for range 3 {
			box := b.open(func(*mailbox.Config) {})
			wg.Go(func() {
				if _, err := box.Read(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if ms := b.read(b.box); len(ms) != 20 {
			t.Errorf("%d messages", len(ms))
		}
	})
}

func TestTroubleIsRememberedUntilItIsOver(t *testing.T) {
	onEach(t, func(b *bench) {
		b.imap.Break(1)
		for range 2 {
			if n, err := b.box.Read(t.Context()); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			b.clock.Move(time.Hour)
		}
		ss, err := b.box.Status(t.Context())
		if err != nil || len(ss) != 1 || ss[0].Trouble == "" || ss[0].Since != begin.UnixMicro() || ss[0].Looked != begin.Add(time.Hour).UnixMicro() {
			t.Errorf("%+v %v", ss, err)
		}
		b.imap.Break(0)
		b.put("From: a@isp.example\n\nhello\n")
		b.read(b.box)
		if ss, _ = b.box.Status(t.Context()); ss[0].Trouble != "" || ss[0].Since != 0 || ss[0].Taken != 1 {
			t.Errorf("%+v", ss)
		}
	})
}

func TestTheInboxIsEmptiedByPeople(t *testing.T) {
	onEach(t, func(b *bench) {
		b.send(digest(1))
		for i := range 3 {
			b.put(fmt.Sprintf("From: ana@isp.example\nSubject: Question %d\nMessage-ID: <q%d@isp.example>\n\nhello %d\n", i, i, i))
		}
		ms := b.read(b.box)
		ctx := t.Context()
		if err := b.box.Assign(ctx, officer, ms[0].ID, "CERT-99"); fault.KindOf(err) != fault.Invalid {
			t.Errorf("unknown ticket: %v", err)
		}
		b.must(b.box.Assign(ctx, officer, ms[0].ID, "[CERT-1]"))
		if err := b.box.Assign(ctx, officer, ms[0].ID, "CERT-1"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("twice: %v", err)
		}
		if err := b.box.Dismiss(ctx, officer, ms[1].ID, " "); fault.KindOf(err) != fault.Invalid {
			t.Errorf("without a reason: %v", err)
		}
		b.must(b.box.Dismiss(ctx, officer, ms[1].ID, "advertising"))
		if _, err := b.box.Answer(ctx, officer, ms[2].ID, mailbox.Answer{Text: "Yes", Label: tlp.Clear}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("answered without a conversation: %v", err)
		}
		ticket, err := b.box.Begin(ctx, officer, ms[2].ID)
		b.must(err)
		id, err := b.box.Answer(ctx, officer, ms[2].ID, mailbox.Answer{Text: "Yes", Label: tlp.Clear})
		b.must(err)
		b.deliver(id)
		b.put("From: ana@isp.example\nSubject: AW: Question 2 [" + ticket + "]\nMessage-ID: <q9@isp.example>\n\nthanks\n")
		ms = b.read(b.box)
		if m := ms[3]; m.Ticket != ticket || !m.Verified || m.Letter != id {
			t.Errorf("%+v", m)
		}
		c, err := b.box.Conversation(ctx, ticket)
		if err != nil || len(c.Entries) != 3 || c.Subject != "Question 2" {
			t.Errorf("%+v %v", c, err)
		}
		n, err := b.box.Counts(ctx)
		if err != nil || n != (mailbox.Counts{Open: 2, Done: 1, Dismissed: 1}) {
			t.Errorf("%+v %v", n, err)
		}
		b.must(b.box.Finish(ctx, officer, ms[3].ID))
		if _, err := b.box.Conversation(ctx, "CERT-99"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("unknown: %v", err)
		}
	})
}

func TestAMessagePutIntoItsConversationByHandIsVerifiedThere(t *testing.T) {
	onEach(t, func(b *bench) {
		b.send(digest(1))
		b.put("From: abuse@isp1.example\nSubject: no ticket\n\nhello\n")
		b.put("From: eve@evil.example\nSubject: no ticket\n\nhello\n")
		for i, m := range b.read(b.box) {
			b.must(b.box.Assign(t.Context(), officer, m.ID, "CERT-1"))
			m, err := b.box.ByID(t.Context(), m.ID)
			if err != nil || m.Verified != (i == 0) || m.Constituent != 1 || m.State != mailbox.Open || m.Threaded != mailbox.ByHand {
				t.Errorf("%+v %v", m, err)
			}
		}
	})
}

func TestAnAttachedReportIsTakenInWhenAPersonSaysSo(t *testing.T) {
	onEach(t, func(b *bench) {
		q := job.New(b.db, b.clock, b.clock, slog.New(slog.DiscardHandler))
		b.open(func(c *mailbox.Config) { c.Source = nil }).Register(q)
		b.put("From: reports@feed.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nYour report\n--b\nContent-Type: text/csv; name=\"../../2026-11-24-scan_dns-ruritania.csv\"\nContent-Transfer-Encoding: base64\n\nYSxiCg==\n--b\nContent-Type: text/csv; name=other.csv\n\nx\n--b--\n")
		m := b.read(b.box)[0]
		m, err := b.box.ByID(t.Context(), m.ID)
		b.must(err)
		if len(m.Files) != 2 || m.Files[0].Feed != "shadowserver" || m.Files[0].Name != "2026-11-24-scan_dns-ruritania.csv" || m.Files[1].Feed != "" || m.State != mailbox.Waiting {
			t.Fatalf("%+v", m)
		}
		b.must(q.Drain(t.Context()))
		if len(b.took) > 0 {
			t.Errorf("a stranger's file was taken in: %v", b.took)
		}
		if err := b.box.TakeReport(t.Context(), officer, m.ID, 2, ""); fault.KindOf(err) != fault.Invalid {
			t.Errorf("of nobody: %v", err)
		}
		b.must(b.box.TakeReport(t.Context(), officer, m.ID, 1, ""))
		if err := b.box.TakeReport(t.Context(), officer, m.ID, 1, ""); fault.KindOf(err) != fault.Conflict {
			t.Errorf("twice: %v", err)
		}
		b.must(q.Drain(t.Context()))
		m, err = b.box.ByID(t.Context(), m.ID)
		if err != nil || m.Files[0].State != mailbox.Took || m.Files[0].Outcome != "1 row" || b.took["shadowserver/2026-11-24-scan_dns-ruritania.csv"] != "a,b\n" || len(b.took) != 1 {
			t.Errorf("%+v %v %v", m.Files, b.took, err)
		}
		var content bytes.Buffer
		f, write, err := b.box.Attachment(t.Context(), m.ID, 1)
		b.must(errors.Join(err, write(&content)))
		if content.String() != "a,b\n" || f.Bytes != 4 {
			t.Errorf("%+v %q", f, content.String())
		}
	})
}

func TestWhomOurServerDoesNotVouchForIsNotVerified(t *testing.T) {
	onEach(t, func(b *bench) {
		l := b.send(digest(1))
		box := b.open(func(c *mailbox.Config) { c.Trust.Server = "MX.cert.example" })
		for i, field := range []string{"mx.cert.example; dmarc=pass header.from=isp1.example", "mx.cert.example; dmarc=fail header.from=isp1.example", "mx.evil.example; dmarc=pass header.from=isp1.example", ""} {
			raw := reply("abuse@isp1.example", fmt.Sprintf("r%d@isp1.example", i), l.MessageID, fmt.Sprint(i))
			if field != "" {
				raw = "Authentication-Results: " + field + "\n" + raw
			}
			b.put(raw)
		}
		for i, m := range b.read(box) {
			want := mailbox.Denied
			if i == 0 {
				want = mailbox.Proven
			}
			if m.Verified != (i == 0) || m.Authentic != want {
				t.Errorf("%d: verified %t, authentic %d", i, m.Verified, m.Authentic)
			}
		}
	})
}

func TestReportsOfAProvenReporterAreTakenInAtOnce(t *testing.T) {
	onEach(t, func(b *bench) {
		q := job.New(b.db, b.clock, b.clock, slog.New(slog.DiscardHandler))
		box := b.open(func(c *mailbox.Config) {
			c.Trust = mailbox.Trust{Server: "mx.cert.example", Reporters: []string{"Reports@feed.example"}}
		})
		box.Register(q)
		report := func(day int, by, from string) string {
			return "Authentication-Results: " + by + "; dkim=pass header.d=feed.example\nFrom: " + from + "\nMessage-ID: <" + fmt.Sprint(day) + from + ">\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/csv; name=\"2026-11-0" +
				fmt.Sprint(day) + "-scan_dns-ruritania.csv\"\n\na,b\n--b\nContent-Type: text/csv; name=other.csv\n\nx\n--b--\n"
		}
		b.put(report(1, "mx.cert.example", "reports@feed.example"))
		b.put(report(2, "mx.evil.example", "reports@feed.example"))
		b.put(report(3, "mx.cert.example", "other@feed.example"))
		b.put(report(4, "mx.cert.example", "reports@feed.example, eve@evil.example"))
		ms := b.read(box)
		if ms[0].State != mailbox.Done || ms[1].State != mailbox.Waiting || ms[2].State != mailbox.Waiting || ms[3].State != mailbox.Waiting {
			t.Errorf("%+v", ms)
		}
		b.must(q.Drain(t.Context()))
		if len(b.took) != 1 || b.took["shadowserver/2026-11-01-scan_dns-ruritania.csv"] == "" {
			t.Errorf("%v", b.took)
		}
	})
}
