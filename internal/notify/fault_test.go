package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/mailtest"
)

// some are letters 1 to n.
func some(n int) (ls []notify.Letter) {
	for i := range n {
		ls = append(ls, letter(i+1))
	}
	return ls
}

// once fails when a recipient of the letters has none, or several that are not the same message.
func (b *bench) once(n int) (doubled int) {
	b.Helper()
	raws, count := map[string]string{}, map[string]int{}
	for _, g := range b.server.Got() {
		if was, ok := raws[g.To]; ok && was != g.Raw {
			b.Errorf("%s got two different messages", g.To)
		}
		raws[g.To] = g.Raw
		count[g.To]++
	}
	for i := range n {
		to := fmt.Sprintf("abuse@isp%d.example", i+1)
		if count[to] == 0 {
			b.Errorf("%s got nothing", to)
		}
		doubled += max(count[to]-1, 0)
	}
	return doubled
}

// days lets an outbox work while the world's clock moves on in steps, until the condition holds. The clock waits until the outbox has
// done what there is to do at its time.
func (b *bench) days(box *notify.Outbox, step time.Duration, until func() bool) {
	b.Helper()
	var moved int64
	b.work(box, func() bool {
		if looked := b.claims.Load(); looked >= moved+2 && b.leased() == 0 {
			b.clock.Move(step)
			moved = b.claims.Load()
		}
		box.Wake()
		return until()
	})
}

// leased counts the letters that an outbox has.
func (b *bench) leased() (n int64) {
	b.Helper()
	b.must(b.db.View(context.Background(), func(tx *db.Tx) error {
		return tx.Row(`SELECT count(*) FROM outbox_letter WHERE lease > 0`).Scan(&n)
	}))
	return n
}

func TestAMailServerThatIsDownForThreeDaysLosesAndDoublesNothing(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.server.Stop()
		ids := b.enqueue(some(20)...)
		up := begin.Add(72 * time.Hour)
		b.days(b.box, 10*time.Minute, func() bool { return b.clock.Now().After(up) })
		s, err := b.box.Status(context.Background())
		b.must(err)
		if len(s.Lines) != 1 || s.Lines[0].Name != "mail" || s.Lines[0].Failures < 10 || s.States["rendered"] != 20 || s.Lines[0].Since > begin.Add(48*time.Hour).UnixMicro() {
			b.Errorf("%+v", s)
		}
		b.server.Start()
		b.days(b.box, 5*time.Minute, b.inState(notify.Handed, ids...))
		if n := b.once(20); n > 0 {
			b.Errorf("%d were doubled", n)
		}
		if s, err = b.box.Status(context.Background()); err != nil || len(s.Lines) > 0 {
			b.Errorf("the line is well again, but %+v %v", s.Lines, err)
		}
	})
}

// TestALetterThatWaitedIsJudgedByHowThingsAreMarkedWhenItLeaves has the mail server down while the letters are rendered.
func TestALetterThatWaitedIsJudgedByHowThingsAreMarkedWhenItLeaves(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.server.Stop()
		marks := map[string]tlp.Label{}
		b.box.Review("news", func(_ *db.Tx, ls []*notify.Letter) (out [][]notify.About, err error) {
			for _, l := range ls {
				out = append(out, []notify.About{{Object: disclosure.Ref("case:" + l.Payload), Mark: disclosure.Marking{Label: marks[l.Payload]}}})
			}
			return out, nil
		})
		ls := some(4)
		for i := range ls[:3] {
			ls[i].Kind, ls[i].Payload = "news", strconv.Itoa(i)
			ls[i].Content.About = []notify.About{{Object: disclosure.Ref("case:" + ls[i].Payload), Mark: disclosure.Marking{Label: tlp.Green}}}
			marks[ls[i].Payload] = tlp.Green
		}
		ls[3].Content.About = []notify.About{{Object: "case:3", Mark: disclosure.Marking{Label: tlp.Green}}}
		ids := b.enqueue(ls...)
		b.days(b.box, time.Minute, b.inState(notify.Rendered, ids...))
		marks["1"] = tlp.Red
		b.server.Start()
		b.days(b.box, 5*time.Minute, func() bool {
			return b.inState(notify.Handed, ids[0], ids[2], ids[3])() && b.inState(notify.Held, ids[1])()
		})
		if l := b.of(ids[1]); l.Hold != notify.HoldGate || !strings.Contains(l.Reason, "case:1") {
			b.Errorf("held for %s: %s", l.Hold, l.Reason)
		}
	})
}

