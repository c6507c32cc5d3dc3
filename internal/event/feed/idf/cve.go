package idf

import (
	"slices"
	"strings"
)

// CVEs are the numbers of vulnerabilities among the tags in v, upper case, sorted, each once, separated by commas.
func (b *Builder) CVEs(v string) string {
	if !mayNameCVE(v) {
		return ""
	}
	if list, ok := b.lists[v]; ok {
		return list
	}
	list := cves(v)
	if len(v) <= 4*longestKept && len(b.lists) < mostLists {
		if b.lists == nil {
			b.lists = make(map[string]string)
		}
		b.lists[strings.Clone(v)] = list
	}
	return list
}

func mayNameCVE(v string) bool {
	for i := 0; i+4 <= len(v); i++ {
		if v[i]|0x20 == 'c' && v[i+1]|0x20 == 'v' && v[i+2]|0x20 == 'e' && v[i+3] == '-' {
			return true
		}
	}
	return false
}

func cves(v string) string {
	var found []string
	for i := 0; i+4 <= len(v); i++ {
		if !mayNameCVE(v[i : i+4]) {
			continue
		}
		j := i + 4
		year := span(v[j:])
		if year != 4 || j+5 > len(v) || v[j+4] != '-' {
			continue
		}
		j += 5
		n := span(v[j:])
		if n < 4 || n > 12 {
			continue
		}
		found = append(found, "CVE-"+v[i+4:j+n])
		i = j + n - 1
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ",")
}

// span counts the digits that s begins with.
func span(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
