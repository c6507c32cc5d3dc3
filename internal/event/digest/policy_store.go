package digest

import (
	"encoding/json"
	"fmt"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// detail is what an act says of what it wrote.
func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

const rulesSetting = "digest.rules"

// touch makes directives be decided anew: the rules changed.
func touch(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, '1') ON CONFLICT (name)
		DO UPDATE SET value = CAST(CAST(setting.value AS BIGINT) + 1 AS TEXT)`, rulesSetting)
	return err
}

// rulesVersion counts the changes of the rules.
func rulesVersion(tx *db.Tx) (int64, error) {
	var s string
	err := tx.Row(`SELECT value FROM setting WHERE name = $1`, rulesSetting).Scan(&s)
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}

const policyColumns = `id, constituent, sector, type, severity, frequency, reason, at, name`

func scanPolicy(scan func(...any) error) (p Policy, err error) {
	return p, scan(&p.ID, &p.Constituent, &p.Sector, &p.Type, &p.Severity, &p.Frequency, &p.Reason, &p.At, &p.By)
}

func readPolicies(tx *db.Tx) (out Policies, err error) {
	out = Policies{}
	err = tx.Each(`SELECT `+policyColumns+` FROM digest_policy ORDER BY constituent, sector, type, severity LIMIT $1`, []any{maxPolicies},
		func(scan func(...any) error) error {
			p, err := scanPolicy(scan)
			out = append(out, p)
			return err
		})
	return out, err
}

func countPolicies(tx *db.Tx) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM digest_policy`).Scan(&n)
}

func savePolicy(tx *db.Tx, p *Policy) (id int64, err error) {
	return id, tx.Row(`INSERT INTO digest_policy (constituent, sector, type, severity, frequency, reason, at, actor, name)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (constituent, sector, type, severity) DO UPDATE SET
		frequency = excluded.frequency, reason = excluded.reason, at = excluded.at, actor = excluded.actor, name = excluded.name
		RETURNING id`, p.Constituent, p.Sector, p.Type, p.Severity, string(p.Frequency), p.Reason, p.At, tx.Actor().Subject(), p.By).Scan(&id)
}

func dropPolicy(tx *db.Tx, id int64) (p Policy, err error) {
	p, err = scanPolicy(tx.Row(`SELECT `+policyColumns+` FROM digest_policy WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return p, fault.NotFoundf("there is no policy %d", id)
	}
	if err != nil {
		return p, err
	}
	_, err = tx.Exec(`DELETE FROM digest_policy WHERE id = $1`, id)
	return p, err
}

func readSuppressions(tx *db.Tx, today event.Day, ended bool) (out []Suppression, err error) {
	out = []Suppression{}
	from := int64(today)
	if ended {
		from = 0
	}
	err = tx.Each(`SELECT id, kind, value, day_from, day_until, reason, at, name, ended_at, ended_by FROM digest_suppression
		WHERE day_until >= $1 AND ($2 = 1 OR ended_at = 0) ORDER BY id DESC LIMIT 1000`, []any{from, flag(ended)},
		func(scan func(...any) error) error {
			var s Suppression
			err := scan(&s.ID, &s.Kind, &s.Value, &s.From, &s.Until, &s.Reason, &s.At, &s.By, &s.EndedAt, &s.EndedBy)
			out = append(out, s)
			return err
		})
	return out, err
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

func insertSuppression(tx *db.Tx, s *Suppression) (id int64, err error) {
	return id, tx.Row(`INSERT INTO digest_suppression (kind, value, day_from, day_until, reason, at, actor, name, ended_at, ended_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '') RETURNING id`, string(s.Kind), s.Value, int64(s.From), int64(s.Until), s.Reason,
		s.At, tx.Actor().Subject(), s.By).Scan(&id)
}

func endSuppression(tx *db.Tx, id, at int64, by string) (bool, error) {
	n, err := tx.Exec(`UPDATE digest_suppression SET ended_at = $1, ended_by = $2 WHERE id = $3 AND ended_at = 0`, at, by, id)
	return n > 0, err
}

// heldBy counts what each suppression keeps back.
func heldBy(tx *db.Tx) (map[string]int64, error) {
	out := map[string]int64{}
	err := tx.Each(`SELECT rule, COUNT(*) FROM digest_directive WHERE state = 'suppressed' AND presence = 'open' GROUP BY rule`, nil,
		func(scan func(...any) error) error {
			var rule string
			var n int64
			if err := scan(&rule, &n); err != nil {
				return fmt.Errorf("count what is suppressed: %w", err)
			}
			out[rule] = n
			return nil
		})
	return out, err
}
