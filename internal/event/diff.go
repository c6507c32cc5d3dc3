package event

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
)

// built is one report as it was read from its files, ready to be recorded.
type built struct {
	plan      *reportPlan
	sightings []sighting       // ordered by id, each finding once
	events    map[int64]int64  // by owner
	counted   int64            // events in all
	report    int64            // number of the report
	explain   map[string]int64 // verdict digest → explanation

	// firstTime reads the time of a finding's first event on a day from the segments; 0 when they are gone.
	firstTime func(tx *db.Tx, st typeState, id ID, day Day) (int64, error)
}

func (b *built) explanation(s *sighting) int64 { return b.explain[string(s.verdict.Digest[:])] }

// merge orders the sightings of single events and makes one of those of the same finding: the first time, the highest
// severity, and the owner at the latest time; of two at that time the smaller digest decides, so that order never does.
func merge(ss []sighting) []sighting {
	slices.SortFunc(ss, func(a, b sighting) int { return strings.Compare(string(a.id), string(b.id)) })
	out := ss[:0]
	for _, s := range ss {
		if n := len(out) - 1; n >= 0 && out[n].id == s.id {
			o := &out[n]
			o.first = min(o.first, s.first)
			o.severity = max(o.severity, s.severity)
			if s.last > o.last || s.last == o.last && s.verdict != o.verdict && string(s.verdict.Digest[:]) < string(o.verdict.Digest[:]) {
				o.last, o.verdict = s.last, s.verdict
			}
			continue
		}
		out = append(out, s)
	}
	clear(ss[len(out):])
	return out
}

// recordReport brings findings, counts and presence of a type up to date with a report of the day. A report later than all
// before it is compared with the presence list and only differences are written; any other is replayed into the runs of
// all findings of the type. Both ends are the same, which TestAnyOrderOfArrivalGivesTheSame holds them to.
func recordReport(tx *db.Tx, st typeState, b *built, days []feedDay) error {
	day, isDelta := b.plan.day, b.plan.delta
	old, err := loadTimeline(tx, st, days)
	if err != nil {
		return err
	}
	now := *old
	now.full, now.delta = without(old.full, day), without(old.delta, day)
	if isDelta {
		now.delta = with(now.delta, day)
	} else {
		now.full = with(now.full, day)
	}
	now.ticks = ticksOf(st.Closing, days, now.delta)
	_, settled := now.closes(day)
	_, absent := old.closes(old.last())
	quick := day > max(old.last(), lastOf(old.delta)) && !settled && slices.Equal(old.ticks, now.ticks) &&
		!(absent && lastOf(old.delta) > old.last())
	if err := replaceReport(tx, st.id, b.report, day); err != nil {
		return err
	}
	if quick {
		err = compareReport(tx, st, b, old, &now)
	} else {
		err = replayReport(tx, st, b, old, &now)
	}
	if err != nil {
		return err
	}
	return saveTimeline(tx, st, &now)
}

// compareReport is the quick way. Of the findings that the latest full report had, those in this report go on; nothing is
// written for them unless owner or severity changed. The others end (unless this report only adds). Sightings that are
// not in the list are new or come back.
func compareReport(tx *db.Tx, st typeState, b *built, old, now *timeline) error {
	list, err := loadPresence(tx, st.id)
	if err != nil {
		return err
	}
	day, isDelta := b.plan.day, b.plan.delta
	closed, over := old.closes(old.last()) // the type was away so long that all its findings closed on that day
	ts := countSheet{}
	for owner, n := range b.events {
		ts.at(day, owner).events += n
	}
	var fresh, changed []*sighting
	var ended []ID
	next := make([]present, 0, len(list)+len(b.sightings)/8)
	i := 0
	for j := range b.sightings {
		s := &b.sightings[j]
		for ; i < len(list) && list[i].id < s.id; i++ {
			next, ended = keepOrEnd(isDelta, list[i], next, ended)
		}
		p := present{s.id, s.verdict.Owner, s.severity}
		next = append(next, p)
		if i == len(list) || list[i].id != s.id {
			fresh = append(fresh, s)
			continue
		}
		was := list[i]
		i++
		if isDelta || was != p {
			changed = append(changed, s)
			continue
		}
		t := ts.at(day, p.owner)
		if over && closed < day {
			t.reopened++
		} else {
			if over {
				ts.at(closed, was.owner).gone--
			}
			t.ongoing++
		}
	}
	for ; i < len(list); i++ {
		next, ended = keepOrEnd(isDelta, list[i], next, ended)
	}
	known, err := insertFindings(tx, st.id, day, fresh, b.explanation)
	if err != nil {
		return err
	}
	countFresh(ts, day, fresh, known)
	if err := endRuns(tx, ended, old.last()); err != nil {
		return err
	}
	if err := resume(tx, append(changed, known...), b, old, day, ts); err != nil {
		return err
	}
	if err := addCounts(tx, st.id, ts); err != nil {
		return err
	}
	return savePresence(tx, st.id, next)
}

