package app_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/incident"
)

const markup = "<script>alert(1)</script>"

// door is a way by which a report comes in.
type door struct {
	name, path string
	role       identity.Role
	token      bool
	body       func(value func(field string) string) string
}

var reportFields = []string{"title", "text", "name", "organisation", "phone", "impact", "systems", "cause", "measures", "indicators", "countries", "help"}

// doors are all of them but the mailbox, whose tests stand beside it.
func (f *full) doors() []door {
	now := time.Now().UTC().Add(-time.Hour)
	form := func(more string) func(func(string) string) string {
		return func(value func(string) string) string {
			v, err := url.ParseQuery(more)
			f.must(err)
			for _, k := range reportFields {
				v.Set(k, value(k))
			}
			v.Set("mail", "night@alpha.example")
			v.Set("aware", now.Format("2006-01-02T15:04"))
			return v.Encode()
		}
	}
	rest := func(value func(string) string) string {
		parts := []string{fmt.Sprintf(`"constituent":%d,"aware":%q`, f.ids["alpha"], now.Format(time.RFC3339))}
		var details []string
		for _, k := range reportFields {
			p := fmt.Sprintf("%q:%q", k, value(k))
			switch k {
			case "title", "text", "name", "organisation", "phone":
				parts = append(parts, p)
			default:
				details = append(details, p)
			}
		}
		return "{" + strings.Join(parts, ",") + `,"details":{` + strings.Join(details, ",") + "}}"
	}
	return []door{
		{name: "public", path: "/report", role: public, body: form("")},
		{name: "portal", path: "/portal/reports", role: identity.Manager, body: form(fmt.Sprintf("constituent=%d&do=submit", f.ids["alpha"]))},
		{name: "staff", path: "/reports/new", role: identity.Analyst, body: form("origin=staff&constituent=alpha")},
		{name: "rest", path: "/api/portal/reports", role: identity.Manager, token: true, body: rest},
	}
}

func (f *full) reports() []incident.Line {
	f.t.Helper()
	all, _, err := f.w.Incidents.ReportList(f.t.Context(), incident.ReportFilter{}, incident.Place{}, 500)
	f.must(err)
	return all
}

func TestMarkupInEveryFieldOfAReportStaysTextBehindEveryDoor(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	page := func(role identity.Role, path string, shown bool) {
		t.Helper()
		a, text := f.ask(request{method: "GET", path: path, role: role})
		if a.StatusCode != http.StatusOK || strings.Contains(text, markup) || shown != strings.Contains(text, "&lt;script&gt;alert(1)") {
			t.Errorf("%s: %d; as text: %t, as markup: %t", path, a.StatusCode, strings.Contains(text, "&lt;script&gt;alert(1)"), strings.Contains(text, markup))
		}
	}
	for _, d := range f.doors() {
		q := request{method: "POST", path: d.path, role: d.role, token: d.token, body: d.body(func(field string) string { return field[:2] + markup })}
		a, text := f.ask(q)
		to := a.Header.Get("Location")
		if a.StatusCode >= 400 || to == "" && !d.token {
			t.Fatalf("%s: %d %s", d.name, a.StatusCode, text)
		}
		if d.role == public {
			q.path, q.body = to, q.body+"&do=submit"
			if a, text = f.ask(q); a.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s: %d %s", d.name, a.StatusCode, text)
			}
		}
		if !d.token {
			page(d.role, to, true)
		}
	}
	rs := f.reports()
	if len(rs) != 4 {
		t.Fatalf("%d reports came in", len(rs))
	}
	staff := identity.Duty
	page(staff, "/reports?state=all", true)
	page(staff, "/cases/search?q=alert", true)
	page(identity.Manager, "/portal/reports", true)
	for _, r := range rs {
		full, err := f.w.Incidents.Report(t.Context(), r.ID)
		f.must(err)
		for field, text := range map[string]string{"title": full.Title, "text": full.Text, "name": full.Name, "organisation": full.Organisation, "phone": full.Phone,
			"impact": full.Details.Impact, "systems": full.Details.Systems, "cause": full.Details.Cause, "measures": full.Details.Measures,
			"indicators": full.Details.Indicators, "countries": full.Details.Countries, "help": full.Details.Help} {
			if text != field[:2]+markup {
				t.Errorf("%s of the report by %s is %q: it is what was said", field, full.Origin, text)
			}
		}
		page(staff, fmt.Sprintf("/reports/%d", r.ID), true)
		page(staff, fmt.Sprintf("/reports/%d/clocks", r.ID), true)
		page(staff, fmt.Sprintf("/reports/%d/advice", r.ID), true)
		c, err := f.w.Incidents.Accept(t.Context(), f.root, r.ID, 0, incident.Opening{})
		f.must(err)
		for _, p := range []string{"", "/edit", "/clocks", "/affected", "/indicators", "/related", "/participants"} {
			page(staff, fmt.Sprintf("/cases/%d%s", c.ID, p), true)
		}
	}
	page(staff, "/cases", true)
	page(staff, "/cases?look=board", true)
}

