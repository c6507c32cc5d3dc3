package constituency

import (
	"context"
	"slices"
)

// ConflictKind tells how two entries stand against each other.
type ConflictKind string

// The kinds of conflict.
const (
	TieConflict     ConflictKind = "tie"     // the same thing is said to be two constituents'
	OverlapConflict ConflictKind = "overlap" // a person's entry lies within one of another branch: the more exact one wins
)

// Conflict is two entries of different constituents that hold at the same time and disagree.
type Conflict struct {
	Kind   ConflictKind `json:"kind"`
	First  Candidate    `json:"first"` // of a tie: who is the owner, for its ref comes first; of an overlap: the inner one
	Second Candidate    `json:"second"`
	From   Day          `json:"-"` // when both hold
	Until  Day          `json:"-"`
	Copied bool         `json:"copied"` // of an overlap: the outer one asked for copies, so nobody is left out
}

// Conflicts lists what of the registry disagrees with itself, ties first, then overlaps nobody foresaw, then
// those whose outer owner asked for copies; at most limit.
func (s *Store) Conflicts(ctx context.Context, limit int) ([]Conflict, error) {
	r, err := s.Resolver(ctx)
	if err != nil {
		return nil, err
	}
	return r.Conflicts(limit), nil
}

// maxConflicts bounds what is looked for: a registry with more is mended from the top.
const maxConflicts = 1001

// Conflicts is Store.Conflicts of this version of the registry, at most 1,001. What has ended before today is not told
// apart: look at the days. They are looked for once.
func (r *Resolver) Conflicts(limit int) []Conflict {
	r.seek.Do(func() { r.found = r.findConflicts(maxConflicts) })
	return r.found[:min(max(limit, 0), len(r.found))]
}

func (r *Resolver) findConflicts(limit int) []Conflict {
	var nodes []*node
	for _, n := range r.prefixes.AllSorted() {
		nodes = append(nodes, n)
	}
	for _, d := range r.names {
		nodes = append(nodes, r.domains[d])
	}
	asns := make([]uint32, 0, len(r.asns))
	for a := range r.asns {
		asns = append(asns, a)
	}
	slices.Sort(asns)
	for _, a := range asns {
		nodes = append(nodes, r.asns[a])
	}
	var out, copied []Conflict
	for _, n := range nodes {
		out = n.ties(out, limit)
	}
	for _, n := range nodes {
		out, copied = n.overlaps(out, copied, limit)
	}
	return append(out, copied[:min(len(copied), limit-len(out))]...)
}

func (n *node) ties(out []Conflict, limit int) []Conflict {
	for i := range n.leaves {
		for k := range n.leaves[:i] {
			a, b := &n.leaves[k], &n.leaves[i]
			if len(out) >= limit {
				return out
			}
			if a.rule == b.rule && a.specificity == b.specificity && a.holder != b.holder && a.meets(b) {
				if b.holder.ref < a.holder.ref {
					a, b = b, a
				}
				out = append(out, a.against(b, TieConflict))
			}
		}
	}
	return out
}

// overlaps compares a person's entries with the nearest ones around them. Those whose outer one asked for copies are meant
// so and stand apart.
func (n *node) overlaps(out, copied []Conflict, limit int) (_, _ []Conflict) {
	for i := range n.leaves {
		inner := &n.leaves[i]
		if !inner.manual {
			continue
		}
		done := false
		for up := n.parent; up != nil && !done; up = up.parent {
			for k := range up.leaves {
				outer := &up.leaves[k]
				if !outer.manual || !inner.meets(outer) {
					continue
				}
				done = true
				switch {
				case inner.holder.sameBranch(outer.holder):
				case outer.alsoNotify && len(copied) < limit:
					copied = append(copied, inner.against(outer, OverlapConflict))
				case !outer.alsoNotify && len(out) < limit:
					out = append(out, inner.against(outer, OverlapConflict))
				}
			}
		}
	}
	return out, copied
}

func (l *leaf) meets(o *leaf) bool { return l.from < o.until && o.from < l.until }

func (l *leaf) against(o *leaf, k ConflictKind) Conflict {
	return Conflict{Kind: k, First: l.candidate(), Second: o.candidate(), From: Day(max(l.from, o.from)),
		Until: Day(min(l.until, o.until)), Copied: o.alsoNotify}
}

// sameBranch tells whether one of the two stands above the other, or both are one.
func (h *holder) sameBranch(o *holder) bool {
	return h.below(o) || o.below(h)
}

func (h *holder) below(top *holder) bool {
	for depth := 0; h != nil && depth < maxDepth; depth++ {
		if h == top {
			return true
		}
		h = h.parent
	}
	return false
}
