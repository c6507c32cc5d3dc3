package disclosure

import (
	"slices"
	"strings"

	"tocsin/internal/format/tlp"
)

// Withheld is an item that the gate kept back, and why.
type Withheld struct {
	Item   Ref    `json:"item"`
	Rule   string `json:"rule"`          // stable: "tlp:red", "audience:owner", "pap:red" …
	Reason string `json:"reason"`        // the rule in words
	Via    Ref    `json:"via,omitempty"` // the referenced object that is hidden, when it is not the item itself
}

// verdict is what one rule or all of them say of one object: the rule that lets it through or keeps it back.
type verdict struct {
	ok     bool
	rule   string
	reason string
}

func deny(rule, reason string) verdict { return verdict{false, rule, reason} }

// judge says whether one object, without what it refers to, may leave. The rules that only narrow stand first, the label
// last: what it lets through is the rule that the ledger names.
func judge(m Marking, to Recipient, circles []string, via Channel) verdict {
	if v := m.PAP.permits(via); !v.ok {
		return v
	}
	if v := m.Audience.permits(m, to); !v.ok {
		return v
	}
	label := m.Effective()
	if label == tlp.None {
		return deny("tlp:unmarked", "the item bears no TLP label and its source has no default: mark it")
	}
	if to.Clearance != tlp.None && label > to.Clearance {
		return deny("clearance", "the recipient is cleared up to "+to.Clearance.String()+" only")
	}
	inside := to.Kind == Staff || slices.ContainsFunc(m.Circles, func(c string) bool { return slices.Contains(circles, c) })
	if len(m.Circles) > 0 && !inside {
		return deny("circle", "the item is limited to circles that the recipient is not a member of: "+strings.Join(m.Circles, ", "))
	}
	return byLabel(label, m, to, via, len(m.Circles) > 0 && inside)
}

// byLabel is TLP 2.0 (FIRST, August 2022) as a national CERT reads it: it is the recipient of what its sources give it, and
// the constituents are its clients. circled is set for a member of a circle that the item names, who so has a need to know.
func byLabel(label tlp.Label, m Marking, to Recipient, via Channel, circled bool) verdict {
	rule := strings.ToLower(label.String())
	ok := verdict{ok: true, rule: rule}
	if label < tlp.Red && slices.Contains(m.Named, to.Subject) {
		return verdict{ok: true, rule: "named"}
	}
	switch label {
	case tlp.Clear:
		return ok
	case tlp.Green:
		if to.Kind != Public {
			return ok
		}
		return deny(rule, "TLP:GREEN is for the community, not for the public")
	case tlp.Amber:
		if to.Kind == Staff || to.covers(m.Owners) || to.covers(m.Copies) || to.tends(m.Owners) || circled {
			return ok
		}
		return deny(rule, "TLP:AMBER is for the organisation it is about and its clients with a need to know")
	case tlp.AmberStrict:
		if to.Kind == Staff || to.covers(m.Owners) {
			return ok
		}
		return deny(rule, "TLP:AMBER+STRICT is for the organisation it is about only")
	}
	switch {
	case via.Automated():
		return deny(rule, "TLP:RED never leaves by an automated exit")
	case !to.Person() || !slices.Contains(m.Persons, to.Subject):
		return deny(rule, "TLP:RED is for the persons it names only")
	}
	return ok
}

// permits is where PAP meets the exits. RED allows nothing that can be seen from outside, and what left as a file or a message
// is soon looked up somewhere: it is read inside Tocsin only. AMBER allows looking up but no action on a target, and feeds
// and webhooks are what machines block by: they take GREEN and CLEAR only.
func (p PAP) permits(via Channel) verdict {
	rule := strings.ToLower(p.String())
	switch {
	case p == PAPRed && !via.Viewed():
		return deny(rule, "PAP:RED is read inside Tocsin only: it leaves neither as a file nor as a message nor to a program")
	case p == PAPAmber && (via == Feed || via == Webhook):
		return deny(rule, "PAP:AMBER allows no active measures, and this exit feeds machines that act")
	case p < NoPAP || p > PAPRed:
		return deny("pap", "the item has a level of PAP that does not exist")
	}
	return verdict{ok: true, rule: rule}
}

// permits is what a source's agreement allows besides the label. A sector CERT stands in for the owners of its branch.
func (a Audience) permits(m Marking, to Recipient) verdict {
	ok := verdict{ok: true}
	if to.Kind == Staff {
		return ok
	}
	rule := "audience:" + string(a)
	switch a {
	case Anyone:
		return ok
	case StaffOnly:
		return deny(rule, "the source lets only the staff of the national CERT see it")
	case Owner:
		if to.covers(m.Owners) || to.tends(m.Owners) {
			return ok
		}
		return deny(rule, "the source lets only the owner be told")
	case OwnerAndCopies:
		if to.covers(m.Owners) || to.tends(m.Owners) || to.covers(m.Copies) {
			return ok
		}
		return deny(rule, "the source lets only the owner, and who asked for a copy, be told")
	}
	return deny("audience", "the source's audience is not known")
}
