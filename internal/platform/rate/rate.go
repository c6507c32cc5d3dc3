// Package rate bounds how often and how many at once: token buckets and a count of what is under way, both by the network
// address of a client. It holds a bounded number of addresses and forgets those it heard from least recently.
package rate

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"tocsin/internal/platform/clock"
)

// Held is how many addresses a Limiter remembers. One that is forgotten begins with a full bucket again: who has so many
// addresses is not bounded by any one of them.
const Held = 1 << 16

// Key is what an address is counted as: itself, for IPv6 its /64, which is what one household or machine has. IPv4 in IPv6
// is IPv4.
func Key(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// Limit is a token bucket: so many at once, and one more for every part of the period that passes. The zero value is no
// limit.
type Limit struct {
	Burst int           // what the bucket holds
	Per   time.Duration // in which an empty bucket becomes full
}

// PerMinute is the limit of n a minute, at most burst of them at once; 0 is no limit.
func PerMinute(n, burst int) Limit {
	if n <= 0 {
		return Limit{}
	}
	burst = max(burst, 1)
	return Limit{Burst: burst, Per: time.Duration(burst) * time.Minute / time.Duration(n)}
}

// None says whether it limits nothing.
func (l Limit) None() bool { return l.Burst <= 0 || l.Per <= 0 }

// each is the time in which one token comes.
func (l Limit) each() time.Duration { return max(l.Per/time.Duration(l.Burst), 1) }

// Limiter has a bucket for every address. It is safe for concurrent use; nil limits nothing.
type Limiter struct {
	limit Limit
	clock clock.Clock
	held  int

	mu      sync.Mutex
	buckets map[netip.Addr]*list.Element
	recent  list.List // of *bucket, the one used last in front
}

// bucket is full at a moment; what is missing of it is the time until then.
type bucket struct {
	key  netip.Addr
	full time.Time
}

// New returns a Limiter, nil for no limit. The clock is the real one: an exercise that pauses its own must not freeze it.
func New(l Limit, c clock.Clock) *Limiter {
	if l.None() {
		return nil
	}
	return &Limiter{limit: l, clock: c, held: Held, buckets: map[netip.Addr]*list.Element{}}
}

// Take takes a token from an address's bucket. Without one it tells how long to wait for it.
func (l *Limiter) Take(a netip.Addr) (wait time.Duration, ok bool) { return l.use(a, true) }

// Look is Take that takes nothing.
func (l *Limiter) Look(a netip.Addr) (wait time.Duration, ok bool) { return l.use(a, false) }

func (l *Limiter) use(a netip.Addr, take bool) (time.Duration, bool) {
	if l == nil {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	key := Key(a)
	e := l.buckets[key]
	if e == nil {
		if !take {
			return 0, true
		}
		e = l.remember(key, now)
	}
	b := e.Value.(*bucket)
	if b.full.Before(now) {
		b.full = now
	}
	after := b.full.Add(l.limit.each())
	if over := after.Sub(now) - l.limit.each()*time.Duration(l.limit.Burst); over > 0 {
		return over, false
	}
	if take {
		b.full = after
		l.recent.MoveToFront(e)
	}
	return 0, true
}

func (l *Limiter) remember(key netip.Addr, now time.Time) *list.Element {
	for len(l.buckets) >= l.held {
		oldest := l.recent.Back()
		delete(l.buckets, l.recent.Remove(oldest).(*bucket).key)
	}
	e := l.recent.PushFront(&bucket{key, now})
	l.buckets[key] = e
	return e
}

// Slots bounds how much is under way at once for one address. It is safe for concurrent use; nil bounds nothing. It
// remembers only addresses for which something is under way.
type Slots struct {
	most int
	mu   sync.Mutex
	used map[netip.Addr]int
}

// NewSlots returns Slots, nil for no bound.
func NewSlots(most int) *Slots {
	if most <= 0 {
		return nil
	}
	return &Slots{most: most, used: map[netip.Addr]int{}}
}

// Enter takes a slot, which leave gives back; ok is false when there is none.
func (s *Slots) Enter(a netip.Addr) (leave func(), ok bool) {
	if s == nil {
		return func() {}, true
	}
	key := Key(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[key] >= s.most {
		return nil, false
	}
	s.used[key]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.used[key]--; s.used[key] == 0 {
			delete(s.used, key)
		}
	}), true
}
