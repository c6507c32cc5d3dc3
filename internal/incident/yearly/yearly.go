// Package yearly has the statistics of all incidents of a year, which the law has operators return within a window of the next one:
// drafts, returns and their corrections, reminders to who has not returned, and the national summary. What the statistics count are the
// operators' own incidents, reported or not; cases are incident's.
package yearly

import (
	"embed"
	"fmt"
	"log/slog"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/rsit"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// Config is what a desk stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's
	Constituency *constituency.Store
	Nation       *nation.Store
	Gate         *disclosure.Gate
	Outbox       *notify.Outbox
	URL          string // how browsers reach the console, for reminders; "" without one
	Log          *slog.Logger
}

// Desk is where a world collects its yearly statistics. It is safe for concurrent use.
type Desk struct {
	Config
	words *text.Catalogue
}

// New returns the desk of a world.
func New(c Config) (*Desk, error) {
	words, err := text.Load(locales)
	if err != nil {
		return nil, fmt.Errorf("the words of yearly statistics: %w", err)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Desk{c, words}
	if c.Outbox != nil {
		c.Outbox.Compose(Kind, d.Compose)
	}
	return d, nil
}

// State is how far a return is.
type State string

// The states of a return. None is that of one that nobody began.
const (
	None      State = "none"
	Draft     State = "draft"
	Submitted State = "submitted"
)

// Count is how many incidents of a class there were at a level of the nation's scale.
type Count struct {
	Class     string `json:"class"`
	Severity  int    `json:"severity"`
	Incidents int64  `json:"incidents"`
}

// Content is what an operator says of its year.
type Content struct {
	Counts   []Count `json:"counts" nullable:"false"` // in the order of classes, the gravest first; none of them 0
	Nothing  bool    `json:"nothing"`                 // there were no incidents: said, not forgotten
	Downtime int64   `json:"downtime_minutes"`
	Cost     *int64  `json:"cost,omitempty"` // whole units of the currency
	Currency string  `json:"currency,omitempty"`
	Note     string  `json:"note,omitempty"`
}

// Incidents is the sum of all counts.
func (c *Content) Incidents() (n int64) {
	for _, x := range c.Counts {
		n += x.Incidents
	}
	return n
}

// Of is the count of a class at a level.
func (c *Content) Of(class string, severity int) int64 {
	for _, x := range c.Counts {
		if x.Class == class && x.Severity == severity {
			return x.Incidents
		}
	}
	return 0
}

// Return is what a constituent said of a year, and how that came.
type Return struct {
	Content
	ID          int64        `json:"-"`
	Year        int          `json:"year"`
	Constituent int64        `json:"constituent"`
	Ref         string       `json:"ref"`
	Name        string       `json:"name"`
	State       State        `json:"state"`
	Late        bool         `json:"late"` // submitted after the window
	Submitted   int64        `json:"submitted,omitempty"`
	SubmittedBy string       `json:"submitted_by,omitempty"`
	Changed     int64        `json:"changed,omitempty"`
	ChangedBy   string       `json:"changed_by,omitempty"`
	Version     int64        `json:"version"` // 0 of one that nobody began
	Corrections []Correction `json:"corrections,omitempty"`

	sum int64 // of its counts, as they are kept
}

// Correction is that a submitted return was changed.
type Correction struct {
	At     int64   `json:"at"`
	Name   string  `json:"name"`
	Reason string  `json:"reason"`
	Before Content `json:"before"`
}

// Classes are the classes that are counted: those of RSIT without tests.
func Classes() []string {
	var out []string
	for _, c := range rsit.Classes() {
		if c.Name != "test" {
			out = append(out, c.Name)
		}
	}
	return out
}

// Levels are the levels of the nation's scale, the gravest first.
func Levels(p *nation.Profile) []int {
	var out []int
	for level := 5; level >= 0; level-- {
		for _, s := range p.Severities {
			if s.Level == level {
				out = append(out, level)
			}
		}
	}
	return out
}

// Latest is the last year that is over in the nation's calendar: the one whose statistics are asked for now.
func Latest(p *nation.Profile, now time.Time) int { return now.In(p.Location()).Year() - 1 }

// may tells whether an actor may see and write the return of a constituent.
func may(a act.Actor, constituent int64) bool {
	return a.Kind == act.Local || a.Kind == act.System || a.Rights.Covers(constituent)
}

// whose is the constituent that an actor asks about; anybody else's is not there.
func whose(dir *constituency.Directory, by act.Actor, constituent int64) (constituency.Listed, error) {
	l, ok := dir.ByID(constituent)
	if !ok || !may(by, constituent) {
		return l, fault.NotFoundf("there is no constituent with the id %d", constituent)
	}
	return l, nil
}

// firstYear is the earliest year that statistics are kept of.
const firstYear = 2000

// counted refuses a year that is not over, or that nobody counts.
func counted(p *nation.Profile, year int, now time.Time) error {
	if year < firstYear || year > Latest(p, now) {
		return fault.NotFoundf("there are no statistics of %d: they are of the years from %d to %d", year, firstYear, Latest(p, now))
	}
	return nil
}
