package event

import (
	"slices"

	"tocsin/internal/event/feed"
)

// feedDay is a day of a feed as far as closing needs it.
type feedDay struct {
	day      Day
	types    int // report types that came; 0 is a gap
	expected int
	missing  []string
	complete bool
}

const (
	usualWindow = 7 // feed days that teach what is usual
	mayMiss     = 1 // of three or more usual types: one that has nothing to say is no gap
)

// judge says which days of a feed are complete: a function of which report types came on which day, the feed's own
// listings, its settings and what persons ruled. came is by day; told has the stored days with listing and ruling.
func judge(came map[Day][]string, told map[Day]feed.Day, settings feed.Settings) []feedDay {
	var days []Day
	for d := range came {
		days = append(days, d)
	}
	for d, t := range told {
		if _, ok := came[d]; !ok && (t.Listing != nil || t.Ruled != nil) {
			days = append(days, d)
		}
	}
	slices.Sort(days)
	if len(days) == 0 {
		return nil
	}
	var out []feedDay
	var window [][]string // of the latest days on which anything came
	for d := days[0]; d <= days[len(days)-1]; d++ {
		j := judgeDay(came[d], told[d], settings, window)
		j.day = d
		out = append(out, j)
		if len(came[d]) > 0 {
			if window = append(window, came[d]); len(window) > usualWindow {
				window = window[1:]
			}
		}
	}
	return out
}

func judgeDay(came []string, told feed.Day, settings feed.Settings, window [][]string) feedDay {
	usual := settings.UsualTypes
	if told.Listing != nil {
		usual = told.Listing
	} else if len(usual) == 0 {
		usual = learned(window)
	}
	j := feedDay{types: len(came), expected: len(usual)}
	for _, t := range usual {
		if !slices.Contains(came, t) {
			j.missing = append(j.missing, t)
		}
	}
	slices.Sort(j.missing)
	switch {
	case told.Ruled != nil:
		j.complete = *told.Ruled
	case told.Listing != nil:
		j.complete = len(j.missing) == 0
	case len(came) == 0:
		j.complete = false
	default:
		may := int(float64(len(usual)) * (1 - settings.Share()) * (1 + 1e-9))
		if len(usual) >= 3 {
			may = max(may, mayMiss)
		}
		j.complete = len(j.missing) <= may
	}
	return j
}

// learned are the types that came on more than half of the window's days.
func learned(window [][]string) []string {
	n := map[string]int{}
	for _, day := range window {
		for _, t := range day {
			n[t]++
		}
	}
	var usual []string
	for t, k := range n {
		if 2*k > len(window) {
			usual = append(usual, t)
		}
	}
	slices.Sort(usual)
	return usual
}
