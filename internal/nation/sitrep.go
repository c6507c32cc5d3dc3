package nation

import (
	"fmt"
	"time"
)

// Sitrep is when the day's situation report is drafted. A profile without the table has it drafted at DefaultSitrep.
type Sitrep struct {
	At TimeOfDay `toml:"at"` // by the nation's clocks; "never": people draft it
}

// TimeOfDay is a time that every day has, written "07:00", or "never".
type TimeOfDay struct {
	Hour, Minute int
	Never        bool
	set          bool
}

// DefaultSitrep is when a nation that says nothing has its situation report drafted.
func DefaultSitrep() TimeOfDay { return TimeOfDay{Hour: 7} }

// UnmarshalText reads the time.
func (t *TimeOfDay) UnmarshalText(b []byte) error {
	if string(b) == "never" {
		*t = TimeOfDay{Never: true, set: true}
		return nil
	}
	at, err := time.Parse("15:04", string(b))
	if err != nil {
		return fmt.Errorf("%q is no time of day; write it as \"07:00\", or \"never\"", b)
	}
	*t = TimeOfDay{Hour: at.Hour(), Minute: at.Minute(), set: true}
	return nil
}

// SitrepDue is when the situation report of the day that a time has in the nation's calendar is drafted, in UTC, and that day as midnight
// UTC; ok is false when people draft it. Where the clocks skip that time it is the moment at which they do, and where they show it
// twice the first one.
func (p *Profile) SitrepDue(now time.Time) (due, day time.Time, ok bool) {
	at := p.Sitrep.At
	if !at.set {
		at = DefaultSitrep()
	}
	y, m, d := now.In(p.Location()).Date()
	day = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if at.Never {
		return time.Time{}, day, false
	}
	return atLocal(time.Date(y, m, d, at.Hour, at.Minute, 0, 0, time.UTC), p.Location()), day, true
}

// Midnight is when a day of the nation's calendar begins, in UTC. Day and month may lie outside their bounds, as for time.Date.
func (p *Profile) Midnight(year int, month time.Month, day int) time.Time {
	return atLocal(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), p.Location())
}
