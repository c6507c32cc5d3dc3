package web

import (
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/incident/letter"
	"tocsin/internal/incident/letter/api"
	"tocsin/internal/notify/mailbox/mailboxtest"
	"tocsin/internal/platform/act"
	rest "tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
)

func TestLetterIsLookedAtBeforeItGoesAndItsReplyIsAnswered(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		town, ctx := incidenttest.Open(t, d), context.Background()
		post := mailboxtest.Open(t, d, town.Clock)
		town.Outbox = post.Outbox
		counter, err := filing.New(town.Desk)
		town.OK(err)
		counter.Box, post.Box.Incidents = post.Box, counter.Mailbox()
		desk, err := letter.New(letter.Config{Incidents: town.Desk, Box: post.Box, Reach: func(context.Context, int64) (string, string, error) { return "", "", nil }})
		town.OK(err)
		boss := act.Actor{Kind: act.Local, ID: "test", Name: "Boss"}
		k, err := town.Accept(ctx, boss, town.Filed("hospital", "Locked").ID, 0, incident.Opening{})
		town.OK(err)
		actor := func(*http.Request) act.Actor { return boss }
		allowed := func(act.Actor, act.Permission) bool { return true }
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		pages, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT", Version: "1", Clock: town.Clock, Actor: actor, Allowed: allowed, Log: log}, Room(desk))
		town.OK(err)
		operations, err := rest.New(rest.Config{Title: "Tocsin", Version: "1", Log: log, Actor: actor, Allowed: allowed}, api.Routes(desk)...)
		town.OK(err)
		ask := func(h http.Handler, method, target, body string, status int, parts ...string) string {
			t.Helper()
			r := httptest.NewRequest(method, target, strings.NewReader(body))
			r.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[strings.HasPrefix(target, "/api/")])
			r.Header.Set("Referer", target)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			text := w.Header().Get("Location") + html.UnescapeString(w.Body.String())
			if w.Code != status {
				t.Fatalf("%s %s: %d %s", method, target, w.Code, text)
			}
			for _, p := range parts {
				if !strings.Contains(text, p) {
					t.Errorf("%s %s: %q is missing: %s", method, target, p, text)
				}
			}
			return text
		}
		ask(pages, "GET", "/cases/1/letters/new", "", 200, "Hospital · security desk · soc@hospital.example", `name="tlp"`)
		form := url.Values{"to": {"contact:1"}, "subject": {"Question"}, "text": {"Which <gateway>?"}, "tlp": {"AMBER"}}
		ask(pages, "POST", "/cases/1/letters/new", url.Values{"to": {"contact:1"}, "text": {"typed"}, "tlp": {"AMBER"}}.Encode(), 400, "typed</textarea>", "subject: is needed")
		ask(pages, "POST", "/cases/1/letters/new", form.Encode(), 200, "What would be sent", "To Hospital", "["+k.Ticket()+"] Question", `name="send" value="1"`)
		if page := ask(pages, "GET", "/cases/1/letters", "", 200); strings.Contains(page, "gateway") {
			t.Error("looking at a letter sends it")
		}
		form.Set("send", "1")
		ask(pages, "POST", "/cases/1/letters/new", form.Encode(), 303, "/cases/1/letters")
		ask(pages, "GET", "/cases/1/letters", "", 200, "Which <gateway>?", "queued")
		post.Receive("From: soc@hospital.example\nSubject: Re: ["+k.Ticket()+"] Question\nMessage-ID: <1@hospital.example>\n\nThe old one.\n",
			"From: eve@x.example\nSubject: ["+k.Ticket()+"]\nMessage-ID: <2@x.example>\n\nMe too.\n")
		ask(pages, "GET", "/cases/1/letters", "", 200, "The old one.", "/cases/1/letters/new?reply=1", "sender not known")
		ask(pages, "GET", "/cases/1/letters/new?reply=1", "", 200, "An answer to soc@hospital.example", `value="Re: Question"`, `name="reply" value="1"`)
		ask(pages, "POST", "/cases/1/letters/new?reply=1", "reply=1&tlp=AMBER", 400, `name="reply" value="1"`, "text: is needed")
		ask(pages, "POST", "/cases/1/letters/new?reply=1", "reply=1&quote=1&text=Thanks&tlp=AMBER", 200, "> The old one.")
		ask(pages, "POST", "/cases/1/letters/new?reply=2", "reply=2&text=No&tlp=AMBER", 200, "1 cannot leave", "eve@x.example may not be given TLP:AMBER by mail")
		ask(operations, "GET", "/api/cases/1/letters/parties", "", 200, `"key":"contact:1"`, `"kind":"reporter"`)
		ask(operations, "POST", "/api/cases/1/letters/preview", `{"reply":1,"text":"Thanks","quote":true}`, 200, `"mail":"soc@hospital.example"`, "> The old one.")
		ask(operations, "POST", "/api/cases/1/letters", `{"reply":1,"text":"Thanks","quote":true}`, 201, `"letters":[`)
		ask(operations, "POST", "/api/cases/1/letters", `{"reply":2,"text":"No"}`, 422, "may not be given")
		ask(operations, "GET", "/api/cases/1/letters", "", 200, `"stranger":true`, `"state":"queued"`)
		ask(pages, "GET", "/reports/1/letters", "", 200, "Conversation by mail")
		ask(pages, "GET", "/reports/1/letters/new", "", 200, "reporter · soc@hospital.example")
	})
}
