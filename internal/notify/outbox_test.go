package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
)

var (
	begin   = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	officer = act.Actor{Kind: act.Person, ID: "1", Name: "Officer", Rights: &act.Rights{Staff: true}}
)

// bench is an outbox with a mail server that does what the test wants.
type bench struct {
	*testing.T
	db     *db.DB
	clock  *clock.Manual
	server *mailtest.Server
	box    *notify.Outbox
	gate   *disclosure.Gate
	net    *egress.Net
	claims atomic.Int64 // how often outboxes looked for letters
}

// onEach runs fn with an outbox on every engine.
func onEach(t *testing.T, fn func(b *bench)) {
	c := clock.NewManual(begin)
	dbtest.Each(t, audit.Recorder(c), func(t *testing.T, d *db.DB) {
		b := &bench{T: t, db: d, clock: clock.NewManual(begin), server: mailtest.New(t), net: egress.Open(egress.Policy{})}
		b.gate = disclosure.NewGate(disclosure.Config{DB: d, Clock: b.clock, Constituency: constituency.NewStore(d, b.clock), Nation: nation.NewStore(d)})
		b.box = b.open(func(*notify.Config) {})
		fn(b)
	})
}

// open returns another outbox over the same records.
func (b *bench) open(change func(*notify.Config)) *notify.Outbox {
	b.Helper()
	sender, err := mail.New(b.server.Config(), b.net, b.clock)
	b.must(err)
	seal, err := identity.NewSeal(make([]byte, 32))
	b.must(err)
	cfg := notify.Config{DB: b.db, Clock: b.clock, Real: clock.Real(), Gate: b.gate, Sender: sender, Seal: seal, Tick: time.Millisecond,
		Client: fetch.New(b.net, fetch.Options{Attempts: 1}), PerMinute: 6000, Burst: 1000,
		Log: slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Step: func(name string) {
			if name == "claimed" {
				b.claims.Add(1)
			}
		}}
	change(&cfg)
	box, err := notify.New(cfg)
	b.must(err)
	return box
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// letter is a letter to a constituent that needs no release.
func letter(n int) notify.Letter {
	return notify.Letter{Key: fmt.Sprintf("digest:%d", n), Kind: "digest", Constituent: int64(n), To: fmt.Sprintf("abuse@isp%d.example", n), Name: "Desk",
		Asked: true, Ticket: fmt.Sprintf("[CERT-%d]", n), Content: content()}
}

func content() *notify.Content {
	return &notify.Content{Subject: "What we saw", Text: "Open services.\n", HTML: "<p>Open services.</p>", Marking: disclosure.Marking{Label: tlp.Green}}
}

func (b *bench) enqueue(ls ...notify.Letter) (ids []int64) {
	b.Helper()
	err := b.db.Act(context.Background(), act.Act{Actor: officer, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) error {
		ids = nil
		for _, l := range ls {
			id, err := b.box.Enqueue(tx, l)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	b.must(err)
	return ids
}

// work lets an outbox work until the condition holds.
func (b *bench) work(box *notify.Outbox, until func() bool) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { box.Work(ctx) })
	defer wg.Wait()
	defer cancel()
	b.await(until)
}

func (b *bench) await(until func() bool) {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !until() {
		select {
		case <-tick.C:
		case <-end:
			b.Fatal("it did not come to that in time")
		}
	}
}

func (b *bench) of(id int64) notify.Letter {
	b.Helper()
	l, err := b.box.ByID(context.Background(), id)
	b.must(err)
	return l
}

// inState waits for letters to be in a state.
func (b *bench) inState(s notify.State, ids ...int64) func() bool {
	return func() bool {
		for _, id := range ids {
			if b.of(id).State != s {
				return false
			}
		}
		return true
	}
}

func (b *bench) start() {
	b.Helper()
	b.must(b.box.Start(context.Background(), officer, "exercise of the test"))
}

func TestALetterArrivesOnceAndIsInTheLedger(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		ids := b.enqueue(letter(1), letter(2), letter(1))
		if ids[0] != ids[2] {
			b.Errorf("the same key made two letters: %v", ids)
		}
		b.work(b.box, b.inState(notify.Handed, ids...))
		got := b.server.Got()
		l := b.of(ids[0])
		if len(got) != 2 || got[0].ID == "" || l.MessageID != b.box.MessageID("digest:1") || l.Bytes == 0 || l.SHA256 == "" || l.Attempts != 1 {
			b.Errorf("%d arrived, %+v", len(got), l)
		}
		es, _, err := b.gate.Ledger(context.Background(), disclosure.LedgerFilter{Object: disclosure.Ref(fmt.Sprintf("letter:%d", ids[0]))})
		b.must(err)
		if len(es) != 1 || es[0].Channel != disclosure.Mail || es[0].Recipient != "constituent:1" || l.Ledger != es[0].ID {
			b.Errorf("ledger %+v", es)
		}
		h, err := b.box.HealthOf(context.Background(), "ABUSE@isp1.example")
		b.must(err)
		if h.Sent != 1 || h.Failures != 0 || h.LastSuccess != begin.UnixMicro() {
			b.Errorf("health %+v", h)
		}
	})
}

