package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/incident"
	restapi "tocsin/internal/incident/api"
	"tocsin/internal/incident/incidenttest"
	room "tocsin/internal/incident/web"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil, nil), "any", "at-least", "at.wrong", "board.waiting", "board.all", "board.none", "board.none-text", "cases.current", "cases.none",
		"cases.none-text", "look.list", "look.board", "report-state.", "case-state.", "origin.", "answer.", "said.", "decide.", "type.none", "tlp.as-said", "pap.none", "scale.none",
		"person.me", "person.nobody", "part.", "entry.", "entry-kind.", "change.", "change.of", "conflict.by", "file.none", "did.", "severity.", "find.none", "find.none-text")
}

// desk serves the rooms of a town.
type desk struct {
	*incidenttest.Town
	pages, rest http.Handler
	as          act.Actor
}

func eachDesk(t *testing.T, fn func(d *desk)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, store *db.DB) {
		d := &desk{Town: incidenttest.Open(t, store), as: incidenttest.Officer}
		actor := func(*http.Request) act.Actor { return d.as }
		allowed := func(act.Actor, act.Permission) bool { return true }
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		var err error
		d.pages, err = web.New(web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1", Clock: d.Clock, Actor: actor, Allowed: allowed, Log: log}, room.Room(d.Desk, nil))
		d.OK(err)
		d.rest, err = api.New(api.Config{Title: "Tocsin", Version: "1", Log: log, Actor: actor, Allowed: allowed}, restapi.Routes(d.Desk)...)
		d.OK(err)
		fn(d)
	})
}

// ask sends a request and wants a status and parts of the answer.
func (d *desk) ask(h http.Handler, method, path, body string, status int, parts ...string) string {
	d.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != status {
		d.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	text := w.Header().Get("Location") + w.Body.String()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			d.Errorf("%s %s: %q is missing: %s", method, path, p, text)
		}
	}
	return text
}

func (d *desk) get(path string, parts ...string) string {
	return d.ask(d.pages, "GET", path, "", 200, parts...)
}

func (d *desk) post(path string, status int, form url.Values, parts ...string) string {
	d.Helper()
	return d.ask(d.pages, "POST", path, form.Encode(), status, parts...)
}

func TestBoardDecides(t *testing.T) {
	eachDesk(t, func(d *desk) {
		first, second, third := d.Filed("hospital", "First"), d.Filed("bank", "Second"), d.Filed("bank", "Third")
		page := d.get("/reports", "First", "Second", "Hospital", "Special importance", "TLP:AMBER")
		if strings.Index(page, "First") > strings.Index(page, "Second") {
			d.Error("the board does not begin with what waits the longest")
		}
		at := func(r incident.Report) string { return "/reports/" + strconv.FormatInt(r.ID, 10) }
		d.post(at(first)+"/decide", 303, url.Values{"version": {"1"}, "verb": {"accept"}, "lead": {"1"}}, "/cases/1")
		d.post(at(first)+"/decide", 409, url.Values{"verb": {"reject"}, "what": {"no"}}, "Ana decided about the report")
		d.post(at(second)+"/decide", 400, url.Values{"verb": {"merge"}, "what": {"2026-0077"}}, "there is no case")
		d.post(at(second)+"/decide", 303, url.Values{"verb": {"merge"}, "what": {"t-i2026-0001"}})
		d.post(at(third)+"/decide", 303, url.Values{"verb": {"duplicate"}, "what": {first.Number}})
		d.get(at(third), "Repeats", first.Number)
		d.post(at(third)+"/untriage", 303, nil)
		d.post(at(third)+"/decide", 400, url.Values{"verb": {"reject"}, "what": {" "}}, "is needed")
		d.post(at(third)+"/decide", 303, url.Values{"verb": {"reject"}, "what": {"an exercise"}})
		d.get(at(third), "an exercise")
		d.get("/cases/2026-0001", "Bank", "Hospital", "Ana", first.Number, second.Number)
		d.get("/reports?state=rejected", "Third")
		d.post(at(second)+"/split", 303, url.Values{"reason": {"two after all"}}, "/cases/2")
		d.get("/cases/1", "left and is the case 2026-0002")
		d.post("/cases/2/join", 303, url.Values{"into": {"2026-0001"}, "join-reason": {"one campaign"}}, "/cases/1")
		d.get("/cases/2", "part of another one now")
	})
}

