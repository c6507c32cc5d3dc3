package statistic

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/situation"
)

const most = 2_000_000 // rows that a trend counts

// reportsBetween are the reports that were received from one time until before another.
func reportsBetween(tx *db.Tx, of string, from, until int64) (out []one, err error) {
	err = tx.Each(`SELECT r.received, r.guess, COALESCE(i.class, ''), COALESCE(i.severity, 0), COALESCE(c.sector, '') FROM incident_report r
		LEFT JOIN incident_case i ON i.id = r.case_id LEFT JOIN constituent c ON c.id = r.constituent
		WHERE r.state IN ('received', 'rejected', 'duplicate', 'merged', 'accepted') AND r.received >= $1 AND r.received < $2 ORDER BY r.received, r.id LIMIT $3`,
		[]any{from, until, most}, func(scan func(...any) error) error {
			var at int64
			var guess, class, sector string
			var severity int
			err := scan(&at, &guess, &class, &severity, &sector)
			out = append(out, one{at, []string{key(of, guess, class, sector, severity)}})
			return err
		})
	return out, err
}

// casesBetween are the cases that were opened from one time until before another. Those that are part of another one are that one.
func casesBetween(tx *db.Tx, of string, from, until int64) (out []one, err error) {
	at := map[int64]int{}
	err = tx.Each(`SELECT id, opened, class, severity FROM incident_case WHERE state <> 'merged' AND opened >= $1 AND opened < $2 ORDER BY opened, id LIMIT $3`,
		[]any{from, until, most}, func(scan func(...any) error) error {
			var id, opened int64
			var class string
			var severity int
			err := scan(&id, &opened, &class, &severity)
			x := one{at: opened}
			if of != Sector {
				x.keys = []string{key(of, "", class, "", severity)}
			}
			at[id] = len(out)
			out = append(out, x)
			return err
		})
	if err != nil || of != Sector {
		return out, err
	}
	err = tx.Each(`SELECT DISTINCT p.case_id, c.sector FROM incident_party p JOIN incident_case i ON i.id = p.case_id JOIN constituent c ON c.id = p.constituent
		WHERE p.part <> 'source' AND i.opened >= $1 AND i.opened < $2 ORDER BY p.case_id, c.sector LIMIT $3`, []any{from, until, most}, func(scan func(...any) error) error {
		var id int64
		var sector string
		err := scan(&id, &sector)
		if i, ok := at[id]; ok {
			out[i].keys = append(out[i].keys, sector)
		}
		return err
	})
	for i := range out {
		if len(out[i].keys) == 0 {
			out[i].keys = []string{""}
		}
	}
	return out, err
}

func (y *Year) read(tx *db.Tx) error {
	from, until := y.From.UnixMicro(), y.Until.UnixMicro()
	err := tx.Row(`SELECT COUNT(*) FROM incident_report WHERE state IN ('received', 'rejected', 'duplicate', 'merged', 'accepted') AND received >= $1 AND received < $2`,
		from, until).Scan(&y.Reports)
	if err != nil {
		return err
	}
	const opened = `FROM incident_case WHERE state <> 'merged' AND opened >= $1 AND opened < $2`
	err = tx.Row(`SELECT COUNT(*), COUNT(CASE WHEN state = 'closed' THEN 1 END), COALESCE(SUM(cross_border), 0), COALESCE(SUM(personal), 0) `+opened, from, until).
		Scan(&y.Cases, &y.Closed, &y.Border, &y.Personal)
	if err != nil {
		return err
	}
	err = tx.Each(`SELECT class, severity, COUNT(*) `+opened+` GROUP BY class, severity ORDER BY class, severity`, []any{from, until}, func(scan func(...any) error) error {
		var class string
		var severity int
		var n int64
		if err := scan(&class, &severity, &n); err != nil {
			return err
		}
		if i := len(y.Classes); i == 0 || y.Classes[i-1].Class != class {
			y.Classes = append(y.Classes, ClassRow{Class: class})
		}
		if severity >= 0 && severity < len(situation.Severities{}) {
			y.Classes[len(y.Classes)-1].Counts[severity] += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = tx.Each(`SELECT c.sector, COUNT(DISTINCT i.id) FROM incident_case i JOIN incident_party p ON p.case_id = i.id AND p.part <> 'source' JOIN constituent c ON c.id = p.constituent
		WHERE i.state <> 'merged' AND i.opened >= $1 AND i.opened < $2 GROUP BY c.sector ORDER BY c.sector`, []any{from, until}, func(scan func(...any) error) error {
		var c Count
		err := scan(&c.Key, &c.Cases)
		y.Sectors = append(y.Sectors, c)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Each(`SELECT regime, step, COUNT(CASE WHEN state = 'submitted' AND submitted <= due THEN 1 END), COUNT(CASE WHEN state = 'submitted' AND submitted > due THEN 1 END),
		COUNT(CASE WHEN state = 'late' THEN 1 END), COUNT(CASE WHEN state = 'waived' THEN 1 END) FROM clock WHERE state IN ('submitted', 'late', 'waived') AND due >= $1 AND due < $2
		GROUP BY regime, step ORDER BY regime, step`, []any{from, until}, func(scan func(...any) error) error {
		var c ClockRow
		err := scan(&c.Regime, &c.Step, &c.Met, &c.MetLate, &c.Missed, &c.Waived)
		y.Clocks = append(y.Clocks, c)
		return err
	})
}
