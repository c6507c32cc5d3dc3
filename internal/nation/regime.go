package nation

import (
	"slices"
	"time"
)

// Regime is a law that asks for reports, as it stood in a time. A changed law is a second regime with the same id.
type Regime struct {
	ID           string    `toml:"id"`
	Names        Localized `toml:"name"`
	Source       string    `toml:"source"` // law, article, gazette
	ValidFrom    Date      `toml:"valid_from"`
	ValidUntil   Date      `toml:"valid_until"` // the first day on which it no longer holds
	Confirmed    bool      `toml:"confirmed"`   // by somebody in charge, against the legal text
	Note         string    `toml:"note"`
	Designations []string  `toml:"designations"` // whom it binds; empty for everybody
	When         string    `toml:"when"`         // the incidents that it asks reports of: always, personal-data, significant
	Steps        []Step    `toml:"step"`
}

// The incidents that a regime asks reports of.
const (
	WhenAlways       = "always"        // every incident; what a regime that says nothing asks
	WhenPersonalData = "personal-data" // those in which personal data were breached
	WhenSignificant  = "significant"   // those that the law calls significant
)

// Step is one report that a regime asks for. It is due a duration or a number of calendar months after its trigger.
type Step struct {
	ID      string     `toml:"id"`
	Names   Localized  `toml:"name"`
	Trigger string     `toml:"trigger"` // aware, or the id of the step whose report starts the clock
	Due     Duration   `toml:"due"`
	Months  int        `toml:"months"`
	By      string     `toml:"by"`     // who owes it: entity, cert
	To      string     `toml:"to"`     // whom to tell: an id of the law's own roles
	Remind  []Duration `toml:"remind"` // before it is due; empty for what Reminders computes
	// Elsewhere: it goes to somebody else than the CERT, so that no report to the CERT takes it.
	Elsewhere bool `toml:"elsewhere"`
}

// Who owes a step.
const (
	ByEntity = "entity" // the affected entity; what a step that says nothing means
	ByCERT   = "cert"   // the team itself, as the answer to an early warning under NIS2 Article 23(5)
)

// Aware is the trigger of a step whose clock starts when the entity becomes aware of the incident.
const Aware = "aware"

// Circumstances are what decides whether a regime asks for reports of an incident.
type Circumstances struct {
	PersonalData bool // personal data were breached
	Significant  bool // the incident is significant in the law's sense
}

// Asks tells whether the regime asks an entity of the designation for reports of an incident of the circumstances.
func (r Regime) Asks(designation string, c Circumstances) bool {
	if len(r.Designations) > 0 && !slices.Contains(r.Designations, designation) {
		return false
	}
	switch r.When {
	case WhenPersonalData:
		return c.PersonalData
	case WhenSignificant:
		return c.Significant
	}
	return true
}

// RegimesAt lists the regimes that hold at a moment, by the nation's calendar.
func (p *Profile) RegimesAt(t time.Time) []Regime {
	day := Date{t.In(p.Location())}.String()
	var out []Regime
	for _, r := range p.Regimes {
		if (r.ValidFrom.IsZero() || r.ValidFrom.String() <= day) && (r.ValidUntil.IsZero() || day < r.ValidUntil.String()) {
			out = append(out, r)
		}
	}
	return out
}

