package statistic

import (
	"tocsin/internal/format/rsit"
	"tocsin/internal/platform/db"
	"tocsin/internal/situation"
)

// reportsBetween are the reports that were received from one time until before another. Of each it reads what the trend needs alone: there
// are many.
func reportsBetween(tx *db.Tx, of string, from, until int64) (out []one, err error) {
	const ofCase = ` LEFT JOIN incident_case i ON i.id = r.case_id AND r.case_id <> 0`
	what, join := `COALESCE(i.class, ''), CASE WHEN COALESCE(i.class, '') = '' THEN r.guess ELSE '' END`, ofCase
	switch of {
	case Severity:
		what, join = `COALESCE(i.severity, 0), ''`, ofCase
	case Sector:
		what, join = `COALESCE(c.sector, ''), ''`, ` LEFT JOIN constituent c ON c.id = r.constituent`
	}
	err = tx.Each(`SELECT r.received, `+what+` FROM incident_report r`+join+`
		WHERE r.received >= $1 AND r.received < $2 AND r.state NOT IN ('draft', 'unconfirmed')`, []any{from, until}, func(scan func(...any) error) error {
		var at int64
		var key, guess string
		err := scan(&at, &key, &guess)
		if y, ok := rsit.ByName(guess); ok && guess != "" {
			key = y.Class
		}
		out = append(out, one{at, []string{key}})
		return err
	})
	return out, err
}

// casesBetween are the cases that were opened from one time until before another. Those that are part of another one are that one.
func casesBetween(tx *db.Tx, of string, from, until int64) (out []one, err error) {
	at := map[int64]int{}
	err = tx.Each(`SELECT id, opened, class, severity FROM incident_case WHERE state <> 'merged' AND opened >= $1 AND opened < $2`,
		[]any{from, until}, func(scan func(...any) error) error {
			var id, opened int64
			var class, severity string
			err := scan(&id, &opened, &class, &severity)
			x := one{at: opened}
			switch of {
			case Class:
				x.keys = []string{class}
			case Severity:
				x.keys = []string{severity}
			}
			at[id] = len(out)
			out = append(out, x)
			return err
		})
	if err != nil || of != Sector {
		return out, err
	}
	err = tx.Each(`SELECT DISTINCT p.case_id, c.sector FROM incident_party p JOIN incident_case i ON i.id = p.case_id JOIN constituent c ON c.id = p.constituent
		WHERE p.part <> 'source' AND i.opened >= $1 AND i.opened < $2`, []any{from, until}, func(scan func(...any) error) error {
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
