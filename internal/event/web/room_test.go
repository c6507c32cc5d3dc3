package web_test

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
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	room "tocsin/internal/event/web"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

type console struct {
	*web.App
	t *testing.T
}

// open takes in three days of one report about 150 addresses, of which one stays away on the last, and serves the room.
func open(t *testing.T) *console {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	d := dbtest.Open(t, filepath.Join(dir, "tocsin.db"), "live", audit.Recorder(clock.Real()))
	now := clock.NewManual(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	if err := feed.NewStore(d).Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	plantConstituent(t, d)
	format := shadowserver.New(shadowserver.Builtin())
	in := event.NewIntake(event.Config{DB: d, Registry: constituency.NewStore(d, now), World: now, Real: now,
		Log: slog.New(slog.DiscardHandler), Format: func(feed.Feed) (event.Format, error) { return format, nil },
		Archive:  file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "archive")},
		Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "segments")}})
	var sources []event.Source
	for day := 1; day <= 3; day++ {
		var b strings.Builder
		b.WriteString(`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n")
		for i := 1; i <= 150; i++ {
			if day == 3 && i == 77 {
				continue
			}
			fmt.Fprintf(&b, `"2026-03-0%d 01:02:03","high","203.0.113.%d","udp",123,"","<b>ntp","64500","RU"`+"\n", day, i)
		}
		text := b.String()
		sources = append(sources, event.Source{Name: fmt.Sprintf("2026-03-0%d-scan_ntp-ruritania.csv", day), Size: int64(len(text)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
	}
	if _, err := in.Take(ctx, identity.LocalActor, "shadowserver", sources, nil); err != nil {
		t.Fatal(err)
	}
	a, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1", Clock: now, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
		Actor: func(*http.Request) act.Actor { return identity.LocalActor }, Allowed: identity.Allowed},
		room.Room(event.NewLister(d).WithClock(now).WithRegistry(constituency.NewStore(d, now)), in, func(id, _ string) string { return map[string]string{"energy": "Energy"}[id] }, nil))
	if err != nil {
		t.Fatal(err)
	}
	return &console{a, t}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

func plantConstituent(t *testing.T, d *db.DB) {
	t.Helper()
	err := d.Upkeep(context.Background(), func(tx *db.Tx) error {
		for _, q := range []string{
			`INSERT INTO constituent (id, ref, name, kind, sector, designation, language, note, source, origin, valid_from, valid_until)
				VALUES (5, 'grid', 'Power Grid', 'operator', 'energy', 'special-importance', '', '', 'manual', '', 0, 9999999)`,
			`INSERT INTO asset (constituent, kind, value, also_notify, source, origin, valid_from, valid_until)
				VALUES (5, 'prefix', '203.0.113.0/26', 0, 'manual', '', 0, 9999999)`,
			`INSERT INTO setting (name, value) VALUES ('constituency.version', '1')`} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *console) get(target string, want ...string) string {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	body := w.Body.String()
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s: %d %s %s", target, w.Code, w.Header().Get("Location"), body)
	}
	for _, part := range want {
		if !strings.Contains(body, part) {
			c.t.Errorf("%s: %q is missing in\n%s", target, part, body)
		}
	}
	return body
}

func (c *console) redirect(target string) string {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	if w.Code != http.StatusSeeOther {
		c.t.Fatalf("%s: %d", target, w.Code)
	}
	return w.Header().Get("Location")
}

func (c *console) post(target string, form url.Values, status int) string {
	c.t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != status {
		c.t.Fatalf("%s: %d, want %d: %s", target, w.Code, status, w.Body)
	}
	return w.Body.String()
}

func TestTextsStandInTheCatalogue(t *testing.T) {
	keys := []string{"filter.any", "filter.at-least", "filter.all-states", "state.", "designation.", "step.", "why.none", "why.won", "why.fallback",
		"rule.", "list.none", "list.none-text", "list.all", "list.empty", "list.empty-text", "list.begin", "search.none", "search.hint", "title.search", "export.csv", "export.json",
		"export.idf", "done.bulk", "done.undone", "done.undone-but", "done.retracted", "assignee.me", constituency.LostWeakerRule, constituency.LostLessSpecific,
		constituency.LostAutomatic, constituency.LostNameFirst, constituency.LostSameOwner, "owner.nobody", "col."}
	for _, s := range []string{"first-seen", "seen-again", "reopened", "transferred", "severity", "no-longer-seen", "lapsed"} {
		keys = append(keys, "step."+s)
	}
	for _, verb := range event.Verbs() {
		keys = append(keys, "do."+string(verb), "done."+string(verb), "verb."+string(verb), "hint."+string(verb))
	}
	for r := constituency.ExactAddress; r <= constituency.NoRule; r++ {
		keys = append(keys, "rule."+r.String())
	}
	webtest.Check(t, room.Room(nil, nil, nil, nil), keys...)
}

var next = regexp.MustCompile(`href="([^"]*)" rel="next"`)
var prev = regexp.MustCompile(`href="([^"]*)" rel="prev"`)
var links = regexp.MustCompile(`class="address" href="/findings/([0-9a-f]+)"`)

