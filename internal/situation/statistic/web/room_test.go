package web

import (
	"testing"
	"time"

	"tocsin/internal/format/rsit"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	keys := []string{"runs", "sum", "none.class", "none.sector", "tile.reports", "tile.cases", "tile.before", "by.week", "by.month", "of.class", "of.severity", "of.sector", "by-of.class", "by-of.severity", "by-of.sector"}
	for _, c := range rsit.Classes() {
		keys = append(keys, "class."+c.Name)
	}
	webtest.Check(t, Room(nil), keys...)
}

func TestPeriodBearsTheDayOfTheNationsCalendar(t *testing.T) {
	for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Auckland", "Europe/Belgrade", "UTC", "Pacific/Pago_Pago"} {
		l, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, month := range []time.Month{time.January, time.April, time.July, time.October} { // on both sides of daylight saving
			want := time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC).Unix() / 86_400
			if got := dayIn(l, time.Date(2026, month, 1, 0, 0, 0, 0, l)); got != want {
				t.Errorf("%s, month %d: day %d, want %d", zone, month, got, want)
			}
		}
	}
}
