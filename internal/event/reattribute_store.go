package event

import (
	"tocsin/internal/constituency"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/db"
)

func allTypes(tx *db.Tx) ([]typeState, error) {
	feeds, err := feed.ListTx(tx)
	if err != nil {
		return nil, err
	}
	var out []typeState
	for _, f := range feeds {
		ts, err := typesOf(tx, f.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, ts...)
	}
	return out, nil
}

func feedOf(tx *db.Tx, id int64) (feed.Feed, error) { return feed.ByIDTx(tx, id) }

// movedFindings are the open findings of a type whose owner is another one by the registry as it stands, asked as of the
// end of the last day on which each was seen.
func movedFindings(tx *db.Tx, r *constituency.Resolver, st typeState) ([]moved, error) {
	var out []moved
	lo, hi := typeRange(st.id)
	err := tx.Each(`SELECT f.id, f.name, f.owner, CASE WHEN f.owner = 0 THEN '' ELSE COALESCE(e.body, '') END,
		CASE WHEN f.run_to < 9999999 THEN f.run_to WHEN f.run_from > t.last_day THEN f.run_from ELSE t.last_day END, t.cutoff, f.closed_day
		FROM finding f JOIN report_type t ON t.id = f.type LEFT JOIN explanation e ON e.id = f.explanation
		WHERE f.id >= $1 AND f.id < $2 AND f.run_to > t.cutoff`, []any{lo, hi}, func(scan func(...any) error) error {
		var id []byte
		var name, body string
		var owner int64
		var last, cutoff, closed Day
		if err := scan(&id, &name, &owner, &body, &last, &cutoff, &closed); err != nil {
			return err
		}
		if last <= cutoff || last <= closed {
			return nil
		}
		v := r.Resolve(registryQuery(st, ID(id), name, body, (last+1).Time().UnixMicro()-1))
		if v.Owner != owner {
			out = append(out, moved{ID(id), v})
		}
		return nil
	})
	return out, err
}

// historyOf is one finding with all its runs; no runs when it is not there.
func historyOf(tx *db.Tx, id ID) (*history, error) {
	h := &history{id: id}
	add := func(scan func(...any) error) error {
		var r run
		err := scan(&r.from, &r.to, &r.owner, &r.severity, &h.firstSeen)
		h.runs = append(h.runs, r)
		return err
	}
	err := tx.Each(`SELECT run_from, run_to, owner, severity, 0 FROM finding_run WHERE finding = $1 ORDER BY run_from`, []any{[]byte(id)}, add)
	if err != nil {
		return nil, err
	}
	err = tx.Each(`SELECT run_from, run_to, owner, severity, first_seen FROM finding WHERE id = $1`, []any{[]byte(id)}, add)
	return h, err
}
