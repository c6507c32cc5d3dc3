package nation

import (
	"strings"
	"testing"
	"time"
)

func TestTheWindowOfYearlyStatistics(t *testing.T) {
	p := shippedProfile(t, "serbia")
	y := p.Yearly
	if !y.Asked(2025) || y.Asked(2024) || !y.Asks("special-importance") || y.Asks("other") || (Yearly{}).Asked(2025) {
		t.Errorf("whom it asks: %+v", y)
	}
	for _, tt := range []struct {
		y           Yearly
		zone        string
		year        int
		from, until string
	}{
		{y, "Europe/Belgrade", 2025, "2025-12-31T23:00:00Z", "2026-02-28T23:00:00Z"},
		{y, "Europe/Belgrade", 2027, "2027-12-31T23:00:00Z", "2028-02-28T23:00:00Z"}, // not the 29th
		{Yearly{From: YearDay{time.December, 1}, Until: YearDay{time.March, 31}}, "Asia/Tokyo", 2025, "2026-11-30T15:00:00Z", "2027-03-31T15:00:00Z"},
		{Yearly{From: YearDay{time.October, 1}, Until: YearDay{time.October, 1}}, "America/Asuncion", 2016, "2017-10-01T04:00:00Z", "2017-10-02T03:00:00Z"}, // no midnight
	} {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, until := tt.y.Window(tt.year, loc)
		if from.Format(time.RFC3339) != tt.from || until.Format(time.RFC3339) != tt.until {
			t.Errorf("%s %d: %s to %s, want %s to %s", tt.zone, tt.year, from, until, tt.from, tt.until)
		}
	}
}

func TestWrongYearlyTablesSayWhere(t *testing.T) {
	b, err := Shipped("ruritania")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{`from = "01-01"`, `from = "02-29"`, "no day of every year"},
		{`until = "02-28"`, ``, "needs from and until"},
		{"designations = [\"special-importance\"]\nfrom", "designations = []\nfrom", "at least one designation"},
		{"designations = [\"special-importance\"]\nfrom", "designations = [\"grand\"]\nfrom", `"grand" is none of`},
		{`until = "02-28"`, "until = \"02-28\"\nfirst_year = -1", "no year"},
	} {
		wrong := strings.Replace(string(b), tt.old, tt.new, 1)
		if _, err := Parse("r.toml", []byte(wrong)); wrong == string(b) || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "r.toml:") {
			t.Errorf("%s: %v, want %q", tt.new, err, tt.want)
		}
	}
}
