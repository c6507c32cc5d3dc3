package app_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

// visitor is somebody who goes through the console by its links.
type visitor struct {
	name   string
	cookie string
	start  []string // where to begin, besides what links lead to
}

// site is a console with an object of every kind, and who looks at it.
type site struct{ visitors []visitor }

const manager = "security@grid.example"

// furnish makes what the fictional nation lacks for every page to have something to show. It uses the forms that people use.
func furnish(t *testing.T, w *world.World, at string) site {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	own := important(t, w)
	managed(t, w, own)
	stored, _ := cookies.Load(at)
	root := visitor{name: "administrator", cookie: stored.(string)}
	out := visitor{name: "manager", cookie: signedIn(t, w, manager)}
	nobody := visitor{name: "nobody", start: []string{"/sign-in", "/sign-in/code", "/sign-in/refused?provider=ministry&why=stranger", "/nowhere", "/api/docs"}}

	// people
	page, _ := root.post(t, at, "/people/new", url.Values{"name": {"Ada of the grid"}, "login": {"ada@grid.example"}, "role": {"member"}, "constituent": {own.Ref}})
	nobody.start = append(nobody.start, "/join/"+linkIn(t, page))
	_, service := root.post(t, at, "/people/new-service", url.Values{"login": {"siem"}, "name": {"SIEM of the CERT"}, "role": {"reader"}})
	root.post(t, at, service+"/tokens", url.Values{"name": {"nightly"}, "scope": {"finding.read"}, "days": {"30"}})
	root.post(t, at, service+"/certificates", url.Values{"name": {"siem.cert.example"}, "fingerprint": {strings.Repeat("ab", 32)}})
	root.post(t, at, "/people/2/recovery", url.Values{"reason": {"The phone with the authenticator app was lost on the way to work."}})
	root.post(t, at, "/account/tokens", url.Values{"name": {"laptop"}, "scope": {"finding.read"}, "days": {"30"}})
	out.post(t, at, "/portal/people", url.Values{"name": {"Zoe"}, "login": {"zoe@grid.example"}, "role": {"member"}, "constituent": {number(own.ID)}})

	out.post(t, at, "/portal/webhooks", url.Values{"constituent": {number(own.ID)}, "hook-name": {"SIEM of the grid"}, "url": {"https://siem.grid.example/in"}})

	// findings, views and rulings
	findings, _ := root.get(t, at, "/findings")
	finding := firstLink(t, findings, "/findings/", "bulk")
	root.post(t, at, finding+"/rule", url.Values{"verb": {"note"}, "note": {"The operator knows and waits for a part."}})
	root.post(t, at, finding+"/rule", url.Values{"verb": {"false-positive"}, "note": {"A honeypot of the university."}})
	root.post(t, at, "/views", url.Values{"name": {"Nobody's, severe"}, "path": {"/findings"}, "query": {"min-severity=high&unattributed=true"}})
	root.start = append(root.start, "/views", "/mailbox/1", finding, service, "/people/1", "/findings/rule?verb=accept-risk&id="+path.Base(finding), "/findings/rule?verb=wrong-owner&id="+path.Base(finding),
		"/findings?min-severity=high&new=1", "/findings?address=nonsense", "/findings?address=192.0.2.1", "/search?q=100.64.0.0/12&stay=true", "/why?q=100.64.1.1", "/nowhere")

	// constituents
	root.post(t, at, "/constituents/new", url.Values{"name": {"Duplicate"}, "ref": {"duplicate"}, "kind": {"operator"}, "designation": {"other"}})
	out.post(t, at, "/portal/registry/contacts", url.Values{"constituent": {number(own.ID)}, "role": {"security"}, "contact-name": {"Night shift"},
		"mail": {"night@grid.example"}, "note": {"From Monday on."}})
	_, compared := root.upload(t, at, "/registry/import", "registry.json", `{"constituents":[{"ref":"harbour","name":"Harbour of Zenda"}]}`, url.Values{"mode": {"merge"}})
	root.start = append(root.start, compared)
	_, err := w.Constituency.ImportRegistry(t.Context(), identity.LocalActor, constituency.RegistryOptions{Origin: "ripe", Country: "XR"},
		constituency.RegistryFile{Name: "ripe.db.inetnum",
			R: strings.NewReader("inetnum: 198.51.100.0 - 198.51.100.255\nnetname: CLINIC\ndescr: Clinic of Strelsau\ncountry: XR\n")})
	must(err)

	// incidents
	furnishIncidents(t, w, root, at, own)
	root.post(t, at, "/cases/1/affected", url.Values{"kind": {"entity"}, "constituent": {own.Ref}, "why": {"Their gateway is in the list."}})
	root.post(t, at, "/cases/1/affected", url.Values{"kind": {"persons"}, "name": {"Customers of the grid"}, "persons": {"1200"}, "why": {"In the list that is on sale."}})
	root.start = append(root.start, "/clocks", "/cases/1/clocks", "/reports/1/clocks", "/cases/1/affected/find", "/cases/1/affected/tell?to=1")
	root.post(t, at, "/cases/1/letters/new", url.Values{"to": {"constituent"}, "constituent": {own.Ref}, "subject": {"A question"}, "text": {"Which gateway is it?"}, "tlp": {"GREEN"}, "lowered": {"Nothing of the case is in it."}, "send": {"1"}})
	_, err = w.Constituency.AddAsset(t.Context(), identity.LocalActor, constituency.Asset{Constituent: own.ID, Kind: constituency.DomainAsset, Value: "leaked.example"})
	must(err)
	root.upload(t, at, "/cases/1/leaks", "list.txt", "ana@leaked.example\nboris@shop.example\n", url.Values{"title": {"The shop of 2025"}, "told": {"Change the password."}, "permit": {"The court"}})
	nobody.post(t, at, "/affected", url.Values{"mail": {"boris@shop.example"}})
	root.start = append(root.start, "/cases/1/leaks", "/cases/1/letters", "/cases/1/letters/new", "/reports/1/letters", "/reports/1/letters/new")

	// the gate
	root.post(t, at, "/disclosure/circles", url.Values{"name": {"energy"}, "title": {"Energy"}})
	root.post(t, at, "/disclosure/circles/energy/join", url.Values{"subject": {"constituent:" + number(own.ID)}, "member": {own.Name}})
	root.post(t, at, "/disclosure/overrides/new", url.Values{"item": {"finding:" + path.Base(finding)}, "recipient": {"constituent:" + number(own.ID)},
		"channel": {"mail"}, "hours": {"24"}, "reason": {"They are under attack and the source cannot be reached."}})
	root.post(t, at, "/disclosure/overrides/new", url.Values{"item": {"finding:" + path.Base(finding)}, "recipient": {"constituent:" + number(own.ID)},
		"channel": {"mail"}, "hours": {"24"}, "reason": {"The plant stands still; nobody else is awake."}, "emergency": {"1"}})
	out.get(t, at, "/portal/findings/export/csv")

	// files
	_, run := root.upload(t, at, "/upload", "2026-01-02-scan_rdp-test-geo.csv", "\"timestamp\",\"ip\"\n\"yesterday\",\"999.1.1.1\"\n", url.Values{"feed": {"shadowserver"}})
	root.start = append(root.start, run, "/files?rejected=true", "/audit/checkpoints")
	root.post(t, at, "/audit/checkpoints", nil)
	nobody.start = append(nobody.start, furnishTold(t, w, own))

	// reports
	_, draft := nobody.post(t, at, "/report", url.Values{"text": {"All shares end in .locked since the night."}})
	_, filed := nobody.post(t, at, "/report", url.Values{"text": {"Somebody sends mail in my name."}})
	nobody.post(t, at, filed, url.Values{"do": {"submit"}, "text": {"Somebody sends mail in my name."}, "aware": {"2026-01-02T03:04"}, "mail": {"me@home.example"}, "language": {"en"}})
	nobody.upload(t, at, filed+"/files", "note.txt", "pay us", nil)
	nobody.post(t, at, filed+"/additions", url.Values{"text": {"It stopped."}})
	nobody.start = append(nobody.start, "/report", draft, filed)
	out.post(t, at, "/portal/reports", url.Values{"constituent": {number(own.ID)}, "text": {"Half"}, "do": {"save"}})
	out.post(t, at, "/portal/reports", url.Values{"constituent": {number(own.ID)}, "text": {"A substation does not answer."}, "aware": {"2026-01-02T03:04"}, "mail": {manager}, "do": {"submit"}})
	out.start = append(out.start, "/portal/reports/new")
	all, _, err := w.Incidents.MineAll(t.Context(), act.Actor{Rights: &act.Rights{Constituents: []int64{own.ID}}}, incident.MineFilter{Limit: 1})
	must(err)
	out.upload(t, at, "/portal/reports/"+number(all[0].ID)+"/files", "log.txt", "no answer", nil)
	root.post(t, at, "/reports/"+number(all[0].ID)+"/advice", url.Values{"subject": {"What to do"}, "text": {"Unplug it."}, "tlp": {"AMBER"}, "send": {"1"}})
	root.start = append(root.start, "/reports/new", "/reports/"+number(all[0].ID)+"/advice", "/reports/"+number(all[0].ID)+"/advice?topic=malware&audience=organisation")

	out.upload(t, at, "/shared/cases/1/files", "gateway.log", "denied", nil)
	letters, _, err := w.Outbox.List(t.Context(), notify.Filter{Limit: 200})
	must(err)
	for _, l := range letters {
		_, c, err := w.Outbox.Preview(t.Context(), l.ID)
		must(err)
		if c == nil {
			continue
		}
		if len(c.Attachments) > 0 {
			root.start = append(root.start, "/outbox/letters/"+number(l.ID))
		}
		if l.Kind == filing.KindConfirm { // the outbox shows the link to nobody
			if c, err := w.Filing.ComposeConfirm(t.Context(), l); err == nil {
				nobody.start = append(nobody.start, confirmLink.FindString(c.Text))
			}
		}
	}

	// special CERTs
	root.post(t, at, "/special-certs/new", url.Values{"name": {"CERT of the grids"}, "organisation": {"Grids of Ruritania"}, "scope": {"Transmission and distribution"},
		"mail": {"cert@grids.example"}, "fingerprint": {strings.Repeat("AB", 20)}, "approved": {"1"}, "approval": {"The head of the CERT, by letter"}})

	// situation reports: one that was distributed and is corrected, and the next draft
	if _, err := w.Sitreps.Draft(t.Context(), act.Machine); fault.KindOf(err) != fault.Conflict { // the morning may have made it
		must(err)
	}
	root.post(t, at, "/sitreps/1/refresh", nil)
	root.post(t, at, "/sitreps/1/edit", url.Values{"version": {"2"}, "language": {"en"}, "tlp": {"GREEN"}, "judgement": {"Patch the gateways <today>."}})
	_, err = w.Sitreps.Approve(t.Context(), act.Machine, 1, 0)
	must(err)
	root.post(t, at, "/sitreps/1/distribute", url.Values{"everybody": {"1"}})
	out.start = append(out.start, "/portal/sitreps", "/portal/sitreps/1")
	root.post(t, at, "/sitreps/1/correct", url.Values{"reason": {"One gateway was forgotten."}})
	root.post(t, at, "/sitreps", nil)
	root.start = append(root.start, "/sitreps/1", "/sitreps/1/print", "/sitreps/2/edit", "/sitreps/3", "/sitreps/1/distribute?everybody=1&staff=1", "/sitreps/2/distribute?same=1",
		"/statistics?by=month&of=severity", "/statistics?of=sector", fmt.Sprintf("/statistics/years/%d", w.Clock().Now().Year()-1))

	// statistics of last year: returned, and corrected
	statistics := fmt.Sprintf("/portal/yearly/%d/%d", w.Clock().Now().Year()-1, own.ID)
	out.post(t, at, statistics, url.Values{"count-fraud-5": {"3"}, "count-availability-3": {"12"}, "downtime": {"90"}, "cost": {"1200"}, "currency": {"EUR"}, "do": {"submit"}})
	out.post(t, at, statistics, url.Values{"version": {"1"}, "count-fraud-5": {"2"}, "reason": {"One was counted twice."}})
	ministry := visitor{name: "authority", cookie: asNew(t, w, "law@ministry.example", identity.Held{Role: identity.Authority}), start: []string{"/shared"}}
	return site{[]visitor{nobody, root, out, ministry}}
}

