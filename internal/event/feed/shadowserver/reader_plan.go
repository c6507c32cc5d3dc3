package shadowserver

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	wire "tocsin/internal/format/idf"
)

// action is what a step does with a column's text, which is never empty.
type action uint8

const (
	set        action = iota // the field; a wrong text makes the row wrong
	setSoft                  // the field; a wrong text is kept as an extra field
	setUnless0               // the field, unless the text is "0" or "unknown"
	extra                    // an extra field
	extraNot0                // an extra field, unless the text is "0"
	address                  // source.ip; also a prefix or a name
	hostOf                   // the host in a URL, a mail address or a name
	cve                      // the CVE numbers among tags
	exchangeClass
	exchangeKind
	exchangeIdentifier
	sourceURL
	destinationURL
	ifEmpty // the field, unless another column has set it
)

// late steps look at what others have set.
func (a action) late() bool { return a >= sourceURL }

type step struct {
	column int
	do     action
	field  idf.Field
	key    string // of the extra field, as idf.Quote makes it
}

// plan is what becomes of the columns of one file.
type plan struct {
	columns    []string // the header, cleaned and lower case
	steps      []step
	base       event.Event
	host       []int // columns that name the host of a URL that is only a path, the best first
	app        int   // the column that names the scheme of such a URL, -1 for none
	subject    bool  // a row without an address, a name, a URL or an account is wrong: its own address column is there
	recognised bool  // at least one column has a field of its own
}

// compile matches a header with what is known of the type. Columns that the schema does not name are recognised by the
// names that Shadowserver gives them everywhere, when no other column has that field already, and are extra fields else.
func (f *Format) compile(t Type, header []string) *plan {
	p := &plan{columns: make([]string, len(header)), app: -1}
	p.base = event.Event{Port: -1, DestinationPort: -1, Class: t.Class, Kind: t.Kind, Identifier: t.Identifier,
		Severity: t.Severity, Transport: t.Transport, Application: t.Application}
	at := make(map[string]int, len(header))
	for i, h := range header {
		h = strings.ToLower(strings.TrimSpace(wire.Clean(h)))
		if h == "" {
			h = fmt.Sprintf("column_%d", i+1)
		}
		for n, first := 2, h; at[h] > 0; n++ {
			h = fmt.Sprintf("%s_%d", first, n)
		}
		p.columns[i] = h
		at[h] = i + 1
	}
	c := compiler{format: f, plan: p, used: make([]bool, len(header)), whole: make([]bool, len(header))}
	for _, m := range t.Map {
		if i := at[strings.ToLower(m.Name)]; i > 0 {
			c.column(i-1, m)
		}
		if m.Convert == Category {
			if i := at["detail"]; i > 0 {
				c.add(step{column: i - 1, do: ifEmpty, field: idf.Text})
			}
		}
	}
	for i, h := range p.columns {
		field, ok := commonField(h)
		if field == "source.fqdn" || field == "source.url" {
			// Behind a sinkhole or honeypot these are of what was visited. A service says of itself what it likes.
			if at["dst_ip"] > 0 {
				field = strings.Replace(field, "source", "destination", 1)
			} else if t.Known && t.Subject != event.Name {
				ok = false
			}
		}
		if ok && !c.used[i] && !c.filled[f.fields[field]] {
			convert := Text
			if field == "source.url" || field == "destination.url" {
				convert = URL
			}
			c.column(i, Column{h, field, convert})
		}
		if !c.whole[i] {
			c.extra(i, h, extra)
		}
	}
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool { // address sets it where it is a prefix
		return s.field == idf.SourceNetwork && slices.ContainsFunc(p.steps, func(o step) bool { return o.do == address && o.column == s.column })
	})
	slices.SortStableFunc(p.steps, func(a, b step) int { return rank(a) - rank(b) })
	for _, name := range [...]string{"http_host", "host", "cc_dns", "domain"} {
		if i := at[name]; i > 0 {
			p.host = append(p.host, i-1)
		}
	}
	if i := at["application"]; i > 0 {
		p.app = i - 1
	}
	p.subject = t.Subject != event.Name && slices.ContainsFunc(p.steps, func(s step) bool {
		return s.do == address && (p.columns[s.column] == "ip" || p.columns[s.column] == "src_ip")
	})
	return p
}

