package sitrep

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const columns = before + `body` + after

// heads are the columns for lists: only a draft has its body, for it tells whether figures changed.
const heads = before + `CASE WHEN state = 'draft' THEN body ELSE '{}' END` + after

const (
	before = `id, year, serial, edition, replaces, since, until, tlp, state, `
	after  = `, sha256, version, drafted, drafted_by, edited, edited_by, editor, approved, approved_by, withdrawn, withdrawn_by, withdrawal, reason`
)

func scanSitrep(scan func(...any) error) (s Sitrep, err error) {
	var body string
	var year, serial, edition int32
	err = scan(&s.ID, &year, &serial, &edition, &s.Replaces, &s.Since, &s.Until, &s.Label, &s.State, &body, &s.SHA256, &s.Version, &s.Drafted, &s.DraftedBy,
		&s.Edited, &s.EditedBy, &s.editor, &s.Approved, &s.ApprovedBy, &s.Withdrawn, &s.WithdrawnBy, &s.Withdrawal, &s.Reason)
	if err != nil {
		return s, err
	}
	s.Year, s.Serial, s.Edition = int(year), int(serial), int(edition)
	if err := json.Unmarshal([]byte(body), &s.Body); err != nil {
		return s, fmt.Errorf("read situation report %d: %w", s.ID, err)
	}
	return s, nil
}

