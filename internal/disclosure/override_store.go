package disclosure

import (
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func insertOverride(tx *db.Tx, o Override) (id int64, err error) {
	err = tx.Row(`INSERT INTO override_request (item, recipient, channel, reason, hours, emergency, state, requested_at, requested_by,
		requested_name, requested_account, decided_at, decided_by, decided_name, decision, expires, review_due, reviewed_at,
		reviewed_by, reviewed_name, justified, review)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', $15, $16, 0, '', '', 0, '') RETURNING id`,
		string(o.Item), o.Recipient, string(o.Channel), o.Reason, o.Hours, flag(o.Emergency), o.State, o.RequestedAt, o.RequestedBy,
		o.RequestedName, o.account, o.DecidedAt, o.DecidedBy, o.DecidedName, o.Expires, o.ReviewDue).Scan(&id)
	return id, err
}

const overrideColumns = `SELECT id, item, recipient, channel, reason, hours, emergency, state, requested_at, requested_by,
	requested_name, requested_account, decided_at, decided_by, decided_name, decision, expires, review_due, reviewed_at,
	reviewed_by, reviewed_name, justified, review FROM override_request `

func scanOverride(scan func(...any) error) (o Override, err error) {
	var emergency, justified int
	err = scan(&o.ID, &o.Item, &o.Recipient, &o.Channel, &o.Reason, &o.Hours, &emergency, &o.State, &o.RequestedAt, &o.RequestedBy,
		&o.RequestedName, &o.account, &o.DecidedAt, &o.DecidedBy, &o.DecidedName, &o.Decision, &o.Expires, &o.ReviewDue,
		&o.ReviewedAt, &o.ReviewedBy, &o.ReviewedName, &justified, &o.Review)
	o.Emergency, o.Justified = emergency != 0, justified != 0
	return o, err
}

func overrideByID(tx *db.Tx, id int64) (Override, error) {
	o, err := scanOverride(tx.Row(overrideColumns+`WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return o, fault.NotFoundf("there is no override %d", id)
	}
	return o, err
}

// decideOverride fails when somebody else decided between the read and the write.
func decideOverride(tx *db.Tx, o Override) error {
	n, err := tx.Exec(`UPDATE override_request SET state = $1, decided_at = $2, decided_by = $3, decided_name = $4, decision = $5,
		expires = $6 WHERE id = $7 AND state = 'requested'`,
		o.State, o.DecidedAt, o.DecidedBy, o.DecidedName, o.Decision, o.Expires, o.ID)
	if err == nil && n == 0 {
		err = fault.Conflictf("override %d was decided meanwhile: look again", o.ID)
	}
	return err
}

func reviewOverride(tx *db.Tx, o Override) error {
	n, err := tx.Exec(`UPDATE override_request SET state = $1, reviewed_at = $2, reviewed_by = $3, reviewed_name = $4, justified = $5,
		review = $6 WHERE id = $7 AND reviewed_at = 0`,
		o.State, o.ReviewedAt, o.ReviewedBy, o.ReviewedName, flag(o.Justified), o.Review, o.ID)
	if err == nil && n == 0 {
		err = fault.Conflictf("override %d was reviewed meanwhile: look again", o.ID)
	}
	return err
}

func listOverrides(tx *db.Tx, f OverrideFilter, now int64) (os []Override, err error) {
	conds, args := []string{"1 = 1"}, []any{}
	add := func(cond string, arg any) {
		args = append(args, arg)
		conds = append(conds, fmt.Sprintf(cond, len(args)))
	}
	if f.State != "" {
		add(`state = $%d`, f.State)
	}
	if f.Overdue {
		add(`reviewed_at = 0 AND review_due <> 0 AND review_due <= $%d`, now)
	}
	if f.Before != 0 {
		add(`id < $%d`, f.Before)
	}
	args = append(args, f.Limit+1)
	err = tx.Each(fmt.Sprintf(`%s WHERE %s ORDER BY id DESC LIMIT $%d`, overrideColumns, strings.Join(conds, " AND "), len(args)), args,
		func(scan func(...any) error) error {
			o, err := scanOverride(scan)
			os = append(os, o)
			return err
		})
	return os, err
}

// liveOverrides adds the overrides that hold for a subject at an exit: which items, by which override.
func liveOverrides(tx *db.Tx, subject string, via Channel, now int64, into map[Ref]int64) error {
	return tx.Each(`SELECT id, item FROM override_request WHERE recipient = $1 AND channel = $2 AND state = 'approved' AND expires > $3
		ORDER BY id DESC LIMIT 10000`, []any{subject, string(via), now}, func(scan func(...any) error) error {
		var id int64
		var item Ref
		err := scan(&id, &item)
		into[item] = id
		return err
	})
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