func TestHalfOfTheRecipientsRefusedForGoodAreDeadAtOnceAndTheirHealthKnowsIt(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.server.Behave(mailtest.Behaviour{Refuse: func(to string) int {
			if strings.Contains(to, "isp1") {
				return 550
			}
			return 0
		}})
		ids := b.enqueue(some(20)...) // 1 and 10 to 19 are refused
		b.work(b.box, func() bool {
			for _, id := range ids {
				if s := b.of(id).State; s != notify.Handed && s != notify.Dead {
					return false
				}
			}
			return true
		})
		s, err := b.box.Status(context.Background())
		b.must(err)
		if s.States["dead"] != 11 || s.States["handed-over"] != 9 {
			b.Errorf("%v", s.States)
		}
		bad, _, err := b.box.Health(context.Background(), true, "", 0)
		b.must(err)
		if len(bad) != 11 || bad[0].Failures != 1 || !strings.Contains(bad[0].Reason, "550") || strings.Contains(b.of(ids[0]).Reason, "@") {
			b.Errorf("%+v", bad)
		}
		b.server.Behave(mailtest.Behaviour{})
		n, err := b.box.Resend(context.Background(), officer, ids...)
		b.must(err)
		if n != 11 {
			b.Errorf("%d sent again", n)
		}
		b.work(b.box, b.inState(notify.Handed, ids...))
		if n := b.once(20); n > 0 {
			b.Errorf("%d were doubled", n)
		}
		if bad, _, err = b.box.Health(context.Background(), true, "", 0); err != nil || len(bad) > 0 {
			b.Errorf("%v %v", bad, err)
		}
	})
}

func TestWhoIsRefusedForNowIsTriedForDaysAndThenGivenUp(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		refused := begin.Add(24 * time.Hour)
		b.server.Behave(mailtest.Behaviour{Refuse: func(to string) int {
			if to == "abuse@isp2.example" || b.clock.Now().Before(refused) {
				return 451
			}
			return 0
		}})
		ids := b.enqueue(some(2)...)
		b.days(b.box, 20*time.Minute, func() bool { return b.of(ids[1]).State == notify.Dead })
		if l := b.of(ids[0]); l.State != notify.Handed || l.HandedAt > begin.Add(36*time.Hour).UnixMicro() || l.Attempts < 3 {
			b.Errorf("%+v", l)
		}
		l := b.of(ids[1])
		if days := time.UnixMicro(l.Settled).Sub(begin).Hours() / 24; days < 5 || days > 7 || l.Attempts < 10 || !strings.Contains(l.Reason, "451") {
			b.Errorf("after %f days, %+v", days, l)
		}
		if es, _, err := b.gate.Ledger(context.Background(), disclosure.LedgerFilter{}); err != nil || len(es) != 2 {
			b.Errorf("every letter stands once in the ledger, however often it is tried: %d, %v", len(es), err)
		}
	})
}

func TestAServerThatDiesAfterDataDoublesNothingButTheSameMessage(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.server.Behave(mailtest.Behaviour{DieAfterData: func(n int) bool { return n%3 == 1 && n < 20 }})
		ids := b.enqueue(some(12)...)
		b.days(b.box, time.Minute, b.inState(notify.Handed, ids...))
		if n := b.once(12); n == 0 || n > 7 {
			b.Errorf("%d doubled: only what broke off may be", n)
		}
	})
}

func TestAServerThatRefusesTheSenderIsALineOutOfOrder(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.server.Behave(mailtest.Behaviour{RefuseSender: 550})
		ids := b.enqueue(some(5)...)
		b.work(b.box, func() bool {
			s, err := b.box.Status(context.Background())
			return err == nil && len(s.Lines) == 1
		})
		b.server.Behave(mailtest.Behaviour{})
		b.days(b.box, time.Minute, b.inState(notify.Handed, ids...))
		if bad, _, err := b.box.Health(context.Background(), true, "", 0); err != nil || len(bad) > 0 {
			b.Errorf("no contact is at fault: %v %v", bad, err)
		}
	})
}

