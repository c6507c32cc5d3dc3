package digest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Step is a place of a Kaplan–Meier curve: the share of findings that were not over after so many days.
type Step struct {
	Day    int     `json:"day"`
	AtRisk int64   `json:"at_risk"` // that were still followed
	Over   int64   `json:"over"`    // on this day
	Share  float64 `json:"share"`   // that goes on after it
}

// Curve is how long findings went on after their owner was told. Those that go on still count as long as they were followed.
type Curve struct {
	Over   int64  `json:"over"`
	Median int    `json:"median"` // days until half are over; -1: not half are
	Steps  []Step `json:"steps" nullable:"false"`
}

// Effect is what came of telling owners, of a report type or a sector.
type Effect struct {
	Group    string `json:"group"`
	Pool     bool   `json:"pool"` // of access networks, whose addresses change hands: told apart, because there an address ends with a connection
	Told     int64  `json:"told"`
	Answered int64  `json:"answered"`
	Seen     Curve  `json:"no_longer_seen"`
	Fixed    Curve  `json:"said_fixed"`
}

// maxFollow is how many days a finding is followed.
const maxFollow = 400

// times counts findings by the day on which they were over, and by the day on which following them ended.
type times struct{ over, lost [maxFollow + 1]int64 }

func (t *times) add(days int, over bool) {
	days = min(max(days, 0), maxFollow)
	if over {
		t.over[days]++
	} else {
		t.lost[days]++
	}
}

// curve is the estimator of Kaplan and Meier (1958): whoever is lost on a day was at risk on it.
func (t *times) curve() Curve {
	c := Curve{Median: -1, Steps: []Step{}}
	risk := int64(0)
	for d := range t.over {
		risk += t.over[d] + t.lost[d]
	}
	share := 1.0
	for d := range t.over {
		if n := t.over[d]; n > 0 {
			share *= 1 - float64(n)/float64(risk)
			c.Over += n
			c.Steps = append(c.Steps, Step{d, risk, n, share})
			if c.Median < 0 && share <= 0.5 {
				c.Median = d
			}
		}
		risk -= t.over[d] + t.lost[d]
	}
	return c
}

// outcome is what became of a finding that its owner was told.
type outcome struct {
	finding     event.ID
	constituent int64
	toldAt      int64
	presence    Presence
	goneDay     event.Day
	goneAt      int64
	answeredAt  int64
	fixedAt     int64
}

// follow is how many days after it was told the finding was over, or how long it was followed.
func (o *outcome) follow(today event.Day) (seen int, over bool, fixed int, said bool) {
	told := event.DayOf(o.toldAt)
	end := today
	switch o.presence {
	case Gone: // the day after it was last seen
		seen, over = int(max(o.goneDay+1, told)-told), true
		end = max(o.goneDay+1, told)
	case Ruled, Left:
		end = max(event.DayOf(o.goneAt), told)
		seen = int(end - told)
	default:
		seen = int(today - told)
	}
	if o.fixedAt > 0 {
		return seen, over, int(max(event.DayOf(o.fixedAt)-told, 0)), true
	}
	return seen, over, int(end - told), false
}

// Effect measures what came of what was told in the latest days, by type or by sector, the most told first. Copies do not count:
// they are of findings that are somebody else's to mend.
func (d *Desk) Effect(ctx context.Context, by string, days int) ([]Effect, error) {
	if by != "type" && by != "sector" {
		return nil, fault.Invalidf("%q is nothing to group by: use type or sector", by)
	}
	days = min(max(days, 1), maxFollow)
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := d.Lister.Marks(ctx)
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	for _, m := range marks {
		names[m.ID] = m.Name
	}
	type key struct {
		group string
		pool  bool
	}
	type sum struct {
		Effect
		seen, fixed times
	}
	sums := map[key]*sum{}
	today := d.today()
	since := (today - event.Day(days) + 1).Time().UnixMicro()
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		return eachOutcome(tx, since, func(o *outcome) {
			l, _ := dir.ByID(o.constituent)
			k := key{l.Sector, l.Kind == constituency.ISP}
			if by == "type" {
				k.group = names[o.finding.Type()]
			}
			s := sums[k]
			if s == nil {
				s = &sum{Effect: Effect{Group: k.group, Pool: k.pool}}
				sums[k] = s
			}
			s.Told++
			if o.answeredAt > 0 {
				s.Answered++
			}
			seen, over, fixed, said := o.follow(today)
			s.seen.add(seen, over)
			s.fixed.add(fixed, said)
		})
	})
	out := make([]Effect, 0, len(sums))
	for _, s := range sums {
		s.Effect.Seen, s.Effect.Fixed = s.seen.curve(), s.fixed.curve()
		out = append(out, s.Effect)
	}
	slices.SortFunc(out, func(a, b Effect) int {
		return cmp.Or(cmp.Compare(b.Told, a.Told), cmp.Compare(a.Group, b.Group), cmp.Compare(flag(a.Pool), flag(b.Pool)))
	})
	return out, err
}

// Deaf is a constituent that never reacts: it was told, answered nothing, and nothing of it is over.
type Deaf struct {
	Constituent int64  `json:"constituent"`
	Ref         string `json:"ref"`
	Name        string `json:"name"`
	Messages    int64  `json:"messages"`
	First       int64  `json:"first"` // when it was told first, UTC microseconds
	Open        int64  `json:"open"`  // findings that it was told and that go on
}

// deafAfter is how many messages without any reaction make somebody deaf.
const deafAfter = 2

// Deaf lists who never reacts, those with the most open findings first, at most 500.
func (d *Desk) Deaf(ctx context.Context) (out []Deaf, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = readDeaf(tx, deafAfter, 500)
		return err
	})
	for i := range out {
		l, _ := dir.ByID(out[i].Constituent)
		out[i].Ref, out[i].Name = l.Ref, l.Name
	}
	return out, err
}

// Standing counts how everything that is to be told stands.
type Standing struct {
	States  map[State]int64    `json:"states"`  // of what is open
	Backlog map[string]Backlog `json:"backlog"` // by feed
	Mute    int64              `json:"mute"`    // constituents to whom something is due and whom nobody can write to
	Claims  int64              `json:"claims"`  // that wait for an analyst
}

// Backlog is what of a feed is known and not told.
type Backlog struct {
	Until event.Day `json:"until"` // what came until this report day
	First bool      `json:"first"` // its first intake is not over yet
}

// Standing is how everything stands.
func (d *Desk) Standing(ctx context.Context) (s Standing, err error) {
	s = Standing{States: map[State]int64{}, Backlog: map[string]Backlog{}}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		feeds, err := readFeeds(tx)
		if err != nil {
			return err
		}
		for name, f := range feeds {
			s.Backlog[name] = Backlog{f.until, d.now().Sub(time.UnixMicro(f.since)) < firstIntake}
		}
		return readStanding(tx, &s, constituency.DayOf(d.now()))
	})
	return s, err
}
