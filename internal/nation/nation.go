// Package nation has the profile that tailors Tocsin to a country: its team, languages, sectors, severity scale,
// designations, statutory clocks and public holidays, as one TOML file. It says what the law asks for and by when; it does not run the
// clocks.
package nation

import (
	"slices"
	"strings"
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
	Matrix       Matrix               `toml:"severity_matrix"`
	Designations map[string]Localized `toml:"designation"`
	Regimes      []Regime             `toml:"regime"`
	Yearly       Yearly               `toml:"yearly"`
	Sitrep       Sitrep               `toml:"sitrep"`
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

// Signature is how the team signs a letter: its name, and how it is reached, a line each.
func (t Team) Signature() string {
	lines := []string{t.Name}
	if len(t.Mails) > 0 {
		lines = append(lines, t.Mails[0])
	}
	for _, l := range []string{t.Phone, t.Hours} {
		if l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
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