func rank(s step) int {
	if s.do.late() {
		return 1
	}
	return 0
}

type compiler struct {
	format *Format
	plan   *plan
	used   []bool // a column has a step
	whole  []bool // a column's text is kept entirely by one of its steps
	filled [256]bool
	keys   []string
}

func (c *compiler) add(s step) {
	if s.field != idf.Other {
		s.key = string(idf.Quote(c.plan.columns[s.column]))
	}
	c.plan.steps = append(c.plan.steps, s)
}

// column adds the step of one column of the schema.
func (c *compiler) column(i int, m Column) {
	c.used[i] = true
	if key, ok := strings.CutPrefix(m.Field, "extra."); ok {
		do := extra
		if m.Convert == NonZero {
			do = extraNot0
		}
		if key == "" {
			key = c.plan.columns[i]
		}
		c.extra(i, key, do)
		return
	}
	field, ok := c.format.fields[m.Field]
	if !ok {
		c.extra(i, m.Field, extra)
		return
	}
	s := step{column: i, do: set, field: field}
	switch m.Convert {
	case Optional:
		s.do = setUnless0
	case FQDN:
		s.do = setSoft
	case Host:
		s.do = hostOf
	case CVE:
		s.do = cve
	case ExchangeClass:
		s.do = exchangeClass
	case ExchangeType:
		s.do = exchangeKind
	case ExchangeIdentifier:
		s.do = exchangeIdentifier
	case URL:
		s.do = sourceURL
		if field == idf.DestinationURL {
			s.do = destinationURL
		}
	}
	switch field {
	case idf.SourceIP:
		s.do = address
	case idf.DestinationIP, idf.Severity, idf.SourceNetwork, idf.SourceFQDN, idf.DestinationFQDN:
		if s.do != hostOf {
			s.do = setSoft
		}
	case idf.Vulnerabilities:
		s.do = cve
	}
	switch s.do {
	case cve, hostOf, exchangeClass, exchangeKind, exchangeIdentifier:
	default:
		c.whole[i] = true
	}
	c.filled[field] = true
	c.plan.recognised = true
	c.add(s)
}

// extra keeps a column as an extra field, each key once.
func (c *compiler) extra(i int, key string, do action) {
	c.whole[i] = true
	same := func(s step) bool { return s.column == i && (s.do == extra || s.do == extraNot0) }
	if slices.ContainsFunc(c.plan.steps, same) {
		return
	}
	for n, first := 2, key; slices.Contains(c.keys, key); n++ {
		key = fmt.Sprintf("%s_%d", first, n)
	}
	c.keys = append(c.keys, key)
	c.add(step{column: i, do: do, key: string(idf.Quote(key))})
}

// commonField is the field of a column by the name that Shadowserver gives it in nearly all reports.
func commonField(column string) (field string, ok bool) {
	switch column {
	case "timestamp":
		return "time.source", true
	case "ip", "src_ip":
		return "source.ip", true
	case "port", "src_port":
		return "source.port", true
	case "asn", "src_asn":
		return "source.asn", true
	case "geo", "src_geo":
		return "source.geolocation.cc", true
	case "region", "src_region":
		return "source.geolocation.region", true
	case "city", "src_city":
		return "source.geolocation.city", true
	case "hostname", "src_hostname":
		return "source.reverse_dns", true
	case "host", "http_host":
		return "source.fqdn", true
	case "url", "http_url":
		return "source.url", true
	case "account":
		return "source.account", true
	case "protocol":
		return "protocol.transport", true
	case "application":
		return "protocol.application", true
	case "severity", "status":
		return column, true
	case "infection":
		return "malware.name", true
	case "device_vendor":
		return "product.vendor", true
	case "device_model":
		return "product.name", true
	case "device_version":
		return "product.version", true
	case "tag":
		return "product.vulnerabilities", true
	case "dst_ip":
		return "destination.ip", true
	case "dst_port":
		return "destination.port", true
	case "dst_asn":
		return "destination.asn", true
	case "dst_geo":
		return "destination.geolocation.cc", true
	}
	return "", false
}
