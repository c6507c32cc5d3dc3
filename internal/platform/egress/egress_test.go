package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestSealedNetRefusesEverythingAndNamesItsWorld(t *testing.T) {
	addr := listen(t)
	for _, n := range []*Net{Sealed("exercise-7"), nil, {}} {
		_, err := n.DialContext(context.Background(), "tcp", addr)
		if !errors.Is(err, ErrSealed) {
			t.Errorf("got %v", err)
		}
		if !n.Sealed() || n.Proxy() != nil {
			t.Error("not sealed")
		}
	}
	if _, err := Sealed("exercise-7").DialPublic(context.Background(), "tcp", addr); err == nil || !strings.Contains(err.Error(), "exercise-7") {
		t.Errorf("the error does not name the world: %v", err)
	}
}

func TestLocalAddressesNeedThePolicy(t *testing.T) {
	addr := listen(t)
	ctx := context.Background()
	if _, err := Open(Policy{}).DialContext(ctx, "tcp", addr); !errors.Is(err, ErrLocal) {
		t.Errorf("without a policy: %v", err)
	}
	_, port, _ := net.SplitHostPort(addr)
	if _, err := Open(Policy{}).DialContext(ctx, "tcp", "localhost:"+port); !errors.Is(err, ErrLocal) {
		t.Errorf("by a name: %v", err)
	}
	n := Open(Policy{Local: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	c, err := n.DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Fatalf("with the policy: %v", err)
	}
	c.Close()
	if _, err := n.DialPublic(ctx, "tcp", addr); !errors.Is(err, ErrLocal) {
		t.Errorf("where a stranger leads: %v", err)
	}
}

func TestProxyMayBeLocal(t *testing.T) {
	addr := listen(t)
	n := Open(Policy{Proxy: &url.URL{Scheme: "http", Host: addr}})
	c, err := n.DialPublic(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestPublic(t *testing.T) {
	for a, want := range map[string]bool{
		"8.8.8.8": true, "2001:4860:4860::8888": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "192.168.0.1": false, "172.16.0.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::": false, "::ffff:127.0.0.1": false, "fe80::1": false, "fd00::1": false,
		"224.0.0.1": false, "255.255.255.255": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
	} {
		if got := Public(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: got %t", a, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is no public one")
	}
}
