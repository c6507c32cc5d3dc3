package generate

import (
	"io"
	"strconv"

	"tocsin/internal/event"
)

// row is what the columns of one row are made from.
type row struct {
	plan    *plan
	owner   *owner
	site    *owner // whose name it is, when the type is about names; its address is often a hoster's
	asn     uint32
	ip4     uint32 // when the type is not of IPv6
	hi      uint64 // the halves of an IPv6 address
	lo      uint64
	key     uint64
	time    int       // second of the day
	day     string    // YYYY-MM-DD
	httpDay string    // as in an HTTP date: "Thu, 01 Jan 2026 "
	first   event.Day // of the Spec: dates in rows are counted from it
	own     random    // numbers that belong to the finding: the same every day
	now     random    // numbers of this row only
	sick    bool      // one of the outbreak
}

// write writes a report: places in order, so that times ascend.
func (g *Generator) write(w io.Writer, p *plan, day int) (rows int, err error) {
	const block = 256 << 10
	weekday, date := g.date(day)
	b := append(make([]byte, 0, min(block, int(p.slots+p.sick)*512)+16<<10), p.header...)
	if g.sends(p, day) {
		r := row{plan: p, day: date, first: g.spec.From, httpDay: (g.spec.From + event.Day(day)).Time().Format("Mon, 02 Jan 2006 ")}
		sick := p.sickOn(day)
		for place := range p.slots + sick {
			n := g.rowsAt(&r, place, day, weekday)
			for i := range n {
				r.time = int(place*86_000/(p.slots+sick)) + i*97 + int(r.now.next()%89)
				b = p.append(b, &r)
			}
			rows += n
			if len(b) >= block {
				if _, err := w.Write(b); err != nil {
					return rows, err
				}
				b = b[:0]
			}
		}
	}
	_, err = w.Write(b)
	return rows, err
}

// rowsAt prepares the row for a place, those after the type's own being the outbreak's, and says how many rows it has.
func (g *Generator) rowsAt(r *row, place uint64, day, weekday int) int {
	p := r.plan
	var f finding
	if r.sick = place >= p.slots; r.sick {
		f = finding{key: place - p.slots, h: mix(p.seed^golden, place-p.slots)}
		g.nation.locateIn(r, g.nation.sick, f.key)
	} else {
		var ok bool
		if f, ok = p.at(place, day, weekday); !ok {
			return 0
		}
		g.nation.locate(r, f, p.v6)
		if r.owner.mended(f, day) {
			return 0
		}
	}
	r.key, r.site = f.key, r.owner
	if p.name {
		r.site = g.nation.owners[mix(f.key, 13)%uint64(len(g.nation.owners))]
	}
	r.own, r.now = random(f.h), random(mix(f.h, uint64(day)))
	if !p.seen {
		return 1
	}
	switch x := r.now.below(10); {
	case x < 7:
		return 1
	case x < 9:
		return 2
	}
	return 3
}

// sends is true when the type has a row on the day.
func (g *Generator) sends(p *plan, day int) bool {
	if day < 0 || day >= g.spec.Days || p.special && day != min(specialDay, g.spec.Days-1) {
		return false
	}
	if p.slots > 64 {
		return true
	}
	weekday, _ := g.date(day)
	r := row{plan: p}
	for place := range p.slots + p.sickOn(day) {
		if g.rowsAt(&r, place, day, weekday) > 0 {
			return true
		}
	}
	return false
}

func (g *Generator) date(day int) (weekday int, date string) {
	d := g.spec.From + event.Day(day)
	return int(d.Time().Weekday()), d.String()
}

// append writes one row.
func (p *plan) append(b []byte, r *row) []byte {
	// Every row draws the same numbers in the same order, so that a finding looks the same every day.
	own := r.own
	for i := range p.steps {
		s := &p.steps[i]
		b = append(b, s.text...)
		if s.value != nil {
			b = s.value(b, r)
		}
	}
	r.own = own
	return append(b, '\n')
}

func appendIP(b []byte, r *row) []byte {
	b = append(b, '"')
	if r.plan.v6 {
		b = addr6(r.hi, r.lo).AppendTo(b)
	} else {
		b = appendIP4(b, r.ip4)
	}
	return append(b, '"')
}

func appendIP4(b []byte, a uint32) []byte {
	b = append(strconv.AppendUint(b, uint64(a>>24), 10), '.')
	b = append(strconv.AppendUint(b, uint64(a>>16&255), 10), '.')
	b = append(strconv.AppendUint(b, uint64(a>>8&255), 10), '.')
	return strconv.AppendUint(b, uint64(a&255), 10)
}

// append2 writes two digits.
func append2(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func appendClock(b []byte, second int) []byte {
	b = append(append2(b, second/3600%24), ':')
	b = append(append2(b, second/60%60), ':')
	return append2(b, second%60)
}

// appendQuoted writes a text as CSV wants it.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
