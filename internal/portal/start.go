package portal

import (
	"context"
	"fmt"
	"slices"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/egress"
)

// window is how many days a trend has.
const window = 30

// Severities is a number for each severity.
type Severities [event.Critical + 1]int64

// Total is the sum over all severities.
func (s Severities) Total() (n int64) {
	for _, v := range s {
		n += v
	}
	return n
}

// TypeLine is a report type with something open.
type TypeLine struct {
	Name  string
	Title string
	Open  int64
}

// Start is how the asker's constituents stand.
type Start struct {
	Choices []Choice
	Day     event.Day // of the latest report; -1 before any
	Open    Severities
	Came    int64 // new, seen again or taken over in the latest seven days
	Gone    int64
	First   event.Day // of the trend
	Trend   []int64   // open at the end of each day
	Types   []TypeLine
	Sector  *Comparison
	Due     []constituency.Confirmation // whose contacts are to be confirmed
	Waiting int                         // change requests that nobody decided yet, at most 100
}

// Comparison is how a constituent's sector stands, without the constituent. Nil days or a zero sector: too few others, or one
// of them would show.
type Comparison struct {
	Sector  string  // an id of the nation's profile
	Why     string  // why there is nothing to compare with: "", "few", "dominant"
	Average []int64 // open findings of an other one at the end of each day of the trend, rounded down
}

// picture is what is counted of some owners.
type picture struct {
	day    event.Day // of the latest report; -1 before any
	first  event.Day // of the trends
	owners map[int64]*line
	types  []TypeLine // with anything open, the most open first
}

// line is what is counted of one owner.
type line struct {
	open   Severities
	flow   map[event.Day]event.Counts
	closed map[event.Day]int64 // by persons
}

// days walks back from what is open now: a day began with what was open at its end less what it changed.
func (l *line) days(first, last event.Day) []int64 {
	open := l.open.Total()
	out := make([]int64, last-first+1)
	for d := last; d >= first; d-- {
		out[d-first] = max(open, 0)
		f := l.flow[d]
		open -= f.New + f.Reopened + f.Transferred - f.Gone - f.HandedOver - l.closed[d]
	}
	return out
}

// count counts what is open in a scope.
func (p *Portal) count(ctx context.Context, scope event.Scope) (*picture, error) {
	tallies, err := p.tallier.Tally(ctx)
	if err != nil {
		return nil, err
	}
	out := &picture{day: -1, owners: map[int64]*line{}}
	of := func(owner int64) *line {
		if out.owners[owner] == nil {
			out.owners[owner] = &line{closed: map[event.Day]int64{}}
		}
		return out.owners[owner]
	}
	for _, t := range tallies {
		if scope[t.Feed] == nil {
			continue
		}
		out.day = max(out.day, t.LastDay)
		of := func(owner int64) *line {
			if !slices.Contains(scope[t.Feed], owner) {
				return nil
			}
			return of(owner)
		}
		kind := TypeLine{Name: t.Name, Title: t.Title}
		for _, o := range t.Owners {
			if l := of(o.Owner); l != nil {
				for s, n := range o.Open {
					l.open[s], kind.Open = l.open[s]+n, kind.Open+n
				}
			}
		}
		for _, c := range t.Closed {
			if l := of(c.Owner); l != nil {
				l.closed[c.Day] += c.N
			}
		}
		if kind.Open > 0 {
			out.types = append(out.types, kind)
		}
	}
	slices.SortStableFunc(out.types, func(a, b TypeLine) int { return int(b.Open - a.Open) })
	if out.day < 0 {
		return out, nil
	}
	out.first = max(out.day-window+1, 0)
	flows, err := p.Lister.Flow(ctx, scope, out.first, out.day)
	for owner, flow := range flows {
		of(owner).flow = flow
	}
	return out, err
}

