package event

import (
	"fmt"
	"strconv"

	"tocsin/internal/platform/db"
)

// published is a live report and its place in the order in which reports were published.
type published struct {
	id, typ, published int64
}

// publishReports gives the reports of one intake their place. It comes last in the intake's transaction: intakes wait for one another
// from here to the end, so that who has read up to a place never misses what gets an earlier one.
func publishReports(tx *db.Tx, reports []*built) error {
	if len(reports) == 0 {
		return nil
	}
	var n string
	if err := tx.Row(`INSERT INTO setting (name, value) VALUES ('report.published', '1') ON CONFLICT (name) DO UPDATE
		SET value = CAST(CAST(setting.value AS BIGINT) + 1 AS TEXT) RETURNING value`).Scan(&n); err != nil {
		return fmt.Errorf("publish reports: %w", err)
	}
	at, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return fmt.Errorf("publish reports: %w", err)
	}
	for _, r := range reports {
		if _, err := tx.Prepared(`UPDATE report SET published = $1 WHERE id = $2`, at, r.report); err != nil {
			return err
		}
	}
	return nil
}

func lastPublished(tx *db.Tx) (n int64, err error) {
	err = tx.Row(`SELECT COALESCE(MAX(published), 0) FROM report WHERE live = 1`).Scan(&n)
	return n, err
}

// publishedAfter are the live reports of feeds from a place on, the report of the place included while it may have more events.
func publishedAfter(tx *db.Tx, feeds []string, at pulled, from Day, limit int) (out []published, err error) {
	if len(feeds) == 0 {
		return nil, nil
	}
	args := []any{at.published, at.report, flag(at.file == endOfReport), from, limit}
	for _, f := range feeds {
		args = append(args, f)
	}
	err = tx.Each(`SELECT r.id, r.type, r.published FROM report r JOIN report_type t ON t.id = r.type JOIN feed f ON f.id = t.feed
		WHERE r.live = 1 AND r.published >= $1 AND (r.published > $1 OR r.id > $2 OR r.id = $2 AND CAST($3 AS BIGINT) = 0) AND r.day >= $4
		AND f.name IN (`+marks(len(feeds), 5)+`) ORDER BY r.published, r.id LIMIT $5`, args, func(scan func(...any) error) error {
		var p published
		err := scan(&p.id, &p.typ, &p.published)
		out = append(out, p)
		return err
	})
	return out, err
}

// segmentsOfReports are the live segments that have the reports.
func segmentsOfReports(tx *db.Tx, reports []published) ([]storedSegment, error) {
	args := make([]any, len(reports))
	for i, r := range reports {
		args[i] = r.id
	}
	return segments(tx, `r.id IN (`+marks(len(args), 0)+`)`, args...)
}
