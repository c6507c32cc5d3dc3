package app_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/app"
	"tocsin/internal/identity"
)

// placed says what the parameters of addresses name: the kinds of full.make, or "=" and a word that stands for itself. The
// longest beginning that fits a pattern counts, and a pattern that nothing fits is a fault of this table.
var placed = map[string][]string{
	"/clocks/":                                {"clock"},
	"/clocks/export/":                         {"=csv"},
	"/portal/clocks/export/":                  {"=csv"},
	"/api/clocks/":                            {"clock"},
	"/api/portal/reports/":                    {"own-report"},
	"/api/portal/reports/{id}/files/":         {"own-report", "=999"},
	"/account/passkeys/":                      {"passkey"},
	"/account/providers/":                     {"=absent"},
	"/account/tokens/":                        {"token"},
	"/audit/checkpoints/":                     {"checkpoint"},
	"/audit/":                                 {"=1"},
	"/cases/":                                 {"case"},
	"/cases/{id}/indicators/":                 {"case", "=csv"},
	"/cases/{id}/affected/":                   {"case", "affected"},
	"/cases/{id}/affected/export/":            {"case", "=csv"},
	"/cases/{id}/leaks/":                      {"case", "leak"},
	"/portal/leaks/":                          {"leak"},
	"/api/cases/{id}/leaks/":                  {"case", "leak"},
	"/api/leaks/ranges/":                      {"=abcde"},
	"/api/portal/leaks/":                      {"leak"},
	"/constituents/":                          {"constituent"},
	"/conversations/":                         {"conversation"},
	"/constituents/{id}/assets/":              {"constituent", "asset"},
	"/constituents/{id}/contacts/":            {"constituent", "new-contact"},
	"/answer/":                                {"=absent"},
	"/digests/claims/":                        {"claim"},
	"/digests/feeds/":                         {"feed"},
	"/digests/messages/":                      {"digest"},
	"/digests/policies/":                      {"policy"},
	"/digests/settings/":                      {"constituent"},
	"/digests/suppressions/":                  {"suppression"},
	"/disclosure/circles/":                    {"circle"},
	"/disclosure/export/":                     {"=csv"},
	"/disclosure/ledger/":                     {"ledger"},
	"/disclosure/overrides/":                  {"override"},
	"/evidence/":                              {"evidence"},
	"/feeds/":                                 {"feed"},
	"/files/":                                 {"=1"},
	"/findings/bulk/":                         {"deed"},
	"/findings/export/":                       {"=csv"},
	"/findings/notes/":                        {"note"},
	"/findings/":                              {"finding"},
	"/invitations/":                           {"invitation"},
	"/join/":                                  {"link"},
	"/mail-keys/":                             {"mail-key"},
	"/outbox/letters/":                        {"letter"},
	"/outbox/letters/{id}/attachments/":       {"letter", "=0"},
	"/outbox/webhooks/":                       {"webhook"},
	"/mailbox/":                               {"mail"},
	"/mailbox/{id}/files/":                    {"mail", "=1"},
	"/people/":                                {"account"},
	"/people/{id}/certificates/":              {"service", "fingerprint"},
	"/people/{id}/tokens":                     {"service"},
	"/people/{id}/tokens/":                    {"service", "service-token"},
	"/portal/assets/":                         {"asset"},
	"/portal/contacts/":                       {"contact"},
	"/portal/findings/export/":                {"=csv"},
	"/portal/findings/":                       {"finding"},
	"/portal/notifications/":                  {"digest"},
	"/portal/invitations/":                    {"invitation"},
	"/portal/webhooks/":                       {"own-webhook"},
	"/portal/people/":                         {"account"},
	"/portal/reports/":                        {"own-report"},
	"/portal/reports/{id}/files/":             {"own-report", "=999"},
	"/portal/requests/":                       {"request"},
	"/recoveries/":                            {"recovery"},
	"/report/":                                {"=absent"},
	"/report/{secret}/confirm/":               {"=absent", "=absent"},
	"/registry/export/":                       {"=json"},
	"/reports/":                               {"report"},
	"/registry/import/":                       {"import"},
	"/registry/refreshes/":                    {nothing},
	"/registry/requests/":                     {"request"},
	"/sectors/":                               {"=energy"},
	"/shared/cases/":                          {"part"},
	"/sitreps/":                               {"sitrep"},
	"/portal/sitreps/":                        {"told-sitrep"},
	"/portal/sitreps/{id}/export/":            {"told-sitrep", "=md"},
	"/api/portal/sitreps/":                    {"told-sitrep"},
	"/api/portal/sitreps/{id}/export/":        {"told-sitrep", "=md"},
	"/sitreps/{id}/export/":                   {"sitrep", "=md"},
	"/api/sitreps/":                           {"sitrep"},
	"/api/statistics/years/":                  {"=2025"},
	"/statistics/years/":                      {"=2025"},
	"/api/sitreps/{id}/export/":               {"sitrep", "=md"},
	"/shared/cases/{id}/files/":               {"part", "part-file"},
	"/sign-in/from/":                          {"=absent"},
	"/sign-in/with/":                          {"=absent"},
	"/situation/":                             {"=types"},
	"/special-certs/":                         {"special-cert"},
	"/api/special-certs/":                     {"special-cert"},
	"/upload/":                                {"upload"},
	"/views/":                                 {"view"},
	"/yearly/export/":                         {"=2024"},
	"/yearly/returns/":                        {"=2024", "constituent"},
	"/portal/yearly/":                         {"=2024", "constituent"},
	"/portal/yearly/summary/":                 {"=2024"},
	"/api/yearly/":                            {"=2024"},
	"/api/yearly/{year}/returns/":             {"=2024", "constituent"},
	"/api/portal/yearly/":                     {"=2024", "constituent"},
	"/api/portal/yearly/summary/":             {"=2024"},
	"/api/accounts/":                          {"account"},
	"/api/accounts/{id}/tokens":               {"service"},
	"/api/accounts/{id}/tokens/":              {"service", "service-token"},
	"/api/assets/":                            {"asset"},
	"/api/audit/checkpoints/":                 {"checkpoint"},
	"/api/audit/":                             {"=1"},
	"/api/cases/":                             {"case"},
	"/api/cases/{id}/indicators/":             {"case", "=csv"},
	"/api/cases/{id}/tasks/":                  {"case", "task"},
	"/api/cases/{id}/affected/":               {"case", "affected"},
	"/api/change-requests/":                   {"request"},
	"/api/constituency/refreshes/":            {nothing},
	"/api/constituents/":                      {"ref"},
	"/api/contacts/":                          {"new-contact"},
	"/api/digests/claims/":                    {"claim"},
	"/api/digests/feeds/":                     {"feed"},
	"/api/digests/findings/":                  {"finding"},
	"/api/digests/messages/":                  {"digest"},
	"/api/digests/policies/":                  {"policy"},
	"/api/digests/settings/":                  {"constituent"},
	"/api/digests/suppressions/":              {"suppression"},
	"/api/disclosure/circles/":                {"circle"},
	"/api/disclosure/circles/{name}/members/": {"circle", "member"},
	"/api/disclosure/export/":                 {"=csv"},
	"/api/disclosure/ledger/":                 {"ledger"},
	"/api/disclosure/overrides/":              {"override"},
	"/api/evidence/":                          {"evidence"},
	"/api/feeds/":                             {"feed"},
	"/api/feeds/{name}/days/":                 {"feed", "=2026-01-01"},
	"/api/files/":                             {"=1"},
	"/api/files/{file}/rows/":                 {"=1", "=1"},
	"/api/finding-acts/":                      {"deed"},
	"/api/finding-notes/":                     {"note"},
	"/api/findings/":                          {"finding"},
	"/api/intakes/":                           {"upload"},
	"/api/invitations/":                       {"invitation"},
	"/api/mail-keys/":                         {"mail-key"},
	"/api/mailbox/conversations/":             {"conversation"},
	"/api/mailbox/messages/":                  {"mail"},
	"/api/mailbox/messages/{id}/files/":       {"mail", "=1"},
	"/api/me/passkeys/":                       {"passkey"},
	"/api/outbox/letters/":                    {"letter"},
	"/api/outbox/letters/{id}/attachments/":   {"letter", "=0"},
	"/api/webhooks/":                          {"webhook"},
	"/api/portal/contacts/":                   {"contact"},
	"/api/portal/findings/":                   {"finding"},
	"/api/portal/notifications/":              {"digest"},
	"/api/portal/telling/":                    {"constituent"},
	"/api/portal/webhooks/":                   {"own-webhook"},
	"/api/portal/requests/":                   {"request"},
	"/api/reports/":                           {"report"},
	"/api/shared/cases/":                      {"part"},
	"/api/shared/cases/{id}/files/":           {"part", "part-file"},
	"/api/situation/constituents/":            {"constituent"},
	"/api/views/":                             {"view"},
}