func byID(tx *db.Tx, id int64) (Sitrep, error) {
	s, err := scanSitrep(tx.Row(`SELECT `+columns+` FROM sitrep WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return s, fault.NotFoundf("there is no situation report %d", id)
	}
	return s, err
}

// lock reads a report that is about to be changed; others wait until that is committed.
func lock(tx *db.Tx, id int64) (Sitrep, error) {
	if _, err := tx.Exec(`UPDATE sitrep SET version = version WHERE id = $1`, id); err != nil {
		return Sitrep{}, err
	}
	return byID(tx, id)
}

func list(tx *db.Tx, f Filter, limit int) ([]Sitrep, error) {
	var w []string
	var args []any
	add := func(condition string, v any) {
		args = append(args, v)
		w = append(w, fmt.Sprintf(condition, len(args)))
	}
	if f.State != "" {
		add(`state = $%d`, string(f.State))
	}
	if f.Year != 0 {
		add(`year = $%d`, int32(f.Year))
	}
	if f.Before != 0 {
		add(`id < $%d`, f.Before)
	}
	where := ``
	if len(w) > 0 {
		where = ` WHERE ` + strings.Join(w, ` AND `)
	}
	args = append(args, limit)
	return each(tx, heads, where+fmt.Sprintf(` ORDER BY id DESC LIMIT $%d`, len(args)), args...)
}

// outside are the reports that were approved to leave the CERT and are valid or withdrawn, the latest first.
func outside(tx *db.Tx, before int64, limit int) ([]Sitrep, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return all(tx, ` WHERE approved > 0 AND state IN ('approved', 'withdrawn') AND tlp < $1 AND id < $2 ORDER BY id DESC LIMIT $3`, int32(tlp.Amber), before, limit)
}

func all(tx *db.Tx, rest string, args ...any) ([]Sitrep, error) {
	return each(tx, columns, rest, args...)
}

func each(tx *db.Tx, what, rest string, args ...any) (out []Sitrep, err error) {
	err = tx.Each(`SELECT `+what+` FROM sitrep`+rest, args, func(scan func(...any) error) error {
		s, err := scanSitrep(scan)
		out = append(out, s)
		return err
	})
	return out, err
}

// latest is the report of what was approved that tells of the latest time; found is false without one.
func latest(tx *db.Tx) (s Sitrep, found bool, err error) {
	return first(all(tx, ` WHERE state IN ('approved', 'replaced') ORDER BY until DESC, id DESC LIMIT 1`))
}

// open is the draft that corrects nothing; there is one at most.
func open(tx *db.Tx) (s Sitrep, found bool, err error) {
	return first(all(tx, ` WHERE slot = 0`))
}

func first(ss []Sitrep, err error) (Sitrep, bool, error) {
	if err != nil || len(ss) == 0 {
		return Sitrep{}, false, err
	}
	return ss[0], true, nil
}

// editions are all of a number, the first one first.
func editions(tx *db.Tx, year, serial int) ([]Sitrep, error) {
	return each(tx, heads, ` WHERE year = $1 AND serial = $2 ORDER BY edition LIMIT 100`, int32(year), int32(serial))
}

// lastEditions are the latest edition of a number, given up or not, and the latest one that was approved.
func lastEditions(tx *db.Tx, year, serial int) (last, approved int32, err error) {
	err = tx.Row(`SELECT COALESCE(MAX(edition), 0), COALESCE(MAX(CASE WHEN approved > 0 THEN edition ELSE 0 END), 0) FROM sitrep WHERE year = $1 AND serial = $2`,
		int32(year), int32(serial)).Scan(&last, &approved)
	return last, approved, err
}

// toldOf tells whether a report that corrects nothing tells of what happened until a time.
func toldOf(tx *db.Tx, until int64) (bool, error) {
	var n int64
	err := tx.Row(`SELECT COUNT(*) FROM sitrep WHERE replaces = 0 AND until >= $1`, until).Scan(&n)
	return n > 0, err
}

// insert writes a new draft down, numbered; false when there is one already.
func insert(tx *db.Tx, s *Sitrep) (fresh bool, err error) {
	if s.Serial == 0 {
		var last int32
		if err := tx.Row(`SELECT COALESCE(MAX(serial), 0) FROM sitrep WHERE year = $1`, int32(s.Year)).Scan(&last); err != nil {
			return false, err
		}
		s.Serial, s.Edition = int(last)+1, 1
	}
	body, err := json.Marshal(s.Body)
	if err != nil {
		return false, err
	}
	err = tx.Row(`INSERT INTO sitrep (year, serial, edition, replaces, slot, since, until, tlp, state, body, sha256, version, drafted, drafted_by, edited, edited_by,
		editor, approved, approved_by, withdrawn, withdrawn_by, withdrawal, reason)
		VALUES ($1, $2, $3, $4, $4, $5, $6, $7, 'draft', $8, '', 1, $9, $10, $11, $12, $13, 0, '', 0, '', '', $14) ON CONFLICT DO NOTHING RETURNING id`,
		int32(s.Year), int32(s.Serial), int32(s.Edition), s.Replaces, s.Since, s.Until, int32(s.Label), string(body), s.Drafted, s.DraftedBy,
		s.Edited, s.EditedBy, s.editor, s.Reason).Scan(&s.ID)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

// update writes a report back. Only a draft keeps its slot.
func update(tx *db.Tx, s *Sitrep) error {
	body, err := json.Marshal(s.Body)
	if err != nil {
		return err
	}
	var slot *int64
	if s.State == Draft {
		slot = &s.Replaces
	}
	s.Version++
	_, err = tx.Exec(`UPDATE sitrep SET slot = $1, since = $2, until = $3, tlp = $4, state = $5, body = $6, sha256 = $7, version = $8, edited = $9,
		edited_by = $10, editor = $11, approved = $12, approved_by = $13, withdrawn = $14, withdrawn_by = $15, withdrawal = $16 WHERE id = $17`,
		slot, s.Since, s.Until, int32(s.Label), string(s.State), string(body), s.SHA256, s.Version, s.Edited, s.EditedBy, s.editor, s.Approved, s.ApprovedBy,
		s.Withdrawn, s.WithdrawnBy, s.Withdrawal, s.ID)
	return err
}

const recipientColumns = `SELECT r.id, r.address, r.name, r.constituent, r.recipient, r.language, r.encrypt, r.letter, r.at, r.by_name, COALESCE(l.state, '')
	FROM sitrep_recipient r LEFT JOIN outbox_letter l ON l.id = r.letter`

func recipients(tx *db.Tx, id, after int64, limit int) ([]Recipient, error) {
	return eachRecipient(tx, ` WHERE r.sitrep = $1 AND r.id > $2 ORDER BY r.id LIMIT $3`, id, after, limit)
}

// holders are who was sent a report or an earlier edition of its number, each address once, as they were sent the latest; begun
// leaves out letters that never began to leave, and editions before it that were withdrawn.
func holders(tx *db.Tx, s *Sitrep, begun bool) ([]Recipient, error) {
	rest := ` JOIN sitrep e ON e.id = r.sitrep WHERE e.year = $1 AND e.serial = $2 AND e.edition <= $3`
	if begun {
		rest += ` AND COALESCE(l.attempts, 0) > 0 AND (e.edition = $3 OR e.state <> 'withdrawn')`
	}
	all, err := eachRecipient(tx, rest+` ORDER BY e.edition DESC, r.id LIMIT 1000000`, int32(s.Year), int32(s.Serial), int32(s.Edition))
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(r Recipient) bool {
		had := seen[r.Address]
		seen[r.Address] = true
		return had
	}), err
}

func eachRecipient(tx *db.Tx, rest string, args ...any) (out []Recipient, err error) {
	err = tx.Each(recipientColumns+rest, args, func(scan func(...any) error) error {
		var r Recipient
		var to string
		var encrypt int32
		if err := scan(&r.ID, &r.Address, &r.Name, &r.Constituent, &to, &r.Language, &encrypt, &r.Letter, &r.At, &r.By, &r.State); err != nil {
			return err
		}
		r.encrypt = encrypt == 1
		out = append(out, r)
		return json.Unmarshal([]byte(to), &out[len(out)-1].to)
	})
	return out, err
}

// insertRecipient notes that somebody is sent a report; false when they were noted before.
func insertRecipient(tx *db.Tx, id int64, r *Recipient) (bool, error) {
	to, err := json.Marshal(r.to)
	if err != nil {
		return false, err
	}
	encrypt := int32(0)
	if r.encrypt {
		encrypt = 1
	}
	n, err := tx.Exec(`INSERT INTO sitrep_recipient (sitrep, address, name, constituent, recipient, language, encrypt, letter, at, by_name)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`, id, r.Address, r.Name, r.Constituent, string(to), r.Language, encrypt, r.Letter, r.At, r.By)
	return n > 0, err
}

// addresses are those that were sent a report already.
func addresses(tx *db.Tx, id int64) (map[string]bool, error) {
	out := map[string]bool{}
	err := tx.Each(`SELECT address FROM sitrep_recipient WHERE sitrep = $1 LIMIT 1000000`, []any{id}, func(scan func(...any) error) error {
		var a string
		err := scan(&a)
		out[a] = true
		return err
	})
	return out, err
}
