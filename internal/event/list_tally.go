package event

import (
	"context"
	"sync"

	"tocsin/internal/platform/db"
)

// TypeTally counts the open findings of one report type.
type TypeTally struct {
	ReportType
	ID      int64
	Feed    string
	LastDay Day // of its latest full report
	Owners  []OwnerTally
	Closed  []ClosedTally
}

// OwnerTally counts a report type's open findings of one owner; 0 is nobody.
type OwnerTally struct {
	Owner int64
	Open  [Critical + 1]int64 // by severity
}

// ClosedTally counts the findings that a person closed on a day and that would be open otherwise.
type ClosedTally struct {
	Owner int64
	Day   Day
	N     int64
}

// Tallier counts what a Lister lists, by report type, owner and severity. It counts again only the types that changed. It
// is safe for concurrent use.
type Tallier struct {
	lister *Lister
	mu     sync.Mutex
	known  map[int64]tallied
}

type tallied struct {
	block        *block
	last, cutoff Day
	today        Day // when it matters: there are accepted risks
	tally        *TypeTally
}

// NewTallier returns a tallier of what l lists.
func NewTallier(l *Lister) *Tallier { return &Tallier{lister: l, known: map[int64]tallied{}} }

// Tally counts as of now, by type in the order of their ids. What it returns is shared and must not be changed; a type
// that did not change is the same pointer as before.
func (t *Tallier) Tally(ctx context.Context) (out []*TypeTally, err error) {
	err = t.lister.db.View(ctx, func(tx *db.Tx) error {
		ix, err := t.lister.current(tx)
		if err != nil {
			return err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		out = nil
		for _, lt := range ix.types {
			k := t.known[lt.id]
			today := Day(0)
			if lt.block.risks {
				today = ix.today
			}
			if k.tally == nil || k.today != today || k.block != lt.block || k.last != lt.lastDay || k.cutoff != lt.cutoff || k.tally.Title != lt.Title {
				k = tallied{lt.block, lt.lastDay, lt.cutoff, today, tally(lt, ix.today)}
				t.known[lt.id] = k
			}
			out = append(out, k.tally)
		}
		return nil
	})
	return out, err
}

func tally(t *listType, today Day) *TypeTally {
	out := &TypeTally{ReportType: t.ReportType, ID: t.id, Feed: t.feed, LastDay: t.lastDay}
	at := map[uint32]int{}
	closed := map[ClosedTally]int64{}
	b := t.block
	for i := range b.len() {
		last := t.lastSeen(b.from[i], b.to[i])
		if last <= t.cutoff {
			continue
		}
		if b.severity[i]&hasClosed != 0 {
			if day := b.closed[uint32(i)]; day >= last {
				closed[ClosedTally{Owner: int64(b.owner[i]), Day: day}]++
				continue
			}
		}
		if b.severity[i]&hasRuling != 0 && b.rulings[uint32(i)].on(today) != "" {
			continue
		}
		n, ok := at[b.owner[i]]
		if !ok {
			n = len(out.Owners)
			at[b.owner[i]] = n
			out.Owners = append(out.Owners, OwnerTally{Owner: int64(b.owner[i])})
		}
		out.Owners[n].Open[min(b.severity[i]&severityBits, uint8(Critical))]++
	}
	for c, n := range closed {
		c.N = n
		out.Closed = append(out.Closed, c)
	}
	return out
}
