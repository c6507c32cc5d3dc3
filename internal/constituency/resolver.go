package constituency

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/gaissmai/bart"
	"golang.org/x/net/idna"
)

// Resolver answers who owns an address or a name, from one version of the registry. It is immutable but for what it
// remembers (verdicts within a bound, the conflicts) and safe for concurrent use. A warm query allocates nothing.
//
// Every stored prefix is a node that knows the nearest prefix around it, so one longest-prefix match yields all prefixes
// that cover an address; a domain's node likewise knows the nearest stored domain above it. Validity cuts the time line
// of a node's chain into spans: the nodes and spans of a query are its key in the cache.
type Resolver struct {
	version  int64
	holders  map[int64]*holder
	prefixes bart.Table[*node]
	asns     map[uint32]*node
	domains  map[string]*node
	names    []string // the keys of domains, sorted
	cache    cache

	seek  sync.Once
	found []Conflict
}

// holder is a constituent as far as attribution needs it.
type holder struct {
	id          int64
	ref, name   string
	parent      *holder
	delegate    *holder // of the branch, inherited; nil for none
	from, until int32
}

func (h *holder) valid(day int32) bool { return h.from <= day && day < h.until }

// leaf is one asset, or one national prefix (without a holder).
type leaf struct {
	asset       int64
	holder      *holder
	matched     string
	specificity int32 // among leaves of one rule: more wins
	from, until int32 // of the asset and of its constituent together
	rule        Rule
	alsoNotify  bool
	manual      bool
}

// node is one stored prefix, AS number or domain with everything registered for exactly that.
type node struct {
	id     uint32 // from 1
	parent *node  // the nearest one around it
	leaves []leaf
	spans  []int32 // the days on which the validity of something in the chain changes, ascending
}

func (n *node) span(day int32) uint32 {
	if len(n.spans) == 0 {
		return 0
	}
	i, found := slices.BinarySearch(n.spans, day)
	if found {
		i++
	}
	return uint32(i)
}

const microsecondsPerDay = 24 * 60 * 60 * 1_000_000

func dayOf(at int64) int32 {
	d := at / microsecondsPerDay
	if at < 0 && at%microsecondsPerDay != 0 {
		d--
	}
	return int32(min(max(d, -open), open))
}

// Version is the registry's version that the answers hold for.
func (r *Resolver) Version() int64 { return r.version }

// Resolve answers q. The verdict is shared and must not be changed; equal answers are one pointer while they stay in the
// cache, and have one digest always.
func (r *Resolver) Resolve(q Query) *Verdict {
	day := dayOf(q.At)
	m := r.match(q)
	k := m.key(day)
	if v := r.cache.get(k); v != nil {
		return v
	}
	return r.cache.put(k, judge(m, day))
}

// match finds the nodes that a query hits.
func (r *Resolver) match(q Query) (m match) {
	ip := q.IP
	for i, name := range q.Names {
		if name == "" {
			continue
		}
		if m.names[i] = r.domain(name); m.names[i] == nil && !ip.IsValid() {
			ip = literal(name)
		}
	}
	if m.names[0] == m.names[1] {
		m.names[1] = nil
	}
	if ip.IsValid() {
		m.ip, _ = r.prefixes.Lookup(ip.Unmap())
	}
	if q.ASN != 0 {
		m.asn = r.asns[q.ASN]
	}
	m.nameFirst = q.NameFirst && (m.names[0] != nil || m.names[1] != nil)
	return m
}

// domain finds the longest stored suffix of a host name; nil when there is none.
func (r *Resolver) domain(name string) *node {
	if len(r.domains) == 0 {
		return nil
	}
	// Names of feeds are nearly always clean already; the buffer lets a copy in lower case stay off the heap.
	var buf [256]byte
	name = strings.TrimSuffix(name, ".")
	if len(name) > len(buf) {
		return nil
	}
	for i := range len(name) {
		c := name[i]
		if c >= 0x80 {
			return r.foreignDomain(name)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	host := buf[:len(name)]
	for start := 0; start < len(host); {
		if n := r.domains[string(host[start:])]; n != nil {
			return n
		}
		for start < len(host) && host[start] != '.' {
			start++
		}
		start++
	}
	return nil
}

func (r *Resolver) foreignDomain(name string) *node {
	a, err := idna.Lookup.ToASCII(name)
	if err != nil {
		a, err = idna.Punycode.ToASCII(strings.ToLower(name))
	}
	if err != nil || !ascii(a) {
		return nil
	}
	return r.domain(a)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// literal reads the host of a URL that is an address and not a name: no top-level domain ends in a digit, so only those
// and IPv6 are tried.
func literal(host string) netip.Addr {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" {
		return netip.Addr{}
	}
	last := host[len(host)-1]
	if (last < '0' || last > '9') && !strings.Contains(host, ":") {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return ip
}
