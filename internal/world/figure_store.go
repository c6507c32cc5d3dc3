package world

import (
	"context"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

// Figures are what monitoring asks of a world.
type Figures struct {
	Jobs         map[string]int64 // by state
	Files        map[string]int64 // source files by state
	Rows         int64            // of live files
	Events       int64
	Rejected     int64
	Unattributed int64
	Received     int64 // when the latest file came, UTC microseconds; 0 before any
	Segments     int64 // live
	SegmentBytes int64
	ArchiveBytes int64
	Incomplete   int64 // feed days of the last thirty that are not complete
}

// Figures reads them in one snapshot.
func (w *World) Figures(ctx context.Context) (f Figures, err error) {
	day := w.cfg.Clock.Now().Unix() / 86_400
	err = w.db.View(ctx, func(tx *db.Tx) (err error) {
		f = Figures{Files: map[string]int64{}}
		if f.Jobs, err = job.Counts(tx); err != nil {
			return err
		}
		err = tx.Each(`SELECT state, count(*), CAST(coalesce(sum(rows), 0) AS BIGINT), CAST(coalesce(sum(events), 0) AS BIGINT),
			CAST(coalesce(sum(rejected), 0) AS BIGINT), CAST(coalesce(sum(unattributed), 0) AS BIGINT), max(received)
			FROM source_file GROUP BY state`, nil, func(scan func(...any) error) error {
			var state string
			var n, rows, events, rejected, unattributed, received int64
			if err := scan(&state, &n, &rows, &events, &rejected, &unattributed, &received); err != nil {
				return err
			}
			f.Files[state], f.Received = n, max(f.Received, received)
			if state == "live" {
				f.Rows, f.Events, f.Rejected, f.Unattributed = rows, events, rejected, unattributed
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := tx.Row(`SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM segment WHERE state = 'live'`).
			Scan(&f.Segments, &f.SegmentBytes); err != nil {
			return err
		}
		if err := tx.Row(`SELECT CAST(coalesce(sum(stored), 0) AS BIGINT) FROM archive WHERE state = 'live'`).Scan(&f.ArchiveBytes); err != nil {
			return err
		}
		return tx.Row(`SELECT count(*) FROM feed_day WHERE complete = 0 AND day > $1 AND day <= $2`, day-30, day).Scan(&f.Incomplete)
	})
	return f, err
}
