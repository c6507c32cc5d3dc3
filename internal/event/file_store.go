package event

import (
	"fmt"
	"strings"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/db"
)

// filesOf are the files that are known of a report: those that count and those that newer ones beat.
func filesOf(tx *db.Tx, typ int64, day Day) ([]*source, error) {
	var out []*source
	err := tx.Each(`SELECT f.id, f.name, f.subscription, f.delayed, f.delta, f.issued, f.sha256, COALESCE(f.archive, 0), COALESCE(a.path, ''),
		t.name, f.bytes, f.rows, f.events, f.repeated, f.rejected, f.unattributed, CASE WHEN f.state = 'live' THEN 1 ELSE 0 END
		FROM source_file f JOIN report_type t ON t.id = f.type LEFT JOIN archive a ON a.id = f.archive
		WHERE f.type = $1 AND f.day = $2 AND f.state IN ('live', 'superseded', 'older') ORDER BY f.id`, []any{typ, day},
		func(scan func(...any) error) error {
			s := &source{}
			var sum []byte
			err := scan(&s.id, &s.Name, &s.Subscription, &s.Delayed, &s.Delta, &s.issued, &sum, &s.archive, &s.path, &s.Type,
				&s.size, &s.rows, &s.events, &s.repeated, &s.rejected, &s.unattributed, &s.live)
			if err != nil {
				return err
			}
			s.Day = day
			copy(s.sum[:], sum)
			out = append(out, s)
			return nil
		})
	return out, err
}

func insertArchive(tx *db.Tx, path string, until int64) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO archive (path, size, stored, state, lease) VALUES ($1, 0, 0, 'pending', $2) RETURNING id`,
		path, until).Scan(&id)
	return id, err
}

func insertSegment(tx *db.Tx, path string, until int64, level int) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO segment (path, state, lease, level, rows, bytes, day_min, day_max)
		VALUES ($1, 'pending', $2, $3, 0, 0, 0, 0) RETURNING id`, path, until, level).Scan(&id)
	return id, err
}

func insertReport(tx *db.Tx, p *reportPlan) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO report (type, day, delta, events, live) VALUES ($1, $2, $3, 0, 0) RETURNING id`,
		p.id, p.day, flag(p.delta)).Scan(&id)
	return id, err
}

// insertPending records a file that is about to be read; the sweeper removes the row with its archive file.
func insertPending(tx *db.Tx, f feed.Feed, s *source, at int64, actor string) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO source_file (feed, name, day, subscription, delayed, delta, issued, archive, state, outcome,
		bytes, rows, events, repeated, rejected, unattributed, received, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', '', 0, 0, 0, 0, 0, 0, $9, $10) RETURNING id`,
		f.ID, clean(s.Name), s.Day, s.Subscription, flag(s.Delayed), flag(s.Delta), s.issued, s.pending.id, at, actor).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("record %s: %w", s.Name, err)
	}
	return id, nil
}

func insertFailed(tx *db.Tx, f feed.Feed, o *FileOutcome, at int64, actor string) error {
	return tx.Row(`INSERT INTO source_file (feed, name, day, subscription, delayed, delta, issued, state, outcome,
		bytes, rows, events, repeated, rejected, unattributed, received, actor)
		VALUES ($1, $2, $3, '', 0, 0, 0, 'failed', $4, 0, $5, 0, 0, $6, 0, $7, $8) RETURNING id`,
		f.ID, clean(o.Name), o.Day, clean(o.Outcome), o.Rows, o.Rejected, at, actor).Scan(&o.FileID)
}

// clean makes text from outside fit for any database.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// publishSegment makes the batch's segment live and names its reports.
func publishSegment(tx *db.Tx, b *batch) error {
	lo, hi := stillThere, Day(0)
	for _, r := range b.reports {
		lo, hi = min(lo, r.plan.day), max(hi, r.plan.day)
		_, err := tx.Prepared(`UPDATE report SET events = $1, delta = $2 WHERE id = $3`, r.counted, flag(r.plan.delta), r.report)
		if err != nil {
			return err
		}
		_, err = tx.Prepared(`INSERT INTO segment_report (segment, report, rows) VALUES ($1, $2, $3)`, b.segment.id, r.report, r.counted)
		if err != nil {
			return err
		}
	}
	return liveSegment(tx, b.segment, b.rows, lo, hi)
}

func liveSegment(tx *db.Tx, s *pendingFile, rows int64, lo, hi Day) error {
	n, err := tx.Exec(`UPDATE segment SET state = 'live', lease = 0, rows = $1, bytes = $2, day_min = $3, day_max = $4
		WHERE id = $5 AND state = 'pending'`, rows, s.bytes, lo, hi, s.id)
	if err == nil && n == 0 {
		err = errLeaseLost
	}
	return err
}

var errLeaseLost = fmt.Errorf("the files took longer than %v and were swept", lease)

