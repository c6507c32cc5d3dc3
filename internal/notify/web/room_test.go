package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

type console struct {
	*testing.T
	box    *notify.Outbox
	db     *db.DB
	server *mailtest.Server
	may    map[act.Permission]bool
	for1   int64
	h      http.Handler
}

func open(t *testing.T) *console {
	t.Helper()
	clock := clock.NewManual(now)
	c := &console{T: t, server: mailtest.New(t), may: map[act.Permission]bool{read: true, write: true, release: true, stop: true}}
	c.db = dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(clock))
	registry := constituency.NewStore(c.db, clock)
	sender, err := mail.New(c.server.Config(), egress.Open(egress.Policy{}), clock)
	c.must(err)
	seal, err := identity.NewSeal(make([]byte, 32))
	c.must(err)
	c.box, err = notify.New(notify.Config{DB: c.db, Clock: clock, Real: clock, Sender: sender, Seal: seal, Tick: time.Millisecond,
		Gate: disclosure.NewGate(disclosure.Config{DB: c.db, Clock: clock, Constituency: registry, Nation: nation.NewStore(c.db)})})
	c.must(err)
	one, err := registry.Create(context.Background(), act.Machine, constituency.Constituent{Ref: "isp1", Name: "ISP One", Kind: constituency.ISP, Designation: constituency.OtherDesignation})
	c.must(err)
	c.for1 = one.ID
	allowed := func(_ act.Actor, p act.Permission) bool { return c.may[p] }
	app, err := web.New(web.Config{Clock: clock, Log: slog.New(slog.DiscardHandler), Team: "CERT", Allowed: allowed, Sending: Frame(c.box, allowed),
		Actor: func(*http.Request) act.Actor {
			return act.Actor{Kind: act.Person, ID: "1", Name: "Officer", Rights: &act.Rights{Staff: true, Account: 1}}
		}}, c.room())
	c.must(err)
	c.h = app
	return c
}

func (c *console) room() web.Room {
	return Room(Config{Outbox: c.box, Address: func(context.Context, act.Actor) (string, error) { return "officer@cert.example", nil },
		Constituent: func(_ context.Context, id int64) string { return fmt.Sprintf("Constituent %d", id) },
		Find:        func(context.Context, string) (int64, error) { return c.for1, nil }})
}

func (c *console) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *console) do(r *http.Request, status int, parts ...string) string {
	c.Helper()
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	if w.Code != status {
		c.Errorf("%s %s: status %d, want %d\n%s", r.Method, r.URL, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			c.Errorf("%s %s: %q is missing in\n%s", r.Method, r.URL, p, w.Body)
		}
	}
	return w.Body.String()
}

func (c *console) get(path string, parts ...string) string {
	c.Helper()
	return c.do(httptest.NewRequest("GET", path, nil), 200, parts...)
}

func (c *console) post(path string, status int, parts []string, pairs ...string) {
	c.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.do(r, status, parts...)
}

func (c *console) enqueue(n int, change func(*notify.Letter)) (id int64) {
	c.Helper()
	l := notify.Letter{Key: fmt.Sprint("digest:", n), Kind: "digest", Constituent: c.for1, To: fmt.Sprintf("abuse%d@isp.example", n), Name: "Desk", Content: &notify.Content{
		Subject: fmt.Sprint("Findings ", n), Text: "Open <services>.", HTML: `<p onclick="x()">Open</p>`, Marking: disclosure.Marking{Label: tlp.Green},
		Attachments: []mail.Attachment{{Name: "dns.csv", Type: "text/csv", Bytes: []byte("a,b\n")}}}}
	change(&l)
	c.must(c.db.Act(context.Background(), act.Act{Actor: act.Machine, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) (err error) {
		id, err = c.box.Enqueue(tx, l)
		return err
	}))
	return id
}

// work lets the outbox work until a letter is in a state.
func (c *console) work(id int64, s notify.State) {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { c.box.Work(ctx); close(done) }()
	for ctx.Err() == nil {
		if l, err := c.box.ByID(ctx, id); err == nil && l.State == s {
			break
		}
		<-time.After(time.Millisecond)
	}
	cancel()
	<-done
	if l, err := c.box.ByID(context.Background(), id); err != nil || l.State != s {
		c.Fatalf("letter %d is %s (%s), not %s: %v", id, l.State, l.Reason, s, err)
	}
}

func TestTextsAreInTheCatalogues(t *testing.T) {
	c := open(t)
	webtest.Check(t, c.room(), "any", "outbox.none", "outbox.none-text", "letter.state.", "letter.hold.", "letter.channel.", "tile.", "layout.sending-stopped", "switch.started",
		"test.subject", "test.text", "test.queued", "test.prefix", "letter.resent", "letter.cancelled", "letter.no-preview", "health.none", "health.none-text",
		"release.none", "release.none-text", "release.done", "release.refused", "hook.none", "hook.none-text", "hook.saved", "hook.removed")
}