func TestTwoNodesNeverSendALetterTwice(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.server.Behave(mailtest.Behaviour{Delay: time.Millisecond})
		ids := b.enqueue(some(60)...)
		other := b.open(func(*notify.Config) {})
		b.work(other, func() bool {
			b.work(b.box, b.inState(notify.Handed, ids...))
			return true
		})
		if n := b.once(60); n > 0 || len(b.server.Got()) != 60 {
			b.Errorf("%d doubled", n)
		}
		if n := b.server.Dials(); n > 2*16+2 { // the lines of two nodes, and what each finds out with whether there is a server
			b.Errorf("%d connections for 60 letters", n)
		}
	})
}

func TestADestinationGetsNoMoreThanItsRate(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		slow := b.open(func(c *notify.Config) { c.PerMinute, c.Burst = 6, 2 })
		var ls []notify.Letter
		for i := range 10 {
			l := letter(i + 1)
			l.To = fmt.Sprintf("desk%d@Big.example", i)
			ls = append(ls, l)
		}
		ids := b.enqueue(append(ls, letter(11))...)
		b.work(slow, func() bool { return b.inState(notify.Handed, ids[10])() && len(b.server.Got()) >= 3 })
		var times []int64
		var mu sync.Mutex
		b.server.Behave(mailtest.Behaviour{OnData: func(mailtest.Got) {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, b.clock.Now().UnixMicro())
		}})
		if n := len(b.server.Got()); n != 3 {
			b.Errorf("%d at once", n)
		}
		b.days(slow, time.Second, b.inState(notify.Handed, ids...))
		if took := b.clock.Now().Sub(begin); len(times) != 8 || took < 70*time.Second {
			b.Errorf("%d in %s", len(times), took)
		}
	})
}

func TestASealedWorldKeepsItsLetters(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		b.net = egress.Sealed("exercise-7")
		sealed := b.open(func(c *notify.Config) { c.Sealed = true })
		ids := b.enqueue(some(3)...)
		b.work(sealed, b.inState(notify.Rendered, ids...))
		if err := sealed.Start(context.Background(), officer, "try"); fault.KindOf(err) != fault.Forbidden {
			b.Errorf("got %v", err)
		}
		if b.server.Dials() > 0 {
			b.Error("it dialled")
		}
		careless := b.open(func(*notify.Config) {}) // even when nobody told the outbox: the Net refuses
		b.work(careless, func() bool {
			s, err := careless.Status(context.Background())
			return err == nil && len(s.Lines) == 1 && strings.Contains(s.Lines[0].Reason, "sealed")
		})
		if b.server.Dials() > 0 || !b.inState(notify.Rendered, ids...)() {
			b.Error("it left")
		}
	})
}

func TestWithoutAMailServerLettersWaitAndThePageSaysWhy(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		none := b.open(func(c *notify.Config) { c.Sender = nil })
		ids := b.enqueue(some(2)...)
		b.work(none, func() bool {
			s, err := none.Status(context.Background())
			return err == nil && len(s.Lines) == 1 && strings.Contains(s.Lines[0].Reason, "--smtp-url")
		})
		b.days(b.box, time.Minute, b.inState(notify.Handed, ids...))
		b.once(2)
	})
}

func TestWhatMustBeEncryptedIsHeldAndNeverSentInClear(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		l := letter(1)
		l.EncryptionRequired = true
		ids := b.enqueue(l)
		b.work(b.box, b.inState(notify.Held, ids...))
		if l := b.of(ids[0]); l.Hold != notify.HoldEncryption || b.server.Dials() > 0 {
			b.Errorf("%+v", l)
		}
		able := b.open(func(c *notify.Config) {
			c.Protect = func(_ context.Context, all ...*notify.Plain) {
				for _, p := range all {
					p.Message = []byte("X-Sealed: yes\r\n" + string(p.Message))
				}
			}
		})
		n, err := able.Resend(context.Background(), officer, ids...)
		b.must(err)
		b.work(able, b.inState(notify.Handed, ids...))
		if n != 1 || !strings.HasPrefix(b.server.Got()[0].Raw, "X-Sealed: yes\r\n") {
			b.Errorf("%d, %.60q", n, b.server.Got()[0].Raw)
		}
	})
}

