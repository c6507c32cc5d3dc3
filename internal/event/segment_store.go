package event

import (
	"fmt"

	"tocsin/internal/platform/db"
)

// storedSegment is a live segment and which of the reports in it are live.
type storedSegment struct {
	id     int64
	path   string
	rows   int64
	level  int
	lo, hi Day
	live   map[int64]bool
}

// segmentsFor are the live segments that may have events of a query, the latest first.
func segmentsFor(tx *db.Tx, q EventQuery) ([]storedSegment, error) {
	until := q.Until
	if until == 0 {
		until = stillThere
	}
	return segments(tx, `s.day_max >= $1 AND s.day_min <= $2 AND r.day >= $1 AND r.day <= $2 AND (CAST($3 AS BIGINT) = 0 OR r.type = $3)`,
		q.From, until, q.Type)
}

func segments(tx *db.Tx, where string, args ...any) ([]storedSegment, error) {
	var out []storedSegment
	err := tx.Each(`SELECT s.id, s.path, s.rows, s.level, s.day_min, s.day_max, r.id FROM segment s
		JOIN segment_report sr ON sr.segment = s.id JOIN report r ON r.id = sr.report
		WHERE s.state = 'live' AND r.live = 1 AND `+where+` ORDER BY s.day_max DESC, s.id`, args,
		func(scan func(...any) error) error {
			var s storedSegment
			var report int64
			if err := scan(&s.id, &s.path, &s.rows, &s.level, &s.lo, &s.hi, &report); err != nil {
				return err
			}
			if n := len(out) - 1; n < 0 || out[n].id != s.id {
				s.live = map[int64]bool{}
				out = append(out, s)
			}
			out[len(out)-1].live[report] = true
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("find the segments: %w", err)
	}
	return out, nil
}

func archivePath(tx *db.Tx, fileID int64) (path string, err error) {
	err = tx.Row(`SELECT a.path FROM source_file f JOIN archive a ON a.id = f.archive WHERE f.id = $1 AND a.state = 'live'`, fileID).
		Scan(&path)
	return path, err
}

// compactable are the oldest small segments of a level that has enough of them.
func compactable(tx *db.Tx) ([]storedSegment, error) {
	var level, n int
	err := tx.Row(`SELECT COALESCE(min(level), -1), count(*) FROM (SELECT level FROM segment WHERE state = 'live' AND rows < $1
		GROUP BY level HAVING count(*) >= $2) l`, segmentRows, fanIn).Scan(&level, &n)
	if err != nil || n == 0 {
		return nil, err
	}
	var out []storedSegment
	err = tx.Each(`SELECT id, path, rows, level, day_min, day_max FROM segment WHERE state = 'live' AND rows < $1 AND level = $2
		ORDER BY day_min, id LIMIT $3`, []any{segmentRows, level, fanIn}, func(scan func(...any) error) error {
		s := storedSegment{live: map[int64]bool{}}
		if err := scan(&s.id, &s.path, &s.rows, &s.level, &s.lo, &s.hi); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		err := tx.Each(`SELECT r.id FROM segment_report sr JOIN report r ON r.id = sr.report WHERE sr.segment = $1 AND r.live = 1`,
			[]any{out[i].id}, func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				out[i].live[id] = true
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// replaceSegments makes the compacted segment live in place of its inputs, all of which must still be live, and keeps the
// inputs for readers until the grace is over.
func replaceSegments(tx *db.Tx, inputs []storedSegment, s *pendingFile, rows int64, grace int64) error {
	lo, hi := stillThere, Day(0)
	for _, i := range inputs {
		lo, hi = min(lo, i.lo), max(hi, i.hi)
		n, err := tx.Prepared(`UPDATE segment SET state = 'retired', lease = $1 WHERE id = $2 AND state = 'live'`, grace, i.id)
		if err != nil {
			return err
		}
		if n == 0 {
			return errStale
		}
		for report := range i.live {
			_, err := tx.Prepared(`INSERT INTO segment_report (segment, report, rows) SELECT $1, report, rows FROM segment_report
				WHERE segment = $2 AND report = $3`, s.id, i.id, report)
			if err != nil {
				return err
			}
		}
	}
	return liveSegment(tx, s, rows, lo, hi)
}

// condemnExpired marks what may be removed: pending files whose lease is over, and retired segments that no reader and no
// backup needs any more.
func condemnExpired(tx *db.Tx, now, grace int64) error {
	if _, err := tx.Exec(`DELETE FROM pin WHERE lease < $1`, now); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE archive SET state = 'condemned' WHERE state = 'pending' AND lease < $1`, now); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE segment SET state = 'retired', lease = $1 WHERE state = 'live' AND NOT EXISTS
		(SELECT 1 FROM segment_report sr JOIN report r ON r.id = sr.report WHERE sr.segment = segment.id AND r.live = 1)`, grace); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE segment SET state = 'condemned' WHERE (state = 'pending' AND lease < $1)
		OR (state = 'retired' AND lease < $1 AND NOT EXISTS (SELECT 1 FROM pin))`, now)
	return err
}

type condemned struct {
	id   int64
	path string
}

func condemnedOf(tx *db.Tx, table string) (out []condemned, err error) {
	err = tx.Each(`SELECT id, path FROM `+table+` WHERE state = 'condemned' ORDER BY id LIMIT 500`, nil, func(scan func(...any) error) error {
		var c condemned
		err := scan(&c.id, &c.path)
		out = append(out, c)
		return err
	})
	return out, err
}

// forgetSegment removes the row of a segment whose file is gone.
func forgetSegment(tx *db.Tx, id int64) error {
	for _, q := range []string{
		`DELETE FROM segment_report WHERE segment = $1`,
		`DELETE FROM segment WHERE id = $1 AND state = 'condemned'`,
	} {
		if _, err := tx.Exec(q, id); err != nil {
			return err
		}
	}
	return nil
}

func forgetArchive(tx *db.Tx, id int64) error {
	for _, q := range []string{
		`DELETE FROM source_file WHERE archive = $1 AND state = 'pending'`,
		`UPDATE source_file SET archive = NULL WHERE archive = $1`,
		`DELETE FROM archive WHERE id = $1 AND state = 'condemned'`,
	} {
		if _, err := tx.Exec(q, id); err != nil {
			return err
		}
	}
	return nil
}

// retire marks segments whose events are all older than a day, and condemns archived files of reports older than another.
func retire(tx *db.Tx, events, archive Day, grace int64) error {
	if events > 0 {
		if _, err := tx.Exec(`UPDATE segment SET state = 'retired', lease = $1 WHERE state = 'live' AND day_max < $2`, grace, events); err != nil {
			return err
		}
	}
	if archive <= 0 {
		return nil
	}
	_, err := tx.Exec(`UPDATE archive SET state = 'condemned' WHERE state = 'live' AND NOT EXISTS (SELECT 1 FROM pin)
		AND EXISTS (SELECT 1 FROM source_file f WHERE f.archive = archive.id)
		AND NOT EXISTS (SELECT 1 FROM source_file f WHERE f.archive = archive.id AND f.day >= $1)`, archive)
	return err
}
