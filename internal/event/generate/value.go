package generate

import (
	"encoding/base64"
	"strconv"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
)

// words is the vocabulary, read.
type words struct {
	values   map[string]string
	tags     map[string]string
	services map[string]service
	families []string
	// webFamilies are those of sites and URLs.
	webFamilies []string
	devices     [][]string
}

type service struct {
	transport string
	ports     []string
}

func newWords() words {
	w := words{values: map[string]string{}, tags: map[string]string{}, services: map[string]service{},
		families: strings.Split(families, "|"), webFamilies: strings.Split(webFamilies, "|")}
	for line := range strings.SplitSeq(values, "\n") {
		name, how, _ := strings.Cut(strings.TrimSpace(line), " ")
		w.values[name] = how
	}
	for line := range strings.SplitSeq(tags, "\n") {
		name, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		w.tags[name] = list
	}
	for line := range strings.SplitSeq(protocols, "\n") {
		if f := strings.Fields(line); len(f) > 2 {
			w.services[f[0]] = service{transport: f[1], ports: f[2:]}
		}
	}
	for d := range strings.SplitSeq(devices, "|") {
		w.devices = append(w.devices, strings.Split(d, ";"))
	}
	return w
}

func quoteAll(list []string) [][]byte {
	quoted := make([][]byte, len(list))
	for i, s := range list {
		quoted[i] = appendQuoted(nil, s)
	}
	return quoted
}

// compileValue makes a value of its description in values.
func compileValue(how string) value {
	if percent, rest, ok := strings.Cut(how, "% "); ok && len(percent) <= 2 {
		n, _ := strconv.Atoi(percent)
		return sometimes(n, compileValue(rest))
	}
	kind, what, _ := strings.Cut(how, " ")
	if kind == "pick" || kind == "num" {
		list := make([][]byte, 0, 8)
		for s := range strings.SplitSeq(what, "|") {
			if kind == "pick" {
				list = append(list, appendQuoted(nil, s))
			} else {
				list = append(list, []byte(s))
			}
		}
		return pick(list)
	}
	var a, b int
	if f := strings.Fields(what); len(f) > 0 {
		a, _ = strconv.Atoi(f[0])
		if len(f) > 1 {
			b, _ = strconv.Atoi(f[1])
		}
	}
	return numeric(kind, a, b)
}

func numeric(kind string, from, to int) value {
	switch kind {
	case "int":
		return func(b []byte, r *row) []byte { return strconv.AppendInt(b, int64(from+r.own.below(to-from+1)), 10) }
	case "dec":
		return func(b []byte, r *row) []byte {
			x := from*100 + r.own.below((to-from)*100)
			return append2(append(strconv.AppendInt(b, int64(x/100), 10), '.'), x%100)
		}
	case "yn":
		return func(b []byte, r *row) []byte {
			if r.own.chance(from) {
				return append(b, `"Y"`...)
			}
			return append(b, `"N"`...)
		}
	case "hex", "HEX", "fp":
		digits := "0123456789abcdef"
		if kind != "hex" {
			digits = "0123456789ABCDEF"
		}
		return appendHex(digits, from, kind == "fp")
	case "b64":
		return func(b []byte, r *row) []byte {
			raw := make([]byte, from)
			for i := range raw {
				raw[i] = byte(r.own.next())
			}
			return append(base64.StdEncoding.AppendEncode(append(b, '"'), raw), '"')
		}
	case "date":
		return func(b []byte, r *row) []byte {
			return appendDate(b, r.first-event.Day(from+r.own.below(to-from+1)), r.own.below(86_400))
		}
	case "now":
		return func(b []byte, r *row) []byte {
			b = append(append(append(b, '"'), r.day...), 'T')
			return append(appendClock(b, r.time+1), `.521730Z"`...)
		}
	case "net":
		return appendNetwork
	case "org":
		return appendOrganisation
	case "site":
		return func(b []byte, r *row) []byte {
			b = append(append(b, `"www.`...), r.site.ref...)
			return append(b, `.example"`...)
		}
	case "mail":
		return func(b []byte, r *row) []byte {
			b = strconv.AppendUint(append(b, `"user`...), r.key, 10)
			return append(append(append(b, '@'), r.site.ref...), `.example"`...)
		}
	}
	return nil
}