func TestWhatCannotBeProtectedHoldsBackNoOther(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		ids := b.enqueue(some(6)...)
		box := b.open(func(c *notify.Config) {
			c.Protect = func(_ context.Context, all ...*notify.Plain) {
				for _, p := range all {
					switch p.Message = append([]byte("X-Sealed: yes\r\n"), p.Message...); p.Letter.ID {
					case ids[1]:
						panic("a key that nobody thought of")
					case ids[2]:
						p.Err = &notify.Hold{Why: notify.HoldEncryption, Reason: "the key has expired"}
					case ids[3]:
						p.Err = errors.New("the key store does not answer")
					}
				}
			}
		})
		b.work(box, func() bool {
			return b.inState(notify.Handed, ids[0], ids[4], ids[5])() && b.inState(notify.Held, ids[2])() && b.of(ids[1]).Reason != "" && b.of(ids[3]).Reason != ""
		})
		for _, id := range []int64{ids[1], ids[3]} {
			if l := b.of(id); l.State != notify.Queued || l.Due != begin.Add(5*time.Minute).UnixMicro() || l.Attempts > 0 {
				b.Errorf("%+v", l)
			}
		}
		got := b.server.Got()
		for _, g := range got {
			if strings.Count(g.Raw, "X-Sealed: yes\r\n") != 1 {
				b.Errorf("protected %d times: %.80q", strings.Count(g.Raw, "X-Sealed: yes\r\n"), g.Raw)
			}
		}
		if len(got) != 3 {
			b.Errorf("%d messages arrived", len(got))
		}
	})
}

func TestBouncesAndAnswersBelongToLettersThatWereHandedOver(t *testing.T) {
	onEach(t, func(b *bench) {
		b.start()
		ids := b.enqueue(some(3)...)
		b.work(b.box, b.inState(notify.Handed, ids[0], ids[1]))
		late := letter(9)
		late.Due = begin.Add(time.Hour).UnixMicro()
		ids = append(ids, b.enqueue(late)...)
		err := b.db.Act(context.Background(), act.Act{Actor: officer, Verb: "test.bounce", Object: "test:1"}, func(tx *db.Tx) error {
			l, err := b.box.ByMessageID(tx, b.box.MessageID("digest:1"))
			if err != nil || l.ID != ids[0] {
				return fmt.Errorf("found %d: %v", l.ID, err)
			}
			for _, id := range []int64{ids[0], ids[3]} {
				if err := b.box.MarkBounced(tx, id, "5.1.1", true); err != nil {
					return err
				}
			}
			if _, err := b.box.ByMessageID(tx, "<none@cert.example>"); fault.KindOf(err) != fault.NotFound {
				return fmt.Errorf("found: %w", err)
			}
			if ls, err := b.box.ByTicket(tx, "[CERT-2]"); err != nil || len(ls) != 1 || ls[0].ID != ids[1] {
				return fmt.Errorf("by ticket: %v %w", ls, err)
			}
			return b.box.MarkAnswered(tx, ids[1])
		})
		b.must(err)
		if b.of(ids[0]).State != notify.Bounced || b.of(ids[1]).State != notify.Answered || b.of(ids[3]).State != notify.Queued {
			b.Errorf("%s %s %s", b.of(ids[0]).State, b.of(ids[1]).State, b.of(ids[3]).State)
		}
		h, err := b.box.HealthOf(context.Background(), "abuse@isp1.example")
		b.must(err)
		if h.Failures != 1 || h.Reason != "5.1.1" {
			b.Errorf("%+v", h)
		}
		if h, err = b.box.HealthOf(context.Background(), "abuse@isp9.example"); err != nil || h.Failures != 0 {
			b.Errorf("a bounce of what never left: %+v %v", h, err)
		}
	})
}

