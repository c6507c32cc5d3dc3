package audit

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func insertCheckpoint(tx *db.Tx, c Checkpoint) error {
	_, err := tx.Exec(`INSERT INTO audit_checkpoint (size, at, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, c.Size, c.At, c.Note)
	return err
}

func insertKey(tx *db.Tx, verifier string, at int64) error {
	_, err := tx.Exec(`INSERT INTO audit_key (verifier, at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, verifier, at)
	return err
}

func listKeys(tx *db.Tx) (out []Key, err error) {
	err = tx.Each(`SELECT verifier, at FROM audit_key ORDER BY at, verifier LIMIT 1000`, nil, func(scan func(...any) error) error {
		var k Key
		err := scan(&k.Verifier, &k.At)
		out = append(out, k)
		return err
	})
	return out, err
}

func readCheckpoints(tx *db.Tx, query string, args ...any) (out []Checkpoint, err error) {
	err = tx.Each(query, args, func(scan func(...any) error) error {
		var c Checkpoint
		err := scan(&c.Size, &c.At, &c.Note)
		out = append(out, c)
		return err
	})
	return out, err
}

func checkpointsIn(tx *db.Tx, from, until int64) ([]Checkpoint, error) {
	return readCheckpoints(tx, `SELECT size, at, note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size`, from, until)
}

func checkpointsBeyond(tx *db.Tx, size int64) ([]Checkpoint, error) {
	return readCheckpoints(tx, `SELECT size, at, note FROM audit_checkpoint WHERE size < 1 OR size > $1 ORDER BY size LIMIT 10`, size)
}

func checkpointsBefore(tx *db.Tx, before int64, limit int) ([]Checkpoint, error) {
	return readCheckpoints(tx, `SELECT size, at, note FROM audit_checkpoint WHERE size < $1 ORDER BY size DESC LIMIT $2`, before, limit)
}

func checkpointOf(tx *db.Tx, size int64) (c Checkpoint, err error) {
	err = tx.Row(`SELECT size, at, note FROM audit_checkpoint WHERE size = $1`, size).Scan(&c.Size, &c.At, &c.Note)
	if fault.KindOf(err) == fault.NotFound {
		return c, fault.NotFoundf("there is no checkpoint of the first %d entries", size)
	}
	return c, err
}

// checkpointsFrom is the first checkpoint of at least size entries.
func checkpointsFrom(tx *db.Tx, size int64) ([]Checkpoint, error) {
	return readCheckpoints(tx, `SELECT size, at, note FROM audit_checkpoint WHERE size >= $1 ORDER BY size LIMIT 1`, size)
}