// publishFiles makes the batch's files live, superseded or older, and records those that failed.
func publishFiles(tx *db.Tx, f feed.Feed, b *batch, at int64, actor string) ([]FileOutcome, error) {
	var out []FileOutcome
	for _, s := range b.files {
		o := s.outcome()
		if s.in != nil {
			if err := publishArchive(tx, s); err != nil {
				return nil, err
			}
		}
		_, err := tx.Prepared(`UPDATE source_file SET type = $1, archive = $2, sha256 = $3, state = $4, outcome = $5, bytes = $6,
			rows = $7, events = $8, repeated = $9, rejected = $10, unattributed = $11, issued = $12 WHERE id = $13`, s.plan.id,
			s.archiveID(), s.sum[:], o.State, o.Outcome, s.size, s.rows, s.events, s.repeated, s.rejected, s.unattributed, s.issued, s.id)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", s.Name, err)
		}
		for i, p := range s.problems {
			_, err := tx.Prepared(`INSERT INTO file_error (file, seq, line, col, field, reason) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (file, seq) DO NOTHING`, s.id, i, p.Line, p.Column, clean(p.Field), clean(p.Message))
			if err != nil {
				return nil, err
			}
		}
		if s.in != nil {
			out = append(out, o)
		}
	}
	for _, s := range b.failed {
		o := FileOutcome{Name: s.Name, Type: s.Type, Day: s.Day, State: Failed, Outcome: s.err.Error(), Err: s.err}
		if err := insertFailed(tx, f, &o, at, actor); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	for _, tw := range b.twins {
		o := FileOutcome{Name: tw.in.Name, FileID: tw.of.id, Type: tw.in.Type, Day: tw.in.Day, State: Duplicate,
			Outcome: fmt.Sprintf("the same content is there already as file %d: nothing to do", tw.of.id)}
		if tw.of.again && tw.of.wins && !tw.of.live && tw.of.in == nil {
			o.Outcome = fmt.Sprintf("the same content is there already as file %d, which is the newest again", tw.of.id)
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *source) archiveID() any {
	if s.archive == 0 {
		return nil
	}
	return s.archive
}

// outcome says what became of the file.
func (s *source) outcome() FileOutcome {
	o := FileOutcome{Name: s.Name, FileID: s.id, Type: s.plan.typ.Name, Day: s.Day, State: Live, Rows: s.rows, Events: s.events,
		Repeated: s.repeated, Rejected: s.rejected, Unattributed: s.unattributed, Problems: s.problems}
	switch {
	case s.wins:
		o.Outcome = fmt.Sprintf("events: %d", s.events)
		if s.rejected > 0 {
			o.Outcome += fmt.Sprintf(", rows rejected: %d", s.rejected)
		}
	case s.in != nil:
		o.State, o.Outcome = Older, "an older file of a report that has a newer one: kept, not used"
	default:
		o.State, o.Outcome = Superseded, "superseded by a newer file"
	}
	if s.in != nil && !s.plan.typ.Known {
		o.Outcome += "; unknown report type: look whether its columns were understood"
	}
	return o
}

// publishArchive makes the archived content live; content that is there already is kept once.
func publishArchive(tx *db.Tx, s *source) error {
	err := tx.PreparedRow(`SELECT id, path FROM archive WHERE sha256 = $1 AND state = 'live'`, s.sum[:]).Scan(&s.archive, &s.path)
	if err == nil {
		_, err = tx.Prepared(`UPDATE archive SET state = 'condemned' WHERE id = $1`, s.pending.id)
		return err
	}
	n, err := tx.Prepared(`UPDATE archive SET sha256 = $1, size = $2, stored = $3, state = 'live', lease = 0
		WHERE id = $4 AND state = 'pending'`, s.sum[:], s.size, s.pending.bytes, s.pending.id)
	if err == nil && n == 0 {
		err = errLeaseLost
	}
	s.archive, s.path = s.pending.id, s.pending.path
	return err
}

// condemn marks what an abandoned batch reserved and names the files of it.
func (b *batch) condemn(tx *db.Tx) (segments, archives []string, err error) {
	if b.segment != nil {
		n, err := tx.Exec(`UPDATE segment SET state = 'condemned' WHERE id = $1 AND state = 'pending'`, b.segment.id)
		if err != nil {
			return nil, nil, err
		}
		if n == 1 {
			segments = append(segments, b.segment.path)
		}
	}
	for _, s := range b.files {
		if s.pending == nil {
			continue
		}
		n, err := tx.Prepared(`UPDATE archive SET state = 'condemned' WHERE id = $1 AND state = 'pending'`, s.pending.id)
		if err != nil {
			return nil, nil, err
		}
		if n == 1 {
			archives = append(archives, s.pending.path)
		}
	}
	return segments, archives, nil
}

// forget removes what an abandoned batch reserved; its files are gone already.
func (b *batch) forget(tx *db.Tx) error {
	if b.segment != nil {
		if _, err := tx.Exec(`DELETE FROM segment WHERE id = $1 AND state = 'condemned'`, b.segment.id); err != nil {
			return err
		}
	}
	for _, s := range b.files {
		if s.pending == nil {
			continue
		}
		if _, err := tx.Prepared(`DELETE FROM source_file WHERE id = $1 AND state = 'pending'`, s.id); err != nil {
			return err
		}
		if _, err := tx.Prepared(`DELETE FROM archive WHERE id = $1 AND state = 'condemned'`, s.pending.id); err != nil {
			return err
		}
	}
	for _, r := range b.reports {
		if _, err := tx.Prepared(`DELETE FROM report WHERE id = $1 AND live = 0`, r.report); err != nil {
			return err
		}
	}
	return nil
}