func TestListGoesForwardAndBack(t *testing.T) {
	c := open(t)
	body := c.get("/findings?sort=address&state=all", "150 findings", "203.0.113.1:123", `aria-sort="ascending"`, "/findings/export/csv?state=all")
	seen := len(links.FindAllString(body, -1))
	m := next.FindStringSubmatch(body)
	if m == nil {
		t.Fatal("no next page")
	}
	body = c.get(strings.ReplaceAll(m[1], "&amp;", "&"), "203.0.113.150:123")
	if seen += len(links.FindAllString(body, -1)); seen != 150 {
		t.Errorf("%d findings on two pages", seen)
	}
	m = prev.FindStringSubmatch(body)
	if m == nil {
		t.Fatal("no way back")
	}
	c.get(strings.ReplaceAll(m[1], "&amp;", "&"), "203.0.113.1:123", "203.0.113.100:123")
}

func TestFiltersShowAndCanBeTakenBack(t *testing.T) {
	c := open(t)
	c.get("/findings?owner=grid&severity=high&severity=critical", "63 findings", "Power Grid", "Severity: High, Critical",
		`<input type="hidden" name="severity" value="critical">`, "Energy")
	c.get("/findings?unattributed=1&sector=", "87 findings", "Nobody known")
	c.get("/findings?address=999.1.1.1", "address: write an address or prefix", `value="999.1.1.1"`)
	c.get("/findings?type=nothing", "no report type is called")
	c.get("/findings?port=124", "No finding matches")
	c.get("/findings?feed=shadowserver&type=scan_ntp&day=2026-03-02&state=all", "150 findings", "Seen around: 2026-03-02")
}

func TestOneFindingTellsEverything(t *testing.T) {
	c := open(t)
	to := c.redirect("/search?q=203.0.113.7")
	body := c.get(to, "203.0.113.7:123", "Power Grid is the owner, because of 203.0.113.0/26", "longest prefix, entered by a person",
		"Seen for the first time, at Power Grid", "&lt;b&gt;ntp", "As it is in the file", "and in the latest", "<summary>Close</summary>")
	if strings.Contains(body, "<b>ntp") {
		t.Error("text of a feed is markup")
	}
	c.get(to+"?days=7", "203.0.113.7:123")
	if body := c.post(to+"/rule", url.Values{"verb": {"close"}, "note": {""}}, 400); !strings.Contains(body, "say why") {
		t.Errorf("%s", body)
	}
	c.post(to+"/rule", url.Values{"verb": {"close"}, "note": {"patched & done"}}, 303)
	c.get(to, "patched &amp; done", "Open again", "state-closed")
	c.get("/findings?state=closed", "1 finding")
	c.post(to+"/rule", url.Values{"verb": {"reopen"}, "note": {"not yet"}}, 303)
	c.get(to, "<summary>Close</summary>")
}

func TestSearchGroupsAndLeads(t *testing.T) {
	c := open(t)
	c.get("/search", "Search for an address")
	c.get("/search?q=203.0.113.0/30", "A prefix", "3 findings", "203.0.113.3:123")
	c.get("/search?q=203.0.113.0/24", "150 findings", "/findings?address=203.0.113.0%2F24&amp;state=all")
	c.get("/search?q=x", "search for 2 to 500")
	c.get("/search?q=nothing-like-it", "Nothing found")
	if to := c.redirect("/search?q=192.0.2.200"); to != "/why?q=192.0.2.200" {
		t.Errorf("an address without a finding leads to %q", to)
	}
	if to := c.redirect("/search?q=AS64500"); to != "/why?q=AS64500" {
		t.Errorf("an autonomous system leads to %q", to)
	}
	c.get("/search?stay=1&q=192.0.2.200", "Nothing found")
	c.get("/search?q=power", "Constituents", `/constituents/5"`)
	if to := c.redirect("/search?q=GRID"); to != "/constituents/5" {
		t.Errorf("led to %s", to)
	}
	c.get("/search?stay=1&q=203.0.113.7", "An address")
}

