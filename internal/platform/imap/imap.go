// Package imap reads a mailbox by IMAP over a world's way out. It lists what is new, streams one message after the other, and
// marks or moves what was taken; it deletes nothing. What a message says, and whether it was taken before, are its callers'.
package imap

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// TLS is how the connection to the server is protected.
type TLS int

// The ways. There is no falling back from one to another: who stands between could ask for it.
const (
	Implicit TLS = iota // TLS from the first byte (RFC 8314)
	StartTLS            // begun in clear, then TLS or nothing
	None                // in clear, to this machine only
)

// Config says which mailbox is read and as whom.
type Config struct {
	Host     string
	Port     int
	TLS      TLS
	Roots    *x509.CertPool // authorities of its certificate; nil are the system's
	User     string
	Password func() (string, error) // asked at every visit, so that a new one counts at once
	Folder   string                 // "INBOX"
	Done     string                 // where what was taken is moved to; "" leaves it in the folder, marked as seen
	Silence  time.Duration          // after which a server that says nothing is given up; 0 is two minutes
}

// Name is what people call the mailbox: "cert@mail.example/INBOX", with the port when it is not the usual one.
func (c Config) Name() string {
	host := c.Host
	if c.Port != 993 && c.Port != 143 {
		host = net.JoinHostPort(host, strconv.Itoa(c.Port))
	}
	return c.User + "@" + host + "/" + c.Folder
}

// Mailbox is one folder of a server. It is safe for concurrent use.
type Mailbox struct {
	cfg Config
	net *egress.Net
}

// New returns a mailbox over the world's way out. The administrator named the server, so it may have a local address.
func New(cfg Config, n *egress.Net) (*Mailbox, error) {
	cfg.Folder, cfg.Silence = cmp.Or(cfg.Folder, "INBOX"), cmp.Or(cfg.Silence, 2*time.Minute)
	switch {
	case cfg.Host == "" || cfg.Port < 1 || cfg.Port > 65535:
		return nil, fault.Invalidf("the mailbox needs a host and a port")
	case cfg.TLS == None && !loopback(cfg.Host):
		return nil, fault.Invalidf("the mailbox is on another machine, %s: use imaps:// or imap:// (which asks for STARTTLS)", cfg.Host)
	case cfg.User == "" || cfg.Password == nil:
		return nil, fault.Invalidf("the mailbox needs a user and a password")
	case broken(cfg.User) || broken(cfg.Folder) || broken(cfg.Done):
		return nil, fault.Invalidf("the mailbox's user and folders are one line each")
	case cfg.Done == cfg.Folder:
		return nil, fault.Invalidf("what was taken out of %s cannot be moved to the same folder", cfg.Folder)
	}
	return &Mailbox{cfg, n.To(net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))}, nil
}

// Name is what people call the mailbox.
func (m *Mailbox) Name() string { return m.cfg.Name() }

// Visit is one stay in the mailbox. It is for one goroutine and ends with the function it was given to.
type Visit struct {
	// Validity is the mailbox's UIDVALIDITY: when it is another one than before, all UIDs count anew.
	Validity uint32
	client   *imapclient.Client
	cfg      Config
}

// Item is a message of the mailbox.
type Item struct {
	UID  uint32
	Size int64     // as the server says
	At   time.Time // when the server received it; zero when it does not say
}

// Visit signs in, opens the folder and calls fn. Whatever the server or the way to it fails at is a fault of kind Unavailable,
// a wrong password of kind Forbidden; fn's own error is returned as it is.
func (m *Mailbox) Visit(ctx context.Context, fn func(*Visit) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	raw, err := m.net.DialContext(ctx, "tcp", net.JoinHostPort(m.cfg.Host, strconv.Itoa(m.cfg.Port)))
	if err != nil {
		return m.unavailable("", err)
	}
	conn := &patient{raw, m.cfg.Silence}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, err := m.client(ctx, conn)
	if err != nil {
		return m.unavailable("", err)
	}
	defer c.Close()
	if err := m.signIn(c); err != nil {
		return err
	}
	opened, err := c.Select(m.cfg.Folder, nil).Wait()
	if err != nil {
		return m.unavailable("open the folder "+m.cfg.Folder, err)
	}
	v := &Visit{Validity: opened.UIDValidity, client: c, cfg: m.cfg}
	if err := fn(v); err != nil {
		return err
	}
	c.Logout().Wait() // everything is done: how the farewell goes does not matter
	return ctx.Err()
}

