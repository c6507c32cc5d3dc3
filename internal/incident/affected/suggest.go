package affected

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/format/indicator"
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

// Found is who may be affected by a case, and the values that were not looked for: hashes and the like, of which nobody is the owner, and
// what is mistyped.
type Found struct {
	Items []Suggestion `json:"items" nullable:"false"`
	Left  []string     `json:"left,omitempty" doc:"Values that were not looked for: nobody owns such, or they are mistyped"`
}

// Search is what to look for.
type Search struct {
	// Values are addresses, networks, domains, URLs, mail addresses (by their domain) and AS numbers, one a line or between spaces and commas.
	Values string
	// Indicators adds the confirmed indicators of the case to the values, as far as they can have an owner.
	Indicators bool
	// Type is a report type: whoever has findings of it that were seen since a day.
	Type  string
	Since event.Day // 0: thirty days ago
}

const (
	maxValues      = 2000
	maxOwnersShown = 2000
	sinceDays      = 30
)

// Suggest finds who may be affected by a case: its victims, the owners of its linked findings, of the values, and of open findings of the
// report type. Each constituent comes once, with every reason. What cannot be looked for among the values is left; when that is all of
// them, it is a fault.
func (d *Desk) Suggest(ctx context.Context, id int64, q Search) (*Found, error) {
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
	s := &suggestions{dir: dir, at: map[int64]int{}, Found: Found{Items: []Suggestion{}}}
	for _, p := range c.Parties {
		if p.Part == incident.AsVictim || p.Part == incident.AsReporter {
			s.add(p.Constituent, ByParty, p.Part)
		}
	}
	values := strings.FieldsFunc(q.Values, func(r rune) bool { return r <= ' ' || r == ',' || r == ';' })
	if len(values) > maxValues {
		return nil, fault.Problems{{Field: "values", Message: fmt.Sprintf("%d values: look for at most %d at once", len(values), maxValues)}}
	}
	if q.Indicators {
		confirmed, err := d.Indicators(ctx, id, incident.Confirmed)
		if err != nil {
			return nil, err
		}
		for _, i := range confirmed {
			if ownable(i.Type) {
				values = append(values, i.Value)
			}
		}
	}
	if err := d.byLinks(ctx, s, id); err != nil {
		return nil, err
	}
	if err := d.byValues(ctx, s, values); err != nil {
		return nil, err
	}
	if err := d.byFindings(ctx, s, q); err != nil {
		return nil, err
	}
	for _, a := range there {
		if i, ok := s.at[a.Constituent]; ok && a.Kind == Entity {
			s.Items[i].There = true
		}
	}
	slices.SortStableFunc(s.Items, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Constituent, b.Constituent))
	})
	return &s.Found, nil
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
		i := slices.IndexFunc(found.Items, func(s Suggestion) bool { return s.Constituent == w })
		if i < 0 {
			return 0, fault.Problems{{Field: "who", Message: fmt.Sprintf("the constituent %d is not among those that were found", w)}}
		}
		add = append(add, Affected{Kind: Entity, Constituent: w, Source: found.Items[i].Source, Why: found.Items[i].Why})
	}
	return d.Add(ctx, by, id, add...)
}

type suggestions struct {
	Found
	dir *constituency.Directory
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
		s.at[id] = len(s.Items)
		s.Items = append(s.Items, Suggestion{Constituent: id, Ref: l.Ref, Name: l.Name, Source: source, Why: why})
		return
	}
	if o := &s.Items[i]; !strings.Contains(o.Why, why) && len(o.Why)+len(why) < maxWhy {
		o.Why += "; " + why
	}
}

// byLinks adds the owners of the findings that the case is linked to.
func (d *Desk) byLinks(ctx context.Context, s *suggestions, id int64) error {
	findings, err := d.LinkedFindings(ctx, id)
	if err != nil || len(findings) == 0 {
		return err
	}
	facts, err := d.findings.Facts(ctx, findings)
	if err != nil {
		return err
	}
	for _, id := range findings {
		if f, ok := facts[id]; ok && f.Owner.ID != 0 {
			s.add(f.Owner.ID, ByFinding, f.Type+": "+f.ID.String())
		}
	}
	return nil
}

// ownable says whether indicators of a type can be somebody's.
func ownable(t indicator.Type) bool {
	return slices.Contains([]indicator.Type{indicator.IPv4, indicator.IPv6, indicator.CIDR, indicator.Domain, indicator.URL, indicator.Mail, indicator.ASN}, t)
}

// byValues adds the owners of values.
func (d *Desk) byValues(ctx context.Context, s *suggestions, values []string) error {
	r, err := d.Constituency.Resolver(ctx)
	if err != nil {
		return err
	}
	now := d.Clock.Now()
	var bad fault.Problems
	left := func(value string, why error) {
		s.Left = append(s.Left, value)
		bad = append(bad, fault.Problem{Field: "values", Message: why.Error()})
	}
	for _, v := range values {
		v = refang(v)
		if strings.Contains(v, "/") && !strings.Contains(v, "://") {
			owners, err := r.Owning(v, now, maxOwnersShown)
			if err != nil {
				left(v, err)
				continue
			}
			for _, o := range owners {
				s.add(o.Constituent, ByIndicator, v+" ("+o.Matched+")")
			}
			continue
		}
		host := v
		if !strings.Contains(v, "://") {
			host = v[strings.LastIndexByte(v, '@')+1:]
		}
		q, _, err := constituency.ParseSubject(host)
		if err != nil {
			left(v, err)
			continue
		}
		q.At = now.UnixMicro()
		if verdict := r.Resolve(q); verdict.Owner != 0 {
			s.add(verdict.Owner, ByIndicator, v+" ("+verdict.Winner.Matched+")")
		}
	}
	if len(bad) > 0 && len(bad) == len(values) {
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
