package nation

import (
	"testing"
	"time"
)

// TestTheSitrepIsDueOnceADayAcrossDaylightSaving walks over a year by the hour: each day of the calendar has one due time, which is on that
// day and at that hour wherever clocks show it.
func TestTheSitrepIsDueOnceADayAcrossDaylightSaving(t *testing.T) {
	for _, zone := range []string{"Europe/Belgrade", "America/Santiago", "Asia/Tokyo", "Africa/Cairo", "Australia/Lord_Howe"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{"07:00", "00:00", "02:30"} {
			p := &Profile{location: loc}
			if err := p.Sitrep.At.UnmarshalText([]byte(at)); err != nil {
				t.Fatal(err)
			}
			seen, last := map[string]time.Time{}, time.Time{}
			for now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); now.Year() < 2027; now = now.Add(time.Hour) {
				due, day, ok := p.SitrepDue(now)
				key := day.Format(time.DateOnly)
				if was, there := seen[key]; !ok || there && !was.Equal(due) {
					t.Fatalf("%s %s on %s: due %v and %v", zone, at, key, was, due)
				}
				if got := due.In(loc).Format(time.DateOnly); got != key {
					t.Fatalf("%s %s on %s: due on %s", zone, at, key, got)
				}
				if _, there := seen[key]; !there && !due.After(last) {
					t.Fatalf("%s %s on %s: due %v is not after %v", zone, at, key, due, last)
				}
				if wall := due.In(loc).Format("15:04"); wall != at {
					_, before := due.Add(-time.Second).In(loc).Zone()
					if _, after := due.In(loc).Zone(); after <= before {
						t.Fatalf("%s on %s: due at %s, want %s", zone, key, wall, at)
					}
				}
				seen[key], last = due, due
			}
		}
	}
}

func TestWithoutATableTheSitrepIsDueAtSevenAndNeverIsNever(t *testing.T) {
	p := &Profile{}
	if due, _, ok := p.SitrepDue(time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)); !ok || due.Hour() != 7 || due.Day() != 2 {
		t.Errorf("due %v, %v", due, ok)
	}
	for text, good := range map[string]bool{"never": true, "7": false, "25:00": false, "07:30": true} {
		if err := p.Sitrep.At.UnmarshalText([]byte(text)); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
	p.Sitrep.At.UnmarshalText([]byte("never"))
	if _, _, ok := p.SitrepDue(time.Now()); ok {
		t.Error("due although never")
	}
}