func TestNothingLeavesBeforeSendingStarts(t *testing.T) {
	onEach(t, func(b *bench) {
		ids := b.enqueue(letter(1), letter(2))
		b.work(b.box, b.inState(notify.Rendered, ids...))
		s, err := b.box.Switch(context.Background())
		b.must(err)
		if s.Sending || s.Waiting != 2 || b.server.Dials() > 0 {
			b.Errorf("%+v, %d connections", s, b.server.Dials())
		}
		if err := b.box.Start(context.Background(), officer, " "); fault.KindOf(err) != fault.Invalid {
			b.Errorf("started without a reason: %v", err)
		}
		b.start()
		b.work(b.box, b.inState(notify.Handed, ids...))
	})
}

func TestStopKeepsWhatIsNotUnderWay(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		one := b.open(func(c *notify.Config) { c.Workers = 1 })
		var stopped error
		b.server.Behave(mailtest.Behaviour{OnData: func(mailtest.Got) { // while the first letter is under way
			stopped = errors.Join(stopped, b.box.Stop(context.Background(), officer, "wrong"))
		}})
		b.enqueue(letter(1), letter(2), letter(3))
		count := func() map[string]int64 {
			s, err := b.box.Status(context.Background())
			b.must(err)
			return s.States
		}
		b.work(one, func() bool { return count()["handed-over"] == 1 })
		b.must(stopped)
		b.work(one, func() bool { return count()["rendered"] == 2 })
		if n := len(b.server.Got()); n != 1 {
			b.Errorf("%d arrived", n)
		}
	})
}

func TestTheFirstLetterOfARecipientWaitsForItsRelease(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		b.start()
		l1, l2, l3 := letter(1), letter(1), letter(2)
		l2.Key = "digest:1b"
		l1.Asked, l2.Asked, l3.Asked = false, false, false
		ids := b.enqueue(l1, l2, l3)
		b.work(b.box, b.inState(notify.Held, ids...))
		if l := b.of(ids[0]); l.Hold != notify.HoldRelease || l.Subject != "What we saw" {
			b.Errorf("%+v", l)
		}
		n, err := b.box.Release(ctx, officer, ids[0])
		b.must(err)
		if n != 2 {
			b.Errorf("%d let go", n)
		}
		n, err = b.box.Refuse(ctx, officer, "wrong contact", ids[2])
		b.must(err)
		if n != 1 || b.of(ids[2]).State != notify.Cancelled {
			b.Errorf("%d refused, %+v", n, b.of(ids[2]))
		}
		l1.Key, l3.Key = "digest:1c", "digest:2b"
		later := b.enqueue(l1, l3)
		b.work(b.box, func() bool {
			return b.inState(notify.Handed, ids[0], ids[1], later[0])() && b.inState(notify.Held, later[1])()
		})
		if n := len(b.server.Got()); n != 3 {
			b.Errorf("%d arrived", n)
		}
		n, err = b.box.ReleaseAll(ctx, officer)
		b.must(err)
		if n != 1 {
			b.Errorf("%d let go", n)
		}
	})
}

