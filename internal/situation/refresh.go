package situation

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
)

// sumKey is what the sums are kept by.
type sumKey struct {
	day    event.Day
	sector string
	owned  bool
}

// state is what the sums as a whole rest on, kept as a setting.
type state struct {
	Registry int64             `json:"registry"` // the constituency's version
	Sectors  uint64            `json:"sectors"`  // hash of who is in which sector
	Feeds    map[int64]feedDay `json:"feeds"`
}

// feedDay is how a feed's days were judged: one letter a day from First.
type feedDay struct {
	First event.Day `json:"first"`
	Days  string    `json:"days"`
}

// mark is how far a type's sums are.
type mark struct {
	version int64
	cutoff  event.Day // of the type then
	reports map[event.Day]int64
}

// due is a report type whose sums from a day on are to be made again.
type due struct {
	id   int64
	from event.Day
	mark mark // as the records are now
	was  int64
}

const never = event.Day(1 << 40)

// Refresh brings the sums up to date with the daily counts: of the types whose reports changed, from the first day that
// can have changed. Run it after an intake and every few seconds: with nothing to do it reads one row per report type. It
// may be killed at any point and run by several processes at once; it tells how many types it summed.
func (s *Situation) Refresh(ctx context.Context) (types int, err error) {
	var was, is state
	var todo []due
	err = s.db.View(ctx, func(tx *db.Tx) error {
		var err error
		if was, err = loadState(tx); err != nil {
			return err
		}
		if is, err = s.observe(tx, was); err != nil {
			return err
		}
		todo, err = dues(tx, was, is)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("see what the national picture lacks: %w", err)
	}
	for _, d := range todo {
		if err := s.sum(ctx, d); err != nil {
			return types, fmt.Errorf("sum the counts of type %d: %w", d.id, err)
		}
		types++
	}
	if was.equal(is) {
		return types, nil
	}
	return types, s.db.Upkeep(ctx, func(tx *db.Tx) error { return saveState(tx, is) })
}

func (a state) equal(b state) bool {
	return a.Registry == b.Registry && a.Sectors == b.Sectors && maps.Equal(a.Feeds, b.Feeds)
}

// observe reads what the sums rest on. The sectors are looked at only when the constituency changed.
func (s *Situation) observe(tx *db.Tx, was state) (is state, err error) {
	if is.Registry, err = registryVersion(tx); err != nil {
		return is, err
	}
	is.Sectors = was.Sectors
	if is.Registry != was.Registry || was.Sectors == 0 {
		if is.Sectors, err = sectorHash(tx); err != nil {
			return is, err
		}
	}
	is.Feeds, err = judgedDays(tx)
	return is, err
}

// changed is the first day from which on a feed's days are judged otherwise than before. Closing depends on no later day,
// so the counts of earlier days are what they were.
func (a feedDay) changed(b feedDay) event.Day {
	if a == b {
		return never
	}
	if a.First != b.First || a.Days == "" {
		return 0
	}
	n := min(len(a.Days), len(b.Days))
	for i := range n {
		if a.Days[i] != b.Days[i] {
			return a.First + event.Day(i)
		}
	}
	return a.First + event.Day(n)
}

// changed is the first day whose counts can differ. Reports change them from their own day on; a new owner of an open
// finding on the day it was last seen, which is after the cutoff there was then.
func (a mark) changed(b mark) event.Day {
	if a.version == b.version {
		return never
	}
	first := a.cutoff + 1
	for d, r := range b.reports {
		if a.reports[d] != r {
			first = min(first, d)
		}
	}
	for d := range a.reports {
		if _, ok := b.reports[d]; !ok {
			first = min(first, d)
		}
	}
	return first
}

func dues(tx *db.Tx, was, is state) ([]due, error) {
	heads, err := heads(tx)
	if err != nil {
		return nil, err
	}
	var out []due
	for _, h := range heads {
		d := due{id: h.id, was: h.mark, mark: mark{version: h.version, cutoff: h.cutoff},
			from: was.Feeds[h.feed].changed(is.Feeds[h.feed])}
		if h.version != h.mark {
			old, err := loadMark(tx, h.id)
			if err != nil {
				return nil, err
			}
			if d.mark.reports, err = liveReports(tx, h.id); err != nil {
				return nil, err
			}
			d.from = min(d.from, old.changed(d.mark))
		}
		if was.Sectors != is.Sectors {
			d.from = 0
		}
		if d.from != never {
			out = append(out, d)
		}
	}
	return out, nil
}

// sum makes the sums of a type again from a day on. The counts are added up on a snapshot, so that intake need not wait;
// writing is a handful of rows. When another process was faster, its sums stand.
func (s *Situation) sum(ctx context.Context, d due) error {
	var fresh map[sumKey]Flow
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		fresh, err = addUp(tx, d.id, d.from)
		return err
	})
	if err != nil {
		return err
	}
	return s.db.Upkeep(ctx, func(tx *db.Tx) error {
		if v, err := markVersion(tx, d.id); err != nil || v != d.was {
			return err
		}
		old, err := loadSums(tx, d.id, d.from)
		if err != nil {
			return err
		}
		for k, f := range fresh {
			if f == old[k] {
				continue
			}
			if err := saveSum(tx, d.id, k, f, f.sub(old[k])); err != nil {
				return err
			}
		}
		for k, f := range old {
			if _, ok := fresh[k]; ok {
				continue
			}
			if err := saveSum(tx, d.id, k, Flow{}, Flow{}.sub(f)); err != nil {
				return err
			}
		}
		if err := countChange(tx); err != nil {
			return err
		}
		if d.mark.reports == nil {
			return nil
		}
		return saveMark(tx, d.id, d.mark)
	})
}

func hashSector(h uint64, id int64, sector string) uint64 {
	f := fnv.New64a()
	fmt.Fprintf(f, "%d %d %s", h, id, sector)
	return f.Sum64()
}

func decodeReports(s string) (map[event.Day]int64, error) {
	m := map[event.Day]int64{}
	return m, json.Unmarshal([]byte(s), &m)
}
