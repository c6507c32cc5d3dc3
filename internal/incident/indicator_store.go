package incident

import (
	"tocsin/internal/format/indicator"
	"tocsin/internal/platform/db"
)

// insertIndicators adds those that the case has not yet, and tells how many.
func insertIndicators(tx *db.Tx, id, at int64, source string, v Verdict, by string, found []indicator.Indicator) (fresh int64, err error) {
	for _, i := range found {
		n, err := tx.Prepared(`INSERT INTO incident_indicator (case_id, type, value, verdict, source, at, name) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			id, string(i.Type), i.Value, string(v), source, at, by)
		if fresh += n; err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

func judgeIndicators(tx *db.Tx, id int64, v Verdict, by string, values []string) (n int64, err error) {
	for _, value := range values {
		one, err := tx.Exec(`UPDATE incident_indicator SET verdict = $1, name = $2 WHERE case_id = $3 AND value = $4`, string(v), by, id, value)
		if n += one; err != nil {
			return n, err
		}
	}
	return n, nil
}

func indicatorsOf(tx *db.Tx, id int64, v Verdict) (out []Indicator, err error) {
	err = tx.Each(`SELECT type, value, verdict, source, at, name FROM incident_indicator WHERE case_id = $1 AND ($2 = '' OR verdict = $2) ORDER BY type, value LIMIT 5000`,
		[]any{id, string(v)}, func(scan func(...any) error) error {
			var i Indicator
			err := scan(&i.Type, &i.Value, &i.Verdict, &i.Source, &i.At, &i.By)
			out = append(out, i)
			return err
		})
	return out, err
}

// casesSharing are the other cases that share indicators which nobody refused, those with the most first.
func casesSharing(tx *db.Tx, id int64, limit int) (ids []int64, shared map[int64]int64, err error) {
	shared = map[int64]int64{}
	err = tx.Each(`SELECT o.case_id, COUNT(*) FROM incident_indicator i JOIN incident_indicator o ON o.value = i.value AND o.case_id <> i.case_id
		WHERE i.case_id = $1 AND i.verdict <> 'refused' AND o.verdict <> 'refused' GROUP BY o.case_id ORDER BY COUNT(*) DESC, o.case_id DESC LIMIT $2`, []any{id, limit},
		func(scan func(...any) error) error {
			var other, n int64
			err := scan(&other, &n)
			ids, shared[other] = append(ids, other), n
			return err
		})
	return ids, shared, err
}

// casesOfParties are the latest other cases about the same constituents.
func casesOfParties(tx *db.Tx, id int64, limit int) ([]int64, error) {
	return ids(tx, `SELECT DISTINCT o.case_id FROM incident_party p JOIN incident_party o ON o.constituent = p.constituent AND o.case_id <> p.case_id
		WHERE p.case_id = $1 ORDER BY o.case_id DESC LIMIT $2`, id, limit)
}

func insertLink(tx *db.Tx, l *Link) (int64, error) {
	return tx.Exec(`INSERT INTO incident_link (case_id, object, title, at, name) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, l.Case, l.Object, l.Title, l.At, l.By)
}

func deleteLink(tx *db.Tx, id int64, object string) (int64, error) {
	return tx.Exec(`DELETE FROM incident_link WHERE case_id = $1 AND object = $2`, id, object)
}

// linksOf are the links of a case, and those of other cases to it.
func linksOf(tx *db.Tx, id int64, self string) (out []Link, err error) {
	err = tx.Each(`SELECT case_id, object, title, at, name FROM incident_link WHERE case_id = $1 OR object = $2 ORDER BY at, object, case_id LIMIT 1000`, []any{id, self},
		func(scan func(...any) error) error {
			var l Link
			err := scan(&l.Case, &l.Object, &l.Title, &l.At, &l.By)
			out = append(out, l)
			return err
		})
	return out, err
}
