package event

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
	err := d.Upkeep(ctx, func(tx *db.Tx) error { return storeExplanations(tx, missing, added) })
	if err != nil {
		return nil, fmt.Errorf("store the explanations: %w", err)
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

// storeExplanations stores verdicts by digest where they are not there and gives the numbers of all.
func storeExplanations(tx *db.Tx, verdicts map[string]*constituency.Verdict, ids map[string]int64) error {
	digests := slices.Sorted(maps.Keys(verdicts)) // one order, so that two nodes never wait for each other
	if tx.Engine() == db.PostgreSQL {
		return copyExplanations(tx, digests, verdicts, ids)
	}
	for _, k := range digests {
		body, err := json.Marshal(verdicts[k])
		if err != nil {
			return err
		}
		_, err = tx.Prepared(`INSERT INTO explanation (digest, body) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING`, []byte(k), string(body))
		if err != nil {
			return err
		}
		var id int64
		if err := tx.PreparedRow(`SELECT id FROM explanation WHERE digest = ?`, []byte(k)).Scan(&id); err != nil {
			return err
		}
		ids[k] = id
	}
	return nil
}

func copyExplanations(tx *db.Tx, digests []string, verdicts map[string]*constituency.Verdict, ids map[string]int64) error {
	i := 0
	err := tx.Stage("told", "digest BYTEA, body TEXT", []string{"digest", "body"}, func() ([]any, error) {
		if i == len(digests) {
			return nil, nil
		}
		k := digests[i]
		i++
		body, err := json.Marshal(verdicts[k])
		return []any{[]byte(k), string(body)}, err
	})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO explanation (digest, body) SELECT digest, body FROM told ORDER BY digest ON CONFLICT (digest) DO NOTHING`); err != nil {
		return err
	}
	return tx.Each(`SELECT e.digest, e.id FROM told t JOIN explanation e ON e.digest = t.digest`, nil, func(scan func(...any) error) error {
		var k []byte
		var id int64
		if err := scan(&k, &id); err != nil {
			return err
		}
		ids[string(k)] = id
		return nil
	})
}
