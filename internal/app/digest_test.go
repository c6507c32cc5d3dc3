package app_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"tocsin/internal/event/digest"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
)

// answerLink is the address, below the console's, of the link in the latest digest to a constituent.
func (f *full) answerLink(ref string) string {
	f.t.Helper()
	ls, _, err := f.w.Outbox.List(f.t.Context(), notify.Filter{Constituent: f.ids[ref], Limit: 1})
	f.must(err)
	if len(ls) == 0 {
		f.t.Fatalf("no letter to %s", ref)
	}
	c := f.w.Digest.Compose(f.t.Context(), ls)[0]
	f.must(c.Err)
	m := regexp.MustCompile(`http://localhost:8080(/answer/\S+)`).FindStringSubmatch(c.Content.Text)
	if m == nil {
		f.t.Fatalf("no answer link in\n%s", c.Content.Text)
	}
	return m[1]
}

func (f *full) shows(r request, status int, parts ...string) string {
	f.t.Helper()
	a, text := f.ask(r)
	if a.StatusCode != status {
		f.t.Errorf("%s %s as %s: %d, want %d: %.300s", r.method, r.path, r.role, a.StatusCode, status, text)
	}
	for _, p := range parts {
		if !strings.Contains(text, p) {
			f.t.Errorf("%s %s as %s lacks %q", r.method, r.path, r.role, p)
		}
	}
	return text
}

func TestAnswerLinkIsOpenToWhoHasItAndChangesOnlyByPost(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	f.tell()
	link := f.answerLink("alpha")
	get := func(parts ...string) string {
		t.Helper()
		return f.shows(request{method: "GET", path: link, role: public}, 200, parts...)
	}
	text := get("Alpha Power", "203.0.113.9 123/udp", `method="post"`)
	for _, other := range []string{"203.0.113.209", canary, "203.0.113.1 "} {
		if strings.Contains(text, other) {
			t.Errorf("the page shows %q, which the mail does not", other)
		}
	}
	answers := func() int {
		t.Helper()
		var out struct {
			Items []struct{ Answer, Note, State string } `json:"items"`
		}
		f.must(json.Unmarshal([]byte(f.shows(request{method: "GET", path: "/api/digests/answers", role: identity.Duty}, 200)), &out))
		return len(out.Items)
	}
	for range 3 { // what follows links in mail changes nothing
		get()
		f.ask(request{method: "HEAD", path: link, role: public})
	}
	if n := answers(); n != 0 {
		t.Fatalf("%d answers by looking", n)
	}
	post := func(path string, status int, values url.Values) {
		t.Helper()
		f.shows(request{method: "POST", path: path, role: public, body: values.Encode()}, status)
	}
	post(link, 303, url.Values{"answer": {"seen"}, "all": {"1"}, "name": {"Ana <b>"}})
	post(link, 303, url.Values{"answer": {"fixed"}, "all": {"1"}, "note": {"filtered <script>"}})
	post(link, 400, url.Values{"answer": {"fixed"}}) // of nothing
	post(link, 400, url.Values{"answer": {"perhaps"}, "all": {"1"}})
	post(link, 400, url.Values{"answer": {"help"}, "all": {"1"}})
	post(link+"x", 404, url.Values{"answer": {"seen"}})
	f.shows(request{method: "GET", path: link + "x", role: public}, 404)
	if n := answers(); n != 2 {
		t.Errorf("%d answers, want 2", n)
	}
	if text := get("Ana &lt;b&gt;", "filtered &lt;script&gt;"); strings.Contains(text, "<script>") {
		t.Error("what was answered is not escaped")
	}
	digest := f.object("digest", identity.Manager, true, false)
	f.shows(request{method: "GET", path: "/portal/notifications/" + digest, role: identity.Manager}, 200, "203.0.113.9 123/udp", "fixed")
	f.shows(request{method: "POST", path: "/digests/messages/" + digest + "/revoke", role: identity.Duty}, 303)
	f.shows(request{method: "GET", path: link, role: public}, 404)
	post(link, 404, url.Values{"answer": {"seen"}})
}

func TestANoteOf10MegabytesIsRefusedAtTheDoor(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	f.tell()
	link := f.answerLink("alpha")
	note := "answer=seen&all=1&note=" + strings.Repeat("x", 10<<20)
	for _, r := range []request{{method: "POST", path: link, role: public, body: note}, {method: "POST", path: "/portal/notifications/" + f.object("digest", identity.Manager, true, false), role: identity.Manager, body: note},
		{method: "POST", path: "/digests/policies", role: identity.Duty, body: "frequency=daily&severity=low&reason=" + strings.Repeat("x", 10<<20)}} {
		if a, text := f.ask(r); a.StatusCode != 400 && a.StatusCode != 413 {
			t.Errorf("%s as %s: %d %.200s", r.path, r.role, a.StatusCode, text)
		}
	}
	if as, _, err := f.w.Digest.Answers(t.Context(), digest.AnswerFilter{}); err != nil || len(as) != 0 {
		t.Errorf("answers %v, %v", as, err)
	}
}

