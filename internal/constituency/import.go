package constituency

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// ImportOptions say how a document is brought in.
type ImportOptions struct {
	Replace bool // manual objects that the document does not have are retired; else it adds and changes what it names
	DryRun  bool // nothing is written
}

// Import brings a document into the registry, all of it or nothing. Constituents are known by their ref, assets by kind
// and value, contacts by role, mail and name. What does not fit comes back as fault.Problems.
func (s *Store) Import(ctx context.Context, actor act.Actor, doc *Document, o ImportOptions) (Diff, error) {
	if o.DryRun {
		var d Diff
		err := s.db.View(ctx, func(tx *db.Tx) error {
			p, err := s.plan(tx, doc, o)
			if err == nil {
				d = p.Diff
			}
			return err
		})
		return d, err
	}
	var d Diff
	a := act.Act{Actor: actor, Verb: "constituency.import", Object: "constituency:registry"}
	err := s.db.Act(ctx, a, func(tx *db.Tx) error {
		if err := lock(tx); err != nil {
			return err
		}
		p, err := s.plan(tx, doc, o)
		if err != nil {
			return err
		}
		d = p.Diff
		note, err := json.Marshal(map[string]any{"file": doc.File, "replace": o.Replace, "constituents": d.Constituents,
			"contacts": d.Contacts, "assets": d.Assets, "national_prefixes": d.National})
		if err != nil {
			return err
		}
		tx.Note("", string(note))
		if d.Empty() {
			return nil
		}
		if err := p.apply(tx); err != nil {
			return err
		}
		return bump(tx, s.clock.Now())
	})
	if err != nil {
		return Diff{}, err
	}
	return d, nil
}

func (s *Store) plan(tx *db.Tx, doc *Document, o ImportOptions) (*plan, error) {
	have, err := readHoldings(tx, Manual, "*")
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	sectors, err := sectorsOf(tx)
	if err != nil {
		return nil, err
	}
	p := makePlan(doc, have, o.Replace, DayOf(s.clock.Now()), sectors)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p, nil
}

// sectorsOf tells which sectors the chosen profile has; before one is chosen it has all.
func sectorsOf(tx *db.Tx) (func(string) bool, error) {
	text, err := nation.Text(tx)
	if fault.KindOf(err) == fault.NotFound {
		return func(string) bool { return true }, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := nation.Parse("the chosen nation profile", []byte(text))
	if err != nil {
		return nil, err
	}
	return p.HasSector, nil
}

func (p *plan) apply(tx *db.Tx) error {
	ids, err := refs(tx)
	if err != nil {
		return err
	}
	// New ones first without their place in the tree: a parent may stand below its child in the file.
	for i := range p.constituents {
		if c := &p.constituents[i]; c.ID == 0 {
			c.Parent, c.Delegate = 0, 0
			id, err := insertConstituent(tx, &c.Constituent)
			if err != nil {
				return err
			}
			ids[c.Ref] = id
		}
	}
	for i := range p.constituents {
		c := &p.constituents[i]
		fresh := c.ID == 0
		c.ID, c.Parent, c.Delegate = ids[c.Ref], ids[c.parent], ids[c.delegate]
		if fresh && c.Parent == 0 && c.Delegate == 0 {
			continue
		}
		if err := updateConstituent(tx, &c.Constituent); err != nil {
			return err
		}
	}
	if err := p.applyHoldings(tx, ids); err != nil {
		return err
	}
	for _, n := range p.addNational {
		if err := addNational(tx, n, string(Manual)); err != nil {
			return err
		}
	}
	for _, n := range p.dropNational {
		if err := dropNational(tx, n); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) applyHoldings(tx *db.Tx, ids map[string]int64) error {
	var contacts []Contact
	for _, c := range p.contacts {
		if c.ID == 0 {
			c.Constituent = ids[c.ref]
			contacts = append(contacts, c.Contact)
		} else if err := updateContact(tx, &c.Contact); err != nil {
			return err
		}
	}
	if err := loadContacts(tx, contacts); err != nil {
		return err
	}
	var assets []Asset
	for _, a := range p.assets {
		if a.ID == 0 {
			a.Constituent = ids[a.ref]
			assets = append(assets, a.Asset)
		} else if err := updateAsset(tx, &a.Asset); err != nil {
			return err
		}
	}
	return loadAssets(tx, assets)
}

// NationalFile is a list of the nation's prefixes: one a line, # begins a comment.
type NationalFile struct {
	Name string
	R    io.Reader
}

// ImportNational makes the prefixes of the files, taken together, what the origin ("rir") says the nation has been
// delegated: those that it said before and that are gone are removed.
func (s *Store) ImportNational(ctx context.Context, actor act.Actor, origin string, files ...NationalFile) (Tally, error) {
	wanted := map[netip.Prefix]bool{}
	var problems fault.Problems
	for _, f := range files {
		ps, err := readNational(f, wanted)
		if err != nil {
			return Tally{}, err
		}
		problems = append(problems, ps...)
	}
	if len(problems) > 0 {
		return Tally{}, problems
	}
	var t Tally
	a := act.Act{Actor: actor, Verb: "constituency.import-national", Object: "constituency:national"}
	err := s.db.Act(ctx, a, func(tx *db.Tx) error {
		t = Tally{}
		if err := lock(tx); err != nil {
			return err
		}
		have, err := readNationalPrefixes(tx)
		if err != nil {
			return err
		}
		for p := range wanted {
			if _, known := have[p]; known {
				continue
			}
			t.Added++
			if err := addNational(tx, p, origin); err != nil {
				return err
			}
		}
		for p, o := range have {
			if o == origin && !wanted[p] {
				t.Removed++
				if err := dropNational(tx, p); err != nil {
					return err
				}
			}
		}
		tx.Note("", fmt.Sprintf(`{"origin":%q,"added":%d,"removed":%d}`, origin, t.Added, t.Removed))
		if t.Added+t.Removed == 0 {
			return nil
		}
		return bump(tx, s.clock.Now())
	})
	return t, err
}

func readNational(f NationalFile, into map[netip.Prefix]bool) (problems fault.Problems, err error) {
	sc := bufio.NewScanner(f.R)
	for n := int64(1); sc.Scan(); n++ {
		value, _, _ := strings.Cut(sc.Text(), "#")
		if value = line(strings.TrimPrefix(value, "\ufeff")); value == "" {
			continue
		}
		p, err := CanonicalPrefix(value)
		if err != nil {
			if len(problems) < maxProblems {
				problems = append(problems, fault.Problem{File: f.Name, Line: n, Message: err.Error()})
			}
			continue
		}
		into[p] = true
	}
	if err := sc.Err(); err != nil {
		return nil, fault.Invalidf("read %s: %w", f.Name, err)
	}
	return problems, nil
}
