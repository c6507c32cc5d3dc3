package constituency

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// RequestState is how far a change request is.
type RequestState string

// The states of a change request.
const (
	Pending   RequestState = "open"
	Approved  RequestState = "approved"
	Refused   RequestState = "refused"
	Withdrawn RequestState = "withdrawn"
)

// RequestStates lists the states.
func RequestStates() []RequestState { return []RequestState{Pending, Approved, Refused, Withdrawn} }

// Op is what one step of a change request does.
type Op string

// The steps.
const (
	ContactAdd        Op = "contact.add"
	ContactChange     Op = "contact.change"
	ContactEnd        Op = "contact.end"
	AssetAdd          Op = "asset.add"
	AssetEnd          Op = "asset.end"
	ConstituentChange Op = "constituent.change"
)

// ChangeRequest is what somebody asks to have changed in the registry about a constituent. Nothing is changed until staff
// approve it.
type ChangeRequest struct {
	ID          int64
	Constituent int64
	Subject     string // who asked, "person:12"
	By          string // their name
	At          int64  // UTC microseconds
	State       RequestState
	Note        string
	Steps       []ChangeStep
	DecidedBy   string // subject; "" while open
	DecidedAs   string // their name
	DecidedAt   int64
	Reason      string
}

// ChangeStep is one thing a change request asks for. Was is what stood there when it was asked; nil for what is added.
type ChangeStep struct {
	Op   Op     `json:"op"`
	ID   int64  `json:"id,omitempty"` // of the contact or asset that is changed or ended
	Want Record `json:"want"`         // nothing of what is ended
	Was  Record `json:"was"`
}

// Record is a contact, an asset or a constituent's own words, as far as a change request touches them.
type Record struct {
	Role       string    `json:"role,omitempty"`
	Name       string    `json:"name,omitempty"`
	Mail       string    `json:"mail,omitempty"`
	Phone      string    `json:"phone,omitempty"`
	Language   string    `json:"language,omitempty"`
	Keys       []Key     `json:"keys,omitempty"`
	Encrypt    bool      `json:"encrypt,omitempty" doc:"Send nothing in clear"`
	Kind       AssetKind `json:"kind,omitempty"`
	Value      string    `json:"value,omitempty"`
	AlsoNotify bool      `json:"also_notify,omitempty"`
}

// FieldChange is a field before and after; equal ones are not listed.
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Fields is what the step changes against what stood there when it was asked for.
func (st ChangeStep) Fields() []FieldChange { return st.Want.against(st.Was) }

func (r Record) against(was Record) []FieldChange {
	var out []FieldChange
	also := map[bool]string{true: "true"}
	for _, f := range []FieldChange{{"role", was.Role, r.Role}, {"name", was.Name, r.Name}, {"mail", was.Mail, r.Mail},
		{"phone", was.Phone, r.Phone}, {"language", was.Language, r.Language}, {"keys", keyNames(was.Keys), keyNames(r.Keys)},
		{"encrypt", also[was.Encrypt], also[r.Encrypt]}, {"kind", string(was.Kind), string(r.Kind)}, {"value", was.Value, r.Value}, {"also_notify", also[was.AlsoNotify], also[r.AlsoNotify]}} {
		if f.Before != f.After {
			out = append(out, f)
		}
	}
	if len(out) == 0 && keysText(was.Keys) != keysText(r.Keys) { // the same fingerprints, another key
		out = append(out, FieldChange{"keys", keysText(was.Keys), keysText(r.Keys)})
	}
	return out
}

func keyNames(ks []Key) string {
	names := make([]string, len(ks))
	for i, k := range ks {
		names[i] = k.Type + " " + either(k.Fingerprint, "✓")
	}
	return strings.Join(names, ", ")
}

func (c *Contact) record() Record {
	return Record{Role: c.Role, Name: c.Name, Mail: c.Mail, Phone: c.Phone, Language: c.Language, Keys: c.Keys, Encrypt: c.Encrypt}
}

func (a *Asset) record() Record {
	return Record{Kind: a.Kind, Value: a.Value, AlsoNotify: a.AlsoNotify}
}

func (c *Constituent) record() Record { return Record{Name: c.Name, Language: c.Language} }

// into writes what is wanted into a contact; its clearance is not the constituent's to choose.
func (r Record) into(c *Contact) {
	c.Role, c.Name, c.Mail, c.Phone, c.Language, c.Keys, c.Encrypt = r.Role, r.Name, r.Mail, r.Phone, r.Language, r.Keys, r.Encrypt
}