// confirmLink is the path of a link by which a reporter confirms their address.
var confirmLink = regexp.MustCompile(`/report/[^/\s]+/confirm/\S+`)

var secretShown = regexp.MustCompile(`<code class="secret">[^<]*/join/([^<]+)</code>`)

// linkIn is the secret of the link that a page shows once.
func linkIn(t *testing.T, page string) string {
	t.Helper()
	m := secretShown.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link is shown:\n%s", page)
	}
	return m[1]
}

// firstLink is the first link of a page to below a path, but not to one of its pages.
func firstLink(t *testing.T, page, below, but string) string {
	t.Helper()
	for _, l := range links(t, page) {
		if rest, ok := strings.CutPrefix(l, below); ok && rest != but && !strings.ContainsAny(rest, "/?") {
			return l
		}
	}
	t.Fatalf("no link leads below %s:\n%s", below, page)
	return ""
}

func number(id int64) string { return strconv.FormatInt(id, 10) }

func (v visitor) get(t *testing.T, at, from string) (page, where string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, at+from, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, page, res := v.fetch(t, req)
	if status != http.StatusOK {
		t.Fatalf("GET %s as %s: %d\n%s", from, v.name, status, page)
	}
	return page, res.Request.URL.RequestURI()
}

// signedIn is the cookie of somebody who has just signed in.
func signedIn(t *testing.T, w *world.World, login string) string {
	t.Helper()
	in, err := w.Identity.SignIn(t.Context(), login, password, identity.Device{Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"})
	if err != nil {
		t.Fatal(err)
	}
	return identity.SessionCookie + "=" + in.Secret
}

// asNew makes an account and signs it in.
func asNew(t *testing.T, w *world.World, login string, h identity.Held) string {
	t.Helper()
	if _, err := w.Identity.Create(t.Context(), identity.LocalActor, identity.NewAccount{Login: login, Name: login, Password: password, Roles: []identity.Held{h}}); err != nil {
		t.Fatal(err)
	}
	return signedIn(t, w, login)
}

// post sends a form and returns the page that answers, and where it is.
func (v visitor) post(t *testing.T, at, to string, form url.Values) (page, where string) {
	t.Helper()
	return v.send(t, at, to, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// upload sends a form with a file.
func (v visitor) upload(t *testing.T, at, to, name, content string, form url.Values) (page, where string) {
	t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for k, vs := range form {
		m.WriteField(k, vs[0])
	}
	f, err := m.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, content)
	m.Close()
	return v.send(t, at, to, m.FormDataContentType(), &body)
}

func (v visitor) send(t *testing.T, at, to, kind string, body io.Reader) (page, where string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, at+to, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	status, page, res := v.fetch(t, req)
	if status != http.StatusOK {
		t.Fatalf("POST %s as %s: %d\n%s", to, v.name, status, page)
	}
	return page, res.Request.URL.RequestURI()
}

func (v visitor) fetch(t *testing.T, req *http.Request) (int, string, *http.Response) {
	t.Helper()
	client := http.Client{CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		next.Header.Set("Cookie", v.cookie)
		return nil
	}}
	req.Header.Set("Cookie", v.cookie)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res
}

// crawl follows links from page to page and returns the pages: of every route one, and all that the visitor begins
// with. What it came to is no longer left.
func (v visitor) crawl(t *testing.T, at string, mux *http.ServeMux, left map[string]bool) (pages []string) {
	t.Helper()
	queue := append([]string{"/"}, v.start...)
	begins := len(queue)
	seen := map[string]bool{}
	times := map[string]int{}
	for i := 0; i < len(queue); i++ {
		u, err := url.Parse(queue[i])
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodGet, at+queue[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := mux.Handler(req)
		if seen[queue[i]] || i >= begins && (seen[u.Path] || times[pattern] >= 1) {
			continue
		}
		seen[queue[i]], seen[u.Path] = true, true
		status, page, res := v.fetch(t, req)
		if res.Request.URL.Path != u.Path { // to be signed in, or home
			queue = append(queue, res.Request.URL.RequestURI())
			continue
		}
		if status == http.StatusOK {
			times[pattern]++
			delete(left, pattern)
		}
		if i < begins && pattern != "" && status != http.StatusOK && u.RawQuery == "" {
			t.Errorf("%s as %s: %d\n%s", queue[i], v.name, status, page)
		}
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || res.Header.Get("Content-Disposition") != "" {
			continue
		}
		pages = append(pages, queue[i])
		queue = append(queue, links(t, page)...)
	}
	return pages
}

// elsewhere are the addresses that lead to another provider.
var elsewhere = regexp.MustCompile(`^/sign-in/with/|^/account/providers/[^/]+/link`)

// links are the addresses of this console that a page leads to.
func links(t *testing.T, page string) (out []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "a" {
			continue
		}
		for _, a := range n.Attr {
			if a.Key == "href" && strings.HasPrefix(a.Val, "/") && !elsewhere.MatchString(a.Val) {
				out = append(out, strings.Split(a.Val, "#")[0])
			}
		}
	}
	return out
}