// receiver is a webhook that keeps what it got, and answers with a status.
type receiver struct {
	status atomic.Int64
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
	r.mu.Unlock()
	w.WriteHeader(int(r.status.Load()))
}

func TestAWebhookIsCalledSignedAndRetriedWithTheSameID(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		b.start()
		b.net = egress.Open(egress.Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		r := &receiver{}
		r.status.Store(503)
		s := httptest.NewServer(r)
		defer s.Close()
		box := b.open(func(*notify.Config) {})
		h, secret, err := box.AddHook(ctx, officer, notify.Hook{Constituent: b.constituent(), Name: "SIEM", URL: s.URL + "/in", Kinds: []string{"digest"}})
		b.must(err)
		l := letter(1)
		l.Channel, l.To, l.Constituent = disclosure.Webhook, strconv.FormatInt(h.ID, 10), h.Constituent
		l.Content = &notify.Content{Subject: "Findings", Text: `{"findings":[]}`, Marking: content().Marking}
		ids := b.enqueue(l)
		b.work(box, func() bool { return b.of(ids[0]).Attempts == 1 && b.of(ids[0]).Reason != "" })
		r.status.Store(204)
		b.days(box, time.Minute, b.inState(notify.Handed, ids...))
		r.mu.Lock()
		if len(r.got) != 2 || r.bodies[1] != `{"findings":[]}` || r.got[0].Header.Get("webhook-id") != r.got[1].Header.Get("webhook-id") || r.got[1].Method != "POST" {
			b.Fatalf("%d calls: %q", len(r.got), r.bodies)
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		b.must(err)
		at := r.got[1].Header.Get("webhook-timestamp")
		m := hmac.New(sha256.New, key)
		m.Write([]byte(r.got[1].Header.Get("webhook-id") + "." + at + "." + r.bodies[1]))
		if want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)); r.got[1].Header.Get("webhook-signature") != want {
			b.Errorf("signature %q, want %q", r.got[1].Header.Get("webhook-signature"), want)
		}
		if n, err := strconv.ParseInt(at, 10, 64); err != nil || max(clock.Real().Now().Unix()-n, 0) > notify.ReplayWindow {
			b.Errorf("timestamp %q", at)
		}
		r.mu.Unlock()
		r.status.Store(410)
		l.Key = "digest:gone"
		gone := b.enqueue(l)
		b.work(box, b.inState(notify.Dead, gone...))
	})
}

func TestAWebhookLeadsNowhereInside(t *testing.T) {
	onEach(t, func(b *bench) {
		ctx := context.Background()
		c := b.constituent()
		for _, u := range []string{"http://hook.example/", "ftp://hook.example/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://[fd00::1]/",
			"https://a:b@hook.example/", "https://", "", "https://hook.example/#x", "https://hook.example/\r\nX: y"} {
			if _, _, err := b.box.AddHook(ctx, officer, notify.Hook{Constituent: c, Name: "x", URL: u}); fault.KindOf(err) != fault.Invalid {
				b.Errorf("%q: %v", u, err)
			}
		}
		r := &receiver{}
		s := httptest.NewServer(r)
		defer s.Close()
		h, _, err := b.box.AddHook(ctx, officer, notify.Hook{Constituent: c, Name: "x", URL: s.URL}) // allowed to name, not to reach
		b.must(err)
		b.start()
		l := letter(1)
		l.Channel, l.To, l.Constituent = disclosure.Webhook, strconv.FormatInt(h.ID, 10), c
		ids := b.enqueue(l)
		b.work(b.box, func() bool { return strings.Contains(b.of(ids[0]).Reason, "local network") })
		if len(r.got) > 0 {
			b.Error("it was called")
		}
		b.must(b.box.RemoveHook(ctx, officer, h.ID))
		if b.of(ids[0]).State != notify.Cancelled {
			b.Errorf("%+v", b.of(ids[0]))
		}
	})
}

// constituent makes a constituent and returns its number.
func (b *bench) constituent() int64 {
	b.Helper()
	c, err := b.gate.Constituency.Create(context.Background(), officer, constituency.Constituent{Ref: "isp1", Name: "ISP One", Kind: constituency.ISP, Designation: constituency.OtherDesignation})
	b.must(err)
	return c.ID
}
