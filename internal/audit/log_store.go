package audit

import (
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// advance makes this transaction the only one that appends, until it ends, lets the log grow by some entries and returns its
// size. A database that was loaded from an older version's dump has no head yet.
func advance(tx *db.Tx, by int64) (size int64, err error) {
	for range 2 {
		err = tx.Row(`UPDATE audit_head SET size = size + $1 WHERE one = 1 RETURNING size`, by).Scan(&size)
		if fault.KindOf(err) != fault.NotFound {
			return size, err
		}
		if _, err := tx.Exec(`INSERT INTO audit_head (one, size) VALUES (1, 0) ON CONFLICT DO NOTHING`); err != nil {
			return 0, err
		}
	}
	return 0, err
}

// readHead is the log's size.
func readHead(tx *db.Tx) (size int64, err error) {
	err = tx.Row(`SELECT size FROM audit_head WHERE one = 1`).Scan(&size)
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	return size, err
}

// hasBegun tells whether there are hashes, or nothing that would have one.
func hasBegun(tx *db.Tx) (begun bool, err error) {
	var hashes, entries int64
	err = tx.Row(`SELECT (SELECT count(*) FROM (SELECT 1 FROM audit_hash LIMIT 1) h), (SELECT count(*) FROM (SELECT 1 FROM audit LIMIT 1) a)`).
		Scan(&hashes, &entries)
	return hashes > 0 || entries == 0, err
}

func insert(tx *db.Tx, e Entry) error {
	_, err := tx.Exec(`INSERT INTO audit (id, at, actor, name, verb, object, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, e.At, e.Actor, e.Name, e.Verb, e.Object, e.Detail)
	return err
}

func renumber(tx *db.Tx, from, to int64) error {
	_, err := tx.Prepared(`UPDATE audit SET id = $1 WHERE id = $2`, to, from)
	return err
}

// insertHashes adds the hashes that an entry completes; exec is tx.Exec, or tx.Prepared for many.
func insertHashes(exec func(string, ...any) (int64, error), entry int64, hashes []byte) error {
	_, err := exec(`INSERT INTO audit_hash (entry, hashes) VALUES ($1, $2)`, entry, hashes)
	return err
}

func hashesOf(tx *db.Tx, entry int64) (b []byte, err error) {
	err = tx.Row(`SELECT hashes FROM audit_hash WHERE entry = $1`, entry).Scan(&b)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil // as good as damaged ones
	}
	return b, err
}

// entriesAfter reads the entries that follow a number, at most limit of them.
func entriesAfter(tx *db.Tx, id int64, limit int) (out []Entry, err error) {
	err = tx.Each(`SELECT id, at, actor, name, verb, object, detail FROM audit WHERE id > $1 ORDER BY id LIMIT $2`, []any{id, limit},
		func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			out = append(out, e)
			return err
		})
	return out, err
}

// block is a part of the log as it is stored, by number: the first of the slices' values is of from+1.
type block struct {
	entries     []Entry  // ID 0: there is none
	hashes      [][]byte // nil: there are none
	twice       []int64  // numbers that two rows have, which the schema forbids
	checkpoints []Checkpoint
}

// readBlock reads the entries, hashes and checkpoints with numbers from+1 to until.
func readBlock(tx *db.Tx, from, until int64) (b block, err error) {
	b = block{entries: make([]Entry, until-from), hashes: make([][]byte, until-from)}
	err = tx.Each(`SELECT id, at, actor, name, verb, object, detail FROM audit WHERE id > $1 AND id <= $2 ORDER BY id`, []any{from, until},
		func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			if err != nil {
				return fault.Invalidf("audit entry %d cannot be read, it was changed: %w", e.ID, err)
			}
			if b.entries[e.ID-from-1].ID != 0 {
				b.twice = append(b.twice, e.ID)
			}
			b.entries[e.ID-from-1] = e
			return nil
		})
	if err != nil {
		return b, err
	}
	err = tx.Each(`SELECT entry, hashes FROM audit_hash WHERE entry > $1 AND entry <= $2 ORDER BY entry`, []any{from, until},
		func(scan func(...any) error) error {
			var id int64
			var h []byte
			if err := scan(&id, &h); err != nil {
				return fault.Invalidf("the hashes of audit entry %d cannot be read, they were changed: %w", id, err)
			}
			b.hashes[id-from-1] = h
			return nil
		})
	if err != nil {
		return b, err
	}
	b.checkpoints, err = checkpointsIn(tx, from, until)
	return b, err
}

// strays lists numbers outside of the log's 1 to size that have an entry, a hash or a checkpoint, at most ten of each.
func strays(tx *db.Tx, size int64) (entries, hashes []int64, checkpoints []Checkpoint, err error) {
	for query, to := range map[string]*[]int64{
		`SELECT id FROM audit WHERE id < 1 OR id > $1 ORDER BY id LIMIT 10`:                  &entries,
		`SELECT entry FROM audit_hash WHERE entry < 1 OR entry > $1 ORDER BY entry LIMIT 10`: &hashes,
	} {
		err = tx.Each(query, []any{size}, func(scan func(...any) error) error {
			var n int64
			err := scan(&n)
			*to = append(*to, n)
			return err
		})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("look beyond the log: %w", err)
		}
	}
	checkpoints, err = checkpointsBeyond(tx, size)
	return entries, hashes, checkpoints, err
}

func scanEntry(scan func(...any) error) (e Entry, err error) {
	err = scan(&e.ID, &e.At, &e.Actor, &e.Name, &e.Verb, &e.Object, &e.Detail)
	return e, err
}
