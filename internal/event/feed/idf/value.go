package idf

import (
	"net/netip"
	"strconv"
	"strings"

	"tocsin/internal/event"
)

// ParseTime reads a time as feeds write it: 2006-01-02 15:04:05, with T for the blank, a fraction and a zone (Z, UTC,
// ±hh:mm, ±hhmm, ±hh) if it likes, or a date alone. Without a zone it is UTC. The result is UTC microseconds.
func ParseTime(s string) (micros int64, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	if year < 1970 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	secs := daysSince1970(year, month, day) * 86_400
	if len(s) == 10 {
		return secs * 1_000_000, true
	}
	if len(s) < 19 || s[10] != ' ' && s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if uint(hour) > 23 || uint(minute) > 59 || uint(second) > 59 {
		return 0, false
	}
	micros = (secs + int64(hour*3600+minute*60+second)) * 1_000_000
	if len(s) == 19 {
		return micros, true
	}
	fraction, rest, ok := parseFraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseZone(rest)
	return micros + fraction - offset*1_000_000, ok
}

// parseFraction reads .digits; what is below a microsecond is cut off.
func parseFraction(s string) (micros int64, rest string, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, int64(100_000)
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		micros += int64(s[i]-'0') * unit
		unit /= 10
	}
	return micros, s[i:], i > 1
}

// parseZone reads what stands behind a time as seconds east of UTC.
func parseZone(s string) (seconds int64, ok bool) {
	switch s {
	case "", "Z", "z", " UTC", "UTC", " Z":
		return 0, true
	}
	if s[0] == ' ' {
		s = s[1:]
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, m := -1, 0
	switch {
	case len(s) == 3:
		h = digits(s[1:3])
	case len(s) == 5:
		h, m = digits(s[1:3]), digits(s[3:5])
	case len(s) == 6 && s[3] == ':':
		h, m = digits(s[1:3]), digits(s[4:6])
	}
	if h < 0 || h > 18 || m < 0 || m > 59 {
		return 0, false
	}
	seconds = int64(h*3600 + m*60)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// digits is a short decimal number, negative when s is none.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return -1
		}
		n = n*10 + int(c)
	}
	return n
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts in years that begin in March, so that the leap day is the last.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719_468)
}

// ParseAddr reads an address, unmapped. An unspecified address and one with a zone are none.
func ParseAddr(s string) (a netip.Addr, ok bool) {
	if a, ok = parseAddr4(s); ok {
		return a, !a.IsUnspecified()
	}
	if strings.IndexByte(s, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	if a = a.Unmap(); a.IsUnspecified() {
		return netip.Addr{}, false
	}
	return a, true
}

// parseAddr4 reads four decimal numbers without leading zeros (which others read as octal) and their dots.
func parseAddr4(s string) (netip.Addr, bool) {
	if len(s) < 7 || len(s) > 15 {
		return netip.Addr{}, false
	}
	var b [4]byte
	part, n, width := 0, uint(0), 0
	for i := range len(s) {
		c := s[i]
		if c == '.' {
			if width == 0 || part == 3 {
				return netip.Addr{}, false
			}
			b[part] = byte(n)
			part, n, width = part+1, 0, 0
			continue
		}
		c -= '0'
		if c > 9 || width > 0 && n == 0 {
			return netip.Addr{}, false
		}
		n = n*10 + uint(c)
		width++
		if n > 255 {
			return netip.Addr{}, false
		}
	}
	if part != 3 || width == 0 {
		return netip.Addr{}, false
	}
	b[3] = byte(n)
	return netip.AddrFrom4(b), true
}

// ParsePort reads a port; 0 is no port, -1.
func ParsePort(s string) (port int32, ok bool) {
	if len(s) > 5 || len(s) == 0 {
		return 0, false
	}
	n := digits(s)
	if n == 0 {
		return -1, true
	}
	return int32(n), n > 0 && n <= 65535
}

// ParseASN reads the number of an autonomous system, with or without AS before it.
func ParseASN(s string) (asn uint32, ok bool) {
	if len(s) > 2 && s[0]|0x20 == 'a' && s[1]|0x20 == 's' {
		s = s[2:]
	}
	if len(s) < 10 {
		n := digits(s)
		return uint32(n), n >= 0 && len(s) > 0
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// Host is the domain name in s: a name, with or without a port and a final dot. An address is none. It is lower case;
// s itself comes back where nothing is to be changed.
func Host(s string) (name string, ok bool) {
	s = strings.TrimSuffix(s, ".")
	if i := strings.LastIndexByte(s, ':'); i > 0 {
		if _, ok := ParsePort(s[i+1:]); ok {
			s = strings.TrimSuffix(s[:i], ".")
		}
	}
	if len(s) == 0 || len(s) > 253 {
		return "", false
	}
	label, dots, letters, upper := 0, 0, false, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = -1
			dots++
		case 'a' <= c && c <= 'z' || c >= 0x80 || c == '_':
			letters = true
		case 'A' <= c && c <= 'Z':
			letters, upper = true, true
		case c == '-' || '0' <= c && c <= '9':
		default:
			return "", false
		}
		if label++; label > 63 {
			return "", false
		}
	}
	if dots == 0 || !letters {
		return "", false
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, true
}

// HostOfURL is the domain name in a URL, "" for none.
func HostOfURL(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	name, _ := Host(rest)
	return name
}

// parseSeverity also reads the number of a severity.
func parseSeverity(s string) (event.Severity, bool) {
	if len(s) == 1 && s[0] >= '0' && s[0] <= '5' {
		return event.Severity(s[0] - '0'), true
	}
	return event.ParseSeverity(s)
}
