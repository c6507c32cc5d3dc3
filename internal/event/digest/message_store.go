package digest

import (
	"fmt"
	"maps"
	"slices"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const messageColumns = `m.id, m.constituent, COALESCE(c.name, ''), m.at, m.frequency, m.period, m.day_from, m.day_until, m.fresh, m.still, m.gone,
	m.letters, m.ticket, m.secret, m.expires, m.revoked_at, m.revoked_by, (SELECT COUNT(*) FROM digest_answer a WHERE a.message = m.id)
	FROM digest_message m LEFT JOIN constituent c ON c.id = m.constituent`

func scanMessage(scan func(...any) error) (m Message, err error) {
	return m, scan(&m.ID, &m.Constituent, &m.Name, &m.At, &m.Frequency, &m.Period, &m.From, &m.Until, &m.Fresh, &m.Still, &m.Gone, &m.Letters,
		&m.Ticket, &m.secret, &m.Expires, &m.RevokedAt, &m.RevokedBy, &m.Answers)
}

func messageByID(tx *db.Tx, id int64) (Message, error) {
	m, err := scanMessage(tx.PreparedRow(`SELECT `+messageColumns+` WHERE m.id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return m, fault.NotFoundf("there is no digest %d", id)
	}
	return m, err
}

// messagesByID reads messages; those that are not there are missing.
func messagesByID(tx *db.Tx, ids []int64) (map[int64]Message, error) {
	out := make(map[int64]Message, len(ids))
	in, args := db.In(0, ids)
	return out, tx.PreparedEach(`SELECT `+messageColumns+` WHERE m.id IN `+in, args, func(scan func(...any) error) error {
		m, err := scanMessage(scan)
		out[m.ID] = m
		return err
	})
}

func messageByToken(tx *db.Tx, token []byte) (Message, error) {
	return scanMessage(tx.Row(`SELECT `+messageColumns+` WHERE m.token = $1`, token).Scan)
}

// listMessages lists the latest first; constituents nil is everybody's.
func listMessages(tx *db.Tx, constituents []int64, before int64, limit int) (out []Message, err error) {
	out = []Message{}
	if before == 0 {
		before = 1<<63 - 1
	}
	where, args := ` WHERE m.id < $1`, []any{before, limit}
	if constituents != nil {
		where += ` AND m.constituent IN (` + marks(3, len(constituents)) + `)`
		for _, id := range constituents {
			args = append(args, id)
		}
		if len(constituents) == 0 {
			return out, nil
		}
	}
	err = tx.Each(`SELECT `+messageColumns+where+` ORDER BY m.id DESC LIMIT $2`, args, func(scan func(...any) error) error {
		m, err := scanMessage(scan)
		out = append(out, m)
		return err
	})
	return out, err
}

// marks are n placeholders from number first on.
func marks(first, n int) string {
	b := make([]byte, 0, n*5)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "$%d", first+i)
	}
	return string(b)
}

func insertMessage(tx *db.Tx, m *Message, token []byte) error {
	return tx.PreparedRow(`INSERT INTO digest_message (constituent, at, frequency, period, day_from, day_until, fresh, still, gone, letters, ticket, secret,
		token, expires, revoked_at, revoked_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, '') RETURNING id`,
		m.Constituent, m.At, string(m.Frequency), m.Period, int64(m.From), int64(m.Until), m.Fresh, m.Still, m.Gone, m.Letters, m.Ticket, m.secret,
		token, m.Expires).Scan(&m.ID)
}

func insertItem(tx *db.Tx, message int64, finding event.ID, what string) error {
	_, err := tx.Prepared(`INSERT INTO digest_item (message, finding, what) VALUES ($1, $2, $3)`, message, []byte(finding), what)
	return err
}

// thread is the first message of a message's ticket and the one before it; 0 without. A ticket is one constituent's.
func thread(tx *db.Tx, m *Message) (first, last int64, err error) {
	return first, last, tx.PreparedRow(`SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM digest_message
		WHERE constituent = $1 AND ticket = $2 AND id < $3`, m.Constituent, m.Ticket, m.ID).Scan(&first, &last)
}

// latest is the latest message to a constituent that was no urgent one.
func latest(tx *db.Tx, constituent int64) (m Message, err error) {
	m, err = scanMessage(tx.PreparedRow(`SELECT `+messageColumns+` WHERE m.constituent = $1 AND m.frequency <> 'immediate' ORDER BY m.id DESC LIMIT 1`,
		constituent).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return Message{}, nil
	}
	return m, err
}

// lastTold is when a constituent was sent anything last; 0: never.
func lastTold(tx *db.Tx, constituent int64) (at int64, err error) {
	return at, tx.PreparedRow(`SELECT COALESCE(MAX(at), 0) FROM digest_message WHERE constituent = $1`, constituent).Scan(&at)
}

// dueConstituents are those to whom something is due, after one of them.
func dueConstituents(tx *db.Tx, now, after int64, limit int) (out []int64, err error) {
	err = tx.Each(`SELECT DISTINCT constituent FROM digest_directive WHERE due > 0 AND due <= $1 AND constituent > $2 ORDER BY constituent LIMIT $3`,
		[]any{now, after, limit}, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			out = append(out, id)
			return err
		})
	return out, err
}

// restless are those who have something open that they were told, and were told nothing since.
func restless(tx *db.Tx, since int64) (out []int64, err error) {
	err = tx.Each(`SELECT d.constituent FROM digest_directive d WHERE d.state = 'told' AND d.presence = 'open' GROUP BY d.constituent
		HAVING NOT EXISTS (SELECT 1 FROM digest_message m WHERE m.constituent = d.constituent AND m.at > $1) ORDER BY d.constituent`,
		[]any{since}, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			out = append(out, id)
			return err
		})
	return out, err
}

// directivesOf reads directives of a constituent: what = due reads those that are due, else all that wait.
func directivesOf(tx *db.Tx, constituent, until int64, limit int) (out []directive, err error) {
	err = tx.PreparedEach(`SELECT `+directiveColumns+` FROM digest_directive WHERE constituent = $1 AND due > 0 AND due <= $2 ORDER BY finding LIMIT $3`,
		[]any{constituent, until, limit}, func(scan func(...any) error) error {
			x, err := scanDirective(scan)
			out = append(out, x)
			return err
		})
	return out, err
}

// stillOpen reads what a constituent was told before a time and is still open.
func stillOpen(tx *db.Tx, constituent, before int64, limit int) (out []directive, err error) {
	err = tx.PreparedEach(`SELECT `+directiveColumns+` FROM digest_directive WHERE constituent = $1 AND state = 'told' AND presence = 'open' AND told_at < $2
		ORDER BY finding LIMIT $3`, []any{constituent, before, limit}, func(scan func(...any) error) error {
		x, err := scanDirective(scan)
		out = append(out, x)
		return err
	})
	return out, err
}

// newsOf reads what messages tell anew, by message, with how it stands now as far as telling it asks; what became somebody else's
// meanwhile is left out.
func newsOf(tx *db.Tx, messages map[int64]Message) (map[int64][]directive, error) {
	out := make(map[int64][]directive, len(messages))
	for id, m := range messages {
		out[id] = make([]directive, 0, m.Fresh+m.Gone)
	}
	in, args := db.In(0, slices.Sorted(maps.Keys(messages)))
	var message, constituent, owner, severity, since int64 // they are many: what is scanned into is there once
	var finding db.Bytes
	var answer, what string
	return out, tx.PreparedEach(`SELECT i.message, d.constituent, d.finding, d.owner, d.severity, d.since, d.answer, i.what FROM digest_item i
		JOIN digest_directive d ON d.finding = i.finding WHERE i.message IN `+in+` AND d.presence <> 'left' ORDER BY i.message, i.finding`, args,
		func(scan func(...any) error) error {
			if err := scan(&message, &constituent, &finding, &owner, &severity, &since, &answer, &what); err != nil {
				return err
			}
			if constituent == messages[message].Constituent { // others are told of the same finding
				out[message] = append(out[message], directive{finding: event.ID(finding), constituent: constituent, owner: owner, severity: event.Severity(severity),
					since: event.Day(since), answer: answer, pending: what})
			}
			return nil
		})
}

// markTold notes that a message tells of a directive.
func markTold(tx *db.Tx, x *directive, m *Message) error {
	set := `state = 'told', told_at = $1, message = $2, pending = '', due = 0`
	args := []any{m.At, m.ID, []byte(x.finding), x.constituent}
	if x.pending == TellGone {
		set = `pending = '', due = 0`
		_, err := tx.Prepared(`UPDATE digest_directive SET `+set+` WHERE finding = $1 AND constituent = $2`, args[2], args[3])
		return err
	}
	_, err := tx.Prepared(`UPDATE digest_directive SET `+set+` WHERE finding = $3 AND constituent = $4`, args...)
	return err
}

func markWithheld(tx *db.Tx, x *directive) error {
	_, err := tx.Prepared(`UPDATE digest_directive SET state = CASE WHEN state = 'waiting' THEN 'withheld' ELSE state END, rule = 'gate', pending = '', due = 0
		WHERE finding = $1 AND constituent = $2`, []byte(x.finding), x.constituent)
	return err
}

// postpone puts off what is due to a constituent: what is urgent until a time, and the rest until another one.
func postpone(tx *db.Tx, constituent, now, urgent, rest int64) error {
	_, err := tx.Prepared(`UPDATE digest_directive SET due = CASE WHEN frequency = 'immediate' AND pending <> 'gone' THEN CAST($1 AS BIGINT) ELSE $4 END
		WHERE constituent = $2 AND due > 0 AND due <= $3`, urgent, constituent, now, rest)
	return err
}

func revoke(tx *db.Tx, id, at int64, by string) (bool, error) {
	n, err := tx.Exec(`UPDATE digest_message SET revoked_at = $1, revoked_by = $2 WHERE id = $3 AND revoked_at = 0`, at, by, id)
	return n > 0, err
}

// lockConstituent makes writers of a constituent's messages wait for one another.
func lockConstituent(tx *db.Tx, id int64) error {
	_, err := tx.Prepared(`UPDATE constituent SET ref = ref WHERE id = $1`, id)
	return err
}
