package deadline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"tocsin/internal/nation"
)

// Law is a regime of the nation's profile as it stood when something was first owed under it, with what its terms are reckoned by.
type Law struct {
	Regime      string            `json:"regime"`
	Edition     string            `json:"edition"` // the day from which it held; "" always
	Names       map[string]string `json:"names"`
	Source      string            `json:"source"`
	Confirmed   bool              `json:"confirmed"`
	When        string            `json:"when"`
	Significant int               `json:"significant,omitempty"` // the severity from which an incident is
	Zone        string            `json:"zone"`
	Steps       []LawStep         `json:"steps"`

	Designations []string `json:"designations,omitempty"` // whom it binds; empty for everybody
}

// LawStep is one report that a law asks for.
type LawStep struct {
	ID        string            `json:"id"`
	Names     map[string]string `json:"names"`
	Trigger   string            `json:"trigger"`
	Term      string            `json:"term,omitempty"` // "24h0m0s"
	Months    int               `json:"months,omitempty"`
	By        string            `json:"by"`
	To        string            `json:"to"`
	Remind    []string          `json:"remind,omitempty"`
	Elsewhere bool              `json:"elsewhere,omitempty"`
}

// freeze makes a law of a regime.
func freeze(p *nation.Profile, r *nation.Regime) *Law {
	l := &Law{Regime: r.ID, Edition: r.ValidFrom.String(), Names: maps.Clone(r.Names), Source: r.Source, Confirmed: r.Confirmed, When: r.When,
		Significant: p.Matrix.Significant, Zone: p.Location().String(), Designations: r.Designations}
	for _, s := range r.Steps {
		f := LawStep{ID: s.ID, Names: maps.Clone(s.Names), Trigger: s.Trigger, Months: s.Months, By: s.By, To: s.To, Elsewhere: s.Elsewhere}
		if s.Due != 0 {
			f.Term = s.Due.String()
		}
		for _, d := range s.Remind {
			f.Remind = append(f.Remind, d.String())
		}
		l.Steps = append(l.Steps, f)
	}
	return l
}

// body is the law as it is kept, and the hash that it is known by.
func (l *Law) body() (body, sum string) {
	body = detail(l)
	h := sha256.Sum256([]byte(body))
	return body, hex.EncodeToString(h[:])
}

func readLaw(body string) (*Law, error) {
	var l Law
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		return nil, fmt.Errorf("read a law: %w", err)
	}
	return &l, nil
}

// Step finds one of its steps.
func (l *Law) Step(id string) (LawStep, bool) {
	for _, s := range l.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return LawStep{}, false
}

// Name is what the law is called in a language.
func (l *Law) Name(language string) string { return nation.Localized(l.Names).In(language, "en") }

// StepName is what one of its steps is called in a language.
func (l *Law) StepName(id, language string) string {
	s, ok := l.Step(id)
	if !ok {
		return id
	}
	return nation.Localized(s.Names).In(language, "en")
}

// takes tells whether a report with a step to the CERT takes that step of the law.
func (l *Law) takes(step string) bool {
	s, ok := l.Step(step)
	return ok && step != "" && !s.Elsewhere && s.By == nation.ByEntity
}

// plan reckons when a step is due whose trigger happened at a time, and what happens until then and after.
func (l *Law) plan(s LawStep, triggered int64) (due int64, alarms []Alarm, err error) {
	loc, err := time.LoadLocation(l.Zone)
	if err != nil {
		return 0, nil, fmt.Errorf("the law %s is reckoned in an unknown zone: %w", l.Regime, err)
	}
	step := nation.Step{Months: s.Months}
	if s.Term != "" {
		if err := step.Due.UnmarshalText([]byte(s.Term)); err != nil {
			return 0, nil, err
		}
	}
	for _, r := range s.Remind {
		var d nation.Duration
		if err := d.UnmarshalText([]byte(r)); err != nil {
			return 0, nil, err
		}
		step.Remind = append(step.Remind, d)
	}
	at := time.UnixMicro(triggered)
	due = step.Deadline(at, loc).UnixMicro()
	for _, r := range step.Reminders(at, loc) {
		alarms = append(alarms, Alarm{Remind, r.UnixMicro()})
	}
	alarms = append(alarms, Alarm{TooLate, due}, Alarm{Escalate, due + patience(due-triggered)})
	return due, alarms, nil
}

// patience is how long after the term those in charge are told: a quarter of the term, an hour at least and a day at most.
func patience(term int64) int64 {
	return min(max(term/4, time.Hour.Microseconds()), 24*time.Hour.Microseconds())
}
