package rpsl

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// Prefixes reads the key of an inetnum or inet6num: a range "192.0.2.0 - 192.0.2.255", which becomes the fewest prefixes
// that make it up, or a prefix.
func Prefixes(key string) ([]netip.Prefix, error) {
	first, last, ranged := strings.Cut(key, "-")
	if !ranged {
		p, err := netip.ParsePrefix(strings.TrimSpace(key))
		if err != nil {
			return nil, fmt.Errorf("%q is no range of addresses and no prefix", key)
		}
		return []netip.Prefix{p.Masked()}, nil
	}
	a, err := netip.ParseAddr(strings.TrimSpace(first))
	b, err2 := netip.ParseAddr(strings.TrimSpace(last))
	if err != nil || err2 != nil || a.Is4() != b.Is4() || b.Less(a) || a.Zone() != "" || b.Zone() != "" {
		return nil, fmt.Errorf("%q is no range of addresses", key)
	}
	if a.Is4() {
		return range4(a, b), nil
	}
	return range6(a, b), nil
}

func range4(a, b netip.Addr) []netip.Prefix {
	x, y := a.As4(), b.As4()
	from, to := uint64(binary.BigEndian.Uint32(x[:])), uint64(binary.BigEndian.Uint32(y[:]))
	var out []netip.Prefix
	for from <= to {
		size := min(bits.TrailingZeros64(from|1<<32), bits.Len64(to-from+1)-1) // aligned, and not past the end
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], uint32(from))
		out = append(out, netip.PrefixFrom(netip.AddrFrom4(four), 32-size))
		from += 1 << size
	}
	return out
}

// range6 grows a prefix at the start as long as it is aligned and stays within; registries hardly use such ranges.
func range6(a, b netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for {
		p := netip.PrefixFrom(a, 128)
		for n := 127; n >= 0; n-- {
			wider := netip.PrefixFrom(a, n)
			if wider.Masked().Addr() != a || b.Less(lastOf(wider)) {
				break
			}
			p = wider
		}
		out = append(out, p)
		end := lastOf(p)
		if !end.Less(b) {
			return out
		}
		a = end.Next()
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	x := p.Masked().Addr().As16()
	for i := p.Bits(); i < 128; i++ {
		x[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom16(x)
}

// ASN reads the key of an aut-num: "AS64500".
func ASN(key string) (uint32, error) {
	if len(key) > 2 && strings.EqualFold(key[:2], "AS") {
		if n, err := strconv.ParseUint(key[2:], 10, 32); err == nil && n > 0 {
			return uint32(n), nil
		}
	}
	return 0, fmt.Errorf("%q is no AS number", key)
}
