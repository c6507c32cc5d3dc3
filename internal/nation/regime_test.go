package nation

import (
	"archive/zip"
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/internal/platform/fault"
)

// zones lists every zone and link of the tz database that Go comes with.
func zones(t *testing.T) []string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	var out []string
	if err == nil {
		defer z.Close()
		for _, f := range z.File {
			if !strings.HasSuffix(f.Name, "/") {
				out = append(out, f.Name)
			}
		}
	} else { // a distribution's Go uses the system's database
		f, err := os.Open("/usr/share/zoneinfo/tzdata.zi")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			switch w := strings.Fields(s.Text()); {
			case len(w) > 1 && w[0] == "Z":
				out = append(out, w[1])
			case len(w) > 2 && w[0] == "L":
				out = append(out, w[2])
			}
		}
	}
	if len(out) < 400 {
		t.Fatalf("only %d time zones", len(out))
	}
	slices.Sort(out)
	return out
}

const wallClock = "2006-01-02 15:04:05.000000000"

// wanted is the local time at which a step of months is due, reckoned digit by digit: no time package, no zone.
func wanted(l time.Time, months int) time.Time {
	year, month, day := l.Year(), int(l.Month())+months, l.Day()
	for month > 12 {
		year, month = year+1, month-12
	}
	days := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && (year%4 == 0 && year%100 != 0 || year%400 == 0) {
		days = 29
	}
	return time.Date(year, time.Month(month), min(day, days), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
}

// moment draws an instant, half of the time one whose deadline stands within hours of a change of clocks.
func moment(t *rapid.T, loc *time.Location, months int) time.Time {
	at := time.Unix(rapid.Int64Range(-3e9, 6e9).Draw(t, "second"), 0).In(loc) // from 1875 to 2160
	if rapid.Bool().Draw(t, "near a change") {
		if _, end := at.ZoneBounds(); !end.IsZero() {
			at = end.Add(time.Duration(rapid.IntRange(-180, 180).Draw(t, "minutes")) * time.Minute).In(loc)
			at = at.AddDate(0, -months, 0)
		}
	}
	return at
}

func TestMonthsInEveryTimeZone(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(all).Draw(t, "zone")
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		months := rapid.IntRange(1, 13).Draw(t, "months")
		at := moment(t, loc, months)
		step := Step{Months: months}
		due, wall := step.Deadline(at, loc), wanted(at.In(loc), months)
		if due.Location() != time.UTC || !due.Equal(step.Deadline(at.UTC(), loc)) {
			t.Fatalf("%s: not in UTC, or it depends on the zone the trigger is written in", due)
		}
		// Every instant that shows the wanted time shows it by an offset that holds within a day of it.
		shown := false
		for h := -30 * 4; h <= 30*4; h++ {
			_, offset := wall.Add(time.Duration(h) * 15 * time.Minute).In(loc).Zone()
			c := wall.Add(-time.Duration(offset) * time.Second)
			if c.In(loc).Format(wallClock) != wall.Format(wallClock) {
				continue
			}
			if shown = true; c.Before(due) {
				t.Fatalf("due at %s, and %s is the same local time earlier", due.In(loc), c.In(loc))
			}
		}
		got := due.In(loc).Format(wallClock)
		if shown && got != wall.Format(wallClock) {
			t.Fatalf("due at %s, want %s local time", got, wall)
		}
		before := due.Add(-time.Nanosecond).In(loc).Format(wallClock)
		if !shown && (got <= wall.Format(wallClock) || before >= wall.Format(wallClock)) {
			t.Fatalf("%s does not exist, and due at %s after %s", wall, got, before)
		}
		later := at.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "later")) * time.Minute)
		one, other := at.In(loc).Format(wallClock), later.In(loc).Format(wallClock)
		if one[:10] == other[:10] && one <= other && step.Deadline(later, loc).Before(due) {
			t.Fatalf("triggered at %s it is due at %s, earlier than at %s", later.In(loc), step.Deadline(later, loc), due)
		}
	})
}

