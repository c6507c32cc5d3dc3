package constituency

import (
	"maps"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Correct enters, within another capability's act, that assets are a constituent's, and has open findings attributed anew. The assets come by keys of the caller; the numbers of those that were added come back
// by the same keys. What the constituent has already is not added again; what another one has by a person's word is a fault
// of kind Conflict, for that word has to be ended first.
func (s *Store) Correct(tx *db.Tx, owner int64, assets map[string]Asset) (added map[string]int64, err error) {
	if err := lock(tx); err != nil {
		return nil, err
	}
	added = map[string]int64{}
	for _, key := range slices.Sorted(maps.Keys(assets)) {
		a := assets[key]
		a.Constituent, a.Source, a.Origin, a.ValidUntil = owner, Manual, "", Open
		var v checks
		a.clean(v.bad)
		if err := v.err(); err != nil {
			return nil, err
		}
		theirs, other, err := heldByHand(tx, &a)
		if err != nil {
			return nil, err
		}
		if other != "" {
			return nil, fault.Conflictf("%s is %s's by a person's word: end that entry first", a.Value, other)
		}
		if theirs {
			continue
		}
		if added[key], err = insertAsset(tx, &a); err != nil {
			return nil, err
		}
	}
	if len(added) == 0 {
		return added, nil
	}
	return added, bump(tx, s.clock.Now())
}

// Uncorrect takes assets that Correct added out of the registry again. Those that somebody changed since are left and
// told.
func (s *Store) Uncorrect(tx *db.Tx, ids []int64) (changed map[int64]bool, err error) {
	if err := lock(tx); err != nil {
		return nil, err
	}
	changed = map[int64]bool{}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		ok, err := dropUnchanged(tx, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			changed[id] = true
		}
	}
	return changed, bump(tx, s.clock.Now())
}