func TestTheSwitchStandsOnEveryPageAndStops(t *testing.T) {
	c := open(t)
	c.get("/outbox", "Sending is off", "Start sending")
	c.post("/outbox/start", 400, []string{"say why"})
	c.post("/outbox/start", 303, nil, "reason", "the team is ready")
	c.get("/outbox/health", "Sending is on", `action="/outbox/stop"`, "Stop")
	c.post("/outbox/stop", 303, nil, "to", "/outbox/health")
	c.get("/outbox/webhooks", "Sending is off")
	c.may[stop], c.may[release], c.may[write] = false, false, false
	body := c.get("/outbox")
	if strings.Contains(body, "Start sending") || strings.Contains(body, "Send a test") {
		t.Error("shows what may not be done")
	}
	c.post("/outbox/start", 403, nil, "reason", "mine")
	c.post("/outbox/stop", 403, nil)
	c.may[read] = false
	if r := httptest.NewRequest("GET", "/outbox", nil); strings.Contains(c.do(r, 403), "Sending is") {
		t.Error("who may not read the outbox sees the switch")
	}
}

func TestALetterIsSeenReleasedSentAndListed(t *testing.T) {
	c := open(t)
	c.must(c.box.Start(context.Background(), act.Machine, "ready"))
	id := c.enqueue(1, func(*notify.Letter) {})
	other := c.enqueue(2, func(l *notify.Letter) { l.Constituent = 0 })
	c.work(id, notify.Held)
	c.work(other, notify.Held)
	c.get("/outbox", "Findings 1", "waits for release", "Constituent")
	body := c.get(one(id), "Open &lt;services&gt;.", "dns.csv", "TLP:GREEN", "Release", "&lt;p onclick=")
	if strings.Contains(body, "<iframe") || strings.Contains(body, "<p onclick") {
		t.Error("the letter's HTML reaches the page")
	}
	if got := c.get(one(id) + "/attachments/0"); got != "a,b\n" {
		t.Errorf("attachment %q", got)
	}
	c.do(httptest.NewRequest("GET", one(id)+"/attachments/7", nil), 404)
	c.get("/outbox/release", "Findings 1", "Findings 2", "Release all 2")
	c.post("/outbox/release", 400, []string{"choose one letter"}, "verb", "approve")
	c.post("/outbox/release", 400, []string{"say why"}, "verb", "refuse", "id", fmt.Sprint(other))
	c.post("/outbox/release", 303, nil, "verb", "refuse", "reason", "unknown address", "id", fmt.Sprint(other))
	c.post("/outbox/release", 303, nil, "verb", "approve", "id", fmt.Sprint(id))
	c.work(id, notify.Handed)
	c.get(one(id), "handed over", "/disclosure/ledger/", "@cert.example")
	c.get("/outbox?state=cancelled", "Findings 2", "unknown address")
	c.get("/outbox?state=dead", "No letters")
	c.do(httptest.NewRequest("GET", "/outbox?state=x", nil), 400)
	c.do(httptest.NewRequest("GET", "/outbox/letters/999", nil), 404)
	c.get("/outbox/health?all=true", "abuse1@isp.example")
}

func TestADeadLetterIsSentAgain(t *testing.T) {
	c := open(t)
	c.must(c.box.Start(context.Background(), act.Machine, "ready"))
	c.server.Behave(mailtest.Behaviour{Refuse: func(string) int { return 550 }})
	id := c.enqueue(1, func(l *notify.Letter) { l.Asked = true })
	c.work(id, notify.Dead)
	c.get("/outbox?state=dead", "Findings 1", "550", `name="id"`)
	c.get("/outbox/health", "abuse1@isp.example", "550")
	c.get(one(id), "Send again", "given up")
	c.server.Behave(mailtest.Behaviour{})
	c.post("/outbox/resend", 303, nil, "id", fmt.Sprint(id), "to", one(id))
	c.work(id, notify.Handed)
	c.get("/outbox/health", "No address fails")
}

func TestATestGoesToOneself(t *testing.T) {
	c := open(t)
	c.must(c.box.Start(context.Background(), act.Machine, "ready"))
	id := c.enqueue(1, func(*notify.Letter) {})
	c.post("/outbox/test", 303, nil)
	c.post(one(id)+"/test", 303, nil)
	c.work(id+2, notify.Handed)
	c.work(id+1, notify.Handed)
	for _, g := range c.server.Got() {
		if g.To != "officer@cert.example" || !strings.Contains(g.Raw, "test of the outbox") && !strings.Contains(g.Raw, "[Test] Findings 1") {
			t.Errorf("%+v", g)
		}
	}
	c.post(one(id)+"/cancel", 303, nil, "reason", "not yet")
	c.get(one(id), "cancelled", "not yet")
}

func TestAWebhookShowsItsSecretOnce(t *testing.T) {
	c := open(t)
	c.get("/outbox/webhooks", "No webhooks")
	c.get("/outbox/webhooks/new", "Constituent (its reference)")
	c.post("/outbox/webhooks/new", 400, []string{"by https only"}, "constituent", "isp1", "name", "SIEM", "url", "http://siem.example/")
	c.post("/outbox/webhooks/new", 200, []string{"whsec_", "more than 5 minutes"}, "constituent", "isp1", "name", "SIEM", "url", "https://siem.example/in", "kinds", "digest, receipt")
	if body := c.get("/outbox/webhooks", "SIEM", "https://siem.example/in", "<code>receipt</code>", "Switch off"); strings.Contains(body, "whsec_") {
		t.Error("shows the secret again")
	}
	c.post("/outbox/webhooks/1/enable", 303, nil)
	c.get("/outbox/webhooks", "Switch on")
	c.post("/outbox/webhooks/1/remove", 303, nil)
	c.post("/outbox/webhooks/1/remove", 404, nil)
	c.get("/outbox/webhooks", "No webhooks")
}
