package filing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/spool"
)

// TestMain is also the process that the crash test kills: it takes in what is in the mailbox.
func TestMain(m *testing.M) {
	if os.Getenv("TOCSIN_CRASH_URL") != "" {
		if err := crashChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// ahead is the machine's clock some time ahead: the leases of those that were killed before are over.
type ahead time.Duration

func (a ahead) Now() time.Time { return clock.Real().Now().Add(time.Duration(a)) }

// crashChild reads the mailbox and does the jobs that follow. A constituent's program meanwhile hands in reports, each under its own key.
func crashChild() error {
	ctx := context.Background()
	number := func(name string) int { n, _ := strconv.Atoi(os.Getenv(name)); return n }
	now, real := clock.NewManual(monday), ahead(time.Duration(number("TOCSIN_CRASH_RUN"))*20*time.Minute)
	d, err := db.Open(ctx, os.Getenv("TOCSIN_CRASH_URL"), os.Getenv("TOCSIN_CRASH_WORLD"), audit.Recorder(now))
	if err != nil {
		return err
	}
	defer d.Close()
	dir := os.Getenv("TOCSIN_CRASH_DIR")
	c, err := openCounter(d, now, real, dir, mail.Config{Host: "127.0.0.1", Port: 1, TLS: mail.None, From: "cert@cert.example"})
	if err != nil {
		return err
	}
	source, err := imap.New(imap.Config{Host: "127.0.0.1", Port: number("TOCSIN_CRASH_PORT"), TLS: imap.None, User: os.Getenv("TOCSIN_CRASH_USER"),
		Password: func() (string, error) { return os.Getenv("TOCSIN_CRASH_PASSWORD"), nil }, Folder: os.Getenv("TOCSIN_CRASH_FOLDER")}, egress.Open(egress.Policy{}))
	if err != nil {
		return err
	}
	c.Box = mailbox.New(mailbox.Config{DB: d, Clock: now, Real: real, Outbox: c.Outbox, Constituency: c.Constituency, Source: source,
		Files: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "mail")}, Spool: spool.Dir(dir), Incidents: c.Mailbox(), Trust: mailbox.Trust{Intake: []string{"reports@cert.example"}}})
	q := job.New(d, now, real, c.Log)
	c.Register(q)
	program := make(chan error, 1)
	go func() {
		hospital := int64(number("TOCSIN_CRASH_HOSPITAL"))
		for i := range number("TOCSIN_CRASH_KEYS") {
			_, err := c.FileFor(ctx, of(identity.Manager, 1, hospital), Filed{Constituent: hospital, Origin: incident.FromREST, Key: fmt.Sprint("key-", i),
				Filing: incident.Filing{Title: fmt.Sprint("program ", i), Text: "It is down.", Aware: monday.UnixMicro(), Mail: "soc@hospital.example"}})
			if err != nil {
				program <- fmt.Errorf("program: %w", err)
				return
			}
		}
		program <- nil
	}()
	for {
		n, err := c.Box.Read(ctx)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := q.Drain(ctx); err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
		if n == 0 {
			return <-program
		}
	}
}

func TestKilledAnywhereEveryMailIsOneReportAndEveryReceiptLeavesOnce(t *testing.T) {
	const batch, replies, keys = 24, 8, 6
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		dir, server := t.TempDir(), imaptest.Start(t, imap.None)
		w := newTown(t, dbtest.Open(t, url, world, audit.Recorder(clock.NewManual(monday))))
		first, err := w.FileFor(context.Background(), of(identity.Manager, 1, w.ids["hospital"]), Filed{Constituent: w.ids["hospital"], Filing: w.filing()})
		w.ok(err)
		r := rand.New(rand.NewPCG(5, 22))
		want, killed, rounds, run := dbtest.Kills(t, 6), 0, 0, 0
		after := 400 * time.Millisecond // within which it is killed
		for ; killed < want && rounds < 200; rounds++ {
			for i := range batch {
				n := rounds*batch + i
				server.Put(t, "INBOX", lines(fmt.Sprintf("From: a%d@x.example\nTo: reports@cert.example\nSubject: mail %d\nMessage-ID: <m%d@x.example>\nMIME-Version: 1.0\n"+
					"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nHelp.\n--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename=\"x\"\n\nnote %d\n--x--\n",
					n, n, n, n)))
			}
			for i := range replies {
				n := rounds*replies + i
				server.Put(t, "INBOX", lines(fmt.Sprintf("From: night@hospital.example\nSubject: Re: [%s]\nMessage-ID: <r%d@x.example>\n\nanswer %d\n", first.Ticket(), n, n)))
			}
			for done := false; !done; run++ {
				at := time.Duration(0)
				if killed < want {
					at = time.Duration(r.Int64N(int64(after)))
				}
				begun := time.Now()
				if done = !w.child(t, url, world, dir, server.Config, run, (rounds+1)*keys, at); done {
					after = max(time.Since(begun), 50*time.Millisecond)
				} else {
					killed++
					after += after / 8 // it gets on, however slow the machine is
				}
			}
		}
		w.child(t, url, world, dir, server.Config, run, rounds*keys, 0)
		if killed < want {
			t.Errorf("killed %d times only", killed)
		}
		w.whole(dir, first, rounds*batch, rounds*replies, rounds*keys)
		t.Logf("%d mails, %d replies and %d reports of a program in %d rounds, killed %d times", rounds*batch, rounds*replies, rounds*keys, rounds, killed)
	})
}

