package job

import (
	"errors"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func enqueue(tx *db.Tx, kind, unique, payload string, due int64) error {
	_, err := tx.Exec(`INSERT INTO job (kind, uniq, payload, state, due, lease, attempts, last_error, created, finished)
		VALUES ($1, $2, $3, 'ready', $4, 0, 0, '', $4, 0) ON CONFLICT (kind, uniq) WHERE state = 'ready' DO NOTHING`,
		kind, unique, payload, due)
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", kind, err)
	}
	return nil
}

// claim takes the job that has been due longest and that nobody holds. Of jobs with one kind and key only one runs.
func claim(tx *db.Tx, kinds []string, world, now, lease int64) (j Job, found bool, err error) {
	args := []any{world, now}
	var in []string
	for _, k := range kinds {
		args = append(args, k)
		in = append(in, fmt.Sprintf("$%d", len(args)))
	}
	if len(in) == 0 {
		return j, false, nil
	}
	lock := ""
	if tx.Engine() == db.PostgreSQL {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	err = tx.Row(`SELECT id, kind, uniq, payload, attempts FROM job j
		WHERE state IN ('ready', 'running') AND due <= $1 AND lease < $2 AND kind IN (`+strings.Join(in, ", ")+`)
		AND (state = 'running' OR NOT EXISTS (SELECT 1 FROM job o WHERE o.kind = j.kind AND o.uniq = j.uniq AND o.state = 'running'))
		ORDER BY due, id LIMIT 1`+lock, args...).Scan(&j.ID, &j.Kind, &j.Unique, &j.Payload, &j.Attempts)
	if fault.KindOf(err) == fault.NotFound {
		return j, false, nil
	}
	if err != nil {
		return j, false, fmt.Errorf("claim a job: %w", err)
	}
	j.Attempts++
	_, err = tx.Exec(`UPDATE job SET state = 'running', lease = $1, attempts = $2 WHERE id = $3`, now+lease, j.Attempts, j.ID)
	return j, true, err
}

func extend(tx *db.Tx, j Job, until int64) error {
	_, err := tx.Exec(`UPDATE job SET lease = $1 WHERE id = $2 AND state = 'running' AND attempts = $3`, until, j.ID, j.Attempts)
	return err
}

// The three ends of an attempt change nothing when the lease was lost and another attempt has begun.

func finish(tx *db.Tx, j Job, state, lastError string, at int64) error {
	_, err := tx.Exec(`UPDATE job SET state = $1, last_error = $2, finished = $3, lease = 0
		WHERE id = $4 AND state = 'running' AND attempts = $5`, state, lastError, at, j.ID, j.Attempts)
	return err
}

// retry gives a failed job back; when a newer one with its key waits already, that one takes its place.
func retry(tx *db.Tx, j Job, lastError string, due int64) error {
	n, err := tx.Exec(`UPDATE job SET state = 'ready', last_error = $1, due = $2, lease = 0
		WHERE id = $3 AND state = 'running' AND attempts = $4
		AND NOT EXISTS (SELECT 1 FROM job o WHERE o.kind = $5 AND o.uniq = $6 AND o.state = 'ready')`,
		lastError, due, j.ID, j.Attempts, j.Kind, j.Unique)
	if err == nil && n == 0 {
		err = finish(tx, j, "done", lastError, due)
	}
	return err
}

func release(tx *db.Tx, j Job) error {
	err := retry(tx, j, "stopped", 0)
	_, err2 := tx.Exec(`UPDATE job SET attempts = $1 WHERE id = $2 AND state = 'ready'`, j.Attempts-1, j.ID)
	return errors.Join(err, err2)
}

func prune(tx *db.Tx, before int64) error {
	_, err := tx.Exec(`DELETE FROM job WHERE state = 'done' AND finished < $1`, before)
	return err
}

// List shows the jobs in a state, the latest first; "" is any.
func List(tx *db.Tx, state string, limit int) ([]Job, error) {
	var out []Job
	err := tx.Each(`SELECT id, kind, uniq, payload, state, due, attempts, last_error, created, finished FROM job
		WHERE ($1 = '' OR state = $1) ORDER BY id DESC LIMIT $2`, []any{state, limit}, func(scan func(...any) error) error {
		var j Job
		if err := scan(&j.ID, &j.Kind, &j.Unique, &j.Payload, &j.State, &j.Due, &j.Attempts, &j.LastError, &j.Created,
			&j.Finished); err != nil {
			return err
		}
		out = append(out, j)
		return nil
	})
	return out, err
}

// Counts is how many jobs are in each state.
func Counts(tx *db.Tx) (map[string]int64, error) {
	out := map[string]int64{}
	err := tx.Each(`SELECT state, count(*) FROM job GROUP BY state`, nil, func(scan func(...any) error) error {
		var s string
		var n int64
		if err := scan(&s, &n); err != nil {
			return err
		}
		out[s] = n
		return nil
	})
	return out, err
}
