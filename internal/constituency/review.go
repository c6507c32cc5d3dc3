package constituency

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// ObjectionKind is what speaks against a step of a change request.
type ObjectionKind string

// The objections. The first four make an approval impossible, the others are for staff to weigh.
const (
	GoneObjection     ObjectionKind = "gone"     // what is to be changed or ended no longer is there
	RegistryObjection ObjectionKind = "registry" // a regional registry says so and would say so again
	TwiceObjection    ObjectionKind = "twice"    // the constituent has it already
	EndedObjection    ObjectionKind = "ended"    // the constituent itself has ended
	ChangedObjection  ObjectionKind = "changed"  // somebody else changed it since
	TakenObjection    ObjectionKind = "taken"    // another constituent has exactly this
	InsideObjection   ObjectionKind = "inside"   // it lies within what another one has
	AroundObjection   ObjectionKind = "around"   // something another one has lies within it
)

// Objection is one thing that speaks against a step. It names other constituents and is for staff only.
type Objection struct {
	Kind        ObjectionKind `json:"kind"`
	Constituent int64         `json:"constituent,omitempty"` // the other one
	Ref         string        `json:"ref,omitempty"`
	Name        string        `json:"name,omitempty"`
	Value       string        `json:"value,omitempty"` // what the other one has
}

// Blocks tells whether nothing can be done against it but refusing.
func (o Objection) Blocks() bool {
	switch o.Kind {
	case GoneObjection, RegistryObjection, TwiceObjection, EndedObjection:
		return true
	}
	return false
}

// ReviewStep is a step compared with the registry as it is now.
type ReviewStep struct {
	ChangeStep
	Now        Record        `json:"now"`
	Changes    []FieldChange `json:"changes"`
	Objections []Objection   `json:"objections"`
}

// Review is a change request compared with the registry as it is now.
type Review struct {
	ChangeRequest
	Compared []ReviewStep
	Seen     string // stands for this comparison: an approval names it, so that nobody approves what they did not see
}

// Blocked tells whether the request cannot be approved.
func (r *Review) Blocked() bool {
	for _, st := range r.Compared {
		for _, o := range st.Objections {
			if o.Blocks() {
				return true
			}
		}
	}
	return false
}

const maxObjections = 20 // of a step

func (h *holding) review(tx *db.Tx, q ChangeRequest, today Day) (*Review, error) {
	r := &Review{ChangeRequest: q}
	for _, st := range q.Steps {
		c := ReviewStep{ChangeStep: st, Changes: []FieldChange{}, Objections: []Objection{}}
		object := func(k ObjectionKind) { c.Objections = append(c.Objections, Objection{Kind: k}) }
		if h.self.ValidUntil <= today {
			object(EndedObjection)
		}
		switch st.Op {
		case ContactAdd:
			if h.hasContact(st.Want, 0, today) {
				object(TwiceObjection)
			}
		case ContactChange, ContactEnd:
			k := h.contact(st.ID, today)
			switch {
			case k == nil:
				object(GoneObjection)
			case k.Source != Manual:
				object(RegistryObjection)
			}
			if k != nil {
				c.Now = k.record()
			}
			if k != nil && st.Op == ContactChange && h.hasContact(st.Want, st.ID, today) {
				object(TwiceObjection)
			}
		case AssetAdd:
			for _, a := range h.assets {
				if a.Source == Manual && a.Kind == st.Want.Kind && a.Value == st.Want.Value && a.ValidUntil > today {
					object(TwiceObjection)
				}
			}
			others, err := othersWith(tx, h.self.ID, st.Want, today)
			if err != nil {
				return nil, err
			}
			c.Objections = append(c.Objections, others...)
		case AssetEnd:
			a := h.asset(st.ID, today)
			switch {
			case a == nil:
				object(GoneObjection)
			case a.Source != Manual:
				object(RegistryObjection)
			}
			if a != nil {
				c.Now = a.record()
			}
		case ConstituentChange:
			c.Now = h.self.record()
		}
		if gone := len(c.Objections) > 0 && c.Objections[len(c.Objections)-1].Kind == GoneObjection; !gone && len(c.Now.against(st.Was)) > 0 {
			object(ChangedObjection)
		}
		c.Changes = append(c.Changes, st.Want.against(c.Now)...)
		r.Compared = append(r.Compared, c)
	}
	b, err := json.Marshal(r.Compared)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	r.Seen = hex.EncodeToString(sum[:16])
	return r, nil
}

// hasContact tells whether somebody's own entry says the same of a contact, but for the one with the id.
func (h *holding) hasContact(want Record, but int64, today Day) bool {
	var c Contact
	want.into(&c)
	for _, o := range h.contacts {
		if o.ID != but && o.Source == Manual && o.ValidUntil > today && o.identity() == c.identity() {
			return true
		}
	}
	return false
}

// meets tells how an asset that is asked for stands against another one; "" when they have nothing to do with each other.
func meets(want, other Record) ObjectionKind {
	if want.Kind == other.Kind && want.Value == other.Value {
		return TakenObjection
	}
	switch want.Kind {
	case AddressAsset, PrefixAsset:
		p, q := span(want), span(other)
		switch {
		case !p.IsValid() || !q.IsValid() || !p.Overlaps(q):
		case p == q:
			return TakenObjection
		case p.Bits() > q.Bits():
			return InsideObjection
		default:
			return AroundObjection
		}
	case DomainAsset:
		switch {
		case other.Kind != DomainAsset:
		case strings.HasSuffix(want.Value, "."+other.Value):
			return InsideObjection
		case strings.HasSuffix(other.Value, "."+want.Value):
			return AroundObjection
		}
	}
	return ""
}

// span is what an address or a prefix covers.
func span(r Record) netip.Prefix {
	switch r.Kind {
	case AddressAsset:
		if ip, err := netip.ParseAddr(r.Value); err == nil {
			return netip.PrefixFrom(ip, ip.BitLen())
		}
	case PrefixAsset:
		if p, err := netip.ParsePrefix(r.Value); err == nil {
			return p
		}
	}
	return netip.Prefix{}
}

// apply does what the request asks, as the acts on the registry do.
func (r *Review) apply(tx *db.Tx, h *holding, today Day) (err error) {
	for i, st := range r.Steps {
		switch st.Op {
		case ContactAdd:
			c := Contact{Constituent: r.Constituent, Source: Manual, ValidFrom: today, ValidUntil: Open}
			st.Want.into(&c)
			_, _, err = addContact(tx, &c)
		case ContactChange:
			c := *h.contacts[st.ID]
			st.Want.into(&c)
			err = updateContact(tx, &c)
		case ContactEnd:
			_, _, err = endContact(tx, st.ID, max(today, h.contacts[st.ID].ValidFrom))
		case AssetAdd:
			a := Asset{Constituent: r.Constituent, Kind: st.Want.Kind, Value: st.Want.Value, AlsoNotify: st.Want.AlsoNotify,
				Source: Manual, ValidFrom: today, ValidUntil: Open}
			_, _, err = addAsset(tx, &a)
		case AssetEnd:
			_, _, err = endAsset(tx, st.ID, max(today, h.assets[st.ID].ValidFrom))
		case ConstituentChange:
			c := *h.self
			c.Name, c.Language = st.Want.Name, st.Want.Language
			_, _, err = update(tx, c)
		default:
			err = fault.Invalidf("%q is no change", st.Op)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}
