package digest

import (
	"encoding/binary"
	"fmt"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
)

// mark is which state of a report type its directives were made from.
type mark struct{ version, rules, day int64 }

func readMarks(tx *db.Tx) (map[int64]mark, error) {
	out := map[int64]mark{}
	err := tx.Each(`SELECT type, version, rules, day FROM digest_type`, nil, func(scan func(...any) error) error {
		var id int64
		var m mark
		err := scan(&id, &m.version, &m.rules, &m.day)
		out[id] = m
		return err
	})
	return out, err
}

func saveMark(tx *db.Tx, typ int64, m mark) error {
	_, err := tx.Exec(`INSERT INTO digest_type (type, version, rules, day) VALUES ($1, $2, $3, $4) ON CONFLICT (type)
		DO UPDATE SET version = excluded.version, rules = excluded.rules, day = excluded.day`, typ, m.version, m.rules, m.day)
	return err
}

// feedMark is since when a feed is known, and until which report day what it brought is its backlog.
type feedMark struct {
	since int64
	until event.Day
}

func readFeeds(tx *db.Tx) (map[string]feedMark, error) {
	out := map[string]feedMark{}
	err := tx.Each(`SELECT feed, since, known_until FROM digest_feed`, nil, func(scan func(...any) error) error {
		var name string
		var f feedMark
		err := scan(&name, &f.since, &f.until)
		out[name] = f
		return err
	})
	return out, err
}

func saveFeed(tx *db.Tx, name string, f feedMark) error {
	_, err := tx.Exec(`INSERT INTO digest_feed (feed, since, known_until) VALUES ($1, $2, $3) ON CONFLICT (feed)
		DO UPDATE SET since = excluded.since, known_until = excluded.known_until`, name, f.since, int64(f.until))
	return err
}

// readSettings reads the settings of one constituent, or with 0 of all who have any.
func readSettings(tx *db.Tx, constituent int64) (map[int64]Setting, error) {
	out := map[int64]Setting{}
	err := tx.Each(`SELECT constituent, zone, weekdays, hour, frequency, channel, at, actor FROM digest_setting
		WHERE $1 = 0 OR constituent = $1`, []any{constituent}, func(scan func(...any) error) error {
		var s Setting
		var days int
		err := scan(&s.Constituent, &s.Zone, &days, &s.Hour, &s.Frequency, &s.Channel, &s.At, &s.By)
		s.Weekdays = weekdays(days)
		out[s.Constituent] = s
		return err
	})
	return out, err
}

func saveSetting(tx *db.Tx, s *Setting) error {
	_, err := tx.Exec(`INSERT INTO digest_setting (constituent, zone, weekdays, hour, frequency, channel, at, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (constituent) DO UPDATE SET zone = excluded.zone, weekdays = excluded.weekdays,
		hour = excluded.hour, frequency = excluded.frequency, channel = excluded.channel, at = excluded.at, actor = excluded.actor`,
		s.Constituent, s.Zone, s.mask(), s.Hour, string(s.Frequency), s.Channel, s.At, tx.Actor().Name)
	return err
}

const directiveColumns = `finding, constituent, owner, severity, since, state, presence, gone_day, gone_at, rule, frequency, pending,
	due, told_at, message, answer, answered_at, fixed_at`

func scanDirective(scan func(...any) error) (x directive, err error) {
	var id []byte
	err = scan(&id, &x.constituent, &x.owner, &x.severity, &x.since, &x.state, &x.presence, &x.goneDay, &x.goneAt, &x.rule, &x.frequency,
		&x.pending, &x.due, &x.toldAt, &x.message, &x.answer, &x.answeredAt, &x.fixedAt)
	x.finding = event.ID(id)
	return x, err
}

// typeRange are the bounds of the ids of a type's findings: after the type comes the address family, which is never 0xff.
func typeRange(typ int64) (lo, hi []byte) {
	lo = binary.BigEndian.AppendUint32(nil, uint32(typ))
	return lo, append(binary.BigEndian.AppendUint32(nil, uint32(typ)), 0xff)
}

// eachDirective calls fn for the directives of a type's findings in the order of ids. Those that ended elsewhere stay as they are.
func eachDirective(tx *db.Tx, typ int64, fn func(directive) error) error {
	lo, hi := typeRange(typ)
	return tx.Each(`SELECT `+directiveColumns+` FROM digest_directive WHERE finding >= $1 AND finding < $2 ORDER BY finding, constituent`,
		[]any{lo, hi}, func(scan func(...any) error) error {
			x, err := scanDirective(scan)
			if err != nil {
				return err
			}
			return fn(x)
		})
}

func insertDirective(tx *db.Tx, x *directive) error {
	_, err := tx.Prepared(`INSERT INTO digest_directive (`+directiveColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
		$14, $15, $16, $17, $18) ON CONFLICT (finding, constituent) DO NOTHING`, []byte(x.finding), x.constituent, x.owner, int64(x.severity),
		int64(x.since), string(x.state), string(x.presence), int64(x.goneDay), x.goneAt, x.rule, string(x.frequency), x.pending, x.due, x.toldAt,
		x.message, x.answer, x.answeredAt, x.fixedAt)
	if err != nil {
		return fmt.Errorf("insert the directive of %s for %d: %w", x.finding, x.constituent, err)
	}
	return nil
}

// moveDirective writes what collecting changed, unless somebody else changed the directive since it was read.
func moveDirective(tx *db.Tx, m *move) (bool, error) {
	a, b := &m.after, &m.before
	n, err := tx.Prepared(`UPDATE digest_directive SET severity = $1, since = $2, state = $3, presence = $4, gone_day = $5, gone_at = $6,
		rule = $7, frequency = $8, pending = $9, due = $10, told_at = $11, message = $12, answer = $13, answered_at = $14, fixed_at = $15
		WHERE finding = $16 AND constituent = $17 AND state = $18 AND pending = $19 AND due = $20 AND answered_at = $21`,
		int64(a.severity), int64(a.since), string(a.state), string(a.presence), int64(a.goneDay), a.goneAt, a.rule, string(a.frequency),
		a.pending, a.due, a.toldAt, a.message, a.answer, a.answeredAt, a.fixedAt, []byte(a.finding), a.constituent, string(b.state), b.pending,
		b.due, b.answeredAt)
	if err != nil {
		return false, fmt.Errorf("move the directive of %s for %d: %w", a.finding, a.constituent, err)
	}
	return n > 0, nil
}

// keptBack counts what is open and kept from a constituent by suppressions and by policies.
func keptBack(tx *db.Tx, constituent int64) (suppressed, silent int64, err error) {
	return suppressed, silent, tx.Row(`SELECT COALESCE(SUM(CASE WHEN state = 'suppressed' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN state = 'silent' THEN 1 ELSE 0 END), 0) FROM digest_directive WHERE constituent = $1 AND presence = 'open'`, constituent).
		Scan(&suppressed, &silent)
}

// directivesAbout are those of one finding, at most 1,000.
func directivesAbout(tx *db.Tx, finding event.ID) (out []directive, err error) {
	err = tx.Each(`SELECT `+directiveColumns+` FROM digest_directive WHERE finding = $1 ORDER BY constituent LIMIT 1000`, []any{[]byte(finding)},
		func(scan func(...any) error) error {
			x, err := scanDirective(scan)
			out = append(out, x)
			return err
		})
	return out, err
}
