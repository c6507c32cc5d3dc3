package event

import (
	"bytes"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/platform/fault"
)

// query is a filter compiled for one index: what is the same for all rows of a type is decided before the rows.
type query struct {
	Filter
	types      []bool // by rank
	owners     []bool // by place by name, nobody last; nil: all
	severities [8]bool
	states     [4]bool
	ident      string // lower case
	name       string // lower case
	domain     string
	lo, hi     []byte // bounds of ids without type; nil: none
	transport  int    // -1: any
}

var stateBit = map[State]int{Open: 0, NoLongerSeen: 1, Lapsed: 2, Closed: 3}

// compile checks a filter and prepares it.
func (ix *index) compile(f Filter) (*query, error) {
	q := &query{Filter: f, ident: strings.ToLower(f.Identifier), name: strings.ToLower(f.Name),
		domain: strings.ToLower(strings.Trim(f.Domain, ".")), transport: -1}
	if err := q.compileStates(); err != nil {
		return nil, err
	}
	if err := ix.compileTypes(q); err != nil {
		return nil, err
	}
	if err := ix.compileOwners(q); err != nil {
		return nil, err
	}
	for s := range q.severities {
		q.severities[s] = Severity(s) >= f.MinSeverity && (len(f.Severities) == 0 || slices.Contains(f.Severities, Severity(s)))
	}
	if f.Within != (netip.Prefix{}) {
		if !f.Within.IsValid() {
			return nil, fault.Invalidf("the address or prefix is not valid: write 203.0.113.0/24 or 2001:db8::/32")
		}
		q.lo, q.hi = addressRange(f.Within)
	}
	if f.Transport != "" {
		if q.transport = slices.Index(transports, f.Transport); q.transport < 0 {
			q.transport = 255
		}
	}
	return q, nil
}

func (q *query) compileStates() error {
	if q.AnyState {
		q.states = [4]bool{true, true, true, true}
		return nil
	}
	if len(q.States) == 0 {
		q.states[0] = true
	}
	for _, s := range q.States {
		i, ok := stateBit[s]
		if !ok {
			return fault.Invalidf("%q is no state of a finding: use open, no-longer-seen, lapsed, closed or all", s)
		}
		q.states[i] = true
	}
	return nil
}

func (ix *index) compileTypes(q *query) error {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	q.types = make([]bool, len(ix.types))
	feeds, names := map[string]bool{}, map[string]bool{}
	for i, t := range ix.types {
		feeds[t.feed], names[t.Name] = true, true
		q.types[i] = in(q.Feeds, t.feed) && in(q.Types, t.Name) && in(q.Classes, t.Class) && in(q.Kinds, t.ReportType.Kind)
		if len(q.Ports) > 0 && t.Subject != Service {
			q.types[i] = false // the port is no part of what such a finding is
		}
	}
	for _, n := range q.Types {
		if !names[n] {
			return fault.Invalidf("no report type is called %q", n)
		}
	}
	for _, n := range q.Feeds {
		if !feeds[n] {
			return fault.Invalidf("no feed called %q has sent reports", n)
		}
	}
	return nil
}

// compileOwners decides for every constituent whether its findings are meant.
func (ix *index) compileOwners(q *query) error {
	f := &q.Filter
	if len(f.Sectors)+len(f.OwnerKinds)+len(f.Designations) == 0 && f.Owner == "" && !f.Unattributed && !f.NoContact {
		return nil
	}
	o := ix.owners
	branch := map[int64]bool{}
	if f.Owner != "" {
		if err := o.branch(f.Owner, f.Branch, branch); err != nil {
			return err
		}
	}
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	q.owners = make([]bool, len(o.list)+1)
	for i, r := range o.list {
		q.owners[i] = !f.Unattributed && in(f.Sectors, r.Sector) && in(f.OwnerKinds, r.Kind) && in(f.Designations, r.Designation) &&
			(f.Owner == "" || branch[r.ID]) && !(f.NoContact && r.contact)
	}
	q.owners[len(o.list)] = f.Unattributed && len(f.Sectors)+len(f.OwnerKinds)+len(f.Designations) == 0 && f.Owner == "" && !f.NoContact
	return nil
}

