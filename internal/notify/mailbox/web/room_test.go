package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/format/eml"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/notify/mailbox/mailboxtest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/mail/protect"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "mail.no-subject", "list.none-text", "did.answer", "did.assign", "did.begin", "did.incident", "did.dismiss", "did.finish", "did.report",
		"col.subject", "col.from", "col.kind", "col.taken")
	check := func(key string) {
		t.Helper()
		webtest.Check(t, web.Room{Templates: files, Locale: files}, key)
	}
	for _, s := range protect.SignatureStates() {
		check("signature." + string(s))
		check("signature-text." + string(s))
	}
	for _, s := range protect.EncryptionStates() {
		check("encryption." + string(s))
		check("encryption-text." + string(s))
	}
	check("protection.type." + string(protect.SMIME))
	check("protection.type." + string(protect.OpenPGP))
	for _, s := range mailbox.States() {
		check("mail-state." + string(s))
		check("list.none." + string(s))
	}
	for _, k := range []mailbox.Kind{mailbox.Letter, mailbox.Automatic, mailbox.Bounce, mailbox.Delivery, mailbox.List, mailbox.Own} {
		check("kind." + string(k))
	}
	for _, f := range []eml.Flaw{eml.Cut, eml.ManyParts, eml.Deep, eml.LongText, eml.Header, eml.Broken, eml.Charset, eml.Senders, eml.Encrypted} {
		check("flaw." + string(f))
	}
	for _, how := range []string{mailbox.ByReference, mailbox.ByTicket, mailbox.ByReport, mailbox.ByHand, mailbox.ByIntake} {
		check("threaded." + how)
	}
	for _, s := range []mailbox.FileState{mailbox.Queued, mailbox.Took, mailbox.Failed} {
		check("file." + string(s))
	}
}

type console struct {
	*testing.T
	post *mailboxtest.Post
	may  map[act.Permission]bool
	h    http.Handler
}

// open is a console with a reply (1), a stranger's message with a report (2) and an automatic reply (3).
func open(t *testing.T) *console {
	t.Helper()
	at := clock.NewManual(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC))
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(at))
	c := &console{T: t, post: mailboxtest.Open(t, d, at), may: map[act.Permission]bool{read: true, write: true}}
	at.Move(time.Minute)
	ref := "In-Reply-To: " + c.post.Letter.MessageID + "\n"
	c.post.Receive("From: Ana <abuse@isp1.example>\nSubject: Re: What we saw\nMessage-ID: <r1@isp1.example>\n"+ref+"\nClosed.\n\nOn Wed, CERT wrote:\n> Open services.\n",
		"From: \"<script>alert(1)</script>\" <eve@evil.example>\nReply-To: other@evil.example\nSubject: <b>Report</b>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>See<img src=\"https://track.example/p.gif\"><script>alert(2)</script></p>\n--b\nContent-Type: text/html; name=\"2026-11-24-scan_dns-x.csv\"\n\na,b\n--b--\n",
		"From: abuse@isp1.example\nAuto-Submitted: auto-replied\nMessage-ID: <v@isp1.example>\n"+ref+"\nI am away\n")
	app, err := web.New(web.Config{Clock: at, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Team: "CERT",
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Person, ID: "1", Name: "Officer"} },
		Allowed: func(_ act.Actor, p act.Permission) bool { return c.may[p] }}, Room(c.post.Box))
	if err != nil {
		t.Fatal(err)
	}
	c.h = app
	return c
}

func (c *console) do(r *http.Request, status int, parts ...string) *httptest.ResponseRecorder {
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
	return w
}

func (c *console) get(path string, parts ...string) string {
	c.Helper()
	return c.do(httptest.NewRequest("GET", path, nil), 200, parts...).Body.String()
}

func (c *console) post303(path, to string, pairs ...string) {
	c.Helper()
	w := c.send(path, 303, pairs...)
	if got := w.Header().Get("Location"); got != to {
		c.Errorf("%s leads to %s, want %s", path, got, to)
	}
}

func (c *console) send(path string, status int, pairs ...string) *httptest.ResponseRecorder {
	c.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(r, status)
}

