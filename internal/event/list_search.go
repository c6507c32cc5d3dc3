package event

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Found is the answer to a search: groups of results, each bounded.
type Found struct {
	Query        string
	What         string // how the query was read: finding, address, prefix, domain, text
	Findings     []Finding
	Total        int64 // of the findings, in any state
	Filter       Filter
	Constituents []Owner
	Types        []TypeRow
}

const maxFound = 50

// Search looks for an address, a prefix, a domain or a URL, a CVE, a finding's id, or part of a name of a finding, a
// constituent or a report type. A query of less than two characters is a fault of kind Invalid.
func (l *Lister) Search(ctx context.Context, query string) (*Found, error) {
	query = strings.TrimSpace(query)
	if n := utf8.RuneCountInString(query); n < 2 || n > 500 || !utf8.ValidString(query) {
		return nil, fault.Problems{{Field: "q", Message: "search for 2 to 500 characters: an address, prefix, domain, name or CVE"}}
	}
	out := &Found{Query: query}
	holders, err := l.holders(ctx, query)
	if err != nil {
		return nil, err
	}
	err = l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.current(tx)
		if err != nil {
			return err
		}
		*out = Found{Query: query}
		if id, err := ParseID(strings.ToLower(query)); err == nil {
			f, ok, err := ix.readFinding(tx, id)
			if ok || err != nil {
				out.What, out.Findings, out.Total = "finding", []Finding{f}, 1
				return err
			}
		}
		out.What, out.Filter = readQuery(query)
		out.Filter.AnyState = true
		if out.What == "text" || out.What == "domain" {
			ix.searchNames(out)
		}
		ix.addHolders(out, holders)
		return ix.searchFindings(tx, out)
	})
	return out, err
}

// readQuery says how a query is to be read.
func readQuery(query string) (what string, f Filter) {
	if a, err := netip.ParseAddr(strings.Trim(query, "[]")); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return "address", Filter{Within: netip.PrefixFrom(a, a.BitLen())}
	}
	if p, err := netip.ParsePrefix(query); err == nil {
		return "prefix", Filter{Within: p.Masked()}
	}
	if u, err := url.Parse(query); err == nil && u.Scheme != "" && u.Host != "" {
		return "domain", Filter{Domain: u.Hostname()}
	}
	if strings.HasPrefix(strings.ToLower(query), "cve-") {
		return "identifier", Filter{Identifier: query}
	}
	if strings.Contains(query, ".") && !strings.ContainsAny(query, " \t/@") {
		return "domain", Filter{Domain: query}
	}
	return "text", Filter{Name: query}
}

// holders are the constituents that have something within, around or below what a query names, the most exact first.
func (l *Lister) holders(ctx context.Context, query string) ([]constituency.Candidate, error) {
	what, f := readQuery(query)
	subject := query
	switch {
	case l.registry == nil || what != "prefix" && what != "domain":
		return nil, nil
	case what == "prefix":
		subject = f.Within.String()
	default:
		subject = f.Domain
	}
	cs, err := l.registry.Owning(ctx, subject, 10*maxFound) // a constituent may have many prefixes there
	if fault.KindOf(err) == fault.Invalid {                 // no domain after all: the names are searched
		return nil, nil
	}
	return cs, err
}

func (ix *index) addHolders(out *Found, cs []constituency.Candidate) {
	for _, c := range cs {
		at, ok := ix.owners.at[c.Constituent]
		if !ok || len(out.Constituents) == maxFound {
			continue
		}
		o := ix.owners.list[at].Owner
		if !slices.ContainsFunc(out.Constituents, func(x Owner) bool { return x.ID == o.ID }) {
			out.Constituents = append(out.Constituents, o)
		}
	}
}

func (ix *index) searchNames(out *Found) {
	low := strings.ToLower(out.Query)
	for _, r := range ix.owners.list {
		exact := strings.ToLower(r.Ref) == low || strings.ToLower(r.Name) == low
		if exact || len(out.Constituents) < maxFound && strings.Contains(strings.ToLower(r.Name+" "+r.Ref), low) {
			out.Constituents = append(out.Constituents, r.Owner)
		}
	}
	for _, t := range ix.types {
		if strings.Contains(strings.ToLower(t.Name+" "+t.Title), low) && len(out.Types) < maxFound {
			out.Types = append(out.Types, TypeRow{ReportType: t.ReportType, Feed: t.feed, FirstDay: t.firstDay, LastDay: t.lastDay,
				Cutoff: t.cutoff})
		}
	}
}

func (ix *index) searchFindings(tx *db.Tx, out *Found) error {
	q, err := ix.compile(out.Filter)
	if err != nil {
		return err
	}
	c := cursor{Sort: Sort{By: ByLastSeen}}
	hits, total := ix.pick(q, c, maxFound+1)
	p, err := ix.page(tx, c, hits, maxFound)
	if err != nil {
		return err
	}
	out.Findings, out.Total = p.Items, total
	return nil
}
