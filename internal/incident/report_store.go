package incident

import (
	"encoding/json"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const reportColumns = `id, number, origin, state, constituent, account, name, organisation, mail, phone, language, title, body, guess, details, tlp,
	happened, aware, reported, received, receipted, step, sha256, case_id, same_as, decided, decided_by, reason, version, confirmed`

func scanReport(scan func(...any) error) (r Report, err error) {
	var details string
	err = scan(&r.ID, &r.Number, &r.Origin, &r.State, &r.Constituent, &r.Account, &r.Name, &r.Organisation, &r.Mail, &r.Phone, &r.Language, &r.Title,
		&r.Text, &r.Guess, &details, &r.Label, &r.Happened, &r.Aware, &r.Reported, &r.Received, &r.Receipted, &r.Step, &r.SHA256, &r.Case, &r.SameAs,
		&r.Decided, &r.DecidedBy, &r.Reason, &r.Version, &r.Confirmed)
	if err == nil {
		err = json.Unmarshal([]byte(details), &r.Details)
	}
	return r, err
}

func insertReport(tx *db.Tx, r *Report, token []byte) error {
	return tx.PreparedRow(`INSERT INTO incident_report (number, secret, origin, state, constituent, account, name, organisation, mail, phone, language, title, body,
		guess, details, tlp, happened, aware, reported, received, receipted, step, sha256, case_id, same_as, decided, decided_by, reason, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 0, $21, $22, 0, 0, 0, '', '', $23) RETURNING id`,
		r.Number, token, string(r.Origin), string(r.State), r.Constituent, r.Account, r.Name, r.Organisation, r.Mail, r.Phone, r.Language, r.Title, r.Text,
		r.Guess, detail(r.Details), int32(r.Label), r.Happened, r.Aware, r.Reported, r.Received, r.Step, r.SHA256, r.Version).Scan(&r.ID)
}

// updateFiling writes a draft anew, or hands it in.
func updateFiling(tx *db.Tx, r *Report) error {
	r.Version++
	_, err := tx.Exec(`UPDATE incident_report SET state = $1, name = $2, organisation = $3, mail = $4, phone = $5, language = $6, title = $7, body = $8,
		guess = $9, details = $10, tlp = $11, happened = $12, aware = $13, reported = $14, received = $15, step = $16, sha256 = $17, version = $18
		WHERE id = $19`, string(r.State), r.Name, r.Organisation, r.Mail, r.Phone, r.Language, r.Title, r.Text, r.Guess, detail(r.Details),
		int32(r.Label), r.Happened, r.Aware, r.Reported, r.Received, r.Step, r.SHA256, r.Version, r.ID)
	return err
}

// updateDecision writes what was decided about a report; what it says is never written again.
func updateDecision(tx *db.Tx, r *Report) error {
	r.Version++
	_, err := tx.Prepared(`UPDATE incident_report SET state = $1, case_id = $2, same_as = $3, decided = $4, decided_by = $5, reason = $6, version = $7
		WHERE id = $8`, string(r.State), r.Case, r.SameAs, r.Decided, r.DecidedBy, r.Reason, r.Version, r.ID)
	return err
}

func markConfirmed(tx *db.Tx, id, at int64) error {
	_, err := tx.Exec(`UPDATE incident_report SET confirmed = $1 WHERE id = $2 AND confirmed = 0`, at, id)
	return err
}

func markReceipted(tx *db.Tx, id, at int64) error {
	_, err := tx.Prepared(`UPDATE incident_report SET receipted = $1 WHERE id = $2 AND receipted = 0`, at, id)
	return err
}

// lockReport reads a report that is about to be changed; others wait until that is committed.
func lockReport(tx *db.Tx, id int64) (Report, error) {
	if _, err := tx.Prepared(`UPDATE incident_report SET version = version WHERE id = $1`, id); err != nil {
		return Report{}, err
	}
	return reportByID(tx, id)
}

func reportByID(tx *db.Tx, id int64) (Report, error) {
	r, err := scanReport(tx.PreparedRow(`SELECT `+reportColumns+` FROM incident_report WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return r, noReport(id)
	}
	return r, err
}

func reportByNumber(tx *db.Tx, number string) (Report, error) {
	r, err := scanReport(tx.Row(`SELECT `+reportColumns+` FROM incident_report WHERE number = $1`, number).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return r, fault.NotFoundf("there is no report %q", number)
	}
	return r, err
}

func reportBySecret(tx *db.Tx, token []byte) (Report, error) {
	return scanReport(tx.Row(`SELECT `+reportColumns+` FROM incident_report WHERE secret = $1`, token).Scan)
}

func reportsOfCase(tx *db.Tx, id int64) (out []Report, err error) {
	err = tx.PreparedEach(`SELECT `+reportColumns+` FROM incident_report WHERE case_id = $1 ORDER BY id LIMIT 1000`, []any{id}, func(scan func(...any) error) error {
		r, err := scanReport(scan)
		out = append(out, r)
		return err
	})
	return out, err
}

// repeatsOf are the reports that repeat a report, at most 1,000.
func repeatsOf(tx *db.Tx, id int64) (out []int64, err error) {
	err = tx.PreparedEach(`SELECT id FROM incident_report WHERE same_as = $1 AND same_as <> 0 ORDER BY id LIMIT 1000`, []any{id}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		out = append(out, id)
		return err
	})
	return out, err
}

// reportsOfConstituents are the latest reports of constituents, with the drafts of one account.
func reportsOfConstituents(tx *db.Tx, of []int64, account, before int64, limit int) (out []Report, err error) {
	args := []any{account, before, limit}
	var marks []string
	for _, id := range of {
		args = append(args, id)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	err = tx.Each(`SELECT `+reportColumns+` FROM incident_report WHERE id IN (SELECT id FROM incident_report WHERE constituent IN (`+strings.Join(marks, ", ")+`)
		AND (state <> 'draft' OR account = $1) AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3) ORDER BY id DESC`, args, func(scan func(...any) error) error {
		r, err := scanReport(scan)
		out = append(out, r)
		return err
	})
	return out, err
}

// moveReports gives the reports of a case to another one.
func moveReports(tx *db.Tx, from, into int64) error {
	_, err := tx.Exec(`UPDATE incident_report SET case_id = $1, version = version + 1 WHERE case_id = $2`, into, from)
	return err
}

func insertAddition(tx *db.Tx, a *Addition) error {
	details := ""
	if a.Details != nil {
		details = detail(a.Details)
	}
	return tx.PreparedRow(`INSERT INTO incident_addition (report, at, via, actor, name, step, body, details, sha256)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`, a.Report, a.At, a.Via, tx.Actor().Subject(), a.Name, a.Step, a.Text, details, a.SHA256).Scan(&a.ID)
}

func countAdditions(tx *db.Tx, report int64) (n int64, err error) {
	return n, tx.PreparedRow(`SELECT COUNT(*) FROM incident_addition WHERE report = $1`, report).Scan(&n)
}

func additionsOf(tx *db.Tx, report int64) (out []Addition, err error) {
	err = tx.PreparedEach(`SELECT id, report, at, via, name, step, body, details, sha256 FROM incident_addition WHERE report = $1 ORDER BY id LIMIT $2`,
		[]any{report, maxAdditions}, func(scan func(...any) error) error {
			var a Addition
			var details string
			if err := scan(&a.ID, &a.Report, &a.At, &a.Via, &a.Name, &a.Step, &a.Text, &details, &a.SHA256); err != nil {
				return err
			}
			if details != "" {
				a.Details = &Details{}
				if err := json.Unmarshal([]byte(details), a.Details); err != nil {
					return err
				}
			}
			out = append(out, a)
			return nil
		})
	return out, err
}

// oldDrafts are drafts that nobody wrote on since.
func oldDrafts(tx *db.Tx, before int64) (out []int64, err error) {
	err = tx.Each(`SELECT id FROM incident_report WHERE state = 'draft' AND received < $1 ORDER BY id LIMIT 500`, []any{before}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		out = append(out, id)
		return err
	})
	return out, err
}

func dropDraft(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM incident_report WHERE id = $1 AND state = 'draft'`, id)
	return err
}
