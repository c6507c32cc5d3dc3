package disclosure

import (
	"slices"
	"strings"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/fault"
)

// Ref names an object as "kind:id": "finding:12", "bulletin:7".
type Ref string

// Item is something that may leave: it knows who it is, how it is marked, and what it refers to. What it refers to is an item
// too, because whoever gets the item learns of it; a referenced object that cannot be found stands there as nil and hides
// the item.
type Item interface {
	Ref() Ref
	Marking() Marking
	References() []Item
}

// Marking says how far an item may travel. Every part of it narrows; the narrowest wins.
type Marking struct {
	// Label is what the item itself bears; tlp.None when it bears none.
	Label tlp.Label
	// Default is the label of its source, for an item without one: Shadowserver's rows bear none and its feed is AMBER. An item
	// with neither leaves to nobody.
	Default tlp.Label
	// PAP says what a recipient may do with it.
	PAP PAP
	// Audience is what the source's agreement says of who may be told.
	Audience Audience
	// Owners are the constituents it is about: the organisation of AMBER+STRICT.
	Owners []int64
	// Copies are the constituents that asked to be told of what concerns the owners: clients with a need to know.
	Copies []int64
	// Circles are the names of the communities it is limited to; empty: it is not limited to any.
	Circles []string
	// Named are recipients, as "reporter:12", whose word it is or whom it was written for: it leaves to them under any label but RED.
	Named []string
	// Persons are those RED names, as "person:12"; it leaves to nobody else.
	Persons []string
}

// Equal tells whether two markings say the same.
func (m Marking) Equal(o Marking) bool {
	return m.Label == o.Label && m.Default == o.Default && m.PAP == o.PAP && m.Audience == o.Audience && slices.Equal(m.Owners, o.Owners) &&
		slices.Equal(m.Copies, o.Copies) && slices.Equal(m.Circles, o.Circles) && slices.Equal(m.Named, o.Named) && slices.Equal(m.Persons, o.Persons)
}

// Effective is the label that counts: the item's own, else its source's.
func (m Marking) Effective() tlp.Label {
	if m.Label != tlp.None {
		return m.Label
	}
	return m.Default
}

// String is the label that counts, with PAP where there is one: "TLP:AMBER, PAP:RED".
func (m Marking) String() string {
	if m.PAP == NoPAP {
		return m.Effective().String()
	}
	return m.Effective().String() + ", " + m.PAP.String()
}

// Audience is whom a source lets be told, besides the nation's own staff. The zero value is no restriction beyond the label.
type Audience string

// The audiences, as feeds have them.
const (
	Anyone         Audience = ""
	Owner          Audience = "owner"
	OwnerAndCopies Audience = "owner+also-notify"
	StaffOnly      Audience = "staff"
)

// PAP is a level of the Permissible Actions Protocol (the MISP taxonomy "PAP"): what a recipient may do with what it is told.
// A greater one is stricter. The zero value is no level, which restricts nothing.
type PAP int

// The levels.
const (
	NoPAP    PAP = iota
	PAPClear     // whatever one likes
	PAPGreen     // active actions: block, ping, put into a honeypot
	PAPAmber     // passive cross-checks, third-party services included
	PAPRed       // nothing that can be detected from outside; nothing on the network
)

var papNames = [...]string{"", "PAP:CLEAR", "PAP:GREEN", "PAP:AMBER", "PAP:RED"}

// String is the level as the taxonomy writes it; "" for none.
func (p PAP) String() string {
	if p < NoPAP || p > PAPRed {
		return ""
	}
	return papNames[p]
}

// ParsePAP reads a level in any case, with or without "PAP:"; "WHITE" is CLEAR and "" is none.
func ParsePAP(s string) (PAP, error) {
	u := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "PAP:")
	switch u {
	case "":
		return NoPAP, nil
	case "WHITE":
		return PAPClear, nil
	}
	if i := slices.Index(papNames[:], "PAP:"+u); i > 0 {
		return PAP(i), nil
	}
	return NoPAP, fault.Invalidf("%q is no level of PAP: write CLEAR, GREEN, AMBER or RED", s)
}
