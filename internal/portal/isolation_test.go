package portal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/web"
	"tocsin/internal/portal"
	portalapi "tocsin/internal/portal/api"
	portalweb "tocsin/internal/portal/web"
)

// town is a nation of two constituents with findings, a feed for staff only, and the portal over it.
type town struct {
	t        *testing.T
	clock    *clock.Manual
	registry *constituency.Store
	feeds    *feed.Store
	list     *event.Lister
	portal   *portal.Portal
	pages    http.Handler
	rest     http.Handler
	who      *act.Actor // asks
	ids      map[string]int64
	take     func(feed, kind, tag string, day int)
	intake   *event.Intake
}

func eachTown(t *testing.T, fn func(w *town)) {
	now := clock.NewManual(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(now), func(t *testing.T, d *db.DB) { fn(newTown(t, d, now)) })
}

const registry = `{"constituents":[
 {"ref":"alpha","name":"Alpha Power","kind":"operator","sector":"energy","note":"CANARY-note","contacts":[{"role":"security","mail":"soc@alpha.example","clearance":"RED"}],"assets":[{"kind":"prefix","value":"203.0.113.0/25"}]},
 {"ref":"bravo","name":"CANARY-Bravo","kind":"operator","sector":"energy","contacts":[{"role":"security","name":"CANARY-person","mail":"canary@bravo.example"}],"assets":[{"kind":"prefix","value":"203.0.113.128/25"},{"kind":"domain","value":"canary-domain.example"}]}]}`

