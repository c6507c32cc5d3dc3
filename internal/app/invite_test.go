package app_test

import (
	"io"
	"mime"
	"net"
	"net/http"
	netmail "net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"tocsin/internal/app"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
	"tocsin/internal/world"
)

// post is a mail server on loopback that keeps what it is given.
type post struct {
	mu  sync.Mutex
	to  string
	got string
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return p, nil }
func (p *post) Mail(string, *smtp.MailOptions) error        { return nil }
func (p *post) Reset()                                      {}
func (p *post) Logout() error                               { return nil }

func (p *post) Rcpt(to string, _ *smtp.RcptOptions) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
	return nil
}

func (p *post) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = string(b)
	return err
}

func (p *post) serve(t *testing.T) *mail.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(p)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return &mail.Config{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: mail.None, From: "CERT Ruritania <cert@cert.example>"}
}

// Who is invited gets the link by mail, and the ledger says that something left.
func TestInvitationGoesByMailThroughTheGate(t *testing.T) {
	p := &post{}
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir(), Serve: "test", Net: egress.Open(egress.Policy{}), Mail: p.serve(t)})
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
	if _, body := invite("early"); p.got != "" || !strings.Contains(body, "/join/") || !strings.Contains(body, "switched off") {
		t.Errorf("with sending switched off: sent %q, shown %s", p.got, body)
	}
	f.must(w.Outbox.Start(t.Context(), identity.LocalActor, "the team is complete"))
	a, body := invite("ana")
	if a.StatusCode != 200 || !strings.Contains(body, "mailed to ana@cert.example") {
		t.Fatalf("%d %s", a.StatusCode, body)
	}
	m, err := netmail.ReadMessage(strings.NewReader(p.got))
	f.must(err)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	f.must(err)
	if p.to != "ana@cert.example" || !strings.HasPrefix(subject, "Invitation to ") {
		t.Errorf("to %q: %q", p.to, subject)
	}
	link := regexp.MustCompile(`/join/[A-Za-z0-9_-]+`).FindString(strings.ReplaceAll(p.got, "=\r\n", ""))
	if link == "" {
		t.Fatalf("no link in:\n%s", p.got)
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
