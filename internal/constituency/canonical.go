package constituency

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Canonical is the one spelling under which an asset is kept: addresses and prefixes unmapped and masked, AS numbers as
// "AS64500", domains in lower case and punycode. The error says what to write instead.
func Canonical(kind AssetKind, value string) (string, error) {
	value = line(value)
	switch kind {
	case AddressAsset:
		return canonicalAddress(value)
	case PrefixAsset:
		p, err := CanonicalPrefix(value)
		if err != nil {
			return "", err
		}
		return p.String(), nil
	case ASNAsset:
		digits := value
		if len(value) > 2 && strings.EqualFold(value[:2], "AS") {
			digits = value[2:]
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n == 0 || n == 1<<32-1 {
			return "", fmt.Errorf("%q is no AS number like AS64500", value)
		}
		return "AS" + strconv.FormatUint(n, 10), nil
	case DomainAsset:
		return canonicalDomain(value)
	case ProductAsset:
		if value == "" || utf8.RuneCountInString(value) > maxLine {
			return "", fmt.Errorf("a product needs a name or a CPE of at most %d characters", maxLine)
		}
		return value, nil
	}
	return "", fmt.Errorf("%q is no kind of asset; write one of %s", kind, list(AssetKinds()))
}

func canonicalAddress(value string) (string, error) {
	ip, err := netip.ParseAddr(value)
	if err != nil || ip.Zone() != "" {
		return "", fmt.Errorf("%q is no IP address", value)
	}
	if ip = ip.Unmap(); ip.IsUnspecified() {
		return "", fmt.Errorf("%s is nobody's address", ip)
	}
	return ip.String(), nil
}

// CanonicalPrefix reads a prefix, masks it and turns an IPv4 one that is written as IPv6 into what it is.
func CanonicalPrefix(value string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(value)
	if err != nil {
		if ip, aerr := netip.ParseAddr(value); aerr == nil && ip.Zone() == "" {
			return netip.Prefix{}, fmt.Errorf("%q has no length; write %s/%d, or make it an address", value, ip, ip.BitLen())
		}
		return netip.Prefix{}, fmt.Errorf("%q is no prefix like 203.0.113.0/24 or 2001:db8::/32", value)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p = p.Masked(); p.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%s is the whole Internet", p)
	}
	return p, nil
}

// canonicalDomain refuses public suffixes: who registers "co.uk" or "example" does not own all below it.
func canonicalDomain(value string) (string, error) {
	d := strings.TrimSuffix(strings.TrimPrefix(value, "*."), ".")
	a, err := idna.Lookup.ToASCII(d)
	if err != nil || a == "" || len(a) > 253 || strings.ContainsAny(a, "/:@ ") {
		return "", fmt.Errorf("%q is no domain like hospital.example", value)
	}
	if _, err := netip.ParseAddr(a); err == nil {
		return "", fmt.Errorf("%q is an address; make its kind address", value)
	}
	for label := range strings.SplitSeq(a, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%q is no domain: a part is empty or longer than 63 characters", value)
		}
	}
	if suffix, _ := publicsuffix.PublicSuffix(a); suffix == a {
		return "", fmt.Errorf("%q is a public suffix, under which others register; name the domain below it", value)
	}
	return a, nil
}

// maxLine bounds every text of one line, maxNote the note.
const (
	maxLine = 300
	maxNote = 10000
)

// line cleans a text of one line: valid UTF-8, no control characters, no space around it.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}

// text cleans a text of many lines, whose ends become \n.
func text(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"), "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func list[T ~string](values []T) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}
