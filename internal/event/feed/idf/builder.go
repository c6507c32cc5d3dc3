package idf

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"tocsin/internal/event"
	wire "tocsin/internal/format/idf"
)

// Builder fills events from texts, field by field: Begin, Set and Extra in any order, End. What it makes itself it makes
// in blocks that many events share and that are never written again; texts that repeat from row to row (countries, cities,
// products) are kept once, so that they do not hold on to the blocks a reader read them from. The zero value is ready.
type Builder struct {
	// Clean says that the texts of this event are known to be UTF-8 without NUL.
	Clean bool

	block []byte // texts that were made; only what is behind len is written
	extra []byte // the object under construction, for the next End
	keys  []string
	seen  map[string]int // keys and how often they came, nil while there are few
	texts [fieldCount]memo
	seed  maphash.Seed
	slots [1024]string
	lists map[string]string
}

// memo is the latest text of a field, and whether texts of this field are worth keeping at all.
type memo struct {
	last         string
	hits, misses int32
}

const (
	blockSize   = 64 << 10
	longestKept = 64
	mostLists   = 1024
)

// Begin overwrites e with base and begins a new event.
func (b *Builder) Begin(e *event.Event, base *event.Event) {
	*e = *base
	b.extra = b.extra[:0]
	b.keys = b.keys[:0]
	b.seen = nil
}

// End completes e with its extra fields.
func (b *Builder) End(e *event.Event) {
	if len(b.extra) > 0 {
		b.extra = append(b.extra, '}')
		e.Extra = b.keep(b.extra)
	}
}

// keep copies made text to the current block and returns a string over it.
func (b *Builder) keep(t []byte) string {
	if len(t) == 0 {
		return ""
	}
	if len(t) > cap(b.block)-len(b.block) {
		b.block = make([]byte, 0, max(blockSize, len(t)))
	}
	from := len(b.block)
	b.block = append(b.block, t...)
	return unsafe.String(&b.block[from], len(t))
}

// Join is parts after one another, in one text.
func (b *Builder) Join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > cap(b.block)-len(b.block) {
		b.block = make([]byte, 0, max(blockSize, n))
	}
	from := len(b.block)
	for _, p := range parts {
		b.block = append(b.block, p...)
	}
	return unsafe.String(unsafe.SliceData(b.block[from:]), n)
}

// Extra adds an extra field. A key that the event has already gets a number behind it.
func (b *Builder) Extra(key, v string) {
	b.ExtraQuoted(string(Quote(b.unique(key))), v)
}

// fewKeys are looked through one by one; a map is worth it for more.
const fewKeys = 16

// unique is key, or key and a number. It takes no longer for a row that repeats one key a hundred thousand times.
func (b *Builder) unique(key string) string {
	if b.seen == nil && len(b.keys) < fewKeys && !slices.Contains(b.keys, key) {
		b.keys = append(b.keys, key)
		return key
	}
	if b.seen == nil {
		b.seen = make(map[string]int, 2*fewKeys)
		for _, k := range b.keys {
			b.seen[k] = 1
		}
	}
	name := key
	for b.seen[name] > 0 {
		b.seen[key]++
		name = key + "_" + strconv.Itoa(b.seen[key])
	}
	b.seen[name] = 1
	return name
}

// Quote is a key in the form that ExtraQuoted takes.
func Quote(key string) []byte { return append(wire.AppendString(nil, key), ':', '"') }

// ExtraQuoted adds an extra field whose key, made by Quote, this event does not have yet.
func (b *Builder) ExtraQuoted(key, v string) {
	if len(b.extra) == 0 {
		b.extra = append(b.extra, '{')
	} else {
		b.extra = append(b.extra, ',')
	}
	b.extra = append(b.extra, key...)
	b.extra = wire.AppendEscaped(b.extra, v)
	b.extra = append(b.extra, '"')
}

// Set sets a field from a text that is not empty. A reason is why the text is no value of the field: what it is and what
// was expected; the field is then as it was.
func (b *Builder) Set(e *event.Event, f Field, v string) (reason string) {
	if !b.Clean {
		v = wire.Clean(v)
	}
	ok := b.set(e, f, v)
	if !ok {
		if t := strings.TrimSpace(v); t == "" || len(t) < len(v) && b.set(e, f, t) {
			return ""
		}
		return fmt.Sprintf("%q is no %s; expected %s", cut(v), kindOf(f), expected(f))
	}
	return ""
}

