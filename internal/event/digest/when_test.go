package digest

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/internal/nation"
	"tocsin/internal/platform/db"
)

// The zones are those with odd clocks: they change at midnight, by half an hour, in the south, or lie a day ahead.
var oddZones = []string{"UTC", "Europe/Belgrade", "Europe/Berlin", "America/Santiago", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Kiritimati",
	"Pacific/Apia", "Asia/Tokyo", "America/St_Johns", "Asia/Kathmandu", "America/Havana"}

func TestDigestNeverFallsDueOnAHolidayOrAWeekend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(oddZones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(1_546_300_800, 1_893_456_000).Draw(t, "at"), 0) // 2019 to 2029
		p := &nation.Profile{}
		for range rapid.IntRange(0, 20).Draw(t, "holidays") {
			day := at.In(zone).AddDate(0, 0, rapid.IntRange(-7, 21).Draw(t, "day"))
			p.Holidays = append(p.Holidays, nation.Holiday{Days: []nation.Date{{Time: time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)}}})
		}
		w := week{zone: zone, weekdays: rapid.IntRange(0, 127).Draw(t, "weekdays"), hour: rapid.IntRange(-1, 23).Draw(t, "hour"), rests: p.Rests}
		f := rapid.SampledFrom([]Frequency{Daily, Weekly}).Draw(t, "frequency")
		due := w.due(f, at).In(zone)
		if !due.After(at) {
			t.Fatalf("due at %s, which is not after %s", due, at)
		}
		if !w.works(due.Weekday()) || p.Rests(due) {
			t.Fatalf("due at %s, a %s on which nobody works", due, due.Weekday())
		}
		if hour := due.Hour(); w.hour >= 0 && hour != w.hour && hour != w.hour+1 || w.hour < 0 && hour != defaultHour {
			t.Fatalf("due at %s, and the hour is %d", due, w.hour)
		}
		back := func(day time.Time) time.Time { return w.slot(day.Year(), day.Month(), day.Day()-1) }
		if f == Daily { // no business day was left out
			for s := back(due); s.After(at); s = back(s) {
				if w.business(s) {
					t.Fatalf("due at %s, and %s is sooner", due, s)
				}
			}
			return
		}
		for s := due; s.Weekday() != w.first(); { // it is the first business day of its week, or of one that had none before
			if s = back(s); w.business(s) {
				t.Fatalf("due at %s, and %s is earlier in the week", due, s)
			}
		}
	})
}

// thursdayOff is a nation that rests on Thursday 2026-03-05 and every Friday of that March.
const thursdayOff = `name = "Ruritania"
code = "XR"
status = "fictional"
time_zone = "Europe/Berlin"
languages = ["en"]
[team]
name = "CERT Ruritania"
[[holiday]]
id = "founder"
name = { en = "Founder's Day" }
day = "03-05"
valid_from = 2026-01-01
[[holiday]]
id = "fair"
name = { en = "The Fair" }
days = ["2026-03-06"]
`

func TestHolidaysOfTheNationPutOffWhatIsNotUrgent(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		_, err := w.Nation.Set(ctx, officer, "x.toml", []byte(thursdayOff))
		w.ok(err)
		w.settled()
		w.next(1) // Thursday, a holiday
		w.report("scan_ftp", "198.51.100.1 21 critical", "198.51.100.2 21 high", "198.51.100.3 21 critical")
		w.collect()
		w.want("clinic 198.51.100.2 waiting open new Mon 09 07:00", "clinic 198.51.100.3 waiting open new Thu 05 06:00")
	})
}

func TestHolidayThatIsDeclaredLaterMovesWhatWaits(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_ftp", "198.51.100.1 21 critical", "198.51.100.2 21 high")
		w.collect()
		w.want("clinic 198.51.100.2 waiting open new Thu 05 07:00")
		_, err := w.Nation.Set(context.Background(), officer, "x.toml", []byte(thursdayOff))
		w.ok(err)
		w.collect()
		w.want("clinic 198.51.100.2 waiting open new Mon 09 07:00")
	})
}

func TestWhatNobodyCanBeToldWaitsForABusinessDay(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.report("scan_ftp", "192.0.2.7 21 high", "198.51.100.1 21 critical", "203.0.113.1 21 high") // the mute one's
		w.collect()
		w.next(2) // Friday
		w.clock.Set(w.clock.Now().Add(2 * time.Hour))
		if n := w.tell(); n != 0 {
			t.Fatalf("%d messages to nobody", n)
		}
		var due int64
		w.ok(w.DB.View(context.Background(), func(tx *db.Tx) error {
			return tx.Row(`SELECT due FROM digest_directive WHERE constituent = $1`, w.ids["mute"]).Scan(&due)
		}))
		if at := time.UnixMicro(due).UTC(); at.Format("Mon 02 15:04") != "Mon 09 07:00" {
			t.Errorf("it waits until %s", at)
		}
	})
}
