package indicator

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// atom looks at a run of letters, digits and the signs of names and mail addresses.
func (s *scanner) atom(w *word, from, to int) {
	const edge = ".-_+%@"
	whole := to
	for to > from && strings.IndexByte(edge, w.b[to-1]) >= 0 {
		to--
	}
	for from < to && strings.IndexByte(".-+%@", w.b[from]) >= 0 {
		from++
	}
	text := string(w.b[from:to])
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		s.mail(w, text, from, i)
		return
	}
	if s.ipv4(w, text, from, to) || to == whole && s.domain(w, text, from, to) || to != whole && s.sentence(w, text, from, to, whole) {
		return
	}
	s.pieces(w, text, from)
}

// sentence is a name at whose end a full stop or a dash stands.
func (s *scanner) sentence(w *word, text string, from, to, whole int) bool {
	return strings.Trim(string(w.b[to:whole]), ".-") == "" && s.domain(w, text, from, to)
}

// mail reads an address whose at sign is the i-th byte of the text (RFC 5321, without quoted local parts).
func (s *scanner) mail(w *word, text string, from, i int) {
	local := strings.TrimLeft(text[:i], "-")
	name, ok := nameOf(text[i+1:])
	if at := strings.LastIndexByte(local, '@'); at >= 0 {
		local = local[at+1:]
	}
	local = strings.Trim(local, ".")
	if local == "" || len(local) > 64 || !ok || strings.Contains(local, "..") ||
		!topLevel(name[strings.LastIndexByte(name, '.')+1:], slices.Contains(w.defanged[from:from+len(text)], true)) {
		return
	}
	start := from + strings.LastIndex(text[:i], local)
	s.add(w, Mail, local+"@"+name, start, from+len(text))
}

// ipv4 takes four numbers, and the length of a prefix behind them.
func (s *scanner) ipv4(w *word, text string, from, to int) bool {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return false
	}
	if end, p, ok := network(w, a, to); ok {
		s.add(w, CIDR, p.Masked().String(), from, end)
		return true
	}
	if !slices.Contains(w.defanged[from:to], true) && (version(w, from) || strings.HasSuffix(text, ".0.0.0")) {
		return true
	}
	s.add(w, IPv4, a.String(), from, to)
	return true
}

var versionWords = []string{"version", "versions", "ver", "v", "build", "release", "revision", "rev", "firmware", "update", "patch",
	"section", "chapter", "clause", "верзија", "verzija", "版本"}

// version tells whether a word before the number says that it is one of a version.
func version(w *word, from int) bool {
	i := from
	for i > 0 && from-i < 3 && strings.IndexByte(":=-_/(\"'", w.b[i-1]) >= 0 {
		i--
	}
	before := w.before
	if i > 0 {
		before = tail(w.b[:i])
	}
	return slices.Contains(versionWords, before)
}

// pieces looks for hashes, vulnerabilities, AS numbers and addresses between the signs of an atom.
func (s *scanner) pieces(w *word, text string, from int) {
	for i := 0; i < len(text); {
		if n := s.cve(w, text, from, i); n > 0 {
			i += n
			continue
		}
		n := i
		for n < len(text) && plain(text[n]) {
			n++
		}
		if n == i {
			i++
			continue
		}
		piece := text[i:n]
		if t := hashOf(piece); t != "" {
			s.add(w, t, strings.ToLower(piece), from+i, from+n)
		} else if as, ok := asNumber(piece); ok {
			s.add(w, ASN, as, from+i, from+n)
		} else if digit(piece[0]) {
			end := n
			for end < len(text) && (digit(text[end]) || text[end] == '.' && end+1 < len(text) && digit(text[end+1])) {
				end++
			}
			if (i == 0 || text[i-1] != '.') && (end == len(text) || !plain(text[end]) && text[end] != '.') && s.ipv4(w, text[i:end], from+i, from+end) {
				n = end
			}
		}
		i = n
	}
}

// cve reads "CVE-2024-12345" at i of the text, and returns how long it is, or 0.
func (s *scanner) cve(w *word, text string, from, i int) int {
	const head = len("CVE-2024-")
	if len(text)-i < head+4 || !strings.EqualFold(text[i:i+4], "CVE-") || text[i+8] != '-' || i > 0 && plain(text[i-1]) {
		return 0
	}
	year, err := strconv.Atoi(text[i+4 : i+8])
	if err != nil || year < 1999 || year > 2099 {
		return 0
	}
	n := i + head
	for n < len(text) && digit(text[n]) {
		n++
	}
	if d := n - i - head; d < 4 || d > 19 || n < len(text) && plain(text[n]) {
		return 0
	}
	s.add(w, CVE, strings.ToUpper(text[i:n]), from+i, from+n)
	return n - i
}

// hashOf is the type of a hash by its length, "" for what is none.
func hashOf(text string) Type {
	t := map[int]Type{32: MD5, 40: SHA1, 64: SHA256, 128: SHA512}[len(text)]
	letters := false
	for i := 0; t != "" && i < len(text); i++ {
		if !hex(text[i]) {
			return ""
		}
		letters = letters || letter(text[i])
	}
	if !letters {
		return ""
	}
	return t
}

// asNumber reads "AS64500" and "ASN64500".
func asNumber(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, "ASN")
	if !ok {
		rest, ok = strings.CutPrefix(text, "AS")
	}
	if !ok || len(rest) == 0 || !digit(rest[0]) {
		return "", false
	}
	n, err := strconv.ParseUint(rest, 10, 32)
	return "AS" + strconv.FormatUint(n, 10), err == nil && n > 0 && rest[0] != '0'
}
