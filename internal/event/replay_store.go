package event

import (
	"context"
	"encoding/json"
	"fmt"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
)

// Replayed is a finding with who owns it, and who would own it by another registry.
type Replayed struct {
	ID       ID
	Type     TypeMark
	Severity Severity
	Before   constituency.Verdict // what the records say; the zero verdict is nobody
	After    *constituency.Verdict
}

// Replay calls fn for every finding that a report of a day or later had, in no order, with what a resolver says of it as of the end of
// the last day on which it was seen.
func (in *Intake) Replay(ctx context.Context, r *constituency.Resolver, from Day, fn func(*Replayed) error) error {
	return in.DB.View(ctx, func(tx *db.Tx) error {
		types, err := listTypes(tx)
		if err != nil {
			return err
		}
		verdicts := map[int64]constituency.Verdict{}
		for _, t := range types {
			if err := replayType(tx, r, t, from, verdicts, fn); err != nil {
				return fmt.Errorf("replay %s: %w", t.Name, err)
			}
		}
		return nil
	})
}

func replayType(tx *db.Tx, r *constituency.Resolver, t *listType, from Day, verdicts map[int64]constituency.Verdict, fn func(*Replayed) error) error {
	st := typeState{ReportType: t.ReportType, id: t.id}
	x := Replayed{Type: TypeMark{t.ReportType, t.id, t.feed, t.lastDay, t.version}}
	lo, hi := typeRange(t.id)
	return tx.Each(`SELECT f.id, f.name, f.severity, f.owner, f.explanation, COALESCE(e.body, ''), f.run_from, f.run_to FROM finding f
		LEFT JOIN explanation e ON e.id = f.explanation WHERE f.id >= $1 AND f.id < $2 AND f.run_to >= $3`, []any{lo, hi, int64(from)},
		func(scan func(...any) error) error {
			var id []byte
			var name, body string
			var owner, explanation int64
			var runFrom, runTo int32
			if err := scan(&id, &name, &x.Severity, &owner, &explanation, &body, &runFrom, &runTo); err != nil {
				return err
			}
			last := t.lastSeen(runFrom, runTo)
			if last < from {
				return nil
			}
			v, ok := verdicts[explanation]
			if !ok {
				if body != "" {
					if err := json.Unmarshal([]byte(body), &v); err != nil {
						return fmt.Errorf("explanation %d: %w", explanation, err)
					}
				}
				verdicts[explanation] = v
			}
			x.ID, x.Before = ID(id), v
			x.Before.Owner = owner
			if owner == 0 {
				body = ""
			}
			x.After = r.Resolve(registryQuery(st, x.ID, name, body, (last+1).Time().UnixMicro()-1))
			return fn(&x)
		})
}
