package constituency

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// change runs one act on the registry: writers wait for one another, the version moves, findings are attributed anew.
func (s *Store) change(ctx context.Context, actor act.Actor, verb string, fn func(tx *db.Tx) (object string, detail any, err error)) error {
	return s.db.Act(ctx, act.Act{Actor: actor, Verb: verb}, func(tx *db.Tx) error {
		if err := lock(tx); err != nil {
			return err
		}
		object, detail, err := fn(tx)
		if err != nil {
			return err
		}
		b, err := json.Marshal(detail)
		if err != nil {
			return err
		}
		tx.Note(object, string(b))
		return bump(tx, s.clock.Now())
	})
}

type checks struct{ fault.Problems }

func (c *checks) bad(field, format string, args ...any) {
	c.Problems = append(c.Problems, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (c *checks) err() error {
	if len(c.Problems) == 0 {
		return nil
	}
	return c.Problems
}

// Create adds a constituent that a person enters; its Parent and Delegate are ids. An open end may be left 0.
func (s *Store) Create(ctx context.Context, actor act.Actor, c Constituent) (Constituent, error) {
	if c.ValidUntil == 0 {
		c.ValidUntil = Open
	}
	c.ID, c.Source, c.Origin = 0, Manual, ""
	var v checks
	c.clean(v.bad)
	if err := v.err(); err != nil {
		return c, err
	}
	err := s.change(ctx, actor, "constituent.create", func(tx *db.Tx) (string, any, error) {
		all, err := readConstituents(tx)
		if err != nil {
			return "", nil, err
		}
		if slices.ContainsFunc(all, func(o Constituent) bool { return o.Ref == c.Ref }) {
			return "", nil, fault.Conflictf("the reference %q is taken: choose another", c.Ref)
		}
		if err := fits(all, c); err != nil {
			return "", nil, err
		}
		c.ID, err = insertConstituent(tx, &c)
		return "constituent:" + c.Ref, map[string]any{"name": c.Name, "kind": c.Kind}, err
	})
	return c, err
}

// Update writes all fields of the constituent with c's id; a registry's entry that a person changes is a person's from
// then on.
func (s *Store) Update(ctx context.Context, actor act.Actor, c Constituent) error {
	var v checks
	c.clean(v.bad)
	if err := v.err(); err != nil {
		return err
	}
	return s.change(ctx, actor, "constituent.update", func(tx *db.Tx) (string, any, error) { return update(tx, c) })
}

func noConstituent(id int64) error {
	return fault.NotFoundf("there is no constituent with the id %d", id)
}

// fits checks a constituent's place in the tree.
func fits(all []Constituent, c Constituent) error {
	byID := map[int64]Constituent{}
	for _, o := range all {
		byID[o.ID] = o
	}
	var v checks
	if _, ok := byID[c.Parent]; c.Parent != 0 && !ok {
		v.bad("parent", "there is no such constituent")
	}
	d, ok := byID[c.Delegate]
	if c.ID != 0 && c.Delegate == c.ID {
		d = c
	}
	if c.Delegate != 0 && (!ok || d.Kind != SectorCERT && d.Kind != SpecialCERT) {
		v.bad("delegate", "a branch is delegated to a %s or a %s", SectorCERT, SpecialCERT)
	}
	depth := 0
	for up := c.Parent; up != 0; up = byID[up].Parent {
		if depth++; c.ID != 0 && up == c.ID || depth >= maxDepth {
			v.bad("parent", "the constituent would be above itself, or more than %d levels deep", maxDepth)
			break
		}
	}
	return v.err()
}

// Retire ends a constituent on a day, with all it has that has no earlier end. It stays in the records: what was its
// business before that day still is.
func (s *Store) Retire(ctx context.Context, actor act.Actor, id int64, day Day) error {
	return s.change(ctx, actor, "constituent.retire", func(tx *db.Tx) (string, any, error) {
		all, err := readConstituents(tx)
		if err != nil {
			return "", nil, err
		}
		i := slices.IndexFunc(all, func(o Constituent) bool { return o.ID == id })
		if i < 0 {
			return "", nil, noConstituent(id)
		}
		c := all[i]
		if day < c.ValidFrom || day <= 0 || day >= Open {
			return "", nil, fault.Problems{{Field: "valid_until", Message: "must be a day after the constituent began"}}
		}
		c.ValidUntil, c.Source = day, Manual // or the next refresh would open it again
		if err := updateConstituent(tx, &c); err != nil {
			return "", nil, err
		}
		return "constituent:" + c.Ref, map[string]any{"valid_until": day.String()}, endAll(tx, id, day)
	})
}

// AddContact adds a contact that a person enters to the constituent it names. An open end may be left 0.
func (s *Store) AddContact(ctx context.Context, actor act.Actor, c Contact) (Contact, error) {
	if c.ValidUntil == 0 {
		c.ValidUntil = Open
	}
	c.ID, c.Source, c.Origin = 0, Manual, ""
	c.Keys = slices.Clone(c.Keys)
	var v checks
	c.clean(v.bad)
	c.fresh(v.bad, s.clock.Now(), nil)
	if err := v.err(); err != nil {
		return c, err
	}
	err := s.change(ctx, actor, "contact.add", func(tx *db.Tx) (string, any, error) { return addContact(tx, &c) })
	return c, err
}

// EndContact makes a contact invalid from a day on.
func (s *Store) EndContact(ctx context.Context, actor act.Actor, id int64, day Day) error {
	return s.change(ctx, actor, "contact.end", func(tx *db.Tx) (string, any, error) { return endContact(tx, id, day) })
}

// AddAsset adds an asset that a person enters to the constituent it names. An open end may be left 0.
func (s *Store) AddAsset(ctx context.Context, actor act.Actor, a Asset) (Asset, error) {
	if a.ValidUntil == 0 {
		a.ValidUntil = Open
	}
	a.ID, a.Source, a.Origin = 0, Manual, ""
	var v checks
	a.clean(v.bad)
	if err := v.err(); err != nil {
		return a, err
	}
	err := s.change(ctx, actor, "asset.add", func(tx *db.Tx) (string, any, error) { return addAsset(tx, &a) })
	return a, err
}

// EndAsset makes an asset invalid from a day on.
func (s *Store) EndAsset(ctx context.Context, actor act.Actor, id int64, day Day) error {
	return s.change(ctx, actor, "asset.end", func(tx *db.Tx) (string, any, error) { return endAsset(tx, id, day) })
}

// mayEnd refuses to end what a registry says, for the next refresh would bring it back.
func mayEnd(what string, source Source, origin string, from, day Day) error {
	if source != Manual {
		return fault.Conflictf("this %s comes from %s and would come back with the next refresh: enter what is right beside it, "+
			"which goes first", what, origin)
	}
	if day < from || day <= 0 || day >= Open {
		return fault.Problems{{Field: "valid_until", Message: "must be a day after the " + what + " began"}}
	}
	return nil
}