// nothing stands for what is not there: 404 is right for who may ask.
const nothing = "=999"

// queries are what some pages and operations must be told to answer.
var queries = map[string]string{
	"GET /findings/rule":                    "?verb=note",
	"GET /search":                           "?q=203.0.113.1",
	"GET /api/search":                       "?q=203.0.113.1",
	"GET /cases/search":                     "?q=thing",
	"GET /api/cases/search":                 "?q=thing",
	"GET /api/why":                          "?subject=203.0.113.1",
	"GET /api/counts":                       "?from=2026-01-01&until=2026-01-31",
	"GET /portal/findings/export/":          "",
	"GET /api/portal/findings/export":       "?format=json",
	"GET /api/findings/export":              "?format=json",
	"GET /api/constituency/export":          "?format=json",
	"GET /api/digests/preview":              "?constituent=1",
	"GET /digests/preview/html":             "?constituent=alpha",
	"GET /api/digests/preview/webhook":      "?constituent=1",
	"GET /api/events":                       "?address=203.0.113.1",
	"GET /api/situation/types":              "?days=30",
	"DELETE /api/me/providers":              "?issuer=https%3A%2F%2Fid.example",
	"DELETE /api/accounts/{id}/providers":   "?issuer=https%3A%2F%2Fid.example",
	"GET /api/reports/{id}/advice-template": "?topic=phishing",
}

