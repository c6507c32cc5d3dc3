// Package mail sends messages by SMTP over a world's way out. It takes only what the gate has cleared. What a message says,
// who gets it and when it is tried again are its callers'.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// TLS is how the connection to the mail server is protected.
type TLS int

// The ways. There is no falling back from one to another: who stands between could ask for it.
const (
	StartTLS TLS = iota // begun in clear, then TLS or nothing (RFC 3207)
	Implicit            // TLS from the first byte (RFC 8314)
	None                // in clear, to this machine only
)

// Config says which mail server to use and as whom.
type Config struct {
	Host     string
	Port     int
	TLS      TLS
	Roots    *x509.CertPool         // authorities of its certificate; nil are the system's
	User     string                 // "" does not sign in
	Password func() (string, error) // asked before every message, so that a new one counts at once
	From     string                 // "CERT Ruritania <cert@cert.example>"
	HELO     string                 // "" is the domain of From
	Timeout  time.Duration          // for one message; 0 is a minute
}

// Sender sends messages. It is safe for concurrent use. The nil Sender says that no mail server is configured.
type Sender struct {
	cfg    Config
	from   *netmail.Address
	domain string
	net    *egress.Net
	clock  clock.Clock
}

// New returns a Sender over the world's way out. The administrator named the server, so it may have a local address; nothing
// else in the world reaches it by that. The clock is the world's: it dates the messages.
func New(cfg Config, n *egress.Net, c clock.Clock) (*Sender, error) {
	switch {
	case cfg.Host == "" || cfg.Port < 1 || cfg.Port > 65535:
		return nil, fault.Invalidf("the mail server needs a host and a port")
	case cfg.TLS == None && !loopback(cfg.Host):
		return nil, fault.Invalidf("the mail server %s is another machine: use smtp:// (which asks for STARTTLS) or smtps://", cfg.Host)
	case cfg.User != "" && cfg.Password == nil:
		return nil, fault.Invalidf("the mail server's user %s needs a password", cfg.User)
	case broken(cfg.From) || broken(cfg.User) || broken(cfg.HELO):
		return nil, fault.Invalidf("the mail server's user, HELO and sender are one line each")
	}
	from, err := netmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fault.Invalidf("the sender %q is no mail address: want CERT <cert@cert.example>", cfg.From)
	}
	s := &Sender{cfg: cfg, from: from, net: n.To(net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))), clock: c}
	s.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	if s.cfg.HELO == "" {
		s.cfg.HELO = s.domain
	}
	if s.cfg.Timeout == 0 {
		s.cfg.Timeout = time.Minute
	}
	return s, nil
}

// Send hands a message to the mail server. A message that is wrong or that the server refuses for good is a fault of kind
// Invalid: sending it again is of no use. Everything else is Unavailable. Sent twice with the same key it has the same
// Message-ID, by which the receiving side can tell. Errors name no recipient.
func (s *Sender) Send(ctx context.Context, cleared egress.Cleared[Message]) error {
	m, _, err := cleared.Open()
	if err != nil {
		return err
	}
	return s.send(ctx, m)
}

func (s *Sender) send(ctx context.Context, m Message) error {
	if s == nil {
		return fault.New(fault.Unavailable, "no mail server is configured: set --smtp-url and --mail-from")
	}
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return s.unavailable(err)
	}
	defer conn.Close()
	if err := c.SendWithSMTPClient(conn, msg); err != nil && !msg.IsDelivered() {
		return s.refused(err)
	}
	c.CloseWithSMTPClient(conn) // the server has the message: what it says to a goodbye does not matter
	return nil
}

func (s *Sender) client() (*gomail.Client, error) {
	opts := []gomail.Option{gomail.WithPort(s.cfg.Port), gomail.WithHELO(s.cfg.HELO), gomail.WithTimeout(s.cfg.Timeout),
		gomail.WithDialContextFunc(s.dial), gomail.WithoutNoop(),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.cfg.Host, RootCAs: s.cfg.Roots, MinVersion: tls.VersionTLS12})}
	plain, login := gomail.SMTPAuthPlain, gomail.SMTPAuthLogin
	switch s.cfg.TLS {
	case None:
		plain, login = gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	case Implicit:
		opts = append(opts, gomail.WithSSL())
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.cfg.User != "" {
		password, err := s.cfg.Password()
		if err != nil {
			return nil, fault.New(fault.Unavailable, "the password of the mail server: %w", err)
		}
		opts = append(opts, gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, plain, login),
			gomail.WithUsername(s.cfg.User), gomail.WithPassword(password))
	}
	c, err := gomail.NewClient(s.cfg.Host, opts...)
	if err != nil {
		return nil, fault.Invalidf("the mail server: %w", err)
	}
	return c, nil
}

// dial is the only way to the server, TLS from the first byte included.
func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.net.DialContext(ctx, network, address)
	if err != nil || s.cfg.TLS != Implicit {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{ServerName: s.cfg.Host, RootCAs: s.cfg.Roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (s *Sender) unavailable(err error) error {
	return fault.New(fault.Unavailable, "the mail server %s:%d: %w", s.cfg.Host, s.cfg.Port, err)
}

// refused leaves out what the server says, which may repeat the recipient's address.
func (s *Sender) refused(err error) error {
	var se *gomail.SendError
	if !errors.As(err, &se) {
		return s.unavailable(errors.New("the connection broke off"))
	}
	code := se.ErrorCode()
	switch {
	case code >= 500 && code < 600:
		return fault.Invalidf("the mail server %s:%d refuses the message for good: %d %s", s.cfg.Host, s.cfg.Port, code, se.EnhancedStatusCode())
	case code > 0:
		return s.unavailable(errors.New("it does not take the message now: " + strings.TrimSpace(strconv.Itoa(code)+" "+se.EnhancedStatusCode())))
	}
	return s.unavailable(errors.New("the connection broke off"))
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
