// Package tlp has the labels of the Traffic Light Protocol, version 2.0 (FIRST, August 2022), and their order: how far
// the source of something lets it travel.
package tlp

import (
	"fmt"
	"strings"
)

// Label is a TLP 2.0 label; a greater one is stricter. The zero value is no label at all.
type Label int

// The labels.
const (
	None        Label = iota
	Clear             // the world
	Green             // the community
	Amber             // the organisation and its clients, on a need-to-know basis
	AmberStrict       // the organisation only
	Red               // the persons it was given to
)

var names = [...]string{"", "TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"}

// Labels lists the labels from the widest to the strictest.
func Labels() []Label { return []Label{Clear, Green, Amber, AmberStrict, Red} }

// Parse reads a label in any case, with or without "TLP:"; "WHITE" of TLP 1.0 is CLEAR. "" is None.
func Parse(s string) (Label, error) {
	u := strings.ToUpper(strings.TrimSpace(s))
	if u == "" {
		return None, nil
	}
	u = strings.TrimSpace(strings.TrimPrefix(u, "TLP:"))
	if u == "WHITE" {
		return Clear, nil
	}
	for l, n := range names {
		if l > 0 && n[len("TLP:"):] == u {
			return Label(l), nil
		}
	}
	return None, fmt.Errorf("%q is no label of TLP 2.0: write CLEAR, GREEN, AMBER, AMBER+STRICT or RED", s)
}

// String is the label as the standard writes it: "TLP:AMBER+STRICT"; "" for none.
func (l Label) String() string {
	if l < None || l > Red {
		return ""
	}
	return names[l]
}

// MarshalText writes the label.
func (l Label) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what Parse reads.
func (l *Label) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	if err == nil {
		*l = v
	}
	return err
}

// Permits tells whether somebody cleared up to l may be given what is marked m. What bears no label is for nobody, and a
// clearance of none permits only CLEAR.
func (l Label) Permits(m Label) bool {
	return m != None && (m == Clear || m <= l)
}

// Strictest is the label of a whole whose parts are labelled so: the strictest, and None as soon as one has none.
func Strictest(labels ...Label) Label {
	out := None
	for _, l := range labels {
		if l == None {
			return None
		}
		out = max(out, l)
	}
	return out
}
