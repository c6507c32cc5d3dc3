package event

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
)

// explanations gives verdicts their numbers. It remembers a bounded number of them.
type explanations struct {
	mu    sync.Mutex
	known map[string]int64
}

const keepExplanations = 200_000

// ids are the numbers of the verdicts by digest; those that are new are stored.
func (e *explanations) ids(ctx context.Context, d *db.DB, verdicts map[string]*constituency.Verdict) (map[string]int64, error) {
	out := make(map[string]int64, len(verdicts))
	missing := map[string]*constituency.Verdict{}
	e.mu.Lock()
	for k, v := range verdicts {
		if id, ok := e.known[k]; ok {
			out[k] = id
		} else {
			missing[k] = v
		}
	}
	e.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	added := make(map[string]int64, len(missing))
	err := d.Upkeep(ctx, func(tx *db.Tx) error {
		for k, v := range missing {
			body, err := json.Marshal(v)
			if err != nil {
				return err
			}
			_, err = tx.Prepared(`INSERT INTO explanation (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, []byte(k), string(body))
			if err != nil {
				return fmt.Errorf("store an explanation: %w", err)
			}
			var id int64
			if err := tx.PreparedRow(`SELECT id FROM explanation WHERE digest = $1`, []byte(k)).Scan(&id); err != nil {
				return err
			}
			added[k] = id
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	maps.Copy(out, added)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil || len(e.known)+len(added) > keepExplanations {
		e.known = map[string]int64{}
	}
	maps.Copy(e.known, added)
	return out, nil
}
