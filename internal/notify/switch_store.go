package notify

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func readSwitch(tx *db.Tx) (s Switch, err error) {
	var sending int
	if err := tx.Row(`SELECT sending, reason, at, subject, name FROM outbox_switch WHERE id = 1`).Scan(&sending, &s.Reason, &s.At, &s.Subject,
		&s.Name); err != nil {
		return s, err
	}
	s.Sending = sending != 0
	err = tx.Row(`SELECT count(*) FROM outbox_letter WHERE state IN ('queued', 'rendered')`).Scan(&s.Waiting)
	return s, err
}

// sending is what a hand-over asks right before it begins.
func sending(tx *db.Tx) (bool, error) {
	var on int
	err := tx.PreparedRow(`SELECT sending FROM outbox_switch WHERE id = 1`).Scan(&on)
	return on != 0, err
}

func writeSwitch(tx *db.Tx, s Switch) error {
	_, err := tx.Exec(`UPDATE outbox_switch SET sending = $1, reason = $2, at = $3, subject = $4, name = $5 WHERE id = 1`, flag(s.Sending), s.Reason,
		s.At, s.Subject, s.Name)
	return err
}

// lockReleases lets one transaction at a time hold letters for a release or release them, so that no letter is held for a release that
// was just given.
func lockReleases(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE outbox_switch SET id = 1 WHERE id = 1`)
	return err
}

func released(tx *db.Tx, recipient string) (bool, error) {
	var n int64
	err := tx.PreparedRow(`SELECT count(*) FROM outbox_release WHERE recipient = $1`, recipient).Scan(&n)
	return n > 0, err
}

func insertRelease(tx *db.Tx, recipient, subject, name string, at int64) error {
	_, err := tx.Prepared(`INSERT INTO outbox_release (recipient, at, subject, name) VALUES ($1, $2, $3, $4) ON CONFLICT (recipient) DO NOTHING`,
		recipient, at, subject, name)
	return err
}

// free lets go what was held for the recipient's release.
func free(tx *db.Tx, recipient string) (int64, error) {
	return tx.Prepared(`UPDATE outbox_letter SET hold = '', reason = '',
		state = CASE WHEN sha256 = '' THEN 'queued' ELSE 'rendered' END
		WHERE state = 'held' AND hold = 'release' AND release = $1`, recipient)
}

// lineDown notes that a line is out of order; who finds out in the same pause does not make it longer.
func lineDown(tx *db.Tx, name, reason string, now int64, next func(failures int) int64) error {
	var failures int
	var was int64
	err := tx.Row(`SELECT failures, next FROM outbox_line WHERE name = $1`, name).Scan(&failures, &was)
	if fault.KindOf(err) == fault.NotFound {
		_, err = tx.Exec(`INSERT INTO outbox_line (name, since, next, failures, reason) VALUES ($1, $2, $3, 1, $4) ON CONFLICT (name) DO NOTHING`,
			name, now, next(1), reason)
		return err
	}
	if err != nil || was > now {
		return err
	}
	_, err = tx.Exec(`UPDATE outbox_line SET next = $1, failures = $2, reason = $3 WHERE name = $4`, next(failures+1), failures+1, reason, name)
	return err
}

func lineUp(tx *db.Tx, name string) error {
	_, err := tx.Prepared(`DELETE FROM outbox_line WHERE name = $1`, name)
	return err
}

func lines(tx *db.Tx) (out []Line, err error) {
	err = tx.Each(`SELECT name, since, next, failures, reason FROM outbox_line ORDER BY name LIMIT 1000`, nil, func(scan func(...any) error) error {
		var l Line
		err := scan(&l.Name, &l.Since, &l.Next, &l.Failures, &l.Reason)
		out = append(out, l)
		return err
	})
	return out, err
}
