package affected

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// Suggestion is a constituent that may be affected, and why.
type Suggestion struct {
	Constituent int64  `json:"constituent"`
	Ref         string `json:"ref"`
	Name        string `json:"name"`
	Source      string `json:"source"`
	Why         string `json:"why"`
	There       bool   `json:"there"` // it is among the affected already
}

// Search is what to look for.
type Search struct {
	// Values are addresses, networks, domains, URLs and AS numbers, one a line or between spaces and commas.
	Values string
	// Type is a report type: whoever has findings of it that were seen since a day.
	Type  string
	Since event.Day // 0: thirty days ago
}

const (
	maxValues      = 2000
	maxOwnersShown = 2000
	sinceDays      = 30
)

// Suggest finds who may be affected by a case: its victims, the owners of the values, and the owners of open findings that concern the
// values or are of the report type. Each constituent comes once, with every reason.
func (d *Desk) Suggest(ctx context.Context, id int64, q Search) ([]Suggestion, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	there, err := d.List(ctx, id)
	if err != nil {
		return nil, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	s := &suggestions{dir: dir, at: map[int64]int{}}
	for _, p := range c.Parties {
		if p.Part == incident.AsVictim || p.Part == incident.AsReporter {
			s.add(p.Constituent, ByParty, p.Part)
		}
	}
	values := strings.FieldsFunc(q.Values, func(r rune) bool { return r <= ' ' || r == ',' || r == ';' })
	if len(values) > maxValues {
		return nil, fault.Problems{{Field: "values", Message: fmt.Sprintf("%d values: look for at most %d at once", len(values), maxValues)}}
	}
	if err := d.byValues(ctx, s, values); err != nil {
		return nil, err
	}
	if err := d.byFindings(ctx, s, q); err != nil {
		return nil, err
	}
	for _, a := range there {
		if i, ok := s.at[a.Constituent]; ok && a.Kind == Entity {
			s.out[i].There = true
		}
	}
	slices.SortStableFunc(s.out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Constituent, b.Constituent))
	})
	return s.out, nil
}

// AddFound adds some of those that a search finds; who is not found any more is a fault.
func (d *Desk) AddFound(ctx context.Context, by act.Actor, id int64, q Search, who []int64) (int, error) {
	found, err := d.Suggest(ctx, id, q)
	if err != nil {
		return 0, err
	}
	if len(who) == 0 {
		return 0, fault.Problems{{Field: "who", Message: "choose who is affected"}}
	}
	var add []Affected
	for _, w := range who {
		i := slices.IndexFunc(found, func(s Suggestion) bool { return s.Constituent == w })
		if i < 0 {
			return 0, fault.Problems{{Field: "who", Message: fmt.Sprintf("the constituent %d is not among those that were found", w)}}
		}
		add = append(add, Affected{Kind: Entity, Constituent: w, Source: found[i].Source, Why: found[i].Why})
	}
	return d.Add(ctx, by, id, add...)
}

type suggestions struct {
	dir *constituency.Directory
	out []Suggestion
	at  map[int64]int
}

const maxWhy = 600

func (s *suggestions) add(id int64, source, why string) {
	l, ok := s.dir.ByID(id)
	if !ok {
		return
	}
	i, ok := s.at[id]
	if !ok {
		s.at[id] = len(s.out)
		s.out = append(s.out, Suggestion{Constituent: id, Ref: l.Ref, Name: l.Name, Source: source, Why: why})
		return
	}
	if o := &s.out[i]; !strings.Contains(o.Why, why) && len(o.Why)+len(why) < maxWhy {
		o.Why += "; " + why
	}
}

// byValues adds the owners of values, and those whose open findings lie within them.
func (d *Desk) byValues(ctx context.Context, s *suggestions, values []string) error {
	r, err := d.Constituency.Resolver(ctx)
	if err != nil {
		return err
	}
	now := d.Clock.Now()
	var bad fault.Problems
	for _, v := range values {
		v = refang(v)
		if strings.Contains(v, "/") && !strings.Contains(v, "://") {
			owners, err := r.Owning(v, now, maxOwnersShown)
			if err != nil {
				bad = append(bad, fault.Problem{Field: "values", Message: err.Error()})
				continue
			}
			for _, o := range owners {
				s.add(o.Constituent, ByIndicator, v+" ("+o.Matched+")")
			}
			continue
		}
		q, _, err := constituency.ParseSubject(v)
		if err != nil {
			bad = append(bad, fault.Problem{Field: "values", Message: err.Error()})
			continue
		}
		q.At = now.UnixMicro()
		if verdict := r.Resolve(q); verdict.Owner != 0 {
			s.add(verdict.Owner, ByIndicator, v+" ("+verdict.Winner.Matched+")")
		}
	}
	if len(bad) > 0 {
		return bad[:min(len(bad), 20)]
	}
	return nil
}

// byFindings adds the owners of open findings of a report type.
func (d *Desk) byFindings(ctx context.Context, s *suggestions, q Search) error {
	if q.Type == "" {
		return nil
	}
	today := event.DayOf(d.now())
	if q.Since == 0 {
		q.Since = today - sinceDays
	}
	if q.Since > today {
		return fault.Problems{{Field: "since", Message: "lies in the future"}}
	}
	rows, err := d.findings.Counts(ctx, event.CountQuery{From: q.Since, Until: today, ByOwner: true, Types: []string{q.Type}})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if n := row.New + row.Ongoing; row.Owner.ID != 0 && n > 0 {
			s.add(row.Owner.ID, ByFinding, fmt.Sprintf("%s: %d", q.Type, n))
		}
	}
	return nil
}

// refang takes out what keeps people from clicking an indicator.
func refang(s string) string {
	s = strings.NewReplacer("[.]", ".", "(.)", ".", "[:]", ":", "[@]", "@").Replace(s)
	for _, p := range []string{"hxxps", "hxxp"} {
		if len(s) > len(p) && strings.EqualFold(s[:len(p)], p) {
			return "htt" + s[3:]
		}
	}
	return s
}
