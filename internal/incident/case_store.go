package incident

import (
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const caseColumns = `id, number, title, summary, state, class, type, edition, impact, reach, severity, tlp, pap, cross_border, personal, lead, lead_name,
	aware, opened, changed, resolved, closed, reopened, merged_into, version`

func scanCase(scan func(...any) error) (c Case, err error) {
	var border, personal int32
	err = scan(&c.ID, &c.Number, &c.Title, &c.Summary, &c.State, &c.Class, &c.Type, &c.Edition, &c.Impact, &c.Reach, &c.Severity, &c.Label, &c.PAP, &border,
		&personal, &c.Lead, &c.LeadName, &c.Aware, &c.Opened, &c.Changed, &c.Resolved, &c.Closed, &c.Reopened, &c.MergedInto, &c.Version)
	c.CrossBorder, c.Personal = border == 1, personal == 1
	return c, err
}

// nextNumber counts the cases of a year.
func nextNumber(tx *db.Tx, year int) (string, error) {
	var n int64
	err := tx.PreparedRow(`INSERT INTO incident_year (year, last) VALUES ($1, 1) ON CONFLICT (year) DO UPDATE SET last = incident_year.last + 1 RETURNING last`, int64(year)).Scan(&n)
	return fmt.Sprintf("%d-%04d", year, n), err
}

func insertCase(tx *db.Tx, c *Case) error {
	return tx.PreparedRow(`INSERT INTO incident_case (number, title, summary, state, class, type, edition, impact, reach, severity, tlp, pap, cross_border, personal,
		lead, lead_name, aware, opened, changed, resolved, closed, reopened, merged_into, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, 0, 0, 0, $20) RETURNING id`,
		c.Number, c.Title, c.Summary, string(c.State), c.Class, c.Type, c.Edition, c.Impact, c.Reach, int32(c.Severity), int32(c.Label), int32(c.PAP),
		flag(c.CrossBorder), flag(c.Personal), c.Lead, c.LeadName, c.Aware, c.Opened, c.Changed, c.Version).Scan(&c.ID)
}

func updateCase(tx *db.Tx, c *Case) error {
	c.Version++
	_, err := tx.Prepared(`UPDATE incident_case SET title = $1, summary = $2, state = $3, class = $4, type = $5, edition = $6, impact = $7, reach = $8,
		severity = $9, tlp = $10, pap = $11, cross_border = $12, personal = $13, lead = $14, lead_name = $15, aware = $16, changed = $17, resolved = $18,
		closed = $19, reopened = $20, merged_into = $21, version = $22 WHERE id = $23`,
		c.Title, c.Summary, string(c.State), c.Class, c.Type, c.Edition, c.Impact, c.Reach, int32(c.Severity), int32(c.Label), int32(c.PAP),
		flag(c.CrossBorder), flag(c.Personal), c.Lead, c.LeadName, c.Aware, c.Changed, c.Resolved, c.Closed, c.Reopened, c.MergedInto, c.Version, c.ID)
	return err
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// lockCase reads a case that is about to be changed; others wait until that is committed.
func lockCase(tx *db.Tx, id int64) (Case, error) {
	if _, err := tx.Prepared(`UPDATE incident_case SET version = version WHERE id = $1`, id); err != nil {
		return Case{}, err
	}
	return caseByID(tx, id)
}

func joinedTo(tx *db.Tx, id int64, limit int) (numbers []string, err error) {
	err = tx.Each(`WITH RECURSIVE part (id) AS (
			SELECT id FROM incident_case WHERE merged_into = $1 AND merged_into <> 0
			UNION SELECT c.id FROM incident_case c JOIN part p ON c.merged_into = p.id AND c.merged_into <> 0)
		SELECT number FROM incident_case WHERE id IN (SELECT id FROM part) ORDER BY id LIMIT $2`, []any{id, limit}, func(scan func(...any) error) error {
		var n string
		err := scan(&n)
		numbers = append(numbers, n)
		return err
	})
	return numbers, err
}

func caseByID(tx *db.Tx, id int64) (Case, error) {
	c, err := scanCase(tx.PreparedRow(`SELECT `+caseColumns+` FROM incident_case WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return c, noCase(id)
	}
	if err == nil {
		c.Parties, err = partiesOf(tx, id)
	}
	return c, err
}

func caseByNumber(tx *db.Tx, number string) (Case, error) {
	var id int64
	err := tx.Row(`SELECT id FROM incident_case WHERE number = $1`, number).Scan(&id)
	if fault.KindOf(err) == fault.NotFound {
		return Case{}, fault.NotFoundf("there is no case %q", number)
	}
	if err != nil {
		return Case{}, err
	}
	return caseByID(tx, id)
}

func partiesOf(tx *db.Tx, id int64) (out []Party, err error) {
	err = tx.PreparedEach(`SELECT constituent, part, at, name FROM incident_party WHERE case_id = $1 ORDER BY part, constituent LIMIT 10000`, []any{id},
		func(scan func(...any) error) error {
			var p Party
			err := scan(&p.Constituent, &p.Part, &p.At, &p.By)
			out = append(out, p)
			return err
		})
	return out, err
}

func insertParty(tx *db.Tx, id int64, p *Party) (fresh bool, err error) {
	n, err := tx.Prepared(`INSERT INTO incident_party (case_id, constituent, part, at, name) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		id, p.Constituent, p.Part, p.At, p.By)
	return n > 0, err
}

func deleteParty(tx *db.Tx, id, constituent int64, part string) (int64, error) {
	return tx.Exec(`DELETE FROM incident_party WHERE case_id = $1 AND constituent = $2 AND part = $3`, id, constituent, part)
}

const entryColumns = `id, case_id, at, written, kind, body, detail, shared, actor, name`

func scanEntry(scan func(...any) error) (e Entry, err error) {
	var shared int32
	err = scan(&e.ID, &e.Case, &e.At, &e.Written, &e.Kind, &e.Text, &e.Detail, &shared, &e.Actor, &e.Name)
	e.Shared = shared == 1
	return e, err
}

func insertEntry(tx *db.Tx, e *Entry) error {
	return tx.PreparedRow(`INSERT INTO incident_entry (case_id, at, written, kind, body, detail, shared, actor, name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		e.Case, e.At, e.Written, e.Kind, e.Text, e.Detail, flag(e.Shared), e.Actor, e.Name).Scan(&e.ID)
}

func lastEntry(tx *db.Tx, id int64) (Entry, error) {
	return scanEntry(tx.Row(`SELECT `+entryColumns+` FROM incident_entry WHERE case_id = $1 ORDER BY id DESC LIMIT 1`, id).Scan)
}

func entriesOf(tx *db.Tx, id, before int64, limit int) (out []Entry, err error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	err = tx.PreparedEach(`SELECT `+entryColumns+` FROM incident_entry WHERE case_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, []any{id, before, limit},
		func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			out = append(out, e)
			return err
		})
	return out, err
}

// moveCase gives what stands at a case to another one. What a person said of an indicator counts more than that it was proposed, and a
// case is not linked to itself.
func moveCase(tx *db.Tx, from, into int64) error {
	for _, q := range []string{
		`UPDATE incident_entry SET case_id = $1, shared = 0 WHERE case_id = $2`, // the participants of one case are not those of the other
		`UPDATE incident_file SET case_id = $1 WHERE case_id = $2`,
		`INSERT INTO incident_party (case_id, constituent, part, at, name) SELECT $1, constituent, part, at, name FROM incident_party WHERE case_id = $2 ON CONFLICT DO NOTHING`,
		`UPDATE incident_task SET case_id = $1 WHERE case_id = $2`,
		`INSERT INTO incident_indicator (case_id, type, value, verdict, source, at, name) SELECT $1, type, value, verdict, source, at, name FROM incident_indicator
			WHERE case_id = $2 ON CONFLICT (case_id, type, value) DO UPDATE SET verdict = excluded.verdict, name = excluded.name
			WHERE incident_indicator.verdict = 'proposed'`,
		`INSERT INTO incident_link (case_id, object, title, at, name) SELECT $1, object, title, at, name FROM incident_link WHERE case_id = $2 ON CONFLICT DO NOTHING`,
	} {
		if _, err := tx.Exec(q, into, from); err != nil {
			return err
		}
	}
	_, err := deleteLink(tx, into, fmt.Sprintf("case:%d", into))
	return err
}
