package text

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Printer speaks one language in one time zone. It is safe for concurrent use.
type Printer struct {
	c     *Catalogue
	lang  string
	tag   language.Tag
	zone  *time.Location
	group string // between thousands
	point string // before decimals
}

// In returns the printer of a language. The zone is the nation's: times are shown in it.
func (c *Catalogue) In(lang string, zone *time.Location) *Printer {
	if zone == nil {
		zone = time.UTC
	}
	p := &Printer{c: c, lang: lang, tag: language.Make(lang), zone: zone}
	p.group, p.point = p.or("number.group", ","), p.or("number.point", ".")
	return p
}

// Lang is the printer's language.
func (p *Printer) Lang() string { return p.lang }

// Zone is the printer's time zone.
func (p *Printer) Zone() *time.Location { return p.zone }

// Has tells whether a key exists in the language or the fallback.
func (p *Printer) Has(key string) bool {
	_, _, ok := p.c.find(p.lang, key)
	return ok
}

func (p *Printer) or(key, without string) string {
	if p.Has(key) {
		return p.T(key)
	}
	return without
}

// T is the text of a key with its arguments filled in; the first whole number among them chooses the plural form. Numbers
// are written as the language writes them. An unknown key is shown as itself, so that it is seen and found.
func (p *Printer) T(key string, args ...any) string {
	m, lang, ok := p.c.find(p.lang, key)
	if !ok {
		return key
	}
	tag := p.tag
	if lang != p.lang {
		tag = language.Make(lang)
	}
	s := m.form(tag, args)
	if len(args) == 0 {
		return s
	}
	words := make([]string, len(args))
	for i, a := range args {
		if n, ok := integer(a); ok {
			words[i] = p.Number(n)
		} else {
			words[i] = fmt.Sprint(a)
		}
	}
	return fill(s, words)
}

func integer(a any) (int64, bool) {
	switch n := a.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case string, nil, fmt.Stringer:
		return 0, false
	}
	v := reflect.ValueOf(a)
	switch {
	case v.CanInt():
		return v.Int(), true
	case v.CanUint():
		return int64(v.Uint()), true
	}
	return 0, false
}

// Number writes a whole number with its thousands apart.
func (p *Printer) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i := range len(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString(p.group)
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Decimal writes a number with one decimal.
func (p *Printer) Decimal(f float64) string {
	whole, part, _ := strings.Cut(strconv.FormatFloat(f, 'f', 1, 64), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return whole
	}
	s := p.Number(n)
	if n == 0 && f < 0 {
		s = "−" + s
	}
	return s + p.point + part
}

// Percent writes part of whole; nothing of nothing is a dash.
func (p *Printer) Percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	f := 100 * float64(part) / float64(whole)
	if part != 0 && part != whole && (f < 0.1 || f > 99.9) {
		f = max(0.1, min(99.9, f))
	}
	return p.Decimal(f) + " %"
}

// Bytes writes a size in powers of 1,000.
func (p *Printer) Bytes(n int64) string {
	f := float64(n)
	for _, u := range [...]string{"B", "kB", "MB", "GB", "TB"} {
		if f < 1000 || u == "TB" {
			if u == "B" {
				return p.Number(n) + " B"
			}
			return p.Decimal(f) + " " + u
		}
		f /= 1000
	}
	return ""
}

// Day writes a day counted from 1970-01-01.
func (p *Printer) Day(day int64) string {
	return time.Unix(day*86_400, 0).UTC().Format(p.or("layout.day", time.DateOnly))
}

// ShortDay writes a day without its year, for the axis of a chart.
func (p *Printer) ShortDay(day int64) string {
	return time.Unix(day*86_400, 0).UTC().Format(p.or("layout.short-day", "01-02"))
}

// Time writes a time to the minute, in the zone, with its offset's name.
func (p *Printer) Time(t time.Time) string {
	return t.In(p.zone).Format(p.or("layout.minute", "2006-01-02 15:04 MST"))
}

// Second writes a time to the second, in the zone.
func (p *Printer) Second(t time.Time) string {
	return t.In(p.zone).Format(p.or("layout.second", "2006-01-02 15:04:05 MST"))
}

// Ago writes how long before now t was, or how long after, in the largest fitting unit.
func (p *Printer) Ago(t, now time.Time) string {
	d := now.Sub(t)
	dir := "ago."
	if d < 0 {
		d, dir = -d, "in."
	}
	switch {
	case d < 45*time.Second:
		return p.T("ago.now")
	case d < 90*time.Minute:
		return p.T(dir+"minutes", max(1, int64(d.Round(time.Minute)/time.Minute)))
	case d < 36*time.Hour:
		return p.T(dir+"hours", int64(d.Round(time.Hour)/time.Hour))
	default:
		return p.T(dir+"days", int64(d.Round(24*time.Hour)/(24*time.Hour)))
	}
}
