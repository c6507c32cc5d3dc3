package nation

import (
	"fmt"
	"slices"
	"time"
)

// Yearly is the statistics of all incidents of a year that the law asks operators for, and the window in which they return them: from
// a day of the next year until the end of another. A profile without the table asks for none.
type Yearly struct {
	Designations []string `toml:"designations"` // whom it asks
	From         YearDay  `toml:"from"`
	Until        YearDay  `toml:"until"` // the last day; one before From is in the year after
	FirstYear    int      `toml:"first_year"`
}

// YearDay is a day of any year, written "02-28"; the zero value is none.
type YearDay struct {
	Month time.Month
	Day   int
}

// UnmarshalText reads a day that every year has.
func (d *YearDay) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, "2001-"+string(b)) // no leap year
	if err != nil {
		return fmt.Errorf("%q is no day of every year; write it as MM-DD", b)
	}
	d.Month, d.Day = t.Month(), t.Day()
	return nil
}

// String is "02-28", "" for none.
func (d YearDay) String() string {
	if d == (YearDay{}) {
		return ""
	}
	return fmt.Sprintf("%02d-%02d", int(d.Month), d.Day)
}

// Asked tells whether the nation asks for the statistics of a year at all.
func (y Yearly) Asked(year int) bool { return y.From != YearDay{} && year >= y.FirstYear }

// Asks tells whether it asks those of a designation.
func (y Yearly) Asks(designation string) bool { return slices.Contains(y.Designations, designation) }

// Window is when the statistics of a year are returned, in UTC: from the first instant of the first day until the first one after the
// last day, by the clocks of loc.
func (y Yearly) Window(year int, loc *time.Location) (from, until time.Time) {
	midnight := func(year int, d YearDay, days int) time.Time {
		return atLocal(time.Date(year, d.Month, d.Day+days, 0, 0, 0, 0, time.UTC), loc)
	}
	last := year + 1
	if y.Until.Month < y.From.Month || y.Until.Month == y.From.Month && y.Until.Day < y.From.Day {
		last++
	}
	return midnight(year+1, y.From, 0), midnight(last, y.Until, 1)
}

// yearly checks the table.
func (c *checker) yearly(p *Profile) {
	y := p.Yearly
	if y.From == (YearDay{}) && y.Until == (YearDay{}) && len(y.Designations) == 0 && y.FirstYear == 0 {
		return
	}
	if y.From == (YearDay{}) || y.Until == (YearDay{}) {
		c.add("yearly", "the window needs from and until, as \"01-01\" and \"02-28\"")
	}
	if len(y.Designations) == 0 {
		c.add("yearly.designations", "name at least one designation that is asked")
	}
	c.designations("yearly.designations", 1, p, y.Designations)
	if y.FirstYear < 0 || y.FirstYear > 9999 {
		c.add("yearly.first_year", "%d is no year", y.FirstYear)
	}
}
