package identity

import (
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const linkColumns = `id, kind, account, login, name, role, constituent, inviter, created, expires, used`

func scanLink(scan func(...any) error) (*Link, error) {
	var l Link
	err := scan(&l.ID, &l.Kind, &l.Account, &l.Login, &l.Name, &l.Role, &l.Constituent, &l.Inviter, &l.Created, &l.Expires, &l.Used)
	return &l, err
}

func insertLink(tx *db.Tx, digest []byte, l *Link) error {
	err := tx.Row(`INSERT INTO link (digest, kind, account, login, name, role, constituent, inviter, created, expires, used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0) RETURNING id`, digest, string(l.Kind), l.Account, l.Login, l.Name,
		string(l.Role), l.Constituent, l.Inviter, l.Created, l.Expires).Scan(&l.ID)
	if err != nil {
		return fmt.Errorf("make a link: %w", err)
	}
	return nil
}

func linkByDigest(tx *db.Tx, digest []byte) (*Link, error) {
	return scanLink(tx.Row(`SELECT `+linkColumns+` FROM link WHERE digest = $1`, digest).Scan)
}

func linkByID(tx *db.Tx, id int64) (*Link, error) {
	return scanLink(tx.Row(`SELECT `+linkColumns+` FROM link WHERE id = $1`, id).Scan)
}

func openLinks(tx *db.Tx, constituents []int64, now int64) ([]Link, error) {
	where, args := "", []any{now}
	if constituents != nil {
		in := []string{"-1"}
		for _, c := range constituents {
			args = append(args, c)
			in = append(in, fmt.Sprintf("$%d", len(args)))
		}
		where = ` AND constituent IN (` + strings.Join(in, ", ") + `)`
	}
	list := []Link{}
	err := tx.Each(`SELECT `+linkColumns+` FROM link WHERE kind = 'invitation' AND used = 0 AND expires > $1`+where+` ORDER BY id DESC LIMIT 500`, args,
		func(scan func(...any) error) error {
			l, err := scanLink(scan)
			list = append(list, *l)
			return err
		})
	return list, err
}

// spendLink marks a link as used; false when somebody was faster.
func spendLink(tx *db.Tx, id, now int64) (bool, error) {
	n, err := tx.Exec(`UPDATE link SET used = $1 WHERE id = $2 AND used = 0`, now, id)
	return n == 1, err
}

func spendLinks(tx *db.Tx, kind LinkKind, now int64) error {
	_, err := tx.Exec(`UPDATE link SET used = $1 WHERE kind = $2 AND used = 0`, now, string(kind))
	return err
}

func insertRecovery(tx *db.Tx, account int64, reason string, by, now int64) (id int64, err error) {
	err = tx.Row(`INSERT INTO recovery (account, reason, asked_by, asked, decided_by, decided, approved) VALUES ($1, $2, $3, $4, 0, 0, 0) RETURNING id`,
		account, reason, by, now).Scan(&id)
	return id, err
}

const recoveryColumns = `SELECT r.id, r.account, a.login, a.name, r.reason, r.asked_by, b.name, r.asked, r.decided, r.approved
	FROM recovery r JOIN account a ON a.id = r.account JOIN account b ON b.id = r.asked_by `

func scanRecovery(scan func(...any) error) (*Recovery, error) {
	var r Recovery
	var approved int
	err := scan(&r.ID, &r.Account, &r.Login, &r.Name, &r.Reason, &r.AskedBy, &r.Asker, &r.Asked, &r.decided, &approved)
	r.approved = approved != 0
	return &r, err
}

func recoveryByID(tx *db.Tx, id int64) (*Recovery, error) {
	r, err := scanRecovery(tx.Row(recoveryColumns+`WHERE r.id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return nil, fault.NotFoundf("there is no request for recovery %d", id)
	}
	return r, err
}

func openRecoveries(tx *db.Tx) ([]Recovery, error) {
	list := []Recovery{}
	err := tx.Each(recoveryColumns+`WHERE r.decided = 0 ORDER BY r.id LIMIT 200`, nil, func(scan func(...any) error) error {
		r, err := scanRecovery(scan)
		list = append(list, *r)
		return err
	})
	return list, err
}

func decideRecovery(tx *db.Tx, id, by, now int64, approve bool) error {
	approved := 0
	if approve {
		approved = 1
	}
	n, err := tx.Exec(`UPDATE recovery SET decided_by = $1, decided = $2, approved = $3 WHERE id = $4 AND decided = 0`, by, now, approved, id)
	if err == nil && n == 0 {
		return fault.Conflictf("this request is decided already")
	}
	return err
}