// sometimes leaves the value out in the other rows.
func sometimes(percent int, v value) value {
	return func(b []byte, r *row) []byte {
		if !r.own.chance(percent) {
			return b
		}
		return v(b, r)
	}
}

func pick(list [][]byte) value {
	if len(list) == 1 {
		only := list[0]
		return func(b []byte, _ *row) []byte { return append(b, only...) }
	}
	return func(b []byte, r *row) []byte { return append(b, list[r.own.below(len(list))]...) }
}

func appendHex(digits string, bytes int, colons bool) value {
	return func(b []byte, r *row) []byte {
		b = append(b, '"')
		var bits uint64
		for i := range bytes {
			if i%8 == 0 {
				bits = r.own.next()
			}
			if colons && i > 0 {
				b = append(b, ':')
			}
			b = append(b, digits[bits>>4&15], digits[bits&15])
			bits >>= 8
		}
		return append(b, '"')
	}
}

func appendDate(b []byte, day event.Day, second int) []byte {
	b = day.Time().AppendFormat(append(b, '"'), "2006-01-02 ")
	return append(appendClock(b, second), '"')
}

// appendHost is a host name of the owner: "gw17.zendahydro.example".
func appendHost(b []byte, r *row) []byte {
	b = append(b, '"')
	b = append(b, hosts[mix(r.key, 9)%uint64(len(hosts))]...)
	b = strconv.AppendUint(b, r.key%97, 10)
	b = append(append(b, '.'), r.owner.ref...)
	return append(b, `.example"`...)
}

var hosts = [...]string{"www", "mail", "gw", "vpn", "srv", "cam", "nas", "ap"}

func appendOrganisation(b []byte, r *row) []byte {
	if r.site.name == "" {
		return append(b, `"Unknown"`...)
	}
	return appendQuoted(b, r.site.name)
}

// appendReverse is the reverse DNS name, which a third of the hosts do not have; providers number their customers.
func appendReverse(b []byte, r *row) []byte {
	switch {
	case r.own.below(100) < 35:
		return b
	case !r.owner.isp || r.plan.v6:
		return appendHost(b, r)
	}
	b = append(b, `"host-`...)
	for shift := 24; shift >= 0; shift -= 8 {
		b = append(strconv.AppendUint(b, uint64(r.ip4>>shift&255), 10), '-')
	}
	b[len(b)-1] = '.'
	return append(append(b, r.owner.ref...), `.example"`...)
}

func appendNetwork(b []byte, r *row) []byte {
	if r.plan.v6 {
		return b
	}
	return append(appendIP4(append(b, '"'), r.ip4&^255), `/24"`...)
}

// named is a name of the owner: host, URL or account. Where a row is about a name, one in twelve is nobody's.
func (p *plan) named(c shadowserver.Column) value {
	path := c.Name == "url" && strings.HasPrefix(p.typ.Name, "compromised_website")
	file := `/login.html"`
	if strings.HasPrefix(p.typ.Name, "malware") {
		file = `/file.exe"`
	}
	return func(b []byte, r *row) []byte {
		b = append(b, '"')
		switch c.Field {
		case "source.url":
			if path {
				return append(strconv.AppendUint(append(b, "/wp-content/"...), r.key, 16), `/index.php"`...)
			}
			b = append(b, "http://"...)
			b = appendSite(b, r)
			return append(strconv.AppendUint(append(b, "/d/"...), r.key, 16), file...)
		case "source.account":
			return append(strconv.AppendUint(append(b, "user"...), r.key, 10), '"')
		case "source.local_hostname":
			return append(strconv.AppendUint(append(b, "SRV-"...), r.key%997, 10), '"')
		}
		return append(appendSite(b, r), '"')
	}
}

func appendSite(b []byte, r *row) []byte {
	if mix(r.key, 11)%12 == 0 {
		return append(strconv.AppendUint(append(b, "shop"...), r.key, 10), ".invalid"...)
	}
	b = strconv.AppendUint(append(b, "www"...), r.key, 10)
	return append(append(append(b, '.'), r.site.ref...), ".example"...)
}
