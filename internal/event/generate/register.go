package generate

import (
	"fmt"
	"net/netip"
	"strings"
)

// nationalPrefixes are the country's address space.
var nationalPrefixes = []string{"100.64.0.0/10", "198.18.0.0/15", "203.0.113.0/24", "2001:db8::/33"}

// constituency writes the register: who has what, and whom to tell. Some have no contact, on purpose: that is what a
// register looks like, and Tocsin shows it.
func (n *country) constituency() Constituency {
	refs := map[string]bool{}
	for _, o := range n.owners {
		refs[o.ref] = true
	}
	there := func(ref string) string {
		if refs[ref] {
			return ref
		}
		return ""
	}
	c := Constituency{NationalPrefixes: nationalPrefixes}
	for i, o := range n.owners {
		c.Constituents = append(c.Constituents, Constituent{
			Ref: o.ref, Parent: there(o.org.parent), Name: o.name, Kind: o.org.kind, Sector: o.org.sector,
			Designation: o.org.designation, Delegate: there(o.org.delegate), Language: "en",
			Contacts: o.contacts(), Assets: n.assets(i, o)})
	}
	return c
}

func (o *owner) contacts() []Contact {
	clearance := [...]string{"AMBER", "AMBER", "AMBER+STRICT", "GREEN"}[o.network6>>16%4]
	list := []Contact{
		{Role: "abuse", Name: "Abuse desk", Mail: "abuse@" + o.domain(), Language: "en", Keys: []string{}, Clearance: clearance},
		{Role: "security", Name: "Security office", Mail: "security@" + o.domain(), Phone: "+999 555 0123", Language: "en",
			Keys: []string{}, Clearance: "AMBER+STRICT"},
	}
	return list[:o.contact]
}

func (o *owner) domain() string { return o.ref + ".example" }

// assets are everything a constituent is known by. The first two with something to share list one prefix both: the
// leftover of a merger, which the register reports as a conflict.
func (n *country) assets(i int, o *owner) []Asset {
	var list []Asset
	add := func(kind, value string, also bool) {
		list = append(list, Asset{Kind: kind, Value: value, AlsoNotify: also})
	}
	for _, p := range o.prefixes {
		add("prefix", p.String(), o.isp && i%2 == 0)
	}
	add("prefix", netip.PrefixFrom(addr6(o.network6, 0), 48).String(), false)
	for _, a := range o.addrs {
		add("address", a.String(), false)
	}
	if o.asn != 0 {
		add("asn", fmt.Sprintf("AS%d", o.asn), false)
	}
	add("domain", o.domain(), false)
	if i%2 == 1 {
		add("domain", o.ref+"-online.test", false)
	}
	if o.ref == "zendahydro" {
		if grid := n.find("grid"); grid != nil && len(grid.prefixes) > 0 {
			add("prefix", grid.prefixes[0].String(), false)
		}
	}
	return list
}

func (n *country) find(ref string) *owner {
	for _, o := range n.owners {
		if strings.EqualFold(o.ref, ref) {
			return o
		}
	}
	return nil
}
