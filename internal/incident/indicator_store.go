package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// valuesOf are the values of a case's indicators that are looked for elsewhere: those that somebody confirmed, and then the latest.
func valuesOf(tx *db.Tx, id int64, limit int) (out []string, err error) {
	err = tx.PreparedEach(`SELECT value FROM incident_indicator WHERE case_id = $1 AND verdict <> 'refused' GROUP BY value
		ORDER BY MAX(CASE WHEN verdict = 'confirmed' THEN 1 ELSE 0 END) DESC, MAX(at) DESC, value LIMIT $2`, []any{id, limit}, func(scan func(...any) error) error {
		var v string
		err := scan(&v)
		out = append(out, v)
		return err
	})
	return out, err
}

// latestOf asks one question for each of at most some hundred values, and has the first answers to each.
func latestOf(tx *db.Tx, query string, values []string, limit int) ([]int64, error) {
	if len(values) == 0 {
		return nil, nil
	}
	var q []string
	var args []any
	for i, v := range values {
		q = append(q, fmt.Sprintf(`SELECT id FROM (`+query+` LIMIT %d) q%d`, i+1, limit, i))
		args = append(args, v)
	}
	return ids(tx, strings.Join(q, ` UNION ALL `), args...)
}

// casesSharing are of the latest other cases that share the values those with the most, and how many indicators each of them shares
// that nobody refused. An indicator that stands in every case leads to the latest of them only.
func casesSharing(tx *db.Tx, id int64, values []string, limit int) (out []int64, shared map[int64]int64, err error) {
	hits := map[int64]int{}
	others, err := latestOf(tx, `SELECT case_id AS id FROM incident_indicator WHERE value = $%d ORDER BY case_id DESC`, values, limit+1)
	if err != nil {
		return nil, nil, err
	}
	for _, other := range others {
		if other != id {
			hits[other]++
		}
	}
	most := func(a, b int64) int { return cmp.Or(cmp.Compare(hits[b], hits[a]), cmp.Compare(b, a)) }
	out = slices.SortedFunc(maps.Keys(hits), most)
	if out = out[:min(len(out), limit)]; len(out) == 0 {
		return nil, nil, nil
	}
	shared = map[int64]int64{}
	err = tx.Each(`SELECT o.case_id, COUNT(*) FROM incident_indicator o JOIN incident_indicator i ON i.case_id = $1 AND i.type = o.type AND i.value = o.value
		WHERE o.case_id IN (`+numbers(out)+`) AND i.verdict <> 'refused' AND o.verdict <> 'refused' GROUP BY o.case_id`, []any{id}, func(scan func(...any) error) error {
		var other, n int64
		err := scan(&other, &n)
		shared[other] = n
		return err
	})
	out = slices.DeleteFunc(out, func(other int64) bool { return shared[other] == 0 })
	slices.SortFunc(out, func(a, b int64) int { return cmp.Or(cmp.Compare(shared[b], shared[a]), cmp.Compare(b, a)) })
	return out, shared, err
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
