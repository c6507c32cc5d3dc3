package constituency

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// RegistryOptions say how a regional registry is read.
type RegistryOptions struct {
	Origin  string // the registry's name: "ripe"
	Country string // ISO 3166 code
	Force   bool   // even when more than half of what it said before is gone
}

// Refresh is what reading a regional registry changed.
type Refresh struct {
	ID      int64  `json:"id"`
	Origin  string `json:"origin"`
	At      int64  `json:"at"` // UTC microseconds, world clock
	Added   int64  `json:"added"`
	Changed int64  `json:"changed"`
	Removed int64  `json:"removed"`
	Diff    Diff   `json:"diff"`
}

var originForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// ImportRegistry makes the automatic constituents, contacts and assets of an origin what its files say about a country.
// What people entered is left alone. What is gone ends today and what is new begins today, so that events of the past stay
// with who had the address then; at the first import nothing was known before, and all holds always.
func (s *Store) ImportRegistry(ctx context.Context, actor act.Actor, o RegistryOptions, files ...RegistryFile) (Refresh, error) {
	o.Country = strings.ToUpper(o.Country)
	if !originForm.MatchString(o.Origin) || o.Origin == string(Manual) {
		return Refresh{}, fault.Invalidf("%q is no name for a registry; write small letters, like ripe or apnic", o.Origin)
	}
	if len(o.Country) != 2 {
		return Refresh{}, fault.Invalidf("%q is no ISO 3166 code of a country", o.Country)
	}
	data, err := readRegistry(o.Country, files)
	if err != nil {
		return Refresh{}, err
	}
	claims := data.claims(o.Country)
	if len(claims) == 0 {
		return Refresh{}, fault.Invalidf("the files have no network of %s: check the country and that the inetnum files are among them", o.Country)
	}
	var out Refresh
	a := act.Act{Actor: actor, Verb: "constituency.import-registry", Object: "registry:" + o.Origin}
	err = s.db.Act(ctx, a, func(tx *db.Tx) error {
		if err := lock(tx); err != nil {
			return err
		}
		p, err := s.refreshPlan(tx, o, claims)
		if err != nil {
			return err
		}
		p.Warnings = data.warnings
		t := p.Total()
		out = Refresh{Origin: o.Origin, At: s.clock.Now().UnixMicro(), Added: int64(t.Added), Changed: int64(t.Changed),
			Removed: int64(t.Removed), Diff: p.Diff}
		if out.ID, err = insertRefresh(tx, out); err != nil {
			return err
		}
		tx.Note("", fmt.Sprintf(`{"country":%q,"added":%d,"changed":%d,"removed":%d}`, o.Country, t.Added, t.Changed, t.Removed))
		if p.Empty() {
			return nil
		}
		if err := p.apply(tx); err != nil {
			return err
		}
		return bump(tx, s.clock.Now())
	})
	return out, err
}

func (s *Store) refreshPlan(tx *db.Tx, o RegistryOptions, claims []*claimed) (*plan, error) {
	have, err := readHoldings(tx, Automatic, o.Origin)
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	p := &planner{have: have, undated: true, today: DayOf(s.clock.Now())}
	before := 0
	for _, as := range have.assets {
		for _, a := range as {
			if a.ValidUntil > p.today {
				before++
			}
		}
	}
	p.refresh(o.Origin, claims, before == 0 && len(have.assets) == 0)
	if p.Assets.Removed*2 > before && !o.Force {
		return nil, fault.Conflictf("%d of the %d assets known from %s are not in the files: are they whole? "+
			"If so, import once more and say so (--force)", p.Assets.Removed, before, o.Origin)
	}
	return &p.plan, nil
}

// refresh plans what makes the stored state of an origin the claimed one.
func (p *planner) refresh(origin string, claims []*claimed, first bool) {
	from := p.today
	if first {
		from = 0
	}
	seen := map[string]bool{}
	for _, c := range claims {
		old := p.have.byRef[c.Ref]
		if old != nil && old.Source == Automatic && old.Origin != origin {
			c.Ref = cutRef(c.Ref, "."+origin) // another registry has one of this name
			old = p.have.byRef[c.Ref]
		}
		seen[c.Ref] = true
		c.Origin, c.ValidFrom = origin, from
		var contacts []Contact
		var assets []Asset
		if old == nil {
			p.note(&p.Constituents, Change{Op: "added", Record: "constituent", Ref: c.Ref, Value: c.Name})
			p.constituents = append(p.constituents, constituentStep{Constituent: c.Constituent})
		} else {
			p.again(c, old)
			contacts, assets = p.have.contacts[old.ID], p.have.assets[old.ID]
		}
		p.planContacts(c.Ref, live(contacts, p.today, (*Contact).until), dated(c.contacts, origin, from), true)
		p.planAssets(c.Ref, live(assets, p.today, (*Asset).until), datedAssets(c.assets, origin, from), true)
	}
	for _, ref := range sortedKeys(p.have.byRef) {
		c := p.have.byRef[ref]
		if seen[ref] {
			continue
		}
		p.planContacts(ref, p.have.contacts[c.ID], nil, true)
		p.planAssets(ref, p.have.assets[c.ID], nil, true)
		if c.Source == Automatic && c.Origin == origin && c.ValidUntil > p.today {
			s := constituentStep{Constituent: *c, parent: p.have.ref(c.Parent), delegate: p.have.ref(c.Delegate)}
			s.ValidUntil = max(p.today, c.ValidFrom)
			p.constituents = append(p.constituents, s)
			p.note(&p.Constituents, Change{Op: "removed", Record: "constituent", Ref: ref, Value: c.Name})
		}
	}
}

// again brings the name and kind of a known constituent up to date, unless a person has taken it over.
func (p *planner) again(c *claimed, old *Constituent) {
	if old.Source != Automatic {
		return
	}
	s := constituentStep{Constituent: *old, parent: p.have.ref(old.Parent), delegate: p.have.ref(old.Delegate)}
	s.Name, s.Kind, s.ValidUntil = c.Name, c.Kind, Open
	if fields := s.differs(old, p.have); len(fields) > 0 {
		p.note(&p.Constituents, Change{Op: "changed", Record: "constituent", Ref: s.Ref, Value: s.Name, Fields: fields})
		p.constituents = append(p.constituents, s)
	}
}

func (c *Contact) until() Day { return c.ValidUntil }
func (a *Asset) until() Day   { return a.ValidUntil }

// live leaves out what has ended: something that comes back begins anew.
func live[T any](all []T, today Day, until func(*T) Day) []T {
	var out []T
	for i := range all {
		if until(&all[i]) > today {
			out = append(out, all[i])
		}
	}
	return out
}

// dated prepares claims for comparison. What is known already overlaps with them in
// time, and so is found.
func dated(cs []Contact, origin string, from Day) []contactEntry {
	out := make([]contactEntry, len(cs))
	for i, c := range cs {
		c.Origin, c.ValidFrom = origin, from
		out[i] = contactEntry{Contact: c}
	}
	return out
}

func datedAssets(as []Asset, origin string, from Day) []assetEntry {
	out := make([]assetEntry, len(as))
	for i, a := range as {
		a.Origin, a.ValidFrom = origin, from
		out[i] = assetEntry{Asset: a}
	}
	return out
}

func cutRef(ref, suffix string) string { return ref[:min(len(ref), 80-len(suffix))] + suffix }
