package sitrep

import (
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
)

// graveCases are the cases that are worked on and at least so severe, the gravest first.
func graveCases(tx *db.Tx, severity, limit int) (out []GraveCase, err error) {
	err = tx.Each(`SELECT number, title, severity, opened, lead_name, tlp FROM incident_case WHERE state NOT IN ('resolved', 'closed', 'merged') AND severity >= $1
		ORDER BY severity DESC, opened, id LIMIT $2`, []any{int32(severity), limit}, func(scan func(...any) error) error {
		var c GraveCase
		err := scan(&c.Number, &c.Title, &c.Severity, &c.Opened, &c.Lead, &c.Label)
		if c.Label == tlp.None {
			c.Label = tlp.Amber
		}
		out = append(out, c)
		return err
	})
	return out, err
}

// read counts deadlines: those met and missed after since and not after until, and those that end after that and not after soon.
func (c *ClockFigures) read(tx *db.Tx, since, until, soon int64) error {
	err := tx.Row(`SELECT COALESCE(SUM(CASE WHEN submitted <= due THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN submitted > due THEN 1 ELSE 0 END), 0)
		FROM clock WHERE state = 'submitted' AND submitted > $1 AND submitted <= $2`, since, until).Scan(&c.Met, &c.MetLate)
	if err != nil {
		return err
	}
	if err := tx.Row(`SELECT COUNT(*) FROM clock WHERE late > $1 AND late <= $2`, since, until).Scan(&c.Missed); err != nil {
		return err
	}
	return tx.Row(`SELECT COUNT(*) FROM clock WHERE live = 1 AND state = 'running' AND due <= $1`, soon).Scan(&c.Soon)
}

func (l *LetterFigures) read(tx *db.Tx, since, until int64) error {
	return tx.Row(`SELECT COALESCE(SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'bounced' THEN 1 ELSE 0 END), 0)
		FROM outbox_letter WHERE state IN ('dead', 'bounced') AND settled > $1 AND settled <= $2`, since, until).Scan(&l.Dead, &l.Bounced)
}

// casesNumbered finds the cases of these numbers.
func casesNumbered(tx *db.Tx, numbers []string) (ids []int64, err error) {
	for _, n := range numbers {
		err := tx.Each(`SELECT id FROM incident_case WHERE number = $1`, []any{n}, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}
