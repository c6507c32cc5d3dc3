package generate

import "slices"

// locate puts a finding somewhere: into the row its address, AS number and owner.
func (n *country) locate(r *row, f finding, v6 bool) {
	x := f.h >> 16 & 1023
	switch {
	case v6:
		n.locate6(r, f, x)
	case x < 77:
		r.ip4 = nobodyBegin + uint32(spread(f.key, r.plan.seed, nobodySize))
		r.owner, r.asn = n.nobody, asnNobody
	case x < 82:
		r.ip4 = abroadA + uint32(spread(f.key, r.plan.seed, 512))
		if r.ip4 >= abroadA+256 {
			r.ip4 += abroadB - abroadA - 256
		}
		r.owner, r.asn = n.abroad, asnAbroad
	case x < 82+502 && n.blocks[0] != nil || len(n.small) == 0:
		a := uint32(spread(f.key, r.plan.seed, ispBlocks<<16))
		r.ip4, r.owner = carrier+a, n.blocks[a>>16]
		if r.owner == nil { // nobody took these blocks
			r.owner = n.nobody
		}
		r.asn = r.owner.asn
	default:
		n.locateIn(r, n.small, f.key)
	}
}

// locateIn puts a finding into one of the networks, which have room in proportion to their size.
func (n *country) locateIn(r *row, list []network, key uint64) {
	k := spread(key, r.plan.seed, list[len(list)-1].end)
	i, _ := slices.BinarySearchFunc(list, k, func(s network, k uint64) int {
		if s.end <= k {
			return -1
		}
		return 1
	})
	s := &list[i]
	r.ip4 = s.base + uint32(k-(s.end-uint64(s.size)))
	r.owner, r.asn = s.owner, s.asn
}

func (n *country) locate6(r *row, f finding, x uint64) {
	r.owner = n.owners[spread(f.key, r.plan.seed, uint64(len(n.owners)))]
	hi := r.owner.network6
	switch {
	case x < 77:
		r.owner, hi = n.nobody, 0x2001_0db8_7fff_0000
	case x < 82:
		r.owner, hi = n.abroad, 0x2001_0db8_8000_0000
	}
	r.asn = r.owner.asn
	if r.asn == 0 {
		r.asn = asnAcademic
	}
	// Servers have low numbers, homes those of their network card; the key keeps them apart.
	r.hi = hi | f.key>>32&0xff<<8 | f.h>>32&0xff
	r.lo = f.key & 0xffff_ffff
	if f.h>>31&1 == 0 {
		r.lo |= (f.h &^ 0xffff_ffff) | 0x0200_00ff_0000_0000
	}
}
