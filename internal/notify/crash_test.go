package notify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
)

// TestMain is also the process that the crash test kills: it delivers what is in the outbox.
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

// shifted is the machine's clock some time ahead: the leases of those that were killed before are over.
type shifted time.Duration

func (s shifted) Now() time.Time { return clock.Real().Now().Add(time.Duration(s)) }

// crashChild works until every letter is handed over, or until it is at the step to die at.
func crashChild() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	number := func(name string) int64 { n, _ := strconv.ParseInt(os.Getenv(name), 10, 64); return n }
	c := shifted(time.Duration(number("TOCSIN_CRASH_RUN")) * 20 * time.Minute)
	d, err := db.Open(ctx, os.Getenv("TOCSIN_CRASH_URL"), os.Getenv("TOCSIN_CRASH_WORLD"), audit.Recorder(c))
	if err != nil {
		return err
	}
	defer d.Close()
	sender, err := mail.New(mail.Config{Host: "127.0.0.1", Port: int(number("TOCSIN_CRASH_PORT")), TLS: mail.None, From: "cert@cert.example"},
		egress.Open(egress.Policy{}), c)
	if err != nil {
		return err
	}
	var steps atomic.Int64
	box, err := notify.New(notify.Config{DB: d, Clock: c, Real: c, Sender: sender, Workers: 3, Tick: 5 * time.Millisecond, PerMinute: 60000, Burst: 1000,
		Protect: protectCrash,
		Gate:    disclosure.NewGate(disclosure.Config{DB: d, Clock: c, Constituency: constituency.NewStore(d, c), Nation: nation.NewStore(d)}),
		Step: func(string) {
			if steps.Add(1) == number("TOCSIN_CRASH_STEP") {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}})
	if err != nil {
		return err
	}
	box.Compose("digest", each(composeCrash))
	go func() {
		for ctx.Err() == nil {
			if s, err := box.Status(ctx); err == nil && s.States["queued"]+s.States["rendered"] == 0 {
				cancel()
			}
			<-time.After(10 * time.Millisecond)
		}
	}()
	box.Work(ctx)
	return nil
}

// composeCrash says something else each time: what was rendered once must be what is sent again.
func composeCrash(notify.Letter) (notify.Content, error) {
	c := content()
	c.Text = fmt.Sprintf("Written %d.\n", rand.Uint64())
	return *c, nil
}

// protectCrash protects every second letter, in another way each time, as a signature does.
func protectCrash(_ context.Context, all ...*notify.Plain) {
	for _, p := range all {
		if p.Letter.ID%2 == 0 {
			p.Message = append(fmt.Appendf(nil, "X-Signed: %d\r\n", rand.Uint64()), p.Message...)
		}
	}
}

func TestKilledAnywhereNoLetterIsLostAndNoneIsDoubledButTheSameMessage(t *testing.T) {
	const kills, count = 50, 60
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		c := clock.NewManual(clock.Real().Now())
		d := dbtest.Open(t, url, world, audit.Recorder(c))
		b := &bench{T: t, db: d, clock: c, server: mailtest.New(t), net: egress.Open(egress.Policy{})}
		b.gate = disclosure.NewGate(disclosure.Config{DB: d, Clock: c, Constituency: constituency.NewStore(d, c), Nation: nation.NewStore(d)})
		b.box = b.open(func(*notify.Config) {})
		b.start()
		b.server.Behave(mailtest.Behaviour{Delay: 2 * time.Millisecond})
		r := rand.New(rand.NewPCG(4, 4))
		killed, n := 0, 0
		settled := map[string]int{} // arrivals at the address of a letter that is known to be handed over: there must be no more
		settle := func() {
			arrived := map[string]int{}
			for _, g := range b.server.Got() {
				arrived[g.To]++
			}
			ls, _, err := b.box.List(context.Background(), notify.Filter{State: notify.Handed, Limit: 1000})
			b.must(err)
			for _, l := range ls {
				if was, ok := settled[l.To]; ok && was != arrived[l.To] {
					t.Errorf("%s got the letter again after the records said that it has it", l.To)
				}
				settled[l.To] = arrived[l.To]
			}
		}
		for run := 0; run < kills; run++ {
			if s, err := b.box.Status(context.Background()); err != nil || s.States["queued"]+s.States["rendered"] < 30 { // always something to do
				b.must(err)
				var ls []notify.Letter
				for range count {
					n++
					l := letter(n)
					l.Content = nil
					ls = append(ls, l)
				}
				b.enqueue(ls...)
			}
			killed += b.child(url, world, run, 1+r.IntN(100))
			settle()
		}
		b.child(url, world, kills, 0)
		settle()
		if s, err := b.box.Status(context.Background()); err != nil || s.States["handed-over"] != int64(n) {
			t.Errorf("of %d: %v %v", n, s.States, err)
		}
		doubled := b.once(n)
		if killed < kills*9/10 || doubled > 3*5*killed { // under way on three lines, or not settled yet
			t.Errorf("killed %d times, %d doubled", killed, doubled)
		}
		t.Logf("%d letters, killed %d times, %d doubled between DATA and its answer, or before that was written down", n, killed, doubled)
	})
}

// child runs a process that dies at a step, 0 for never; it tells whether it was killed.
func (b *bench) child(url, world string, run, step int) int {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TOCSIN_CRASH_URL="+url, "TOCSIN_CRASH_WORLD="+world, fmt.Sprintf("TOCSIN_CRASH_RUN=%d", run),
		fmt.Sprintf("TOCSIN_CRASH_STEP=%d", step), fmt.Sprintf("TOCSIN_CRASH_PORT=%d", b.server.Config().Port))
	out, err := cmd.CombinedOutput()
	if ee, ok := err.(*exec.ExitError); ok && ee.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return 1
	}
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return 0
}
