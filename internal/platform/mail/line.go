package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// errNoServer is what the nil Sender says.
var errNoServer = fault.New(fault.Unavailable, "no mail server is configured: set --smtp-url and --mail-from")

// Raw is a rendered message to one recipient.
type Raw struct {
	To    string // the address alone: "ana@isp.example"
	Bytes []byte // as Render wrote it, or what was made of that by signing and encrypting
}

// Refusal is what a mail server says to one message, while the line to it is well.
type Refusal struct {
	Code     int    // RFC 5321: 4xx for now, 5xx for good
	Enhanced string // RFC 3463: "5.1.1"; "" when it says none
	Stage    string // "recipient" or "content": what it refuses
}

// Error names no recipient, and leaves out what the server says in words, which may.
func (r *Refusal) Error() string {
	s := fmt.Sprintf("the mail server refuses the %s: %d", r.Stage, r.Code)
	if r.Enhanced != "" {
		s += " " + r.Enhanced
	}
	return s
}

// ForGood tells whether sending the message again is of no use.
func (r *Refusal) ForGood() bool { return r.Code >= 500 && r.Code < 600 }

// lastWord is how long a message under way still has when its context ends: cut in the middle, nobody knows whether it arrived.
const lastWord = 4 * time.Second

// Line is a connection to the mail server, for many messages one after the other. It is for one goroutine.
type Line struct {
	s    *Sender
	smtp *smtp.Client
	conn net.Conn
	out  []byte // the latest message as it went out
}

// Dial opens a line: the connection is made, protected and signed in. Whatever keeps it from that is Unavailable.
func (s *Sender) Dial(ctx context.Context) (*Line, error) {
	if s == nil {
		return nil, errNoServer
	}
	l := &Line{s: s}
	c, err := s.client(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(ctx, network, address)
		l.conn = conn
		return conn, err
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if l.smtp, err = c.DialToSMTPClientWithContext(ctx); err != nil {
		if l.conn != nil {
			l.conn.Close()
		}
		return nil, s.unavailable(err)
	}
	return l, nil
}

// Send hands one message over. The error is a *Refusal when the server says no to this message: Invalid for good, Unavailable for
// now. Every other error is Unavailable, says nothing about the message, and ends the line.
func (l *Line) Send(ctx context.Context, cleared egress.Cleared[Raw]) error {
	m, _, err := cleared.Open()
	if err != nil {
		return err
	}
	return l.send(ctx, m)
}

func (l *Line) send(ctx context.Context, m Raw) error {
	if to, err := netmail.ParseAddress(m.To); err != nil || to.Address != m.To || broken(m.To) {
		return fault.Invalidf("the message's recipient is no mail address")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now := clock.Real().Now()
	if err := l.conn.SetDeadline(now.Add(l.s.cfg.Timeout)); err != nil {
		return l.s.unavailable(errBroken)
	}
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(clock.Real().Now().Add(lastWord)) })
	defer stop()
	stage, err := l.hand(m)
	if err == nil {
		return nil
	}
	return l.judge(stage, err)
}

// hand hands a message over. Where the server takes commands in a group, they go out together (PIPELINING, RFC 2920): that spares two
// of four ways there and back. The message itself leaves only when the server asked for it.
func (l *Line) hand(m Raw) (stage string, err error) {
	steps := [...]step{{"sender", l.envelope(), 250}, {"recipient", "RCPT TO:<" + m.To + ">", 25}, {"content", "DATA", 354}}
	together, _ := l.smtp.Extension("PIPELINING")
	if together {
		if err := l.say(steps[0].line, steps[1].line, steps[2].line); err != nil {
			return steps[0].stage, err
		}
	}
	for i, s := range steps {
		if !together {
			if err := l.say(s.line); err != nil {
				return s.stage, err
			}
		}
		if _, _, err := l.smtp.Text.ReadResponse(s.want); err != nil {
			var no *textproto.Error
			if together && errors.As(err, &no) {
				err = errors.Join(err, l.skip(len(steps)-1-i))
			}
			return s.stage, err
		}
	}
	return "content", l.data(m.Bytes)
}

// step is a command, what it is about, and how an answer begins that is a yes.
type step struct {
	stage, line string
	want        int
}