func TestTheGateHoldsWhatMayNotLeave(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		red, about, none := letter(1), letter(2), letter(3)
		red.Content.Marking.Label = tlp.Red
		about.Content.About = []notify.About{{Object: "finding:7", Mark: disclosure.Marking{Label: tlp.Amber, Owners: []int64{9}}}}
		none.Content.Marking = disclosure.Marking{}
		ids := b.enqueue(red, about, none)
		b.work(b.box, b.inState(notify.Held, ids...))
		for _, id := range ids {
			if l := b.of(id); l.Hold != notify.HoldGate || l.Reason == "" || l.Ledger != 0 {
				b.Errorf("%+v", l)
			}
		}
		if es, _, err := b.gate.Ledger(context.Background(), disclosure.LedgerFilter{}); err != nil || len(es) > 0 || b.server.Dials() > 0 && len(b.server.Got()) > 0 {
			b.Errorf("ledger %v %v", es, err)
		}
	})
}

func TestWrongLettersAreRefused(t *testing.T) {
	onEach(t, func(b *bench) {
		for name, change := range map[string]func(*notify.Letter){
			"address with a newline": func(l *notify.Letter) { l.To = "abuse@isp1.example\r\nBcc: eve@evil.example" },
			"two addresses":          func(l *notify.Letter) { l.To = "abuse@isp1.example, eve@evil.example" },
			"name with a newline":    func(l *notify.Letter) { l.Name = "Desk\nBcc: eve@evil.example" },
			"subject with a newline": func(l *notify.Letter) { l.Content.Subject = "a\r\nBcc: eve@evil.example" },
			"subject with a return":  func(l *notify.Letter) { l.Content.Subject = "a\rBcc: eve@evil.example" },
			"header":                 func(l *notify.Letter) { l.Content.Headers = map[string]string{"X-A": "a\r\nBcc: eve@evil.example"} },
			"header's name":          func(l *notify.Letter) { l.Content.Headers = map[string]string{"Bcc": "eve@evil.example"} },
			"references":             func(l *notify.Letter) { l.Content.References = []string{"<a@b>\r\nBcc: eve@evil.example"} },
			"ticket":                 func(l *notify.Letter) { l.Ticket = "a\nb" },
			"no key":                 func(l *notify.Letter) { l.Key = "" },
			"kind":                   func(l *notify.Letter) { l.Kind = "Digest!" },
			"text of 10 MB":          func(l *notify.Letter) { l.Content.Text = strings.Repeat("x", 10<<20) },
			"attachment's name":      func(l *notify.Letter) { l.Content.Attachments = []mail.Attachment{{Name: "../../etc/passwd"}} },
			"attachments": func(l *notify.Letter) {
				l.Content.Attachments = []mail.Attachment{{Name: "a", Bytes: make([]byte, 21<<20)}}
			},
			"channel": func(l *notify.Letter) { l.Channel = disclosure.Page },
			"webhook": func(l *notify.Letter) { l.Channel, l.To = disclosure.Webhook, "x" },
		} {
			l := letter(1)
			change(&l)
			err := b.db.Act(context.Background(), act.Act{Actor: officer, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) error {
				_, err := b.box.Enqueue(tx, l)
				return err
			})
			if fault.KindOf(err) != fault.Invalid {
				b.Errorf("%s: %v", name, err)
			}
		}
		if ls, _, err := b.box.List(context.Background(), notify.Filter{}); err != nil || len(ls) > 0 {
			b.Errorf("%d letters, %v", len(ls), err)
		}
	})
}

func TestWhatIsEnqueuedIsCommittedWithItsActOrNotAtAll(t *testing.T) {
	onEach(t, func(b *bench) {
		wrong := errors.New("wrong")
		err := b.db.Act(context.Background(), act.Act{Actor: officer, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) error {
			if _, err := b.box.Enqueue(tx, letter(1)); err != nil {
				return err
			}
			return wrong
		})
		if ls, _, e := b.box.List(context.Background(), notify.Filter{}); !errors.Is(err, wrong) || e != nil || len(ls) > 0 {
			b.Errorf("%v: %d letters, %v", err, len(ls), e)
		}
	})
}

// each composes one letter after the other, and no more than three at once.
func each(write func(l notify.Letter) (notify.Content, error)) notify.Composer {
	return func(_ context.Context, ls []notify.Letter) (out []notify.Composed) {
		for _, l := range ls[:min(len(ls), 3)] {
			c, err := write(l)
			out = append(out, notify.Composed{Content: c, Err: err})
		}
		return out
	}
}

