// Package statistic counts the nation's incidents over time: reports and cases by week or month with what was before, and all that a yearly
// report needs. It only reads; what the numbers mean is written in situation reports.
package statistic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/situation"
)

// Desk answers how many incidents there were. It is safe for concurrent use.
type Desk struct {
	DB     *db.DB
	Clock  clock.Clock // the world's
	Nation *nation.Store
	Yearly *yearly.Desk
}

// What a trend is by.
const (
	Week  = "week" // from Monday on
	Month = "month"

	Class    = "class"    // of the case, else of what the reporter takes it for
	Severity = "severity" // of the case; a report without one is unrated
	Sector   = "sector"   // of the reporter, and of those a case is about: a case may count in several
)

// Ask is which trend is meant.
type Ask struct {
	By      string // Week, Month
	Of      string // Class, Severity, Sector
	Periods int    // that are over, 1 to 60; the one that runs is shown beside them
}

func (a *Ask) check() error {
	a.By, a.Of = cmp.Or(a.By, Week), cmp.Or(a.Of, Class)
	if a.Periods == 0 {
		a.Periods = 12
	}
	var ps fault.Problems
	if a.By != Week && a.By != Month {
		ps = append(ps, fault.Problem{Field: "by", Message: "is week or month"})
	}
	if a.Of != Class && a.Of != Severity && a.Of != Sector {
		ps = append(ps, fault.Problem{Field: "of", Message: "is class, severity or sector"})
	}
	if a.Periods < 1 || a.Periods > 60 {
		ps = append(ps, fault.Problem{Field: "periods", Message: "are 1 to 60"})
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

// Trend is how many reports came in and how many cases were opened, period by period, by the nation's calendar.
type Trend struct {
	By      string             `json:"by"`
	Of      string             `json:"of"`
	Spans   []Span             `json:"spans" nullable:"false"` // the earliest first; the last one is not over
	Reports situation.Compared `json:"reports"`                // of the periods that are over, and of as many before them
	Cases   situation.Compared `json:"cases"`
	Lines   []Line             `json:"lines" nullable:"false"` // the most first
}

// Span is one period.
type Span struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"` // the first moment after it
	Reports int64     `json:"reports"`
	Cases   int64     `json:"cases"`
	Runs    bool      `json:"runs,omitempty" doc:"It is not over"`
}

// Line is what of it is of one class, severity or sector.
type Line struct {
	Key     string             `json:"key"` // "" not said, or no sector
	Reports []int64            `json:"reports" nullable:"false"`
	Cases   []int64            `json:"cases" nullable:"false"`
	AllR    situation.Compared `json:"all_reports"`
	AllC    situation.Compared `json:"all_cases"`
}

// begins is where the period begins that lies so many before the one of a time.
func begins(p *nation.Profile, by string, now time.Time, back int) time.Time {
	y, m, d := now.In(p.Location()).Date()
	if by == Month {
		return p.Midnight(y, m-time.Month(back), 1)
	}
	monday := (int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Weekday()) + 6) % 7
	return p.Midnight(y, m, d-monday-7*back)
}

// one is a report or a case as it counts.
type one struct {
	at   int64
	keys []string
}

// Trend counts a trend.
func (d *Desk) Trend(ctx context.Context, a Ask) (t Trend, err error) {
	if err := a.check(); err != nil {
		return t, err
	}
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return t, err
	}
	now := d.Clock.Now()
	t = Trend{By: a.By, Of: a.Of, Lines: []Line{}}
	for back := a.Periods; back >= 0; back-- {
		t.Spans = append(t.Spans, Span{From: begins(p, a.By, now, back), Until: begins(p, a.By, now, back-1), Runs: back == 0})
	}
	earliest := begins(p, a.By, now, 2*a.Periods)
	var reports, cases []one
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if reports, err = reportsBetween(tx, a.Of, earliest.UnixMicro(), now.UnixMicro()+1); err != nil {
			return err
		}
		cases, err = casesBetween(tx, a.Of, earliest.UnixMicro(), now.UnixMicro()+1)
		return err
	})
	if err != nil {
		return t, err
	}
	t.add(reports, cases)
	return t, nil
}

