package identity

import (
	"encoding/json"
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const tokenColumns = `id, account, name, hint, scope, created, expires, used, revoked`

func scanToken(scan func(...any) error) (*Token, error) {
	var t Token
	var scope string
	if err := scan(&t.ID, &t.Account, &t.Name, &t.Hint, &scope, &t.Created, &t.Expires, &t.Used, &t.Revoked); err != nil {
		return &t, err
	}
	if err := json.Unmarshal([]byte(scope), &t.Scope); err != nil {
		return &t, fmt.Errorf("read the scope of token %d: %w", t.ID, err)
	}
	return &t, nil
}

func insertToken(tx *db.Tx, digest []byte, t *Token) error {
	scope, err := scopeJSON(t.Scope)
	if err != nil {
		return err
	}
	err = tx.Row(`INSERT INTO token (digest, account, name, hint, scope, created, expires, used, revoked)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0) RETURNING id`, digest, t.Account, t.Name, t.Hint, scope, t.Created, t.Expires).Scan(&t.ID)
	if err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	return nil
}

func tokenByDigest(tx *db.Tx, digest []byte) (*Token, error) {
	return scanToken(tx.Row(`SELECT `+tokenColumns+` FROM token WHERE digest = $1`, digest).Scan)
}

func tokensOf(tx *db.Tx, account, now int64) ([]Token, error) {
	list := []Token{}
	err := tx.Each(`SELECT `+tokenColumns+` FROM token WHERE account = $1 AND revoked = 0 AND expires > $2 ORDER BY id DESC LIMIT 200`,
		[]any{account, now}, func(scan func(...any) error) error {
			t, err := scanToken(scan)
			list = append(list, *t)
			return err
		})
	return list, err
}

func touchToken(tx *db.Tx, id, now int64) error {
	_, err := tx.Exec(`UPDATE token SET used = $1 WHERE id = $2 AND used < $1`, now, id)
	return err
}

func revokeToken(tx *db.Tx, account, id, now int64) error {
	n, err := tx.Exec(`UPDATE token SET revoked = $1 WHERE account = $2 AND id = $3 AND revoked = 0`, now, account, id)
	if err == nil && n == 0 {
		return fault.NotFoundf("there is no live token %d of this account", id)
	}
	return err
}

func revokeTokens(tx *db.Tx, account, now int64) error {
	_, err := tx.Exec(`UPDATE token SET revoked = $1 WHERE account = $2 AND revoked = 0`, now, account)
	return err
}

func insertCertificate(tx *db.Tx, account int64, c Certificate) error {
	n, err := tx.Exec(`INSERT INTO certificate (fingerprint, account, name, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		c.Fingerprint, account, c.Name, c.Created)
	if err == nil && n == 0 {
		return fault.Conflictf("this certificate is known already: take it from the other account first")
	}
	return err
}

func deleteCertificate(tx *db.Tx, account int64, fingerprint string) error {
	n, err := tx.Exec(`DELETE FROM certificate WHERE account = $1 AND fingerprint = $2`, account, fingerprint)
	if err == nil && n == 0 {
		return fault.NotFoundf("the account has no such certificate")
	}
	return err
}

func certificatesOf(tx *db.Tx, account int64) ([]Certificate, error) {
	list := []Certificate{}
	err := tx.Each(`SELECT fingerprint, name, created FROM certificate WHERE account = $1 ORDER BY created, fingerprint LIMIT 200`, []any{account},
		func(scan func(...any) error) error {
			var c Certificate
			err := scan(&c.Fingerprint, &c.Name, &c.Created)
			list = append(list, c)
			return err
		})
	return list, err
}

func certificateAccount(tx *db.Tx, fingerprint string) (id int64, err error) {
	err = tx.Row(`SELECT account FROM certificate WHERE fingerprint = $1`, fingerprint).Scan(&id)
	return id, err
}
