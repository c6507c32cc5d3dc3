package digest

import (
	"context"
	"fmt"
	"sync"

	"tocsin/internal/event"
)

// rowRef is a row of a source file that tells of a finding.
type rowRef struct {
	finding event.ID
	event.RowRef
}

// dayKey names the rows of a report type's day, as of a version of the type.
type dayKey struct {
	typ, version int64
	day          event.Day
}

// dayRows are the rows of a day by their owner as of intake; nil when they are too many to be kept.
type dayRows struct {
	byOwner map[int64][]rowRef
	n       int
	used    int64
}

// rowCache remembers which rows the latest days have for whom: ten thousand digests of a morning ask for the same days, and a
// segment is read once for all of them.
type rowCache struct {
	mu    sync.Mutex
	days  map[dayKey]*dayRows
	total int
	tick  int64
}

const (
	maxDayRows  = 400_000
	maxKeptRows = 1_000_000
)

// rowsOf are the rows of a report type's day that belong to an owner.
func (d *Desk) rowsOf(ctx context.Context, k dayKey, owner int64) ([]rowRef, error) {
	r, err := d.dayRows(ctx, k)
	if err != nil {
		return nil, err
	}
	if r.byOwner != nil {
		return r.byOwner[owner], nil
	}
	var out []rowRef
	err = d.Intake.EachFound(ctx, event.EventQuery{Type: k.typ, Owner: owner, From: k.day, Until: k.day}, func(id event.ID, e *event.StoredEvent) error {
		out = append(out, rowRef{id, event.RowRef{File: e.File, Row: e.Row}})
		return nil
	})
	return out, err
}

func (d *Desk) dayRows(ctx context.Context, k dayKey) (*dayRows, error) {
	c := &d.rows
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick++
	if r := c.days[k]; r != nil {
		r.used = c.tick
		return r, nil
	}
	r := &dayRows{byOwner: map[int64][]rowRef{}, used: c.tick}
	err := d.Intake.EachRef(ctx, k.typ, k.day, func(owner int64, id event.ID, ref event.RowRef) {
		if r.byOwner == nil {
			return
		}
		if r.n++; r.n > maxDayRows {
			r.byOwner, r.n = nil, 0
			return
		}
		r.byOwner[owner] = append(r.byOwner[owner], rowRef{id, ref})
	})
	if err != nil {
		return nil, fmt.Errorf("find the rows of %s: %w", k.day, err)
	}
	if c.days == nil {
		c.days = map[dayKey]*dayRows{}
	}
	c.days[k] = r
	c.total += r.n
	for (c.total > maxKeptRows || len(c.days) > 10_000) && len(c.days) > 1 {
		c.drop(k)
	}
	return r, nil
}

// drop forgets the day that was not asked for longest, but never the one that was just read.
func (c *rowCache) drop(keep dayKey) {
	var oldest dayKey
	found := false
	for k, r := range c.days {
		if k != keep && (!found || r.used < c.days[oldest].used) {
			oldest, found = k, true
		}
	}
	c.total -= c.days[oldest].n
	delete(c.days, oldest)
}