// cut shortens a text for a message.
func cut(v string) string {
	if len(v) <= 80 {
		return v
	}
	return strings.ToValidUTF8(v[:77], "") + "…"
}

func kindOf(f Field) string {
	switch f {
	case TimeSource, TimeObservation:
		return "time"
	case SourceIP, DestinationIP:
		return "usable address"
	case SourcePort, DestinationPort:
		return "port"
	case SourceASN, DestinationASN:
		return "AS number"
	case SourceNetwork:
		return "prefix"
	default:
		return f.String()
	}
}

func expected(f Field) string {
	switch f {
	case TimeSource, TimeObservation:
		return "YYYY-MM-DD hh:mm:ss in UTC, or with a zone"
	case SourceIP, DestinationIP:
		return "an IPv4 or IPv6 address other than 0.0.0.0 and ::"
	case SourcePort, DestinationPort:
		return "a number from 0 to 65535, or nothing"
	case SourceASN, DestinationASN:
		return "a number from 0 to 4294967295"
	case SourceNetwork:
		return "a prefix such as 203.0.113.0/24"
	case SourceFQDN, DestinationFQDN:
		return "a domain name such as www.example.com"
	case Severity:
		return "critical, high, medium, low, info or unrated"
	}
	return "another text"
}

func (b *Builder) set(e *event.Event, f Field, v string) (ok bool) {
	ok = true
	switch f {
	case TimeSource:
		ok = assign(&e.Time, v, ParseTime)
	case TimeObservation:
		ok = assign(&e.Observed, v, ParseTime)
	case SourceIP:
		ok = assign(&e.IP, v, ParseAddr)
	case DestinationIP:
		ok = assign(&e.DestinationIP, v, ParseAddr)
	case SourcePort:
		ok = assign(&e.Port, v, ParsePort)
	case DestinationPort:
		ok = assign(&e.DestinationPort, v, ParsePort)
	case SourceASN:
		ok = assign(&e.ASN, v, ParseASN)
	case DestinationASN:
		ok = assign(&e.DestinationASN, v, ParseASN)
	case Severity:
		ok = assign(&e.Severity, v, parseSeverity)
	case SourceFQDN:
		ok = assign(&e.FQDN, v, Host)
	case DestinationFQDN:
		ok = assign(&e.DestinationFQDN, v, Host)
	case SourceNetwork:
		var p netip.Prefix
		p, ok = parsePrefix(v)
		if ok {
			e.Network = p.String()
		}
	default:
		if p := textOf(e, f); p != nil {
			*p = b.text(f, v)
		}
	}
	return ok
}

// assign leaves the field as it was when the text is no value.
func assign[T any](field *T, v string, parse func(string) (T, bool)) bool {
	x, ok := parse(v)
	if ok {
		*field = x
	}
	return ok
}

func parsePrefix(v string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(v)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), p.Bits() > 0
}

// textOf is the place of a field that takes any text.
func textOf(e *event.Event, f Field) *string {
	switch f {
	case SourceCC:
		return &e.CC
	case SourceRegion:
		return &e.Region
	case SourceCity:
		return &e.City
	case SourceReverseDNS:
		return &e.ReverseDNS
	case SourceURL:
		return &e.URL
	case SourceAccount:
		return &e.Account
	case DestinationCC:
		return &e.DestinationCC
	case DestinationURL:
		return &e.DestinationURL
	case Transport:
		return &e.Transport
	case Application:
		return &e.Application
	case Class:
		return &e.Class
	case Kind:
		return &e.Kind
	case Identifier:
		return &e.Identifier
	case Malware:
		return &e.Malware
	case Vendor:
		return &e.Vendor
	case Product:
		return &e.Product
	case Version:
		return &e.Version
	case Vulnerabilities:
		return &e.Vulnerabilities
	case Status:
		return &e.Status
	case Text:
		return &e.Text
	}
	return nil
}

// text is v, kept once if its field's texts repeat.
func (b *Builder) text(f Field, v string) string {
	m := &b.texts[f]
	if v == m.last {
		return m.last
	}
	if len(v) > longestKept || m.misses > 2000 && m.misses > m.hits/2 {
		return v
	}
	if b.seed == (maphash.Seed{}) {
		b.seed = maphash.MakeSeed()
	}
	slot := &b.slots[maphash.String(b.seed, v)%uint64(len(b.slots))]
	if *slot != v {
		*slot = strings.Clone(v) // not in a block: it would hold on to all of it
		m.misses++
	} else {
		m.hits++
	}
	m.last = *slot
	return m.last
}
