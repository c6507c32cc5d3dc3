package signing

import (
	"strings"

	"tocsin/internal/platform/db"
)

func upsert(tx *db.Tx, k *Key) (id int64, err error) {
	err = tx.Row(`INSERT INTO mail_key (type, fingerprint, holder, addresses, begins, expires, public, sealed, at, subject, name, retired)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
		ON CONFLICT (fingerprint) DO UPDATE SET holder = $3, addresses = $4, begins = $5, expires = $6, public = $7, sealed = $8, at = $9, subject = $10,
		name = $11, retired = 0 RETURNING id`,
		string(k.Type), k.Fingerprint, k.Holder, strings.Join(k.Addresses, " "), k.Begins, k.Expires, k.Public, k.sealed, k.At, k.Subject, k.Name).Scan(&id)
	return id, err
}

func retire(tx *db.Tx, fingerprint string, at int64) (int64, error) {
	return tx.Exec(`UPDATE mail_key SET retired = $1, sealed = '' WHERE fingerprint = $2 AND retired = 0`, at, fingerprint)
}

const keyColumns = `SELECT id, type, fingerprint, holder, addresses, begins, expires, public, sealed, at, subject, name, retired FROM mail_key `

func scanKey(scan func(...any) error) (k Key, err error) {
	var addresses string
	err = scan(&k.ID, &k.Type, &k.Fingerprint, &k.Holder, &addresses, &k.Begins, &k.Expires, &k.Public, &k.sealed, &k.At, &k.Subject, &k.Name, &k.Retired)
	k.Addresses = strings.Fields(addresses)
	return k, err
}

func keys(tx *db.Tx, where string) (out []Key, err error) {
	err = tx.PreparedEach(keyColumns+where, nil, func(scan func(...any) error) error {
		k, err := scanKey(scan)
		out = append(out, k)
		return err
	})
	return out, err
}

func list(tx *db.Tx) ([]Key, error) {
	return keys(tx, `ORDER BY CASE WHEN retired = 0 THEN 0 ELSE 1 END, CASE WHEN expires = 0 THEN 1 ELSE 0 END, expires, id LIMIT 1000`)
}

func inUse(tx *db.Tx) ([]Key, error) { return keys(tx, `WHERE retired = 0 ORDER BY id LIMIT 100`) }

func one(tx *db.Tx, fingerprint string) (Key, error) {
	return scanKey(tx.Row(keyColumns+`WHERE fingerprint = $1`, fingerprint).Scan)
}
