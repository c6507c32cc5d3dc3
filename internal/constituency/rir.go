package constituency

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gaissmai/bart"

	"tocsin/internal/format/rpsl"
	"tocsin/internal/platform/fault"
)

// RegistryFile is one of a regional registry's bulk files in RPSL, plain or gzip.
type RegistryFile struct {
	Name string
	R    io.Reader
}

// network is an inetnum or inet6num of the country.
type network struct {
	prefixes []netip.Prefix
	netname  string
	descr    string
	org      string
	abuse    string // abuse-c of its own
	irt      string
}

type organisation struct {
	name, abuse, country string
	lir                  bool
}

type mailbox struct{ name, mail string }

// registryData is what the bulk files say about a country.
type registryData struct {
	networks []network
	asns     map[uint32]string // to their organisation
	asnHere  map[uint32]bool   // those that name the country themselves
	orgs     map[string]organisation
	boxes    map[string]mailbox // by the handle of a role or irt
	objects  int
	warnings []Warning
}

// readRegistry reads the files in any order. Objects of other countries are passed over; organisations and roles are
// kept, for only the networks tell which of them matter.
func readRegistry(country string, files []RegistryFile) (*registryData, error) {
	d := &registryData{asns: map[uint32]string{}, asnHere: map[uint32]bool{}, orgs: map[string]organisation{}, boxes: map[string]mailbox{}}
	for _, f := range files {
		r, err := rpsl.NewReader(f.R, "inetnum", "inet6num", "aut-num", "organisation", "role", "person", "irt")
		if err != nil {
			return nil, fault.Invalidf("read %s: %w", f.Name, err)
		}
		for {
			o, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fault.Invalidf("read %s: %w", f.Name, err)
			}
			d.take(f.Name, country, o)
		}
	}
	if d.objects == 0 {
		return nil, fault.Invalidf("no object of RPSL is in the files: they are the registries' bulk files (inetnum, organisation, role …), plain or gzip")
	}
	return d, nil
}

func (d *registryData) take(file, country string, o *rpsl.Object) {
	d.objects++
	here := slices.ContainsFunc(o.All("country"), func(c string) bool { return strings.EqualFold(c, country) })
	switch o.Class() {
	case "inetnum", "inet6num":
		if !here {
			return
		}
		ps, err := rpsl.Prefixes(o.Key())
		if err != nil {
			d.warn(file, o, err)
			return
		}
		n := network{netname: line(o.Get("netname")), descr: line(o.Get("descr")), org: upper(o.Get("org")),
			abuse: upper(o.Get("abuse-c")), irt: upper(o.Get("mnt-irt"))}
		for _, p := range ps {
			if p, err := CanonicalPrefix(p.String()); err == nil {
				n.prefixes = append(n.prefixes, p)
			}
		}
		d.networks = append(d.networks, n)
	case "aut-num":
		n, err := rpsl.ASN(o.Key())
		if err != nil {
			d.warn(file, o, err)
			return
		}
		if org := upper(o.Get("org")); org != "" {
			d.asns[n], d.asnHere[n] = org, here
		}
	case "organisation":
		d.orgs[upper(o.Key())] = organisation{name: line(o.Get("org-name")), abuse: upper(o.Get("abuse-c")),
			country: strings.ToUpper(o.Get("country")), lir: strings.EqualFold(o.Get("org-type"), "LIR")}
	default:
		box := line(o.Get("abuse-mailbox"))
		if box == "" {
			return
		}
		if a, err := mail.ParseAddress(box); err != nil || a.Address != box || len(box) > 254 {
			d.warn(file, o, fmt.Errorf("%q is no mail address", box))
			return
		}
		handle, name := o.Get("nic-hdl"), line(o.Key())
		if handle == "" { // an irt is known by its name
			handle = o.Key()
		}
		d.boxes[upper(handle)] = mailbox{name, box}
	}
}

func upper(s string) string { return strings.ToUpper(line(s)) }

func (d *registryData) warn(file string, o *rpsl.Object, err error) {
	if len(d.warnings) < maxProblems {
		d.warnings = append(d.warnings, Warning{File: file, Line: o.Line, Field: o.Class(), Message: err.Error()})
	}
}

// abuseOf finds who answers for a network: its own abuse-c, its organisation's, or its incident response team's.
func (d *registryData) abuseOf(n network) (handle string, box mailbox, ok bool) {
	for _, h := range []string{n.abuse, d.orgs[n.org].abuse, n.irt} {
		if box, ok = d.boxes[h]; ok && h != "" {
			return h, box, true
		}
	}
	return "", mailbox{}, false
}

// claimed is a constituent as the registry gives it, before it is compared with what is stored.
type claimed struct {
	Constituent
	contacts []Contact
	assets   []Asset
}