// personal are the things that belong to an account and not to a constituent: nobody has another's.
var personal = []string{"passkey", "token", "view", "import"}

// absent are the routes whose object cannot be there in this nation, and why: they answer 404 to who may ask.
var absent = map[string]string{
	"GET /answer/{secret}":                                "no such link was ever sent",
	"POST /answer/{secret}":                               "no such link was ever sent",
	"GET /report/{secret}":                                noLink,
	"POST /report/{secret}":                               noLink,
	"POST /report/{secret}/additions":                     noLink,
	"POST /report/{secret}/files":                         noLink,
	"GET /report/{secret}/confirm/{code}":                 noLink,
	"POST /report/{secret}/confirm/{code}":                noLink,
	"GET /report/{secret}/receipt":                        noLink,
	"GET /report/{secret}/record":                         noLink,
	"GET /portal/reports/{id}/files/{file}":               "the report has no files",
	"GET /api/portal/reports/{id}/files/{file}":           "the report has no files",
	"GET /account/providers/{provider}/link":              notBegun,
	"GET /sign-in/with/{provider}":                        "no provider is configured",
	"GET /sign-in/from/{provider}":                        "no provider is configured",
	"POST /people/{id}/providers":                         "no provider is configured",
	"POST /api/accounts/{id}/providers":                   "no provider is configured",
	"POST /people/{id}/providers/unlink":                  "the account is linked to none",
	"POST /account/providers/unlink":                      "the account is linked to none",
	"DELETE /api/me/providers":                            "the account is linked to none",
	"DELETE /api/accounts/{id}/providers":                 "the account is linked to none",
	"POST /people/{id}/certificates/{fingerprint}/remove": "no certificate is pinned",
	"POST /account/sessions/end":                          "the form names no session",
}

const noLink = "no such link was ever given"

const notBegun = "it begins on the page of providers, with a cookie of it"

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// address fills in the parameters of a pattern.
func (f *full) address(pattern string, role identity.Role, own, fresh bool) (path string, kinds []string) {
	f.t.Helper()
	_, path, _ = strings.Cut(pattern, " ")
	path = strings.TrimSuffix(path, "{$}")
	holes := parameter.FindAllString(path, -1)
	if len(holes) > 0 {
		best := ""
		for prefix, ks := range placed {
			if strings.HasPrefix(path, prefix) && len(ks) == len(holes) && len(prefix) > len(best) {
				best = prefix
			}
		}
		if best == "" {
			f.t.Fatalf("%s: say in placed what its parameters name", pattern)
		}
		kinds = placed[best]
	}
	for i, hole := range holes {
		name, literal := strings.CutPrefix(kinds[i], "=")
		if !literal {
			name = f.object(kinds[i], role, own, fresh && i == len(holes)-1)
		}
		path = strings.Replace(path, hole, name, 1)
	}
	return path + queries[pattern], kinds
}

// cell is what one request of the matrix must be answered.
type cell string

const (
	allowed cell = "allowed" // does its work, or says what is wrong with an empty form
	refused cell = "refused" // 403
	first   cell = "sign in first"
	hidden  cell = "hidden" // as if the other's thing did not exist
)

