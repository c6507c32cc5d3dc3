package yearly

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/nation"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Summary is the nation's year. Of what Hidden tells not everything is shown; for staff it is empty.
type Summary struct {
	Year      int          `json:"year"`
	From      int64        `json:"from,omitempty"` // the window; 0 when the nation asks for none
	Until     int64        `json:"until,omitempty"`
	Asked     int64        `json:"asked"` // how many constituents the law asks
	Returned  int64        `json:"returned"`
	Late      int64        `json:"late"`
	Missing   int64        `json:"missing"`
	Incidents *int64       `json:"incidents,omitempty" doc:"Absent where a small count would follow from it"`
	Downtime  int64        `json:"downtime_minutes"`
	Costs     []Money      `json:"costs" nullable:"false"`
	Levels    []LevelSum   `json:"severities" nullable:"false"`
	Classes   []ClassRow   `json:"classes" nullable:"false"`
	Sectors   []SectorRow  `json:"sectors" nullable:"false"`
	Earlier   []YearTotals `json:"earlier" nullable:"false"`
}

// Money is a sum in a currency.
type Money struct {
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
	From     int64  `json:"from"` // how many returns name a cost
}

// LevelSum is a level of the nation's scale and how many incidents there were at it.
type LevelSum struct {
	Severity  int    `json:"severity"`
	Incidents *int64 `json:"incidents,omitempty"`
}

// ClassRow is a class with its counts, in the order of the summary's severities. A count that is not shown is nil.
type ClassRow struct {
	Class     string   `json:"class"`
	Counts    []*int64 `json:"counts" nullable:"false"`
	Incidents *int64   `json:"incidents,omitempty"`
}

// SectorRow is a sector of the nation; "" is of constituents without one, OtherSectors of several that are too small to be shown.
type SectorRow struct {
	Sector    string `json:"sector"`
	Asked     int64  `json:"asked"`
	Returned  int64  `json:"returned"`
	Incidents *int64 `json:"incidents,omitempty"`
	Downtime  int64  `json:"downtime_minutes"`
}

// YearTotals are the sums of an earlier year, for comparison.
type YearTotals struct {
	Year      int   `json:"year"`
	Returned  int64 `json:"returned"`
	Incidents int64 `json:"incidents"`
}

// Standing is one constituent that is asked or returned. Its counts are not read, but their sum.
type Standing struct {
	Return
	Total     int64      `json:"incidents"`
	Sector    string     `json:"sector"`
	Asked     bool       `json:"asked"`
	Reminders []Reminder `json:"reminders,omitempty"`
}

// Stand is a year as the staff see it: the summary, and who returned and who did not.
type Stand struct {
	Profile *nation.Profile
	Summary Summary
	All     []Standing // who has not returned first, then by name
}

// Stand is a year; 0 is the latest one that is over.
func (d *Desk) Stand(ctx context.Context, year int) (*Stand, error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	if year == 0 {
		year = Latest(p, d.Clock.Now())
	}
	if err := counted(p, year, d.Clock.Now()); err != nil {
		return nil, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	var returns []Return
	var counts []Count
	var reminders map[int64][]Reminder
	earlier := []YearTotals{}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if returns, err = returnsOf(tx, year); err != nil {
			return err
		}
		if counts, err = sumsIn(tx, year); err != nil {
			return err
		}
		if reminders, err = remindedOf(tx, year); err != nil {
			return err
		}
		earlier, err = totalsBefore(tx, year)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &Stand{Profile: p}
	today := constituency.DayOf(d.Clock.Now())
	at := map[int64]Return{}
	for _, r := range returns {
		at[r.Constituent] = r
	}
	for _, l := range dir.All() {
		r, began := at[l.ID]
		asked := p.Yearly.Asked(year) && p.Yearly.Asks(string(l.Designation)) && l.ValidFrom <= today && today < l.ValidUntil
		if !began && !asked {
			continue
		}
		if !began {
			r = Return{Year: year, Constituent: l.ID, State: None}
		}
		r.name(dir)
		r.late(p)
		s.All = append(s.All, Standing{r, r.sum, l.Sector, asked, reminders[l.ID]})
	}
	order := func(x Standing) int { return slices.Index([]State{None, Draft, Submitted}, x.State) }
	slices.SortStableFunc(s.All, func(a, b Standing) int { return cmp.Compare(order(a), order(b)) })
	s.Summary = sum(p, year, s.All, counts)
	s.Summary.Earlier = earlier
	return s, nil
}

// Returns lists the returns of a year with their counts, by constituent; drafts too.
func (d *Desk) Returns(ctx context.Context, year int) (out []Return, err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	if year == 0 {
		year = Latest(p, d.Clock.Now())
	}
	if err := counted(p, year, d.Clock.Now()); err != nil {
		return nil, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if out, err = returnsOf(tx, year); err != nil {
			return err
		}
		counts, err := countsIn(tx, year)
		for i := range out {
			out[i].Counts = counts[out[i].ID]
			out[i].name(dir)
			out[i].late(p)
		}
		return err
	})
	return out, err
}

