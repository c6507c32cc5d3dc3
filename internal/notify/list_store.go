package notify

import (
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
)

func listLetters(tx *db.Tx, f Filter) ([]Letter, error) {
	conds, args := []string{"1 = 1"}, []any{}
	add := func(column, op string, arg any) {
		args = append(args, arg)
		conds = append(conds, fmt.Sprintf("%s %s $%d", column, op, len(args)))
	}
	for _, c := range []struct{ column, value string }{{"state", string(f.State)}, {"hold", f.Hold}, {"kind", f.Kind}, {"ticket", f.Ticket},
		{"address", f.Address}} {
		if c.value != "" {
			add(c.column, "=", c.value)
		}
	}
	if f.Constituent != 0 {
		add("constituent", "=", f.Constituent)
	}
	if f.Before != 0 {
		add("id", "<", f.Before)
	}
	args = append(args, f.Limit+1)
	return letters(tx, fmt.Sprintf(`WHERE %s ORDER BY id DESC LIMIT $%d`, strings.Join(conds, " AND "), len(args)), args...)
}

func tally(tx *db.Tx) (states map[string]int64, oldest int64, err error) {
	states = map[string]int64{}
	err = tx.Each(`SELECT state, hold, count(*) FROM outbox_letter GROUP BY state, hold`, nil, func(scan func(...any) error) error {
		var state, why string
		var n int64
		if err := scan(&state, &why, &n); err != nil {
			return err
		}
		states[state] += n
		if state == string(Held) {
			states[state+":"+why] += n
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	err = tx.Row(`SELECT COALESCE(min(due), 0) FROM outbox_letter WHERE state IN ('queued', 'rendered')`).Scan(&oldest)
	return states, oldest, err
}
