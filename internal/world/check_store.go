package world

import (
	"fmt"

	"tocsin/internal/platform/db"
)

// archivedFile and storedSegment are live files as the records describe them.
type archivedFile struct {
	id           int64
	path         string
	sum          []byte
	size, stored int64
}

type storedSegment struct {
	id          int64
	path        string
	rows, bytes int64
}

// archivedAfter and segmentsAfter page through the live files by id.
func archivedAfter(tx *db.Tx, after int64, limit int) (out []archivedFile, err error) {
	err = tx.Each(`SELECT id, path, sha256, size, stored FROM archive WHERE state = 'live' AND id > $1 ORDER BY id LIMIT $2`,
		[]any{after, limit}, func(scan func(...any) error) error {
			var f archivedFile
			err := scan(&f.id, &f.path, &f.sum, &f.size, &f.stored)
			out = append(out, f)
			return err
		})
	return out, err
}

func segmentsAfter(tx *db.Tx, after int64, limit int) (out []storedSegment, err error) {
	err = tx.Each(`SELECT id, path, rows, bytes FROM segment WHERE state = 'live' AND id > $1 ORDER BY id LIMIT $2`,
		[]any{after, limit}, func(scan func(...any) error) error {
			var s storedSegment
			err := scan(&s.id, &s.path, &s.rows, &s.bytes)
			out = append(out, s)
			return err
		})
	return out, err
}

// keptFile is a file that is kept as it came: a message, or evidence.
type keptFile struct {
	id    int64
	path  string
	bytes int64
}

func mailAfter(tx *db.Tx, after int64, limit int) ([]keptFile, error) {
	return keptAfter(tx, `SELECT id, path, stored FROM mailbox_message WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
}

func evidenceAfter(tx *db.Tx, after int64, limit int) ([]keptFile, error) {
	return keptAfter(tx, `SELECT id, path, bytes FROM incident_file WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
}

func keptAfter(tx *db.Tx, query string, after int64, limit int) (out []keptFile, err error) {
	err = tx.Each(query, []any{after, limit}, func(scan func(...any) error) error {
		var f keptFile
		err := scan(&f.id, &f.path, &f.bytes)
		out = append(out, f)
		return err
	})
	return out, err
}

// inconsistencies counts rows that contradict each other; each entry says what is wrong with how many.
func inconsistencies(tx *db.Tx) (out []string, err error) {
	for _, q := range []struct{ what, query string }{
		{"live reports whose segments do not have all their events", `SELECT count(*) FROM report r WHERE r.live = 1 AND r.events <>
			(SELECT coalesce(CAST(sum(sr.rows) AS BIGINT), 0) FROM segment_report sr JOIN segment s ON s.id = sr.segment
			WHERE sr.report = r.id AND s.state = 'live')
			AND EXISTS (SELECT 1 FROM segment_report sr WHERE sr.report = r.id)`},
		{"live source files without their archived content", `SELECT count(*) FROM source_file f LEFT JOIN archive a ON a.id = f.archive
			WHERE f.state = 'live' AND f.archive IS NOT NULL AND (a.id IS NULL OR a.state <> 'live')`},
		{"findings of a report type that is not known", `SELECT count(*) FROM finding f WHERE NOT EXISTS
			(SELECT 1 FROM report_type t WHERE t.id = f.type)`},
		{"findings without the explanation of their owner", `SELECT count(*) FROM finding f WHERE f.explanation <> 0 AND NOT EXISTS
			(SELECT 1 FROM explanation e WHERE e.id = f.explanation)`},
	} {
		var n int64
		if err := tx.Row(q.query).Scan(&n); err != nil {
			return nil, fmt.Errorf("look for %s: %w", q.what, err)
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, q.what))
		}
	}
	return out, nil
}

// integrity asks SQLite whether its file is whole; PostgreSQL has checksums and amcheck for that.
func integrity(tx *db.Tx) (out []string, err error) {
	if tx.Engine() != db.SQLite {
		return nil, nil
	}
	err = tx.Each(`PRAGMA integrity_check(20)`, nil, func(scan func(...any) error) error {
		var s string
		if err := scan(&s); err != nil {
			return err
		}
		if s != "ok" {
			out = append(out, s)
		}
		return nil
	})
	return out, err
}
