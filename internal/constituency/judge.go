package constituency

import (
	"cmp"
	"slices"
)

// The reasons for which a candidate loses, as catalogue keys.
const (
	LostWeakerRule   = "why.weaker-rule"   // a rule that comes first matched
	LostLessSpecific = "why.less-specific" // the same rule matched something more exact
	LostAutomatic    = "why.automatic"     // a person's entry goes before a registry's, even a longer one
	LostNameFirst    = "why.name-first"    // the subject is a name: who hosts it gets a copy
	LostSameOwner    = "why.same-owner"    // the owner has the same thing twice
)

// match is what a query hit.
type match struct {
	ip, asn   *node
	names     [2]*node
	nameFirst bool
}

func (m match) key(day int32) key {
	k := key{nameFirst: m.nameFirst}
	for i, n := range [...]*node{m.ip, m.asn, m.names[0], m.names[1]} {
		if n != nil {
			k.node[i], k.span[i] = n.id, n.span(day)
		}
	}
	return k
}

// hits lists the leaves that hold on the day, the best first.
func (m match) hits(day int32) []*leaf {
	var out []*leaf
	for _, n := range [...]*node{m.ip, m.asn, m.names[0], m.names[1]} {
		for ; n != nil; n = n.parent {
			for i := range n.leaves {
				if l := &n.leaves[i]; l.from <= day && day < l.until && !slices.Contains(out, l) {
					out = append(out, l)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b *leaf) int {
		if c := cmp.Compare(rank(a.rule, m.nameFirst), rank(b.rule, m.nameFirst)); c != 0 {
			return c
		}
		if c := cmp.Compare(b.specificity, a.specificity); c != 0 {
			return c
		}
		if a.holder != nil && b.holder != nil {
			if c := cmp.Compare(a.holder.ref, b.holder.ref); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.asset, b.asset)
	})
	return out
}

func rank(r Rule, nameFirst bool) int {
	if nameFirst && r == DomainSuffix {
		return 0
	}
	return int(r)
}

func (l *leaf) candidate() Candidate {
	c := Candidate{Asset: l.asset, Rule: l.rule, Matched: l.matched, Source: string(Automatic), AlsoNotify: l.alsoNotify}
	if l.manual {
		c.Source = string(Manual)
	}
	if l.holder != nil {
		c.Constituent, c.Ref, c.Name = l.holder.id, l.holder.ref, l.holder.name
	}
	return c
}

// judge applies the precedence. The country fallback is nobody in particular: it can win, but it does not lose.
func judge(m match, day int32) *Verdict {
	hits := m.hits(day)
	if len(hits) == 0 {
		return &Verdict{Winner: Candidate{Rule: NoRule}}
	}
	best := hits[0]
	v := &Verdict{Winner: best.candidate()}
	v.Owner = v.Winner.Constituent
	owners := []*holder{best.holder}
	var lost []*leaf
	for _, l := range hits[1:] {
		switch {
		case l.rule == CountryFallback:
		case l.rule == best.rule && l.specificity == best.specificity && !slices.Contains(owners, l.holder):
			owners = append(owners, l.holder)
			v.Ties = append(v.Ties, l.candidate())
		default:
			lost = append(lost, l)
			c := l.candidate()
			c.Why = reason(l, best, m.nameFirst)
			v.Lost = append(v.Lost, c)
		}
	}
	v.Copies = copies(owners, lost, m.nameFirst && best.rule == DomainSuffix, day)
	return v
}

func reason(l, best *leaf, nameFirst bool) string {
	switch {
	case l.rule == best.rule && l.specificity == best.specificity:
		return LostSameOwner
	case l.rule == best.rule:
		return LostLessSpecific
	case nameFirst && best.rule == DomainSuffix:
		return LostNameFirst
	case best.rule == ManualPrefix && l.rule == AutomaticPrefix, best.rule == ManualASN && l.rule == AutomaticASN:
		return LostAutomatic
	}
	return LostWeakerRule
}

// copies lists who else is told: the CERTs to which the owners' branches are delegated, losers that asked for it, and for
// a name whoever hosts it, by the first rule that knows an address's owner.
func copies(owners []*holder, lost []*leaf, nameWon bool, day int32) []int64 {
	var out []int64
	add := func(h *holder) {
		if h != nil && !slices.Contains(owners, h) && !slices.Contains(out, h.id) {
			out = append(out, h.id)
		}
	}
	for _, h := range owners {
		if h != nil && h.delegate != nil && h.delegate.valid(day) {
			add(h.delegate)
		}
	}
	var hoster *leaf
	for _, l := range lost {
		if l.alsoNotify {
			add(l.holder)
		}
		if !nameWon || l.rule == DomainSuffix {
			continue
		}
		if hoster == nil {
			hoster = l
		}
		if l.rule == hoster.rule && l.specificity == hoster.specificity {
			add(l.holder)
		}
	}
	slices.Sort(out)
	return out
}
