// Package egress is a world's way out: its Net is the only thing in it that can dial. Live operation has an open one; an
// exercise has a sealed one, which refuses everything because no dialer was ever made for it.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// ErrSealed is why a sealed world's dial fails.
var ErrSealed = errors.New("the world is sealed: nothing leaves it")

// ErrLocal is why a dial to a machine or network of one's own fails that the policy does not name.
var ErrLocal = errors.New("the address belongs to this machine or a local network, which the configuration does not allow")

// Policy says where an open Net may lead.
type Policy struct {
	// Local are the loopback, private and link-local prefixes that may be reached; every public address may.
	Local []netip.Prefix
	// Proxy is the HTTP proxy that requests to the web go through; nil: none. It may have a local address.
	Proxy   *url.URL
	Timeout time.Duration // for one connection; 0 is 15 s
}

// Net is a world's way out. It is safe for concurrent use.
type Net struct {
	world  string
	dialer *net.Dialer // nil: sealed
	local  []netip.Prefix
	proxy  *url.URL
	named  []string // host:port that may be reached wherever they are
}

// Open returns a Net that leads out.
func Open(p Policy) *Net {
	if p.Timeout == 0 {
		p.Timeout = 15 * time.Second
	}
	return &Net{dialer: &net.Dialer{Timeout: p.Timeout}, local: slices.Clone(p.Local), proxy: p.Proxy}
}

// Sealed returns the Net of a world that nothing leaves.
func Sealed(world string) *Net { return &Net{world: world} }

// Sealed says whether nothing can leave.
func (n *Net) Sealed() bool { return n == nil || n.dialer == nil }

// To returns a Net that also leads to one HOST:PORT, local or not, which the administrator named for one purpose, such as the
// mail server. The Net that it was made of does not lead there, and one made of a sealed Net leads nowhere.
func (n *Net) To(address string) *Net {
	if n.Sealed() {
		return n
	}
	c := *n
	c.named = append(slices.Clone(n.named), address)
	return &c
}

// ToURL is To for the host of a web address.
func (n *Net) ToURL(address string) (*Net, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no web address", address)
	}
	return n.To(hostPort(u)), nil
}

// Proxy is the HTTP proxy, nil without one.
func (n *Net) Proxy() *url.URL {
	if n.Sealed() {
		return nil
	}
	return n.proxy
}

// DialContext connects to an address, as net.Dialer does. A name is judged by the address it leads to at the moment of the
// connection, so that it cannot lead elsewhere between the check and the dial.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if n != nil && slices.Contains(n.named, address) {
		d := *n.dialer
		return d.DialContext(ctx, network, address)
	}
	return n.dial(ctx, network, address, n.allowedLocal())
}

// DialPublic is DialContext without the local prefixes of the policy: for where a stranger says where to go next.
func (n *Net) DialPublic(ctx context.Context, network, address string) (net.Conn, error) {
	return n.dial(ctx, network, address, nil)
}

func (n *Net) allowedLocal() []netip.Prefix {
	if n == nil {
		return nil
	}
	return n.local
}

func (n *Net) dial(ctx context.Context, network, address string, local []netip.Prefix) (net.Conn, error) {
	if n.Sealed() {
		name := "a"
		if n != nil {
			name = n.world
		}
		return nil, fmt.Errorf("connect to %s from world %s: %w", address, name, ErrSealed)
	}
	d := *n.dialer
	if n.proxy == nil || address != hostPort(n.proxy) {
		d.Control = func(_, real string, _ syscall.RawConn) error { return allowed(real, local) }
	}
	return d.DialContext(ctx, network, address)
}

// allowed judges an address that is about to be connected to.
func allowed(address string, local []netip.Prefix) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("judge the address %s: %w", address, err)
	}
	a := ap.Addr().Unmap().WithZone("")
	if Public(a) || slices.ContainsFunc(local, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	return fmt.Errorf("%s: %w", a, ErrLocal)
}

// notPublic are prefixes that net/netip does not tell apart: this network, carrier NAT, protocol assignments, benchmarks,
// reserved, and IPv6 forms that carry an IPv4 address.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// Public says whether an address belongs to the public internet: not to this machine, a local network or nobody.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(a) {
		b := a.As16()
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