func TestConflictShowsWhatTheOtherChangedAndKeepsWhatWasTyped(t *testing.T) {
	eachDesk(t, func(d *desk) {
		ctx := context.Background()
		c, err := d.Desk.Open(ctx, incidenttest.Officer, incident.Opening{Title: "Outage"})
		d.OK(err)
		d.get("/cases/1/edit", `name="version" value="1"`, `name="seen" value="1"`)
		boris := act.Actor{Kind: act.Person, ID: "8", Name: "Boris", Rights: &act.Rights{Staff: true, Account: 8}}
		_, err = d.Edit(ctx, boris, c.ID, c.Version, incident.Change{Type: new("ransomware-or-not"), Title: new("Outage")})
		if err == nil {
			d.Fatal("a type that does not exist was taken")
		}
		_, err = d.Edit(ctx, boris, c.ID, c.Version, incident.Change{Type: new("infected-system")})
		d.OK(err)
		form := url.Values{"version": {"1"}, "seen": {"1"}, "title": {"Outage of the grid"}, "summary": {"typed for ten minutes"}, "tlp": {"TLP:AMBER"}, "lead": {"me"}, "severity": {"0"}}
		d.post("/cases/1/edit", 409, form, "Boris changed the case 2026-0001", "type: – → infected-system", "typed for ten minutes", "Outage of the grid", `name="version" value="2"`)
		form.Set("version", "2")
		form.Set("type", "infected-system")
		d.post("/cases/1/edit", 303, form)
		d.get("/cases/1", "typed for ten minutes", "Outage of the grid", "infected-system", "Ana")
		d.post("/cases/1/move", 409, url.Values{"version": {"1"}, "seen": {"1"}, "to": {"containment"}}, "Ana")
		d.post("/cases/1/move", 303, url.Values{"version": {"3"}, "to": {"containment"}})
		d.post("/cases/1/involve", 400, url.Values{"constituent": {"nobody"}, "part": {"victim"}}, "nobody")
		d.post("/cases/1/involve", 303, url.Values{"constituent": {"bank"}, "part": {"victim"}})
		d.get("/cases?sector=finance", "Outage of the grid", "Bank")
		d.get("/cases?lead=me&look=board", "Outage of the grid")
		if strings.Contains(d.get("/cases?sector=health"), "Outage of the grid") {
			d.Error("a case of a bank is in the list of health")
		}
		d.get("/cases?min-severity=nonsense", "is no severity")
		d.post("/cases/1/dismiss", 303, url.Values{"party": {strconv.FormatInt(d.IDs["bank"], 10)}, "party-part": {"victim"}})
		d.post("/cases/new", 303, url.Values{"title": {"Seen by us"}, "constituent": {"hospital"}, "part": {"victim"}, "tlp": {"TLP:GREEN"}, "lead": {"8"}}, "/cases/2")
		d.get("/cases/2", "Boris", "Hospital", "TLP:GREEN")
	})
}

const markup = `<script>alert("x")</script><img src=x onerror=alert(1)>`

func TestMarkupAndLongTextsStayText(t *testing.T) {
	eachDesk(t, func(d *desk) {
		ctx := context.Background()
		f := incident.Filing{Title: markup, Text: markup, Aware: d.Clock.Now().UnixMicro(), Name: markup, Organisation: markup, Phone: markup,
			Details: incident.Details{Impact: markup, Systems: markup, Cause: markup, Measures: markup, Indicators: markup, Countries: markup, Help: markup}}
		r, _, err := d.File(ctx, act.Anybody, incident.Reporter{Origin: incident.FromPublic}, f)
		d.OK(err)
		_, err = d.Add(ctx, act.Anybody, r.ID, incident.Addition{Via: "link", Name: markup, Text: markup})
		d.OK(err)
		_, err = d.Keep(ctx, act.Anybody, incident.File{Report: r.ID, Name: "../../" + markup, Note: markup}, strings.NewReader("x"))
		d.OK(err)
		c, err := d.Accept(ctx, incidenttest.Officer, r.ID, 0, incident.Opening{})
		d.OK(err)
		_, err = d.Note(ctx, incidenttest.Officer, c.ID, incident.Entry{Kind: incident.KindNote, Text: markup})
		d.OK(err)
		for _, path := range []string{"/reports?state=all", "/reports/1", "/cases", "/cases?look=board", "/cases/1", "/cases/1/edit"} {
			if page := d.get(path); strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") || !strings.Contains(page, "&lt;script&gt;") {
				d.Errorf("%s: the markup is not text", path)
			}
		}
		d.post("/cases/1/notes", 400, url.Values{"kind": {"note"}, "text": {strings.Repeat("x", 900_000)}}, "longer than")
		d.post("/cases/1/notes", 400, url.Values{"kind": {"note"}, "text": {strings.Repeat("x", 10<<20)}}, "larger than")
		d.post("/cases/1/notes", 303, url.Values{"kind": {"fact"}, "text": {"the mail came"}, "at": {"2026-03-01T23:30"}, "shared": {"1"}})
		d.get("/cases/1", "the mail came", "shared")
		r2 := httptest.NewRequest("GET", "/evidence/1", nil)
		w := httptest.NewRecorder()
		d.pages.ServeHTTP(w, r2)
		if b, _ := io.ReadAll(w.Body); string(b) != "x" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") || w.Header().Get("Content-Type") != "application/octet-stream" {
			d.Errorf("the file is %q with %v", b, w.Header())
		}
	})
}

