package digest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Draft is a change that nobody has made yet.
type Draft struct {
	Registry *constituency.Document // contacts, prefixes and all else the registry has; nil: as it is
	Replace  bool                   // what the document does not have is gone
	Policies []Policy               // in place of those for the same cases; a frequency "" takes one away
	Suppress []Suppression          // as if they were in force, whatever their days
	End      []int64                // suppressions, as if they were not
}

// ReadPolicies reads policies of a draft: a JSON list of objects with ref, sector, type, severity and frequency.
func ReadPolicies(b []byte) (out []Policy, err error) {
	var in []struct {
		Ref       string    `json:"ref"`
		Sector    string    `json:"sector"`
		Type      string    `json:"type"`
		Severity  string    `json:"severity"`
		Frequency Frequency `json:"frequency"`
		Reason    string    `json:"reason"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fault.Invalidf("the policies are no JSON list: %w", err)
	}
	if len(in) > maxPolicies {
		return nil, fault.Invalidf("these are %d policies, and at most %d can be tried", len(in), maxPolicies)
	}
	for i, p := range in {
		s, err := ParseSeverity(p.Severity)
		if err != nil {
			return nil, fault.Problems{{Field: fmt.Sprintf("policies[%d].severity", i), Message: err.Error()}}
		}
		q := Policy{Ref: p.Ref, Sector: p.Sector, Type: p.Type, Severity: s, Frequency: p.Frequency, Reason: cmp.Or(p.Reason, "draft")}
		if p.Frequency != "" {
			if err := q.check(); err != nil {
				return nil, fmt.Errorf("policy %d: %w", i+1, err)
			}
		}
		out = append(out, q)
	}
	return out, nil
}

// ReadSuppressions reads suppressions of a draft: a JSON list of objects with kind and value, or with end, the number of one that there is.
func ReadSuppressions(b []byte) (out []Suppression, end []int64, err error) {
	var in []struct {
		Kind  SuppressionKind `json:"kind"`
		Value string          `json:"value"`
		End   int64           `json:"end"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, nil, fault.Invalidf("the suppressions are no JSON list: %w", err)
	}
	if len(in) > maxPolicies {
		return nil, nil, fault.Invalidf("these are %d suppressions, and at most %d can be tried", len(in), maxPolicies)
	}
	for i, s := range in {
		if s.End != 0 {
			end = append(end, s.End)
			continue
		}
		x := Suppression{Kind: s.Kind, Value: s.Value, From: 1, Until: 1, Reason: "draft"}
		if err := x.check(1); err != nil {
			return nil, nil, fmt.Errorf("suppression %d: %w", i+1, err)
		}
		out = append(out, x)
	}
	return out, end, nil
}

// ParseSeverity reads the severity of a policy; "" is any.
func ParseSeverity(name string) (int, error) {
	if name == "" || name == "any" {
		return AnySeverity, nil
	}
	s, ok := event.ParseSeverity(name)
	if !ok {
		return 0, fault.Invalidf("%q is no severity: use unrated, info, low, medium, high, critical or nothing for any", name)
	}
	return int(s), nil
}

// Tally counts findings by how soon somebody is told of them.
type Tally struct {
	Immediate int64 `json:"immediate"`
	Daily     int64 `json:"daily"`
	Weekly    int64 `json:"weekly"`
	Copies    int64 `json:"copies"` // of these, of findings that are somebody else's
}

func (t *Tally) add(f Frequency, copied bool) {
	switch f {
	case Immediate:
		t.Immediate++
	case Daily:
		t.Daily++
	case Weekly:
		t.Weekly++
	default:
		return
	}
	if copied {
		t.Copies++
	}
}

// Difference is an address whose mail a draft would change.
type Difference struct {
	Address string   `json:"address"` // "": the constituent has none
	Ref     string   `json:"ref"`     // the constituent
	Before  Tally    `json:"before"`
	After   Tally    `json:"after"`
	Gained  int64    `json:"gained"`                // findings it would be told and is not
	Lost    int64    `json:"lost"`                  // findings it is told and would not be
	Changed int64    `json:"changed"`               // findings it would be told at another pace
	Some    []string `json:"some" nullable:"false"` // a few of them: "+ 203.0.113.7 21/tcp scan_ftp"
}