func newTown(t *testing.T, d *db.DB, now *clock.Manual) *town {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	w := &town{t: t, clock: now, registry: constituency.NewStore(d, now), feeds: feed.NewStore(d), list: event.NewLister(d).WithClock(now), who: &act.Actor{}, ids: map[string]int64{}}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(w.feeds.Ensure(ctx))
	secret := feed.Shadowserver()
	secret.ID, secret.Name, secret.Audience = 0, "secret", feed.StaffOnly
	_, err := w.feeds.Save(ctx, act.Machine, secret)
	ok(err)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(registry))
	ok(err)
	_, err = w.registry.Import(ctx, act.Machine, doc, constituency.ImportOptions{})
	ok(err)
	dir2, err := w.registry.Directory(ctx)
	ok(err)
	for _, l := range dir2.All() {
		w.ids[l.Ref] = l.ID
	}
	format := shadowserver.New(shadowserver.Builtin())
	in := event.NewIntake(event.Config{DB: d, Registry: w.registry, World: now, Real: now, Log: slog.New(slog.DiscardHandler),
		Format:  func(feed.Feed) (event.Format, error) { return format, nil },
		Archive: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "archive")}, Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "segments")}})
	w.intake = in
	w.take = func(name, kind, tag string, day int) {
		var b strings.Builder
		b.WriteString(`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n")
		fmt.Fprintf(&b, "\"2026-03-0%d 01:02:03\",\"high\",\"203.0.113.7\",\"udp\",123,\"\",\"%sown\",\"64500\",\"RU\"\n", day, tag)
		fmt.Fprintf(&b, "\"2026-03-0%d 01:02:03\",\"high\",\"203.0.113.200\",\"udp\",123,\"canary-host.example\",\"CANARY-tag\",\"64500\",\"RU\"\n", day)
		text := b.String()
		_, err := in.Take(ctx, act.Machine, name, []event.Source{{Name: fmt.Sprintf("2026-03-0%d-%s-ruritania.csv", day, kind), Size: int64(len(text)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, nil)
		ok(err)
	}
	w.take("shadowserver", "scan_ntp", "", 2)
	w.take("shadowserver", "scan_ntp", "", 3)
	w.take("secret", "scan_snmp", "CANARY-secret-", 3)
	gate := disclosure.NewGate(disclosure.Config{DB: d, Clock: now, Constituency: w.registry, Nation: nation.NewStore(d)})
	w.portal = portal.New(portal.Config{DB: d, Clock: now, Gate: gate, Constituency: w.registry, Feeds: w.feeds, Lister: w.list, Intake: in})
	outside := func(p act.Permission) bool { return strings.HasPrefix(string(p), "portal.") }
	who := func(*http.Request) act.Actor { return *w.who }
	w.pages, err = web.New(web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1", Clock: now, Actor: who, Allowed: identity.Allowed,
		Outside: outside, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, portalweb.Room(w.portal, func(id, _ string) string { return id }))
	ok(err)
	w.rest, err = api.New(api.Config{Title: "x", Version: "1", Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Actor: who, Allowed: identity.Allowed,
		Outside: outside}, portalapi.Routes(w.portal)...)
	ok(err)
	return w
}

// as makes a member of constituents the one who asks.
func (w *town) as(role identity.Role, id string, refs ...string) act.Actor {
	rights := &act.Rights{Roles: []string{string(role)}, Permissions: map[act.Permission]bool{}}
	for _, p := range role.Permissions() {
		rights.Permissions[p] = true
	}
	for _, r := range refs {
		rights.Constituents = append(rights.Constituents, w.ids[r])
	}
	*w.who = act.Actor{Kind: act.Person, ID: id, Name: "Person " + id, Rights: rights}
	return *w.who
}

// ask requests a page, or an operation with a JSON body, and gives status and answer.
func (w *town) ask(method, path, body string) (int, string) {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	h := w.pages
	if strings.HasPrefix(path, "/api/") {
		h = w.rest
		r.Header.Set("Content-Type", "application/json")
	} else if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a := httptest.NewRecorder()
	h.ServeHTTP(a, r)
	return a.Code, a.Body.String()
}

func (w *town) get(path string, status int, parts ...string) string {
	w.t.Helper()
	code, body := w.ask("GET", path, "")
	if code != status {
		w.t.Errorf("GET %s: %d, want %d: %s", path, code, status, body)
	}
	for _, p := range parts {
		if !strings.Contains(body, p) {
			w.t.Errorf("GET %s: %q is missing: %s", path, p, body)
		}
	}
	return body
}

func form(pairs ...any) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i].(string), fmt.Sprint(pairs[i+1]))
	}
	return v.Encode()
}

// findings are the ids of those of a constituent, of any feed.
func (w *town) findings(ref string) (ids []string) {
	w.t.Helper()
	p, err := w.list.List(context.Background(), event.Filter{AnyState: true, Owner: ref}, event.Sort{}, event.PageRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range p.Items {
		ids = append(ids, f.ID.String())
	}
	return ids
}

func TestNobodySeesAnothersCanary(t *testing.T) {
	eachTown(t, func(w *town) {
		ctx := context.Background()
		bob := w.as(identity.Manager, "2", "bravo")
		theirs, err := w.registry.Propose(ctx, bob, w.ids["bravo"], []constituency.ChangeStep{{Op: constituency.ConstituentChange,
			Want: constituency.Record{Name: "CANARY-new-name"}}}, "CANARY-note")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []event.Decision{{Verb: event.AddNote, Reason: "CANARY-staff-note"},
			{Verb: event.Assign, Assignee: event.Assignee{ID: 9, Name: "CANARY-analyst"}, Reason: "CANARY-why"},
			{Verb: event.AcceptRisk, Until: event.DayOf(w.clock.Now().UnixMicro()) + 30, Reason: "CANARY-risk"}} {
			if _, err := w.list.Rule(ctx, act.Machine, event.Choice{IDs: w.findings("alpha")}, d); err != nil {
				t.Fatal(err)
			}
		}
		contacts, _ := w.registry.Contacts(ctx, w.ids["bravo"])
		assets, _, _ := w.registry.Assets(ctx, constituency.AssetFilter{Constituent: w.ids["bravo"]})
		b := w.ids["bravo"]
		findings := append(w.findings("bravo"), w.findings("alpha")...) // those of alpha are partly of the secret feed
		asked, calls := 0, func(method, path, body string) {
			t.Helper()
			status, answer := w.ask(method, path, body)
			if low := strings.ToLower(answer); strings.Contains(low, "canary") || strings.Contains(answer, "203.0.113.200") {
				t.Errorf("%s %s: %d tells a canary: %s", method, path, status, answer)
			}
			if status >= 500 {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
		for _, role := range []identity.Role{identity.Manager, identity.Member, identity.SectorCERT} {
			w.as(role, "1", "alpha")
			for _, q := range []string{"", fmt.Sprintf("?constituent=%d", b), fmt.Sprintf("?constituent=%d", w.ids["alpha"]),
				"?state=all", "?state=all&type=scan_snmp", "?address=203.0.113.0/24&state=all", "?constituent=999"} {
				for _, p := range []string{"/portal", "/portal/findings", "/portal/findings/export/csv", "/portal/findings/export/json", "/portal/findings/export/idf",
					"/portal/registry", "/portal/registry.csv", "/portal/requests", "/api/portal", "/api/portal/findings", "/api/portal/findings/export", "/api/portal/events",
					"/api/portal/registry", "/api/portal/registry/csv", "/api/portal/requests"} {
					calls("GET", p+q, "")
					asked++
				}
			}
			for _, id := range findings {
				calls("GET", "/portal/findings/"+id, "")
				calls("GET", "/api/portal/findings/"+id, "")
			}
			calls("GET", fmt.Sprintf("/portal/requests/%d", theirs.ID), "")
			calls("GET", fmt.Sprintf("/api/portal/requests/%d", theirs.ID), "")
			calls("GET", fmt.Sprintf("/portal/contacts/%d", contacts[0].ID), "")
			calls("GET", fmt.Sprintf("/api/portal/contacts/%d", contacts[0].ID), "")
			for _, of := range []int64{b, w.ids["alpha"]} {
				calls("POST", "/portal/registry/confirm", form("constituent", of))
				calls("POST", "/portal/registry/name", form("constituent", of, "name", "New"))
				calls("POST", "/portal/registry/assets", form("constituent", of, "asset-kind", "prefix", "value", "203.0.113.128/25"))
				calls("POST", fmt.Sprintf("/portal/contacts/%d", contacts[0].ID), form("constituent", of, "role", "abuse", "mail", "x@y.example"))
				calls("POST", fmt.Sprintf("/portal/contacts/%d/end", contacts[0].ID), form("constituent", of))
				calls("POST", fmt.Sprintf("/portal/assets/%d/end", assets[0].ID), form("constituent", of))
				calls("POST", "/api/portal/contacts/confirm", fmt.Sprintf(`{"constituent":%d}`, of))
				calls("POST", "/api/portal/requests", fmt.Sprintf(`{"constituent":%d,"steps":[{"op":"contact.end","id":%d}]}`, of, contacts[0].ID))
				calls("POST", "/api/portal/requests", fmt.Sprintf(`{"constituent":%d,"steps":[{"op":"asset.end","id":%d}]}`, of, assets[0].ID))
			}
			calls("POST", fmt.Sprintf("/portal/requests/%d/withdraw", theirs.ID), "")
			calls("POST", fmt.Sprintf("/api/portal/requests/%d/withdraw", theirs.ID), "")
			calls("GET", "/portal/requests", "")
			calls("GET", "/api/portal/requests", "")
		}
		if asked != 3*7*15 {
			t.Errorf("%d questions", asked)
		}
		if q, err := w.registry.ChangeRequest(ctx, []int64{b}, theirs.ID); err != nil || q.State != constituency.Pending {
			t.Errorf("another's request was touched: %+v, %v", q, err)
		}
		if qs, _, _ := w.registry.ChangeRequests(ctx, []int64{b}, constituency.RequestFilter{}); len(qs) != 1 {
			t.Errorf("another asked for changes: %+v", qs)
		}
		if cs, _ := w.registry.Confirmations(ctx, []int64{b}); cs[0].At != 0 {
			t.Errorf("another confirmed: %+v", cs)
		}
	})
}

func TestAnIDOutsideTheScopeReadsAsOneThatDoesNotExist(t *testing.T) {
	eachTown(t, func(w *town) {
		w.as(identity.Manager, "1", "alpha")
		theirs := w.findings("bravo")[0]
		none := strings.Repeat("ab", len(theirs)/2)
		for _, base := range []string{"/portal/findings/", "/api/portal/findings/"} {
			a, b := w.get(base+theirs, 404), w.get(base+none, 404)
			if strings.ReplaceAll(a, theirs, "ID") != strings.ReplaceAll(b, none, "ID") {
				t.Errorf("%s: the answers differ:\n%s\n%s", base, a, b)
			}
		}
		a, b := w.get(fmt.Sprintf("/portal?constituent=%d", w.ids["bravo"]), 404), w.get("/portal?constituent=777", 404)
		if strings.ReplaceAll(a, fmt.Sprintf("id %d", w.ids["bravo"]), "ID") != strings.ReplaceAll(b, "id 777", "ID") &&
			!strings.Contains(a, "there is no constituent") {
			t.Errorf("the answers differ:\n%s\n%s", a, b)
		}
	})
}

func TestTheOwnerSeesTheirOwn(t *testing.T) {
	eachTown(t, func(w *town) {
		w.as(identity.Manager, "1", "alpha")
		own := ""
		for _, id := range w.findings("alpha") {
			if code, _ := w.ask("GET", "/portal/findings/"+id, ""); code == 200 {
				own = id
			}
		}
		if own == "" {
			t.Fatal("no finding is shown")
		}
		w.get("/portal", 200, "1 finding is open", "confirm that the contacts of Alpha Power", "/portal/people", "High", "no comparison with the sector energy")
		w.get("/portal/findings", 200, "203.0.113.7 123/udp", "1 finding", "scan_ntp")
		w.get("/portal/findings?type=nonsense", 200, "no report type is called")
		w.get("/portal/findings/"+own, 200, "203.0.113.7", "Close the service", "TLP:AMBER", "2026", "own")
		w.get("/portal/findings/export/csv", 200, "203.0.113.7", "id,state,severity")
		w.get("/portal/findings/export/xml", 404)
		w.get("/api/portal", 200, `"high":1`, `"due":["alpha"]`, `"why":"few"`)
		w.get("/api/portal/findings/"+own, 200, `"source.ip":"203.0.113.7"`, `"marking":"AMBER"`)
		var list struct{ Total int }
		if err := json.Unmarshal([]byte(w.get("/api/portal/findings?state=all", 200)), &list); err != nil || list.Total != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		for _, f := range w.findings("alpha") {
			if f != own {
				w.get("/portal/findings/"+f, 404) // of the feed for staff only
			}
		}
		if s, err := w.portal.Start(context.Background(), portal.Asker{Actor: *w.who, Via: disclosure.Portal}); err != nil {
			t.Fatal(err)
		} else if v, _, _ := s.Open(); v.Open.Total() != 1 || v.Trend[len(v.Trend)-1] != 1 || v.Trend[0] != 0 || v.Came != 1 {
			t.Errorf("%+v", v)
		}
		w.as(identity.Manager, "3", "alpha", "bravo")
		w.get("/portal", 200, "2 findings are open", "<select name=\"constituent\"")
		w.get("/portal/registry", 200, "Choose an organisation")
		w.as(identity.Member, "4")
		w.get("/portal", 200, "Nothing is open")
		w.get("/portal/findings?state=all", 200, "Nothing here fits")
		w.get("/portal/registry", 200, "You act for no organisation")
		*w.who = act.Anybody
		w.get("/portal", 403)
	})
}

func TestChangesAreAskedForInThePortal(t *testing.T) {
	eachTown(t, func(w *town) {
		ctx := context.Background()
		w.as(identity.Manager, "1", "alpha")
		a := w.ids["alpha"]
		post := func(path string, status int, pairs ...any) string {
			t.Helper()
			code, body := w.ask("POST", path, form(pairs...))
			if code != status {
				t.Errorf("POST %s: %d, want %d: %s", path, code, status, body)
			}
			return body
		}
		contacts, _ := w.registry.Contacts(ctx, a)
		if body := w.get("/portal/registry", 200, "soc@alpha.example", "203.0.113.0/25", "Nobody has confirmed"); strings.Contains(body, "RED") {
			t.Error("what staff think of a contact is shown")
		}
		post("/portal/registry/confirm", 303, "constituent", a)
		w.get("/portal/registry", 200, "last confirmed", "Person 1")
		post("/portal/registry/contacts", 400, "constituent", a, "role", "abuse", "mail", "nobody")
		post("/portal/registry/contacts", 303, "constituent", a, "role", "abuse", "mail", "abuse@alpha.example", "fingerprint", "AB", "key-type", "openpgp")
		w.get(fmt.Sprintf("/portal/contacts/%d", contacts[0].ID), 200, `value="soc@alpha.example"`)
		post(fmt.Sprintf("/portal/contacts/%d", contacts[0].ID), 303, "constituent", a, "role", "security", "mail", "new@alpha.example")
		post("/portal/registry/assets", 400, "constituent", a, "asset-kind", "prefix", "value", "10.0.0.0")
		post("/portal/registry/assets", 303, "constituent", a, "asset-kind", "prefix", "value", "203.0.113.128/25")
		post("/portal/registry/name", 303, "constituent", a, "name", "Alpha & Co")
		w.get("/portal/requests", 200, "new contact", "changed contact", "new asset", "name or language", "waiting")
		w.get("/portal/requests/2", 200, "<del>soc@alpha.example</del>", "<ins>new@alpha.example</ins>", "Withdraw")
		post("/portal/requests/2/withdraw", 303)
		w.get("/portal/requests/2", 200, "withdrawn")
		w.get("/portal", 200, "3 change requests wait")
		if err := w.registry.Refuse(ctx, act.Machine, 3, "that is not yours"); err != nil {
			t.Fatal(err)
		}
		if body := w.get("/portal/requests/3", 200, "that is not yours", "refused"); strings.Contains(body, "Bravo") || strings.Contains(body, "Tocsin itself") {
			t.Error("the owner, or who decided, is told")
		}
		code, body := w.ask("POST", "/api/portal/requests", fmt.Sprintf(`{"constituent":%d,"steps":[{"op":"asset.add","want":{"kind":"domain","value":"Alpha.example"}}]}`, a))
		if code != 201 || !strings.Contains(body, `"state":"open"`) {
			t.Errorf("%d %s", code, body)
		}
		w.get("/api/portal/requests?state=open", 200, `"value":"alpha.example"`)
		w.get("/api/portal/registry", 200, `"mail":"soc@alpha.example"`, `"due":false`, `"confirmed"`)
		w.get("/portal/registry.csv", 200, "contact,alpha,security", "asset,alpha")
		w.get("/api/portal/registry/csv", 200, "contact,alpha,security")
		if _, err := w.registry.AddContact(ctx, act.Machine, constituency.Contact{Constituent: a, Role: "other", Name: `=HYPERLINK("//evil.example")`,
			Mail: "x@alpha.example"}); err != nil {
			t.Fatal(err)
		}
		w.get("/portal/registry.csv", 200, `"'=HYPERLINK(`)
		if _, err := w.portal.Contact(ctx, portal.Asker{Actor: *w.who, Via: disclosure.Portal}, 999); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
	})
}
