package feed

import (
	"testing"
	"time"
)

func TestScheduleIsDueInTheNationsZone(t *testing.T) {
	belgrade, err := time.LoadLocation("Europe/Belgrade")
	if err != nil {
		t.Skip("needs the zone database")
	}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ schedule, last, next string }{
		{"every 15m", "2026-11-23T10:00:00Z", "2026-11-23T10:15:00Z"},
		{"daily 06:30", "2026-11-23T05:29:00Z", "2026-11-23T05:30:00Z"},
		{"daily 06:30", "2026-11-23T05:30:00Z", "2026-11-24T05:30:00Z"},
		{"daily 06:30", "2026-07-01T23:00:00Z", "2026-07-02T04:30:00Z"},
		{"daily 00:10", "2026-11-23T23:20:00Z", "2026-11-24T23:10:00Z"},
	} {
		s, err := ParseSchedule(c.schedule)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(at(c.last), belgrade); !got.Equal(at(c.next)) {
			t.Errorf("%s after %s: got %s, want %s", c.schedule, c.last, got.UTC(), c.next)
		}
	}
}

func TestDeltaFilesAreThoseOfOtherWeekdays(t *testing.T) {
	s := Settings{DeltaWeekday: "monday"}
	if s.Delta(20780) { // 2026-11-23 is a Monday
		t.Errorf("%s is the full report", Date(20780))
	}
	if !s.Delta(20781) {
		t.Errorf("%s holds only what is new", Date(20781))
	}
	if (Settings{}).Delta(20781) {
		t.Error("without delta mode every report is full")
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"", "every 15m", "daily 06:30", "every 24h", "daily 24:00", "every 1s", "hourly"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil || again != s {
			t.Errorf("%q is read as %q and that as %v, %v", text, s, again, err)
		}
	})
}
