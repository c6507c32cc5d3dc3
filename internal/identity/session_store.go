package identity

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const sessionColumns = `id, account, half, method, created, seen, address, agent`

func scanSession(scan func(...any) error) (*Session, error) {
	var x Session
	var half int
	err := scan(&x.ID, &x.Account, &half, &x.Method, &x.Created, &x.Seen, &x.Address, &x.Agent)
	x.Half = half != 0
	return &x, err
}

func insertSession(tx *db.Tx, digest []byte, x Session) error {
	half := 0
	if x.Half {
		half = 1
	}
	_, err := tx.Exec(`INSERT INTO session (digest, account, half, method, created, seen, address, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		digest, x.Account, half, x.Method, x.Created, x.Seen, x.Address, x.Agent)
	return err
}

func sessionByDigest(tx *db.Tx, digest []byte) (*Session, error) {
	return scanSession(tx.Row(`SELECT `+sessionColumns+` FROM session WHERE digest = $1`, digest).Scan)
}

func touchSession(tx *db.Tx, id, now int64) error {
	_, err := tx.Exec(`UPDATE session SET seen = $1 WHERE id = $2 AND seen < $1`, now, id)
	return err
}

func deleteSession(tx *db.Tx, digest []byte) error {
	_, err := tx.Exec(`DELETE FROM session WHERE digest = $1`, digest)
	return err
}

func endSession(tx *db.Tx, account, id int64) error {
	n, err := tx.Exec(`DELETE FROM session WHERE account = $1 AND id = $2`, account, id)
	if err == nil && n == 0 {
		return fault.NotFoundf("there is no session %d of this account", id)
	}
	return err
}

func endSessions(tx *db.Tx, account, keep int64) error {
	_, err := tx.Exec(`DELETE FROM session WHERE account = $1 AND id <> $2`, account, keep)
	return err
}

func expireSessions(tx *db.Tx, created, seen int64) error {
	_, err := tx.Exec(`DELETE FROM session WHERE created < $1 OR seen < $2`, created, seen)
	return err
}

func sessionsOf(tx *db.Tx, account, created, seen int64) ([]Session, error) {
	list := []Session{}
	err := tx.Each(`SELECT `+sessionColumns+` FROM session WHERE account = $1 AND half = 0 AND created >= $2 AND seen >= $3
		ORDER BY seen DESC, id DESC LIMIT 200`, []any{account, created, seen}, func(scan func(...any) error) error {
		x, err := scanSession(scan)
		list = append(list, *x)
		return err
	})
	return list, err
}
