package constituency

import "tocsin/internal/platform/db"

// Reach lists the contacts of a constituent that have a mail address and are valid on a day, in the order they came.
func Reach(tx *db.Tx, constituent int64, day Day) (out []Contact, err error) {
	err = eachContact(tx, `WHERE constituent = $1 AND mail <> '' AND valid_from <= $2 AND valid_until > $2 ORDER BY id LIMIT 200`,
		[]any{constituent, int64(day)}, func(c Contact) { out = append(out, c) })
	return out, err
}

// ReachAll lists the contacts of all constituents that have a mail address and are valid on a day, by constituent in the order they
// came.
func ReachAll(tx *db.Tx, day Day) (map[int64][]Contact, error) {
	out := map[int64][]Contact{}
	return out, eachContact(tx, `WHERE mail <> '' AND valid_from <= $1 AND valid_until > $1 ORDER BY id`, []any{int64(day)},
		func(c Contact) { out[c.Constituent] = append(out[c.Constituent], c) })
}

// Sectors lists the sector of every constituent.
func Sectors(tx *db.Tx) (map[int64]string, error) {
	out := map[int64]string{}
	return out, tx.Each(`SELECT id, sector FROM constituent`, nil, func(scan func(...any) error) error {
		var id int64
		var sector string
		err := scan(&id, &sector)
		out[id] = sector
		return err
	})
}

// Refs lists the reference of every constituent.
func Refs(tx *db.Tx) (map[int64]string, error) {
	ids, err := refs(tx)
	out := make(map[int64]string, len(ids))
	for ref, id := range ids {
		out[id] = ref
	}
	return out, err
}

// Domains lists the domains of the registry on a day, each with the constituents that it belongs to, in their order.
func Domains(tx *db.Tx, day Day) (map[string][]int64, error) {
	out := map[string][]int64{}
	return out, tx.Each(`SELECT value, constituent FROM asset WHERE kind = 'domain' AND valid_from <= $1 AND valid_until > $1 ORDER BY value, constituent`,
		[]any{int64(day)}, func(scan func(...any) error) error {
			var domain string
			var id int64
			err := scan(&domain, &id)
			if at := out[domain]; len(at) == 0 || at[len(at)-1] != id {
				out[domain] = append(at, id)
			}
			return err
		})
}
