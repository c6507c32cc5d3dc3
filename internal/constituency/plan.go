package constituency

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"tocsin/internal/platform/fault"
)

// Tally counts what an import does to one sort of record.
type Tally struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
}

// Change is one thing that an import does.
type Change struct {
	Op     string   `json:"op"`     // added, changed, removed
	Record string   `json:"record"` // constituent, contact, asset, national_prefix
	Ref    string   `json:"ref,omitempty"`
	Value  string   `json:"value"`
	Fields []string `json:"fields,omitempty"` // of a changed one: "name: old → new"
}

// Diff is what an import changes, or would change.
type Diff struct {
	Constituents Tally     `json:"constituents"`
	Contacts     Tally     `json:"contacts"`
	Assets       Tally     `json:"assets"`
	National     Tally     `json:"national_prefixes"`
	Changes      []Change  `json:"changes,omitempty"` // the first maxChanges
	Omitted      int       `json:"omitted,omitempty"`
	Warnings     []Warning `json:"warnings,omitempty"`
}

const maxChanges = 1000

// Warning is something odd in an input that was taken all the same.
type Warning fault.Problem

// String is the warning with its place.
func (w Warning) String() string { return fault.Problem(w).String() }

// Empty tells whether nothing changes.
func (d *Diff) Empty() bool {
	t := d.Total()
	return t.Added+t.Changed+t.Removed == 0
}

// Total sums the tallies.
func (d *Diff) Total() Tally {
	var t Tally
	for _, x := range []Tally{d.Constituents, d.Contacts, d.Assets, d.National} {
		t.Added, t.Changed, t.Removed = t.Added+x.Added, t.Changed+x.Changed, t.Removed+x.Removed
	}
	return t
}

func (d *Diff) note(t *Tally, c Change) {
	switch c.Op {
	case "added":
		t.Added++
	case "changed":
		t.Changed++
	default:
		t.Removed++
	}
	if len(d.Changes) < maxChanges {
		d.Changes = append(d.Changes, c)
	} else {
		d.Omitted++
	}
}

// holdings is what the registry has of one source.
type holdings struct {
	byRef    map[string]*Constituent
	byID     map[int64]*Constituent
	contacts map[int64][]Contact
	assets   map[int64][]Asset
	national map[netip.Prefix]string
}

func (h *holdings) ref(id int64) string {
	if c := h.byID[id]; c != nil {
		return c.Ref
	}
	return ""
}

// plan is what has to be written. Rows refer to constituents by ref, because new ones have no id yet.
type plan struct {
	Diff
	problems     fault.Problems
	constituents []constituentStep
	contacts     []contactStep
	assets       []assetStep
	addNational  []netip.Prefix
	dropNational []netip.Prefix
}

type constituentStep struct {
	Constituent          // ID 0 is new
	parent, delegate     string
	parentAt, delegateAt place
}

type contactStep struct {
	ref string
	Contact
}

type assetStep struct {
	ref string
	Asset
}

type planner struct {
	plan
	doc     *Document
	have    *holdings
	replace bool
	undated bool // what comes in has no days of its own: what is known keeps its beginning
	today   Day
}

// makePlan compares a document with what the registry has.
func makePlan(doc *Document, have *holdings, replace bool, today Day, sectors func(string) bool) *plan {
	p := &planner{doc: doc, have: have, replace: replace, today: today}
	named := map[string]bool{}
	for _, e := range doc.entries {
		named[e.Ref] = true
		old := have.byRef[e.Ref]
		if e.implied && old == nil {
			p.bad(e.at, "ref", "there is no constituent %q, neither in the file nor in the registry", e.Ref)
			continue
		}
		if !e.implied {
			p.constituent(e, old, sectors)
		}
		var contacts []Contact
		var assets []Asset
		if old != nil {
			contacts, assets = have.contacts[old.ID], have.assets[old.ID]
		}
		p.planContacts(e.Ref, contacts, e.contacts, replace)
		p.planAssets(e.Ref, assets, e.assets, replace)
	}
	p.checkTree()
	if replace {
		p.retireOthers(named)
	}
	p.planNational()
	return &p.plan
}

func (p *planner) bad(at place, field, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, fault.Problem{File: p.doc.File, Line: at.line, Column: at.column, Field: field,
			Message: fmt.Sprintf(format, args...)})
	}
}

func (p *planner) constituent(e *entry, old *Constituent, sectors func(string) bool) {
	at := func(field string) place {
		if w, ok := e.given[field]; ok {
			return w
		}
		return e.at
	}
	s := constituentStep{Constituent: e.Constituent, parent: e.parentRef, delegate: e.delegateRef,
		parentAt: at("parent"), delegateAt: at("delegate")}
	if old != nil {
		s.merge(e, old, p.have, p.replace)
	}
	if s.Name == "" {
		p.bad(e.at, "name", "the new constituent %q needs a name", e.Ref)
	}
	checkPeriod(s.ValidFrom, s.ValidUntil, func(field, format string, args ...any) { p.bad(at(field), field, format, args...) })
	if _, ok := e.given["sector"]; ok && s.Sector != "" && !sectors(s.Sector) && len(p.Warnings) < maxProblems {
		w := at("sector")
		p.Warnings = append(p.Warnings, Warning{File: p.doc.File, Line: w.line, Column: w.column, Field: "sector",
			Message: fmt.Sprintf("the nation's profile has no sector %q", s.Sector)})
	}
	if old == nil {
		p.note(&p.Constituents, Change{Op: "added", Record: "constituent", Ref: s.Ref, Value: s.Name})
	} else {
		fields := s.differs(old, p.have)
		if len(fields) == 0 {
			return
		}
		s.Source = Manual // what a person changes is a person's from then on
		p.note(&p.Constituents, Change{Op: "changed", Record: "constituent", Ref: s.Ref, Value: s.Name, Fields: fields})
	}
	p.constituents = append(p.constituents, s)
}

