package generate

import (
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
)

// step is a piece of a row: a text that is the same in every row of the type, then a value.
type step struct {
	text  []byte
	value value
}

// value appends a value as it stands in the file, quotes included. It draws the same numbers from own for every row of a
// finding.
type value func(b []byte, r *row) []byte

// compile makes the header and the steps of a type's rows.
func (p *plan) compile() {
	words := newWords()
	var text []byte
	for i, name := range p.typ.Columns {
		if i > 0 {
			text = append(text, ',')
			p.header = append(p.header, ',')
		}
		p.header = appendQuoted(p.header, name)
		if v := p.column(words, name); v != nil {
			p.steps = append(p.steps, step{text: slices.Clone(text), value: v})
			text = text[:0]
		}
	}
	p.header = append(p.header, '\n')
	if len(text) > 0 {
		p.steps = append(p.steps, step{text: text})
	}
}

// column is what a column holds: by its meaning, then by its name, then by its conversion; nil is nothing.
func (p *plan) column(words words, name string) value {
	if how, ok := words.values[p.typ.Name+"/"+name]; ok {
		return compileValue(how)
	}
	var of shadowserver.Column
	for _, c := range p.typ.Map {
		if c.Name == name {
			if v := p.field(words, c); v != nil {
				return v
			}
			if of.Name == "" {
				of = c
			}
		}
	}
	if name == "tag" {
		return p.tag(words)
	}
	if how, ok := words.values[name]; ok {
		return compileValue(how)
	}
	switch {
	case strings.HasPrefix(name, "dst_naics"):
		return compileValue("num 518210")
	case strings.HasSuffix(name, "naics"):
		return func(b []byte, r *row) []byte { return append(b, industry[r.owner.org.sector].naics...) }
	case strings.HasSuffix(name, "sector") && !strings.HasPrefix(name, "dst"):
		return func(b []byte, r *row) []byte { return appendQuoted(b, industry[r.owner.org.sector].name) }
	case name == "family" || name == "infection":
		return p.malware(words)
	case name == "subject_common_name", name == "issuer_common_name":
		return sometimes(85, appendHost)
	case name == "subject_organization_name":
		return sometimes(30, appendOrganisation)
	case name == "device_type":
		return device(words, 1)
	case name == "http_date":
		return sometimes(60, func(b []byte, r *row) []byte {
			return append(appendClock(append(append(b, '"'), r.httpDay...), r.time), ` GMT"`...)
		})
	case name == "http_code":
		return status(0)
	case name == "http_reason":
		return status(1)
	}
	return byConversion(of.Convert)
}

// byConversion is for columns that nothing else is known of.
func byConversion(c shadowserver.Convert) value {
	switch c {
	case shadowserver.Bool:
		return compileValue("60% yn 50")
	case shadowserver.Int, shadowserver.NonZero:
		return compileValue("30% int 0 4000")
	case shadowserver.Float:
		return compileValue("40% dec 0 30")
	case shadowserver.DateUTC, shadowserver.Date:
		return compileValue("40% date 0 400")
	}
	return nil
}

// field is what a column holds that means one of the event's own fields.
func (p *plan) field(words words, c shadowserver.Column) value {
	if of, ok := referer[c.Field]; ok {
		c.Field = of
	}
	if c.Convert == shadowserver.Host {
		return nil // a mail address or site that stands in the vocabulary
	}
	switch c.Field {
	case "time.source":
		return func(b []byte, r *row) []byte {
			b = append(append(append(b, '"'), r.day...), ' ')
			return append(appendClock(b, r.time), '"')
		}
	case "source.ip":
		return appendIP
	case "source.port":
		return p.port(words)
	case "source.asn":
		return func(b []byte, r *row) []byte { return strconv.AppendUint(b, uint64(r.asn), 10) }
	case "source.geolocation.cc":
		return func(b []byte, r *row) []byte {
			if r.asn == asnAbroad {
				return append(b, `"`+abroadCode+`"`...)
			}
			return append(b, `"`+countryCode+`"`...)
		}
	case "source.geolocation.region":
		return func(b []byte, r *row) []byte { return appendQuoted(b, places[r.owner.place][0]) }
	case "source.geolocation.city":
		return func(b []byte, r *row) []byte { return appendQuoted(b, places[r.owner.place][1]) }
	case "source.reverse_dns":
		return appendReverse
	case "source.fqdn", "source.url", "source.account", "source.local_hostname":
		return p.named(c)
	case "source.network":
		if c.Name == "ip" {
			return nil
		}
		return appendNetwork
	case "protocol.transport":
		return p.transport(words)
	case "severity":
		return p.severity()
	case "malware.name":
		return p.malware(words)
	case "product.vendor":
		return device(words, 0)
	case "product.name":
		return device(words, 2)
	case "product.version":
		if c.Name == "device_version" {
			return device(words, 3)
		}
	}
	return destination(strings.Replace(c.Field, "extra.relay.", "destination.", 1))
}

