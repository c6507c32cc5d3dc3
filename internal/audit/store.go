package audit

import (
	"fmt"

	"tocsin/internal/platform/db"
)

func insert(tx *db.Tx, e Entry) error {
	_, err := tx.Prepared(`INSERT INTO audit (at, actor, name, verb, object, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		e.At, e.Actor, e.Name, e.Verb, e.Object, e.Detail)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Verb, err)
	}
	return nil
}

// Of lists what was done to an object, the latest first, at most limit entries.
func Of(tx *db.Tx, object string, limit int) ([]Entry, error) {
	var out []Entry
	err := tx.Each(`SELECT id, at, actor, name, verb, object, detail FROM audit WHERE object = $1 ORDER BY id DESC LIMIT $2`,
		[]any{object, limit}, func(scan func(...any) error) error {
			var e Entry
			if err := scan(&e.ID, &e.At, &e.Actor, &e.Name, &e.Verb, &e.Object, &e.Detail); err != nil {
				return err
			}
			out = append(out, e)
			return nil
		})
	return out, err
}
