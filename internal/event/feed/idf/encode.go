package idf

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/event"
	wire "tocsin/internal/format/idf"
)

// AppendEvent appends e as one line of IDF JSON, its newline included, as IntelMQ's file outputs write them and Format
// reads them: flat keys, always in the same order, nothing for fields without a value. An extra field whose name is a
// field of the format (malware.hash.md5) stands under that name, any other under extra.<name>. Row, line and offset are
// of the source file and are not written. feedName is feed.name, "" for none.
func AppendEvent(dst []byte, e *event.Event, feedName string) []byte {
	w := writer{dst: append(dst, '{')}
	w.text("feed.name", feedName)
	w.time(TimeSource, e.Time)
	w.time(TimeObservation, e.Observed)
	w.addr(SourceIP, e.IP)
	w.number(SourcePort, int64(e.Port))
	w.number(SourceASN, int64(e.ASN))
	w.addr(DestinationIP, e.DestinationIP)
	w.number(DestinationPort, int64(e.DestinationPort))
	w.number(DestinationASN, int64(e.DestinationASN))
	w.text(fieldNames[SourceFQDN], e.FQDN)
	w.text(fieldNames[SourceNetwork], e.Network)
	w.text(fieldNames[DestinationFQDN], e.DestinationFQDN)
	for f := Other + 1; f < fieldCount; f++ {
		if p := textOf(e, f); p != nil {
			w.text(fieldNames[f], *p)
		}
	}
	if e.Severity != event.Unrated {
		w.text(fieldNames[Severity], e.Severity.String())
	}
	if e.Extra != "" {
		w.extra(e.Extra, feedName)
	}
	return append(w.dst, '}', '\n')
}

type writer struct {
	dst   []byte
	comma bool
}

func (w *writer) key(name string) {
	if w.comma {
		w.dst = append(w.dst, ',')
	}
	w.comma = true
	w.dst = wire.AppendString(w.dst, name)
	w.dst = append(w.dst, ':')
}

func (w *writer) text(name, v string) {
	if v != "" {
		w.key(name)
		w.dst = wire.AppendString(w.dst, v)
	}
}

// number leaves out 0 and what is below.
func (w *writer) number(f Field, n int64) {
	if n > 0 {
		w.key(fieldNames[f])
		w.dst = strconv.AppendInt(w.dst, n, 10)
	}
}

func (w *writer) addr(f Field, a netip.Addr) {
	if a.IsValid() {
		w.key(fieldNames[f])
		w.dst = append(w.dst, '"')
		w.dst = a.AppendTo(w.dst)
		w.dst = append(w.dst, '"')
	}
}

func (w *writer) time(f Field, micros int64) {
	if micros == 0 {
		return
	}
	layout := "2006-01-02T15:04:05+00:00"
	if micros%1_000_000 != 0 {
		layout = "2006-01-02T15:04:05.000000+00:00"
	}
	w.key(fieldNames[f])
	w.dst = append(w.dst, '"')
	w.dst = time.UnixMicro(micros).UTC().AppendFormat(w.dst, layout)
	w.dst = append(w.dst, '"')
}

func (w *writer) extra(object, feedName string) {
	_ = wire.Decode(object, func(key, v string) error {
		switch {
		case key == "feed.name" && feedName != "":
		case isField(key) || !wire.Known(key):
			w.text("extra."+key, v)
		default:
			w.text(key, v)
		}
		return nil
	})
}

// isField reports whether an event has a field of that name.
func isField(name string) bool {
	for _, n := range fieldNames[Other+1:] {
		if n == name {
			return true
		}
	}
	return strings.HasPrefix(name, "extra.")
}
