package constituency

import (
	"context"
	"encoding/json"
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func insertRefresh(tx *db.Tx, r Refresh) (id int64, err error) {
	diff, err := json.Marshal(r.Diff)
	if err != nil {
		return 0, err
	}
	err = tx.Row(`INSERT INTO registry_refresh (origin, at, added, changed, removed, diff) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		r.Origin, r.At, r.Added, r.Changed, r.Removed, string(diff)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("record a refresh: %w", err)
	}
	return id, nil
}

// Refreshes lists what reading the regional registries changed, the latest first and without the diffs. Before is the id
// of the last one on the page before, 0 for the first page.
func (s *Store) Refreshes(ctx context.Context, before int64, limit int) (out []Refresh, err error) {
	limit = min(max(limit, 1), 500)
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return tx.Each(`SELECT id, origin, at, added, changed, removed FROM registry_refresh
			WHERE ($1 = 0 OR id < $1) ORDER BY id DESC LIMIT $2`, []any{before, limit}, func(scan func(...any) error) error {
			var r Refresh
			err := scan(&r.ID, &r.Origin, &r.At, &r.Added, &r.Changed, &r.Removed)
			out = append(out, r)
			return err
		})
	})
	return out, err
}

// Refresh is one refresh with its diff.
func (s *Store) Refresh(ctx context.Context, id int64) (r Refresh, err error) {
	var diff string
	err = s.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT id, origin, at, added, changed, removed, diff FROM registry_refresh WHERE id = $1`, id).
			Scan(&r.ID, &r.Origin, &r.At, &r.Added, &r.Changed, &r.Removed, &diff)
	})
	if fault.KindOf(err) == fault.NotFound {
		return r, fault.NotFoundf("there is no refresh with the id %d", id)
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(diff), &r.Diff); err != nil {
		return r, fmt.Errorf("diff of refresh %d: %w", id, err)
	}
	return r, nil
}
