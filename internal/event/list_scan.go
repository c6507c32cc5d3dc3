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
	ident      []bool // by rank: the type's own identifier matches; nil: any does
	owners     []bool // by place by name, nobody last; nil: all
	severities [8]bool
	states     [6]bool
	rulings    bool   // there is a bound on assignee or disposition
	name       string // lower case
	domain     string // lower case
	lo, hi     []byte // bounds of ids without type; nil: none
	transport  int    // -1: any
	days       bool   // there is a bound on days
	parts      bool   // there is one on port or transport
	words      bool   // there is one on texts
}

var stateBit = map[State]int{Open: 0, NoLongerSeen: 1, Lapsed: 2, Closed: 3, FalsePositive: 4, AcceptedRisk: 5}

// compile checks a filter and prepares it.
func (ix *index) compile(f Filter) (*query, error) {
	q := &query{Filter: f, name: strings.ToLower(f.Name), domain: strings.ToLower(strings.Trim(f.Domain, ".")), transport: -1,
		days:  f.FirstFrom != 0 || f.FirstUntil != 0 || f.LastFrom != 0 || f.LastUntil != 0 || f.New,
		parts: len(f.Ports) > 0 || f.Transport != "", words: f.Name != "" || f.Domain != "" || f.Identifier != "",
		rulings: f.Assignee != 0 || f.Unassigned || len(f.Dispositions) > 0}
	q.Identifier = strings.ToLower(f.Identifier)
	if err := q.compileStates(); err != nil {
		return nil, err
	}
	for _, d := range f.Dispositions {
		if !slices.Contains(Dispositions(), d) {
			return nil, fault.Invalidf("%q is no disposition: use none, false-positive or accepted-risk", d)
		}
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
		q.states = [6]bool{true, true, true, true, true, true}
		return nil
	}
	if len(q.States) == 0 && slices.ContainsFunc(q.Dispositions, func(d Disposition) bool { return d != "" }) { // what is ruled is not open
		q.states = [6]bool{true, true, true, true, true, true}
		return nil
	}
	if len(q.States) == 0 {
		q.states[0] = true
	}
	for _, s := range q.States {
		i, ok := stateBit[s]
		if !ok {
			return fault.Invalidf("%q is no state of a finding: use open, no-longer-seen, lapsed, closed, "+
				"false-positive, accepted-risk or all", s)
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
		if q.Identifier != "" {
			q.ident = append(q.ident, strings.Contains(strings.ToLower(t.Identifier), q.Identifier))
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

// scan calls fn for every row of a type that matches, and counts them. It goes against the ids' order when the list does,
// so that what comes late is rarely better than what was found before.
func (ix *index) scan(q *query, rank int, descending bool, fn func(t *listType, row int, last Day)) (n int64) {
	t := ix.types[rank]
	b := t.block
	lo, hi := q.rows(b)
	row, step := lo, 1
	if descending {
		row, step = hi-1, -1
	}
	for ; row >= lo && row < hi; row += step {
		severity := b.severity[row]
		if !q.severities[severity&severityBits] {
			continue
		}
		closed := Day(-1)
		if severity&hasClosed != 0 {
			closed = b.closed[uint32(row)]
		}
		var r ruled
		if severity&hasRuling != 0 {
			r = b.rulings[uint32(row)]
		}
		last := t.lastSeen(b.from[row], b.to[row])
		if !q.states[t.stateIndex(last, closed, r.on(ix.today))] || q.rulings && !q.matchRuling(r, ix.today) || q.owners != nil && !q.owners[ix.owners.place(b.owner[row])] ||
			q.days && !q.matchDays(t, Day(b.first[row]), last) || q.parts && !q.matchParts(b, row) ||
			q.words && !q.matchWords(b, row, rank) {
			continue
		}
		n++
		fn(t, row, last)
	}
	return n
}

func (q *query) matchDays(t *listType, first, last Day) bool {
	return first >= q.FirstFrom && (q.FirstUntil == 0 || first <= q.FirstUntil) &&
		last >= q.LastFrom && (q.LastUntil == 0 || last <= q.LastUntil) && (!q.New || first == t.lastDay)
}

func (q *query) matchParts(b *block, row int) bool {
	id := b.id(row)
	port, transport := portOf(id)
	if len(q.Ports) > 0 && !slices.Contains(q.Ports, port) {
		return false
	}
	switch code := int(transport); {
	case q.transport < 0:
		return true
	case code != q.transport:
		return false
	case code == 255:
		return b.text(row).transport == q.Transport
	}
	return true
}

func (q *query) matchWords(b *block, row, rank int) bool {
	t := &text{}
	if b.severity[row]&hasText != 0 {
		t = b.text(row)
	}
	if q.ident != nil && !(t.identifier == "" && q.ident[rank] || t.identifier != "" && strings.Contains(t.identifier, q.Identifier)) {
		return false
	}
	return strings.Contains(t.name, q.name) && (q.domain == "" || underDomain(t.name, q.domain))
}

func (q *query) matchRuling(r ruled, today Day) bool {
	return (q.Assignee == 0 || r.assignee == q.Assignee) && (!q.Unassigned || r.assignee == 0) &&
		(len(q.Dispositions) == 0 || slices.Contains(q.Dispositions, r.on(today)))
}

// stateIndex is the place of state in stateBit.
func (t *listType) stateIndex(last, closed Day, in Disposition) int {
	switch {
	case closed >= last:
		return 3
	case last > t.cutoff && in == RuledFalse:
		return 4
	case last > t.cutoff && in == RuledAccepted:
		return 5
	case last > t.cutoff:
		return 0
	case t.Closing == Snapshot:
		return 1
	}
	return 2
}

// underDomain tells whether a name, a host or a URL, is a domain or below it. Both are in lower case.
func underDomain(name, domain string) bool {
	if !strings.Contains(name, domain) {
		return false
	}
	host := name
	if strings.Contains(name, "://") {
		u, err := url.Parse(name)
		if err != nil {
			return false
		}
		host = u.Hostname()
	}
	rest, ok := strings.CutSuffix(strings.TrimSuffix(host, "."), domain)
	return ok && (rest == "" || strings.HasSuffix(rest, ".") || strings.HasSuffix(rest, "@"))
}
