package situation

import "tocsin/internal/platform/db"

// working is what a case must be for somebody to work on it.
const working = `state NOT IN ('resolved', 'closed', 'merged')`

func (o *Incidents) read(tx *db.Tx) error {
	err := tx.Row(`SELECT COALESCE(SUM(CASE WHEN state = 'received' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'unconfirmed' THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN state = 'received' THEN received END), 0) FROM incident_report WHERE state IN ('received', 'unconfirmed')`).
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
	if err := tx.Row(`SELECT COUNT(*) FROM sitrep WHERE state = 'draft'`).Scan(&o.Sitreps); err != nil {
		return err
	}
	return tx.Row(`SELECT COALESCE(SUM(CASE WHEN state = 'late' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN state = 'running' THEN due END), 0) FROM clock WHERE live = 1`).Scan(&o.Late, &o.Running, &o.NextDue)
}

// compare counts what was reported, opened and closed since a time, and between an earlier one and that.
func (o *Incidents) compare(tx *db.Tx, before, since, until int64) error {
	for _, q := range []struct {
		query string
		to    *Compared
	}{
		{`SELECT COALESCE(SUM(CASE WHEN received > $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN received <= $2 THEN 1 ELSE 0 END), 0) FROM incident_report
			WHERE state NOT IN ('draft', 'unconfirmed') AND received > $1 AND received <= $3`, &o.Reported},
		{`SELECT COALESCE(SUM(CASE WHEN opened > $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN opened <= $2 THEN 1 ELSE 0 END), 0) FROM incident_case
			WHERE state <> 'merged' AND opened > $1 AND opened <= $3`, &o.Opened},
		{`SELECT COALESCE(SUM(CASE WHEN closed > $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN closed <= $2 THEN 1 ELSE 0 END), 0) FROM incident_case
			WHERE state = 'closed' AND closed > $1 AND closed <= $3`, &o.Closed},
	} {
		if err := tx.Row(q.query, before, since, until).Scan(&q.to.Now, &q.to.Before); err != nil {
			return err
		}
	}
	return nil
}
