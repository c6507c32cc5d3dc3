package constituency

import (
	"fmt"

	"tocsin/internal/platform/db"
)

// Branch lists whom a sector CERT looks after: itself, those delegated to it, and what is below them down to where another
// one is named. In order of their ids.
func Branch(tx *db.Tx, cert int64) ([]int64, error) {
	var ids []int64
	err := tx.Each(`WITH RECURSIVE branch (id) AS (
			SELECT id FROM constituent WHERE id = $1 OR delegate = $1
			UNION
			SELECT c.id FROM constituent c JOIN branch b ON c.parent = b.id WHERE c.delegate IS NULL OR c.delegate = $1)
		SELECT id FROM branch ORDER BY id LIMIT 100000`, []any{cert}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the branch of constituent %d: %w", cert, err)
	}
	return ids, nil
}
