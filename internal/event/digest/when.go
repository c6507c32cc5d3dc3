package digest

import (
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"tocsin/internal/nation"
)

// week is when somebody works.
type week struct {
	zone     *time.Location
	weekdays int // bit 0 is Sunday; 0: Monday to Friday
	hour     int // local; -1: defaultHour
	// rests tells the public holidays, by the day that a time has where it is read; nil: there are none.
	rests func(time.Time) bool
}

const (
	defaultHour     = 8
	mondayToFriday  = 0b0111110
	longestSchedule = 63 // days within which every schedule has a slot, unless its nation rests on all of them
)

func (w week) works(d time.Weekday) bool {
	days := w.weekdays
	if days == 0 {
		days = mondayToFriday
	}
	return days&(1<<d) != 0
}

// first is the day on which a week begins: the business day after the longest rest, wherever people rest. Who never rests begins
// on Monday.
func (w week) first() time.Weekday {
	best, longest := time.Monday, 0
	for i := range 7 {
		d := time.Weekday((int(time.Monday) + i) % 7)
		rest := 0
		for rest < 7 && !w.works((d+6-time.Weekday(rest)+7)%7) {
			rest++
		}
		if w.works(d) && rest > longest {
			best, longest = d, rest
		}
	}
	return best
}

// business tells whether the day that a time has in its own zone is one on which somebody works.
func (w week) business(t time.Time) bool {
	return w.works(t.Weekday()) && (w.rests == nil || !w.rests(t))
}

// slot is when something is told on a day. Where the clocks skip that hour it is the hour after, on the same day.
func (w week) slot(year int, month time.Month, day int) time.Time {
	hour := w.hour
	if hour < 0 {
		hour = defaultHour
	}
	s := time.Date(year, month, day, hour, 0, 0, 0, w.zone)
	if want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC); s.Day() != want.Day() {
		s = s.Add(time.Hour)
	}
	return s
}

// due is when something of a frequency that is known at t is told; the zero time is never. What is weekly and would fall on a holiday
// is told on the next business day.
func (w week) due(f Frequency, t time.Time) time.Time {
	switch f {
	case Immediate:
		return t
	case Daily, Weekly:
	default:
		return time.Time{}
	}
	y, m, d := t.In(w.zone).Date()
	begun := false // a week that has had no business day yet
	for i := -6; i < longestSchedule; i++ {
		slot := w.slot(y, m, d+i)
		begun = begun || slot.Weekday() == w.first()
		if !w.business(slot) || f == Weekly && !begun {
			continue
		}
		begun = false
		if slot.After(t) {
			return slot
		}
	}
	if w.rests != nil { // a nation that lists nothing but holidays is told all the same
		w.rests = nil
		return w.due(f, t)
	}
	return time.Time{}
}

// urgent is the more urgent of two frequencies.
func urgent(a, b Frequency) Frequency {
	if slices.Index(Frequencies(), a) <= slices.Index(Frequencies(), b) {
		return a
	}
	return b
}

// calendar is a number that is another one when the nation's time zone or its holidays are others.
func calendar(p *nation.Profile) uint32 {
	h := crc32.NewIEEE()
	fmt.Fprint(h, p.TimeZone)
	for _, d := range p.Holidays {
		fmt.Fprint(h, "\n", d.Day, d.Days, d.ValidFrom, d.ValidUntil)
	}
	return h.Sum32()
}
