package leak

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const columns = `SELECT id, case_id, title, told, permit, addresses, skipped, at, by_name, withdrawn, withdrawn_by FROM incident_leak `

func scanned(scan func(...any) error) (l Leak, err error) {
	return l, scan(&l.ID, &l.Case, &l.Title, &l.Told, &l.Permit, &l.Addresses, &l.Skipped, &l.At, &l.By, &l.Withdrawn, &l.WithdrawnBy)
}

func byID(tx *db.Tx, id int64) (Leak, error) {
	l, err := scanned(tx.Row(columns+`WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return l, noLeak(id)
	}
	return l, err
}

func ofCase(tx *db.Tx, caseID int64) (out []Leak, err error) {
	err = tx.Each(columns+`WHERE case_id = $1 ORDER BY id DESC LIMIT 200`, []any{caseID}, func(scan func(...any) error) error {
		l, err := scanned(scan)
		out = append(out, l)
		return err
	})
	return out, err
}

func insert(tx *db.Tx, l *Leak) error {
	return tx.Row(`INSERT INTO incident_leak (case_id, title, told, permit, addresses, skipped, at, by_name, withdrawn, withdrawn_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '') RETURNING id`, l.Case, l.Title, l.Told, l.Permit, l.Addresses, l.Skipped, l.At, l.By).Scan(&l.ID)
}

// insertBuckets writes the buckets that next gives until nil.
func insertBuckets(tx *db.Tx, leak int64, next func() *bucket) error {
	if tx.Engine() == db.PostgreSQL {
		return tx.Copy("incident_leak_bucket", []string{"leak", "prefix", "sealed"}, func() ([]any, error) {
			if b := next(); b != nil {
				return []any{leak, b.prefix, b.sealed}, nil
			}
			return nil, nil
		})
	}
	for b := next(); b != nil; b = next() {
		if _, err := tx.Prepared(`INSERT INTO incident_leak_bucket (leak, prefix, sealed) VALUES ($1, $2, $3)`, leak, b.prefix, b.sealed); err != nil {
			return err
		}
	}
	return nil
}

func insertDomain(tx *db.Tx, leak int64, domain string, n int64) error {
	_, err := tx.Prepared(`INSERT INTO incident_leak_domain (leak, domain, addresses) VALUES ($1, $2, $3)`, leak, domain, n)
	return err
}

func insertPlain(tx *db.Tx, leak int64, domain string, part int, sealed string) error {
	_, err := tx.Prepared(`INSERT INTO incident_leak_plain (leak, domain, part, sealed) VALUES ($1, $2, $3, $4)`, leak, domain, part, sealed)
	return err
}

// bucketsAt are the buckets at a prefix, by list.
func bucketsAt(tx *db.Tx, prefix int64) (map[int64]string, error) {
	out := map[int64]string{}
	return out, tx.Each(`SELECT leak, sealed FROM incident_leak_bucket WHERE prefix = $1 ORDER BY leak LIMIT 10000`, []any{prefix}, func(scan func(...any) error) error {
		var leak int64
		var sealed string
		err := scan(&leak, &sealed)
		out[leak] = sealed
		return err
	})
}

// ownOf is what the lists say of a domain.
func ownOf(tx *db.Tx, domain string) (out []Own, err error) {
	err = tx.Each(`SELECT d.leak, d.domain, d.addresses, l.title, l.told, l.at, (SELECT count(*) FROM incident_leak_plain p WHERE p.leak = d.leak AND p.domain = d.domain)
		FROM incident_leak_domain d JOIN incident_leak l ON l.id = d.leak WHERE d.domain = $1 ORDER BY d.leak DESC LIMIT 1000`, []any{domain}, func(scan func(...any) error) error {
		var o Own
		err := scan(&o.Leak, &o.Domain, &o.Addresses, &o.Title, &o.Told, &o.At, &o.parts)
		o.Plain = o.parts > 0
		out = append(out, o)
		return err
	})
	return out, err
}

func plainOf(tx *db.Tx, leak int64, domain string, part int) (sealed string, err error) {
	return sealed, tx.Row(`SELECT sealed FROM incident_leak_plain WHERE leak = $1 AND domain = $2 AND part = $3`, leak, domain, part).Scan(&sealed)
}

func withdraw(tx *db.Tx, leak, at int64, by string) error {
	for _, q := range []string{`DELETE FROM incident_leak_bucket WHERE leak = $1`, `DELETE FROM incident_leak_domain WHERE leak = $1`, `DELETE FROM incident_leak_plain WHERE leak = $1`} {
		if _, err := tx.Exec(q, leak); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`UPDATE incident_leak SET withdrawn = $1, withdrawn_by = $2 WHERE id = $3`, at, by, leak)
	return err
}

// move gives the lists of a case to the one that it became part of.
func move(tx *db.Tx, from, into int64) error {
	_, err := tx.Exec(`UPDATE incident_leak SET case_id = $1 WHERE case_id = $2`, into, from)
	return err
}
