package disclosure

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const entryInsert = `INSERT INTO egress_ledger (sum_key, at, last, recipient, name, kind, channel, session, actor, rules, objects, views,
	items, withheld, why, highest, refs, digest)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) `

func (e Entry) args(key *string) ([]any, error) {
	rules, err := json.Marshal(e.Rules)
	if err != nil {
		return nil, err
	}
	why, err := json.Marshal(e.Why)
	if err != nil {
		return nil, err
	}
	refs, err := json.Marshal(e.Refs)
	if err != nil {
		return nil, err
	}
	return []any{key, e.At, e.Last, e.Recipient, e.Name, string(e.Kind), string(e.Channel), e.Session, e.Actor, string(rules), e.Objects,
		e.Views, e.Items, e.Withheld, string(why), int64(e.Highest), string(refs), e.Digest}, nil
}

func insertEntry(tx *db.Tx, e Entry) (id int64, err error) {
	args, err := e.args(nil)
	if err != nil {
		return 0, err
	}
	if err := tx.PreparedRow(entryInsert+`RETURNING id`, args...).Scan(&id); err != nil {
		return 0, fmt.Errorf("write the egress ledger: %w", err)
	}
	return id, nil
}

// addEntry adds views to the sum that has the key, or begins one.
func addEntry(tx *db.Tx, key string, e Entry) error {
	var why string
	err := tx.Row(`SELECT why FROM egress_ledger WHERE sum_key = $1`, key).Scan(&why)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err == nil {
		was := map[string]int64{}
		if err := json.Unmarshal([]byte(why), &was); err != nil {
			return fmt.Errorf("read the egress ledger: %w", err)
		}
		for r, n := range e.Why {
			was[r] += n
		}
		e.Why = was
	}
	args, err := e.args(&key)
	if err != nil {
		return err
	}
	_, err = tx.Exec(entryInsert+`ON CONFLICT (sum_key) DO UPDATE SET last = excluded.last, views = egress_ledger.views + excluded.views,
		items = egress_ledger.items + excluded.items, withheld = egress_ledger.withheld + excluded.withheld, why = excluded.why,
		highest = CASE WHEN excluded.highest > egress_ledger.highest THEN excluded.highest ELSE egress_ledger.highest END`, args...)
	return err
}

const entryColumns = `SELECT id, at, last, recipient, name, kind, channel, session, actor, rules, objects, views, items, withheld, why,
	highest, refs, digest FROM egress_ledger `

func scanEntry(scan func(...any) error) (e Entry, err error) {
	var rules, why, refs string
	var highest int64
	if err := scan(&e.ID, &e.At, &e.Last, &e.Recipient, &e.Name, &e.Kind, &e.Channel, &e.Session, &e.Actor, &rules, &e.Objects, &e.Views,
		&e.Items, &e.Withheld, &why, &highest, &refs, &e.Digest); err != nil {
		return e, err
	}
	e.Highest = tlp.Label(highest)
	err = errors.Join(json.Unmarshal([]byte(rules), &e.Rules), json.Unmarshal([]byte(why), &e.Why), json.Unmarshal([]byte(refs), &e.Refs))
	if err != nil {
		return e, fmt.Errorf("read row %d of the egress ledger: %w", e.ID, err)
	}
	return e, nil
}

func entryByID(tx *db.Tx, id int64) (Entry, error) {
	e, err := scanEntry(tx.Row(entryColumns+`WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return e, fault.NotFoundf("the ledger has no row %d", id)
	}
	return e, err
}

func listEntries(tx *db.Tx, f LedgerFilter) (es []Entry, err error) {
	conds, args := []string{"1 = 1"}, []any{}
	add := func(cond string, arg any) {
		args = append(args, arg)
		conds = append(conds, strings.ReplaceAll(cond, "$n", fmt.Sprintf("$%d", len(args))))
	}
	if recipientName(f.Recipient) {
		add(`recipient = $n`, f.Recipient)
	} else if f.Recipient != "" {
		add(`lower(name) LIKE $n ESCAPE '!'`, "%"+likeText(strings.ToLower(f.Recipient))+"%")
	}
	if f.Channel != "" {
		add(`channel = $n`, string(f.Channel))
	}
	if f.Object != "" {
		quoted, err := json.Marshal(f.Object)
		if err != nil {
			return nil, err
		}
		add(`refs LIKE $n ESCAPE '!'`, "%"+likeText(string(quoted))+"%")
	}
	if !f.From.IsZero() {
		add(`last >= $n`, f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		add(`at < $n`, f.To.UnixMicro())
	}
	if f.Before != 0 {
		add(`id < $n`, f.Before)
	}
	args = append(args, f.Limit+1)
	err = tx.Each(fmt.Sprintf(`%s WHERE %s ORDER BY id DESC LIMIT $%d`, entryColumns, strings.Join(conds, " AND "), len(args)), args,
		func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			es = append(es, e)
			return err
		})
	return es, err
}

func likeText(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}
