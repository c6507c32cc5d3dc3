package indicator

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

type scanner struct {
	found []Indicator
	seen  map[Indicator]bool // without places
	more  bool
}

func (s *scanner) add(w *word, t Type, value string, from, to int) {
	key := Indicator{Type: t, Value: value}
	if s.seen[key] || s.more {
		return
	}
	if len(s.found) == Max {
		s.more = true
		return
	}
	s.seen[key] = true
	s.found = append(s.found, Indicator{t, value, w.at[from], w.at[to]})
}

// word looks at each place of the word where something may begin. Each byte is passed once, and looked back or ahead at over a
// bounded distance only.
func (s *scanner) word(w *word) {
	for i := 0; i < len(w.b); {
		if n := s.url(w, i); n > 0 {
			i += n
			continue
		}
		if n := s.ipv6(w, i); n > 0 {
			i += n
			continue
		}
		if !atomic(w.b[i]) {
			i++
			continue
		}
		n := i
		for n < len(w.b) && atomic(w.b[n]) && (n == i || !scheme(w.b, n)) {
			n++
		}
		if n-i <= maxAtom {
			s.atom(w, i, n)
		}
		i = n
	}
}

// maxAtom is more than the longest name, mail address or hash.
const maxAtom = 400

// atomic is a byte of names, mail addresses, hashes and numbers.
func atomic(c byte) bool { return plain(c) || strings.IndexByte(".-_+%@", c) >= 0 }

// scheme tells whether a URL's scheme begins at i, a letter that no letter or digit stands before.
func scheme(b []byte, i int) bool { return schemeAt(b, i) != "" }

// schemeAt is the scheme at i as it is meant: http, https, ftp or ftps.
func schemeAt(b []byte, i int) string {
	if c := b[i] | 0x20; c != 'h' && c != 'f' || i > 0 && plain(b[i-1]) {
		return ""
	}
	n := bytes.Index(b[i:min(i+len("https://"), len(b))], []byte("://"))
	if n < 0 {
		return ""
	}
	switch strings.ToLower(string(b[i : i+n])) {
	case "http", "hxxp", "htxp", "hxtp", "h**p":
		return "http"
	case "https", "hxxps", "htxps", "hxtps", "h**ps":
		return "https"
	case "ftp", "fxp":
		return "ftp"
	case "ftps", "fxps":
		return "ftps"
	}
	return ""
}

// url reads a URL at i and returns how long it is, or 0.
func (s *scanner) url(w *word, i int) int {
	as := schemeAt(w.b, i)
	if as == "" {
		return 0
	}
	from := i + bytes.Index(w.b[i:], []byte("://")) + 3
	authority := from
	for authority < len(w.b) && strings.IndexByte("/?#\\'(){},;", w.b[authority]) < 0 {
		authority++
	}
	host, ok := hostOf(w, from, s.trimmed(w.b, from, authority))
	if !ok {
		return 0
	}
	to := authority
	for to < len(w.b) && strings.IndexByte("/?#", w.b[authority]) >= 0 && strings.IndexByte("\\{}", w.b[to]) < 0 &&
		(to < authority+1 || w.b[to-1] != ',' && w.b[to-1] != ';' || !scheme(w.b, to)) {
		to++
	}
	to = s.trimmed(w.b, from, to)
	authority = min(authority, to)
	s.add(w, URL, as+"://"+host+string(w.b[authority:to]), i, to)
	return to - i
}

// trimmed leaves out what ends the sentence and not the URL: punctuation, and closing brackets that the URL does not open.
func (s *scanner) trimmed(b []byte, from, to int) int {
	open := bytes.Count(b[from:to], []byte("(")) - bytes.Count(b[from:to], []byte(")"))
	square := bytes.Count(b[from:to], []byte("[")) - bytes.Count(b[from:to], []byte("]"))
	for to > from {
		switch c := b[to-1]; {
		case strings.IndexByte(".,;:!?'*_", c) >= 0:
		case c == ')' && open < 0:
			open++
		case c == ']' && square < 0:
			square++
		default:
			return to
		}
		to--
	}
	return to
}

// hostOf reads an authority (RFC 3986 section 3.2) and returns it in its normal form: user information is kept, the name or address
// is put in its own normal form.
func hostOf(w *word, from, to int) (string, bool) {
	if to-from > 1000 {
		return "", false
	}
	at := bytes.LastIndexByte(w.b[from:to], '@') + 1
	user, host := string(w.b[from:from+at]), string(w.b[from+at:to])
	port := ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if _, err := strconv.ParseUint(host[i+1:], 10, 16); err != nil {
			return "", false
		}
		host, port = host[:i], host[i:]
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		a, err := netip.ParseAddr(host[1 : len(host)-1])
		return user + "[" + a.String() + "]" + port, err == nil && a.Is6() && a.Zone() == ""
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return user + a.String() + port, true
	}
	name, ok := nameOf(host)
	if !ok || !topLevel(name[strings.LastIndexByte(name, '.')+1:], slices.Contains(w.defanged[from:to], true)) {
		return "", false
	}
	return user + name + port, true
}

// ipv6 reads an IPv6 address or network at i and returns how long it is, or 0.
func (s *scanner) ipv6(w *word, i int) int {
	part := func(c byte) bool { return hex(c) || c == ':' || c == '.' }
	if !part(w.b[i]) || w.b[i] == '.' || i > 0 && (atomic(w.b[i-1]) || w.b[i-1] == ':' && (i == 1 || part(w.b[i-2]))) {
		return 0
	}
	n := i
	for n < len(w.b) && n-i < 64 && part(w.b[n]) {
		n++
	}
	if n < len(w.b) && atomic(w.b[n]) && w.b[n] != '%' {
		return 0
	}
	for n > i && (w.b[n-1] == '.' || w.b[n-1] == ':' && (n < i+2 || w.b[n-2] != ':')) {
		n--
	}
	a, err := netip.ParseAddr(string(w.b[i:n]))
	if err != nil || !a.Is6() || pairs(w.b[i:n]) {
		return 0
	}
	if to, p, ok := network(w, a, n); ok {
		s.add(w, CIDR, p.String(), i, to)
		return to - i
	}
	digits, decimal := 0, false
	for _, c := range []byte(a.String()) {
		if hex(c) {
			digits, decimal = digits+1, decimal || digit(c)
		}
	}
	if digits >= 5 && decimal {
		s.add(w, IPv6, a.String(), i, n)
	}
	return n - i
}

// pairs tells whether it is written as eight pairs, like a hardware address of 64 bits.
func pairs(b []byte) bool {
	return len(b) == 23 && bytes.Count(b, []byte(":")) == 7 && !bytes.Contains(b, []byte("::")) &&
		!slices.ContainsFunc(bytes.Split(b, []byte(":")), func(g []byte) bool { return len(g) != 2 })
}

// network reads the length of a prefix behind an address that ends at n.
func network(w *word, a netip.Addr, n int) (to int, p netip.Prefix, ok bool) {
	if n >= len(w.b) || w.b[n] != '/' {
		return 0, p, false
	}
	to = n + 1
	for to < len(w.b) && to-n < 5 && digit(w.b[to]) {
		to++
	}
	bits, err := strconv.Atoi(string(w.b[n+1 : to]))
	if err != nil || to < len(w.b) && (plain(w.b[to]) || w.b[to] == '/') {
		return 0, p, false
	}
	p, err = a.Prefix(bits)
	return to, p, err == nil
}
