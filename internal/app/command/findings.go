package command

import (
	"fmt"
	"net/netip"
	"text/tabwriter"

	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/world"
)

type findingsCmd struct {
	Format       string   `help:"${enum}." enum:"table,json,csv,idf" default:"table"`
	State        []string `help:"States: open, no-longer-seen, lapsed, closed, false-positive, accepted-risk or all (default: open)." placeholder:"STATE"`
	Feed         []string `help:"Feeds." placeholder:"NAME"`
	Type         []string `help:"Report types." placeholder:"TYPE"`
	Class        []string `help:"RSIT classes." placeholder:"CLASS"`
	Kind         []string `help:"RSIT types." placeholder:"TYPE"`
	Severity     []string `help:"Severities." placeholder:"SEVERITY"`
	MinSeverity  string   `help:"This severity and graver ones." placeholder:"SEVERITY"`
	Sector       []string `help:"Sectors of the owner." placeholder:"SECTOR"`
	OwnerKind    []string `help:"Kinds of the owner." placeholder:"KIND"`
	Designation  []string `help:"Designations of the owner." placeholder:"DESIGNATION"`
	Owner        string   `help:"A constituent's reference or number." placeholder:"REF"`
	Branch       bool     `help:"With --owner: and everybody below it."`
	Unattributed bool     `help:"Only those that are nobody's."`
	NoContact    bool     `help:"Only those whose owner nobody can be told."`
	Address      string   `help:"An address or prefix." aliases:"within" placeholder:"PREFIX"`
	Port         []int32  `help:"Ports." placeholder:"PORT"`
	Transport    string   `help:"Transport: tcp, udp …" placeholder:"NAME"`
	Name         string   `help:"Part of the name: host, URL or account." placeholder:"TEXT"`
	Domain       string   `help:"Names in this domain." placeholder:"DOMAIN"`
	Identifier   string   `help:"Part of the identifier." placeholder:"CVE-2024-"`
	New          bool     `help:"Only those first seen in the latest report of their type."`
	Day          string   `help:"Seen around this day: first seen by then, last seen then or later." placeholder:"YYYY-MM-DD"`
	FirstFrom    string   `help:"First seen on or after." placeholder:"YYYY-MM-DD"`
	FirstUntil   string   `help:"First seen on or before." placeholder:"YYYY-MM-DD"`
	LastFrom     string   `help:"Last seen on or after." placeholder:"YYYY-MM-DD"`
	LastUntil    string   `help:"Last seen on or before." placeholder:"YYYY-MM-DD"`
	Assignee     string   `help:"Assigned to the account with this number, or to nobody." placeholder:"NUMBER"`
	Disposition  []string `help:"What people ruled: none, false-positive, accepted-risk." placeholder:"DISPOSITION"`
	Sort         string   `help:"Of the table: ${enum}." enum:"last-seen,first-seen,severity,address,type,owner" default:"last-seen"`
	Limit        int      `help:"Rows of the table; the other formats have everything." default:"50"`
}

// Help is the command's long help.
func (findingsCmd) Help() string {
	return `json, csv and idf (JSON lines in the IntelMQ Data Format) write everything that is meant, with raw values, for machines.

Examples:
  tocsin findings --min-severity high
  tocsin findings --format csv --sector energy > energy.csv
  tocsin findings --format idf --state all --address 203.0.113.0/24
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
	return event.FilterText{State: c.State, Feed: c.Feed, Type: c.Type, Class: c.Class, Kind: c.Kind, Severity: c.Severity,
		MinSeverity: c.MinSeverity, Sector: c.Sector, OwnerKind: c.OwnerKind, Designation: c.Designation, Owner: c.Owner,
		Branch: c.Branch, Unattributed: c.Unattributed, NoContact: c.NoContact, Address: c.Address, Port: c.Port,
		Transport: c.Transport, Name: c.Name, Domain: c.Domain, Identifier: c.Identifier, New: c.New, Day: c.Day,
		FirstFrom: c.FirstFrom, FirstUntil: c.FirstUntil, LastFrom: c.LastFrom, LastUntil: c.LastUntil,
		Assignee: c.Assignee, Disposition: c.Disposition}.Filter(identity.LocalActor)
}
