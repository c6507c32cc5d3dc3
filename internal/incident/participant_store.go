package incident

import (
	"cmp"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const participantColumns = `account, name, until, note, at, by_name, ended, ended_by`

func scanParticipant(scan func(...any) error) (p Participant, err error) {
	return p, scan(&p.Account, &p.Name, &p.Until, &p.Note, &p.At, &p.By, &p.Ended, &p.EndedBy)
}

func saveParticipant(tx *db.Tx, id int64, p *Participant) error {
	_, err := tx.Exec(`INSERT INTO incident_participant (case_id, account, name, until, note, at, by_name, ended, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (case_id, account) DO UPDATE SET name = $3, until = $4, note = $5, at = $6, by_name = $7, ended = $8, ended_by = $9`,
		id, p.Account, p.Name, p.Until, p.Note, p.At, p.By, p.Ended, p.EndedBy)
	return err
}

func participantOf(tx *db.Tx, id, account int64) (Participant, error) {
	p, err := scanParticipant(tx.Row(`SELECT `+participantColumns+` FROM incident_participant WHERE case_id = $1 AND account = $2`, id, account).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return p, fault.NotFoundf("the account %d takes no part in this case", account)
	}
	return p, err
}

func participantsOf(tx *db.Tx, id int64) (out []Participant, err error) {
	err = tx.Each(`SELECT `+participantColumns+` FROM incident_participant WHERE case_id = $1 ORDER BY name, account LIMIT 100`, []any{id}, func(scan func(...any) error) error {
		p, err := scanParticipant(scan)
		out = append(out, p)
		return err
	})
	return out, err
}

// casesOfParticipant are the cases that an account takes part in, and until when.
func casesOfParticipant(tx *db.Tx, account, now int64) (map[int64]int64, error) {
	out := map[int64]int64{}
	return out, tx.Each(`SELECT p.case_id, p.until FROM incident_participant p JOIN incident_case c ON c.id = p.case_id
		WHERE p.account = $1 AND p.account <> 0 AND p.ended = 0 AND p.until > $2 AND c.state <> 'merged' ORDER BY p.case_id DESC LIMIT 100`, []any{account, now},
		func(scan func(...any) error) error {
			var id, until int64
			err := scan(&id, &until)
			out[id] = until
			return err
		})
}

func sortShares(of []Share) {
	slices.SortFunc(of, func(a, b Share) int { return cmp.Compare(b.ID, a.ID) })
}

func sharedEntries(tx *db.Tx, id int64, limit int) (out []Entry, err error) {
	err = tx.Each(`SELECT `+entryColumns+` FROM incident_entry WHERE case_id = $1 AND shared = 1 ORDER BY id DESC LIMIT $2`, []any{id, limit}, func(scan func(...any) error) error {
		e, err := scanEntry(scan)
		out = append(out, e)
		return err
	})
	return out, err
}

func shareFile(tx *db.Tx, id, file int64) error {
	_, err := tx.Exec(`INSERT INTO incident_share (case_id, file) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, file)
	return err
}

func unshareFile(tx *db.Tx, id, file int64) error {
	_, err := tx.Exec(`DELETE FROM incident_share WHERE case_id = $1 AND file = $2`, id, file)
	return err
}

// sharedFiles are the files of a case that its participants may take; one that went to another case is none of them any more.
func sharedFiles(tx *db.Tx, id int64) ([]File, error) {
	return eachFile(tx, `WHERE case_id = $1 AND id IN (SELECT file FROM incident_share WHERE case_id = $1) ORDER BY id LIMIT 1000`, id)
}