// merge keeps what the file does not set, unless it replaces all.
func (s *constituentStep) merge(e *entry, old *Constituent, have *holdings, replace bool) {
	s.ID, s.Source, s.Origin = old.ID, old.Source, old.Origin
	keep := func(field string) bool {
		_, given := e.given[field]
		return !given && (!replace || field == "name")
	}
	for field, restore := range map[string]func(){
		"parent":      func() { s.parent = have.ref(old.Parent) },
		"delegate":    func() { s.delegate = have.ref(old.Delegate) },
		"name":        func() { s.Name = old.Name },
		"kind":        func() { s.Kind = old.Kind },
		"sector":      func() { s.Sector = old.Sector },
		"designation": func() { s.Designation = old.Designation },
		"language":    func() { s.Language = old.Language },
		"note":        func() { s.Note = old.Note },
		"valid_from":  func() { s.ValidFrom = old.ValidFrom },
		"valid_until": func() { s.ValidUntil = old.ValidUntil },
	} {
		if keep(field) {
			restore()
		}
	}
}

func (s *constituentStep) differs(old *Constituent, have *holdings) []string {
	return changed(
		"parent", have.ref(old.Parent), s.parent,
		"name", old.Name, s.Name,
		"kind", string(old.Kind), string(s.Kind),
		"sector", old.Sector, s.Sector,
		"designation", string(old.Designation), string(s.Designation),
		"delegate", have.ref(old.Delegate), s.delegate,
		"language", old.Language, s.Language,
		"note", old.Note, s.Note,
		"valid_from", old.ValidFrom.String(), s.ValidFrom.String(),
		"valid_until", old.ValidUntil.String(), s.ValidUntil.String(),
	)
}

// changed takes name, old, new; name, old, new; …
func changed(triples ...string) []string {
	var out []string
	for i := 0; i < len(triples); i += 3 {
		if triples[i+1] != triples[i+2] {
			out = append(out, fmt.Sprintf("%s: %s → %s", triples[i], brief(triples[i+1]), brief(triples[i+2])))
		}
	}
	return out
}

func brief(s string) string {
	if s == "" {
		return "–"
	}
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// checkTree makes sure that parents and delegates exist and that nobody is above himself.
func (p *planner) checkTree() {
	parent, kind := map[string]string{}, map[string]Kind{}
	for ref, c := range p.have.byRef {
		parent[ref], kind[ref] = p.have.ref(c.Parent), c.Kind
	}
	for _, s := range p.constituents {
		parent[s.Ref], kind[s.Ref] = s.parent, s.Kind
	}
	for _, s := range p.constituents {
		if _, ok := kind[s.parent]; !ok && s.parent != "" {
			p.bad(s.parentAt, "parent", "there is no constituent %q", s.parent)
		}
		switch k, ok := kind[s.delegate]; {
		case s.delegate == "":
		case !ok:
			p.bad(s.delegateAt, "delegate", "there is no constituent %q", s.delegate)
		case k != SectorCERT && k != SpecialCERT:
			p.bad(s.delegateAt, "delegate", "%q is %s; a branch is delegated to a %s or %s", s.delegate, k, SectorCERT, SpecialCERT)
		}
		depth := 0
		for up := s.parent; up != ""; up = parent[up] {
			if depth++; up == s.Ref || depth >= maxDepth {
				p.bad(s.parentAt, "parent", "%q would be above itself, or more than %d levels deep", s.Ref, maxDepth)
				break
			}
		}
	}
}

func (p *planner) retireOthers(named map[string]bool) {
	for _, ref := range slices.Sorted(maps.Keys(p.have.byRef)) {
		c := p.have.byRef[ref]
		if named[ref] {
			continue
		}
		p.planContacts(ref, p.have.contacts[c.ID], nil, true)
		p.planAssets(ref, p.have.assets[c.ID], nil, true)
		if c.Source != Manual || c.ValidUntil <= p.today {
			continue
		}
		s := constituentStep{Constituent: *c, parent: p.have.ref(c.Parent), delegate: p.have.ref(c.Delegate)}
		s.ValidUntil = max(p.today, c.ValidFrom)
		p.constituents = append(p.constituents, s)
		p.note(&p.Constituents, Change{Op: "removed", Record: "constituent", Ref: ref, Value: c.Name})
	}
}

func (p *planner) planNational() {
	wanted := map[netip.Prefix]bool{}
	for _, n := range p.doc.national {
		if _, have := p.have.national[n]; !have && !wanted[n] {
			p.addNational = append(p.addNational, n)
			p.note(&p.National, Change{Op: "added", Record: "national_prefix", Value: n.String()})
		}
		wanted[n] = true
	}
	if !p.replace || !p.doc.hasNational {
		return
	}
	for _, n := range slices.SortedFunc(maps.Keys(p.have.national), func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	}) {
		if !wanted[n] {
			p.dropNational = append(p.dropNational, n)
			p.note(&p.National, Change{Op: "removed", Record: "national_prefix", Value: n.String()})
		}
	}
}

func flag(b bool) string { return strconv.FormatBool(b) }
