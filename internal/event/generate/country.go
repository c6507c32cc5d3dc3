package generate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// The address plan. Providers have the first 60 of the 64 /16 networks of 100.64.0.0/10; the last four belong to a
// provider that never registered. Constituents' own prefixes are nested in the providers' /16, or independent ones in
// 198.18.0.0/15 and 203.0.113.0/24. In IPv6 everybody has a /48 of 2001:db8::/33; its other half is abroad, and so are
// 192.0.2.0/24 and 198.51.100.0/24.
const (
	ispBlocks      = 60
	carrier        = 100<<24 | 64<<16          // 100.64.0.0
	nobodyBegin    = carrier + ispBlocks<<16   // 100.124.0.0
	nobodySize     = 4 << 16                   // to 100.127.255.255
	benchmark      = 198<<24 | 18<<16          // 198.18.0.0
	benchmarkSlots = 512                       // its /24
	documentation  = 203<<24 | 0<<16 | 113<<8  // 203.0.113.0
	abroadA        = 192<<24 | 0<<16 | 2<<8    // 192.0.2.0
	abroadB        = 198<<24 | 51<<16 | 100<<8 // 198.51.100.0
)

// countryCode is Ruritania's, from the codes that ISO 3166 leaves to users; abroadCode is Graustark's.
const (
	countryCode = "XR"
	abroadCode  = "XG"
)

// The AS numbers: RFC 5398. The unregistered provider and the world abroad have their own.
const (
	asnNobody   = 65549
	asnAbroad   = 65551
	asnAcademic = 65545 // announces the independent prefixes
)

// owner is a constituent as the rows see it.
type owner struct {
	org      *organisation
	ref      string
	name     string
	isp      bool
	asn      uint32 // 0: its provider's
	network6 uint64 // upper half of its IPv6 addresses, a /48
	place    int
	mends    int // first day of cleaning up, -1 never
	contact  int // 0 none, 1 abuse, 2 abuse and security
	prefixes []netip.Prefix
	addrs    []netip.Addr // single addresses that are its own
}

// network is a range of IPv4 addresses whose rows are about one constituent.
type network struct {
	base  uint32
	size  uint32
	end   uint64 // sum of the sizes up to here
	owner *owner
	asn   uint32
}

// country is the constituency and its address plan.
type country struct {
	seed   uint64
	owners []*owner
	blocks [ispBlocks]*owner // of the /16 networks
	small  []network         // prefixes of constituents
	sick   []network         // those of them in the sectors of the outbreak
	nobody *owner            // what rows of unregistered space look like
	abroad *owner
}

// outbreakSectors are where the new malware breaks out.
var outbreakSectors = []string{"energy", "health"}

func newCountry(spec Spec) *country {
	n := &country{seed: mix(spec.Seed, 1),
		nobody: &owner{org: &organisation{sector: "digital"}, ref: "lonelynet", isp: true, asn: asnNobody, mends: -1},
		abroad: &owner{org: &organisation{sector: "digital"}, ref: "graustark", isp: true, asn: asnAbroad, mends: -1}}
	isps := n.addOwners(spec.Constituents)
	n.shareBlocks(isps)
	n.addPrefixes(spec.Prefixes - ispBlocks - len(n.owners))
	n.addAddresses()
	return n
}

// addOwners makes the constituents and returns the providers among them.
func (n *country) addOwners(count int) (isps []*owner) {
	for i := range count {
		org := &organisations[i%len(organisations)]
		h := mix(n.seed, uint64(i))
		o := &owner{org: org, ref: org.ref, name: org.name, mends: -1, place: int(h>>8) % len(places),
			network6: 0x2001_0db8_0000_0000 | uint64(i+1)<<16}
		if round := i / len(organisations); round > 0 {
			o.ref, o.name = fmt.Sprintf("%s%d", org.ref, round+1), fmt.Sprintf("%s %d", org.name, round+1)
		}
		// The 60 blocks go round among at most 20 providers; further ones have only nested prefixes, as resellers do.
		o.isp = org.kind == "isp" && len(isps) < ispBlocks/3
		switch {
		case o.isp:
			o.asn = asn(len(isps))
			isps = append(isps, o)
		case o.ref == "academicnet":
			o.asn = asnAcademic
		case i%7 == 4:
			o.mends = 8 + int(h>>16)%8
		}
		o.contact = 1 + int(h>>24)%2
		if i%8 == 6 {
			o.contact = 0
		}
		n.owners = append(n.owners, o)
	}
	return isps
}

// asn is the i-th AS number of RFC 5398's two ranges; the last three are not given out.
func asn(i int) uint32 {
	if i < 16 {
		return 64496 + uint32(i)
	}
	return 65536 + uint32(i-16)
}