func (t *Trend) add(reports, cases []one) {
	lines := map[string]*Line{}
	line := func(key string) *Line {
		if lines[key] == nil {
			lines[key] = &Line{Key: key, Reports: make([]int64, len(t.Spans)), Cases: make([]int64, len(t.Spans))}
		}
		return lines[key]
	}
	from := t.Spans[0].From.UnixMicro()
	place := func(at int64) int { // -1: in the time before
		if at < from {
			return -1
		}
		i := slices.IndexFunc(t.Spans, func(s Span) bool { return at < s.Until.UnixMicro() })
		if i < 0 {
			i = len(t.Spans) - 1
		}
		return i
	}
	count := func(c *situation.Compared, i int) {
		switch {
		case i < 0:
			c.Before++
		case !t.Spans[i].Runs:
			c.Now++
		}
	}
	for _, r := range reports {
		i := place(r.at)
		count(&t.Reports, i)
		if i >= 0 {
			t.Spans[i].Reports++
		}
		for _, k := range r.keys {
			l := line(k)
			count(&l.AllR, i)
			if i >= 0 {
				l.Reports[i]++
			}
		}
	}
	for _, c := range cases {
		i := place(c.at)
		count(&t.Cases, i)
		if i >= 0 {
			t.Spans[i].Cases++
		}
		for _, k := range c.keys {
			l := line(k)
			count(&l.AllC, i)
			if i >= 0 {
				l.Cases[i]++
			}
		}
	}
	for _, l := range lines {
		t.Lines = append(t.Lines, *l)
	}
	slices.SortFunc(t.Lines, func(a, b Line) int {
		if t.Of == Severity {
			return cmp.Compare(b.Key, a.Key)
		}
		return cmp.Or(cmp.Compare(b.AllR.Now+b.AllC.Now, a.AllR.Now+a.AllC.Now), cmp.Compare(a.Key, b.Key))
	})
}

// Year is what the CERT itself saw of a year of the nation's calendar.
type Year struct {
	Year     int        `json:"year"`
	From     time.Time  `json:"from"`
	Until    time.Time  `json:"until"`
	Reports  int64      `json:"reports"`
	Cases    int64      `json:"cases"`  // opened
	Closed   int64      `json:"closed"` // of them, closed by now
	Border   int64      `json:"cross_border"`
	Personal int64      `json:"personal_data"`
	Classes  []ClassRow `json:"classes" nullable:"false"`
	Sectors  []Count    `json:"sectors" nullable:"false"`
	Clocks   []ClockRow `json:"clocks" nullable:"false"`
}

// ClassRow are the cases of a class by severity from 0 to 5.
type ClassRow struct {
	Class  string               `json:"class"`
	Counts situation.Severities `json:"counts"`
}

// Count is a number of cases.
type Count struct {
	Key   string `json:"key"`
	Cases int64  `json:"cases"`
}

// ClockRow is what became of the deadlines of a law that ended in the year.
type ClockRow struct {
	Regime  string `json:"regime"`
	Step    string `json:"step"`
	Met     int64  `json:"met"`
	MetLate int64  `json:"met_late"`
	Missed  int64  `json:"missed"` // and still owed
	Waived  int64  `json:"waived"`
}

// Year counts a year; one that is not over is counted so far.
func (d *Desk) Year(ctx context.Context, year int) (y Year, err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return y, err
	}
	now := d.Clock.Now()
	if this := now.In(p.Location()).Year(); year < 2000 || year > this {
		return y, fault.NotFoundf("there are no statistics of %d: they are of the years from 2000 to %d", year, this)
	}
	y = Year{Year: year, From: p.Midnight(year, 1, 1), Until: p.Midnight(year+1, 1, 1), Classes: []ClassRow{}, Sectors: []Count{}, Clocks: []ClockRow{}}
	err = d.DB.View(ctx, func(tx *db.Tx) error { return y.read(tx) })
	if err != nil {
		return y, fmt.Errorf("count the year %d: %w", year, err)
	}
	return y, nil
}
