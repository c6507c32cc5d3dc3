package feed

import (
	"fmt"
	"strings"
	"time"

	"tocsin/internal/platform/fault"
)

// Schedule is when a collector looks: every so often, or daily at a time of day in the nation's zone. As text it is
// "every 15m", "daily 06:30" or "" for never.
type Schedule struct {
	every  time.Duration
	daily  bool
	minute int // of the day
}

const (
	minEvery = time.Minute
	maxEvery = 7 * 24 * time.Hour
)

// ParseSchedule reads a schedule's text.
func ParseSchedule(s string) (Schedule, error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case word == "" && rest == "":
		return Schedule{}, nil
	case word == "every":
		d, err := time.ParseDuration(rest)
		if err != nil || d < minEvery || d > maxEvery || d%time.Minute != 0 {
			return Schedule{}, fault.Invalidf("%q is no schedule: use whole minutes from 1m to 168h, like \"every 15m\"", s)
		}
		return Schedule{every: d}, nil
	case word == "daily":
		t, err := time.Parse("15:04", rest)
		if err != nil {
			return Schedule{}, fault.Invalidf("%q is no schedule: use a time of day, like \"daily 06:30\"", s)
		}
		return Schedule{daily: true, minute: t.Hour()*60 + t.Minute()}, nil
	}
	return Schedule{}, fault.Invalidf("%q is no schedule: use \"every 15m\" or \"daily 06:30\"", s)
}

// String is the schedule's text.
func (s Schedule) String() string {
	switch {
	case s.daily:
		return fmt.Sprintf("daily %02d:%02d", s.minute/60, s.minute%60)
	case s.every >= time.Hour && s.every%time.Hour == 0:
		return fmt.Sprintf("every %dh", int(s.every/time.Hour))
	case s.every > 0:
		return fmt.Sprintf("every %dm", int(s.every/time.Minute))
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Schedule) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSchedule(string(b))
	return err
}

// Set says whether the schedule is ever due.
func (s Schedule) Set() bool { return s.every > 0 || s.daily }

// Next is the first time it is due after last, in zone; a schedule that is not set is never due and gives the zero time.
// A time of day that a change of clocks leaves out is due at the same distance from midnight.
func (s Schedule) Next(last time.Time, zone *time.Location) time.Time {
	switch {
	case s.every > 0:
		return last.Add(s.every)
	case s.daily:
		l := last.In(zone)
		t := time.Date(l.Year(), l.Month(), l.Day(), 0, s.minute, 0, 0, zone)
		if !t.After(last) {
			t = time.Date(l.Year(), l.Month(), l.Day()+1, 0, s.minute, 0, 0, zone)
		}
		return t
	}
	return time.Time{}
}

func (s Schedule) required(field string, add adder) {
	if !s.Set() {
		add(field, "say when to look: \"every 15m\" or \"daily 06:30\"")
	}
}
