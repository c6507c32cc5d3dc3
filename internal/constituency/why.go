package constituency

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/platform/fault"
)

// Party is a constituent as an answer names it.
type Party struct {
	ID   int64  `json:"id"`
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

// Answer says who owns a subject, by which rule, who lost and who gets a copy.
type Answer struct {
	Subject string      `json:"subject"`
	Kind    string      `json:"kind"` // address, domain, asn
	At      time.Time   `json:"at"`
	Verdict *Verdict    `json:"verdict"`
	Copies  []Party     `json:"copies,omitempty"`
	Invalid []Candidate `json:"invalid,omitempty"` // matched, but not at that time
	Version int64       `json:"version"`           // of the registry
}

// InvalidThen is why a candidate of Answer.Invalid does not count.
const InvalidThen = "why.not-valid"

// Why explains who owns an address, a domain, a URL or an AS number at a moment; the zero time is now.
func (s *Store) Why(ctx context.Context, subject string, at time.Time) (*Answer, error) {
	if at.IsZero() {
		at = s.clock.Now()
	}
	q, kind, err := ParseSubject(subject)
	if err != nil {
		return nil, err
	}
	q.At = at.UnixMicro()
	r, err := s.Resolver(ctx)
	if err != nil {
		return nil, err
	}
	return r.Explain(q, subject, kind), nil
}

// Explain resolves q and adds what a reader needs to follow the answer.
func (r *Resolver) Explain(q Query, subject, kind string) *Answer {
	v := r.Resolve(q)
	a := &Answer{Subject: subject, Kind: kind, At: time.UnixMicro(q.At).UTC(), Verdict: v, Version: r.version}
	for _, id := range v.Copies {
		p, _ := r.Party(id)
		a.Copies = append(a.Copies, p)
	}
	day := dayOf(q.At)
	m := r.match(q)
	for _, n := range [...]*node{m.ip, m.asn, m.names[0], m.names[1]} {
		for ; n != nil; n = n.parent {
			for i := range n.leaves {
				if l := &n.leaves[i]; day < l.from || l.until <= day {
					c := l.candidate()
					c.Why = InvalidThen
					a.Invalid = append(a.Invalid, c)
				}
			}
		}
	}
	return a
}

// Party names the constituent with an id.
func (r *Resolver) Party(id int64) (Party, bool) {
	h := r.holders[id]
	if h == nil {
		return Party{ID: id}, false
	}
	return Party{h.id, h.ref, h.name}, true
}

// ParseSubject makes a query of what a person types: an address, a URL, an AS number or a domain.
func ParseSubject(s string) (q Query, kind string, err error) {
	s = line(s)
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		q.IP = ip.Unmap().WithZone("")
		return q, "address", nil
	}
	if len(s) > 2 && strings.EqualFold(s[:2], "AS") {
		if n, err := strconv.ParseUint(s[2:], 10, 32); err == nil && n > 0 {
			q.ASN = uint32(n)
			return q, "asn", nil
		}
	}
	host := s
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return q, "", fault.Invalidf("%q is no URL", s)
		}
		host = u.Hostname()
		if ip, err := netip.ParseAddr(host); err == nil {
			q.IP = ip.Unmap().WithZone("")
			return q, "address", nil
		}
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 253 || strings.ContainsAny(host, " /@:,;") || !strings.Contains(host, ".") ||
		strings.HasPrefix(host, ".") || strings.Contains(host, "..") || isNumber(host[strings.LastIndexByte(host, '.')+1:]) { // 999.1.1.1 is a mistyped address
		return q, "", fault.Invalidf("%q is no address, domain, URL or AS number", s)
	}
	q.Names[0], q.NameFirst = host, true
	return q, "domain", nil
}

func isNumber(label string) bool {
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// Owning is Resolver.Owning for the registry as it is, today.
func (s *Store) Owning(ctx context.Context, subject string, limit int) ([]Candidate, error) {
	r, err := s.Resolver(ctx)
	if err != nil {
		return nil, err
	}
	return r.Owning(subject, s.clock.Now(), limit)
}

// Owning lists who has, at a moment, something that covers or lies within a prefix, or stands above or below a domain: the
// most exact first, at most limit.
func (r *Resolver) Owning(subject string, at time.Time, limit int) ([]Candidate, error) {
	day := dayOf(at.UnixMicro())
	var out []Candidate
	add := func(n *node) {
		for i := range n.leaves {
			if l := &n.leaves[i]; l.from <= day && day < l.until && l.holder != nil && len(out) < limit {
				out = append(out, l.candidate())
			}
		}
	}
	if p, err := CanonicalPrefix(subject); err == nil {
		for _, n := range r.prefixes.Supernets(p) {
			add(n)
		}
		for q, n := range r.prefixes.Subnets(p) {
			if len(out) >= limit {
				break
			}
			if q != p {
				add(n)
			}
		}
		return out, nil
	}
	q, _, err := ParseSubject(subject)
	if err != nil {
		return nil, fmt.Errorf("search for owners: %w", err)
	}
	m := r.match(q)
	for _, n := range [...]*node{m.ip, m.asn, m.names[0]} {
		for ; n != nil; n = n.parent {
			add(n)
		}
	}
	if name := q.Names[0]; name != "" {
		r.below(name, add)
	}
	return out, nil
}

// below visits the stored domains below a name in the order of their names.
func (r *Resolver) below(name string, visit func(*node)) {
	for _, d := range r.names {
		if strings.HasSuffix(d, "."+name) {
			visit(r.domains[d])
		}
	}
}
