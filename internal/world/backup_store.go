package world

import (
	"fmt"

	"tocsin/internal/platform/db"
)

// named is an immutable file that the records name.
type named struct {
	path string // relative to the data directory, slash-separated
	size int64
}

// namedFiles lists the live files of the archive, the segments, the mailbox and the incidents, in the order of their ids.
func namedFiles(tx *db.Tx) ([]named, error) {
	var out []named
	for _, q := range []struct{ dir, query string }{
		{archiveDir, `SELECT path, stored FROM archive WHERE state = 'live' ORDER BY id`},
		{segmentDir, `SELECT path, bytes FROM segment WHERE state = 'live' ORDER BY id`},
		{mailDir, `SELECT path, stored FROM mailbox_message ORDER BY id`},
		{incidentDir, `SELECT path, bytes FROM incident_file ORDER BY id`},
	} {
		err := tx.Each(q.query, nil, func(scan func(...any) error) error {
			var n named
			if err := scan(&n.path, &n.size); err != nil {
				return err
			}
			n.path = q.dir + "/" + n.path
			out = append(out, n)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the files of %s: %w", q.dir, err)
		}
	}
	return out, nil
}

func insertPin(tx *db.Tx, what string, lease int64) (id int64, err error) {
	err = tx.Row(`INSERT INTO pin (what, lease) VALUES ($1, $2) RETURNING id`, what, lease).Scan(&id)
	return id, err
}

func extendPin(tx *db.Tx, id, lease int64) error {
	_, err := tx.Exec(`UPDATE pin SET lease = $1 WHERE id = $2`, lease, id)
	return err
}

func deletePin(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM pin WHERE id = $1`, id)
	return err
}
