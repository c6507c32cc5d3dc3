// Package nation has the profile that tailors Tocsin to a country: its team, languages, sectors, severity scale,
// designations, statutory clocks and public holidays, as one TOML file. It says what the law asks for and by when; it does not run the
// clocks.
package nation

import (
	"slices"
	"time"
)

// Profile is a nation's profile. Its zero value is of no use; get one from Parse.
type Profile struct {
	Name         string               `toml:"name"`
	Code         string               `toml:"code"`   // ISO 3166-1 alpha-2; user-assigned ones (XA … XZ) for the fictional
	Status       string               `toml:"status"` // "to be confirmed by its owner" until somebody in charge has
	TimeZone     string               `toml:"time_zone"`
	Languages    []string             `toml:"languages"` // the first one is the nation's default
	Team         Team                 `toml:"team"`
	Taxonomy     Taxonomy             `toml:"taxonomy"`
	Sectors      []Named              `toml:"sector"`
	Severities   []Severity           `toml:"severity"`
	Designations map[string]Localized `toml:"designation"`
	Regimes      []Regime             `toml:"regime"`
	Holidays     []Holiday            `toml:"holiday"`
	TwoPerson    TwoPerson            `toml:"two_person"`
	Disclosure   Disclosure           `toml:"disclosure"`

	location *time.Location
}

// Team is the national CERT itself.
type Team struct {
	Name    string   `toml:"name"`
	Mails   []string `toml:"mails"`
	Phone   string   `toml:"phone"`
	Hours   string   `toml:"hours"`
	RFC2350 string   `toml:"rfc2350"` // URL of the team's description in the form of RFC 2350
}

// Taxonomy is the edition of incident classes that the nation counts in.
type Taxonomy struct {
	Name    string `toml:"name"`
	Edition string `toml:"edition"`
}

// Localized is a text by language.
type Localized map[string]string

// Named is an id with its name by language.
type Named struct {
	ID    string    `toml:"id"`
	Names Localized `toml:"name"`
}

// Severity is a step of the nation's scale. Level is Tocsin's own: 0 unrated, 1 info … 5 critical.
type Severity struct {
	ID    string    `toml:"id"`
	Level int       `toml:"level"`
	Names Localized `toml:"name"`
}

// Regime is a law that asks for reports, as it stood in a time. A changed law is a second regime with the same id.
type Regime struct {
	ID         string    `toml:"id"`
	Names      Localized `toml:"name"`
	Source     string    `toml:"source"` // law, article, gazette
	ValidFrom  Date      `toml:"valid_from"`
	ValidUntil Date      `toml:"valid_until"` // the first day on which it no longer holds
	Confirmed  bool      `toml:"confirmed"`   // by somebody in charge, against the legal text
	Note       string    `toml:"note"`
	Steps      []Step    `toml:"step"`
}

// Step is one report that a regime asks for. It is due a duration or a number of calendar months after its trigger.
type Step struct {
	ID      string    `toml:"id"`
	Names   Localized `toml:"name"`
	Trigger string    `toml:"trigger"` // aware, or the id of the step whose report starts the clock
	Due     Duration  `toml:"due"`
	Months  int       `toml:"months"`
	To      string    `toml:"to"` // whom to tell: an id of the law's own roles
}

// Aware is the trigger of a step whose clock starts when the entity becomes aware of the incident.
const Aware = "aware"

// Unconfirmed is the status of a starting point that nobody in charge has looked at yet.
const Unconfirmed = "to be confirmed by its owner"

// Location is the nation's time zone.
func (p *Profile) Location() *time.Location {
	if p.location == nil {
		return time.UTC
	}
	return p.location
}

// In is the text in the language, else in the first of the fallbacks that there is, else any.
func (l Localized) In(language string, fallback ...string) string {
	for _, lang := range append([]string{language}, fallback...) {
		if s := l[lang]; s != "" {
			return s
		}
	}
	keys := make([]string, 0, len(l))
	for k := range l {
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return ""
	}
	return l[slices.Min(keys)]
}

// SectorName is the sector's name in the language; an unknown sector is its own name.
func (p *Profile) SectorName(id, language string) string {
	for _, s := range p.Sectors {
		if s.ID == id {
			return s.Names.In(language, p.Languages...)
		}
	}
	return id
}

// HasSector tells whether the profile knows the sector.
func (p *Profile) HasSector(id string) bool {
	return slices.ContainsFunc(p.Sectors, func(s Named) bool { return s.ID == id })
}

// SeverityName is what the nation calls a level; "" when its scale leaves it out.
func (p *Profile) SeverityName(level int, language string) string {
	for _, s := range p.Severities {
		if s.Level == level {
			return s.Names.In(language, p.Languages...)
		}
	}
	return ""
}

// DesignationName is what the nation's law calls a designation; one without a name of its own is its own name.
func (p *Profile) DesignationName(id, language string) string {
	if l, ok := p.Designations[id]; ok {
		return l.In(language, p.Languages...)
	}
	return id
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

// Deadline is when the step is due whose trigger happened at t. A calendar month ends on the same day of the month at the
// same local time, and on the month's last day where there is no such day.
func (s Step) Deadline(t time.Time, loc *time.Location) time.Time {
	if s.Months == 0 {
		return t.Add(time.Duration(s.Due)).UTC()
	}
	l := t.In(loc)
	first := time.Date(l.Year(), l.Month()+time.Month(s.Months), 1, 0, 0, 0, 0, loc)
	last := first.AddDate(0, 1, -1).Day()
	return time.Date(first.Year(), first.Month(), min(l.Day(), last), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), loc).UTC()
}