const (
	maxSteps    = 50
	maxRequests = 100 // open ones of a constituent
	maxAsked    = 2000
)

// holding is what a constituent has, for a request to be compared with.
type holding struct {
	self     *Constituent
	contacts map[int64]*Contact
	assets   map[int64]*Asset
}

func (h *holding) contact(id int64, today Day) *Contact {
	if c := h.contacts[id]; c != nil && c.ValidUntil > today {
		return c
	}
	return nil
}

func (h *holding) asset(id int64, today Day) *Asset {
	if a := h.assets[id]; a != nil && a.ValidUntil > today {
		return a
	}
	return nil
}

// prepare cleans the steps of a new request and notes what stands there now. Every mistake is told with its field, which
// begins with the step's place when there are several.
func prepare(steps []ChangeStep, h *holding, now time.Time) ([]ChangeStep, error) {
	if len(steps) == 0 || len(steps) > maxSteps {
		return nil, fault.Problems{{Field: "steps", Message: fmt.Sprintf("ask for 1 to %d changes at once", maxSteps)}}
	}
	var v checks
	out := slices.Clone(steps)
	for i := range out {
		bad := v.bad
		if len(out) > 1 {
			bad = func(field, format string, args ...any) { v.bad(fmt.Sprintf("steps[%d].%s", i, field), format, args...) }
		}
		out[i].prepare(h, now, bad)
	}
	return out, v.err()
}

func (st *ChangeStep) prepare(h *holding, now time.Time, bad wrong) {
	today := DayOf(now)
	st.Was = Record{}
	switch st.Op {
	case ContactAdd:
		st.ID = 0
		st.cleanContact(bad, now)
	case ContactChange, ContactEnd:
		c := h.contact(st.ID, today)
		if c == nil {
			bad("id", "there is no contact with the id %d", st.ID)
			return
		}
		if st.Was = c.record(); st.Op == ContactEnd {
			st.Want = Record{}
			return
		}
		st.cleanContact(bad, now)
	case AssetAdd:
		st.ID = 0
		a := Asset{Kind: st.Want.Kind, Value: st.Want.Value, AlsoNotify: st.Want.AlsoNotify, ValidUntil: Open}
		a.clean(bad)
		st.Want = a.record()
	case AssetEnd:
		a := h.asset(st.ID, today)
		if a == nil {
			bad("id", "there is no asset with the id %d", st.ID)
			return
		}
		st.Was, st.Want = a.record(), Record{}
	case ConstituentChange:
		st.ID, st.Was = 0, h.self.record()
		st.Want = Record{Name: line(st.Want.Name), Language: line(st.Want.Language)}
		if st.Want.Name == "" || utf8.RuneCountInString(st.Want.Name) > maxLine {
			bad("name", "needs a name of at most %d characters", maxLine)
		}
		checkLanguage(st.Want.Language, bad)
	default:
		bad("op", "%q is no change; write one of %s", st.Op,
			list([]Op{ContactAdd, ContactChange, ContactEnd, AssetAdd, AssetEnd, ConstituentChange}))
		return
	}
	if len(st.Fields()) == 0 {
		bad("op", "this changes nothing")
	}
}

func (st *ChangeStep) cleanContact(bad wrong, now time.Time) {
	c := Contact{ValidUntil: Open}
	st.Want.Keys = slices.Clone(st.Want.Keys)
	st.Want.into(&c)
	c.clean(bad)
	c.fresh(bad, now, st.Was.Keys)
	st.Want = c.record()
}

// reaches tells whether the actor may see and ask for changes of a constituent.
func reaches(a act.Actor, constituent int64) bool {
	return a.Kind == act.Local || a.Kind == act.System || a.Rights.Covers(constituent)
}

func staff(a act.Actor) bool {
	return a.Kind == act.Local || a.Kind == act.System || a.Rights != nil && a.Rights.Staff
}

// ConfirmEvery is how long contacts count as confirmed.
const ConfirmEvery = 90 * 24 * time.Hour

// Confirmation tells when somebody last said that a constituent's contacts are right.
type Confirmation struct {
	Constituent int64
	Ref         string
	Title       string // the constituent's name
	At          int64  // 0: never
	By          string
}

// Due tells whether the contacts are to be confirmed.
func (c Confirmation) Due(now time.Time) bool {
	return c.At == 0 || !now.Before(time.UnixMicro(c.At).Add(ConfirmEvery))
}