// branch adds the constituent with that ref or number, and if asked all below it.
func (o *owners) branch(ref string, below bool, to map[int64]bool) error {
	number, _ := strconv.ParseInt(ref, 10, 64)
	root := int64(0)
	for _, r := range o.list {
		if r.Ref == ref || root == 0 && r.ID == number {
			root = r.ID
		}
		if r.Ref == ref {
			break
		}
	}
	if root == 0 {
		return fault.Invalidf("no constituent is called %q: give its ref", ref)
	}
	to[root] = true
	for grew := below; grew; {
		grew = false
		for _, r := range o.list {
			if r.parent != 0 && to[r.parent] && !to[r.ID] {
				to[r.ID], grew = true, true
			}
		}
	}
	return nil
}

// addressRange are the bounds of ids without type for a prefix; hi is not included.
func addressRange(p netip.Prefix) (lo, hi []byte) {
	p = p.Masked()
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	lo = appendAddress(nil, p.Addr())
	hi = bytes.Clone(lo)
	bits := p.Bits() + 8 // the family's byte
	for i := bits - 1; i >= 0; i-- {
		mask := byte(0x80 >> (i % 8))
		hi[i/8] ^= mask
		if hi[i/8]&mask != 0 {
			return lo, hi
		}
	}
	return lo, hi
}

// rows are the bounds of the rows of a block that can match.
func (q *query) rows(b *block) (lo, hi int) {
	if q.lo == nil {
		return 0, b.len()
	}
	return b.search(q.lo), b.search(q.hi)
}

// match tells whether a row is meant. last is the day it was last seen.
func (q *query) match(ix *index, t *listType, row int, last Day) bool {
	b := t.block
	severity := b.severity[row]
	if !q.severities[severity&^isRare] || q.owners != nil && !q.owners[ix.owners.place(b.owner[row])] {
		return false
	}
	var r rare
	r.closed = -1
	if severity&isRare != 0 {
		r = *b.rare(row)
	}
	if !q.states[stateIndex(t, last, r.closed)] {
		return false
	}
	first := Day(b.first[row])
	if q.FirstFrom > first || q.FirstUntil > 0 && first > q.FirstUntil || q.LastFrom > last || q.LastUntil > 0 && last > q.LastUntil ||
		q.New && first != t.lastDay {
		return false
	}
	if len(q.Ports) > 0 || q.transport >= 0 {
		id := b.id(row)
		port, at := portOf(id)
		if len(q.Ports) > 0 && !slices.Contains(q.Ports, port) || q.transport >= 0 && q.transport != int(id[at]) ||
			q.transport == 255 && r.transport != q.Transport {
			return false
		}
	}
	return q.matchText(t, &r)
}

func (q *query) matchText(t *listType, r *rare) bool {
	if q.ident != "" {
		ident := r.identifier
		if ident == "" {
			ident = t.Identifier
		}
		if !strings.Contains(strings.ToLower(ident), q.ident) {
			return false
		}
	}
	if q.name != "" && !strings.Contains(strings.ToLower(r.name), q.name) {
		return false
	}
	return q.domain == "" || underDomain(r.name, q.domain)
}

func stateIndex(t *listType, last, closed Day) int {
	switch {
	case closed >= last:
		return 3
	case last > t.cutoff:
		return 0
	case t.Closing == Snapshot:
		return 1
	}
	return 2
}

// underDomain tells whether a name, a host or a URL, is a domain or below it.
func underDomain(name, domain string) bool {
	host := name
	if strings.Contains(name, "://") {
		u, err := url.Parse(name)
		if err != nil {
			return false
		}
		host = u.Hostname()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	rest, ok := strings.CutSuffix(host, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, ".") || strings.HasSuffix(rest, "@"))
}
