// Package indicator finds the indicators of compromise in text that people wrote: addresses, networks, names, web and mail
// addresses, file hashes, vulnerabilities and AS numbers, whether written plainly or defanged ("hxxp://evil[.]example"). It
// proposes; a person confirms. So it would rather miss a doubtful one than name a file, a version or a date: see Extract.
package indicator

import (
	"net/netip"
	"net/url"
	"strings"
)

// Type is what an indicator is.
type Type string

// The types.
const (
	IPv4   Type = "ipv4"
	IPv6   Type = "ipv6"
	CIDR   Type = "cidr" // a network of either family
	Domain Type = "domain"
	URL    Type = "url"
	Mail   Type = "mail"
	MD5    Type = "md5"
	SHA1   Type = "sha1"
	SHA256 Type = "sha256"
	SHA512 Type = "sha512"
	CVE    Type = "cve"
	ASN    Type = "asn"
)

// Types lists the types in the order in which people read them.
func Types() []Type {
	return []Type{IPv4, IPv6, CIDR, Domain, URL, Mail, MD5, SHA1, SHA256, SHA512, CVE, ASN}
}

// Indicator is one that was found. Value is in its normal form: names in lower case with A-labels (RFC 5890), addresses as RFC 5952
// writes them, networks without host bits, hashes in lower case, "CVE-2024-1234", "AS64500".
type Indicator struct {
	Type  Type
	Value string
	// Start and End are the bytes of the text where it stands for the first time.
	Start, End int
}

// Max is how many different indicators Extract returns of one text.
const Max = 10_000

// Extract returns the indicators of a text, each once, by where they stand first, and whether there are more than Max. It takes
// time and memory in proportion to the text, whatever stands in it.
//
// What is defanged is believed: whoever writes "main[.]py" says that it is a name. Else these rules hold:
//   - A name ends in a country code, in a generic top-level domain that is in use or in one reserved for documentation. Of two
//     labels it is taken for a file when the second one is a usual ending of files ("report.zip", "run.sh", "main.rs"), and for the
//     seam of two sentences when it begins with a capital letter ("end.It"). It is code when a parenthesis follows or it begins
//     with "this." and the like.
//   - What stands right behind a slash or backslash is part of a path.
//   - Four numbers are a version after a word that says so ("version", "v", "build"), and with zeros behind the first one; five
//     are none, nor is one with leading zeros.
//   - An IPv6 address has at least five hexadecimal digits, one of them decimal; eight pairs are a hardware address.
//   - A hash has at least one letter.
//
// Where a letter of a script that is written without spaces stands beside one of ASCII, a word ends: a label that mixes the two is cut.
//
// Words longer than 8 kB are looked at in pieces of that size.
func Extract(text string) (found []Indicator, more bool) {
	s := scanner{seen: map[Indicator]bool{}}
	s.text(text)
	return s.found, s.more
}

// Host is the name or address that a URL or mail address is at, the value itself for names and addresses, "" for others.
func (i Indicator) Host() string {
	switch i.Type {
	case IPv4, IPv6, Domain:
		return i.Value
	case Mail:
		return i.Value[strings.LastIndexByte(i.Value, '@')+1:]
	case URL:
		if u, err := url.Parse(i.Value); err == nil {
			return u.Hostname()
		}
	}
	return ""
}

// Defang writes an indicator's value so that no program makes a link of it: hxxp, [.], [:] and [@]. Extract reads it back.
func Defang(value string) string {
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		n := strings.IndexAny(rest, "/?#")
		if n < 0 {
			n = len(rest)
		}
		scheme = strings.Replace(strings.Replace(scheme, "http", "hxxp", 1), "ftp", "fxp", 1)
		return scheme + "://" + strings.ReplaceAll(rest[:n], ".", "[.]") + rest[n:]
	}
	addr, bits, network := strings.Cut(value, "/")
	if a, err := netip.ParseAddr(addr); err == nil && a.Is6() {
		addr = strings.ReplaceAll(addr, ":", "[:]")
		if network {
			return addr + "/" + bits
		}
		return addr
	}
	return strings.ReplaceAll(strings.ReplaceAll(value, ".", "[.]"), "@", "[@]")
}
