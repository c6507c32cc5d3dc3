package constituency

import (
	"strconv"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Named is the number of the constituent with a ref, or else with that number. None is a fault.Problems.
func (s *Store) Named(tx *db.Tx, name string) (id int64, err error) {
	number, _ := strconv.ParseInt(name, 10, 64)
	err = tx.Row(`SELECT id FROM constituent WHERE ref = $1 OR id = $2 ORDER BY CASE WHEN ref = $1 THEN 0 ELSE 1 END LIMIT 1`,
		name, number).Scan(&id)
	if fault.KindOf(err) == fault.NotFound {
		return 0, fault.Problems{{Field: "constituent", Message: "no constituent has the ref or number " + strconv.Quote(name)}}
	}
	return id, err
}

// heldByHand tells whether the constituent of an asset has it already, and the ref of another one that has it, at a time that
// the asset is valid, by a person's word.
func heldByHand(tx *db.Tx, a *Asset) (theirs bool, other string, err error) {
	err = tx.Each(`SELECT s.constituent, c.ref FROM asset s JOIN constituent c ON c.id = s.constituent WHERE s.kind = $1 AND
		s.value = $2 AND s.source = 'manual' AND s.also_notify = 0 AND s.valid_from < $3 AND s.valid_until > $4 ORDER BY s.id`,
		[]any{string(a.Kind), a.Value, int64(a.ValidUntil), int64(a.ValidFrom)}, func(scan func(...any) error) error {
			var c int64
			var ref string
			err := scan(&c, &ref)
			if c == a.Constituent {
				theirs = true
			} else {
				other = ref
			}
			return err
		})
	return theirs, other, err
}

// dropUnchanged removes an asset that is as it was entered; false when it is not.
func dropUnchanged(tx *db.Tx, id int64) (bool, error) {
	n, err := tx.Exec(`DELETE FROM asset WHERE id = $1 AND source = 'manual' AND valid_until = $2`, id, int64(Open))
	return n == 1, err
}
