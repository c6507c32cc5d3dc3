// Package mail renders messages and hands them over by SMTP, over a world's way out. It takes only what the gate has cleared. What a
// message says, who gets it and when it is tried again are its callers'.
package mail

import (
	"crypto/x509"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

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
	Secret   []byte                 // what Message-IDs are made with: a bounce or reply that names one has seen the message
	HELO     string                 // "" is the domain of From
	Timeout  time.Duration          // for one message; 0 is a minute
}

// Sender renders messages and opens lines to the mail server. It is safe for concurrent use. The nil Sender says that no mail server
// is configured.
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

func (s *Sender) unavailable(err error) error {
	return fault.New(fault.Unavailable, "the mail server %s:%d: %w", s.cfg.Host, s.cfg.Port, err)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
