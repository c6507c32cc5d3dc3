package web

import (
	"context"
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
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

type item struct {
	ref   disclosure.Ref
	label tlp.Label
}

func (i item) Ref() disclosure.Ref           { return i.ref }
func (i item) Marking() disclosure.Marking   { return disclosure.Marking{Label: i.label} }
func (i item) References() []disclosure.Item { return nil }

type console struct {
	*testing.T
	gate  *disclosure.Gate
	db    *db.DB
	clock *clock.Manual
	who   string
	may   map[act.Permission]bool
	h     http.Handler
}

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func open(t *testing.T) *console {
	t.Helper()
	c := &console{T: t, clock: clock.NewManual(now), who: "1", may: map[act.Permission]bool{read: true, write: true, override: true}}
	c.db = dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(c.clock))
	c.gate = disclosure.NewGate(disclosure.Config{DB: c.db, Clock: c.clock, Constituency: constituency.NewStore(c.db, c.clock), Nation: nation.NewStore(c.db)})
	app, err := web.New(web.Config{Clock: c.clock, Log: slog.New(slog.DiscardHandler), Team: "CERT",
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Person, ID: c.who, Name: "Officer " + c.who} },
		Allowed: func(_ act.Actor, p act.Permission) bool { return c.may[p] }}, Room(c.gate))
	if err != nil {
		t.Fatal(err)
	}
	c.h = app
	return c
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
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.do(r, status, parts...)
}

// leave sends items to a constituent.
func (c *console) leave(name string, via disclosure.Channel, items ...item) {
	c.Helper()
	err := c.db.View(context.Background(), func(tx *db.Tx) error {
		_, _, err := disclosure.Clear(context.Background(), tx, c.gate, disclosure.OfConstituent(7, name), via, items, item.Ref)
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
}

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "any", "override.none", "override.none-text", "ledger.none", "ledger.none-text", "circle.none", "circle.none-text",
		"override.state.", "override.asked.requested", "override.asked.approved", "override.approved", "override.refused", "override.reviewed",
		"override.justified.yes", "override.justified.no", "circle.saved", "circle.joined", "circle.left")
	for _, k := range disclosure.RecipientKinds() {
		webtest.Check(t, web.Room{Templates: files, Locale: files}, "recipient."+string(k))
	}
	for _, c := range disclosure.Channels() {
		webtest.Check(t, web.Room{Templates: files, Locale: files}, "channel."+string(c))
	}
}

func TestLedgerShowsWhatLeftToWhomUnderWhichRule(t *testing.T) {
	c := open(t)
	c.get("/disclosure", "Nothing left")
	c.leave("<Grid>", disclosure.Mail, item{"finding:1", tlp.Green}, item{"finding:2", tlp.Red})
	c.leave("<Grid>", disclosure.Portal, item{"finding:1", tlp.Clear})
	body := c.get("/disclosure", "&lt;Grid&gt;", "constituent:7", "tlp:green", "TLP:GREEN", "Mail", "Portal")
	if strings.Contains(body, "overrides is overdue") {
		t.Error("nothing is overdue")
	}
	if body := c.get("/disclosure?channel=portal", "Portal"); strings.Contains(body, "tlp:green") {
		t.Error("the filter by exit does not filter")
	}
	c.get("/disclosure?from=2026-11-26", "Nothing left")
	c.do(httptest.NewRequest("GET", "/disclosure?from=yesterday", nil), 400, "is no date")
	c.get("/disclosure/ledger/1", "finding:1", "tlp:red", "SHA-256")
	c.do(httptest.NewRequest("GET", "/disclosure/ledger/99", nil), 404)
	c.get("/disclosure/export/csv?channel=mail", "id,at,last", "constituent:7,<Grid>,constituent,mail")
	c.get("/disclosure/export/json", `"recipient":"constituent:7"`)
	c.do(httptest.NewRequest("GET", "/disclosure/export/xml", nil), 404)
}

func TestOverrideIsAskedForApprovedAndReviewedByDifferentPeople(t *testing.T) {
	c := open(t)
	c.get("/disclosure/overrides", "No overrides")
	c.get("/disclosure/overrides/new", "finding:12")
	given := []string{"item", "finding:12", "recipient", "constituent:7", "channel", "mail", "hours", "2", "reason", "the plant must be warned"}
	c.post("/disclosure/overrides/new", 400, []string{"say why", `value="finding:12"`}, append(given, "reason", "no")...)
	c.post("/disclosure/overrides/new", 303, nil, given...)
	c.get("/disclosure/overrides/1", "You requested this", "requested")
	c.post("/disclosure/overrides/1/approve", 403, []string{"somebody else approves"})
	c.who = "2"
	c.post("/disclosure/overrides/1/approve", 303, nil)
	c.get("/disclosure/overrides/1", "holds", "Officer 2")

	c.post("/disclosure/overrides/new", 303, nil, append(given, "emergency", "1")...)
	c.clock.Move(25 * time.Hour)
	c.get("/disclosure", "The review of 1 override is overdue")
	c.get("/disclosure/overrides", "Review overdue", "Emergency")
	c.who = "3"
	c.post("/disclosure/overrides/2/review", 400, []string{"this is needed"}, "justified", "yes")
	c.post("/disclosure/overrides/2/review", 303, nil, "justified", "no", "review", "a call would have done")
	c.get("/disclosure/overrides/2", "not justified", "a call would have done", "ended by the review")

	c.post("/disclosure/overrides/new", 303, nil, given...)
	c.post("/disclosure/overrides/3/refuse", 303, nil, "why", "not needed")
	c.get("/disclosure/overrides?state=refused", "refused")
	c.do(httptest.NewRequest("GET", "/disclosure/overrides?state=nonsense", nil), 400)
}

func TestReaderSeesNoFormsAndMaySendNone(t *testing.T) {
	c := open(t)
	c.post("/disclosure/circles", 303, nil, "name", "csirts", "title", "CSIRTs network")
	c.may = map[act.Permission]bool{read: true}
	for _, path := range []string{"/disclosure/overrides", "/disclosure/circles", "/disclosure/circles/csirts"} {
		if strings.Contains(c.get(path), `action="/disclosure/circles`) || strings.Contains(c.get(path), "/overrides/new") {
			t.Errorf("%s offers a form", path)
		}
	}
	for _, path := range []string{"/disclosure/overrides/new", "/disclosure/overrides/1/approve", "/disclosure/circles", "/disclosure/circles/csirts/join"} {
		c.post(path, 403, nil)
	}
}

func TestCircleIsMadeAndItsMembersComeAndGo(t *testing.T) {
	c := open(t)
	c.get("/disclosure/circles", "No circles")
	c.post("/disclosure/circles", 400, []string{"lower-case"}, "name", "All of Them", "title", "x")
	c.post("/disclosure/circles", 303, nil, "name", "csirts", "title", "CSIRTs network")
	c.post("/disclosure/circles/csirts", 303, nil, "title", "The CSIRTs network")
	c.post("/disclosure/circles/nobody", 404, nil, "title", "x")
	c.post("/disclosure/circles/csirts/join", 400, []string{"constituent:7"}, "subject", "everybody")
	c.post("/disclosure/circles/csirts/join", 303, nil, "subject", "service:12", "member", "CERT <Syldavia>")
	c.get("/disclosure/circles/csirts", "CERT &lt;Syldavia&gt;", "service:12", "The CSIRTs network")
	c.post("/disclosure/circles/csirts/leave", 303, nil, "subject", "service:12")
	c.get("/disclosure/circles/csirts", "Nobody is a member yet")
	c.get("/disclosure/circles", "The CSIRTs network")
}
