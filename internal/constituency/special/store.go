package special

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const columns = `id, name, organisation, scope, mail, phone, website, rfc2350, fingerprint, public_key, note, approved, approval, since, until, changed,
	changed_by, version`

func scan(row func(...any) error) (c CERT, err error) {
	var approved int32
	err = row(&c.ID, &c.Name, &c.Organisation, &c.Scope, &c.Mail, &c.Phone, &c.Website, &c.RFC2350, &c.Fingerprint, &c.Key, &c.Note, &approved,
		&c.Approval, &c.Since, &c.Until, &c.Changed, &c.ChangedBy, &c.Version)
	c.Approved = approved == 1
	return c, err
}

func certs(tx *db.Tx) (out []CERT, err error) {
	err = tx.Each(`SELECT `+columns+` FROM special_cert ORDER BY name, id LIMIT $1`, []any{limit}, func(row func(...any) error) error {
		c, err := scan(row)
		out = append(out, c)
		return err
	})
	return out, err
}

func count(tx *db.Tx) (n int64, err error) {
	err = tx.Row(`SELECT count(*) FROM special_cert`).Scan(&n)
	return n, err
}

func certByID(tx *db.Tx, id int64) (CERT, error) {
	c, err := scan(tx.Row(`SELECT `+columns+` FROM special_cert WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return c, fault.NotFoundf("there is no special CERT %d", id)
	}
	return c, err
}

// lockCERT reads an entry that is about to be changed; others wait until that is committed.
func lockCERT(tx *db.Tx, id int64) (CERT, error) {
	if _, err := tx.Exec(`UPDATE special_cert SET version = version WHERE id = $1`, id); err != nil {
		return CERT{}, err
	}
	return certByID(tx, id)
}

func save(tx *db.Tx, c *CERT) error {
	approved := int32(0)
	if c.Approved {
		approved = 1
	}
	values := []any{c.Name, c.Organisation, c.Scope, c.Mail, c.Phone, c.Website, c.RFC2350, c.Fingerprint, c.Key, c.Note, approved, c.Approval,
		int64(c.Since), int64(c.Until), c.Changed, c.ChangedBy, c.Version}
	if c.ID == 0 {
		return tx.Row(`INSERT INTO special_cert (name, organisation, scope, mail, phone, website, rfc2350, fingerprint, public_key, note, approved, approval,
			since, until, changed, changed_by, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING id`,
			values...).Scan(&c.ID)
	}
	_, err := tx.Exec(`UPDATE special_cert SET name = $1, organisation = $2, scope = $3, mail = $4, phone = $5, website = $6, rfc2350 = $7, fingerprint = $8,
		public_key = $9, note = $10, approved = $11, approval = $12, since = $13, until = $14, changed = $15, changed_by = $16, version = $17 WHERE id = $18`,
		append(values, c.ID)...)
	return err
}
