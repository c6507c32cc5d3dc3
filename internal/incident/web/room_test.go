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
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/format/tlp"
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
		"person.me", "person.nobody", "part.", "entry.", "entry-kind.", "change.", "change.of", "conflict.by", "file.none", "did.", "severity.", "find.none", "find.none-text", "tasks.none-text", "day.wrong", "verdict.", "link.", "letter-state.", "shared.none", "shared.none-text")
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
		d.post(at(third)+"/decide", 409, url.Values{"verb": {"duplicate"}, "what": {first.Number}}, "add the report to the case of the other one instead")
		d.post(at(third)+"/decide", 303, url.Values{"verb": {"duplicate"}, "what": {second.Number}})
		d.get(at(third), "Repeats", second.Number)
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

func TestTasksIndicatorsAndLinksOfACase(t *testing.T) {
	eachDesk(t, func(d *desk) {
		ctx := context.Background()
		r := d.Filed("hospital", "Beacons to 198.51.100.77 and hxxps://evil[.]example/a")
		c, err := d.Accept(ctx, incidenttest.Officer, r.ID, 0, incident.Opening{})
		d.OK(err)
		other := d.Filed("bank", "Also 198.51.100.77")
		d.post("/cases/1/tasks", 400, url.Values{"task": {""}}, "is needed")
		d.post("/cases/1/tasks", 400, url.Values{"task": {"x"}, "due": {"tomorrow"}}, "2026-01-31")
		d.post("/cases/1/tasks", 303, url.Values{"task": {"Call the vendor"}, "assignee": {"8"}, "due": {"2026-03-01"}})
		d.post("/cases/1/tasks", 303, url.Values{"task": {"Block the address"}, "assignee": {"me"}})
		page := d.get("/cases/tasks", "Call the vendor", "late", "Block the address")
		if strings.Index(page, "Block the address") > strings.Index(page, "Call the vendor") {
			d.Error("one's own tasks are not the first")
		}
		d.post("/cases/1/tasks/finish", 303, url.Values{"number": {"1"}, "done": {"1"}, "to": {"//evil.example"}}, "/cases/1#tasks")
		if strings.Contains(d.get("/cases/tasks"), "Call the vendor") {
			d.Error("what is done is still to be done")
		}
		d.post("/cases/1/tasks/finish", 303, url.Values{"number": {"1"}})
		d.post("/cases/1/tasks/assign", 303, url.Values{"number": {"1"}, "assignee": {"me"}, "due": {"2026-04-01"}})
		d.post("/cases/1/tasks/finish", 404, url.Values{"number": {"9"}})
		d.get("/cases/1", "Call the vendor", "Done: Call the vendor")

		d.get("/cases/1/indicators", "198[.]51[.]100[.]77", "hxxps://evil[.]example/a", "report:1")
		d.ask(d.pages, "GET", "/cases/1/indicators/csv", "", 200, "type,value,case,tlp,pap")
		d.post("/cases/1/indicators", 400, url.Values{"verdict": {"confirmed"}, "indicators": {"nothing here"}}, "choose indicators")
		d.post("/cases/1/indicators", 303, url.Values{"verdict": {"confirmed"}, "pick": {"198.51.100.77"}, "indicators": {"CVE-2024-1234"}})
		d.post("/cases/1/indicators", 303, url.Values{"verdict": {"refused"}, "pick": {"https://evil.example/a"}})
		out := d.ask(d.pages, "GET", "/cases/1/indicators/csv", "", 200, "ipv4,198.51.100.77,2026-0001,TLP:AMBER,", "CVE-2024-1234")
		if strings.Contains(out, "evil") {
			d.Error("a refused indicator leaves")
		}
		_, err = d.Keep(ctx, incidenttest.Officer, incident.File{Case: c.ID, Name: "log.txt"}, strings.NewReader("GET http://second.example/x"))
		d.OK(err)
		d.post("/cases/1/indicators/look", 303, nil)
		d.get("/cases/1/indicators", "hxxp://second[.]example/x", "file:1")
		d.ask(d.rest, "POST", "/api/cases/1/indicators", `{"verdict":"confirmed","values":["http://second.example/x"]}`, 200, "second.example")
		d.ask(d.rest, "GET", "/api/cases/1/indicators?verdict=refused", "", 200, "evil.example")
		d.ask(d.rest, "GET", "/api/cases/1/tasks", "", 200, "Call the vendor")
		d.ask(d.rest, "POST", "/api/cases/1/tasks", `{"title":"Third","assignee":"me"}`, 201, "Third")
		d.ask(d.rest, "PATCH", "/api/cases/1/tasks/3", `{"done":true}`, 200, `"done_by":"Ana"`)
		d.ask(d.rest, "GET", "/api/cases/tasks", "", 200, "Block the address")

		d.get("/cases/1/related", other.Number)
		second, err := d.Accept(ctx, incidenttest.Officer, other.ID, 0, incident.Opening{})
		d.OK(err)
		d.get("/cases/1/related", second.Number, "1 shared indicator")
		d.post("/cases/1/links", 400, url.Values{"kind": {"case"}, "object": {"2026-0009"}}, "no case")
		d.post("/cases/1/links", 400, url.Values{"kind": {"finding"}, "object": {"nonsense"}}, "nonsense")
		d.post("/cases/1/links", 303, url.Values{"kind": {"case"}, "object": {second.Number}})
		d.get("/cases/2/related", "linked there")
		d.ask(d.rest, "GET", "/api/cases/1/related", "", 200, "case:2")
		d.post("/cases/1/links/remove", 303, url.Values{"object": {"case:2"}})
		d.post("/cases/1/links/remove", 404, url.Values{"object": {"case:2"}})
	})
}