// Replayed is what a dry run found.
type Replayed struct {
	Days        int               `json:"days"`
	Findings    int64             `json:"findings"` // that were looked at
	Moved       int64             `json:"moved"`    // whose owner would be another one
	Registry    constituency.Diff `json:"-"`
	Differences []Difference      `json:"differences" nullable:"false"` // at most 5,000, the largest first
}

const (
	maxDifferences = 5000
	maxSome        = 5
)

// side is the world before or after a draft.
type side struct {
	policies Policies
	contacts map[int64][]string
	sectors  map[int64]string
	refs     map[int64]string

	suppressions []Suppression
}

// DryRun replays what the latest days' reports had with a draft, and shows whose mail would differ. Nothing is changed, and nothing is
// sent. Who was told before does not count.
func (d *Desk) DryRun(ctx context.Context, days int, draft Draft) (*Replayed, error) {
	days = min(max(days, 1), 90)
	out := &Replayed{Days: days, Differences: []Difference{}}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.rules(ctx, dir, profile)
	if err != nil {
		return nil, err
	}
	before, after := side{policies: r.policies, suppressions: r.suppressions}, side{}
	load := func(s *side, tx *db.Tx) (err error) {
		contacts, err := constituency.ReachAll(tx, constituency.Day(d.today()))
		if err != nil {
			return err
		}
		s.contacts = map[int64][]string{}
		for id, cs := range contacts {
			for _, c := range constituency.Desks(cs) {
				s.contacts[id] = append(s.contacts[id], address(c.Mail))
			}
		}
		if s.sectors, err = constituency.Sectors(tx); err != nil {
			return err
		}
		s.refs, err = constituency.Refs(tx)
		return err
	}
	if err := d.DB.View(ctx, func(tx *db.Tx) error { return load(&before, tx) }); err != nil {
		return nil, err
	}
	var resolver *constituency.Resolver
	out.Registry, err = d.Constituency.Draft(ctx, draft.Registry, constituency.ImportOptions{Replace: draft.Replace}, func(tx *db.Tx, res *constituency.Resolver) error {
		resolver = res
		return load(&after, tx)
	})
	if err != nil {
		return nil, err
	}
	if after.policies, err = overlay(before.policies, draft.Policies, after.refs); err != nil {
		return nil, err
	}
	if after.suppressions, err = hold(before.suppressions, draft, after.refs); err != nil {
		return nil, err
	}
	c := comparison{rules: r, before: &before, after: &after, diffs: map[string]*Difference{}}
	if from := d.today() - event.Day(days) + 1; byASN(before.suppressions) || byASN(after.suppressions) {
		if c.asns, err = d.allSystems(ctx, from); err != nil {
			return nil, err
		}
	}
	marked := map[int64]bool{}
	err = d.Intake.Replay(ctx, resolver, d.today()-event.Day(days)+1, func(x *event.Replayed) error {
		out.Findings++
		if x.Before.Owner != x.After.Owner {
			out.Moved++
		}
		if _, ok := marked[x.Type.ID]; !ok {
			marked[x.Type.ID] = shadowserver.Population(x.Type.Name)
		}
		c.compare(x, marked[x.Type.ID])
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, diff := range c.diffs {
		if diff.Gained+diff.Lost+diff.Changed > 0 {
			out.Differences = append(out.Differences, *diff)
		}
	}
	slices.SortFunc(out.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(b.Gained+b.Lost+b.Changed, a.Gained+a.Lost+a.Changed), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Address, b.Address))
	})
	out.Differences = out.Differences[:min(len(out.Differences), maxDifferences)]
	return out, nil
}

// overlay puts the policies of a draft in place of those for the same cases.
func overlay(have Policies, draft []Policy, refs map[int64]string) (Policies, error) {
	out := slices.Clone(have)
	ids := map[string]int64{}
	for id, ref := range refs {
		ids[ref] = id
	}
	for i, p := range draft {
		if p.Ref != "" {
			if p.Constituent = ids[p.Ref]; p.Constituent == 0 {
				return nil, fault.Problems{{Field: fmt.Sprintf("policies[%d].ref", i), Message: fmt.Sprintf("there is no constituent %q", p.Ref)}}
			}
		}
		out = slices.DeleteFunc(out, func(o Policy) bool {
			return o.Constituent == p.Constituent && o.Sector == p.Sector && o.Type == p.Type && o.Severity == p.Severity
		})
		if p.Frequency != "" {
			out = append(out, p)
		}
	}
	return out, nil
}

