package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// peer is a mail server on loopback.
type peer struct {
	mu       sync.Mutex
	got      []string // raw messages
	from, to string
	helo     string
	user     string
	secure   bool
	refuse   *smtp.SMTPError // to RCPT
	password string          // "": nobody signs in
}

func (p *peer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, p.secure = c.TLSConnectionState()
	p.helo = c.Hostname()
	return &session{p}, nil
}

type session struct{ *peer }

func (s *session) AuthMechanisms() []string {
	if s.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if password != s.password {
			return errors.New("wrong")
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.password != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.refuse != nil {
		return s.refuse
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, string(b))
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// serve starts the peer; with TLS it returns the authority of its certificate.
func (p *peer) serve(t *testing.T, mode TLS) Config {
	t.Helper()
	s := smtp.NewServer(p)
	s.Domain, s.AllowInsecureAuth = "peer.example", mode == None
	c := Config{Host: "127.0.0.1", TLS: mode, From: "CERT Ruritania <cert@cert.example>"}
	if mode != None {
		var cert tls.Certificate
		cert, c.Roots = authority(t)
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Port = l.Addr().(*net.TCPAddr).Port
	if mode == Implicit {
		l = tls.NewListener(l, s.TLSConfig)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return c
}

func authority(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func sender(t *testing.T, c Config, n *egress.Net) *Sender {
	t.Helper()
	s, err := New(c, n, clock.NewManual(noon))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send renders a message and hands it over on a line of its own.
func (s *Sender) send(ctx context.Context, m Message) error {
	raw, err := s.Render(m)
	if err != nil {
		return err
	}
	l, err := s.Dial(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	to, err := netmail.ParseAddress(m.To)
	if err != nil {
		return err
	}
	return l.send(ctx, Raw{to.Address, raw})
}

func ordinary() Message {
	return Message{To: "Ana Anić <ana@isp.example>", Subject: "Otvoren servis č", Text: "Line one\n.\nlast", HTML: "<p>Line</p>", Key: "digest:7:2026-03-04",
		Headers: map[string]string{"Auto-Submitted": "auto-generated"}}
}

func TestAMessageArrivesAsItWasMeant(t *testing.T) {
	for _, mode := range []TLS{None, StartTLS, Implicit} {
		p := &peer{password: "s3cret"}
		c := p.serve(t, mode)
		c.User, c.Password = "tocsin", func() (string, error) { return "s3cret", nil }
		s := sender(t, c, egress.Open(egress.Policy{})) // local, but named by the administrator
		for range 2 {
			if err := s.send(t.Context(), ordinary()); err != nil {
				t.Fatalf("TLS %d: %v", mode, err)
			}
		}
		p.mu.Lock()
		if p.from != "cert@cert.example" || p.to != "ana@isp.example" || p.user != "tocsin" || p.helo != "cert.example" || p.secure != (mode != None) {
			t.Errorf("TLS %d: from %s to %s as %s by %s, secure %t", mode, p.from, p.to, p.user, p.helo, p.secure)
		}
		if len(p.got) != 2 {
			t.Fatalf("%d messages", len(p.got))
		}
		first, second := parse(t, p.got[0]), parse(t, p.got[1])
		p.mu.Unlock()
		if id := first.Get("Message-ID"); id == "" || id != second.Get("Message-ID") || !strings.HasSuffix(id, "@cert.example>") || strings.Contains(id, "digest") {
			t.Errorf("Message-ID %q, again %q", id, second.Get("Message-ID"))
		}
		if d, err := first.Date(); err != nil || !d.Equal(noon) || first.Get("Auto-Submitted") != "auto-generated" || !strings.HasPrefix(first.Get("Content-Type"), "multipart/alternative") {
			t.Errorf("%v %v", first, err)
		}
	}
}

func parse(t *testing.T, raw string) netmail.Header {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}

func TestAMessageIDIsNotGuessedWithoutTheSecret(t *testing.T) {
	c := Config{Host: "127.0.0.1", Port: 25, TLS: None, From: "cert@cert.example", Secret: []byte("one")}
	one := sender(t, c, egress.Open(egress.Policy{}))
	c.Secret = []byte("two")
	two := sender(t, c, egress.Open(egress.Policy{}))
	if a, b := one.MessageID("digest:7"), two.MessageID("digest:7"); a == b || a != one.MessageID("digest:7") || a == one.MessageID("digest:8") {
		t.Errorf("%s %s", a, b)
	}
}

func TestOnlyClearedMessagesAreSent(t *testing.T) {
	p := &peer{}
	l, err := sender(t, p.serve(t, None), egress.Open(egress.Policy{})).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Send(t.Context(), egress.Cleared[Raw]{}); !errors.Is(err, egress.ErrNotCleared) {
		t.Errorf("got %v", err)
	}
	if len(p.got) > 0 {
		t.Error("it was sent")
	}
}

func TestASealedWorldSendsNothing(t *testing.T) {
	p := &peer{}
	s := sender(t, p.serve(t, None), egress.Sealed("exercise-7"))
	if err := s.send(t.Context(), ordinary()); !errors.Is(err, egress.ErrSealed) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAMailServerTheFlagIsNamed(t *testing.T) {
	var s *Sender
	if err := s.send(t.Context(), ordinary()); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "--smtp-url") {
		t.Errorf("got %v", err)
	}
}

func TestAHeaderCannotBeInjected(t *testing.T) {
	p := &peer{}
	s := sender(t, p.serve(t, None), egress.Open(egress.Policy{}))
	for name, change := range map[string]func(*Message){
		"recipient":      func(m *Message) { m.To = "ana@isp.example\r\nBcc: eve@evil.example" },
		"two recipients": func(m *Message) { m.To = "ana@isp.example, eve@evil.example" },
		"subject":        func(m *Message) { m.Subject = "a\nBcc: eve@evil.example" },
		"bare return":    func(m *Message) { m.Subject = "a\rBcc: eve@evil.example" },
		"NUL":            func(m *Message) { m.Subject = "a\x00" },
		"key":            func(m *Message) { m.Key = "a\r\n" },
		"no key":         func(m *Message) { m.Key = "" },
		"no text":        func(m *Message) { m.Text = " \n" },
		"value":          func(m *Message) { m.Headers = map[string]string{"X-A": "a\r\nBcc: eve@evil.example"} },
		"name":           func(m *Message) { m.Headers = map[string]string{"X-A: b\r\nBcc": "eve@evil.example"} },
		"Bcc":            func(m *Message) { m.Headers = map[string]string{"bcc": "eve@evil.example"} },
		"Content-Type":   func(m *Message) { m.Headers = map[string]string{"content-type": "text/html"} },
		"quoted name":    func(m *Message) { m.To = "\"a\\\r\nBcc: eve@evil.example\" <ana@isp.example>" },
	} {
		m := ordinary()
		change(&m)
		if err := s.send(t.Context(), m); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.got) > 0 {
		t.Errorf("%d were sent", len(p.got))
	}
}

func TestRefusalsTellWhetherToTryAgainAndNameNobody(t *testing.T) {
	for code, want := range map[int]fault.Kind{550: fault.Invalid, 451: fault.Unavailable, 421: fault.Unavailable} {
		p := &peer{refuse: &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "<ana@isp.example> unknown"}}
		err := sender(t, p.serve(t, None), egress.Open(egress.Policy{})).send(t.Context(), ordinary())
		if fault.KindOf(err) != want || strings.Contains(err.Error(), "ana@") {
			t.Errorf("%d: %v (%s)", code, err, fault.KindOf(err))
		}
		var r *Refusal
		if errors.As(err, &r) != (code != 421) {
			t.Errorf("%d: who refuses: %v", code, err)
		}
	}
}

func TestOneLineTakesManyMessagesAndARefusalDoesNotEndIt(t *testing.T) {
	p := &peer{}
	s := sender(t, p.serve(t, None), egress.Open(egress.Policy{}))
	l, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := s.Render(ordinary())
	if err != nil {
		t.Fatal(err)
	}
	for i, refuse := range []*smtp.SMTPError{nil, {Code: 550, Message: "no"}, nil, {Code: 450, Message: "later"}, nil} {
		p.mu.Lock()
		p.refuse = refuse
		p.mu.Unlock()
		if err := l.send(t.Context(), Raw{"ana@isp.example", raw}); (err != nil) != (refuse != nil) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if len(p.got) != 3 || p.got[0] != p.got[2] || p.got[0] != string(raw) {
		t.Errorf("%d arrived, or not as they were rendered", len(p.got))
	}
}

func TestAttachmentsArriveAsTheyAre(t *testing.T) {
	p := &peer{}
	s := sender(t, p.serve(t, None), egress.Open(egress.Policy{}))
	m := ordinary()
	m.Attachments = []Attachment{{"2026-03-04-dns.csv", "text/csv; charset=utf-8", []byte("a,b\r\n=1,2\n")}, {Name: "č.zip", Bytes: []byte{0, 1, 2}}}
	if err := s.send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(p.got[0]))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var got []Attachment
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if part.FileName() != "" {
			b, _ := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
			name, _ := new(mime.WordDecoder).DecodeHeader(part.FileName())
			got = append(got, Attachment{name, part.Header.Get("Content-Type"), b})
		}
	}
	if len(got) != 2 || got[0].Name != m.Attachments[0].Name || got[1].Name != "č.zip" || !bytes.Equal(got[0].Bytes, m.Attachments[0].Bytes) || !bytes.Equal(got[1].Bytes, m.Attachments[1].Bytes) {
		t.Errorf("got %q", got)
	}
	for _, a := range []Attachment{{Name: "../x"}, {Name: "a\r\nb"}, {Name: ""}, {Name: "a", Type: "text/csv\r\nX: y"}, {Name: `a\b`}, {Name: "a", Type: "csv;;"}} {
		m.Attachments = []Attachment{a}
		if err := s.send(t.Context(), m); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func TestLinesThatBeginWithADotArriveAsTheyAre(t *testing.T) {
	p := &peer{}
	s := sender(t, p.serve(t, None), egress.Open(egress.Policy{}))
	l, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, raw := range []string{".\r\n", "a\r\n.\r\n..\r\n.b\r\n\r\n.", "A: b\r\n\r\n.\r\n", "a\n.\nb\n", "a\r\nb"} {
		if err := l.send(t.Context(), Raw{To: "ana@isp.example", Bytes: []byte(raw)}); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		want := strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\n", "\r\n"), "\r\n") + "\r\n"
		p.mu.Lock()
		if got := p.got[len(p.got)-1]; got != want {
			t.Errorf("%q arrived as %q", raw, got)
		}
		p.mu.Unlock()
	}
}

func TestALongSubjectIsFoldedAndReadWhole(t *testing.T) {
	p := &peer{}
	s := sender(t, p.serve(t, None), egress.Open(egress.Policy{}))
	m := ordinary()
	for _, subject := range []string{strings.Repeat("ništa se nije promenilo ", 12) + "kraj", strings.Repeat("nothing  changed ", 12) + "end"} {
		m.Subject = subject
		m.Headers = map[string]string{"References": strings.TrimSpace(strings.Repeat("<0123456789abcdef@cert.example> ", 30))}
		raw, err := s.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if len(line) > 90 || strings.TrimSpace(line) == "" {
				t.Errorf("the line %q", line)
			}
		}
		h := parse(t, string(raw))
		if got, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject")); err != nil || got != subject {
			t.Errorf("the subject is %q %v", got, err)
		}
		if h.Get("References") != m.Headers["References"] {
			t.Errorf("references %q", h.Get("References"))
		}
	}
}

func TestTheServerMustProveItself(t *testing.T) {
	for _, mode := range []TLS{StartTLS, Implicit} {
		p := &peer{}
		c := p.serve(t, mode)
		_, c.Roots = authority(t) // another one
		if err := sender(t, c, egress.Open(egress.Policy{})).send(t.Context(), ordinary()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("TLS %d: a stranger's certificate: %v", mode, err)
		}
		c = (&peer{}).serve(t, None)
		c.TLS = mode
		if err := sender(t, c, egress.Open(egress.Policy{Timeout: time.Second})).send(t.Context(), ordinary()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("TLS %d: a server without it: %v", mode, err)
		}
		if len(p.got) > 0 {
			t.Error("it was sent")
		}
	}
}

func TestAWrongPasswordIsNoReasonToGiveUp(t *testing.T) {
	p := &peer{password: "right"}
	c := p.serve(t, None)
	c.User, c.Password = "tocsin", func() (string, error) { return "wr0ng-one", nil }
	if err := sender(t, c, egress.Open(egress.Policy{})).send(t.Context(), ordinary()); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "wr0ng-one") {
		t.Errorf("got %v", err)
	}
}

func TestWrongServersAreRefused(t *testing.T) {
	for s, want := range map[string]Config{
		"smtp://tocsin@mail.example:2525": {Host: "mail.example", Port: 2525, User: "tocsin"},
		"smtp://mail.example":             {Host: "mail.example", Port: 587},
		"smtps://a%40b@mail.example":      {Host: "mail.example", Port: 465, User: "a@b", TLS: Implicit},
		"smtp://127.0.0.1":                {Host: "127.0.0.1", Port: 25, TLS: None},
		"smtp://[::1]:2525":               {Host: "::1", Port: 2525, TLS: None},
	} {
		if got, err := ParseServer(s); err != nil || got.Host != want.Host || got.Port != want.Port || got.User != want.User || got.TLS != want.TLS {
			t.Errorf("%s: %+v %v", s, got, err)
		}
	}
	for _, s := range []string{"", "mail.example:25", "http://mail.example", "smtp://", "smtp://a:b@mail.example", "smtp://mail.example/x", "smtp://mail.example:0", "smtp://mail.example?tls=no"} {
		if c, err := ParseServer(s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %+v %v", s, c, err)
		}
	}
	good := Config{Host: "mail.example", Port: 25, From: "cert@cert.example"}
	for name, change := range map[string]func(*Config){
		"in clear to elsewhere": func(c *Config) { c.TLS = None }, "no sender": func(c *Config) { c.From = "" },
		"sender with a header": func(c *Config) { c.From = "a\r\nBcc: b <a@b.example>" }, "no password": func(c *Config) { c.User = "a" },
		"no host": func(c *Config) { c.Host = "" },
	} {
		c := good
		change(&c)
		if _, err := New(c, nil, clock.Real()); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a message holds, what is sent has one recipient and no header that was not asked for.
func FuzzMessage(f *testing.F) {
	f.Add("ana@isp.example", "subject", "text", "X-A", "value")
	f.Add("\"a\\\r\n b\" <ana@isp.example>", "=?utf-8?q?=0aBcc:?=", "a\r\n.\r\n", "X-B", "=?utf-8?q?=0d=0aBcc:x?=")
	s, err := New(Config{Host: "127.0.0.1", Port: 25, TLS: None, From: "cert@cert.example"}, nil, clock.NewManual(noon))
	if err != nil {
		f.Fatal(err)
	}
	allowed := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	f.Fuzz(func(t *testing.T, to, subject, text, name, value string) {
		raw, err := s.Render(Message{To: to, Subject: subject, Text: text, Key: "k", Headers: map[string]string{name: value}})
		if err != nil {
			return
		}
		got, err := netmail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v", err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
		want := strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n") + "\n"
		if have := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || have != want {
			t.Errorf("the text is %q, not %q: %v", have, want, err)
		}
		for line := range strings.SplitSeq(string(raw), "\n") {
			if !strings.HasSuffix(line, "\r") && line != "" || strings.HasSuffix(line, "=\r") && len(line) > 77 || strings.HasPrefix(line, "=_") || strings.HasPrefix(line, "--=_") {
				t.Errorf("the line %q", line)
			}
		}
		for h := range got.Header {
			if !slices.Contains(allowed, h) && !strings.EqualFold(h, name) {
				t.Errorf("a header that nobody set: %q", h)
			}
		}
		if rcpts, err := got.Header.AddressList("To"); err != nil || len(rcpts) != 1 {
			t.Errorf("recipients %q %v", rcpts, err)
		}
	})
}

func FuzzParseServer(f *testing.F) {
	f.Add("smtp://tocsin@mail.example:2525")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseServer(s)
		if err == nil && (c.Host == "" || c.Port < 1 || c.TLS == None && !loopback(c.Host)) {
			t.Errorf("%q: %+v", s, c)
		}
	})
}
