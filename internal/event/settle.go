package event

import (
	"context"
	"fmt"
	"slices"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// Settle judges the days of a feed anew and moves what follows: which findings are no longer seen, and the counts.
// Nothing is written for a finding itself; see timeline. It is idempotent.
func (s *Store) Settle(ctx context.Context, name string) error {
	return s.db.Act(ctx, act.Act{Actor: act.Machine, Verb: "feed.settle", Object: "feed:" + name}, func(tx *db.Tx) error {
		f, err := lockFeed(tx, name)
		if err != nil {
			return err
		}
		before, err := storedDays(tx, f.ID)
		if err != nil {
			return err
		}
		after, err := judgeFeed(tx, f)
		if err != nil {
			return err
		}
		if err := saveDays(tx, f, before, after); err != nil {
			return err
		}
		types, err := typesOf(tx, f.ID)
		if err != nil {
			return err
		}
		for _, st := range types {
			if err := settleType(tx, st, before, after); err != nil {
				return fmt.Errorf("settle %s: %w", st.Name, err)
			}
		}
		return nil
	})
}

func judgeFeed(tx *db.Tx, f feed.Feed) ([]feedDay, error) {
	came, err := cameDays(tx, f.ID)
	if err != nil {
		return nil, err
	}
	stored, err := feed.DaysTx(tx, f.ID, 0, int64(stillThere))
	if err != nil {
		return nil, err
	}
	told := map[Day]feed.Day{}
	for _, d := range stored {
		told[Day(d.Day)] = d
	}
	return judge(came, told, f.Settings), nil
}

func saveDays(tx *db.Tx, f feed.Feed, before, after []feedDay) error {
	old := map[Day]feedDay{}
	for _, d := range before {
		old[d.day] = d
	}
	for _, d := range after {
		o, ok := old[d.day]
		if ok && o.types == d.types && o.complete == d.complete && o.expected == d.expected && slices.Equal(o.missing, d.missing) {
			continue
		}
		if err := saveDay(tx, f.ID, d); err != nil {
			return fmt.Errorf("save day %s: %w", d.day, err)
		}
	}
	return nil
}

func settleType(tx *db.Tx, st typeState, before, after []feedDay) error {
	old, err := loadTimeline(tx, st, before)
	if err != nil {
		return err
	}
	now := *old
	now.ticks = ticksOf(st.Closing, after, old.delta)
	if slices.Equal(old.ticks, now.ticks) {
		return nil
	}
	if !appended(old, &now) {
		if err := recount(tx, st, &now); err != nil {
			return err
		}
		return saveTimeline(tx, st, &now)
	}
	ts := countSheet{}
	from, _ := old.cutoff()
	step := *old
	for _, tick := range now.ticks[len(old.ticks):] {
		step.ticks = append(slices.Clip(step.ticks), tick)
		to, _ := step.cutoff()
		if to <= from {
			continue
		}
		if err := gone(tx, st.id, from, to, func(owner, n int64) { ts.at(tick, owner).gone += n }); err != nil {
			return err
		}
		if last := now.last(); from < last && last <= to {
			list, err := loadPresence(tx, st.id)
			if err != nil {
				return err
			}
			for _, p := range list {
				ts.at(tick, p.owner).gone++
			}
		}
		from = to
	}
	if err := addCounts(tx, st.id, ts); err != nil {
		return err
	}
	return saveTimeline(tx, st, &now)
}

// appended tells whether all that changed is that later days began to count, none of them before the type's latest
// report: then no earlier gap is judged differently, and the findings that close now are those beyond the old cutoff. A
// type with reports that only add after its latest full one has findings with ends of their own, and is counted anew.
func appended(old, now *timeline) bool {
	n := len(old.ticks)
	if len(now.ticks) < n || !slices.Equal(old.ticks, now.ticks[:n]) {
		return false
	}
	last := max(old.last(), lastOf(old.delta))
	return now.ticks[n] >= last && lastOf(old.delta) <= old.last()
}

func lastOf(days []Day) Day {
	if len(days) == 0 {
		return -1
	}
	return days[len(days)-1]
}

// recount makes the counts of a type anew from the runs of all its findings; the numbers of events stay.
func recount(tx *db.Tx, st typeState, t *timeline) error {
	ts := countSheet{}
	old, err := loadCounts(tx, st.id)
	if err != nil {
		return err
	}
	for k, o := range old {
		if o.events != 0 {
			ts.at(k.day, k.owner).events = o.events
		}
	}
	err = eachFinding(tx, st.id, func(h *history) error {
		t.count(ts, h.runs)
		return nil
	})
	if err != nil {
		return err
	}
	return replaceCounts(tx, st.id, ts)
}