// referer are columns about the source's address that the schema keeps as extra fields.
var referer = map[string]string{
	"extra.http_referer_asn": "source.asn", "extra.http_referer_geo": "source.geolocation.cc",
	"extra.http_referer_region": "source.geolocation.region", "extra.http_referer_city": "source.geolocation.city",
	"extra.http_referer_hostname": "source.reverse_dns",
}

// destination is the far end: sinkholes, honeypots and victims abroad.
func destination(field string) value {
	switch field {
	case "destination.ip":
		return func(b []byte, r *row) []byte {
			b = append(b, '"')
			if r.plan.v6 {
				b = append(b, "2001:db8:8000::"...)
				b = strconv.AppendUint(b, uint64(1+r.own.below(9)), 16)
			} else {
				b = appendIP4(b, abroadB+uint32(r.own.below(32)))
			}
			return append(b, '"')
		}
	case "destination.port":
		return compileValue("num 80|443|23|22|53|8080")
	case "destination.asn":
		return compileValue("num 65551")
	case "destination.geolocation.cc":
		return compileValue("pick " + abroadCode)
	case "destination.geolocation.region", "destination.geolocation.city":
		return compileValue("pick GLATZ")
	case "destination.fqdn":
		return compileValue("80% pick update.invalid|cdn.tracker.invalid|stats.invalid|c2.invalid")
	}
	return nil
}

// tag is the protocol, or one of the type's own tags; an outbreak shows its name.
func (p *plan) tag(words words) value {
	list := words.tags[p.typ.Name]
	if list == "" {
		list = base(p.typ.Name)
	}
	if p.sick == 0 {
		return compileValue("pick " + list)
	}
	usual := compileValue("pick " + list)
	return func(b []byte, r *row) []byte {
		if r.sick {
			return append(b, `"`+outbreakFamily+`"`...)
		}
		return usual(b, r)
	}
}

// malware is one of the families, by address: an infected host stays with its own.
func (p *plan) malware(words words) value {
	if p.typ.Subject == event.Service {
		return nil
	}
	list := quoteAll(words.families)
	if p.name {
		list = quoteAll(words.webFamilies)
	}
	return func(b []byte, r *row) []byte {
		if r.sick {
			return append(b, `"`+outbreakFamily+`"`...)
		}
		return append(b, list[mix(r.key, 5)%uint64(len(list))]...)
	}
}

// severity is the type's own, in some rows a step beside it.
func (p *plan) severity() value {
	usual := p.typ.Severity
	lower, higher := max(usual-1, event.Info), min(usual+1, event.Critical)
	if p.typ.Population {
		lower, higher = usual, usual
	}
	list := [...]string{strconv.Quote(usual.String()), strconv.Quote(lower.String()), strconv.Quote(higher.String())}
	return func(b []byte, r *row) []byte {
		switch x := r.own.below(100); {
		case r.sick, x >= 15:
			return append(b, list[0]...)
		case x < 10:
			return append(b, list[1]...)
		}
		return append(b, list[2]...)
	}
}

// port is the service's, or the client's own.
func (p *plan) port(words words) value {
	if p.seen {
		return func(b []byte, r *row) []byte { return strconv.AppendInt(b, int64(1024+r.now.below(64_000)), 10) }
	}
	ports := words.services[base(p.typ.Name)].ports
	if len(ports) == 0 {
		ports = []string{"80"}
	}
	return func(b []byte, r *row) []byte {
		x := r.own.below(100)
		if x < 88 || len(ports) == 1 {
			return append(b, ports[0]...)
		}
		return append(b, ports[1+x%(len(ports)-1)]...)
	}
}

func (p *plan) transport(words words) value {
	transport := words.services[base(p.typ.Name)].transport
	if transport == "" {
		transport = "tcp"
	}
	if strings.Contains(p.typ.Name, "dns") || strings.Contains(p.typ.Name, "ddos_amp") {
		transport = "udp"
	}
	return compileValue("pick " + transport)
}

// status is the code or the words of a web server's answer.
func status(word int) value {
	list := [...][2]string{{"200", `"OK"`}, {"200", `"OK"`}, {"200", `"OK"`}, {"302", `"Found"`}, {"301", `"Moved Permanently"`},
		{"401", `"Unauthorized"`}, {"403", `"Forbidden"`}, {"404", `"Not Found"`}}
	return func(b []byte, r *row) []byte { return append(b, list[mix(r.key, 21)%uint64(len(list))][word]...) }
}

// device is one word of the device at the address; four hosts in ten do not tell.
func device(words words, word int) value {
	var list []string
	for _, d := range words.devices {
		list = append(list, `"`+d[word]+`"`)
	}
	return func(b []byte, r *row) []byte {
		x := mix(r.key, 3)
		if x%10 < 4 {
			return b
		}
		return append(b, list[x>>8%uint64(len(list))]...)
	}
}

// base is a type's name without what says how it was looked at.
func base(name string) string {
	for _, prefix := range []string{"scan6_", "scan_", "population6_", "population_"} {
		name = strings.TrimPrefix(name, prefix)
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "event4_"), "event6_")
	if name != "ipp" && strings.HasSuffix(name, "6") {
		name = strings.TrimSuffix(name, "6")
	}
	return strings.TrimSuffix(name, "_vulnerable")
}
