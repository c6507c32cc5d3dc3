package constituency

import (
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// What follows is the inside of the acts on the registry: each checks against what is stored, writes, and gives the act's object
// and detail.

func update(tx *db.Tx, c Constituent) (object string, detail any, err error) {
	all, err := readConstituents(tx)
	if err != nil {
		return "", nil, err
	}
	i := slices.IndexFunc(all, func(o Constituent) bool { return o.ID == c.ID })
	if i < 0 {
		return "", nil, noConstituent(c.ID)
	}
	if slices.ContainsFunc(all, func(o Constituent) bool { return o.Ref == c.Ref && o.ID != c.ID }) {
		return "", nil, fault.Conflictf("the reference %q is taken: choose another", c.Ref)
	}
	if err := fits(all, c); err != nil {
		return "", nil, err
	}
	c.Source, c.Origin = Manual, all[i].Origin
	h := &holdings{byID: map[int64]*Constituent{}}
	for k := range all {
		h.byID[all[k].ID] = &all[k]
	}
	step := constituentStep{Constituent: c, parent: h.ref(c.Parent), delegate: h.ref(c.Delegate)}
	return "constituent:" + c.Ref, map[string]any{"changed": step.differs(&all[i], h)}, updateConstituent(tx, &c)
}

func addContact(tx *db.Tx, c *Contact) (object string, detail any, err error) {
	ref, err := refOf(tx, c.Constituent)
	if err != nil {
		return "", nil, err
	}
	twice := false
	err = eachContact(tx, `WHERE constituent = $1 AND source = 'manual'`, []any{c.Constituent}, func(o Contact) {
		twice = twice || o.identity() == c.identity() && overlap(o.ValidFrom, o.ValidUntil, c.ValidFrom, c.ValidUntil)
	})
	if err != nil {
		return "", nil, err
	}
	if twice {
		return "", nil, fault.Conflictf("%s has this contact already: %s", ref, c.label())
	}
	c.ID, err = insertContact(tx, c)
	return "constituent:" + ref, map[string]any{"contact": c.ID, "role": c.Role}, err
}

func endContact(tx *db.Tx, id int64, day Day) (object string, detail any, err error) {
	var c *Contact
	err = eachContact(tx, `WHERE id = $1`, []any{id}, func(o Contact) { c = &o })
	if err != nil {
		return "", nil, err
	}
	if c == nil {
		return "", nil, fault.NotFoundf("there is no contact with the id %d", id)
	}
	if err := mayEnd("contact", c.Source, c.Origin, c.ValidFrom, day); err != nil {
		return "", nil, err
	}
	c.ValidUntil = day
	ref, err := refOf(tx, c.Constituent)
	if err != nil {
		return "", nil, err
	}
	return "constituent:" + ref, map[string]any{"contact": id, "valid_until": day.String()}, updateContact(tx, c)
}

func addAsset(tx *db.Tx, a *Asset) (object string, detail any, err error) {
	ref, err := refOf(tx, a.Constituent)
	if err != nil {
		return "", nil, err
	}
	twice := false
	err = eachAsset(tx, `WHERE kind = $1 AND value = $2 AND constituent = $3 AND source = 'manual'`,
		[]any{string(a.Kind), a.Value, a.Constituent}, func(o Asset) {
			twice = twice || overlap(o.ValidFrom, o.ValidUntil, a.ValidFrom, a.ValidUntil)
		})
	if err != nil {
		return "", nil, err
	}
	if twice {
		return "", nil, fault.Conflictf("%s has %s already at that time", ref, a.Value)
	}
	a.ID, err = insertAsset(tx, a)
	return "constituent:" + ref, map[string]any{"asset": a.ID, "kind": a.Kind, "value": a.Value}, err
}

func endAsset(tx *db.Tx, id int64, day Day) (object string, detail any, err error) {
	var a *Asset
	err = eachAsset(tx, `WHERE id = $1`, []any{id}, func(o Asset) { a = &o })
	if err != nil {
		return "", nil, err
	}
	if a == nil {
		return "", nil, fault.NotFoundf("there is no asset with the id %d", id)
	}
	if err := mayEnd("asset", a.Source, a.Origin, a.ValidFrom, day); err != nil {
		return "", nil, err
	}
	a.ValidUntil = day
	ref, err := refOf(tx, a.Constituent)
	if err != nil {
		return "", nil, err
	}
	return "constituent:" + ref, map[string]any{"asset": id, "value": a.Value, "valid_until": day.String()}, updateAsset(tx, a)
}
