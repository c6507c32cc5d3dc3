package nation

import (
	"testing"
	"time"

	"tocsin/internal/platform/fault"
)

const calm = `name = "Ruritania"
code = "XR"
status = "fictional"
time_zone = "Asia/Tokyo"
languages = ["en"]
[team]
name = "CERT Ruritania"
`

func TestHolidaysAreThoseOfEveryYearAndListedOnesWithinTheirLaw(t *testing.T) {
	p, err := Parse("x.toml", []byte(calm+`[[holiday]]
id = "leap"
name = { en = "Leap Day" }
day = "02-29"
[[holiday]]
id = "unity"
name = { en = "Unity Day" }
day = "10-03"
days = ["2026-10-05"]
valid_from = 2025-01-01
valid_until = "2027-01-01"
`))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{"2024-02-29": "leap", "2024-10-03": "", "2025-10-03": "unity", "2026-10-03": "unity", "2026-10-05": "unity", "2025-10-05": "",
		"2027-10-03": "", "2026-10-04": ""} {
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := p.Holiday(d.Date()); h.ID != want || ok != (want != "") {
			t.Errorf("%s is %q, want %q", day, h.ID, want)
		}
	}
	// In Tokyo the third begins at 15:00 UTC of the second.
	from := time.Date(2026, 10, 2, 15, 0, 0, 0, time.UTC)
	if all := p.RestsBetween(from, from.AddDate(1, 0, 0)); len(all) != 2 || all[0].Day.String() != "2026-10-03" || all[1].Day.String() != "2026-10-05" {
		t.Errorf("the year's: %v", all)
	}
	if all := p.RestsBetween(from.AddDate(-3, 0, 0), from.AddDate(30, 0, 0)); len(all) != 2 { // two years, from 2023-10-03
		t.Errorf("the list has no end: %v", all)
	}
}

func TestWrongHolidaysAreToldWithTheirLine(t *testing.T) {
	for text, line := range map[string]int64{
		"[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\n":                                                                                   8,
		"[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\nday = \"13-01\"\n":                                                                  11,
		"[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\nday = \"1-1\"\n":                                                                    11,
		"[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\ndays = [\"\"]\n":                                                                    11,
		"[[holiday]]\nid = \"x\"\nname = { sr = \"X\" }\nday = \"01-01\"\n":                                                                  10,
		"[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\nday = \"01-01\"\nvalid_from = 2026-01-01\nvalid_until = 2026-01-01\n":               8,
		"[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\nday = \"01-01\"\n[[holiday]]\nid = \"x\"\nname = { en = \"X\" }\nday = \"01-02\"\n": 13,
	} {
		_, err := Parse("x.toml", []byte(calm+text))
		ps, ok := err.(fault.Problems)
		if !ok || len(ps) != 1 || ps[0].Line != line {
			t.Errorf("%q: %v, want one problem in line %d", text, err, line)
		}
	}
}
