package event

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
)

// history is a finding with all its runs, oldest first: what replaying a day needs.
type history struct {
	id        ID
	runs      []run
	firstSeen int64
	stored    bool // it is in the table
}

// eachFinding calls fn for every finding of a type with all its runs, in the order of ids.
func eachFinding(tx *db.Tx, typ int64, fn func(h *history) error) error {
	earlier := map[ID][]run{}
	lo, hi := typeRange(typ)
	err := tx.Each(`SELECT finding, run_from, run_to, owner, severity FROM finding_run WHERE finding >= $1 AND finding < $2
		ORDER BY finding, run_from`, []any{lo, hi}, func(scan func(...any) error) error {
		var id []byte
		var r run
		if err := scan(&id, &r.from, &r.to, &r.owner, &r.severity); err != nil {
			return err
		}
		earlier[ID(id)] = append(earlier[ID(id)], r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the runs: %w", err)
	}
	return tx.Each(`SELECT id, run_from, run_to, owner, severity, first_seen FROM finding WHERE id >= $1 AND id < $2 ORDER BY id`,
		[]any{lo, hi}, func(scan func(...any) error) error {
			h := history{stored: true}
			var id []byte
			var r run
			if err := scan(&id, &r.from, &r.to, &r.owner, &r.severity, &h.firstSeen); err != nil {
				return err
			}
			h.id = ID(id)
			h.runs = append(earlier[h.id], r)
			return fn(&h)
		})
}

// typeRange are the bounds of a type's ids: after the type comes the address family, which is never 0xff.
func typeRange(typ int64) (lo, hi []byte) {
	lo = binary.BigEndian.AppendUint32(nil, uint32(typ))
	return lo, append(slices.Clone(lo), 0xff)
}

var findingColumns = []string{"id", "type", "address", "port", "transport", "name", "identifier", "severity", "owner",
	"explanation", "first_seen", "first_day", "run_from"}

// newFinding is a sighting as a row of the table, without what has a default.
func newFinding(typ int64, s *sighting, day Day, explanation int64) []any {
	sub := s.id.subject()
	if s.names != nil {
		sub.transport, sub.name, sub.identifier = s.names.transport, s.names.name, s.names.identifier
	}
	return []any{[]byte(s.id), typ, AddressKey(sub.addr), sub.port, sub.transport, sub.name,
		sub.identifier, int(s.severity), s.verdict.Owner, explanation, s.first, int64(day), int64(day)}
}

// insertFindings adds the findings that are new and returns those that exist already. What is the same for all rows
// stands in the statement: on SQLite a parameter costs as much as a column.
func insertFindings(tx *db.Tx, typ int64, day Day, ss []*sighting, explain func(*sighting) int64) (known []*sighting, err error) {
	if tx.Engine() == db.PostgreSQL {
		return copyFindings(tx, typ, day, ss, explain)
	}
	plain := fmt.Sprintf(`INSERT INTO finding (type, first_day, run_from, id, address, port, transport, severity, owner, explanation, first_seen)
		VALUES (%d, %d, %d, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, typ, day, day)
	for _, s := range ss {
		var n int64
		if s.names == nil {
			sub := s.id.subject()
			n, err = tx.Prepared(plain, []byte(s.id), AddressKey(sub.addr), int64(sub.port), sub.transport, int64(s.severity),
				s.verdict.Owner, explain(s), s.first)
		} else {
			n, err = tx.Prepared(`INSERT INTO finding (id, type, address, port, transport, name, identifier, severity, owner, explanation,
				first_seen, first_day, run_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
				newFinding(typ, s, day, explain(s))...)
		}
		if err != nil {
			return nil, fmt.Errorf("insert a finding: %w", err)
		}
		if n == 0 {
			known = append(known, s)
		}
	}
	return known, nil
}

const incomingColumns = `id BYTEA, type BIGINT, address BYTEA, port INTEGER, transport TEXT, name TEXT, identifier TEXT,
	severity INTEGER, owner BIGINT, explanation BIGINT, first_seen BIGINT, first_day BIGINT, run_from BIGINT, seq BIGINT`

func copyFindings(tx *db.Tx, typ int64, day Day, ss []*sighting, explain func(*sighting) int64) (known []*sighting, err error) {
	if len(ss) == 0 {
		return nil, nil
	}
	i := 0
	err = tx.Stage("incoming", incomingColumns, append(slices.Clone(findingColumns), "seq"), func() ([]any, error) {
		if i == len(ss) {
			return nil, nil
		}
		i++
		return append(newFinding(typ, ss[i-1], day, explain(ss[i-1])), int64(i-1)), nil
	})
	if err != nil {
		return nil, fmt.Errorf("copy the findings: %w", err)
	}
	columns := strings.Join(findingColumns, ", ")
	n, err := tx.Exec(`INSERT INTO finding (` + columns + `) SELECT ` + columns + ` FROM incoming ON CONFLICT (id) DO NOTHING`)
	if err != nil || n == int64(len(ss)) {
		return nil, err
	}
	// Those that were there have an earlier run: a report that is compared is later than all before it.
	err = tx.Each(`SELECT i.seq FROM incoming i JOIN finding f ON f.id = i.id WHERE f.run_from < $1 ORDER BY i.seq`, []any{day},
		func(scan func(...any) error) error {
			var seq int
			if err := scan(&seq); err != nil {
				return err
			}
			known = append(known, ss[seq])
			return nil
		})
	return known, err
}

// endRuns ends the latest run of findings that the report of the day no longer has: it was last seen on the day of the
// full report before, or on the later day on which a report that only adds began it.
func endRuns(tx *db.Tx, ids []ID, last Day) error {
	const set = `UPDATE finding SET run_to = CASE WHEN run_from > ? THEN run_from ELSE ? END WHERE id = ?`
	if tx.Engine() == db.PostgreSQL {
		if err := stage(tx, ids); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE finding f SET run_to = GREATEST(f.run_from, CAST($1 AS BIGINT)) FROM staged s WHERE f.id = s.id`, last)
		return err
	}
	for _, id := range ids {
		if _, err := tx.Prepared(set, int64(last), int64(last), []byte(id)); err != nil {
			return fmt.Errorf("end a run: %w", err)
		}
	}
	return nil
}

const stagedColumns = "id BYTEA, owner BIGINT, severity INTEGER, explanation BIGINT"

// stage puts ids into a temporary table of PostgreSQL.
func stage(tx *db.Tx, ids []ID) error {
	i := 0
	return tx.Stage("staged", stagedColumns, []string{"id"}, func() ([]any, error) {
		if i == len(ids) {
			return nil, nil
		}
		i++
		return []any{[]byte(ids[i-1])}, nil
	})
}

// latest is the latest run of a finding that is in the table.
func latest(tx *db.Tx, id ID) (r run, err error) {
	err = tx.PreparedRow(`SELECT run_from, run_to, owner, severity FROM finding WHERE id = $1`, []byte(id)).
		Scan(&r.from, &r.to, &r.owner, &r.severity)
	return r, err
}

// latestRuns are the latest runs of findings that are in the table, in the order of ss.
func latestRuns(tx *db.Tx, ss []*sighting) ([]run, error) {
	out := make([]run, len(ss))
	if tx.Engine() == db.PostgreSQL {
		ids := make([]ID, len(ss))
		at := make(map[ID]int, len(ss))
		for i, s := range ss {
			ids[i], at[s.id] = s.id, i
		}
		if err := stage(tx, ids); err != nil {
			return nil, err
		}
		return out, tx.Each(`SELECT f.id, f.run_from, f.run_to, f.owner, f.severity FROM finding f JOIN staged s ON s.id = f.id`, nil,
			func(scan func(...any) error) error {
				var id []byte
				var r run
				if err := scan(&id, &r.from, &r.to, &r.owner, &r.severity); err != nil {
					return err
				}
				out[at[ID(id)]] = r
				return nil
			})
	}
	for i, s := range ss {
		var err error
		if out[i], err = latest(tx, s.id); err != nil {
			return nil, fmt.Errorf("read a finding: %w", err)
		}
	}
	return out, nil
}

// beginRuns begins a new run on the day for findings that are in the table; ends has the last day of the run before,
// which moves to the history.
func beginRuns(tx *db.Tx, ss []*sighting, olds []run, ends []Day, day Day, explain func(*sighting) int64) error {
	if tx.Engine() == db.PostgreSQL {
		return copyRuns(tx, ss, olds, ends, day, explain)
	}
	for i, s := range ss {
		o := olds[i]
		_, err := tx.Prepared(`INSERT INTO finding_run (finding, run_from, run_to, owner, severity) VALUES (?, ?, ?, ?, ?)`,
			[]byte(s.id), int64(o.from), int64(ends[i]), o.owner, int(o.severity))
		if err != nil {
			return fmt.Errorf("keep a run: %w", err)
		}
		if o.owner == s.verdict.Owner && o.severity == s.severity { // no indexed column in the statement
			_, err = tx.Prepared(`UPDATE finding SET run_from = ?, run_to = 9999999, explanation = ? WHERE id = ?`,
				int64(day), explain(s), []byte(s.id))
		} else {
			_, err = tx.Prepared(`UPDATE finding SET run_from = ?, run_to = 9999999, explanation = ?, owner = ?, severity = ? WHERE id = ?`,
				int64(day), explain(s), s.verdict.Owner, int(s.severity), []byte(s.id))
		}
		if err != nil {
			return fmt.Errorf("begin a run: %w", err)
		}
	}
	return nil
}

func copyRuns(tx *db.Tx, ss []*sighting, olds []run, ends []Day, day Day, explain func(*sighting) int64) error {
	i := 0
	err := tx.Copy("finding_run", []string{"finding", "run_from", "run_to", "owner", "severity"}, func() ([]any, error) {
		if i == len(ss) {
			return nil, nil
		}
		i++
		o := olds[i-1]
		return []any{[]byte(ss[i-1].id), int64(o.from), int64(ends[i-1]), o.owner, int32(o.severity)}, nil
	})
	if err != nil {
		return fmt.Errorf("keep the runs: %w", err)
	}
	i = 0
	err = tx.Stage("staged", stagedColumns, []string{"id", "owner", "severity", "explanation"}, func() ([]any, error) {
		if i == len(ss) {
			return nil, nil
		}
		i++
		s := ss[i-1]
		return []any{[]byte(s.id), s.verdict.Owner, int32(s.severity), explain(s)}, nil
	})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE finding f SET run_from = $1, run_to = 9999999, explanation = s.explanation, owner = s.owner,
		severity = s.severity FROM staged s WHERE f.id = s.id`, day)
	return err
}

// save writes a finding whose runs changed; one that no report has any more is removed.
func (c *change) save(tx *db.Tx, st typeState, b *built) error {
	if len(c.old) > 1 { // the latest run stands in the finding itself
		if _, err := tx.Prepared(`DELETE FROM finding_run WHERE finding = $1`, []byte(c.id)); err != nil {
			return err
		}
	}
	n := len(c.runs) - 1
	if n < 0 {
		_, err := tx.Prepared(`DELETE FROM finding WHERE id = $1`, []byte(c.id))
		return err
	}
	for _, r := range c.runs[:n] {
		_, err := tx.Prepared(`INSERT INTO finding_run (finding, run_from, run_to, owner, severity) VALUES ($1, $2, $3, $4, $5)`,
			[]byte(c.id), int64(r.from), int64(r.to), r.owner, int(r.severity))
		if err != nil {
			return err
		}
	}
	last := c.runs[n]
	if !c.stored {
		_, err := tx.Prepared(`INSERT INTO finding (id, type, address, port, transport, name, identifier, severity, owner, explanation,
			first_seen, first_day, run_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			newFinding(st.id, c.sighting, c.runs[0].from, b.explanation(c.sighting))...)
		if err == nil {
			_, err = tx.Prepared(`UPDATE finding SET run_to = $1 WHERE id = $2`, int64(last.to), []byte(c.id))
		}
		return err
	}
	if c.unseen {
		t, err := b.firstTime(tx, st, c.id, c.runs[0].from)
		if err != nil {
			return err
		}
		if t != 0 {
			c.firstSeen = t
		}
	}
	// The explanation goes with the latest run: the replayed day's when it is in it, else what was there.
	if c.sighting != nil && last.from <= b.plan.day {
		if err := setExplanation(tx, c.id, b.explanation(c.sighting)); err != nil {
			return err
		}
	}
	_, err := tx.Prepared(`UPDATE finding SET run_from = $1, run_to = $2, owner = $3, severity = $4, first_seen = $5, first_day = $6
		WHERE id = $7`, int64(last.from), int64(last.to), last.owner, int(last.severity), c.firstSeen, int64(c.runs[0].from), []byte(c.id))
	return err
}

// replaceReport makes the report the live one of its day.
func replaceReport(tx *db.Tx, typ, report int64, day Day) error {
	if _, err := tx.Exec(`UPDATE report SET live = 0 WHERE type = $1 AND day = $2 AND live = 1`, typ, day); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE report SET live = 1 WHERE id = $1`, report)
	return err
}

func setExplanation(tx *db.Tx, id ID, explanation int64) error {
	_, err := tx.Prepared(`UPDATE finding SET explanation = $1 WHERE id = $2`, explanation, []byte(id))
	return err
}
