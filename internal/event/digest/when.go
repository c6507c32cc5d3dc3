package digest

import (
	"slices"
	"time"
)

// week is when somebody works.
type week struct {
	zone     *time.Location
	weekdays int // bit 0 is Sunday; 0: Monday to Friday
	hour     int // local; -1: defaultHour
}

const (
	defaultHour     = 8
	mondayToFriday  = 0b0111110
	longestSchedule = 21 // days within which every schedule has a slot
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

// due is when something of a frequency that is known at t is told; the zero time is never.
func (w week) due(f Frequency, t time.Time) time.Time {
	switch f {
	case Immediate:
		return t
	case Daily, Weekly:
	default:
		return time.Time{}
	}
	hour := w.hour
	if hour < 0 {
		hour = defaultHour
	}
	l := t.In(w.zone)
	for i := range longestSchedule {
		slot := time.Date(l.Year(), l.Month(), l.Day()+i, hour, 0, 0, 0, w.zone)
		if slot.After(t) && (f == Daily && w.works(slot.Weekday()) || f == Weekly && slot.Weekday() == w.first()) {
			return slot
		}
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