func TestExportsFollowTheFilter(t *testing.T) {
	c := open(t)
	var list []map[string]any
	if err := json.Unmarshal([]byte(c.get("/findings/export/json?owner=grid")), &list); err != nil || len(list) != 63 {
		t.Errorf("%d %v", len(list), err)
	}
	if n := strings.Count(c.get("/findings/export/csv?address=203.0.113.0/29"), "\n"); n != 8 {
		t.Errorf("%d lines", n)
	}
	if n := strings.Count(c.get("/findings/export/idf"), `"source.ip"`); n != 150 {
		t.Errorf("%d lines", n)
	}
}

func TestAllThatMatchIsRuledAfterAPageThatAsksAndUndone(t *testing.T) {
	c := open(t)
	c.get("/findings?address=203.0.113.0/28", `form="bulk"`, `value="address=203.0.113.0%2F28"`, `name="expected" value="15"`, "With all 15 that match")
	c.get("/findings/rule?verb=false-positive&whole=1&expected=15&filter=address%3D203.0.113.0%252F28", "Rule a false positive", "15 findings", "Do it with 15 findings")
	all := url.Values{"verb": {"false-positive"}, "whole": {"1"}, "filter": {"address=203.0.113.0/28"}, "expected": {"15"}, "note": {"scanners"}}
	all.Set("expected", "16")
	c.post("/findings/rule", all, 409)
	all.Set("expected", "15")
	c.post("/findings/rule", all, 303)
	c.get("/findings/bulk/1", "scanners", "Undo", "203.0.113.1:123", "state-false-positive")
	c.get("/findings/bulk", "scanners", "15 findings")
	c.get("/findings?disposition=false-positive", "15 findings", "False positive")
	c.post("/findings/bulk/1/undo", nil, 303)
	c.get("/findings/bulk/1", "undone by Command line")
	c.get("/findings?disposition=false-positive", "No finding matches")
}

func TestTickedFindingsAreActedOn(t *testing.T) {
	c := open(t)
	id := regexp.MustCompile(`name="id" value="([0-9a-f]+)"`)
	var ids []string
	for _, m := range id.FindAllStringSubmatch(c.get("/findings"), 3) {
		ids = append(ids, m[1])
	}
	if len(ids) != 3 {
		t.Fatalf("%d boxes to tick", len(ids))
	}
	c.get("/findings/rule?verb=note&expected=149&filter=&id="+strings.Join(ids, "&id="), "3 findings", ids[2])
	c.get("/findings/rule?verb=note", "No finding is chosen")
	c.get("/findings/rule?verb=dance&id="+ids[0], "nothing of that name")
	if body := c.post("/findings/rule", url.Values{"verb": {"note"}, "id": ids}, 400); !strings.Contains(body, "say why") {
		t.Errorf("%s", body)
	}
	c.post("/findings/rule", url.Values{"verb": {"note"}, "id": ids, "note": {"a <b> & c"}}, 303)
	c.get("/findings/"+ids[1], "a &lt;b&gt; &amp; c", "/findings/notes/2/retract")
	c.post("/findings/notes/2/retract", nil, 303)
	if body := c.get("/findings/"+ids[1], "retracted by Command line"); strings.Contains(body, "a &lt;b&gt;") {
		t.Error("a retracted note is shown")
	}
	c.post("/findings/"+ids[0]+"/rule", url.Values{"verb": {"assign"}, "assignee": {"me"}}, 400) // the command line has no account
	c.post("/findings/"+ids[0]+"/rule", url.Values{"verb": {"accept-risk"}, "note": {"x"}, "until": {"nonsense"}}, 400)
	c.post("/findings/"+ids[0]+"/rule", url.Values{"verb": {"wrong-owner"}, "note": {"x"}, "constituent": {"nobody"}}, 400)
	c.post("/findings/"+ids[0]+"/rule", url.Values{"verb": {"wrong-owner"}, "note": {"theirs"}, "constituent": {"grid"}}, 409) // it is theirs
	nobodys := id.FindStringSubmatch(c.get("/findings?address=203.0.113.100"))[1]
	c.post("/findings/"+nobodys+"/rule", url.Values{"verb": {"wrong-owner"}, "note": {"theirs"}, "constituent": {"grid"}}, 303)
}
