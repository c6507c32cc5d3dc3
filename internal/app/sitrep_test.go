package app_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/situation/sitrep"
)

// TestASituationReportGoesTheWholeWay drafts a report on the pages, has two people edit it at once, somebody paste a book and markup into it,
// approves, prints and sends it, and looks at it over REST.
func TestASituationReportGoesTheWholeWay(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	ask := func(role identity.Role, method, path, body string, status int, says ...string) string {
		t.Helper()
		a, page := f.ask(request{method: method, path: path, role: role, body: body})
		if a.StatusCode != status {
			t.Fatalf("%s %s: %d, want %d: %.2000s", method, path, a.StatusCode, status, page)
		}
		for _, s := range says {
			if !strings.Contains(page, s) {
				t.Errorf("%s %s: says no %q: %.3000s", method, path, s, page)
			}
		}
		return page
	}
	at := "/sitreps/" + f.object("sitrep", identity.Analyst, true, false)
	var id int64
	fmt.Sscan(strings.TrimPrefix(at, "/sitreps/"), &id)
	s, err := f.w.Sitreps.Refresh(t.Context(), f.actor[identity.Analyst], id, 1)
	f.must(err)
	ask(identity.Duty, "POST", "/sitreps", "", 409, "is there already")
	ask(identity.Duty, "GET", "/", "", 200, "1 situation report waits for approval")

	// the findings are those of the national picture
	p, err := f.w.Situation.Picture(t.Context(), 30)
	f.must(err)
	var fresh, gone int64
	for _, d := range p.Days {
		if d.Day >= s.Figures.Findings.From && d.Day <= s.Figures.Findings.Until {
			fresh, gone = fresh+d.Fresh+d.Reopened, gone+d.Gone
		}
	}
	if got := s.Figures.Findings; got.Until != p.Day || got.From != p.Day || got.Open != p.Open.Total() || got.New != fresh || got.Gone != gone || got.Open == 0 {
		t.Errorf("findings %+v; the picture has %d open, %d new, %d gone on %s", got, p.Open.Total(), fresh, gone, p.Day)
	}
	all, err := f.w.Situation.Moves(t.Context(), p.Day-event.Day(30), 30, 0)
	f.must(err)
	fresh = 0
	for _, d := range p.Days {
		fresh += d.Fresh
	}
	var byType, bySector int64
	for _, y := range all.Types {
		byType += y.Flow.Fresh
	}
	for _, x := range all.Sectors {
		bySector += x.Flow.Fresh
	}
	if all.Flow.Fresh != fresh || byType != fresh || bySector != fresh || fresh == 0 {
		t.Errorf("of thirty days %d are new, by type %d, by sector %d; the picture has %d", all.Flow.Fresh, byType, bySector, fresh)
	}

	form := func(version, judgement string) string {
		return url.Values{"version": {version}, "language": {"en"}, "tlp": {"TLP:GREEN"}, "judgement": {judgement}}.Encode()
	}
	const markup = `<script>alert("x")</script> & <b>bold</b>`
	ask(identity.Analyst, "POST", at+"/edit", form("2", markup), 303)
	for _, path := range []string{at, at + "/print", at + "/edit"} {
		if page := ask(identity.Duty, "GET", path, "", 200, "&lt;script&gt;alert("); strings.Contains(page, "<script>alert") || strings.Contains(page, "<b>bold") {
			t.Errorf("%s shows markup as such", path)
		}
	}
	ask(identity.Duty, "POST", at+"/edit", form("2", "Mine."), 409, "Person analyst changed SR-", "Mine.", "&lt;script&gt;", `name="version" value="3"`)
	ask(identity.Duty, "POST", at+"/edit", form("3", strings.Repeat("A word. ", 10<<20/8)), 400, "20000 are the most: say it in fewer words")
	ask(identity.Duty, "PATCH", "/api"+at, fmt.Sprintf(`{"version":3,"language":"en","judgement":%q}`, strings.Repeat("A word. ", 10<<20/8)), 422, "20000 are the most")
	ask(identity.Duty, "PATCH", "/api"+at, `{"version":1,"language":"en","judgement":"x"}`, 409, "meanwhile")

	ask(identity.Duty, "POST", at+"/distribute", "everybody=1", 409)
	ask(identity.Analyst, "POST", at+"/approve", "version=3", 403)
	ask(identity.Duty, "POST", at+"/approve", "version=3", 303)
	ask(identity.Duty, "GET", at+"/distribute?everybody=1&staff=1", "", 200, "soc@alpha.example")
	ask(identity.Duty, "POST", at+"/distribute", "everybody=1", 303)
	ask(identity.Duty, "POST", "/api"+at+"/distribute", `{"everybody":true}`, 200, `"letters":0`, `"already":2`)
	ask(identity.Reader, "GET", "/api"+at, "", 200, `"whole":true`, `"state":"approved"`, `"sha256":"`)
	ask(identity.Reader, "GET", "/api"+at+"/export/md", "", 200, `\<script\>`)
	ask(identity.Reader, "GET", at+"/export/txt", "", 200, markup)
	ask(identity.Reader, "GET", "/api"+at+"/recipients", "", 200, "soc@alpha.example")
	ask(identity.Manager, "GET", at, "", 403)
	o, err := f.w.Sitreps.One(t.Context(), s.ID)
	f.must(err)
	if o.State != sitrep.Approved {
		t.Errorf("it is %s", o.State)
	}
}