// hold are the suppressions that a draft would leave in force.
func hold(have []Suppression, draft Draft, refs map[int64]string) (out []Suppression, err error) {
	for _, s := range have {
		if !slices.Contains(draft.End, s.ID) {
			out = append(out, s)
		}
	}
	for _, s := range draft.Suppress {
		if s.Kind == OfConstituent {
			for id, ref := range refs {
				if ref == s.Value {
					s.constituent = id
				}
			}
			if s.constituent == 0 {
				return nil, fault.Problems{{Field: "suppressions", Message: fmt.Sprintf("there is no constituent %q", s.Value)}}
			}
		}
		out = append(out, s)
	}
	for _, id := range draft.End {
		if !slices.ContainsFunc(have, func(s Suppression) bool { return s.ID == id }) {
			return nil, fault.Problems{{Field: "suppressions", Message: fmt.Sprintf("suppression %d is not in force", id)}}
		}
	}
	return out, nil
}

// allSystems tells in which autonomous systems the findings are whose reports came on a day or later.
func (d *Desk) allSystems(ctx context.Context, from event.Day) (map[event.ID][]string, error) {
	marks, err := d.Lister.Marks(ctx)
	if err != nil {
		return nil, err
	}
	out := map[event.ID][]string{}
	for _, m := range marks {
		if m.LastDay < from {
			continue
		}
		if err := d.systems(ctx, m.ID, from, m.LastDay, out); err != nil {
			return nil, fmt.Errorf("find the systems of %s: %w", m.Name, err)
		}
	}
	return out, nil
}

type comparison struct {
	rules         *rules
	before, after *side
	diffs         map[string]*Difference // by address and ref
	asns          map[event.ID][]string  // nil: nobody asks
}

// told is who is told of a finding, by address and ref, and how soon.
func (c *comparison) told(s *side, x *event.Replayed, v *constituency.Verdict, population bool) map[string]replayed {
	out := map[string]replayed{}
	if v.Owner == 0 {
		return out
	}
	owners := s.contacts[v.Owner]
	for _, id := range append([]int64{v.Owner}, v.Copies...) {
		about := subject{recipient: id, address: x.ID.Address(), asns: c.asns[x.ID], typ: x.Type.Name, feed: x.Type.Feed}
		set := c.rules.setting(id)
		f, _ := s.policies.Decide(Case{id, s.sectors[id], x.Type.Name, x.Severity, population})
		if f = set.soon(f); f == Never || !set.sends() || suppressed(s.suppressions, about) != "" {
			continue
		}
		list := s.contacts[id]
		if len(list) == 0 {
			list = []string{""}
		}
		for _, a := range list {
			if id != v.Owner && a != "" && slices.Contains(owners, a) {
				continue
			}
			out[a+"\n"+s.refs[id]] = replayed{a, s.refs[id], f, id != v.Owner}
		}
	}
	return out
}

type replayed struct {
	address, ref string
	frequency    Frequency
	copied       bool
}

func (c *comparison) compare(x *event.Replayed, population bool) {
	before, after := c.told(c.before, x, &x.Before, population), c.told(c.after, x, x.After, population)
	note := func(key string, t replayed) *Difference {
		d := c.diffs[key]
		if d == nil {
			d = &Difference{Address: t.address, Ref: t.ref, Some: []string{}}
			c.diffs[key] = d
		}
		return d
	}
	some := func(d *Difference, sign string) {
		if len(d.Some) < maxSome {
			d.Some = append(d.Some, sign+" "+x.ID.Address().String()+" "+x.Type.Name)
		}
	}
	for key, t := range before {
		d := note(key, t)
		d.Before.add(t.frequency, t.copied)
		switch u, ok := after[key]; {
		case !ok:
			d.Lost++
			some(d, "-")
		case u.frequency != t.frequency:
			d.Changed++
			some(d, "~")
		}
	}
	for key, t := range after {
		d := note(key, t)
		d.After.add(t.frequency, t.copied)
		if _, ok := before[key]; !ok {
			d.Gained++
			some(d, "+")
		}
	}
}
