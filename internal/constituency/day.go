package constituency

import (
	"fmt"
	"time"
)

// Day counts days since 1970-01-01, UTC. As the start of a validity 0 means always; as its end it is the first day that is
// no longer valid, and Open means that none is set.
type Day int64

// Open is the end of what has no end.
const (
	Open Day = open
	open     = 9999999
)

// DayOf is the day of a moment.
func DayOf(t time.Time) Day { return Day(dayOf(t.UnixMicro())) }

// String is "2026-03-01", or "" for always and open.
func (d Day) String() string {
	if d <= 0 || d >= Open {
		return ""
	}
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

// ParseDay reads "2026-03-01"; "" is empty, which is 0 for a start and Open for an end.
func ParseDay(s string, empty Day) (Day, error) {
	if s == "" {
		return empty, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1971 || t.Year() > 9999 {
		return 0, fmt.Errorf("%q is no date; write YYYY-MM-DD", s)
	}
	return DayOf(t), nil
}
