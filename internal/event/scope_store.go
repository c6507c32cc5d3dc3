package event

import (
	"strconv"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// marks are the placeholders of n values after those there are.
func marks(n, after int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = "$" + strconv.Itoa(after+i+1)
	}
	return strings.Join(out, ", ")
}

// readOwned reads one finding if it is one of the owners'; ok is false when it is not, or is gone.
func (ix *index) readOwned(tx *db.Tx, id ID, owners []int64) (f Finding, ok bool, err error) {
	if len(owners) == 0 {
		return f, false, nil
	}
	args := []any{[]byte(id)}
	for _, o := range owners {
		args = append(args, o)
	}
	f, err = ix.scanFinding(tx.Row(findingFields+` WHERE id = $1 AND owner IN (`+marks(len(owners), 1)+`)`, args...).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return f, false, nil
	}
	return f, err == nil, err
}

// runsOf reads the earlier runs of findings, at most a few thousand, oldest first.
func runsOf(tx *db.Tx, ids []ID) (map[ID][]run, error) {
	out := make(map[ID][]run, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = []byte(id)
	}
	err := tx.Each(`SELECT finding, run_from, run_to, owner, severity FROM finding_run WHERE finding IN (`+marks(len(ids), 0)+`)
		ORDER BY finding, run_from`, args, func(scan func(...any) error) error {
		var id []byte
		var r run
		err := scan(&id, &r.from, &r.to, &r.owner, &r.severity)
		out[ID(id)] = append(out[ID(id)], r)
		return err
	})
	return out, err
}
