package identity

import (
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const accountColumns = `id, kind, login, name, language, state, password, totp, totp_step, failures, locked_until, created, signed_in`

func scanAccount(scan func(...any) error) (*Account, error) {
	var a Account
	var state string
	err := scan(&a.ID, &a.Kind, &a.Login, &a.Name, &a.Language, &state, &a.password, &a.totp, &a.totpStep, &a.failures, &a.LockedUntil,
		&a.Created, &a.SignedIn)
	a.Disabled, a.HasPassword, a.HasTOTP = state != "active", a.password != "", a.totp != ""
	return &a, err
}

func accountByID(tx *db.Tx, id int64) (*Account, error) {
	a, err := scanAccount(tx.Row(`SELECT `+accountColumns+` FROM account WHERE id = $1`, id).Scan)
	return withRoles(tx, a, err, fmt.Sprint(id))
}

func accountByLogin(tx *db.Tx, login string) (*Account, error) {
	a, err := scanAccount(tx.Row(`SELECT `+accountColumns+` FROM account WHERE login = $1`, login).Scan)
	return withRoles(tx, a, err, login)
}

func withRoles(tx *db.Tx, a *Account, err error, what string) (*Account, error) {
	if fault.KindOf(err) == fault.NotFound {
		return nil, fault.NotFoundf("there is no account %s", what)
	}
	if err != nil {
		return nil, fmt.Errorf("read account %s: %w", what, err)
	}
	a.Roles = []Held{}
	err = tx.Each(`SELECT role, constituent FROM account_role WHERE account = $1 ORDER BY role, constituent LIMIT 1000`, []any{a.ID},
		func(scan func(...any) error) error {
			var h Held
			err := scan(&h.Role, &h.Constituent)
			a.Roles = append(a.Roles, h)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read the roles of account %s: %w", what, err)
	}
	return a, nil
}

func insertAccount(tx *db.Tx, n NewAccount, hash string, now int64) (int64, error) {
	var id int64
	err := tx.Row(`INSERT INTO account (kind, login, name, language, state, password, totp, totp_step, failures, locked_until, created, signed_in)
		VALUES ($1, $2, $3, $4, 'active', $5, '', 0, 0, 0, $6, 0) RETURNING id`, string(n.Kind), n.Login, n.Name, n.Language, hash, now).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("make account %s: %w", n.Login, err)
	}
	return id, nil
}

func replaceRoles(tx *db.Tx, account int64, hs []Held) error {
	if _, err := tx.Exec(`DELETE FROM account_role WHERE account = $1`, account); err != nil {
		return err
	}
	for _, h := range hs {
		if _, err := tx.Exec(`INSERT INTO account_role (account, role, constituent) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			account, string(h.Role), h.Constituent); err != nil {
			return fmt.Errorf("give role %s: %w", h.Role, err)
		}
	}
	return nil
}

func constituentExists(tx *db.Tx, id int64) error {
	var one int
	err := tx.Row(`SELECT 1 FROM constituent WHERE id = $1`, id).Scan(&one)
	if fault.KindOf(err) == fault.NotFound {
		return fault.Problems{{Field: "constituent", Message: fmt.Sprintf("there is no constituent %d", id)}}
	}
	return err
}

func listAccounts(tx *db.Tx, f Filter) ([]Account, string, error) {
	where, args := []string{"login > $1"}, []any{f.After}
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	if f.Role != "" {
		where = append(where, `id IN (SELECT account FROM account_role WHERE role = `+arg(string(f.Role))+`)`)
	}
	if f.Constituents != nil {
		in := []string{"-1"}
		for _, c := range f.Constituents {
			in = append(in, arg(c))
		}
		where = append(where, `id IN (SELECT account FROM account_role WHERE constituent IN (`+strings.Join(in, ", ")+`))`)
	}
	if q := strings.ToLower(strings.TrimSpace(f.Query)); q != "" {
		q = "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q) + "%"
		where = append(where, `(lower(name) LIKE `+arg(q)+` ESCAPE '\' OR login LIKE `+arg(q)+` ESCAPE '\')`)
	}
	var logins []string
	err := tx.Each(`SELECT login FROM account WHERE `+strings.Join(where, " AND ")+` ORDER BY login LIMIT `+arg(f.Limit+1), args,
		func(scan func(...any) error) error {
			var l string
			err := scan(&l)
			logins = append(logins, l)
			return err
		})
	if err != nil {
		return nil, "", fmt.Errorf("list accounts: %w", err)
	}
	next := ""
	if len(logins) > f.Limit {
		logins = logins[:f.Limit]
		next = logins[f.Limit-1]
	}
	list := make([]Account, 0, len(logins))
	for _, l := range logins {
		a, err := accountByLogin(tx, l)
		if err != nil {
			return nil, "", err
		}
		list = append(list, *a)
	}
	return list, next, nil
}

func noAccounts(tx *db.Tx) (bool, error) {
	var some bool
	err := tx.Row(`SELECT EXISTS (SELECT 1 FROM account)`).Scan(&some)
	return !some, err
}

func administrators(tx *db.Tx) (n int64, err error) {
	err = tx.Row(`SELECT COUNT(DISTINCT a.id) FROM account a JOIN account_role r ON r.account = a.id
		WHERE a.state = 'active' AND r.role = 'administrator'`).Scan(&n)
	return n, err
}

func setState(tx *db.Tx, id int64, state string) error {
	_, err := tx.Exec(`UPDATE account SET state = $1, failures = 0, locked_until = 0 WHERE id = $2`, state, id)
	return err
}

func setName(tx *db.Tx, id int64, name, language string) error {
	n, err := tx.Exec(`UPDATE account SET name = $1, language = $2 WHERE id = $3`, name, language, id)
	if err == nil && n == 0 {
		return fault.NotFoundf("there is no account %d", id)
	}
	return err
}

func setPassword(tx *db.Tx, id int64, hash string) error {
	_, err := tx.Exec(`UPDATE account SET password = $1, failures = 0, locked_until = 0 WHERE id = $2`, hash, id)
	return err
}

func setTOTP(tx *db.Tx, id int64, sealed string, step int64) error {
	_, err := tx.Exec(`UPDATE account SET totp = $1, totp_step = $2 WHERE id = $3`, sealed, step, id)
	return err
}

// takeStep marks a time step as used; false when it or a later one was used before.
func takeStep(tx *db.Tx, id, step int64) (bool, error) {
	n, err := tx.Exec(`UPDATE account SET totp_step = $1 WHERE id = $2 AND totp_step < $1`, step, id)
	return n == 1, err
}

func setFailures(tx *db.Tx, id int64, failures int, until int64) error {
	_, err := tx.Exec(`UPDATE account SET failures = $1, locked_until = $2 WHERE id = $3`, failures, until, id)
	return err
}

func setSignedIn(tx *db.Tx, id, now int64) error {
	_, err := tx.Exec(`UPDATE account SET failures = 0, locked_until = 0, signed_in = $1 WHERE id = $2`, now, id)
	return err
}
