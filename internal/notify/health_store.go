package notify

import "tocsin/internal/platform/db"

func failed(tx *db.Tx, address, reason string, at int64) error {
	_, err := tx.Prepared(`INSERT INTO contact_health (address, failures, last_failure, reason, last_success, sent) VALUES ($1, 1, $2, $3, 0, 0)
		ON CONFLICT (address) DO UPDATE SET failures = contact_health.failures + 1, last_failure = excluded.last_failure, reason = excluded.reason`,
		address, at, reason)
	return err
}

func succeeded(tx *db.Tx, address string, at int64) error {
	_, err := tx.Prepared(`INSERT INTO contact_health (address, failures, last_failure, reason, last_success, sent) VALUES ($1, 0, 0, '', $2, 1)
		ON CONFLICT (address) DO UPDATE SET failures = 0, reason = '', last_success = excluded.last_success, sent = contact_health.sent + 1`,
		address, at)
	return err
}

const healthColumns = `SELECT address, failures, last_failure, reason, last_success, sent FROM contact_health `

func scanHealth(scan func(...any) error) (h Health, err error) {
	err = scan(&h.Address, &h.Failures, &h.LastFailure, &h.Reason, &h.LastSuccess, &h.Sent)
	return h, err
}

// listHealth is by address from after on.
func listHealth(tx *db.Tx, failing bool, after string, limit int) (out []Health, err error) {
	least := 0
	if failing {
		least = 1
	}
	err = tx.Each(healthColumns+`WHERE failures >= $1 AND address > $2 ORDER BY address LIMIT $3`, []any{least, after, limit},
		func(scan func(...any) error) error {
			h, err := scanHealth(scan)
			out = append(out, h)
			return err
		})
	return out, err
}

func healthOf(tx *db.Tx, address string) (Health, error) {
	return scanHealth(tx.Row(healthColumns+`WHERE address = $1`, address).Scan)
}
