package affected

import (
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const columns = `a.id, a.case_id, a.kind, a.constituent, a.name, a.mail, a.language, a.source, a.why, a.persons, a.state, a.reason, a.at, a.by_name, a.decided,
	a.decided_by`

func scan(scan func(...any) error) (a Affected, err error) {
	return a, scan(&a.ID, &a.Case, &a.Kind, &a.Constituent, &a.Name, &a.Mail, &a.Language, &a.Source, &a.Why, &a.Persons, &a.State, &a.Reason, &a.At, &a.By,
		&a.Decided, &a.DecidedBy)
}

func insert(tx *db.Tx, a *Affected) (fresh bool, err error) {
	n, err := tx.Exec(`INSERT INTO incident_affected (case_id, kind, constituent, name, mail, language, source, why, persons, state, reason, at, by_name, decided,
		decided_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, $12, 0, '') ON CONFLICT DO NOTHING`, a.Case, string(a.Kind), a.Constituent, a.Name,
		a.Mail, a.Language, a.Source, a.Why, a.Persons, string(a.State), a.At, a.By)
	return n > 0, err
}

// lock reads one that is about to be decided about; others wait until that is committed.
func lock(tx *db.Tx, caseID, id int64) (a Affected, err error) {
	if _, err := tx.Exec(`UPDATE incident_affected SET at = at WHERE id = $1`, id); err != nil {
		return a, err
	}
	a, err = scan(tx.Row(`SELECT `+columns+` FROM incident_affected a WHERE a.id = $1 AND a.case_id = $2`, id, caseID).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return a, fault.NotFoundf("nobody with the number %d is affected by this case", id)
	}
	return a, err
}

func decide(tx *db.Tx, a *Affected) error {
	_, err := tx.Exec(`UPDATE incident_affected SET state = $1, reason = $2, decided = $3, decided_by = $4 WHERE id = $5`, string(a.State), a.Reason, a.Decided,
		a.DecidedBy, a.ID)
	return err
}

func list(tx *db.Tx, caseID int64) (out []Affected, err error) {
	err = tx.Each(`SELECT `+columns+` FROM incident_affected a WHERE a.case_id = $1 ORDER BY CASE a.state WHEN 'open' THEN 0 ELSE 1 END, a.name, a.id LIMIT $2`,
		[]any{caseID, maxAffected}, func(s func(...any) error) error {
			a, err := scan(s)
			a.Tellings = []Telling{}
			out = append(out, a)
			return err
		})
	return out, err
}

func count(tx *db.Tx, caseID int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM incident_affected WHERE case_id = $1`, caseID).Scan(&n)
}

// arrived is what a telling must be for somebody to have it.
const arrived = `(t.letter = 0 OR EXISTS (SELECT 1 FROM outbox_letter l WHERE l.id = t.letter AND l.state IN ('handed-over', 'answered')))`

// undecided counts those of a case who do not have it, and of whom it is not said why.
func undecided(tx *db.Tx, caseID int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM incident_affected a WHERE a.case_id = $1 AND (a.state = 'open' OR a.state = 'told' AND NOT EXISTS
		(SELECT 1 FROM incident_telling t WHERE t.affected = a.id AND `+arrived+`))`, caseID).Scan(&n)
}

// written tells whether one of the affected was told, or will be by a letter that waits.
func written(tx *db.Tx, id int64) (bool, error) {
	var n int64
	err := tx.Row(`SELECT COUNT(*) FROM incident_telling t WHERE t.affected = $1 AND (t.letter = 0 OR EXISTS (SELECT 1 FROM outbox_letter l
		WHERE l.id = t.letter AND l.state NOT IN ('bounced', 'dead', 'cancelled')))`, id).Scan(&n)
	return n > 0, err
}

func insertTelling(tx *db.Tx, t *Telling) error {
	return tx.Row(`INSERT INTO incident_telling (case_id, affected, receiver, name, at, by_name, channel, address, contact, letter, language, tlp, lowered, subject,
		body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id`, t.Case, t.Affected, t.Receiver, t.Name, t.At, t.By, t.Channel,
		t.Address, t.Contact, t.Letter, t.Language, int32(t.Label), t.Lowered, t.Subject, t.Text).Scan(&t.ID)
}

// tellings are those of a case, the first one first, with what became of their letters.
func tellings(tx *db.Tx, caseID int64) (out []Telling, err error) {
	err = tx.Each(`SELECT t.id, t.case_id, t.affected, t.receiver, t.name, t.at, t.by_name, t.channel, t.address, t.contact, t.letter, COALESCE(l.state, ''),
		COALESCE(l.handed, 0), t.language, t.tlp, t.lowered, t.subject, t.body FROM incident_telling t LEFT JOIN outbox_letter l ON l.id = t.letter
		WHERE t.case_id = $1 ORDER BY t.id LIMIT 20000`, []any{caseID}, func(scan func(...any) error) error {
		var t Telling
		err := scan(&t.ID, &t.Case, &t.Affected, &t.Receiver, &t.Name, &t.At, &t.By, &t.Channel, &t.Address, &t.Contact, &t.Letter, &t.State, &t.HandedAt,
			&t.Language, &t.Label, &t.Lowered, &t.Subject, &t.Text)
		t.TLP = tlp.Label(t.Label).String()
		out = append(out, t)
		return err
	})
	return out, err
}

// move gives the affected of a case to another one; who is there already stays once, with the tellings of both.
func move(tx *db.Tx, from, into int64) error {
	for _, q := range []string{
		`UPDATE incident_telling SET affected = (SELECT b.id FROM incident_affected a JOIN incident_affected b ON b.case_id = $2 AND b.kind = a.kind
			AND b.constituent = a.constituent AND b.name = a.name WHERE a.id = incident_telling.affected)
			WHERE case_id = $1 AND EXISTS (SELECT 1 FROM incident_affected a JOIN incident_affected b ON b.case_id = $2 AND b.kind = a.kind
			AND b.constituent = a.constituent AND b.name = a.name WHERE a.id = incident_telling.affected)`,
		`UPDATE incident_affected SET state = 'told' WHERE case_id = $2 AND state <> 'told' AND EXISTS (SELECT 1 FROM incident_affected a WHERE a.case_id = $1
			AND a.kind = incident_affected.kind AND a.constituent = incident_affected.constituent AND a.name = incident_affected.name AND a.state = 'told')`,
		`DELETE FROM incident_affected WHERE case_id = $1 AND EXISTS (SELECT 1 FROM incident_affected b WHERE b.case_id = $2 AND b.kind = incident_affected.kind
			AND b.constituent = incident_affected.constituent AND b.name = incident_affected.name)`,
		`UPDATE incident_affected SET case_id = $2 WHERE case_id = $1`,
		`UPDATE incident_telling SET case_id = $2 WHERE case_id = $1`,
	} {
		if _, err := tx.Exec(q, from, into); err != nil {
			return err
		}
	}
	return nil
}
