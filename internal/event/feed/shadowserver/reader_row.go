package shadowserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/idf"
	"tocsin/internal/format/delimited"
)

type reader struct {
	*plan
	split *delimited.Splitter
	rec   delimited.Record
	build idf.Builder
	row   int64
}

// Next reads the next row.
func (r *reader) Next(e *event.Event) error {
	if err := r.split.Next(&r.rec); err != nil {
		var bad *delimited.Error
		if !errors.As(err, &bad) {
			return err
		}
		r.row++
		e.Offset = bad.Offset
		return &event.RowError{Row: r.row, Line: bad.Line, Column: bad.Column, Field: r.name(bad.Column), Reason: bad.Error()}
	}
	r.row++
	if len(r.rec.Fields) != len(r.columns) {
		e.Offset = r.rec.Offset
		return r.wrong(0, "", fmt.Sprintf("the row has %d columns; expected %d, as in the header", len(r.rec.Fields), len(r.columns)))
	}
	r.build.Clean = r.rec.Plain
	r.build.Begin(e, &r.base)
	e.Row, e.Line, e.Offset = r.row, r.rec.Line, r.rec.Offset
	steps, fields := r.steps, r.rec.Fields
	for i := range steps {
		s := &steps[i]
		v := fields[s.column]
		if v == "" {
			continue
		}
		if s.do == extra {
			r.build.ExtraQuoted(s.key, v)
			continue
		}
		if reason := r.apply(e, s, v); reason != "" {
			return r.wrong(s.column+1, s.field.String(), reason)
		}
	}
	if e.FQDN == "" && e.URL != "" {
		e.FQDN = idf.HostOfURL(e.URL)
	}
	if e.DestinationFQDN == "" && e.DestinationURL != "" {
		e.DestinationFQDN = idf.HostOfURL(e.DestinationURL)
	}
	if r.subject && !e.IP.IsValid() && e.FQDN == "" && e.URL == "" && e.Account == "" && e.Network == "" {
		return r.wrong(r.columnOf(idf.SourceIP), idf.SourceIP.String(), "the row has no address; expected an IPv4 or IPv6 address")
	}
	r.build.End(e)
	return nil
}

func (r *reader) wrong(column int, field, reason string) error {
	return &event.RowError{Row: r.row, Line: r.rec.Line, Column: column, Field: field, Reason: reason}
}

// name is the header of a column counted from 1.
func (r *reader) name(column int) string {
	if column < 1 || column > len(r.columns) {
		return ""
	}
	return r.columns[column-1]
}

func (r *reader) columnOf(f idf.Field) int {
	for _, s := range r.steps {
		if s.field == f {
			return s.column + 1
		}
	}
	return 0
}

// apply does a step with a text that is not empty.
func (r *reader) apply(e *event.Event, s *step, v string) (reason string) {
	switch s.do {
	case set:
		return r.build.Set(e, s.field, v)
	case setUnless0:
		if v != "0" && v != "unknown" {
			return r.build.Set(e, s.field, v)
		}
	case extraNot0:
		if v != "0" {
			r.build.ExtraQuoted(s.key, v)
		}
	case setSoft:
		if r.build.Set(e, s.field, v) != "" && r.soft(s.column) {
			r.build.ExtraQuoted(s.key, v)
		}
	case address:
		return r.address(e, v)
	case hostOf:
		if h := hostIn(v); h != "" && (e.FQDN == "" || s.field != idf.SourceFQDN) {
			return r.build.Set(e, s.field, h)
		}
	case cve:
		r.vulnerabilities(e, v)
	case exchangeClass, exchangeKind, exchangeIdentifier:
		exchange(e, s.do, v)
	case sourceURL:
		if u := r.url(v, e.IP, e.Port); u != "" {
			return r.build.Set(e, s.field, u)
		}
	case destinationURL:
		if u := r.url(v, e.DestinationIP, e.DestinationPort); u != "" {
			return r.build.Set(e, s.field, u)
		}
	case ifEmpty:
		if e.Text == "" {
			return r.build.Set(e, s.field, v)
		}
	}
	return ""
}