func TestTenMegabytesAreRefusedAtEveryDoor(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	for _, d := range f.doors() {
		for _, field := range []string{"text", "impact"} {
			a, text := f.ask(request{method: "POST", path: d.path, role: d.role, token: d.token, body: d.body(func(of string) string {
				if of == field {
					return strings.Repeat("x", 10<<20)
				}
				return "short"
			})})
			if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusRequestEntityTooLarge && a.StatusCode != http.StatusUnprocessableEntity || len(text) > 1<<20 {
				t.Errorf("%s, %s: %d with %d bytes", d.name, field, a.StatusCode, len(text))
			}
		}
	}
	if rs := f.reports(); len(rs) != 0 {
		t.Errorf("%d reports came in", len(rs))
	}
}

func TestCaseIsLinkedToAFinding(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	finding := f.object("finding", identity.Analyst, true, false)
	c, err := f.w.Incidents.Open(t.Context(), f.root, incident.Opening{Title: "Amplifiers"})
	f.must(err)
	at := fmt.Sprintf("/cases/%d", c.ID)
	related := func() string {
		a, text := f.ask(request{method: "GET", path: at + "/related", role: identity.Analyst})
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", a.StatusCode, text)
		}
		return text
	}
	link := regexp.MustCompile(`href="/findings/` + regexp.QuoteMeta(finding) + `"[^>]*>[^<]*203\.0\.113\.\d+ [^<]*ntp`)
	a, text := f.ask(request{method: "POST", path: at + "/links", role: identity.Analyst, body: url.Values{"kind": {"finding"}, "object": {"/findings/" + finding}}.Encode()})
	if a.StatusCode != http.StatusSeeOther || !link.MatchString(related()) {
		t.Errorf("%d %s %s", a.StatusCode, text, related())
	}
	if a, text := f.ask(request{method: "GET", path: "/api" + at + "/related", role: identity.Analyst, token: true}); a.StatusCode != http.StatusOK || !strings.Contains(text, "finding:"+finding) {
		t.Errorf("%d %s", a.StatusCode, text)
	}
	es, err := f.w.Incidents.Timeline(t.Context(), c.ID, 0, 10)
	f.must(err)
	if es[0].Kind != incident.KindLink || !strings.Contains(es[0].Detail, "finding:"+finding) {
		t.Errorf("the timeline ends with %+v", es[0])
	}
	owner, err := f.w.Findings.ByID(t.Context(), finding)
	f.must(err)
	a, text = f.ask(request{method: "POST", path: "/api" + at + "/affected/find", role: identity.Analyst, token: true, body: "{}"})
	if a.StatusCode != http.StatusOK || owner.Owner.Name == "" || !strings.Contains(text, owner.Owner.Name) || !strings.Contains(text, finding) {
		t.Errorf("who may be affected: %d %s, not %q", a.StatusCode, text, owner.Owner.Name)
	}
	a, _ = f.ask(request{method: "POST", path: at + "/links/remove", role: identity.Analyst, body: url.Values{"object": {"finding:" + finding}}.Encode()})
	if a.StatusCode != http.StatusSeeOther || link.MatchString(related()) {
		t.Errorf("%d: it is still there", a.StatusCode)
	}
}
