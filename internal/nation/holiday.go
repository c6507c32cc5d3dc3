package nation

import (
	"slices"
	"time"
)

// Holiday is a day on which the nation rests: the same day of every year, or listed days where they move. Both may have bounds, for a
// law that began or ended.
type Holiday struct {
	ID         string    `toml:"id"`
	Names      Localized `toml:"name"`
	Day        string    `toml:"day"`  // "01-07", of every year
	Days       []Date    `toml:"days"` // listed year by year: Easter, substitute days
	ValidFrom  Date      `toml:"valid_from"`
	ValidUntil Date      `toml:"valid_until"` // the first day on which it is none any more
}

// maxHolidays bounds a profile: no nation rests more often, and years are listed for decades at most.
const (
	maxHolidays = 200
	maxListed   = 400 // days of one holiday
)

// on tells whether the holiday is on a day, which is midnight UTC.
func (h *Holiday) on(day time.Time) bool {
	if !h.ValidFrom.IsZero() && day.Before(h.ValidFrom.Time) || !h.ValidUntil.IsZero() && !day.Before(h.ValidUntil.Time) {
		return false
	}
	return h.Day != "" && day.Format("01-02") == h.Day || slices.ContainsFunc(h.Days, func(d Date) bool { return d.Equal(day) })
}

// Holiday finds the holiday that is on a day of the calendar, wherever its hours are.
func (p *Profile) Holiday(year int, month time.Month, day int) (Holiday, bool) {
	d := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	for i := range p.Holidays {
		if p.Holidays[i].on(d) {
			return p.Holidays[i], true
		}
	}
	return Holiday{}, false
}

// Rests tells whether the nation rests on the day that a time has where it is read.
func (p *Profile) Rests(t time.Time) bool {
	_, ok := p.Holiday(t.Date())
	return ok
}

// Rest is a day on which the nation rests.
type Rest struct {
	Day     Date
	Holiday Holiday
}

// RestsBetween lists them between two times, by the nation's calendar, the first one first: at most one for each day of two years.
func (p *Profile) RestsBetween(from, until time.Time) (out []Rest) {
	y, m, d := from.In(p.Location()).Date()
	for i := range 2 * 366 {
		day := time.Date(y, m, d+i, 0, 0, 0, 0, time.UTC)
		if day.Format(time.DateOnly) >= until.In(p.Location()).Format(time.DateOnly) {
			break
		}
		if h, ok := p.Holiday(day.Date()); ok {
			out = append(out, Rest{Date{day}, h})
		}
	}
	return out
}

func (c *checker) holidays(p *Profile) {
	if len(p.Holidays) > maxHolidays {
		c.add("holiday", "these are %d holidays, at most %d can be kept: list the days of a moving one together", len(p.Holidays), maxHolidays)
		return
	}
	c.ids("holiday", p.Languages, len(p.Holidays), func(i int) Named { return Named{p.Holidays[i].ID, p.Holidays[i].Names} })
	for i, h := range p.Holidays {
		if h.Day == "" && len(h.Days) == 0 {
			c.addNth("holiday", i+1, "holiday %q has no day: write day = \"01-07\" for every year, or days = [\"2026-04-13\"]", h.ID)
		}
		if h.Day != "" {
			if _, err := time.Parse(time.DateOnly, "2024-"+h.Day); err != nil { // a leap year
				c.addNth("holiday.day", i+1, "%q is no day of a year: write month and day as \"01-07\"", h.Day)
			}
		}
		if len(h.Days) > maxListed {
			c.addNth("holiday.days", i+1, "lists %d days, and at most %d can be kept", len(h.Days), maxListed)
		}
		if slices.ContainsFunc(h.Days, Date.IsZero) {
			c.addNth("holiday.days", i+1, "has a day that is empty")
		}
		if !h.ValidUntil.IsZero() && !h.ValidFrom.Before(h.ValidUntil.Time) {
			c.addNth("holiday", i+1, "holiday %q ends before it begins", h.ID)
		}
	}
}