// soft reports whether the column is not an extra field anyway.
func (r *reader) soft(column int) bool {
	for i := range r.steps {
		if s := &r.steps[i]; s.column == column && (s.do == extra || s.do == extraNot0) {
			return false
		}
	}
	return true
}

// address sets source.ip. A few reports have a prefix or a name in its column.
func (r *reader) address(e *event.Event, v string) (reason string) {
	if reason = r.build.Set(e, idf.SourceIP, v); reason == "" {
		return ""
	}
	if p, err := netip.ParsePrefix(v); err == nil {
		if p.IsSingleIP() {
			return r.build.Set(e, idf.SourceIP, p.Addr().String())
		}
		return r.build.Set(e, idf.SourceNetwork, v)
	}
	e.IP = netip.Addr{}
	if _, ok := idf.Host(v); ok && strings.IndexByte(v, ':') < 0 {
		if e.FQDN == "" {
			return r.build.Set(e, idf.SourceFQDN, v)
		}
		return ""
	}
	return reason
}

// hostIn is the domain name in a URL, a mail address or a bare name, "" for none.
func hostIn(v string) string {
	if strings.Contains(v, "://") {
		return idf.HostOfURL(v)
	}
	v = v[strings.LastIndexByte(v, '@')+1:]
	if i := strings.IndexByte(v, '/'); i >= 0 {
		v = v[:i]
	}
	h, _ := idf.Host(v)
	return h
}

// vulnerabilities adds the CVE numbers in v to those that other columns gave.
func (r *reader) vulnerabilities(e *event.Event, v string) {
	list := r.build.CVEs(v)
	switch {
	case list == "" || list == e.Vulnerabilities:
	case e.Vulnerabilities == "":
		e.Vulnerabilities = list
	default:
		e.Vulnerabilities = r.build.CVEs(r.build.Join(e.Vulnerabilities, ",", list))
	}
}

// exchange classifies an Exchange server: one that serves a web shell was broken into, any other is vulnerable.
func exchange(e *event.Event, do action, tags string) {
	class, kind, identifier := "vulnerable", "vulnerable-system", "vulnerable-exchange-server"
	for tag := range strings.FieldsFuncSeq(tags, func(c rune) bool { return c == ';' || c == ',' || c == ' ' }) {
		if strings.EqualFold(tag, "webshell") {
			class, kind, identifier = "intrusions", "system-compromise", "exchange-server-webshell"
		}
	}
	switch do {
	case exchangeClass:
		e.Class = class
	case exchangeKind:
		e.Kind = kind
	case exchangeIdentifier:
		e.Identifier = identifier
	}
}

// url completes what a URL's column holds: a URL, a path, or the first line of a request. Reports keep the host in a
// column of its own; without one the address stands for it.
func (r *reader) url(v string, ip netip.Addr, port int32) string {
	if i := strings.Index(v, "://"); i > 0 && i < 12 && strings.IndexByte(v[:i], '/') < 0 {
		return v
	}
	path := v
	if method, rest, ok := strings.Cut(v, " "); ok && method != "" && strings.ToUpper(method) == method && strings.HasPrefix(rest, "/") {
		path, _, _ = strings.Cut(rest, " ")
	}
	if strings.Contains(path, "://") { // the request of a proxy
		_, path, _ = strings.Cut(v, " ")
		path, _, _ = strings.Cut(path, " ")
		return path
	}
	host := ""
	for _, c := range r.host {
		if host = r.rec.Fields[c]; host != "" {
			break
		}
	}
	if host == "" && ip.IsValid() {
		host = ip.String()
		if ip.Is6() {
			host = "[" + host + "]"
		}
	}
	if host == "" {
		return v
	}
	scheme := "http"
	if port == 443 {
		scheme = "https"
	}
	if r.app >= 0 {
		if app := r.rec.Fields[r.app]; app == "http" || app == "https" {
			scheme = app
		}
	}
	slash := ""
	if !strings.HasPrefix(path, "/") {
		slash = "/"
	}
	return r.build.Join(scheme, "://", host, slash, path)
}
