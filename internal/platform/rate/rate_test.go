package rate

import (
	"net/netip"
	"testing"
	"time"

	"tocsin/internal/platform/clock"
)

var (
	one = netip.MustParseAddr("203.0.113.1")
	two = netip.MustParseAddr("203.0.113.2")
)

func manual() *clock.Manual { return clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) }

func TestABucketEmptiesAndFillsWithTime(t *testing.T) {
	now := manual()
	l := New(PerMinute(60, 3), now) // one a second, three at once
	for i := range 3 {
		if _, ok := l.Take(one); !ok {
			t.Fatalf("token %d is missing", i)
		}
	}
	wait, ok := l.Take(one)
	if ok || wait != time.Second {
		t.Fatalf("an empty bucket gave %t, wait %s", ok, wait)
	}
	if _, ok := l.Take(two); !ok {
		t.Error("another address shares the bucket")
	}
	now.Move(999 * time.Millisecond)
	if wait, ok := l.Take(one); ok || wait != time.Millisecond {
		t.Errorf("too early: %t, wait %s", ok, wait)
	}
	now.Move(time.Millisecond)
	if _, ok := l.Take(one); !ok {
		t.Error("no token after a second")
	}
	now.Move(time.Hour)
	for i := range 4 {
		if _, ok := l.Take(one); ok != (i < 3) {
			t.Errorf("after an hour token %d: %t: a bucket holds no more than its burst", i, ok)
		}
	}
}

func TestLookingTakesNothing(t *testing.T) {
	l := New(PerMinute(1, 1), manual())
	for range 5 {
		if _, ok := l.Look(one); !ok {
			t.Fatal("looking took a token")
		}
	}
	l.Take(one)
	if wait, ok := l.Look(one); ok || wait != time.Minute {
		t.Errorf("%t, wait %s", ok, wait)
	}
}

func TestANetworkOfIPv6IsOneClient(t *testing.T) {
	l := New(PerMinute(1, 1), manual())
	for _, tt := range []struct {
		addr string
		want bool
	}{
		{"2001:db8:1:2::1", true}, {"2001:db8:1:2:ffff::9", false}, {"2001:db8:1:3::1", true},
		{"203.0.113.1", true}, {"::ffff:203.0.113.1", false}, {"203.0.113.2", true},
		{"fe80::1%eth0", true}, {"fe80::2%eth1", false},
	} {
		if _, ok := l.Take(netip.MustParseAddr(tt.addr)); ok != tt.want {
			t.Errorf("%s: %t", tt.addr, ok)
		}
	}
	if _, ok := l.Take(netip.Addr{}); !ok { // a peer without an address, such as a socket in the file system
		t.Error("no address has no bucket")
	}
}

func TestMemoryIsBoundedAndTheBusyAreRemembered(t *testing.T) {
	l := New(PerMinute(1, 2), manual())
	l.held = 100
	l.Take(one)
	a := netip.MustParseAddr("10.0.0.0")
	for i := range 10_000 {
		if i == 50 {
			l.Take(one)
		}
		a = a.Next()
		l.Take(a)
		if i < 100 {
			if _, ok := l.Look(one); ok != (i < 50) {
				t.Fatalf("after %d others: %t", i, ok)
			}
		}
	}
	if len(l.buckets) != 100 || l.recent.Len() != 100 {
		t.Errorf("%d buckets, %d in order", len(l.buckets), l.recent.Len())
	}
}

func TestNoLimit(t *testing.T) {
	l, s := New(PerMinute(0, 10), manual()), NewSlots(0)
	for range 1000 {
		if _, ok := l.Take(one); !ok {
			t.Fatal("limited")
		}
		if _, ok := s.Enter(one); !ok {
			t.Fatal("bounded")
		}
	}
}

func TestSlotsAreGivenBackOnce(t *testing.T) {
	s := NewSlots(2)
	leave, _ := s.Enter(one)
	if _, ok := s.Enter(one); !ok {
		t.Fatal("the second is refused")
	}
	if _, ok := s.Enter(one); ok {
		t.Fatal("the third gets in")
	}
	if _, ok := s.Enter(two); !ok {
		t.Error("another address is refused")
	}
	leave()
	leave()
	if _, ok := s.Enter(one); !ok {
		t.Error("a slot that was given back is not free")
	}
	if _, ok := s.Enter(one); ok {
		t.Error("a slot was given back twice")
	}
}
