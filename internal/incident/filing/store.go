package filing

import (
	"strings"
	"tocsin/internal/incident"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func insertLink(tx *db.Tx, report int64, sealed string) error {
	_, err := tx.Exec(`INSERT INTO filing_link (report, secret) VALUES ($1, $2)`, report, sealed)
	return err
}

// linkOf is the sealed secret of a report's page; "" when there is none.
func linkOf(tx *db.Tx, report int64) (sealed string, err error) {
	err = tx.Row(`SELECT secret FROM filing_link WHERE report = $1`, report).Scan(&sealed)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return sealed, err
}

// claimKey takes an idempotency key for a report; when it is taken already fresh is false, and the others are what it was taken for.
func claimKey(tx *db.Tx, name string, report int64, sum string, at int64) (fresh bool, before int64, asked string, err error) {
	n, err := tx.Exec(`INSERT INTO filing_key (actor, name, report, sha256, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (actor, name) DO NOTHING`,
		tx.Actor().Subject(), name, report, sum, at)
	if err != nil || n == 1 {
		return n == 1, 0, "", err
	}
	err = tx.Row(`SELECT report, sha256 FROM filing_key WHERE actor = $1 AND name = $2`, tx.Actor().Subject(), name).Scan(&before, &asked)
	return false, before, asked, err
}

// claimSigned tells whether a message is the first with what a key signed.
func claimSigned(tx *db.Tx, fingerprint, sum string, message, at int64) (first bool, err error) {
	if _, err := tx.Exec(`INSERT INTO filing_signed (fingerprint, sha256, message, at) VALUES ($1, $2, $3, $4) ON CONFLICT (fingerprint, sha256) DO NOTHING`,
		fingerprint, sum, message, at); err != nil {
		return false, err
	}
	var by int64
	err = tx.Row(`SELECT message FROM filing_signed WHERE fingerprint = $1 AND sha256 = $2`, fingerprint, sum).Scan(&by)
	return by == message, err
}

func sweep(tx *db.Tx, before int64) error {
	if _, err := tx.Exec(`DELETE FROM filing_key WHERE at < $1`, before); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM filing_link WHERE NOT EXISTS (SELECT 1 FROM incident_report r WHERE r.id = filing_link.report)`)
	return err
}

// waitingFor counts the reports that wait for an address to be confirmed.
func waitingFor(tx *db.Tx, mail string, since int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM incident_report WHERE state = $1 AND received > $2 AND lower(mail) = lower($3)`,
		string(incident.Unconfirmed), since, mail).Scan(&n)
}

func insertAdvice(tx *db.Tx, a *Advice) error {
	return tx.Row(`INSERT INTO filing_advice (report, at, actor, name, subject, body, tlp, letter) VALUES ($1, $2, $3, $4, $5, $6, $7, 0) RETURNING id`,
		a.Report, a.At, tx.Actor().Subject(), a.Name, a.Subject, a.Text, int32(a.Label)).Scan(&a.ID)
}

func setAdviceLetter(tx *db.Tx, id, letter int64) error {
	_, err := tx.Exec(`UPDATE filing_advice SET letter = $1 WHERE id = $2`, letter, id)
	return err
}

func adviceTo(tx *db.Tx, report int64) (out []Advice, err error) {
	err = tx.Each(`SELECT id, report, at, name, subject, body, tlp, letter FROM filing_advice WHERE report = $1 ORDER BY id LIMIT $2`,
		[]any{report, maxAdvice}, func(scan func(...any) error) error {
			var a Advice
			err := scan(&a.ID, &a.Report, &a.At, &a.Name, &a.Subject, &a.Text, &a.Label, &a.Letter)
			out = append(out, a)
			return err
		})
	return out, err
}

// reportOf finds the report with a number and its reporter's address; 0 when there is none, or it is a draft.
func reportOf(tx *db.Tx, number string) (id int64, mail string, err error) {
	err = tx.Row(`SELECT id, mail FROM incident_report WHERE number = $1 AND state <> $2`, number, string(incident.Draft)).Scan(&id, &mail)
	if fault.KindOf(err) == fault.NotFound {
		return 0, "", nil
	}
	return id, mail, err
}

func isReport(tx *db.Tx, number string) (bool, error) {
	id, _, err := reportOf(tx, number)
	return id != 0, err
}

// caseID finds the case with a number, which may be part of another one; 0 when there is none.
func caseID(tx *db.Tx, number string) (id int64, err error) {
	err = tx.Row(`SELECT id FROM incident_case WHERE number = $1`, number).Scan(&id)
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	return id, err
}

// constituentOf is the only constituent whose contact has a mail address today; 0 when there is none, or several have it.
func constituentOf(tx *db.Tx, mail string, day int64) (id int64, err error) {
	n := 0
	err = tx.Each(`SELECT DISTINCT constituent FROM contact WHERE lower(mail) = $1 AND valid_from <= $2 AND valid_until > $2 ORDER BY constituent LIMIT 2`,
		[]any{strings.ToLower(mail), day}, func(scan func(...any) error) error {
			n++
			return scan(&id)
		})
	if n != 1 {
		id = 0
	}
	return id, err
}

// isSaid tells whether an entry stands on a case's timeline.
func isSaid(tx *db.Tx, caseID int64, kind, detail string) (bool, error) {
	n := 0
	err := tx.Row(`SELECT COUNT(*) FROM incident_entry WHERE case_id = $1 AND kind = $2 AND detail = $3`, caseID, kind, detail).Scan(&n)
	return n > 0, err
}