func TestDurationsAreTimeThatPassesInEveryTimeZone(t *testing.T) {
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(all).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := moment(t, loc, 0)
		d := time.Duration(rapid.Int64Range(1, int64(2000*time.Hour)).Draw(t, "due"))
		if got := (Step{Due: Duration(d)}).Deadline(at, loc); got.Sub(at) != d || got.Location() != time.UTC {
			t.Fatalf("%s after %s is %s", d, at, got)
		}
	})
}

func TestDeadlinesThatClocksSkipOrRepeat(t *testing.T) {
	for _, tt := range []struct{ zone, trigger, due string }{
		{"Europe/Belgrade", "2026-02-28T02:30:00+01:00", "2026-03-28T01:30:00Z"},
		{"Europe/Belgrade", "2026-02-28T23:59:59+01:00", "2026-03-28T22:59:59Z"},
		{"Europe/Belgrade", "2027-02-28T02:30:00+01:00", "2027-03-28T01:00:00Z"},     // 02:30 does not exist: at 03:00
		{"Europe/Belgrade", "2026-09-25T02:30:00+02:00", "2026-10-25T00:30:00Z"},     // 02:30 comes twice: the first
		{"Europe/Belgrade", "2026-10-25T02:30:00+01:00", "2026-11-25T01:30:00Z"},     // the trigger was in the second
		{"America/Asuncion", "2017-09-01T12:00:00-04:00", "2017-10-01T15:00:00Z"},    // midnight of that day does not exist
		{"Pacific/Apia", "2011-11-30T09:00:00-10:00", "2011-12-30T10:00:00Z"},        // nor does that whole day
		{"Australia/Lord_Howe", "2026-09-04T02:10:00+10:30", "2026-10-03T15:30:00Z"}, // half an hour is skipped
		{"Asia/Tokyo", "2028-01-31T10:00:00+09:00", "2028-02-29T01:00:00Z"},
	} {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, tt.trigger)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Step{Months: 1}).Deadline(at, loc).Format(time.RFC3339); got != tt.due {
			t.Errorf("%s, %s: due at %s, want %s", tt.zone, tt.trigger, got, tt.due)
		}
	}
}

func TestReminders(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		step Step
		want []time.Duration // before it is due
	}{
		{Step{Due: Duration(24 * time.Hour)}, []time.Duration{6 * time.Hour, time.Hour}},
		{Step{Due: Duration(72 * time.Hour)}, []time.Duration{18 * time.Hour, 4 * time.Hour}},
		{Step{Months: 1}, []time.Duration{8 * 24 * time.Hour, 37 * time.Hour}},
		{Step{Due: Duration(2 * time.Hour)}, []time.Duration{30 * time.Minute, 5 * time.Minute}},
		{Step{Due: Duration(5 * time.Minute)}, nil},
		{Step{Due: Duration(24 * time.Hour), Remind: []Duration{Duration(time.Hour), Duration(4 * time.Hour), Duration(time.Hour)}},
			[]time.Duration{4 * time.Hour, time.Hour}},
	} {
		due := tt.step.Deadline(at, time.UTC)
		var got []time.Duration
		for _, r := range tt.step.Reminders(at, time.UTC) {
			got = append(got, due.Sub(r))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.step, got, tt.want)
		}
	}
}

