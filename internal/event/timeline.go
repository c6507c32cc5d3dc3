package event

import (
	"slices"
	"sort"
)

// A timeline says on which days a report type was looked at, and from that when a finding that was last seen on a day is
// over. It is a function of the files and of what persons ruled, never of the clock or of the order of arrival.
type timeline struct {
	closing Closing
	full    []Day // days with a full report of the type, ascending
	delta   []Day // days with a report that only adds
	ticks   []Day // days that count towards closing, ascending; see ticksOf
}

const (
	closeAfter = 3  // complete feed days without it
	lapseAfter = 14 // days after it was last seen
)

// ticksOf are the days that count towards the closing of a type: for snapshots the complete days of the feed on which the
// type came in full or not at all (an absent type counts as empty then), for observations every day of the feed.
func ticksOf(c Closing, feed []feedDay, delta []Day) []Day {
	var ticks []Day
	for _, d := range feed {
		switch c {
		case Snapshot:
			if d.complete && !contains(delta, d.day) {
				ticks = append(ticks, d.day)
			}
		case Observation:
			if d.types > 0 {
				ticks = append(ticks, d.day)
			}
		}
	}
	return ticks
}

// closes is the day on which a finding last seen on day x is over; ok is false when it still counts as open.
func (t *timeline) closes(x Day) (d Day, ok bool) {
	switch t.closing {
	case Snapshot:
		if i := after(t.ticks, x) + closeAfter - 1; i < len(t.ticks) {
			return t.ticks[i], true
		}
	case Observation:
		if i := after(t.ticks, x+lapseAfter-1); i < len(t.ticks) {
			return t.ticks[i], true
		}
	}
	return 0, false
}

// cutoff is the latest day x for which closes(x) is settled, and on is the day that settled it; -1 when there is none.
func (t *timeline) cutoff() (x, on Day) {
	n := len(t.ticks)
	switch {
	case t.closing == Snapshot && n >= closeAfter:
		return t.ticks[n-closeAfter] - 1, t.ticks[n-1]
	case t.closing == Observation && n > 0:
		return t.ticks[n-1] - lapseAfter, t.ticks[n-1]
	}
	return -1, -1
}

// last is the day of the latest full report; -1 when there is none.
func (t *timeline) last() Day {
	if len(t.full) == 0 {
		return -1
	}
	return t.full[len(t.full)-1]
}

// after is the index of the first day in days that is later than x.
func after(days []Day, x Day) int {
	return sort.Search(len(days), func(i int) bool { return days[i] > x })
}

func contains(days []Day, d Day) bool {
	_, ok := slices.BinarySearch(days, d)
	return ok
}

func with(days []Day, d Day) []Day {
	i, ok := slices.BinarySearch(days, d)
	if ok {
		return days
	}
	return slices.Insert(slices.Clone(days), i, d)
}

func without(days []Day, d Day) []Day {
	i, ok := slices.BinarySearch(days, d)
	if !ok {
		return days
	}
	return slices.Delete(slices.Clone(days), i, i+1)
}

// A run is a row of reports that all had a finding, with the same owner and severity. A report that only adds begins a
// run of its own, because its silence says nothing. to is stillThere while the latest full report has it.
type run struct {
	from, to Day
	owner    int64
	severity Severity
}

// end is the last day on which the run was seen.
func (t *timeline) end(r run) Day {
	if r.to != stillThere {
		return r.to
	}
	return max(r.from, t.last())
}

type seen struct {
	day      Day
	owner    int64
	severity Severity
}

// expand turns runs into the days on which the finding was seen.
func (t *timeline) expand(runs []run) []seen {
	var out []seen
	for _, r := range runs {
		end := t.end(r)
		out = append(out, seen{r.from, r.owner, r.severity})
		for _, d := range t.full[after(t.full, r.from):] {
			if d > end {
				break
			}
			out = append(out, seen{d, r.owner, r.severity})
		}
	}
	return out
}

// contract is the inverse of expand: the one form in which the days are kept.
func (t *timeline) contract(days []seen) []run {
	var runs []run
	for _, s := range days {
		if n := len(runs) - 1; n >= 0 && !contains(t.delta, s.day) {
			r := &runs[n]
			i := after(t.full, r.to) // no full report between the run's end and this day: it goes on
			if t.full[i] == s.day && r.owner == s.owner && r.severity == s.severity {
				r.to = s.day
				continue
			}
		}
		runs = append(runs, run{s.day, s.day, s.owner, s.severity})
	}
	if n := len(runs) - 1; n >= 0 && runs[n].to >= t.last() {
		runs[n].to = stillThere
	}
	return runs
}

// dayCount is what the counts of one type, day and owner are made of.
type dayCount struct {
	events, fresh, ongoing, gone, reopened, transferred, handedOver int64
}

type countKey struct {
	day   Day
	owner int64
}

type countSheet map[countKey]*dayCount

func (ts countSheet) at(d Day, owner int64) *dayCount {
	k := countKey{d, owner}
	t := ts[k]
	if t == nil {
		t = &dayCount{}
		ts[k] = t
	}
	return t
}

// count adds what one finding's runs say to the counts. It is the definition that the quick way of intake must agree with.
func (t *timeline) count(ts countSheet, runs []run) {
	var last seen
	for i, s := range t.expand(runs) {
		if i == 0 {
			ts.at(s.day, s.owner).fresh++
		} else if closed, ok := t.closes(last.day); ok && closed < s.day {
			ts.at(closed, last.owner).gone++
			ts.at(s.day, s.owner).reopened++
		} else if last.owner != s.owner {
			ts.at(s.day, last.owner).handedOver++
			ts.at(s.day, s.owner).transferred++
		} else {
			ts.at(s.day, s.owner).ongoing++
		}
		last = s
	}
	if closed, ok := t.closes(last.day); ok && len(runs) > 0 {
		ts.at(closed, last.owner).gone++
	}
}
