// Package idf is the wire form of the IntelMQ Data Format: JSON objects, one a line, whose keys are dotted field names
// ("source.ip"), flat or nested. It knows JSON and names; what fields mean is event's business.
package idf

import (
	"strings"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// asIs are the bytes that stand for themselves in a JSON string whatever is around them.
var asIs = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends s as a JSON string. Invalid UTF-8 and NUL become U+FFFD, so that what is written can be kept
// anywhere.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, s)
	return append(dst, '"')
}

// AppendEscaped is AppendString without the quotes around it.
func AppendEscaped(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if asIs[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n != 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == 0 || c >= utf8.RuneSelf:
			dst = append(dst, "\uFFFD"...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// Clean is s with every byte of invalid UTF-8 and every NUL replaced by U+FFFD; a clean s comes back as it is.
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == 0 {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// Known reports whether name is a field of the format, extra.* left aside. The list is IntelMQ's harmonisation.
func Known(name string) bool {
	switch name {
	case "comment", "display_name", "event_hash", "output", "raw", "rtir_id", "screenshot_url", "status", "tlp", "severity":
		return true
	}
	part, rest, _ := strings.Cut(name, ".")
	switch part {
	case "classification":
		return rest == "identifier" || rest == "taxonomy" || rest == "type"
	case "event_description":
		return rest == "target" || rest == "text" || rest == "url"
	case "feed":
		return rest == "accuracy" || rest == "code" || rest == "documentation" || rest == "name" || rest == "provider" || rest == "url"
	case "malware":
		return rest == "name" || rest == "version" || rest == "hash" || rest == "hash.md5" || rest == "hash.sha1" || rest == "hash.sha256"
	case "misp":
		return rest == "attribute_uuid" || rest == "event_uuid"
	case "product":
		return rest == "full_name" || rest == "name" || rest == "vendor" || rest == "version" || rest == "vulnerabilities"
	case "protocol":
		return rest == "application" || rest == "transport"
	case "time":
		return rest == "observation" || rest == "source"
	case "source", "destination":
		return knownOfHost(rest)
	}
	return false
}

func knownOfHost(name string) bool {
	switch name {
	case "abuse_contact", "account", "allocated", "as_name", "asn", "domain_suffix", "fqdn", "ip", "local_hostname",
		"local_ip", "network", "port", "registry", "reverse_dns", "tor_node", "url", "urlpath":
		return true
	case "geolocation.cc", "geolocation.city", "geolocation.country", "geolocation.cymru_cc", "geolocation.geoip_cc",
		"geolocation.latitude", "geolocation.longitude", "geolocation.region", "geolocation.state":
		return true
	}
	return false
}
