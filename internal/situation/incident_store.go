package situation

import (
	"fmt"

	"tocsin/internal/platform/db"
)

// working is what a case must be for somebody to work on it.
const working = `state IN ('open', 'containment', 'eradication', 'recovery')`

func (o *Incidents) read(tx *db.Tx) error {
	err := tx.PreparedRow(`SELECT (SELECT COUNT(*) FROM incident_report WHERE state = 'received'),
		(SELECT COUNT(*) FROM incident_report WHERE state = 'unconfirmed'),
		COALESCE((SELECT MIN(received) FROM incident_report WHERE state = 'received'), 0)`).
		Scan(&o.Waiting, &o.Unconfirmed, &o.Oldest)
	if err != nil {
		return err
	}
	o.States, o.Classes, o.Sectors = map[string]int64{}, map[string]int64{}, map[string]int64{}
	err = tx.Each(`SELECT severity, COUNT(*), SUM(cross_border), SUM(CASE WHEN lead = 0 THEN 1 ELSE 0 END) FROM incident_case WHERE `+working+` GROUP BY severity`, nil,
		func(scan func(...any) error) error {
			var severity int
			var n, border, nobody int64
			err := scan(&severity, &n, &border, &nobody)
			if severity >= 0 && severity < len(o.Open) {
				o.Open[severity] += n
			}
			o.CrossBorder, o.Nobody = o.CrossBorder+border, o.Nobody+nobody
			return err
		})
	if err != nil {
		return err
	}
	for _, q := range []struct {
		query string
		to    map[string]int64
	}{
		{`SELECT state, COUNT(*) FROM incident_case WHERE state NOT IN ('closed', 'merged') GROUP BY state`, o.States},
		{`SELECT class, COUNT(*) FROM incident_case WHERE ` + working + ` GROUP BY class`, o.Classes},
		{`SELECT c.sector, COUNT(DISTINCT i.id) FROM incident_case i JOIN incident_party p ON p.case_id = i.id AND p.part <> 'source'
			JOIN constituent c ON c.id = p.constituent WHERE i.` + working + ` GROUP BY c.sector`, o.Sectors},
	} {
		err := tx.Each(q.query, nil, func(scan func(...any) error) error {
			var name string
			var n int64
			err := scan(&name, &n)
			q.to[name] = n
			return err
		})
		if err != nil {
			return err
		}
	}
	err = tx.Row(`SELECT COUNT(*) FROM incident_affected a JOIN incident_case i ON i.id = a.case_id WHERE i.state NOT IN ('closed', 'merged') AND (a.state = 'open'
		OR a.state = 'told' AND NOT EXISTS (SELECT 1 FROM incident_telling t WHERE t.affected = a.id AND (t.letter = 0 OR EXISTS (SELECT 1 FROM outbox_letter l
		WHERE l.id = t.letter AND l.state NOT IN ('bounced', 'dead', 'cancelled')))))`).Scan(&o.Untold)
	if err != nil {
		return err
	}
	return tx.PreparedRow(`SELECT (SELECT COUNT(*) FROM clock WHERE state = 'late'), (SELECT COUNT(*) FROM clock WHERE state = 'running'),
		COALESCE((SELECT MIN(due) FROM clock WHERE state = 'running'), 0)`).Scan(&o.Late, &o.Running, &o.NextDue)
	if err := tx.Row(`SELECT COUNT(*) FROM sitrep WHERE state = 'draft'`).Scan(&o.Sitreps); err != nil {
		return err
	}
	return tx.Row(`SELECT COALESCE(SUM(CASE WHEN state = 'late' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN state = 'running' THEN due END), 0) FROM clock WHERE live = 1`).Scan(&o.Late, &o.Running, &o.NextDue)
}

// compare counts what was reported, opened and closed since a time, and between an earlier one and that.
func (o *Incidents) compare(tx *db.Tx, before, since, until int64) error {
	for _, c := range []struct {
		table, column, condition string
		to                       *Compared
	}{
		{"incident_report", "received", "", &o.Reported},
		{"incident_case", "opened", "", &o.Opened},
		{"incident_case", "closed", "state = 'closed' AND ", &o.Closed},
	} {
		count := `(SELECT COUNT(*) FROM ` + c.table + ` WHERE ` + c.condition + c.column + ` > $%d AND ` + c.column + ` <= $%d)`
		if err := tx.PreparedRow(fmt.Sprintf(`SELECT `+count+`, `+count, 2, 3, 1, 2), before, since, until).Scan(&c.to.Now, &c.to.Before); err != nil {
			return err
		}
	}
	// What was counted above without looking at each is taken off again: there is little of it.
	var drafts, merged Compared
	for _, c := range []struct {
		query string
		to    *Compared
	}{
		{`SELECT COALESCE(SUM(CASE WHEN received > $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN received <= $2 THEN 1 ELSE 0 END), 0) FROM incident_report
			WHERE state IN ('draft', 'unconfirmed') AND received > $1 AND received <= $3`, &drafts},
		{`SELECT COALESCE(SUM(CASE WHEN opened > $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN opened <= $2 THEN 1 ELSE 0 END), 0) FROM incident_case
			WHERE state = 'merged' AND opened > $1 AND opened <= $3`, &merged},
	} {
		if err := tx.PreparedRow(c.query, before, since, until).Scan(&c.to.Now, &c.to.Before); err != nil {
			return err
		}
	}
	o.Reported.less(drafts)
	o.Opened.less(merged)
	return nil
}

func (c *Compared) less(d Compared) { c.Now, c.Before = c.Now-d.Now, c.Before-d.Before }