// Start tells how the asker's constituents stand.
func (p *Portal) Start(ctx context.Context, a Asker) (none egress.Cleared[*Start], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	pic, err := p.count(ctx, m.scope)
	if err != nil {
		return none, err
	}
	s := &Start{Choices: m.choices(), Day: pic.day, First: pic.first, Types: pic.types[:min(len(pic.types), 10)]}
	if pic.day >= 0 {
		s.Trend = make([]int64, pic.day-pic.first+1)
	}
	for _, l := range pic.owners {
		for i, n := range l.open {
			s.Open[i] += n
		}
		for i, n := range l.days(pic.first, pic.day) {
			s.Trend[i] += n
		}
		for d := max(pic.day-6, 0); d <= pic.day; d++ {
			f := l.flow[d]
			s.Came, s.Gone = s.Came+f.New+f.Reopened+f.Transferred, s.Gone+f.Gone+f.HandedOver+l.closed[d]
		}
	}
	if err := p.remind(ctx, m, s); err != nil {
		return none, err
	}
	grants, err := p.compare(ctx, m, pic, s)
	if err != nil {
		return none, err
	}
	if len(m.in) == 0 {
		_, g, err := clear[*Start](ctx, p, m, nil)
		if err != nil {
			return none, err
		}
		return disclosure.Whole(s, g)
	}
	passed, g, err := clear(ctx, p, m, []item[*Start]{{"picture:own", disclosure.Marking{Label: m.label, Owners: m.in}, s}})
	if err != nil {
		return none, err
	}
	if len(passed) == 0 {
		return none, fmt.Errorf("the gate keeps back the own picture of %s", m.to.Subject)
	}
	return disclosure.Whole(passed[0], append(grants, g)...)
}

// remind notes what waits for the asker.
func (p *Portal) remind(ctx context.Context, m *mine, s *Start) error {
	cs, err := p.Constituency.Confirmations(ctx, m.in)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if c.Due(p.Clock.Now()) {
			s.Due = append(s.Due, c)
		}
	}
	qs, _, err := p.Constituency.ChangeRequests(ctx, m.in, constituency.RequestFilter{State: constituency.Pending, Limit: 100})
	s.Waiting = len(qs)
	return err
}

// compare sets the constituents' sector beside them, when they are of one sector.
func (p *Portal) compare(ctx context.Context, m *mine, pic *picture, s *Start) ([]*egress.Grant, error) {
	sector := ""
	for _, l := range m.all {
		if slices.Contains(m.in, l.ID) {
			if sector != "" && sector != l.Sector || l.Sector == "" {
				return nil, nil
			}
			sector = l.Sector
		}
	}
	if sector == "" || pic.day < 0 {
		return nil, nil
	}
	d, err := p.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	today := constituency.DayOf(p.Clock.Now())
	var others []int64
	for _, l := range d.All() {
		if l.Sector == sector && !slices.Contains(m.in, l.ID) && l.ValidFrom <= today && today < l.ValidUntil {
			others = append(others, l.ID)
		}
	}
	c := Comparison{Sector: sector, Why: "few"}
	if len(others) >= fewest && len(others) <= most {
		scope := event.Scope{}
		for _, f := range m.feeds {
			if label, ok := outside(f); ok && label <= tlp.Amber {
				scope[f.Name] = others
			}
		}
		sum, err := p.count(ctx, scope)
		if err != nil {
			return nil, err
		}
		series := make([][]int64, len(others))
		for i, id := range others {
			l := sum.owners[id]
			if l == nil {
				l = &line{}
			}
			series[i] = l.days(pic.first, pic.day)
		}
		c.Average, c.Why = average(series)
	}
	passed, g, err := clear(ctx, p, m, []item[Comparison]{{disclosure.Ref("sector:" + sector), disclosure.Marking{Label: tlp.Green}, c}})
	if err != nil || len(passed) == 0 {
		return nil, err
	}
	s.Sector = &passed[0]
	return []*egress.Grant{g}, nil
}

const (
	fewest = 5   // others, or there is no comparison
	most   = 200 // others whose days are added up for one page
)

// average is what one of several has at the end of each day. It tells nothing of any one of them: there are at least five, none
// of them makes up more than half of a day, and it is rounded down, so that a sum below their number is no more than "less than
// one".
func average(series [][]int64) (days []int64, why string) {
	if len(series) < fewest {
		return nil, "few"
	}
	n := int64(len(series))
	for d := range series[0] {
		var sum, largest int64
		for _, one := range series {
			sum, largest = sum+one[d], max(largest, one[d])
		}
		if sum >= n && 2*largest > sum {
			return nil, "dominant"
		}
		days = append(days, sum/n)
	}
	return days, ""
}
