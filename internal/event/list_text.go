package event

import (
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// FilterText is a Filter as it stands in an address, an operation's query or on the command line. Its tags are those that
// pages and operations read.
type FilterText struct {
	State        []string `query:"state" doc:"open (the default), no-longer-seen, lapsed, closed, false-positive, accepted-risk; all for any"`
	Feed         []string `query:"feed" doc:"Names of feeds"`
	Type         []string `query:"type" doc:"Names of report types"`
	Class        []string `query:"class" doc:"RSIT classes"`
	Kind         []string `query:"kind" doc:"RSIT types"`
	Severity     []string `query:"severity" doc:"unrated, info, low, medium, high, critical"`
	MinSeverity  string   `query:"min-severity" doc:"At least as grave as this"`
	Sector       []string `query:"sector" doc:"Sectors of the owner"`
	OwnerKind    []string `query:"owner-kind" doc:"Kinds of the owner: operator, institution, isp …"`
	Designation  []string `query:"designation" doc:"Designations of the owner: special-importance, important, other"`
	Owner        string   `query:"owner" doc:"The ref or number of a constituent"`
	Branch       bool     `query:"branch" doc:"With owner: and everybody below it"`
	Unattributed bool     `query:"unattributed" doc:"Only what belongs to nobody known"`
	NoContact    bool     `query:"no-contact" doc:"Only where the owner has no contact that could be told"`
	Address      string   `query:"address" doc:"An address or prefix, IPv4 or IPv6"`
	Port         []int32  `query:"port" doc:"Ports of services"`
	Transport    string   `query:"transport" doc:"tcp, udp, icmp …"`
	Name         string   `query:"name" doc:"Part of the name: host, URL or account"`
	Domain       string   `query:"domain" doc:"The name's host is this domain or below it"`
	Identifier   string   `query:"identifier" doc:"Part of the identifier, for example CVE-2024-"`
	New          bool     `query:"new" doc:"Only what the latest report of its type saw for the first time"`
	Day          string   `query:"day" doc:"First seen on this day or earlier and last seen on it or later, YYYY-MM-DD"`
	FirstFrom    string   `query:"first-from" doc:"First seen on this day or later, YYYY-MM-DD"`
	FirstUntil   string   `query:"first-until" doc:"First seen on this day or earlier"`
	LastFrom     string   `query:"last-from" doc:"Last seen on this day or later"`
	LastUntil    string   `query:"last-until" doc:"Last seen on this day or earlier"`
	Assignee     string   `query:"assignee" doc:"me, nobody or the number of an account"`
	Disposition  []string `query:"disposition" doc:"What people ruled: none, false-positive, accepted-risk"`
}

// Filter reads the text for somebody, who is "me" in it. What it cannot read is a fault.Problems that names the fields.
func (t FilterText) Filter(by act.Actor) (Filter, error) {
	f := Filter{Feeds: t.Feed, Types: t.Type, Classes: t.Class, Kinds: t.Kind, Sectors: t.Sector, OwnerKinds: t.OwnerKind,
		Designations: t.Designation, Owner: t.Owner, Branch: t.Branch, Unattributed: t.Unattributed, NoContact: t.NoContact,
		Ports: t.Port, Transport: strings.ToLower(t.Transport), Name: t.Name, Domain: t.Domain, Identifier: t.Identifier, New: t.New}
	var ps fault.Problems
	wrong := func(field, message string) { ps = append(ps, fault.Problem{Field: field, Message: message}) }
	for _, s := range t.State {
		if s == "all" {
			f.AnyState = true
		} else {
			f.States = append(f.States, State(s))
		}
	}
	severity := func(field, text string) (s Severity) {
		s, ok := ParseSeverity(text)
		if !ok {
			wrong(field, "use unrated, info, low, medium, high or critical")
		}
		return s
	}
	for _, s := range t.Severity {
		f.Severities = append(f.Severities, severity("severity", s))
	}
	if t.MinSeverity != "" {
		f.MinSeverity = severity("min-severity", t.MinSeverity)
	}
	if t.Address != "" {
		var err error
		if f.Within, err = readPrefix(t.Address); err != nil {
			wrong("address", "write an address or prefix such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32")
		}
	}
	for _, d := range []struct {
		field, text string
		to          *Day
	}{{"first-from", t.FirstFrom, &f.FirstFrom}, {"first-until", t.FirstUntil, &f.FirstUntil},
		{"last-from", t.LastFrom, &f.LastFrom}, {"last-until", t.LastUntil, &f.LastUntil}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = ParseDay(d.text); err != nil || *d.to <= 0 {
			wrong(d.field, "write a day as YYYY-MM-DD")
		}
	}
	if t.Day != "" {
		d, err := ParseDay(t.Day)
		if err != nil || d <= 0 {
			wrong("day", "write a day as YYYY-MM-DD")
		}
		f.LastFrom = max(f.LastFrom, d)
		if f.FirstUntil == 0 || d < f.FirstUntil {
			f.FirstUntil = d
		}
	}
	for _, d := range t.Disposition {
		if d == "none" {
			d = ""
		}
		f.Dispositions = append(f.Dispositions, Disposition(d))
	}
	switch {
	case t.Assignee == "nobody":
		f.Unassigned = true
	case t.Assignee == "me" && by.Rights != nil:
		f.Assignee = by.Rights.Account
	case t.Assignee != "" && t.Assignee != "me":
		f.Assignee, _ = strconv.ParseInt(t.Assignee, 10, 64)
	}
	if t.Assignee != "" && !f.Unassigned && f.Assignee <= 0 {
		wrong("assignee", "use nobody, the number of an account, or, with an account, me")
	}
	if len(ps) > 0 {
		return f, ps
	}
	return f, nil
}

// Query is the text as the query of an address, its names in order; "" for the zero FilterText.
func (t FilterText) Query() string {
	q := url.Values{}
	v := reflect.ValueOf(t)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("query")
		switch x := v.Field(i).Interface().(type) {
		case string:
			if x != "" {
				q.Set(name, x)
			}
		case bool:
			if x {
				q.Set(name, "1")
			}
		case []string:
			q[name] = x
		case []int32:
			for _, n := range x {
				q.Add(name, strconv.Itoa(int(n)))
			}
		}
	}
	return q.Encode()
}

// readPrefix reads an address or a prefix.
func readPrefix(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fault.Invalidf("%q is no address", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// ParseSort reads an order; a leading "-" reverses it, "" is the latest seen first.
func ParseSort(s string) (Sort, error) {
	name, reverse := strings.CutPrefix(s, "-")
	if name == "" {
		name = string(ByLastSeen)
	}
	for _, o := range Orders() {
		if string(o) == name {
			return Sort{By: o, Reverse: reverse}, nil
		}
	}
	return Sort{}, fault.Problems{{Field: "sort", Message: "use last-seen, first-seen, severity, address, type or owner, with - before it to reverse"}}
}