func (f *full) expect(d app.Declared, role identity.Role, own bool, kinds []string) cell {
	switch {
	case d.Permission == identity.Open:
		return allowed
	case role == public:
		return first
	case !slices.Contains(role.Permissions(), d.Permission):
		return refused
	case role == identity.SectorCERT && slices.Equal(kinds, []string{"leak"}):
		return hidden // addresses in leaked data are the domain owner's alone
	case own || len(kinds) == 0:
		return allowed
	}
	kind := kinds[len(kinds)-1]
	if strings.HasPrefix(kind, "=") || kind == "told-sitrep" { // which all constituents may have
		return allowed
	}
	if slices.Contains(personal, kind) {
		return hidden
	}
	if role.Staff() {
		return allowed
	}
	return hidden
}

func (c cell) judge(d app.Declared, a *http.Response) bool {
	method, path, _ := strings.Cut(d.Pattern, " ")
	rest := strings.HasPrefix(path, "/api/")
	switch c {
	case first:
		if rest {
			return a.StatusCode == http.StatusUnauthorized
		}
		return method != "GET" && a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusForbidden && (strings.HasSuffix(path, "/progress") || strings.HasSuffix(path, "/live")) ||
			a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), "/sign-in?to=")
	case refused:
		return a.StatusCode == http.StatusForbidden || path == "/{$}" && a.StatusCode == http.StatusSeeOther
	case hidden:
		return a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusForbidden
	}
	if a.StatusCode == http.StatusNotFound && strings.Contains(a.Request.URL.Path, strings.TrimPrefix(nothing, "=")) {
		return true
	}
	if why := absent[d.Pattern]; why != "" {
		return a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusForbidden && why == notBegun || method != "GET" && a.StatusCode/100 != 5
	}
	if method == "GET" {
		return a.StatusCode == http.StatusOK || a.StatusCode == http.StatusSeeOther
	}
	return a.StatusCode/100 == 2 || slices.Contains([]int{303, 400, 409, 415, 422}, a.StatusCode)
}

// bodies are what is sent where an empty form would be refused before anybody looks whose the thing is. The constituent is
// Alpha's number or Bravo's.
var bodies = map[string]string{
	"POST /views/{id}":                            "name=renamed",
	"PUT /api/views/{view}":                       `{"name":"renamed","shared":false}`,
	"POST /portal/registry/confirm":               "constituent=%d",
	"POST /portal/registry/name":                  "constituent=%d&name=Renamed&note=please",
	"POST /portal/registry/contacts":              "constituent=%d&role=technical&contact-name=New&mail=new%%40alpha.example",
	"POST /portal/registry/assets":                "constituent=%d&asset-kind=domain&value=new.alpha.example",
	"POST /portal/contacts/{item}":                "constituent=%d&role=technical&contact-name=New&mail=new%%40alpha.example",
	"POST /portal/contacts/{item}/end":            "constituent=%d",
	"POST /portal/assets/{item}/end":              "constituent=%d",
	"POST /portal/reports":                        "constituent=%d&text=It+happened&do=save",
	"POST /portal/reports/{id}/additions":         "text=more",
	"POST /portal/reports/{id}/files":             oneFile,
	"POST /portal/telling":                        "constituent=%d&channel=mail&hour=9&weekday=1",
	"POST /portal/notifications/{id}":             "answer=seen&all=1",
	"POST /portal/webhooks":                       "constituent=%d&hook-name=SIEM&url=https%%3A%%2F%%2Fsiem.example%%2Fin",
	"POST /api/portal/webhooks":                   `{"constituent":%d,"name":"SIEM","url":"https://siem.example/in"}`,
	"PUT /api/portal/webhooks/{id}/enabled":       `{"enabled":true}`,
	"POST /api/portal/notifications/{id}/answers": `{"answer":"seen"}`,
	"PUT /api/portal/telling/{constituent}":       `{"channel":"mail"}`,
	"POST /portal/people":                         "constituent=%d&login=somebody%%40alpha.example&name=Somebody&role=member",
	"POST /api/portal/reports":                    `{"constituent":%d,"text":"It happened","aware":"2026-01-02T03:04:05Z"}`,
	"PUT /api/portal/reports/{id}":                `{"text":"It happened","aware":"2026-01-02T03:04:05Z"}`,
	"POST /api/portal/reports/{id}/additions":     `{"text":"more"}`,
	"POST /api/portal/reports/{id}/files":         oneFile,
	"POST /api/portal/requests":                   `{"constituent":%d,"steps":[{"op":"constituent.change","want":{"name":"Renamed"}}]}`,
	"POST /api/portal/contacts/confirm":           `{"constituent":%d}`,
	"POST /api/shared/cases/{id}/notes":           `{"text":"seen here too"}`,
	"POST /api/shared/cases/{id}/files":           oneFile,
	"POST /shared/cases/{id}/files":               oneFile,
}

