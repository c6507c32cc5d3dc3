// Package mailtest is a mail server on loopback that behaves as badly as a test wants.
package mailtest

import (
	"bytes"
	"io"
	"log"
	"net"
	netmail "net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"tocsin/internal/platform/mail"
)

// Got is a message that arrived.
type Got struct {
	From, To string
	ID       string // its Message-ID
	Raw      string
}

// Server is a mail server in clear on loopback.
type Server struct {
	t    testing.TB
	addr string

	mu     sync.Mutex
	smtp   *smtp.Server
	listen net.Listener
	got    []Got
	behave Behaviour
	dials  int
}

// Behaviour is how the server behaves; the zero value takes everything.
type Behaviour struct {
	Refuse       func(to string) int // a code for the recipient, 0 takes it
	RefuseData   int                 // a code for every content
	RefuseSender int
	DieAfterData func(n int) bool // the n-th message arrives, and the connection breaks off before the answer
	Delay        time.Duration    // before each answer to a content
	OnData       func(Got)        // called before the answer
}

// New starts a server; it stops when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, addr: l.Addr().String()}
	s.serve(l)
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) serve(l net.Listener) {
	srv := smtp.NewServer(s)
	srv.ErrorLog = log.New(io.Discard, "", 0)
	srv.Domain, srv.AllowInsecureAuth, srv.MaxMessageBytes = "peer.example", true, 64<<20
	s.mu.Lock()
	s.smtp, s.listen = srv, l
	s.mu.Unlock()
	go srv.Serve(l)
}

// Config is how to reach the server.
func (s *Server) Config() mail.Config {
	_, port, _ := net.SplitHostPort(s.addr)
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		s.t.Fatal(err)
	}
	return mail.Config{Host: "127.0.0.1", Port: n, TLS: mail.None, From: "CERT Ruritania <cert@cert.example>"}
}

// Stop takes the server down: connections are cut, nobody listens.
func (s *Server) Stop() {
	s.mu.Lock()
	srv, l := s.smtp, s.listen
	s.smtp = nil
	s.mu.Unlock()
	if srv != nil {
		l.Close() // it may not serve yet
		srv.Close()
	}
}

// Start brings the server up again at the same address.
func (s *Server) Start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.serve(l)
}

// Behave changes how the server behaves from now on.
func (s *Server) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = b
}

// Got is what arrived so far.
func (s *Server) Got() []Got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Got(nil), s.got...)
}

// Dials is how many connections were made so far.
func (s *Server) Dials() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// NewSession implements smtp.Backend.
func (s *Server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	return &session{Server: s, conn: c}, nil
}

type session struct {
	*Server
	conn     *smtp.Conn
	from, to string
}

func refusal(code int) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no"}
}

func (s *session) behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behave
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if code := s.behaviour().RefuseSender; code != 0 {
		return refusal(code)
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if refuse := s.behaviour().Refuse; refuse != nil {
		if code := refuse(to); code != 0 {
			return refusal(code)
		}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b := s.behaviour()
	if b.RefuseData != 0 {
		return refusal(b.RefuseData)
	}
	g := Got{From: s.from, To: s.to, Raw: string(raw)}
	if m, err := netmail.ReadMessage(bytes.NewReader(raw)); err == nil {
		g.ID = m.Header.Get("Message-ID")
	}
	if b.Delay > 0 {
		<-time.After(b.Delay)
	}
	s.mu.Lock()
	s.got = append(s.got, g)
	n := len(s.got)
	s.mu.Unlock()
	if b.OnData != nil {
		b.OnData(g)
	}
	if b.DieAfterData != nil && b.DieAfterData(n) {
		s.conn.Conn().Close()
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
