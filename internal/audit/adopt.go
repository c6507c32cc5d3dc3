package audit

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"tocsin/internal/platform/db"
)

// tree is a log that grows in memory: the hashes of the whole subtrees at its right edge, by level.
type tree struct {
	size int64
	edge []tlog.Hash
}

// add appends a leaf and returns the hashes that it completes.
func (t *tree) add(leaf tlog.Hash) []tlog.Hash {
	done := []tlog.Hash{leaf}
	level := 0
	for n := t.size; n&1 == 1; n >>= 1 {
		leaf = tlog.NodeHash(t.edge[level], leaf)
		done = append(done, leaf)
		level++
	}
	if level == len(t.edge) {
		t.edge = append(t.edge, leaf)
	}
	t.edge[level] = leaf
	t.size++
	return done
}

// root is the hash of the tree as it is.
func (t *tree) root() tlog.Hash {
	var h tlog.Hash
	found := false
	for level := range t.edge {
		switch {
		case t.size>>level&1 == 0:
		case found:
			h = tlog.NodeHash(t.edge[level], h)
		default:
			h, found = t.edge[level], true
		}
	}
	if !found {
		h, _ = tlog.TreeHash(0, nil)
	}
	return h
}

// Ensure brings the entries of an older version into the log. It does so once; a log that has begun stays as it is.
func Ensure(ctx context.Context, d *db.DB) error {
	begun := false
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		begun, err = hasBegun(tx)
		return err
	})
	if err != nil || begun {
		return err
	}
	return d.Upkeep(ctx, func(tx *db.Tx) error {
		size, err := advance(tx, 0)
		if err != nil || size > 0 {
			return err
		}
		if size, err = adopt(tx); err != nil {
			return err
		}
		_, err = advance(tx, size)
		return err
	})
}

// begin is the number of the log's first act: 1, or what follows the entries of an older version. The caller has advanced the
// head by one.
func begin(tx *db.Tx) (int64, error) {
	size, err := adopt(tx)
	if err != nil || size == 0 {
		return 1, err
	}
	return advance(tx, size)
}

const adoptBlock = 4096

// adopt hashes the entries that are there before the log begins, in their order, and closes the gaps in their numbers that a
// database's own counter left. The caller holds the head and advances it.
func adopt(tx *db.Tx) (int64, error) {
	if begun, err := hasBegun(tx); err != nil || begun {
		return 0, err
	}
	var t tree
	for last := int64(0); ; {
		es, err := entriesAfter(tx, last, adoptBlock)
		if err != nil || len(es) == 0 {
			return t.size, err
		}
		last = es[len(es)-1].ID
		for _, e := range es {
			if n := t.size + 1; e.ID != n {
				if err := renumber(tx, e.ID, n); err != nil {
					return 0, fmt.Errorf("give audit entry %d the number %d: %w", e.ID, n, err)
				}
				e.ID = n
			}
			if err := insertHashes(tx.Prepared, e.ID, pack(t.add(e.leaf()))); err != nil {
				return 0, fmt.Errorf("bring audit entry %d into the log: %w", e.ID, err)
			}
		}
	}
}