// shareBlocks gives the providers their /16 networks, the first ones more.
func (n *country) shareBlocks(isps []*owner) {
	var weights []float64
	sum := 0.0
	for i := range isps {
		weights = append(weights, 1/float64(i+1))
		sum += weights[i]
	}
	block := 0
	for i, isp := range isps {
		share := max(1, int(weights[i]/sum*ispBlocks))
		if i == len(isps)-1 {
			share = ispBlocks
		}
		// Everybody after this one needs a block too.
		for ; share > 0 && block < ispBlocks-(len(isps)-1-i); share-- {
			n.blocks[block] = isp
			base := uint32(carrier + block<<16)
			isp.prefixes = append(isp.prefixes, netip.PrefixFrom(addr4(base), 16))
			block++
		}
	}
}

// sizes are the lengths of small prefixes, as often as they stand here.
var sizes = [...]int{24, 24, 24, 24, 25, 25, 25, 25, 26, 26, 26, 26, 26, 27, 27, 27, 27, 28, 28, 28}

// addPrefixes gives out the small prefixes: first one to everybody, then by size of the organisation.
func (n *country) addPrefixes(count int) {
	r := random(mix(n.seed, 2))
	nested := carver{slots: ispBlocks * 256, at: func(i int) uint32 {
		return carrier + uint32(spread(uint64(i), n.seed, ispBlocks*256))<<8
	}}
	own := carver{slots: benchmarkSlots + 1, at: func(i int) uint32 {
		if i == 0 {
			return documentation
		}
		return benchmark + uint32(spread(uint64(i-1), n.seed, benchmarkSlots))<<8
	}}
	cumulative := n.weights()
	for i := range count {
		o := n.owners[i%len(n.owners)]
		if i >= len(n.owners) {
			x := uint64(r.below(int(cumulative[len(cumulative)-1])))
			at, _ := slices.BinarySearch(cumulative, x+1)
			o = n.owners[at]
		}
		length := sizes[r.below(len(sizes))]
		independent := o.org.sector == "education" || o.org.sector == "government" || i%len(n.owners) == 4
		var base uint32
		ok := false
		if independent {
			base, ok = own.take(length)
		}
		if !ok {
			if base, ok = nested.take(length); !ok {
				return
			}
		}
		o.prefixes = append(o.prefixes, netip.PrefixFrom(addr4(base), length))
		n.small = append(n.small, network{base: base, size: 1 << (32 - length), owner: o})
	}
	n.finish()
}

// weights are cumulative: how many small prefixes the constituents tend to have.
func (n *country) weights() []uint64 {
	var sum uint64
	list := make([]uint64, len(n.owners))
	for i, o := range n.owners {
		w := 200 / uint64(3+i%len(organisations)/3)
		if o.org.designation == "special-importance" {
			w *= 2
		}
		if o.isp {
			w /= 2
		}
		sum += max(w, 1)
		list[i] = sum
	}
	return list
}

// finish sums up the sizes, finds the AS numbers and the networks of the outbreak.
func (n *country) finish() {
	for i := range n.small {
		s := &n.small[i]
		s.asn = cmp.Or(n.asnOf(s.base), asnAcademic)
	}
	sum(n.small)
	for _, s := range n.small {
		if slices.Contains(outbreakSectors, s.owner.org.sector) {
			n.sick = append(n.sick, s)
		}
	}
	sum(n.sick)
}

func sum(list []network) {
	var end uint64
	for i := range list {
		end += uint64(list[i].size)
		list[i].end = end
	}
}

// asnOf is the AS number of the provider in whose block an address lies, 0 for none.
func (n *country) asnOf(a uint32) uint32 {
	if i := int(a-carrier) >> 16; a >= carrier && i < ispBlocks && n.blocks[i] != nil {
		return n.blocks[i].asn
	}
	return 0
}

// addAddresses gives some operators a single address out of a provider's block.
func (n *country) addAddresses() {
	for i, o := range n.owners {
		if o.org.designation == "special-importance" && !o.isp {
			a := carrier + uint32(mix(n.seed, uint64(1000+i))%(ispBlocks<<16))
			o.addrs = append(o.addrs, addr4(a))
		}
	}
}

// carver cuts prefixes out of /24 networks, one network after the other.
type carver struct {
	slots int
	at    func(i int) uint32
	next  int    // slot
	used  uint32 // addresses of the slot before it
	base  uint32
}

// take cuts a prefix; ok is false when there is no room left.
func (c *carver) take(length int) (base uint32, ok bool) {
	size := uint32(1) << (32 - length)
	start := (c.used + size - 1) &^ (size - 1)
	if c.next == 0 || start+size > 256 {
		if c.next == c.slots {
			return 0, false
		}
		c.base, start = c.at(c.next), 0
		c.next++
	}
	c.used = start + size
	return c.base + start, true
}

func addr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

func addr6(hi, lo uint64) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	return netip.AddrFrom16(b)
}
