package constituency

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// registry is what a resolver is built from.
type registry struct {
	version      int64
	constituents []Constituent
	assets       []Asset
	national     []netip.Prefix
}

type filed struct {
	leaf
	prefix netip.Prefix // for addresses and prefixes
	asn    uint32
	domain string
}

// build makes the resolver. Values that do not parse are skipped: the store refuses them when they are written.
func build(reg registry) *Resolver {
	r := &Resolver{version: reg.version, holders: make(map[int64]*holder, len(reg.constituents)),
		asns: map[uint32]*node{}, domains: map[string]*node{}}
	r.fileHolders(reg.constituents)
	var prefixes, asns, domains []filed
	for _, a := range reg.assets {
		f, ok := r.file(a)
		switch {
		case !ok:
		case f.prefix.IsValid():
			prefixes = append(prefixes, f)
		case f.asn != 0:
			asns = append(asns, f)
		default:
			domains = append(domains, f)
		}
	}
	for _, p := range reg.national {
		prefixes = append(prefixes, filed{prefix: p, leaf: leaf{matched: p.String(), rule: CountryFallback,
			specificity: int32(p.Bits()), until: open}})
	}
	var id uint32
	r.plantPrefixes(prefixes, &id)
	r.plantASNs(asns, &id)
	r.plantDomains(domains, &id)
	return r
}

// fileHolders resolves the delegation: the nearest one on the way up the tree, a constituent's own included.
func (r *Resolver) fileHolders(cs []Constituent) {
	byID := make(map[int64]*Constituent, len(cs))
	for i := range cs {
		c := &cs[i]
		byID[c.ID] = c
		r.holders[c.ID] = &holder{id: c.ID, ref: c.Ref, name: c.Name, from: int32(c.ValidFrom), until: int32(c.ValidUntil)}
	}
	for i := range cs {
		up := &cs[i]
		r.holders[up.ID].parent = r.holders[up.Parent]
		for depth := 0; up != nil && depth < maxDepth; depth++ {
			if up.Delegate != 0 {
				r.holders[cs[i].ID].delegate = r.holders[up.Delegate]
				break
			}
			up = byID[up.Parent]
		}
	}
}

func (r *Resolver) file(a Asset) (f filed, ok bool) {
	h := r.holders[a.Constituent]
	if h == nil {
		return f, false
	}
	f.leaf = leaf{asset: a.ID, holder: h, matched: a.Value, alsoNotify: a.AlsoNotify, manual: a.Source == Manual,
		from: max(int32(a.ValidFrom), h.from), until: min(int32(a.ValidUntil), h.until)}
	bonus := int32(0)
	if f.manual {
		bonus = 1
	}
	switch a.Kind {
	case AddressAsset:
		ip, err := netip.ParseAddr(a.Value)
		if err != nil {
			return f, false
		}
		f.prefix = netip.PrefixFrom(ip, ip.BitLen())
		f.rule, f.specificity = ExactAddress, bonus
	case PrefixAsset:
		p, err := netip.ParsePrefix(a.Value)
		if err != nil {
			return f, false
		}
		f.prefix, f.specificity, f.rule = p.Masked(), int32(p.Bits()), AutomaticPrefix
		if f.manual {
			f.rule = ManualPrefix
		}
	case ASNAsset:
		n, err := strconv.ParseUint(strings.TrimPrefix(a.Value, "AS"), 10, 32)
		if err != nil || n == 0 {
			return f, false
		}
		f.asn, f.rule = uint32(n), AutomaticASN
		if f.manual {
			f.rule = ManualASN
		}
	case DomainAsset:
		f.domain, f.rule = a.Value, DomainSuffix
		f.specificity = 2*int32(strings.Count(a.Value, ".")) + bonus
	default:
		return f, false
	}
	return f, true
}

// plant makes the node of files, which are all for the same thing.
func plant(files []filed, parent *node, id *uint32) *node {
	*id++
	n := &node{id: *id, parent: parent, leaves: make([]leaf, len(files))}
	var days []int32
	for i, f := range files {
		n.leaves[i] = f.leaf
		days = append(days, f.from, f.until)
		if f.holder != nil && f.holder.delegate != nil {
			days = append(days, f.holder.delegate.from, f.holder.delegate.until)
		}
	}
	days = slices.DeleteFunc(days, func(d int32) bool { return d <= 0 || d >= open })
	if parent != nil {
		if len(days) == 0 {
			n.spans = parent.spans
			return n
		}
		days = append(days, parent.spans...)
	}
	slices.Sort(days)
	n.spans = slices.Clip(slices.Compact(days))
	return n
}

func (r *Resolver) plantPrefixes(files []filed, id *uint32) {
	slices.SortStableFunc(files, func(a, b filed) int { // short ones first, so that a parent is there before its children
		if c := cmp.Compare(a.prefix.Bits(), b.prefix.Bits()); c != 0 {
			return c
		}
		return a.prefix.Addr().Compare(b.prefix.Addr())
	})
	for len(files) > 0 {
		p := files[0].prefix
		n := 1
		for n < len(files) && files[n].prefix == p {
			n++
		}
		parent, _ := r.prefixes.LookupPrefix(p)
		r.prefixes.Insert(p, plant(files[:n], parent, id))
		files = files[n:]
	}
}

func (r *Resolver) plantASNs(files []filed, id *uint32) {
	slices.SortStableFunc(files, func(a, b filed) int { return cmp.Compare(a.asn, b.asn) })
	for len(files) > 0 {
		n := 1
		for n < len(files) && files[n].asn == files[0].asn {
			n++
		}
		r.asns[files[0].asn] = plant(files[:n], nil, id)
		files = files[n:]
	}
}

func (r *Resolver) plantDomains(files []filed, id *uint32) {
	slices.SortStableFunc(files, func(a, b filed) int {
		if c := cmp.Compare(strings.Count(a.domain, "."), strings.Count(b.domain, ".")); c != 0 {
			return c
		}
		return cmp.Compare(a.domain, b.domain)
	})
	for len(files) > 0 {
		n := 1
		for n < len(files) && files[n].domain == files[0].domain {
			n++
		}
		parent := r.domain(files[0].domain)
		r.domains[files[0].domain] = plant(files[:n], parent, id)
		files = files[n:]
	}
	r.names = slices.Sorted(maps.Keys(r.domains))
}
