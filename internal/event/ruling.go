package event

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// Disposition is what people ruled of a finding. It is kept apart from what reports say, and no report changes it.
type Disposition string

// The dispositions; "" is none.
const (
	RuledFalse    Disposition = "false-positive" // until it is taken back
	RuledAccepted Disposition = "accepted-risk"  // to the end of a day of the world's clock
)

// Dispositions are all, none first.
func Dispositions() []Disposition { return []Disposition{"", RuledFalse, RuledAccepted} }

// Ruling is what stands of a finding.
type Ruling struct {
	Disposition Disposition // an accepted risk stays here after its day, when it counts no more
	Until       Day         // the last day of an accepted risk; -1 without
	Reason      string
	act         int64
}

// on is the disposition that holds on a day.
func (r Ruling) on(today Day) Disposition { return inForce(r.Disposition, r.Until, today) }

func inForce(d Disposition, until, today Day) Disposition {
	if d == RuledAccepted && until < today {
		return ""
	}
	return d
}

// ruled is a ruling as lists need it.
type ruled struct {
	disposition Disposition
	until       Day
	assignee    int64
}

func (r ruled) on(today Day) Disposition { return inForce(r.disposition, r.until, today) }

// Assignee is who looks after a finding; the zero Assignee is nobody.
type Assignee struct {
	ID   int64  `json:"id,omitempty"` // an account
	Name string `json:"name,omitempty"`
}

// Verb is what a person does with findings.
type Verb string

// The verbs.
const (
	AddNote       Verb = "note"
	Assign        Verb = "assign"
	MarkFalse     Verb = "false-positive"
	AcceptRisk    Verb = "accept-risk"
	Reset         Verb = "reset" // takes a disposition back
	WrongOwner    Verb = "wrong-owner"
	CloseFindings Verb = "close"  // they open again by themselves when a later report has them
	Reopen        Verb = "reopen" // takes back that they were closed
)

// Verbs are all verbs.
func Verbs() []Verb {
	return []Verb{AddNote, Assign, MarkFalse, AcceptRisk, Reset, WrongOwner, CloseFindings, Reopen}
}

// Decision is what a person decides about findings.
type Decision struct {
	Verb        Verb
	Reason      string   // why, or the note itself; may be empty for Assign and Reset
	Until       Day      // of AcceptRisk
	Assignee    Assignee // of Assign; nobody takes it from whoever has it
	Constituent string   // of WrongOwner: the right one's ref or number
}

// Choice says which findings a decision is about: those with the ids, or those that the filter means, of which there must be
// as many as were Expected, so that nothing is caught that nobody saw.
type Choice struct {
	IDs      []string
	Filter   *Filter
	Expected int64
	Query    string // the filter as in an address, for the records
}

// MaxChoice is how many findings one act can be about.
const MaxChoice = 10_000

const (
	maxNote = 2000
	maxRisk = 5 * 366 // days
)

func (d *Decision) check(today Day) error {
	d.Reason = strings.TrimSpace(d.Reason)
	var ps fault.Problems
	wrong := func(field, format string, args ...any) {
		ps = append(ps, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if d.Reason == "" && d.Verb != Assign && d.Verb != Reset || !plainText(d.Reason, maxNote) {
		wrong("note", "say why, in at most %d bytes of text", maxNote)
	}
	switch d.Verb {
	case AddNote, MarkFalse, Reset, CloseFindings, Reopen:
	case Assign:
		if d.Assignee.ID < 0 || (d.Assignee.ID == 0) != (d.Assignee.Name == "") || !plainText(d.Assignee.Name, 200) {
			wrong("assignee", "give an account's number with its name, or neither for nobody")
		}
	case AcceptRisk:
		if d.Until < today || d.Until > today+maxRisk {
			wrong("until", "give the last day on which the risk is accepted, from %s to %s", today, today+maxRisk)
		}
	case WrongOwner:
		if d.Constituent = strings.TrimSpace(d.Constituent); d.Constituent == "" {
			wrong("constituent", "give the ref or number of the constituent that it belongs to")
		}
	default:
		wrong("verb", "%q is nothing to do with findings: use %s", d.Verb, listed(Verbs()))
	}
	if len(ps) > 0 {
		return ps
	}
	if d.Verb != AcceptRisk {
		d.Until = -1
	}
	if d.Verb != Assign {
		d.Assignee = Assignee{}
	}
	return nil
}

func plainText(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func listed[T ~string](all []T) string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// stand is all that people can change of a finding, as it was before an act.
type stand struct {
	Disposition  Disposition `json:"disposition,omitempty"`
	Until        Day         `json:"until"`
	Reason       string      `json:"reason,omitempty"`
	Assignee     int64       `json:"assignee,omitempty"`
	AssigneeName string      `json:"assignee_name,omitempty"`
	Closed       Day         `json:"closed"`
	Act          int64       `json:"act,omitempty"`   // that made it so
	Asset        int64       `json:"asset,omitempty"` // that the act added to the registry
}

func standOf(f *Finding) stand {
	return stand{Disposition: f.Ruling.Disposition, Until: f.Ruling.Until, Reason: f.Ruling.Reason, Assignee: f.Assignee.ID,
		AssigneeName: f.Assignee.Name, Closed: f.ClosedDay, Act: f.Ruling.act}
}

// apply makes of what stands what the decision wants. What it cannot be done with is a fault of kind Conflict.
func (d *Decision) apply(f *Finding, s *stand) error {
	switch d.Verb {
	case Assign:
		if s.Assignee == d.Assignee.ID {
			return fault.Conflictf("the finding is assigned so already")
		}
		s.Assignee, s.AssigneeName = d.Assignee.ID, d.Assignee.Name
	case MarkFalse:
		if s.Disposition == RuledFalse {
			return fault.Conflictf("the finding is ruled a false positive already")
		}
		s.Disposition, s.Until, s.Reason = RuledFalse, -1, d.Reason
	case AcceptRisk:
		s.Disposition, s.Until, s.Reason = RuledAccepted, d.Until, d.Reason
	case Reset:
		if s.Disposition == "" {
			return fault.Conflictf("nobody ruled the finding a false positive or an accepted risk")
		}
		s.Disposition, s.Until, s.Reason = "", -1, ""
	case CloseFindings:
		if f.State != Open {
			return fault.Conflictf("the finding is not open: it is %s, last seen on %s", f.State, f.LastDay)
		}
		s.Closed = f.LastDay
	case Reopen:
		if f.State != Closed {
			return fault.Conflictf("no person closed the finding: it is %s", f.State)
		}
		s.Closed = -1
	}
	return nil
}