// A participant sees what is shared of one case until their day, and of everything else nothing.
func TestParticipantSeesWhatIsSharedAndNothingElse(t *testing.T) {
	const secret = "CANARY"
	eachDesk(t, func(d *desk) {
		ctx := context.Background()
		r := d.Filed("hospital", secret+" report")
		c, err := d.Accept(ctx, incidenttest.Officer, r.ID, 0, incident.Opening{Title: "Botnet", Summary: secret + " summary", Label: tlp.AmberStrict})
		d.OK(err)
		keep := func(name, content string) int64 {
			f, err := d.Keep(ctx, incidenttest.Officer, incident.File{Case: c.ID, Name: name, Note: secret + " of the file"}, strings.NewReader(content))
			d.OK(err)
			return f.ID
		}
		private, public := keep(secret+".txt", secret), keep("sample.txt", "for you")
		for _, e := range []incident.Entry{{Kind: "note", Text: secret + " note"}, {Kind: "fact", Text: "for all", Shared: true}} {
			_, err = d.Note(ctx, incidenttest.Officer, c.ID, e)
			d.OK(err)
		}
		other, err := d.Desk.Open(ctx, incidenttest.Officer, incident.Opening{Title: secret + " other"})
		d.OK(err)
		d.post("/cases/1/participants", 400, url.Values{"login": {"ana"}, "until": {"2026-03-10"}}, "is of the staff")
		d.post("/cases/1/participants", 400, url.Values{"login": {"nobody"}, "until": {"2026-03-10"}}, "nobody has the account")
		d.post("/cases/1/participants", 400, url.Values{"login": {"partner"}, "until": {"2026-03-01"}}, "must be a day")
		d.post("/cases/1/participants", 303, url.Values{"login": {"partner"}, "until": {"2026-03-10"}})
		d.post("/cases/1/share", 303, url.Values{"number": {strconv.FormatInt(public, 10)}, "share": {"1"}})
		d.get("/cases/1/participants", "Partner", "takes part")

		partner := act.Actor{Kind: act.Person, ID: "30", Name: "Partner", Rights: &act.Rights{Roles: []string{"partner"}, Account: 30}}
		stranger := act.Actor{Kind: act.Person, ID: "31", Name: "Stranger", Rights: &act.Rights{Roles: []string{"partner"}, Account: 31}}
		of := func(id int64) string { return "/shared/cases/1/files/" + strconv.FormatInt(id, 10) }
		clean := func(text string) {
			d.Helper()
			if strings.Contains(text, secret) {
				d.Errorf("what is not shared is shown: %s", text)
			}
		}
		d.as = partner
		clean(d.get("/shared/cases", "Botnet"))
		clean(d.get("/shared/cases/1", "for all", "sample.txt", "TLP:AMBER+STRICT"))
		clean(d.ask(d.rest, "GET", "/api/shared/cases", "", 200, "Botnet"))
		clean(d.ask(d.rest, "GET", "/api/shared/cases/1", "", 200, "for all", "sample.txt"))
		clean(d.ask(d.pages, "GET", of(public), "", 200, "for you"))
		for _, path := range []string{of(private), "/shared/cases/2"} {
			d.ask(d.pages, "GET", path, "", 404)
			d.ask(d.rest, "GET", "/api"+path, "", 404)
		}
		d.post("/shared/cases/1/notes", 303, url.Values{"text": {"we saw it too"}})
		d.post("/shared/cases/2/notes", 404, url.Values{"text": {"x"}})
		d.ask(d.rest, "POST", "/api/shared/cases/1/files?name=ours.txt", "ours", 204)
		clean(d.get("/shared/cases/1", "we saw it too", "ours.txt"))
		d.as = stranger
		if strings.Contains(d.get("/shared/cases"), "Botnet") {
			d.Error("a stranger sees the case in the list")
		}
		d.ask(d.pages, "GET", "/shared/cases/1", "", 404)
		d.post("/shared/cases/1/notes", 404, url.Values{"text": {"x"}})
		d.ask(d.pages, "GET", of(public), "", 404)
		d.ask(d.rest, "POST", "/api/shared/cases/1/files?name=x", "x", 404)
		d.as = incidenttest.Officer
		d.get("/cases/1", "we saw it too", "Contribution")
		_, err = d.Edit(ctx, incidenttest.Officer, c.ID, 0, incident.Change{Label: new(tlp.Red)})
		d.OK(err)
		d.as = partner
		d.get("/shared/cases/1", "for all") // RED is for the persons it names, and the invitation names them
		d.ask(d.rest, "GET", "/api/shared/cases/1", "", 404)
		d.Clock.Move(9 * 24 * time.Hour)
		d.ask(d.pages, "GET", "/shared/cases/1", "", 404)
		d.post("/shared/cases/1/notes", 404, url.Values{"text": {"late"}})
		d.as = incidenttest.Officer
		d.post("/cases/1/participants", 303, url.Values{"login": {"partner"}, "until": {"2026-04-10"}})
		d.as = partner
		d.get("/shared/cases/1", "for all")
		// What another case brings along was not shared with these participants.
		d.as = incidenttest.Officer
		_, err = d.Note(ctx, incidenttest.Officer, other.ID, incident.Entry{Kind: "note", Text: secret + " shared elsewhere", Shared: true})
		d.OK(err)
		_, err = d.Join(ctx, incidenttest.Officer, other.ID, 0, c.ID, secret+" why")
		d.OK(err)
		d.as = partner
		clean(d.get("/shared/cases/1", "for all"))
		d.as = incidenttest.Officer
		d.post("/cases/1/participants/end", 303, url.Values{"account": {"30"}})
		d.as = partner
		d.ask(d.pages, "GET", "/shared/cases/1", "", 404)
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
