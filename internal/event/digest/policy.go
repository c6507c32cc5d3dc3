package digest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Frequency is how soon somebody is told.
type Frequency string

// The frequencies, the most urgent first.
const (
	Immediate Frequency = "immediate" // at once, at any hour
	Daily     Frequency = "daily"     // on the recipient's next business day
	Weekly    Frequency = "weekly"    // on the first business day of the recipient's week
	Never     Frequency = "none"
)

// Frequencies lists them.
func Frequencies() []Frequency { return []Frequency{Immediate, Daily, Weekly, Never} }

// AnySeverity is the severity of a policy that is for all of them.
const AnySeverity = -1

// Policy says how soon findings of a case are told. Of several that fit the most specific one decides: a constituent's before a
// report type's, that before a sector's, that before a severity's, and one that names more before one that names less.
type Policy struct {
	ID          int64     `json:"id"`
	Constituent int64     `json:"constituent"` // 0: any
	Ref         string    `json:"ref,omitempty"`
	Sector      string    `json:"sector,omitempty"`
	Type        string    `json:"type,omitempty"` // name of a report type
	Severity    int       `json:"severity"`       // AnySeverity, or event.Severity
	Frequency   Frequency `json:"frequency"`
	Reason      string    `json:"reason"`
	At          int64     `json:"at"` // UTC microseconds
	By          string    `json:"by"` // for people
}

// Case is what a policy looks at.
type Case struct {
	Constituent int64
	Sector      string
	Type        string
	Severity    event.Severity
	Population  bool // of a type that counts devices and tells no problem
}

func (p *Policy) fits(c Case) bool {
	return (p.Constituent == 0 || p.Constituent == c.Constituent) && (p.Sector == "" || p.Sector == c.Sector) &&
		(p.Type == "" || p.Type == c.Type) && (p.Severity == AnySeverity || p.Severity == int(c.Severity)) &&
		(!c.Population || p.Type != "") // devices are counted, not reported: only who names the type means it
}

// weight orders policies that fit one case; no two of them have the same.
func (p *Policy) weight() (w int) {
	for i, named := range []bool{p.Severity != AnySeverity, p.Sector != "", p.Type != "", p.Constituent != 0} {
		if named {
			w |= 1 << i
		}
	}
	return w
}

// Policies are those in force.
type Policies []Policy

// Decide says how soon a case is told, and what says so: "policy:3", or "default:high".
func (ps Policies) Decide(c Case) (Frequency, string) {
	var best *Policy
	for i := range ps {
		if p := &ps[i]; p.fits(c) && (best == nil || p.weight() > best.weight()) {
			best = p
		}
	}
	if best != nil {
		return best.Frequency, fmt.Sprintf("policy:%d", best.ID)
	}
	if c.Population {
		return Never, "default:population"
	}
	return Default(c.Severity), "default:" + c.Severity.String()
}

// Default is how soon a severity is told where no policy says otherwise: so that nothing drowns what is urgent. What nobody rated
// is told weekly, so that it is not lost.
func Default(s event.Severity) Frequency {
	switch s {
	case event.Critical:
		return Immediate
	case event.High:
		return Daily
	case event.Info:
		return Never
	}
	return Weekly
}

var (
	typeForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	sectorForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
)

const (
	maxReason   = 500
	maxPolicies = 5000
)

// mistakes gathers what is wrong with an input.
type mistakes struct{ fault.Problems }

func (m *mistakes) add(field, format string, args ...any) {
	m.Problems = append(m.Problems, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (m *mistakes) err() error {
	if len(m.Problems) == 0 {
		return nil
	}
	return m.Problems
}

// reason checks why somebody decided something.
func (m *mistakes) reason(text string) {
	if text == "" || len(text) > maxReason || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		m.add("reason", "say why, in at most %d bytes of text", maxReason)
	}
}

func (p *Policy) check() error {
	var m mistakes
	p.Reason = strings.TrimSpace(p.Reason)
	m.reason(p.Reason)
	if !slices.Contains(Frequencies(), p.Frequency) {
		m.add("frequency", "%q is no frequency: use immediate, daily, weekly or none", p.Frequency)
	}
	if p.Sector != "" && !sectorForm.MatchString(p.Sector) {
		m.add("sector", "%q is no id of a sector", p.Sector)
	}
	if p.Type != "" && !typeForm.MatchString(p.Type) {
		m.add("type", "%q is no name of a report type", p.Type)
	}
	if p.Severity < AnySeverity || p.Severity > int(event.Critical) {
		m.add("severity", "%d is no severity: use 0 unrated to 5 critical, or -1 for any", p.Severity)
	}
	if p.Sector != "" && p.Constituent != 0 {
		m.add("sector", "a constituent is of one sector: name one of the two")
	}
	return m.err()
}

// named finds the constituent with a ref; "" is nobody in particular.
func (d *Desk) named(ctx context.Context, ref, field string) (int64, error) {
	if ref == "" {
		return 0, nil
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	l, err := dir.ByRef(ref)
	if err != nil {
		return 0, fault.Problems{{Field: field, Message: fmt.Sprintf("there is no constituent %q", ref)}}
	}
	return l.ID, nil
}

// Policies lists the policies, those of the most specific cases first, at most 5,000.
func (d *Desk) Policies(ctx context.Context) (out Policies, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = readPolicies(tx)
		return err
	})
	for i := range out {
		l, _ := dir.ByID(out[i].Constituent)
		out[i].Ref = l.Ref
	}
	slices.SortStableFunc(out, func(a, b Policy) int { return b.weight() - a.weight() })
	return out, err
}

// SetPolicy writes the policy of a case, which is named by Ref, Sector, Type and Severity, in place of the one it had.
func (d *Desk) SetPolicy(ctx context.Context, by act.Actor, p Policy) (Policy, error) {
	var err error
	if p.Constituent, err = d.named(ctx, p.Ref, "constituent"); err != nil {
		return p, err
	}
	if err := p.check(); err != nil {
		return p, err
	}
	p.At, p.By = d.now().UnixMicro(), by.Name
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.policy", Detail: detail(p)}, func(tx *db.Tx) error {
		n, err := countPolicies(tx)
		if err != nil {
			return err
		}
		if n >= maxPolicies {
			return fault.Conflictf("there are %d policies already: remove one", n)
		}
		if p.ID, err = savePolicy(tx, &p); err != nil {
			return err
		}
		tx.Note(fmt.Sprintf("digest-policy:%d", p.ID), "")
		return touch(tx)
	})
	return p, err
}

// RemovePolicy takes a policy away: what is less specific, or the default, decides again.
func (d *Desk) RemovePolicy(ctx context.Context, by act.Actor, id int64) error {
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.policy-remove", Object: fmt.Sprintf("digest-policy:%d", id)}, func(tx *db.Tx) error {
		p, err := dropPolicy(tx, id)
		if err != nil {
			return err
		}
		tx.Note("", detail(p))
		return touch(tx)
	})
}

// sectors are the sectors of constituents.
func sectors(dir *constituency.Directory) map[int64]string {
	out := map[int64]string{}
	for _, l := range dir.All() {
		out[l.ID] = l.Sector
	}
	return out
}