func keepOrEnd(isDelta bool, p present, next []present, ended []ID) ([]present, []ID) {
	if isDelta {
		return append(next, p), ended
	}
	return next, append(ended, p.id)
}

func countFresh(ts countSheet, day Day, fresh, known []*sighting) {
	for _, s := range fresh {
		ts.at(day, s.verdict.Owner).fresh++
	}
	for _, s := range known {
		ts.at(day, s.verdict.Owner).fresh--
	}
}

// resume begins a new run for findings that are in the table: they come back, or their owner or severity changed.
func resume(tx *db.Tx, ss []*sighting, b *built, old *timeline, day Day, ts countSheet) error {
	olds, err := latestRuns(tx, ss)
	if err != nil {
		return err
	}
	ends := make([]Day, len(ss))
	for i, s := range ss {
		o := olds[i]
		ends[i] = old.end(o)
		closed, over := old.closes(ends[i])
		switch {
		case over && closed < day:
			ts.at(day, s.verdict.Owner).reopened++
			continue
		case over:
			ts.at(closed, o.owner).gone--
		}
		if o.owner != s.verdict.Owner {
			ts.at(day, o.owner).handedOver++
			ts.at(day, s.verdict.Owner).transferred++
		} else {
			ts.at(day, s.verdict.Owner).ongoing++
		}
	}
	return beginRuns(tx, ss, olds, ends, day, b.explanation)
}

// replayReport is the slow way: the day is set in the runs of every finding of the type, whatever came after it.
func replayReport(tx *db.Tx, st typeState, b *built, old, now *timeline) error {
	day := b.plan.day
	ts := countSheet{}
	counts, err := loadCounts(tx, st.id)
	if err != nil {
		return err
	}
	for k, c := range counts {
		if c.events != 0 && k.day != day {
			ts.at(k.day, k.owner).events = c.events
		}
	}
	for owner, n := range b.events {
		ts.at(day, owner).events += n
	}
	var list []present
	var changes []change
	i := 0
	take := func(h *history, s *sighting) {
		c := replay(h, s, day, old, now)
		now.count(ts, c.runs)
		if n := len(c.runs) - 1; n >= 0 && c.runs[n].to == stillThere {
			list = append(list, present{h.id, c.runs[n].owner, c.runs[n].severity})
		}
		if !slices.Equal(h.runs, c.runs) || c.firstSeen != h.firstSeen {
			changes = append(changes, c)
		}
	}
	err = eachFinding(tx, st.id, func(h *history) error {
		for ; i < len(b.sightings) && b.sightings[i].id < h.id; i++ {
			take(&history{id: b.sightings[i].id}, &b.sightings[i])
		}
		var s *sighting
		if i < len(b.sightings) && b.sightings[i].id == h.id {
			s = &b.sightings[i]
			i++
		}
		take(h, s)
		return nil
	})
	if err != nil {
		return err
	}
	for ; i < len(b.sightings); i++ {
		take(&history{id: b.sightings[i].id}, &b.sightings[i])
	}
	for _, c := range changes {
		if err := c.save(tx, st, b); err != nil {
			return fmt.Errorf("replay %s: %w", day, err)
		}
	}
	if err := replaceCounts(tx, st.id, ts); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b present) int { return cmp.Compare(a.id, b.id) })
	return savePresence(tx, st.id, list)
}

// change is a finding whose runs are other than before.
type change struct {
	history
	sighting *sighting // of the replayed day; nil when the finding is not in it
	old      []run
	unseen   bool // the first day is another one, and its first time must be read from the events
}

// replay sets or clears the day in a finding's runs.
func replay(h *history, s *sighting, day Day, old, now *timeline) change {
	days := old.expand(h.runs)
	firstDay := Day(-1)
	if len(days) > 0 {
		firstDay = days[0].day
	}
	days = slices.DeleteFunc(days, func(d seen) bool { return d.day == day })
	if s != nil {
		i, _ := slices.BinarySearchFunc(days, day, func(d seen, t Day) int { return cmp.Compare(d.day, t) })
		days = slices.Insert(days, i, seen{day, s.verdict.Owner, s.severity})
	}
	c := change{history: *h, sighting: s, old: h.runs}
	c.runs = now.contract(days)
	if len(days) > 0 {
		switch {
		case s != nil && days[0].day == day:
			c.firstSeen = s.first
		case days[0].day != firstDay:
			c.unseen = true
			c.firstSeen = days[0].day.Time().UnixMicro()
		}
	}
	return c
}