func (m *Mailbox) client(ctx context.Context, conn net.Conn) (*imapclient.Client, error) {
	t := &tls.Config{ServerName: m.cfg.Host, RootCAs: m.cfg.Roots, MinVersion: tls.VersionTLS12}
	var c *imapclient.Client
	switch m.cfg.TLS {
	case Implicit:
		secure := tls.Client(conn, t)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c = imapclient.New(secure, nil)
	case StartTLS:
		var err error
		if c, err = imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: t}); err != nil {
			return nil, err
		}
	default:
		c = imapclient.New(conn, nil)
	}
	if err := c.WaitGreeting(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (m *Mailbox) signIn(c *imapclient.Client) error {
	password, err := m.cfg.Password()
	if err != nil {
		return fault.New(fault.Unavailable, "the password of the mailbox: %w", err)
	}
	if caps := c.Caps(); caps.Has(goimap.AuthCap(sasl.Plain)) {
		err = c.Authenticate(sasl.NewPlainClient("", m.cfg.User, password))
	} else {
		err = c.Login(m.cfg.User, password).Wait()
	}
	var refused *goimap.Error
	if errors.As(err, &refused) {
		return fault.New(fault.Forbidden, "the server %s does not let %s sign in: check the user and the password", m.cfg.Host, m.cfg.User)
	}
	return m.unavailable("sign in", err)
}

func (m *Mailbox) unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	if doing != "" {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return fault.New(fault.Unavailable, "the mailbox on %s:%d: %w", m.cfg.Host, m.cfg.Port, err)
}

// After lists messages with a larger UID, the smallest first, at most so many.
func (v *Visit) After(uid uint32, limit int) ([]Item, error) {
	set := goimap.UIDSet{{Start: goimap.UID(uid) + 1}}
	found, err := v.client.UIDSearch(&goimap.SearchCriteria{UID: []goimap.UIDSet{set}}, nil).Wait()
	if err != nil {
		return nil, v.unavailable("list", err)
	}
	uids := found.AllUIDs()
	slices.Sort(uids)
	var wanted goimap.UIDSet
	n := 0
	for _, u := range uids { // n:* has the last message even when its UID is smaller
		if uint32(u) > uid && n < limit {
			wanted.AddNum(u)
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	cmd := v.client.Fetch(wanted, &goimap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true})
	var items []Item
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		b, err := msg.Collect()
		if err != nil {
			cmd.Close()
			return nil, v.unavailable("list", err)
		}
		if uint32(b.UID) > uid {
			items = append(items, Item{uint32(b.UID), b.RFC822Size, b.InternalDate.UTC()})
		}
	}
	if err := cmd.Close(); err != nil {
		return nil, v.unavailable("list", err)
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.UID, b.UID) })
	return items, nil
}

// Copy streams a message to w, at most limit bytes of it. It does not mark the message. A message that is gone is a fault of kind
// NotFound.
func (v *Visit) Copy(uid uint32, limit int64, w io.Writer) (int64, error) {
	section := &goimap.FetchItemBodySection{Peek: true, Partial: &goimap.SectionPartial{Size: limit}}
	cmd := v.client.Fetch(goimap.UIDSetNum(goimap.UID(uid)), &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{section}})
	var n int64
	var failed error
	found := false
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			body, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok || body.Literal == nil || found {
				continue
			}
			found = true
			src := &ending{r: body.Literal}
			n, failed = io.Copy(w, io.LimitReader(src, limit))
			if src.err != nil && src.n < body.Literal.Size() { // the connection broke off within the message
				v.client.Close()
				<-v.client.Closed() // the library drops the rest of a literal by reading it: not while it reads itself
			}
		}
	}
	err := cmd.Close()
	switch {
	case failed != nil && err == nil:
		return n, failed
	case err != nil:
		return n, v.unavailable("read a message", err)
	case !found:
		return 0, fault.NotFoundf("the message %d is not in the mailbox any more", uid)
	}
	return n, nil
}

// ending remembers how a reader ended.
type ending struct {
	r   io.Reader
	n   int64
	err error
}

// Read implements io.Reader.
func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.n += int64(n)
	if err != nil {
		e.err = err
	}
	return n, err
}

// Taken marks a message as seen, or moves it where the taken ones are.
func (v *Visit) Taken(uids ...uint32) error {
	var set goimap.UIDSet
	for _, u := range uids {
		set.AddNum(goimap.UID(u))
	}
	store := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagSeen}}
	if err := v.client.Store(set, store, nil).Close(); err != nil {
		return v.unavailable("mark a message", err)
	}
	if v.cfg.Done == "" {
		return nil
	}
	if _, err := v.client.Move(set, v.cfg.Done).Wait(); err == nil {
		return nil
	}
	v.client.Create(v.cfg.Done, nil).Wait() // the folder may be missing; if it is something else, moving says so
	if _, err := v.client.Move(set, v.cfg.Done).Wait(); err != nil {
		return v.unavailable("move a message to "+v.cfg.Done, err)
	}
	return nil
}

func (v *Visit) unavailable(doing string, err error) error {
	return fault.New(fault.Unavailable, "the mailbox on %s:%d: %s: %w", v.cfg.Host, v.cfg.Port, doing, err)
}

// patient is a connection that gives up when nothing moves for a while, however long the whole lasts. The library's own
// deadlines, which end a long message, do not count.
type patient struct {
	net.Conn
	silence time.Duration
}

// Read implements net.Conn.
func (p *patient) Read(b []byte) (int, error) {
	p.Conn.SetReadDeadline(clock.Real().Now().Add(p.silence))
	return p.Conn.Read(b)
}

// Write implements net.Conn.
func (p *patient) Write(b []byte) (int, error) {
	p.Conn.SetWriteDeadline(clock.Real().Now().Add(p.silence))
	return p.Conn.Write(b)
}

// SetDeadline implements net.Conn.
func (p *patient) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (p *patient) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (p *patient) SetWriteDeadline(time.Time) error { return nil }