func (c *claimed) contact(box mailbox) {
	k := Contact{Role: "abuse", Name: box.name, Mail: box.mail, Source: Automatic, ValidUntil: Open}
	if !slices.ContainsFunc(c.contacts, func(o Contact) bool { return o.identity().mail == k.identity().mail }) {
		c.contacts = append(c.contacts, k)
	}
}

func (c *claimed) asset(kind AssetKind, value string) {
	c.assets = append(c.assets, Asset{Kind: kind, Value: value, Source: Automatic, ValidUntil: Open})
}

// claims makes constituents of networks. One that nobody answers for and that lies within another one that somebody does
// answer for is left to that one, as the registry itself has it: an entry of its own would hide the abuse desk.
func (d *registryData) claims(country string) []*claimed {
	var answered bart.Table[bool]
	for _, n := range d.networks {
		if _, _, ok := d.abuseOf(n); ok {
			for _, p := range n.prefixes {
				answered.Insert(p, true)
			}
		}
	}
	c := collector{data: d, byRef: map[string]*claimed{}, desks: map[string]string{}, orgs: map[string]bool{}}
	slices.SortStableFunc(d.networks, func(a, b network) int {
		return cmp.Or(cmp.Compare(a.netname, b.netname), cmp.Compare(a.abuse, b.abuse))
	})
	for _, n := range d.networks {
		_, _, ok := d.abuseOf(n)
		if !ok {
			n.prefixes = slices.DeleteFunc(slices.Clone(n.prefixes), func(p netip.Prefix) bool {
				_, covered := answered.LookupPrefix(p)
				return covered
			})
		}
		if len(n.prefixes) > 0 {
			c.network(n)
		}
	}
	for _, asn := range sortedKeys(d.asns) {
		org := d.asns[asn]
		if known := d.orgs[org].country; d.asnHere[asn] || known == country || known == "" && c.orgs[org] {
			o := c.organisation(org)
			o.Kind = ISP
			o.asset(ASNAsset, "AS"+strconv.FormatUint(uint64(asn), 10))
		}
	}
	var out []*claimed
	for _, ref := range sortedKeys(c.byRef) {
		x := c.byRef[ref]
		x.assets = distinct(x.assets)
		out = append(out, x)
	}
	return out
}

type collector struct {
	data  *registryData
	byRef map[string]*claimed
	desks map[string]string // ref of a network without an organisation → the handle that answers for it
	orgs  map[string]bool   // that hold networks of the country
}

func (c *collector) network(n network) {
	handle, box, answered := c.data.abuseOf(n)
	var x *claimed
	if refForm.MatchString(n.org) {
		x = c.organisation(n.org)
		c.orgs[n.org] = true
	} else {
		x = c.named(n, handle)
	}
	if answered {
		x.contact(box)
	}
	for _, p := range n.prefixes {
		x.asset(PrefixAsset, p.String())
	}
}

func (c *collector) organisation(handle string) *claimed {
	if x := c.byRef[handle]; x != nil {
		return x
	}
	o := c.data.orgs[handle]
	x := c.add(handle, cut(either(o.name, handle)))
	if o.lir {
		x.Kind = ISP
	}
	if box, ok := c.data.boxes[o.abuse]; ok && o.abuse != "" {
		x.contact(box)
	}
	return x
}

// named makes the constituent of a network without an organisation. Names of networks are not unique: two with different
// desks are two constituents.
func (c *collector) named(n network, handle string) *claimed {
	ref := refFrom(n.netname)
	if desk, taken := c.desks[ref]; taken && desk != handle || !taken && c.byRef[ref] != nil {
		ref = refFrom(n.netname + "-" + either(handle, "NOBODY"))
	}
	c.desks[ref] = handle
	if x := c.byRef[ref]; x != nil {
		return x
	}
	return c.add(ref, cut(either(n.descr, ref)))
}

func (c *collector) add(ref, name string) *claimed {
	x := &claimed{Constituent: Constituent{Ref: ref, Name: name, Kind: OtherKind, Designation: OtherDesignation,
		Source: Automatic, ValidUntil: Open}}
	c.byRef[ref] = x
	return x
}

// refFrom makes a reference of a network's name.
func refFrom(name string) string {
	ref := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, name)
	ref = strings.TrimLeft(ref, ".-_")
	return either(ref[:min(len(ref), 80)], "UNNAMED")
}

func cut(s string) string {
	if r := []rune(s); len(r) > maxLine {
		return string(r[:maxLine])
	}
	return s
}

func distinct(as []Asset) []Asset {
	slices.SortFunc(as, func(a, b Asset) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value)) })
	return slices.CompactFunc(as, func(a, b Asset) bool { return a.Kind == b.Kind && a.Value == b.Value })
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