// envelope is the command that names the sender.
func (l *Line) envelope() string {
	line := "MAIL FROM:<" + l.s.from.Address + ">"
	for _, e := range []struct{ name, parameter string }{{"8BITMIME", " BODY=8BITMIME"}, {"SMTPUTF8", " SMTPUTF8"}} {
		if ok, _ := l.smtp.Extension(e.name); ok {
			line += e.parameter
		}
	}
	return line
}

func (l *Line) say(lines ...string) error {
	w := l.smtp.Text.W
	for _, line := range lines {
		w.WriteString(line)
		w.WriteString("\r\n") // a writer that failed says so when it is flushed
	}
	return w.Flush()
}

// skip reads the answers to commands that went out with one that was refused. A server that asks for the message all the same gets an
// empty one, which has no recipient (RFC 2920, section 3.1).
func (l *Line) skip(n int) error {
	for ; n > 0; n-- {
		code, _, err := l.smtp.Text.ReadResponse(0)
		if err == nil && code == 354 {
			if err = l.say("."); err == nil {
				_, _, err = l.smtp.Text.ReadResponse(0)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// data hands over the message itself, once the server asked for it. Its lines end in CRLF, so that there is nothing to do but to mark
// those that begin with a dot (RFC 5321, section 4.5.2), and it goes out in one piece.
func (l *Line) data(message []byte) error {
	t := l.smtp.Text
	if bytes.Count(message, []byte("\n")) != bytes.Count(message, []byte("\r\n")) || !bytes.HasSuffix(message, []byte("\r\n")) {
		w := t.DotWriter()
		if _, err := w.Write(message); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		_, _, err := t.ReadResponse(250)
		return err
	}
	if cap(l.out) > keptOut {
		l.out = nil
	}
	l.out = l.out[:0]
	if message[0] == '.' {
		l.out = append(l.out, '.')
	}
	for {
		at := bytes.Index(message, []byte("\r\n."))
		if at < 0 {
			break
		}
		l.out = append(append(l.out, message[:at+3]...), '.') // the dot once more
		message = message[at+3:]
	}
	l.out = append(append(l.out, message...), ".\r\n"...)
	if _, err := t.W.Write(l.out); err != nil {
		return err
	}
	if err := t.W.Flush(); err != nil {
		return err
	}
	_, _, err := t.ReadResponse(250)
	return err
}

// keptOut is how large a buffer a line keeps for the next message.
const keptOut = 1 << 20

// judge tells what the server says of the message from trouble with the line. A refused sender, a refused sign-in, and 421, by which
// a server ends the conversation, are the line's.
func (l *Line) judge(stage string, err error) error {
	var te *textproto.Error
	if !errors.As(err, &te) && stage == "sender" {
		return l.s.unavailable(ErrGone)
	}
	if !errors.As(err, &te) {
		return l.s.unavailable(errBroken)
	}
	r := &Refusal{Code: te.Code, Enhanced: enhanced.FindString(te.Msg), Stage: stage}
	if stage == "sender" || te.Code == 421 || te.Code == 530 || te.Code == 535 || te.Code < 400 || te.Code > 599 {
		return l.s.unavailable(errors.New("it does not take mail from us: " + strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, r.Enhanced))))
	}
	if err := l.smtp.Reset(); err != nil {
		l.conn.Close() // the next message sees it
	}
	kind := fault.Unavailable
	if r.ForGood() {
		kind = fault.Invalid
	}
	return fault.New(kind, "%s:%d: %w", l.s.cfg.Host, l.s.cfg.Port, r)
}

// ErrGone is that the connection was gone before the message began, as an idle one may be: another line can take the message at once.
var ErrGone = errors.New("the connection was gone")

var (
	errBroken = errors.New("the connection broke off")
	enhanced  = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}`)
)

// Close says goodbye. What the server answers does not matter: it has every message that Send returned nil for.
func (l *Line) Close() {
	l.conn.SetDeadline(clock.Real().Now().Add(time.Second))
	l.smtp.Quit()
	l.conn.Close()
}

func (s *Sender) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	opts := []gomail.Option{gomail.WithPort(s.cfg.Port), gomail.WithHELO(s.cfg.HELO), gomail.WithTimeout(s.cfg.Timeout),
		gomail.WithDialContextFunc(dial), gomail.WithoutNoop(),
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
