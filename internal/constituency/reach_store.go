package constituency

import "tocsin/internal/platform/db"

// Reach lists the contacts of a constituent that have a mail address and are valid on a day, in the order they came.
func Reach(tx *db.Tx, constituent int64, day Day) (out []Contact, err error) {
	err = eachContact(tx, `WHERE constituent = $1 AND mail <> '' AND valid_from <= $2 AND valid_until > $2 ORDER BY id LIMIT 200`,
		[]any{constituent, int64(day)}, func(c Contact) { out = append(out, c) })
	return out, err
}
