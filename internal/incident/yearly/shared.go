package yearly

import (
	"context"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
)

// OtherSectors stands for the sectors of which too few constituents returned to show each.
const OtherSectors = "other-sectors"

// fewest is how many returns a sum needs that is shown to others: of two, each knows what the other one said.
const fewest = 3

// item is what goes to the gate: a return to its constituent, the summary to the community.
type item[T any] struct {
	ref     disclosure.Ref
	marking disclosure.Marking
	it      T
}

// Ref implements disclosure.Item.
func (i item[T]) Ref() disclosure.Ref { return i.ref }

// Marking implements disclosure.Item.
func (i item[T]) Marking() disclosure.Marking { return i.marking }

// References implements disclosure.Item: neither points anywhere.
func (i item[T]) References() []disclosure.Item { return nil }

// clear takes items through the gate.
func clear[T any](ctx context.Context, d *Desk, to disclosure.Recipient, via disclosure.Channel, items []item[T]) (out egress.Cleared[[]T], err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, _, err = disclosure.Clear(ctx, tx, d.Gate, to, via, items, func(i item[T]) T { return i.it })
		return err
	})
	return out, err
}

// Shared is the summary of a year that is over, as somebody from outside may see it: marked TLP:GREEN, without small counts and whatever
// they follow from. Before the window is over there is none, or the difference of two summaries would tell what the last one
// to return said.
func (d *Desk) Shared(ctx context.Context, by act.Actor, via disclosure.Channel, year int) (none egress.Cleared[*Summary], err error) {
	stand, err := d.Stand(ctx, year)
	if err != nil {
		return none, err
	}
	if !stand.Summary.Over(d.Clock.Now()) {
		return none, errNotOver
	}
	s := stand.Summary.without(stand.Profile.Disclosure.SmallCell)
	c, err := clear(ctx, d, disclosure.RecipientOf(by), via, []item[*Summary]{{"yearly:summary", disclosure.Marking{Label: tlp.Green}, &s}})
	if err != nil {
		return none, err
	}
	passed, g, err := c.Open()
	if err != nil {
		return none, err
	}
	if len(passed) == 0 {
		return none, errNotOver
	}
	return disclosure.Whole(passed[0], g)
}

// without is the summary without counts below the threshold and those that they follow from.
func (s Summary) without(threshold int64) Summary {
	s.Earlier = []YearTotals{}
	costs := []Money{}
	for _, m := range s.Costs {
		if m.From >= fewest {
			costs = append(costs, m)
		}
	}
	s.Costs = costs
	h := s.hidden(threshold)
	all := s.Returned < fewest
	if all {
		s.Downtime = 0
	}
	classes, levels := make([]ClassRow, len(s.Classes)), make([]LevelSum, len(s.Levels))
	for i, row := range s.Classes {
		classes[i] = ClassRow{Class: row.Class, Incidents: unless(all || h.Rows[i], row.Incidents)}
		for j, n := range row.Counts {
			classes[i].Counts = append(classes[i].Counts, unless(all || h.Cells[i][j], n))
		}
	}
	for j, l := range s.Levels {
		levels[j] = LevelSum{l.Severity, unless(all || h.Columns[j], l.Incidents)}
	}
	s.Classes, s.Levels = classes, levels
	s.sectors(all || h.Total, threshold)
	s.Incidents = unless(all || h.Total, s.Incidents)
	return s
}

// hidden tells what of the classes and levels is not shown. Those without any incident are left out of the reckoning and shown: the
// fewer zeros stand around a small count, the fewer large ones are hidden with it.
func (s *Summary) hidden(threshold int64) disclosure.Hidden {
	h := disclosure.Hidden{Cells: make([][]bool, len(s.Classes)), Rows: make([]bool, len(s.Classes)), Columns: make([]bool, len(s.Levels))}
	var rows, columns []int
	for j, l := range s.Levels {
		if *l.Incidents > 0 {
			columns = append(columns, j)
		}
	}
	var counts [][]int64
	for i, row := range s.Classes {
		h.Cells[i] = make([]bool, len(s.Levels))
		if *row.Incidents == 0 {
			continue
		}
		rows = append(rows, i)
		var line []int64
		for _, j := range columns {
			line = append(line, *row.Counts[j])
		}
		counts = append(counts, line)
	}
	if len(rows) == 0 {
		return h
	}
	some := disclosure.SuppressTable(counts, threshold)
	for x, i := range rows {
		h.Rows[i] = some.Rows[x]
		for y, j := range columns {
			h.Cells[i][j] = some.Cells[x][y]
		}
	}
	for y, j := range columns {
		h.Columns[j] = some.Columns[y]
	}
	h.Total = some.Total
	return h
}

func unless(hidden bool, n *int64) *int64 {
	if hidden {
		return nil
	}
	v := *n
	return &v
}

// sectors puts together the sectors of which too few returned, and hides small counts. The sum of all sectors is that of the classes:
// where one of the two must not be shown, no sector's count is.
func (s *Summary) sectors(hidden bool, threshold int64) {
	var out []SectorRow
	other := SectorRow{Sector: OtherSectors, Incidents: new(int64)}
	for _, row := range s.Sectors {
		row.Downtime = 0
		if row.Returned >= fewest {
			out = append(out, row)
			continue
		}
		other.Asked, other.Returned, *other.Incidents = other.Asked+row.Asked, other.Returned+row.Returned, *other.Incidents+*row.Incidents
	}
	if other.Asked+other.Returned > 0 {
		hidden = hidden || other.Returned > 0 && other.Returned < fewest
		out = append(out, other)
	}
	counts := make([]int64, len(out))
	for i, row := range out {
		counts[i] = *row.Incidents
	}
	small, sum := disclosure.SuppressList(counts, threshold)
	for i := range out {
		out[i].Incidents = unless(hidden || sum || small[i], out[i].Incidents)
	}
	s.Sectors = append([]SectorRow{}, out...)
}