// sum adds up what was submitted.
func sum(p *nation.Profile, year int, all []Standing, counts []Count) Summary {
	s := Summary{Year: year, Incidents: new(int64), Costs: []Money{}, Sectors: []SectorRow{}}
	if p.Yearly.Asked(year) {
		from, until := p.Yearly.Window(year, p.Location())
		s.From, s.Until = from.UnixMicro(), until.UnixMicro()
	}
	for _, level := range Levels(p) {
		s.Levels = append(s.Levels, LevelSum{level, new(int64)})
	}
	for _, c := range Classes() {
		row := ClassRow{Class: c, Incidents: new(int64)}
		for range s.Levels {
			row.Counts = append(row.Counts, new(int64))
		}
		s.Classes = append(s.Classes, row)
	}
	sectors := map[string]*SectorRow{}
	for i := range all {
		x := &all[i]
		row := sectors[x.Sector]
		if row == nil {
			row = &SectorRow{Sector: x.Sector, Incidents: new(int64)}
			sectors[x.Sector] = row
		}
		if x.Asked {
			s.Asked++
			row.Asked++
			if x.State != Submitted {
				s.Missing++
			}
		}
		if x.State != Submitted {
			continue
		}
		s.Returned++
		row.Returned++
		if x.Late {
			s.Late++
		}
		s.Downtime += x.Downtime
		row.Downtime += x.Downtime
		*row.Incidents += x.Total
		s.pay(x)
	}
	s.count(counts)
	for _, row := range sectors {
		s.Sectors = append(s.Sectors, *row)
	}
	slices.SortFunc(s.Sectors, func(a, b SectorRow) int { return cmp.Compare(a.Sector, b.Sector) })
	slices.SortFunc(s.Costs, func(a, b Money) int { return cmp.Compare(a.Currency, b.Currency) })
	return s
}

func (s *Summary) pay(x *Standing) {
	if x.Cost == nil {
		return
	}
	i := slices.IndexFunc(s.Costs, func(m Money) bool { return m.Currency == x.Currency })
	if i < 0 {
		i = len(s.Costs)
		s.Costs = append(s.Costs, Money{Currency: x.Currency})
	}
	s.Costs[i].Amount += *x.Cost
	s.Costs[i].From++
}

func (s *Summary) count(counts []Count) {
	for _, c := range counts {
		i := slices.IndexFunc(s.Classes, func(r ClassRow) bool { return r.Class == c.Class })
		j := slices.IndexFunc(s.Levels, func(l LevelSum) bool { return l.Severity == c.Severity })
		if i < 0 || j < 0 { // a scale that was changed since: it counts in the sum
			*s.Incidents += c.Incidents
			continue
		}
		*s.Classes[i].Counts[j] += c.Incidents
		*s.Classes[i].Incidents += c.Incidents
		*s.Levels[j].Incidents += c.Incidents
		*s.Incidents += c.Incidents
	}
}

// Over tells whether the window of a year has passed.
func (s *Summary) Over(now time.Time) bool { return s.Until != 0 && now.UnixMicro() >= s.Until }

// errNotOver is why somebody from outside is not shown a summary yet.
var errNotOver = fault.New(fault.NotFound, "the summary of a year is shown when the time for returning it is over")
