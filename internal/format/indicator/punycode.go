package indicator

import (
	"strings"
	"unicode/utf8"
)

// aLabel is a label as the domain name system has it: one with letters beyond ASCII in Punycode (RFC 3492), without the mapping
// of RFC 5895 but small letters. The label is at most 63 bytes long, so that the loops are short.
func aLabel(label string) (string, bool) {
	basic := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return -1
		}
		return r
	}, label)
	if len(basic) == len(label) {
		return label, true
	}
	const base, tmin, tmax, skew, damp = 36, 1, 26, 38, 700
	out := []byte("xn--" + basic)
	if basic != "" {
		out = append(out, '-')
	}
	n, delta, bias := rune(128), 0, 72
	total := utf8.RuneCountInString(label)
	for h := len(basic); h < total; {
		m := rune(utf8.MaxRune)
		for _, r := range label {
			if r >= n {
				m = min(m, r)
			}
		}
		delta += int(m-n) * (h + 1)
		n = m
		for _, r := range label {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := base; ; k += base {
				t := min(max(k-bias, tmin), tmax)
				if q < t {
					break
				}
				out = append(out, "abcdefghijklmnopqrstuvwxyz0123456789"[t+(q-t)%(base-t)])
				q = (q - t) / (base - t)
			}
			out = append(out, "abcdefghijklmnopqrstuvwxyz0123456789"[q])
			d := delta / 2
			if h == len(basic) {
				d = delta / damp
			}
			d += d / (h + 1)
			k := 0
			for ; d > (base-tmin)*tmax/2; k += base {
				d /= base - tmin
			}
			bias = k + (base-tmin+1)*d/(d+skew)
			delta = 0
			h++
		}
		delta++
		n++
	}
	return string(out), len(out) <= 63
}