// oneFile is a form with a file.
const oneFile = "--matrix\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nA\r\n--matrix--\r\n"

// body is what a cell sends, and whether whose it is stands in it.
func (f *full) body(d app.Declared, own bool) (text string, whose bool) {
	text, given := bodies[d.Pattern]
	if strings.Contains(text, "%d") {
		return fmt.Sprintf(text, f.ids[of(own)]), true
	}
	if !given && strings.Contains(d.Pattern, " /api/") && !strings.HasPrefix(d.Pattern, "GET ") {
		return "{}", false
	}
	return text, false
}

// Every route is asked for by every role, about what is its own and what is another's, by real requests over the wire. Only
// what the role may is answered; nothing of Bravo's reaches who is neither staff nor Bravo's.
func TestMatrixOfRoutesRolesAndObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("asks thousands of things one after the other: nothing to race; runs without -short")
	}
	f := newFull(t, slog.DiscardHandler)
	counts, perRole := map[cell]int{}, map[identity.Role]map[cell]int{}
	unexpected := 0
	routes := f.s.Declared()
	for _, role := range append(identity.Roles(), public) {
		perRole[role] = map[cell]int{}
		for _, d := range routes {
			f.cells(d, role, func(q asked) {
				a, text := f.ask(q.request)
				counts[q.want]++
				perRole[role][q.want]++
				if !q.want.judge(d, a) {
					unexpected++
					t.Errorf("%s as %s, own %t (%s): %d, want %s: %.200s", d.Pattern, role, q.own, q.path, a.StatusCode, q.want, text)
				}
				if !role.Staff() && strings.Contains(strings.ToUpper(text), canary) {
					unexpected++
					t.Errorf("%s as %s, own %t (%s): shows what is Bravo's", d.Pattern, role, q.own, q.path)
				}
			})
		}
	}
	people, err := f.w.Findings.Assignees(t.Context())
	f.must(err)
	for _, p := range people {
		if strings.Contains(p.Name, "Person reader") || strings.Contains(p.Name, "Person manager") {
			t.Errorf("%s can be given findings", p.Name)
		}
	}
	if len(people) < 3 {
		t.Errorf("findings can be given to %v only", people)
	}
	total := 0
	for _, role := range slices.SortedFunc(maps.Keys(perRole), func(a, b identity.Role) int { return cmp.Compare(a, b) }) {
		t.Logf("%-16s %s", role, fmt.Sprint(perRole[role]))
	}
	for _, n := range counts {
		total += n
	}
	t.Logf("matrix: %d routes × %d roles, own and foreign objects: %d requests, %v, %d unexpected", len(routes), len(perRole), total, counts, unexpected)
}

type asked struct {
	request
	own  bool
	want cell
}

// cells are the requests of a role to a route: about its own and, where something is named, about another's; and by token,
// which can do what its scope says and nothing that only a person does.
func (f *full) cells(d app.Declared, role identity.Role, ask func(asked)) {
	f.t.Helper()
	method, pattern, _ := strings.Cut(d.Pattern, " ")
	owns := []bool{true}
	if _, whose := f.body(d, true); whose || parameter.MatchString(strings.TrimSuffix(pattern, "{$}")) {
		owns = append(owns, false)
	}
	may := d.Permission == identity.Open || slices.Contains(role.Permissions(), d.Permission)
	for _, own := range owns {
		q := asked{own: own}
		fill := func() {
			path, kinds := f.address(d.Pattern, role, own, method != "GET" && may)
			body, whose := f.body(d, own)
			if whose {
				kinds = append(kinds[:len(kinds):len(kinds)], "constituent")
			}
			q.request = request{method: method, path: path, role: role, body: body}
			q.want = f.expect(d, role, own, kinds)
		}
		fill()
		ask(q)
		if !strings.HasPrefix(pattern, "/api/") || role == public {
			continue
		}
		fill()
		q.token = true
		if d.Permission != identity.Open && !slices.Contains(f.scope[role], d.Permission) {
			q.want = refused
		}
		ask(q)
	}
}