func TestTheInboxAndConversationsAreListed(t *testing.T) {
	c := open(t)
	inbox := c.get("/mailbox", "&lt;b&gt;Report&lt;/b&gt;", `href="/mailbox/2"`, "Inbox (1)", "To answer (1)", "Dealt with (1)")
	if strings.Contains(inbox, "Re: What we saw") {
		t.Error("the inbox shows what stands in a conversation")
	}
	c.get("/mailbox?state=open", "Re: What we saw", `href="/conversations/CERT-1#m1"`)
	c.get("/mailbox?state=done", "Automatic reply")
	c.get("/mailbox?state=dismissed", "No message was dismissed")
	c.do(httptest.NewRequest("GET", "/mailbox?state=other", nil), 400)
}

func TestAConversationIsShownInOrderAndAnswered(t *testing.T) {
	c := open(t)
	page := c.get("/conversations/CERT-1", "Open services.", "Closed.", "I am away", "Known address", "Automatic reply", "Quoted letter", `action="/mailbox/1/answer"`)
	if a, b := strings.Index(page, "Our letter"), strings.Index(page, "Closed."); a < 0 || b < a {
		t.Errorf("the letter stands at %d, the reply at %d", a, b)
	}
	if strings.Contains(page, `action="/mailbox/3/answer"`) {
		t.Error("a machine is offered an answer")
	}
	c.do(httptest.NewRequest("GET", "/conversations/CERT-2", nil), 404)
	c.do(httptest.NewRequest("POST", "/mailbox/1/answer", strings.NewReader("text=&label=AMBER")), 400)
	c.post303("/mailbox/1/answer", "/conversations/CERT-1", "text", "Thank you <b>", "label", "AMBER", "quote", "1")
	c.get("/conversations/CERT-1", "Thank you &lt;b&gt;", "&gt; Closed.")
	if got := c.send("/mailbox/3/answer", 409, "text", "x", "label", "CLEAR"); !strings.Contains(got.Body.String(), "not written by a person") {
		t.Error(got.Body)
	}
	c.may[write] = false
	c.send("/mailbox/1/answer", 403, "text", "x", "label", "CLEAR")
	if strings.Contains(c.get("/conversations/CERT-1"), "/answer") {
		t.Error("a reader is offered to answer")
	}
}

func TestAMessageIsShownAsTextOnly(t *testing.T) {
	c := open(t)
	page := c.get("/mailbox/2", "&lt;script&gt;alert(1)&lt;/script&gt;", "See", "2026-11-24-scan_dns-x.csv", "shadowserver", "other@evil.example", "Take in as a report")
	if strings.Contains(page, "track.example") || strings.Contains(page, "alert(2)") || strings.Contains(page, "<b>Report") {
		t.Errorf("HTML of a message reaches the browser:\n%s", page)
	}
	w := c.do(httptest.NewRequest("GET", "/mailbox/2/files/1", nil), 200, "a,b")
	if h := w.Header(); h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
	c.do(httptest.NewRequest("GET", "/mailbox/2/original", nil), 200, "Reply-To: other@evil.example\r\n")
	c.do(httptest.NewRequest("GET", "/mailbox/2/files/2", nil), 404)
	c.do(httptest.NewRequest("GET", "/mailbox/9", nil), 404)
}

func TestTheInboxIsEmptied(t *testing.T) {
	c := open(t)
	c.do(httptest.NewRequest("GET", "/mailbox/2", nil), 200, "Put into a conversation", "Dismiss")
	if got := c.send("/mailbox/2/assign", 400, "ticket", "CERT-7"); !strings.Contains(got.Body.String(), "there is no conversation") {
		t.Error(got.Body)
	}
	c.post303("/mailbox/2/files/1/report", "/mailbox/2")
	c.get("/mailbox/2", "Waits to be taken in")
	c.post303("/mailbox/2/dismiss", "/mailbox", "reason", "advertising")
	c.get("/mailbox?state=dismissed", "advertising")
	c.post303("/mailbox/2/assign", "/conversations/CERT-1", "ticket", "CERT-1")
	c.get("/conversations/CERT-1", "Sender not verified")
	c.post303("/mailbox/2/finish", "/conversations/CERT-1")
	c.post303("/mailbox/1/finish", "/conversations/CERT-1")
	c.get("/mailbox?state=open", "No conversation waits")
}
