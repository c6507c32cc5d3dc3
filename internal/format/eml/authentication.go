package eml

import (
	"strings"
)

// Authentication is what a mail server found of a message's sender (RFC 8601). It is worth no more than the server: whoever believes
// it knows the server's name and that it takes forged ones of its name out.
type Authentication struct {
	Server  string // authserv-id
	Results []Result
}

// Result is one finding.
type Result struct {
	Method string // dmarc, dkim, spf …
	Value  string // pass, fail, none …
	Domain string // dmarc: header.from, dkim: header.d, spf: smtp.mailfrom's; "" when it is not named
}

// Vouches says whether the domain of an address is vouched for: by DMARC, or by a DKIM signature of the domain or one above it.
func (a *Authentication) Vouches(address string) bool {
	domain := strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
	if a == nil || domain == "" || !strings.Contains(address, "@") {
		return false
	}
	for _, r := range a.Results {
		switch {
		case r.Value != "pass" || !strings.Contains(r.Domain, "."):
		case r.Method == "dmarc" && r.Domain == domain:
			return true
		case r.Method == "dkim" && (r.Domain == domain || strings.HasSuffix(domain, "."+r.Domain)):
			return true
		}
	}
	return false
}

const maxResults = 50

// authentication reads a field Authentication-Results; nil when it cannot be read.
func authentication(value string) *Authentication {
	value, ok := withoutComments(value)
	if !ok {
		return nil
	}
	parts := strings.Split(value, ";")
	server, _, _ := strings.Cut(strings.TrimSpace(parts[0]), " ") // a version may follow
	a := &Authentication{Server: strings.ToLower(strings.Trim(server, `"`))}
	for _, p := range parts[1:min(len(parts), maxResults)] {
		words := strings.Fields(p)
		if len(words) == 0 {
			continue
		}
		method, result, ok := strings.Cut(words[0], "=")
		if !ok {
			continue
		}
		method, _, _ = strings.Cut(method, "/")
		r := Result{Method: strings.ToLower(method), Value: strings.ToLower(result)}
		want := map[string]string{"dmarc": "header.from", "dkim": "header.d", "spf": "smtp.mailfrom"}[r.Method]
		for _, w := range words[1:] {
			name, v, _ := strings.Cut(w, "=")
			if want != "" && strings.EqualFold(name, want) {
				v = strings.Trim(v, `"`)
				r.Domain = strings.ToLower(line(v[strings.LastIndexByte(v, '@')+1:], 255))
			}
		}
		a.Results = append(a.Results, r)
	}
	if a.Server == "" {
		return nil
	}
	return a
}

// withoutComments takes out what stands in parentheses. A quoted text that holds a separator could be read two ways: such a field is
// not read at all.
func withoutComments(s string) (string, bool) {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && (quoted || depth > 0):
			i++
			if quoted {
				return "", false
			}
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
			if strings.IndexByte(";()= \t", c) >= 0 {
				return "", false
			}
			b.WriteByte(c)
		case c == '(':
			depth++
			b.WriteByte(' ')
		case c == ')':
			if depth--; depth < 0 {
				return "", false
			}
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String(), depth == 0 && !quoted
}