func TestPagesOfDigestsShowWhatWasToldAndAnswered(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	f.tell()
	id := f.object("digest", identity.Duty, true, false)
	var n int64
	fmt.Sscan(id, &n)
	duty := func(path string, parts ...string) string {
		t.Helper()
		return f.shows(request{method: "GET", path: path, role: identity.Duty}, 200, parts...)
	}
	duty("/digests", "Alpha Power", "T-A", "at once", "shadowserver")
	duty("/digests/preview?constituent=alpha", "/digests/preview/html?constituent=alpha")
	a, text := f.ask(request{method: "GET", path: "/digests/preview/html?constituent=alpha", role: identity.Duty})
	if policy := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox; default-src 'none';") || strings.Contains(policy, "allow-") ||
		a.Header.Get("Content-Type") != "text/html; charset=utf-8" || a.Header.Get("Content-Disposition") != "" || !strings.Contains(text, "Alpha Power") || !strings.Contains(text, "<h1") {
		t.Errorf("the digest's page: %d, %v: %.300s", a.StatusCode, a.Header, text)
	}
	duty("/digests?constituent=alpha", "Alpha Power")
	duty("/digests/messages/"+id, "203.0.113.9 123/udp", "Revoke the answer link")
	duty("/digests/preview?constituent=alpha&language=ja", "soc@alpha.example")
	duty("/digests/preview?constituent=nobody", "there is no constituent")
	duty("/digests/policies", "By default", "counts of devices")
	f.shows(request{method: "POST", path: "/digests/policies", role: identity.Duty, body: "frequency=daily&severity=low&sector=energy&reason=a+campaign"}, 303)
	duty("/digests/policies", "a campaign")
	f.shows(request{method: "POST", path: "/digests/policies", role: identity.Duty, body: "frequency=hourly&severity=low&reason=x"}, 400, "is no frequency")
	f.shows(request{method: "POST", path: "/digests/policies", role: identity.Analyst, body: "frequency=daily&severity=low&reason=x"}, 403)
	f.shows(request{method: "POST", path: "/digests/dry-run", role: identity.Duty, body: "days=30&policies=" + url.QueryEscape(`[{"type":"scan_ntp","frequency":"none"}]`)}, 200, "soc@alpha.example", "scan_ntp</code>")
	f.shows(request{method: "POST", path: "/digests/dry-run", role: identity.Duty, body: "days=30&policies=nonsense"}, 400, "no JSON list")
	f.shows(request{method: "POST", path: "/digests/suppressions", role: identity.Duty, body: "kind=prefix&value=203.0.113.0%2F25&until=2001-01-01&reason=works"}, 400, "give the last day")
	f.shows(request{method: "POST", path: "/digests/suppressions", role: identity.Duty, body: "kind=prefix&value=203.0.113.0%2F25&until=" + f.w.Clock().Now().AddDate(0, 0, 3).UTC().Format("2006-01-02") + "&reason=works"}, 303)
	duty("/digests/suppressions", "203.0.113.0/25", "works")
	duty("/digests/effect", "scan_ntp")
	duty("/digests/effect?by=sector&days=30", "Told")
	claim := f.object("claim", identity.Duty, true, false)
	duty("/digests/answers?state=open", "/digests/claims/"+claim)
	duty("/digests/claims/"+claim, "Alpha thing", "203.0.113.9 123/udp")
	f.shows(request{method: "POST", path: "/digests/claims/" + claim, role: identity.Analyst, body: "decision=refuse"}, 400)
	f.shows(request{method: "POST", path: "/digests/claims/" + claim, role: identity.Analyst, body: "decision=refuse&reason=the+contract"}, 303)
	duty("/digests/claims/"+claim, "refused", "the contract")
	duty(fmt.Sprintf("/digests/settings/%d", f.ids["alpha"]), "Monday")
	duty(fmt.Sprintf("/constituents/%d", f.ids["alpha"]), "/digests/preview?constituent=alpha")
	_, items, err := f.w.Digest.One(t.Context(), n)
	f.must(err)
	duty("/findings/"+items[0].Finding, "Told and answered", "not theirs", "/digests/messages/"+id)
	for _, path := range []string{"/api/digests/standing", "/api/digests/messages/" + id, "/api/digests/deaf", "/api/digests/policies", "/api/digests/findings/" + items[0].Finding} {
		duty(path)
	}
}

func TestPortalSetsHowItIsTold(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	f.tell()
	body := fmt.Sprintf("constituent=%d&channel=mail&hour=14&weekday=0&weekday=1&zone=Asia%%2FTokyo&frequency=weekly", f.ids["alpha"])
	f.shows(request{method: "POST", path: "/portal/telling", role: identity.Member, body: body}, 403)
	f.shows(request{method: "POST", path: "/portal/telling", role: identity.Manager, body: body}, 303)
	f.shows(request{method: "GET", path: "/portal/telling", role: identity.Manager}, 200, "Asia/Tokyo", `value="14" selected`)
	f.shows(request{method: "POST", path: "/portal/telling", role: identity.Manager, body: strings.Replace(body, "Tokyo", "Nowhere", 1)}, 400, "is no time zone")
	f.shows(request{method: "GET", path: "/portal/notifications", role: identity.Member}, 200, "T-A")
	text := f.shows(request{method: "GET", path: fmt.Sprintf("/api/portal/telling/%d", f.ids["alpha"]), role: identity.Manager}, 200)
	if !strings.Contains(text, `"frequency":"weekly"`) || !strings.Contains(text, `"weekdays":[0,1]`) {
		t.Errorf("the setting is %s", text)
	}
}