// Deadline is when the step is due whose trigger happened at t, in UTC. A duration is time that really passes, whatever clocks on
// the wall do meanwhile. A calendar month ends on the same day of the month at the same local time, and on the month's last day
// where there is no such day. Where clocks are set back and the local time comes twice, the first one counts; where they are set
// forward and it does not come at all, the instant at which they are. So of two triggers on one local day the one with the earlier
// local time is never due later.
func (s Step) Deadline(t time.Time, loc *time.Location) time.Time {
	if s.Months == 0 {
		return t.Add(time.Duration(s.Due)).UTC()
	}
	l := t.In(loc)
	first := time.Date(l.Year(), l.Month()+time.Month(s.Months), 1, l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return atLocal(first.AddDate(0, 0, min(l.Day(), last)-1), loc)
}

// atLocal is the first instant at which clocks in loc show what wall shows in UTC, or the one at which they skip it. time.Date
// does not say which of the two it returns. It walks over the times of one offset each, of which the first one begins more than
// any offset before.
func atLocal(wall time.Time, loc *time.Location) time.Time {
	for at := wall.Add(-24 * time.Hour); ; {
		_, offset := at.In(loc).Zone()
		start, end := at.In(loc).ZoneBounds()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if !start.IsZero() && t.Before(start) {
			return start.UTC()
		}
		if end.IsZero() || t.Before(end) {
			return t.UTC()
		}
		at = end
	}
}

// Reminders are the moments to remind of a step that runs from a trigger at t, the first one first: those that the profile sets,
// or a quarter and a twentieth of the term before it is due.
func (s Step) Reminders(t time.Time, loc *time.Location) []time.Time {
	due := s.Deadline(t, loc)
	before := s.Remind
	if term := due.Sub(t); len(before) == 0 {
		before = []Duration{rounded(term / 4), rounded(term / 20)}
	}
	var out []time.Time
	for _, d := range before {
		if at := due.Add(-time.Duration(d)); at.After(t) && at.Before(due) {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// rounded is a span as people say it: whole days from two days on, whole hours from one hour on, else five minutes.
func rounded(d time.Duration) Duration {
	unit := 5 * time.Minute
	switch {
	case d >= 48*time.Hour:
		unit = 24 * time.Hour
	case d >= time.Hour:
		unit = time.Hour
	}
	return Duration(max(d.Round(unit), unit))
}

const maxReminders = 10

// regimes fills in what was left out and checks the rest.
func (c *checker) regimes(p *Profile) {
	step := 0
	for i := range p.Regimes {
		r := &p.Regimes[i]
		c.regime(p, r, i+1)
		known := []string{Aware}
		for j := range r.Steps {
			step++
			c.step(p, &r.Steps[j], step, known)
			known = append(known, r.Steps[j].ID)
		}
	}
}

func (c *checker) regime(p *Profile, r *Regime, nth int) {
	if !identifier.MatchString(r.ID) {
		c.addNth("regime.id", nth, "%q is no id; write small letters, digits and hyphens", r.ID)
	}
	if r.Source == "" {
		c.addNth("regime", nth, "regime %q names no legal source", r.ID)
	}
	if !r.ValidUntil.IsZero() && !r.ValidFrom.Before(r.ValidUntil.Time) {
		c.addNth("regime", nth, "regime %q ends before it begins", r.ID)
	}
	c.designations("regime", nth, p, r.Designations)
	if r.When == "" {
		r.When = WhenAlways
	}
	if all := []string{WhenAlways, WhenPersonalData, WhenSignificant}; !slices.Contains(all, r.When) {
		c.addNth("regime", nth, "regime %q: when is %q; write one of %q", r.ID, r.When, all)
	}
	c.names("regime.name", nth, p.Languages, r.Names)
}

// designations checks that each is one of the nation's own.
func (c *checker) designations(key string, nth int, p *Profile, ids []string) {
	for _, id := range ids {
		if _, ok := p.Designations[id]; !ok {
			c.addNth(key, nth, "designation %q is none of [designation]", id)
		}
	}
}

func (c *checker) step(p *Profile, s *Step, nth int, known []string) {
	if !identifier.MatchString(s.ID) || slices.Contains(known, s.ID) {
		c.addNth("regime.step.id", nth, "%q is no id, or stands twice in the regime", s.ID)
	}
	if !slices.Contains(known, s.Trigger) {
		c.addNth("regime.step.trigger", nth, "%q is neither %q nor an earlier step of the regime", s.Trigger, Aware)
	}
	if (s.Due == 0) == (s.Months == 0) || s.Months < 0 {
		c.addNth("regime.step", nth, "step %q needs either due (24h) or months (1)", s.ID)
	}
	if s.By == "" {
		s.By = ByEntity
	}
	if s.By != ByEntity && s.By != ByCERT {
		c.addNth("regime.step", nth, "step %q is owed by %q; write %q or %q", s.ID, s.By, ByEntity, ByCERT)
	}
	if s.To == "" {
		c.addNth("regime.step", nth, "step %q does not say to whom", s.ID)
	}
	if len(s.Remind) > maxReminders {
		c.addNth("regime.step", nth, "step %q: at most %d reminders", s.ID, maxReminders)
	}
	shortest := time.Duration(s.Due) + time.Duration(s.Months)*28*24*time.Hour
	for _, d := range s.Remind {
		if d == 0 || time.Duration(d) >= shortest {
			c.addNth("regime.step", nth, "step %q: a reminder %s before it is due is not within its term", s.ID, d)
		}
	}
	c.names("regime.step.name", nth, p.Languages, s.Names)
}