func TestWhomARegimeAsksForReports(t *testing.T) {
	p := shippedProfile(t, "ruritania")
	rs := p.RegimesAt(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	for _, tt := range []struct {
		designation string
		is          Circumstances
		want        string
	}{
		{"special-importance", Circumstances{Significant: true}, "incident-act"},
		{"special-importance", Circumstances{}, ""},
		{"important", Circumstances{PersonalData: true, Significant: true}, "incident-act privacy-act"},
		{"other", Circumstances{PersonalData: true, Significant: true}, "privacy-act"},
	} {
		var got []string
		for _, r := range rs {
			if r.Asks(tt.designation, tt.is) {
				got = append(got, r.ID)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s, %+v: %v, want %q", tt.designation, tt.is, got, tt.want)
		}
	}
	if !(Regime{When: WhenAlways}).Asks("", Circumstances{}) {
		t.Error("a regime for everybody and always asks nothing")
	}
	if s := rs[0].Steps; s[0].By != ByEntity || s[1].ID != "answer" || s[1].By != ByCERT || s[1].Trigger != "early-warning" {
		t.Errorf("who owes: %+v", s)
	}
}

func TestEveryShippedProfileRatesByImpactAndReach(t *testing.T) {
	for _, name := range Names() {
		p := shippedProfile(t, name)
		for _, axis := range [][]Named{p.Matrix.Impact, p.Matrix.Reach} {
			for _, n := range axis {
				for _, l := range p.Languages {
					if n.Names[l] == "" {
						t.Errorf("%s: %s has no name in %s", name, n.ID, l)
					}
				}
			}
		}
		for key, want := range map[[2]string]int{{"none", "one"}: 1, {"grave", "nation"}: 5, {"limited", "sector"}: 3, {"serious", "one"}: 3} {
			if got, ok := p.SeverityOf(key[0], key[1]); !ok || got != want {
				t.Errorf("%s: %v is %d, %t", name, key, got, ok)
			}
		}
		if _, ok := p.SeverityOf("grave", "moon"); ok {
			t.Errorf("%s knows the moon", name)
		}
	}
	if _, ok := (&Profile{}).SeverityOf("none", "one"); ok {
		t.Error("a profile without a matrix rates")
	}
}

func TestWrongRegimesAndMatricesSayWhere(t *testing.T) {
	b, err := Shipped("ruritania")
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for _, tt := range []struct{ old, new, want string }{
		{`when = "significant"`, `when = "sometimes"`, `regime "incident-act": when is "sometimes"`},
		{`designations = ["special-importance", "important"]`, `designations = ["essential"]`, `designation "essential" is none`},
		{`by = "cert"`, `by = "minister"`, `step "answer" is owed by "minister"`},
		{`remind = ["24h", "4h"]`, `remind = ["72h"]`, "is not within its term"},
		{`remind = ["24h", "4h"]`, `remind = ["0s"]`, "is not within its term"},
		{`remind = ["24h", "4h"]`, `remind = ["soon"]`, "no time span"},
		{"  [1, 2, 2, 3], # none\n", "", "3 rows for 4 impacts"},
		{"[1, 2, 2, 3]", "[1, 2, 2]", "row 1 has 3 levels"},
		{"[1, 2, 2, 3]", "[0, 2, 2, 3]", "row 1: 0 is no level"},
		{"[1, 2, 2, 3]", "[1, 2, 2, 7]", "row 1: 7 is no level"},
		{"[1, 2, 2, 3]", "[2, 1, 2, 3]", "below that of less"},
		{"[4, 4, 5, 5]", "[4, 4, 5, 4]", "below that of less"},
		{`significant = 3`, `significant = 9`, "9 is no level"},
		{`id = "several"`, `id = "one"`, "there twice"},
		{`name = { en = "A whole sector" }`, `name = { fr = "Secteur" }`, "needs a name"},
	} {
		if !strings.Contains(good, tt.old) {
			t.Fatalf("the profile has no %q", tt.old)
		}
		wrong := strings.Replace(good, tt.old, tt.new, 1)
		_, err := Parse("r.toml", []byte(wrong))
		var ps fault.Problems
		if !errors.As(err, &ps) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.new, err, tt.want)
			continue
		}
		if at := strings.Split(wrong, "\n")[ps[0].Line-1]; ps[0].Line == 0 || at == "" || strings.HasPrefix(at, "#") {
			t.Errorf("%s: line %d is %q", tt.new, ps[0].Line, at)
		}
	}
	without := good[:strings.Index(good, "# An incident's severity")] + good[strings.Index(good, "[[regime]]"):]
	if _, err := Parse("r.toml", []byte(without)); err != nil {
		t.Errorf("a profile without a matrix: %v", err)
	}
}