// whole checks that every mail is one report with its two files, every reply one addition, every key one report, and that everybody who
// is to have a receipt has one.
func (w *town) whole(dir string, first incident.Report, mails, replies, keys int) {
	w.t.Helper()
	ctx := context.Background()
	w.Files = file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "incident")}
	titles := map[string]int{}
	letters := map[string]int{}
	ls, _, err := w.Outbox.List(ctx, notify.Filter{Limit: 10000})
	w.ok(err)
	for _, l := range ls {
		letters[l.Key]++
	}
	for _, r := range w.reports() {
		titles[r.Title]++
		receipts := 1
		if r.Origin == incident.FromMail { // the staff gives that out
			receipts = 0
			fs, err := w.FilesOf(ctx, 0, r.ID)
			w.ok(err)
			if len(fs) != 2 {
				w.t.Errorf("%s: %d files are kept", r.Title, len(fs))
			}
			for _, f := range fs {
				w.ok(w.Verify(ctx, f.ID))
			}
		}
		if got := letters[letterKey(KindReceipt, r.ID)]; got != receipts {
			w.t.Errorf("%s: %d receipts", r.Title, got)
		}
		if (r.Receipted != 0) != (receipts == 1) {
			w.t.Errorf("%s: receipted at %d", r.Title, r.Receipted)
		}
		delete(letters, letterKey(KindReceipt, r.ID))
	}
	for key := range letters {
		w.t.Errorf("a letter %s is of no report", key)
	}
	for i := range mails {
		if n := titles[fmt.Sprint("mail ", i)]; n != 1 {
			w.t.Errorf("mail %d is %d reports", i, n)
		}
	}
	for i := range keys {
		if n := titles[fmt.Sprint("program ", i)]; n != 1 {
			w.t.Errorf("key %d is %d reports", i, n)
		}
	}
	if len(titles) != 1+mails+keys {
		w.t.Errorf("%d different reports", len(titles))
	}
	said := map[string]int{}
	as, err := w.Additions(ctx, first.ID)
	w.ok(err)
	for _, a := range as {
		said[a.Text]++
	}
	for i := range min(replies, 500) {
		if n := said[fmt.Sprint("answer ", i)]; n != 1 {
			w.t.Errorf("answer %d is added %d times", i, n)
		}
	}
}

func lines(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// child runs a process that is killed after a time, 0 for never, and tells whether it was.
func (w *town) child(t *testing.T, url, world, dir string, server imap.Config, run, keys int, after time.Duration) bool {
	t.Helper()
	password, err := server.Password()
	w.ok(err)
	return dbtest.Killed(t, after, "TOCSIN_CRASH_URL="+url, "TOCSIN_CRASH_WORLD="+world, "TOCSIN_CRASH_DIR="+dir, fmt.Sprintf("TOCSIN_CRASH_RUN=%d", run),
		fmt.Sprintf("TOCSIN_CRASH_PORT=%d", server.Port), "TOCSIN_CRASH_USER="+server.User, "TOCSIN_CRASH_PASSWORD="+password, "TOCSIN_CRASH_FOLDER="+server.Folder,
		fmt.Sprintf("TOCSIN_CRASH_KEYS=%d", keys), fmt.Sprintf("TOCSIN_CRASH_HOSPITAL=%d", w.ids["hospital"]))
}
