package identity

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func insertPasskey(tx *db.Tx, k Passkey) error {
	n, err := tx.Exec(`INSERT INTO passkey (account, credential, body, name, created, used) VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING`,
		k.Account, k.Credential, k.Body, k.Name, k.Created)
	if err == nil && n == 0 {
		return fault.Conflictf("this passkey is known already")
	}
	return err
}

func passkeysOf(tx *db.Tx, account int64) ([]Passkey, error) {
	list := []Passkey{}
	err := tx.Each(`SELECT id, account, credential, body, name, created, used FROM passkey WHERE account = $1 ORDER BY id LIMIT 100`, []any{account},
		func(scan func(...any) error) error {
			var k Passkey
			err := scan(&k.ID, &k.Account, &k.Credential, &k.Body, &k.Name, &k.Created, &k.Used)
			list = append(list, k)
			return err
		})
	return list, err
}

func usePasskey(tx *db.Tx, account int64, credential []byte, body string, now int64) error {
	_, err := tx.Exec(`UPDATE passkey SET body = $1, used = $2 WHERE account = $3 AND credential = $4`, body, now, account, credential)
	return err
}

func deletePasskey(tx *db.Tx, account, id int64) error {
	n, err := tx.Exec(`DELETE FROM passkey WHERE account = $1 AND id = $2`, account, id)
	if err == nil && n == 0 {
		return fault.NotFoundf("there is no passkey %d of this account", id)
	}
	return err
}

func deletePasskeys(tx *db.Tx, account int64) error {
	_, err := tx.Exec(`DELETE FROM passkey WHERE account = $1`, account)
	return err
}

func insertProvider(tx *db.Tx, account int64, issuer, subject string, now int64) error {
	n, err := tx.Exec(`INSERT INTO account_provider (issuer, subject, account, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		issuer, subject, account, now)
	if err == nil && n == 0 {
		return fault.Conflictf("this identity belongs to an account already")
	}
	return err
}

func providerAccount(tx *db.Tx, issuer, subject string) (id int64, err error) {
	err = tx.Row(`SELECT account FROM account_provider WHERE issuer = $1 AND subject = $2`, issuer, subject).Scan(&id)
	return id, err
}

func deleteProvider(tx *db.Tx, account int64, issuer string) error {
	n, err := tx.Exec(`DELETE FROM account_provider WHERE account = $1 AND issuer = $2`, account, issuer)
	if err == nil && n == 0 {
		return fault.NotFoundf("the account does not sign in with this provider")
	}
	return err
}

func deleteProviders(tx *db.Tx, account int64) error {
	_, err := tx.Exec(`DELETE FROM account_provider WHERE account = $1`, account)
	return err
}

func providersOf(tx *db.Tx, account int64) (list []string, err error) {
	err = tx.Each(`SELECT issuer FROM account_provider WHERE account = $1 ORDER BY issuer LIMIT 20`, []any{account}, func(scan func(...any) error) error {
		var i string
		err := scan(&i)
		list = append(list, i)
		return err
	})
	return list, err
}
