package app_test

import (
	"mime"
	"net/http"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"

	"tocsin/internal/app"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/world"
)

// Who is invited gets the link by mail, and the ledger says that something left.
func TestInvitationGoesByMailThroughTheGate(t *testing.T) {
	p := mailtest.New(t)
	server := p.Config()
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir(), Serve: "test", Net: egress.Open(egress.Policy{}), Mail: &server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	s, _ := startWith(t, w, app.Options{Listen: "127.0.0.1:0"})
	signIn(t, w)
	f := &full{t: t, w: w, s: s, account: map[identity.Role]int64{}}
	root, err := w.Identity.ByLogin(t.Context(), login)
	f.must(err)
	f.account[identity.Administrator] = root.ID
	invite := func(login string) (*http.Response, string) {
		return f.ask(request{method: "POST", path: "/people/new", role: identity.Administrator, body: "login=" + login + "%40cert.example&name=Ana&role=analyst"})
	}
	if _, body := invite("early"); len(p.Got()) != 0 || !strings.Contains(body, "/join/") || !strings.Contains(body, "switched off") {
		t.Errorf("with sending switched off: sent %v, shown %s", p.Got(), body)
	}
	f.must(w.Outbox.Start(t.Context(), identity.LocalActor, "the team is complete"))
	a, body := invite("ana")
	if a.StatusCode != 200 || !strings.Contains(body, "mailed to ana@cert.example") {
		t.Fatalf("%d %s", a.StatusCode, body)
	}
	got := p.Got()[0]
	m, err := netmail.ReadMessage(strings.NewReader(got.Raw))
	f.must(err)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	f.must(err)
	if got.To != "ana@cert.example" || !strings.HasPrefix(subject, "Invitation to ") {
		t.Errorf("to %q: %q", got.To, subject)
	}
	link := regexp.MustCompile(`/join/[A-Za-z0-9_-]+`).FindString(strings.ReplaceAll(got.Raw, "=\r\n", ""))
	if link == "" {
		t.Fatalf("no link in:\n%s", got.Raw)
	}
	if a, body := f.ask(request{method: "GET", path: link, role: public}); a.StatusCode != 200 || !strings.Contains(body, "ana@cert.example") {
		t.Errorf("%s: %d %s", link, a.StatusCode, body)
	}
	es, _, err := w.Gate.Ledger(t.Context(), disclosure.LedgerFilter{Channel: disclosure.Mail})
	f.must(err)
	if len(es) != 1 {
		t.Errorf("the ledger has %d rows of mail: %+v", len(es), es)
	}
}
