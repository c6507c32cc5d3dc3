package command

import (
	"fmt"
	"net/netip"
	"strconv"
	"text/tabwriter"

	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type findingsCmd struct {
	Format       string   `help:"${enum}." enum:"table,json,csv,idf" default:"table"`
	State        []string `help:"States: open, no-longer-seen, lapsed, closed or all (default: open)." placeholder:"STATE"`
	Feed         []string `help:"Feeds." placeholder:"NAME"`
	Type         []string `help:"Report types." placeholder:"TYPE"`
	Class        []string `help:"RSIT classes." placeholder:"CLASS"`
	Severity     []string `help:"Severities." placeholder:"SEVERITY"`
	MinSeverity  string   `help:"This severity and graver ones." placeholder:"SEVERITY"`
	Sector       []string `help:"Sectors of the owner." placeholder:"SECTOR"`
	Owner        string   `help:"A constituent's reference." placeholder:"REF"`
	Branch       bool     `help:"With --owner: and everybody below it."`
	Unattributed bool     `help:"Only those that are nobody's."`
	NoContact    bool     `help:"Only those whose owner nobody can be told."`
	Within       string   `help:"An address or prefix." placeholder:"PREFIX"`
	Port         []int32  `help:"Ports." placeholder:"PORT"`
	Domain       string   `help:"Names in this domain." placeholder:"DOMAIN"`
	Identifier   string   `help:"Part of the identifier." placeholder:"CVE-2024-"`
	New          bool     `help:"Only those first seen in the latest report of their type."`
	FirstFrom    string   `help:"First seen on or after." placeholder:"YYYY-MM-DD"`
	FirstUntil   string   `help:"First seen on or before." placeholder:"YYYY-MM-DD"`
	LastFrom     string   `help:"Last seen on or after." placeholder:"YYYY-MM-DD"`
	LastUntil    string   `help:"Last seen on or before." placeholder:"YYYY-MM-DD"`
	Sort         string   `help:"Of the table: ${enum}." enum:"last-seen,first-seen,severity,address,type,owner" default:"last-seen"`
	Limit        int      `help:"Rows of the table; the other formats have everything." default:"50"`
}

// Help is the command's long help.
func (findingsCmd) Help() string {
	return `json, csv and idf (JSON lines in the IntelMQ Data Format) write everything that is meant, with raw values, for machines.

Examples:
  tocsin findings --min-severity high
  tocsin findings --format csv --sector energy > energy.csv
  tocsin findings --format idf --state all --within 203.0.113.0/24
  tocsin findings --format json --owner dso1 --branch`
}

// Run lists or exports findings.
func (c *findingsCmd) Run(e *Env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error {
		if c.Format != "table" {
			return w.Findings.Export(e.Ctx, e.Out, f, c.Format)
		}
		return c.table(e, w, f)
	})
}

func (c *findingsCmd) table(e *Env, w *world.World, f event.Filter) error {
	t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SEVERITY\tSUBJECT\tTYPE\tOWNER\tFIRST SEEN\tLAST SEEN\tSTATE")
	left, cursor := max(c.Limit, 1), ""
	var total int64
	for {
		p, err := w.Findings.List(e.Ctx, f, event.Sort{By: event.Order(c.Sort)}, event.PageRequest{Cursor: cursor, Limit: min(left, 1000)})
		if err != nil {
			return err
		}
		total = p.Total
		for _, x := range p.Items {
			owner := x.Owner.Name
			if owner == "" {
				owner = "–"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Severity, subject(x), x.Type, owner, x.FirstDay, x.LastDay, x.State)
		}
		left -= len(p.Items)
		if cursor = p.Next; cursor == "" || left <= 0 {
			break
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.Err, "%s of %s findings\n", count(min(int64(max(c.Limit, 1)), total)), count(total))
	return err
}

func subject(f event.Finding) string {
	switch {
	case f.Name != "" && f.Address.IsValid():
		return f.Name + " " + f.Address.String()
	case f.Name != "":
		return f.Name
	case f.Port >= 0 && f.Address.IsValid():
		return netip.AddrPortFrom(f.Address, uint16(f.Port)).String() + "/" + f.Transport
	case f.Address.IsValid():
		return f.Address.String()
	}
	return f.ID.String()[:16] + "…"
}

func (c *findingsCmd) filter() (event.Filter, error) {
	f := event.Filter{Feeds: c.Feed, Types: c.Type, Classes: c.Class, Sectors: c.Sector, Owner: c.Owner, Branch: c.Branch,
		Unattributed: c.Unattributed, NoContact: c.NoContact, Ports: c.Port, Domain: c.Domain, Identifier: c.Identifier, New: c.New}
	for _, s := range c.State {
		if s == "all" {
			f.AnyState = true
		} else {
			f.States = append(f.States, event.State(s))
		}
	}
	for _, s := range c.Severity {
		v, ok := event.ParseSeverity(s)
		if !ok {
			return f, fault.Invalidf("%q is no severity: want unrated, info, low, medium, high or critical", s)
		}
		f.Severities = append(f.Severities, v)
	}
	if c.MinSeverity != "" {
		var ok bool
		if f.MinSeverity, ok = event.ParseSeverity(c.MinSeverity); !ok {
			return f, fault.Invalidf("%q is no severity: want unrated, info, low, medium, high or critical", c.MinSeverity)
		}
	}
	for _, d := range []struct {
		flag, value string
		to          *event.Day
	}{{"first-from", c.FirstFrom, &f.FirstFrom}, {"first-until", c.FirstUntil, &f.FirstUntil}, {"last-from", c.LastFrom, &f.LastFrom},
		{"last-until", c.LastUntil, &f.LastUntil}} {
		day, err := parseDate(d.flag, d.value)
		if err != nil {
			return f, err
		}
		*d.to = event.Day(day)
	}
	if c.Within != "" {
		p, err := parsePrefix(c.Within)
		if err != nil {
			return f, err
		}
		f.Within = p
	}
	return f, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fault.Invalidf("--within %s: want an address or a prefix such as 203.0.113.0/24", strconv.Quote(s))
	}
	return p.Masked(), nil
}
