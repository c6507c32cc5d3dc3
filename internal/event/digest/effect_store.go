package digest

import (
	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/platform/db"
)

func eachOutcome(tx *db.Tx, since int64, fn func(*outcome)) error {
	var o outcome
	return tx.Each(`SELECT finding, constituent, told_at, presence, gone_day, gone_at, answered_at, fixed_at FROM digest_directive
		WHERE told_at >= $1 AND owner = constituent`, []any{since}, func(scan func(...any) error) error {
		var id []byte
		if err := scan(&id, &o.constituent, &o.toldAt, &o.presence, &o.goneDay, &o.goneAt, &o.answeredAt, &o.fixedAt); err != nil {
			return err
		}
		o.finding = event.ID(id)
		fn(&o)
		return nil
	})
}

func readDeaf(tx *db.Tx, messages, limit int) (out []Deaf, err error) {
	out = []Deaf{}
	err = tx.Each(`SELECT m.constituent, COUNT(*), MIN(m.at), (SELECT COUNT(*) FROM digest_directive d WHERE d.constituent = m.constituent
		AND d.state = 'told' AND d.presence = 'open') AS going FROM digest_message m
		WHERE NOT EXISTS (SELECT 1 FROM digest_answer a WHERE a.constituent = m.constituent)
		AND NOT EXISTS (SELECT 1 FROM digest_directive d WHERE d.constituent = m.constituent AND d.state = 'told' AND d.presence = 'gone')
		GROUP BY m.constituent HAVING COUNT(*) >= $1 ORDER BY going DESC, m.constituent LIMIT $2`, []any{messages, limit},
		func(scan func(...any) error) error {
			var d Deaf
			err := scan(&d.Constituent, &d.Messages, &d.First, &d.Open)
			out = append(out, d)
			return err
		})
	return out, err
}

func readStanding(tx *db.Tx, s *Standing, today constituency.Day) error {
	err := tx.Each(`SELECT state, COUNT(*) FROM digest_directive WHERE presence = 'open' GROUP BY state`, nil, func(scan func(...any) error) error {
		var st State
		var n int64
		err := scan(&st, &n)
		s.States[st] = n
		return err
	})
	if err != nil {
		return err
	}
	err = tx.Row(`SELECT COUNT(*) FROM (SELECT DISTINCT constituent FROM digest_directive WHERE due > 0) d WHERE NOT EXISTS (SELECT 1 FROM contact k
		WHERE k.constituent = d.constituent AND k.mail <> '' AND k.role <> 'press' AND k.valid_from <= $1 AND k.valid_until > $1)`, int64(today)).Scan(&s.Mute)
	if err != nil {
		return err
	}
	return tx.Row(`SELECT COUNT(*) FROM digest_answer WHERE state = 'open'`).Scan(&s.Claims)
}
