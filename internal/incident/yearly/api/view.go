package api

import (
	"time"

	"tocsin/internal/incident/yearly"
)

// Content is what an operator says of its year.
type Content struct {
	Counts    []yearly.Count `json:"counts" nullable:"false"`
	Nothing   bool           `json:"nothing"`
	Incidents int64          `json:"incidents"`
	Downtime  int64          `json:"downtime_minutes"`
	Cost      *int64         `json:"cost,omitempty"`
	Currency  string         `json:"currency,omitempty"`
	Note      string         `json:"note,omitempty"`
}

// Return is what a constituent said of a year.
type Return struct {
	Year        int          `json:"year"`
	Constituent int64        `json:"constituent"`
	Ref         string       `json:"ref"`
	Name        string       `json:"name"`
	State       string       `json:"state" enum:"none,draft,submitted"`
	Late        bool         `json:"late" doc:"Submitted after the window"`
	Submitted   *time.Time   `json:"submitted,omitempty"`
	SubmittedBy string       `json:"submitted_by,omitempty"`
	Changed     *time.Time   `json:"changed,omitempty"`
	ChangedBy   string       `json:"changed_by,omitempty"`
	Version     int64        `json:"version"`
	Content     Content      `json:"content"`
	Corrections []Correction `json:"corrections,omitempty"`
}

// Correction is that a submitted return was changed.
type Correction struct {
	At     time.Time `json:"at"`
	Name   string    `json:"name"`
	Reason string    `json:"reason"`
	Before Content   `json:"before"`
}

// Standing is one constituent that is asked or returned.
type Standing struct {
	Return
	Sector    string            `json:"sector"`
	Asked     bool              `json:"asked" doc:"The law asks it"`
	Reminders []yearly.Reminder `json:"reminders,omitempty" doc:"Times are UTC microseconds"`
}

// OwnReturn is one's own return of a year.
type OwnReturn struct {
	Return
	Asked bool       `json:"asked" doc:"The law asks for it"`
	From  *time.Time `json:"from,omitempty" doc:"The window begins"`
	Until *time.Time `json:"until,omitempty" doc:"The window is over"`
}

func instant(at int64) *time.Time {
	if at == 0 {
		return nil
	}
	t := time.UnixMicro(at).UTC()
	return &t
}

func contentOf(c yearly.Content) Content {
	return Content{append([]yearly.Count{}, c.Counts...), c.Nothing, c.Incidents(), c.Downtime, c.Cost, c.Currency, c.Note}
}

func returnOf(r yearly.Return) *Return {
	out := &Return{Year: r.Year, Constituent: r.Constituent, Ref: r.Ref, Name: r.Name, State: string(r.State), Late: r.Late, Submitted: instant(r.Submitted),
		SubmittedBy: r.SubmittedBy, Changed: instant(r.Changed), ChangedBy: r.ChangedBy, Version: r.Version, Content: contentOf(r.Content)}
	for _, c := range r.Corrections {
		out.Corrections = append(out.Corrections, Correction{time.UnixMicro(c.At).UTC(), c.Name, c.Reason, contentOf(c.Before)})
	}
	return out
}

func standingOf(s yearly.Standing) Standing {
	r := returnOf(s.Return)
	r.Content.Incidents = s.Total
	return Standing{*r, s.Sector, s.Asked, s.Reminders}
}

func ownOf(o yearly.Own) OwnReturn {
	return OwnReturn{*returnOf(o.Return), o.Asked, instant(o.From), instant(o.Until)}
}
