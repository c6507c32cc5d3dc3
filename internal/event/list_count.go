package event

import (
	"cmp"
	"context"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Counts are the sums of a day's events and of what became of findings on it.
type Counts struct {
	Events      int64 `json:"events" doc:"Rows of reports"`
	New         int64 `json:"new" doc:"Findings seen for the first time"`
	Ongoing     int64 `json:"ongoing" doc:"Findings seen again"`
	Gone        int64 `json:"gone" doc:"Findings no longer seen or lapsed"`
	Reopened    int64 `json:"reopened" doc:"Findings seen again after they were gone"`
	Transferred int64 `json:"transferred" doc:"Findings that came from another owner"`
	HandedOver  int64 `json:"handed_over" doc:"Findings that went to another owner"`
}

func (c *Counts) add(o Counts) {
	c.Events += o.Events
	c.New += o.New
	c.Ongoing += o.Ongoing
	c.Gone += o.Gone
	c.Reopened += o.Reopened
	c.Transferred += o.Transferred
	c.HandedOver += o.HandedOver
}

// CountQuery asks for daily counts over days (both included), summed by what is set.
type CountQuery struct {
	From, Until                      Day
	ByDay, ByType, ByOwner, BySector bool
	Types                            []string // names of report types; empty: all
	Sectors                          []string
	Owner                            string // a constituent's ref or number
	Branch                           bool   // and all below it
	Unattributed                     bool
}

// CountRow is one sum. Fields that the question did not sum by are empty.
type CountRow struct {
	Day    Day // -1 when not asked for
	Feed   string
	Type   string
	Owner  Owner
	Sector string
	Counts
}

const (
	maxCountDays = 3660
	maxOwners    = 500
)

// Counts sums the daily counts.
func (l *Lister) Counts(ctx context.Context, q CountQuery) ([]CountRow, error) {
	if q.Until < q.From || q.Until-q.From > maxCountDays {
		return nil, fault.Invalidf("the days from %s to %s are no range of at most ten years", q.From, q.Until)
	}
	var out []CountRow
	err := l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		types, owners, err := ix.countScope(q)
		if err != nil {
			return err
		}
		sums := map[CountRow]*CountRow{}
		out = nil
		asked, meant := q, map[int64]bool{}
		if len(owners) > maxOwners { // more than a statement takes: their counts are picked out of everybody's
			for _, o := range owners {
				meant[o] = true
			}
			asked.ByOwner, owners = true, nil
		}
		err = dailyCounts(tx, asked, types, owners, func(day Day, typ, owner int64, c Counts) error {
			if len(meant) > 0 && !meant[owner] {
				return nil
			}
			row := ix.countRow(q, day, typ, owner)
			if sums[row] == nil {
				at := row
				sums[row] = &at
			}
			sums[row].add(c)
			return nil
		})
		for _, r := range sums {
			out = append(out, *r)
		}
		return err
	})
	slices.SortFunc(out, func(a, b CountRow) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Feed, b.Feed),
			cmp.Compare(a.Sector, b.Sector), cmp.Compare(a.Owner.Name, b.Owner.Name), cmp.Compare(a.Owner.ID, b.Owner.ID))
	})
	return out, err
}

// countScope are the types and owners that a question is limited to; nil is all.
func (ix *index) countScope(q CountQuery) (types, owners []int64, err error) {
	c, err := ix.compile(Filter{Types: q.Types, Sectors: q.Sectors, Owner: q.Owner, Branch: q.Branch, Unattributed: q.Unattributed})
	if err != nil {
		return nil, nil, err
	}
	if len(q.Types) > 0 {
		types = []int64{}
		for i, t := range ix.types {
			if c.types[i] {
				types = append(types, t.id)
			}
		}
	}
	if c.owners != nil {
		owners = []int64{}
		for i, r := range ix.owners.list {
			if c.owners[i] {
				owners = append(owners, r.ID)
			}
		}
		if c.owners[len(ix.owners.list)] {
			owners = append(owners, 0)
		}
	}
	return types, owners, nil
}

func (ix *index) countRow(q CountQuery, day Day, typ, owner int64) CountRow {
	r := CountRow{Day: -1}
	if q.ByDay {
		r.Day = day
	}
	if q.ByType {
		for _, t := range ix.types {
			if t.id == typ {
				r.Feed, r.Type = t.feed, t.Name
			}
		}
	}
	o := ix.owners.byID(owner)
	if q.ByOwner {
		r.Owner = o
	}
	if q.BySector {
		r.Sector = o.Sector
	}
	return r
}

// TypeRow is a report type as it stands.
type TypeRow struct {
	ReportType
	Feed     string
	FirstDay Day // of its full reports; -1 before any
	LastDay  Day
	Cutoff   Day // last seen on or before it: over
}

// Types lists all report types that any feed has sent, by name.
func (l *Lister) Types(ctx context.Context) ([]TypeRow, error) {
	var out []TypeRow
	err := l.db.View(ctx, func(tx *db.Tx) error {
		types, err := listTypes(tx)
		out = nil
		for _, t := range types {
			out = append(out, TypeRow{ReportType: t.ReportType, Feed: t.feed, FirstDay: t.firstDay, LastDay: t.lastDay, Cutoff: t.cutoff})
		}
		return err
	})
	slices.SortFunc(out, func(a, b TypeRow) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Feed, b.Feed)) })
	return out, err
}

// Sectors lists the sectors that constituents have, in order.
func (l *Lister) Sectors(ctx context.Context) ([]string, error) {
	var out []string
	err := l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		seen := map[string]bool{"": true}
		out = nil
		for _, o := range ix.owners.list {
			if !seen[o.Sector] {
				seen[o.Sector] = true
				out = append(out, o.Sector)
			}
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}
