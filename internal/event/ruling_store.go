package event

import (
	"encoding/json"
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// readRulings puts what people ruled into a block.
func readRulings(tx *db.Tx, b *block, lo, hi []byte) error {
	return tx.Each(`SELECT finding, disposition, until, assignee FROM finding_ruling WHERE finding >= $1 AND finding < $2 AND
		(disposition <> '' OR assignee <> 0) ORDER BY finding`, []any{lo, hi}, func(scan func(...any) error) error {
		var id []byte
		var r ruled
		if err := scan(&id, &r.disposition, &r.until, &r.assignee); err != nil {
			return err
		}
		row := b.search(id[4:])
		if row == b.len() || string(b.id(row)) != string(id[4:]) {
			return nil // a correction removed it; the ruling waits for it
		}
		if b.rulings == nil {
			b.rulings = map[uint32]ruled{}
		}
		b.rulings[uint32(row)] = r
		b.severity[row] |= hasRuling
		b.risks = b.risks || r.disposition == RuledAccepted
		return nil
	})
}

// typeVersion is a type's version as the transaction sees it.
func typeVersion(tx *db.Tx, typ int64) (v int64, err error) {
	return v, tx.Row(`SELECT version FROM report_type WHERE id = $1`, typ).Scan(&v)
}

func insertDeed(tx *db.Tx, d *Deed) (id int64, err error) {
	err = tx.Row(`INSERT INTO finding_act (at, actor, name, verb, reason, until, assignee, assignee_name, constituent, filter,
		findings, skipped) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0) RETURNING id`, d.At, tx.Actor().Subject(), d.Actor,
		string(d.Verb), d.Note, int64(d.Until), d.Assignee.ID, d.Assignee.Name, d.Constituent, d.Query).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("record the act: %w", err)
	}
	return id, nil
}

// countDeed writes what is known of an act only after it.
func countDeed(tx *db.Tx, d *Deed) error {
	_, err := tx.Exec(`UPDATE finding_act SET findings = $1, skipped = $2, constituent = $3 WHERE id = $4`, d.Findings, d.Skipped,
		d.Constituent, d.ID)
	return err
}

// saveStand writes what stands of a finding now.
func saveStand(tx *db.Tx, id ID, before, after stand) error {
	_, err := tx.Prepared(`INSERT INTO finding_ruling (finding, disposition, until, reason, assignee, assignee_name, act)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (finding) DO UPDATE SET disposition = excluded.disposition,
		until = excluded.until, reason = excluded.reason, assignee = excluded.assignee, assignee_name = excluded.assignee_name,
		act = excluded.act`, []byte(id), string(after.Disposition), int64(after.Until), after.Reason, after.Assignee,
		after.AssigneeName, after.Act)
	if err == nil && before.Closed != after.Closed {
		_, err = tx.Prepared(`UPDATE finding SET closed_day = $1 WHERE id = $2`, int64(after.Closed), []byte(id))
	}
	if err != nil {
		return fmt.Errorf("write the ruling of %s: %w", id, err)
	}
	return nil
}

// item is a finding that an act was done with, what stood before, and the act that made what stands now.
type item struct {
	finding ID
	earlier stand
	now     int64
	closed  Day // as it is now
}

func insertItem(tx *db.Tx, deed int64, id ID, earlier stand) error {
	b, err := json.Marshal(earlier)
	if err != nil {
		return err
	}
	_, err = tx.Prepared(`INSERT INTO finding_act_item (act, finding, earlier) VALUES ($1, $2, $3)`, deed, []byte(id), string(b))
	return err
}

func itemsOf(tx *db.Tx, deed int64) ([]item, error) {
	var out []item
	err := tx.Each(`SELECT i.finding, i.earlier, COALESCE(r.act, 0), COALESCE(f.closed_day, -1) FROM finding_act_item i
		LEFT JOIN finding_ruling r ON r.finding = i.finding LEFT JOIN finding f ON f.id = i.finding WHERE i.act = $1 ORDER BY i.finding`, []any{deed},
		func(scan func(...any) error) error {
			var id []byte
			var s string
			var it item
			if err := scan(&id, &s, &it.now, &it.closed); err != nil {
				return err
			}
			it.finding = ID(id)
			if err := json.Unmarshal([]byte(s), &it.earlier); err != nil {
				return fmt.Errorf("what act %d replaced of %s: %w", deed, it.finding, err)
			}
			out = append(out, it)
			return nil
		})
	return out, err
}

func findingsOf(tx *db.Tx, deed int64, limit int) ([]ID, error) {
	var out []ID
	err := tx.Each(`SELECT finding FROM finding_act_item WHERE act = $1 ORDER BY finding LIMIT $2`, []any{deed, limit},
		func(scan func(...any) error) error {
			var id []byte
			err := scan(&id)
			out = append(out, ID(id))
			return err
		})
	return out, err
}