func TestAComposerWritesWhenTheTurnComes(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.box.Compose("digest", each(func(l notify.Letter) (notify.Content, error) {
			switch l.Payload {
			case "nothing":
				return notify.Content{}, notify.ErrNothing
			case "hold":
				return notify.Content{}, &notify.Hold{Why: notify.HoldEncryption, Reason: "the key has expired"}
			case "wrong":
				return notify.Content{Subject: "a\nb", Text: "x"}, nil
			case "panic":
				panic("at work")
			}
			c := content()
			c.Subject = l.Ticket + " " + l.Payload
			return *c, nil
		}))
		var ls []notify.Letter
		for i, p := range []string{"good", "nothing", "hold", "wrong", "panic"} {
			l := letter(i + 1)
			l.Content, l.Payload = nil, p
			ls = append(ls, l)
		}
		ids := b.enqueue(ls...)
		_, c, err := b.box.Preview(context.Background(), ids[0])
		b.must(err)
		if c.Subject != "[CERT-1] good" {
			b.Errorf("preview %+v", c)
		}
		b.work(b.box, func() bool {
			return b.inState(notify.Handed, ids[0])() && b.inState(notify.Cancelled, ids[1])() && b.inState(notify.Held, ids[2])() &&
				b.inState(notify.Dead, ids[3])() && b.of(ids[4]).Reason != ""
		})
		if l := b.of(ids[0]); l.Subject != "[CERT-1] good" || !strings.Contains(b.server.Got()[0].Raw, "[CERT-1] good") {
			b.Errorf("%+v", l)
		}
		if l := b.of(ids[2]); l.Hold != notify.HoldEncryption || l.Reason != "the key has expired" {
			b.Errorf("%+v", l)
		}
		if l := b.of(ids[4]); l.State != notify.Queued || l.Due != begin.Add(5*time.Minute).UnixMicro() {
			b.Errorf("%+v", l)
		}
	})
}

func TestWhatLettersOfAForgottenKindSaidIsGoneOnceTheyAreSettled(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		b.start()
		b.box.Compose("answer", each(func(notify.Letter) (notify.Content, error) { return *content(), nil }))
		b.box.Forget("answer")
		b.server.Behave(mailtest.Behaviour{Refuse: func(to string) int {
			if strings.Contains(to, "isp2") {
				return 550
			}
			return 0
		}})
		ls := some(4)
		for i := range ls[:3] {
			ls[i].Kind, ls[i].Content = "answer", nil
		}
		ls[2].Asked, ls[2].Constituent = false, 0 // waits for its release
		ids := b.enqueue(ls...)
		b.work(b.box, func() bool {
			return b.inState(notify.Handed, ids[0], ids[3])() && b.inState(notify.Dead, ids[1])() && b.inState(notify.Held, ids[2])()
		})
		kept := func() (n int) {
			b.must(b.db.View(ctx, func(tx *db.Tx) error {
				return tx.Row(`SELECT (SELECT count(*) FROM outbox_content) + (SELECT count(*) FROM outbox_message)`).Scan(&n)
			}))
			return n
		}
		if n := kept(); n != 2 { // of the letter that waits and of the digest; what is not protected makes its message again
			b.Errorf("%d contents and messages are kept", n)
		}
		_, err := b.box.Refuse(ctx, officer, "no need", ids[2])
		b.must(err)
		if n := kept(); n != 1 {
			b.Errorf("%d contents and messages are kept", n)
		}
		for i, id := range ids[:3] {
			if l, _, err := b.box.Preview(ctx, id); fault.KindOf(err) != fault.NotFound || l.ID != id || l.Bytes == 0 {
				b.Errorf("%d: %+v, %v", i, l, err)
			}
		}
		b.server.Behave(mailtest.Behaviour{})
		_, err = b.box.Resend(ctx, officer, ids[1])
		b.must(err)
		if b.work(b.box, b.inState(notify.Handed, ids[1])); kept() != 1 {
			b.Error("a letter that was sent again is kept")
		}
	})
}
