package event

import (
	"testing"

	"pgregory.net/rapid"
)

// TestHistoryTellsWhatTheCountsCount draws the days of a type and of one finding, and compares the steps that people read
// with the counts.
func TestHistoryTellsWhatTheCountsCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tl := &timeline{closing: rapid.SampledFrom([]Closing{Snapshot, Observation, Manual}).Draw(t, "closing")}
		var days []seen
		for d := Day(100); d < 140; d++ {
			switch rapid.IntRange(0, 7).Draw(t, "day") {
			case 0: // nothing came
				continue
			case 1:
				tl.delta = append(tl.delta, d)
			default:
				tl.full = append(tl.full, d)
			}
			if tl.closing != Manual && (tl.closing == Observation || rapid.Bool().Draw(t, "complete") && !contains(tl.delta, d)) {
				tl.ticks = append(tl.ticks, d)
			}
			if rapid.IntRange(0, 2).Draw(t, "seen") == 0 {
				days = append(days, seen{d, int64(rapid.IntRange(0, 2).Draw(t, "owner")), Severity(rapid.IntRange(2, 3).Draw(t, "severity"))})
			}
		}
		if len(days) == 0 {
			return
		}
		runs := tl.contract(days)
		ts := countSheet{}
		tl.count(ts, runs)
		var want dayCount
		for _, c := range ts {
			want.fresh += c.fresh
			want.gone += c.gone
			want.reopened += c.reopened
			want.transferred += c.transferred
		}
		var d Detail
		d.tell(&index{owners: newOwners(0, nil)}, tl, runs)
		got := map[string]int64{}
		for i, s := range d.Steps {
			got[s.What]++
			if i > 0 && s.Day < d.Steps[i-1].Day {
				t.Fatalf("the steps are not in order: %+v", d.Steps)
			}
		}
		if got["first-seen"] != want.fresh || got["no-longer-seen"]+got["lapsed"] != want.gone || got["reopened"] != want.reopened ||
			got["transferred"] != want.transferred {
			t.Fatalf("steps %v, counts %+v, runs %+v", got, want, runs)
		}
		if len(d.Runs) != len(runs) {
			t.Fatalf("%d runs, want %d", len(d.Runs), len(runs))
		}
	})
}