const deedFields = `SELECT a.id, a.at, a.name, a.verb, a.reason, a.until, a.assignee, a.assignee_name, a.constituent, a.filter,
	a.findings, a.skipped, a.undone_at, a.undone_by, a.undone_left FROM finding_act a `

func scanDeed(scan func(...any) error) (d Deed, err error) {
	err = scan(&d.ID, &d.At, &d.Actor, &d.Verb, &d.Note, &d.Until, &d.Assignee.ID, &d.Assignee.Name, &d.Constituent, &d.Query,
		&d.Findings, &d.Skipped, &d.UndoneAt, &d.UndoneBy, &d.Left)
	return d, err
}

func deedByID(tx *db.Tx, id int64) (*Deed, error) {
	d, err := scanDeed(tx.Row(deedFields+`WHERE a.id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return nil, fault.NotFoundf("there is no act %d on findings", id)
	}
	return &d, err
}

func deeds(tx *db.Tx, before int64, limit int) (out []Deed, err error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	err = tx.Each(deedFields+`WHERE a.id < $1 ORDER BY a.id DESC LIMIT $2`, []any{before, limit}, func(scan func(...any) error) error {
		d, err := scanDeed(scan)
		out = append(out, d)
		return err
	})
	return out, err
}

// deedsOf lists what people did with a finding, but for their notes, the latest first.
func deedsOf(tx *db.Tx, id ID, limit int) (out []Deed, err error) {
	err = tx.Each(deedFields+`JOIN finding_act_item i ON i.act = a.id WHERE i.finding = $1 AND a.verb <> 'note'
		ORDER BY a.id DESC LIMIT $2`, []any{[]byte(id), limit}, func(scan func(...any) error) error {
		d, err := scanDeed(scan)
		out = append(out, d)
		return err
	})
	return out, err
}

// markUndone tells whether the act was not undone before.
func markUndone(tx *db.Tx, id, at int64, by string) (bool, error) {
	n, err := tx.Exec(`UPDATE finding_act SET undone_at = $1, undone_by = $2 WHERE id = $3 AND undone_at = 0`, at, by, id)
	return n == 1, err
}

func countLeft(tx *db.Tx, id, left int64) error {
	_, err := tx.Exec(`UPDATE finding_act SET undone_left = $1 WHERE id = $2`, left, id)
	return err
}

func insertNote(tx *db.Tx, id ID, d *Deed) error {
	_, err := tx.Prepared(`INSERT INTO finding_note (finding, act, at, author, name, body) VALUES ($1, $2, $3, $4, $5, $6)`, []byte(id),
		d.ID, d.At, tx.Actor().Subject(), d.Actor, d.Note)
	return err
}

// notesOf lists the notes of a finding, oldest first; what a retracted one said is not told.
func notesOf(tx *db.Tx, id ID, limit int) (out []Note, err error) {
	err = tx.Each(`SELECT id, at, name, CASE WHEN retracted_at > 0 THEN '' ELSE body END, retracted_at, retracted_by FROM finding_note
		WHERE finding = $1 ORDER BY id LIMIT $2`, []any{[]byte(id), limit}, func(scan func(...any) error) error {
		var n Note
		err := scan(&n.ID, &n.At, &n.Author, &n.Body, &n.RetractedAt, &n.RetractedBy)
		out = append(out, n)
		return err
	})
	return out, err
}

// retractNote tells whether the note was not retracted before.
func retractNote(tx *db.Tx, id, at int64, by string) (finding ID, first bool, err error) {
	var b []byte
	err = tx.Row(`SELECT finding FROM finding_note WHERE id = $1`, id).Scan(&b)
	if fault.KindOf(err) == fault.NotFound {
		return "", false, fault.NotFoundf("there is no note %d", id)
	}
	if err != nil {
		return "", false, err
	}
	n, err := tx.Exec(`UPDATE finding_note SET retracted_at = $1, retracted_by = $2 WHERE id = $3 AND retracted_at = 0`, at, by, id)
	return ID(b), n == 1, err
}

// retractNotesOf retracts the notes that an act wrote and nobody retracted yet.
func retractNotesOf(tx *db.Tx, deed, at int64, by string) (int64, error) {
	return tx.Exec(`UPDATE finding_note SET retracted_at = $1, retracted_by = $2 WHERE act = $3 AND retracted_at = 0`, at, by, deed)
}

func assignees(tx *db.Tx) (out []Assignee, err error) {
	err = tx.Each(`SELECT assignee, MAX(assignee_name) FROM finding_ruling WHERE assignee <> 0 GROUP BY assignee ORDER BY 2, 1 LIMIT 200`,
		nil, func(scan func(...any) error) error {
			var a Assignee
			err := scan(&a.ID, &a.Name)
			out = append(out, a)
			return err
		})
	return out, err
}
