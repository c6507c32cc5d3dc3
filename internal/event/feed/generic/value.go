package generic

import (
	"strconv"
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	"tocsin/internal/format/rsit"
)

// parseTime tries the mapping's formats one after the other.
func (m *Mapping) parseTime(v string) (micros int64, ok bool) {
	v = strings.TrimSpace(v)
	for _, f := range m.times {
		if micros, ok = f.parse(v); ok {
			return micros, true
		}
	}
	return 0, false
}

// isoLocal are the ways to write an ISO time that does not tell its zone.
var isoLocal = [...]string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"}

func (f timeFormat) parse(v string) (micros int64, ok bool) {
	switch {
	case f.unit > 0:
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || n < 0 || n*float64(f.unit) > 253_402_300_799e6 {
			return 0, false
		}
		if whole, err := strconv.ParseInt(v, 10, 64); err == nil {
			return whole * f.unit, true
		}
		return int64(n * float64(f.unit)), true
	case f.layout != "":
		t, err := time.ParseInLocation(f.layout, v, f.zone)
		return t.UnixMicro(), err == nil && t.Year() >= 1970
	case f.zone != time.UTC:
		for _, layout := range isoLocal {
			if t, err := time.ParseInLocation(layout, v, f.zone); err == nil && t.Year() >= 1970 {
				return t.UnixMicro(), true
			}
		}
	}
	return idf.ParseTime(v)
}

// begin makes e an event of the mapping without values of its own.
func (m *Mapping) begin(b *idf.Builder, e *event.Event) {
	b.Begin(e, &m.base)
	for _, c := range m.baseExtra {
		b.Extra(c.extra, c.value)
	}
}

// value puts a text where the mapping wants it. A reason is why the row is wrong.
func (m *Mapping) value(b *idf.Builder, e *event.Event, t target, column, v string) (reason string) {
	switch t.field {
	case idf.Other:
		b.Extra(t.extra, v)
		return ""
	case idf.TimeSource, idf.TimeObservation:
		micros, ok := m.parseTime(v)
		if !ok {
			return strconv.Quote(cut(v)) + " is no time in any of the mapping's formats"
		}
		if t.field == idf.TimeSource {
			e.Time = micros
		} else {
			e.Observed = micros
		}
		return ""
	case idf.Severity:
		if s, ok := m.severity[strings.ToLower(strings.TrimSpace(v))]; ok {
			e.Severity = s
			return ""
		}
	}
	reason = b.Set(e, t.field, v)
	if reason != "" && idf.Evidence(t.field) {
		b.Extra(column, v)
		return ""
	}
	return reason
}

func cut(v string) string {
	if len(v) > 80 {
		return v[:77] + "…"
	}
	return v
}

// end completes e: a type that a row brought itself has its class.
func (m *Mapping) end(b *idf.Builder, e *event.Event) {
	if e.Kind != m.base.Kind || e.Class != m.base.Class {
		if class, kind, known := rsit.Classify(e.Class, e.Kind); known {
			e.Class, e.Kind = class, kind
		}
	}
	if e.FQDN == "" && e.URL != "" {
		e.FQDN = idf.HostOfURL(e.URL)
	}
	b.End(e)
}
