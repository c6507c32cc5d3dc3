package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/notify/mailbox/mailboxtest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
)

type service struct {
	*testing.T
	post *mailboxtest.Post
	may  map[act.Permission]bool
	h    http.Handler
}

func open(t *testing.T) *service {
	t.Helper()
	at := clock.NewManual(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC))
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(at))
	s := &service{T: t, post: mailboxtest.Open(t, d, at), may: map[act.Permission]bool{read: true, write: true}}
	at.Move(time.Minute)
	s.post.Receive("From: Ana <abuse@isp1.example>\nSubject: Re: What we saw\nMessage-ID: <r1@isp1.example>\nIn-Reply-To: "+s.post.Letter.MessageID+"\n\nClosed.\n",
		"From: b@isp2.example\nSubject: Report\nContent-Type: text/csv; name=\"scan_dns.csv\"\n\na,b\n", "From: c@isp3.example\nSubject: Hello\n\nhello\n")
	var err error
	s.h, err = api.New(api.Config{Title: "Tocsin", Version: "1", Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Person, ID: "1", Name: "Officer"} },
		Allowed: func(_ act.Actor, p act.Permission) bool { return s.may[p] }}, Routes(s.post.Box)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *service) do(method, path, body string, status int, to any) *httptest.ResponseRecorder {
	s.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	s.h.ServeHTTP(w, r)
	if w.Code != status {
		s.Errorf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	if to != nil {
		if err := json.Unmarshal(w.Body.Bytes(), to); err != nil {
			s.Errorf("%s: %v\n%s", path, err, w.Body)
		}
	}
	return w
}

func TestMessagesAreListedByCursor(t *testing.T) {
	s := open(t)
	var seen []int64
	for path := "/api/mailbox/messages?limit=2"; path != ""; {
		var p api.Page[Message]
		s.do("GET", path, "", 200, &p)
		for _, m := range p.Items {
			seen = append(seen, m.ID)
		}
		path = ""
		if p.Next != "" {
			path = "/api/mailbox/messages?limit=2&cursor=" + p.Next
		}
	}
	if fmt.Sprint(seen) != "[3 2 1]" {
		t.Errorf("%v", seen)
	}
	var waiting api.Page[Message]
	s.do("GET", "/api/mailbox/messages?state=waiting&kind=letter", "", 200, &waiting)
	if len(waiting.Items) != 2 {
		t.Errorf("%+v", waiting)
	}
	s.do("GET", "/api/mailbox/messages?state=other", "", 422, nil)
	s.do("GET", "/api/mailbox/messages?cursor=LTE", "", 422, nil)
}

func TestAMessageIsAnsweredInItsConversation(t *testing.T) {
	s := open(t)
	var m Message
	s.do("GET", "/api/mailbox/messages/1", "", 200, &m)
	if !m.Verified || m.Ticket != "CERT-1" || m.Letter != s.post.Letter.ID || m.Text != "Closed." {
		t.Errorf("%+v", m)
	}
	var a Answered
	s.do("POST", "/api/mailbox/messages/1/answer", `{"text":"Thank you.","label":"AMBER","quote":true}`, 201, &a)
	var c Conversation
	s.do("GET", "/api/mailbox/conversations/CERT-1", "", 200, &c)
	if len(c.Entries) != 3 || c.Entries[2].Letter == nil || c.Entries[2].Letter.ID != a.Letter || !strings.Contains(c.Entries[2].Letter.Text, "> Closed.") || c.Entries[1].Message.State != "done" {
		t.Errorf("%+v", c)
	}
	s.do("POST", "/api/mailbox/messages/1/answer", `{"text":"x","label":"RED"}`, 422, nil)
	s.do("POST", "/api/mailbox/messages/3/answer", `{"text":"x","label":"CLEAR"}`, 409, nil)
	s.do("GET", "/api/mailbox/conversations/CERT-2", "", 404, nil)
	s.may[write] = false
	s.do("POST", "/api/mailbox/messages/1/answer", `{"text":"x","label":"CLEAR"}`, 403, nil)
}

func TestTheInboxIsEmptiedAndCounted(t *testing.T) {
	s := open(t)
	var m Message
	s.do("POST", "/api/mailbox/messages/2/files/1/report", `{}`, 202, &m)
	if len(m.Files) != 1 || m.Files[0].State != "queued" || m.Files[0].Feed != "shadowserver" {
		t.Errorf("%+v", m)
	}
	s.do("POST", "/api/mailbox/messages/2/dismiss", `{"reason":"taken in"}`, 200, &m)
	s.do("POST", "/api/mailbox/messages/3/begin", ``, 200, &m)
	if m.State != "open" || !strings.HasPrefix(m.Ticket, "M3-") {
		t.Errorf("%+v", m)
	}
	s.do("POST", "/api/mailbox/messages/3/finish", ``, 200, &m)
	s.do("POST", "/api/mailbox/messages/2/assign", `{"ticket":"nothing"}`, 422, nil)
	s.do("POST", "/api/mailbox/messages/2/assign", `{"ticket":"CERT-1"}`, 200, &m)
	var o Overview
	s.do("GET", "/api/mailbox", "", 200, &o)
	if o.Open != 2 || o.Done != 1 || o.Waiting != 0 || len(o.Mailboxes) != 1 || o.Mailboxes[0].Taken != 3 {
		t.Errorf("%+v", o)
	}
	if w := s.do("GET", "/api/mailbox/messages/2/files/1", "", 200, nil); w.Body.String() != "a,b\r\n" || w.Header().Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%q %v", w.Body, w.Header())
	}
	s.do("GET", "/api/mailbox/messages/2/original", "", 200, nil)
	s.do("GET", "/api/mailbox/messages/9/original", "", 404, nil)
}