func TestDraftsAreOnNoPage(t *testing.T) {
	eachDesk(t, func(d *desk) {
		ctx := context.Background()
		r, _, err := d.File(ctx, act.Anybody, incident.Reporter{Origin: incident.FromPublic, Draft: true, Link: true}, incident.Filing{Title: "Half a thought"})
		d.OK(err)
		_, err = d.Keep(ctx, act.Anybody, incident.File{Report: r.ID, Name: "a.txt"}, strings.NewReader("x"))
		d.OK(err)
		for _, path := range []string{"/reports", "/reports?state=all", "/reports?state=draft"} {
			if strings.Contains(d.get(path), "Half a thought") {
				d.Errorf("%s shows a draft", path)
			}
		}
		d.ask(d.pages, "GET", "/reports/1", "", 404)
		d.ask(d.pages, "GET", "/evidence/1", "", 404)
		d.ask(d.rest, "GET", "/api/evidence/1", "", 404)
		d.ask(d.rest, "GET", "/api/reports", "", 200, `"items":[]`)
	})
}

func TestOperationsDoWhatThePagesDo(t *testing.T) {
	eachDesk(t, func(d *desk) {
		a, b := d.Filed("hospital", "First"), d.Filed("bank", "Second")
		d.ask(d.rest, "GET", "/api/reports?state=received&order=oldest&limit=1", "", 200, `"title":"First"`, `"next"`)
		d.ask(d.rest, "GET", "/api/reports/"+a.Number, "", 200, `"tlp":"TLP:AMBER"`, `"version":1`)
		d.ask(d.rest, "GET", "/api/reports/1/receipt", "", 200, a.SHA256, "signature")
		d.ask(d.rest, "GET", "/api/reports/1/record", "", 200, `"title": "First"`)
		d.ask(d.rest, "POST", "/api/reports/1/accept", `{"version":1,"lead":"me"}`, 201, `"number":"2026-0001"`, `"lead_name":"Ana"`)
		d.ask(d.rest, "POST", "/api/reports/1/accept", `{"version":1}`, 409)
		d.ask(d.rest, "POST", "/api/reports/"+b.Number+"/merge", `{"case":"2026-0001"}`, 200, `"part":"reporter"`)
		d.ask(d.rest, "PATCH", "/api/cases/2026-0001", `{"version":1,"title":"x"}`, 409)
		d.ask(d.rest, "PATCH", "/api/cases/2026-0001", `{"type":"infected-system","tlp":"GREEN"}`, 422)
		d.ask(d.rest, "PATCH", "/api/cases/2026-0001", `{"type":"infected-system","tlp":"GREEN","reason":"agreed","pap":"amber"}`, 200, `"class":"malicious-code"`, `"tlp":"TLP:GREEN"`, `"pap":"PAP:AMBER"`)
		d.ask(d.rest, "POST", "/api/cases/1/move", `{"to":"resolved"}`, 200, `"state":"resolved"`)
		d.ask(d.rest, "POST", "/api/cases/1/timeline", `{"text":"seen","kind":"handover"}`, 201, `"kind":"handover"`)
		d.ask(d.rest, "GET", "/api/cases/1/timeline?limit=1", "", 200, `"next"`, "seen")
		d.ask(d.rest, "GET", "/api/cases/1/reports", "", 200, a.Number, b.Number)
		d.ask(d.rest, "POST", "/api/cases/1/parties", `{"constituent":"bank","part":"source"}`, 200, `"part":"source"`)
		d.ask(d.rest, "DELETE", "/api/cases/1/parties?part=source&constituent="+strconv.FormatInt(d.IDs["bank"], 10), "", 200)
		d.ask(d.rest, "GET", "/api/cases/counts?state=all", "", 200, `"resolved":1`)
		d.ask(d.rest, "GET", "/api/cases/export?state=all", "", 200, "2026-0001,First,resolved", "reporter=bank")
		d.ask(d.rest, "POST", "/api/cases", `{"title":"=cmd|x","constituent":"bank"}`, 201, `"number":"2026-0002"`)
		d.ask(d.rest, "GET", "/api/cases/export", "", 200, "'=cmd|x")
		d.ask(d.rest, "POST", "/api/reports/2/split", `{"reason":"two"}`, 201, `"number":"2026-0003"`)
		d.ask(d.rest, "POST", "/api/cases/3/join", `{"into":"1","reason":"one"}`, 200, `"state":"merged"`)
		d.ask(d.rest, "GET", "/api/cases?state=merged", "", 200, "2026-0003")
		r := httptest.NewRequest("POST", "/api/cases/1/files?name=..%2F..%2Fx&note=disk", strings.NewReader("image"))
		r.Header.Set("Content-Type", "application/octet-stream")
		w := httptest.NewRecorder()
		d.rest.ServeHTTP(w, r)
		if w.Code != 201 || !strings.Contains(w.Body.String(), `"name":"x"`) {
			d.Errorf("the file: %d %s", w.Code, w.Body)
		}
		d.ask(d.rest, "GET", "/api/cases/1/files", "", 200, `"note":"disk"`)
		d.ask(d.rest, "GET", "/api/cases/search?q=first", "", 200, a.Number, "2026-0001")
		d.get("/cases/search?q=secon", b.Number)
		d.get("/cases/search?q=nonsense", "Nothing found")
		d.ask(d.pages, "GET", "/cases/search?q=T-I2026-0002", "", 303, "/cases/2")
		d.ask(d.pages, "GET", "/cases/search?q="+strings.ToLower(b.Number), "", 303, "/reports/2")
	})
}
