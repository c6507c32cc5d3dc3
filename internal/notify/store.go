package notify

import (
	"encoding/json"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// insertLetter writes a letter down; of a key that is there already it gives the number.
func insertLetter(tx *db.Tx, l *Letter) (id int64, fresh bool, err error) {
	to, err := json.Marshal(l.Recipient)
	if err != nil {
		return 0, false, err
	}
	err = tx.PreparedRow(`INSERT INTO outbox_letter (uniq, kind, channel, line, constituent, recipient, release, address, destination, name,
		language, ticket, object, encrypt, payload, subject, state, hold, reason, due, lease, holder, attempts, created, rendered, first_try,
		handed, settled, message_id, bytes, sha256, ledger)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '', '', $18, 0, '', 0, $19, 0, 0, 0, 0, $20, 0, '', 0)
		ON CONFLICT (uniq) DO NOTHING RETURNING id`,
		l.Key, l.Kind, string(l.Channel), l.line, l.Constituent, string(to), l.release, l.To, l.destination, l.Name, l.Language, l.Ticket,
		string(l.Object), flag(l.EncryptionRequired), l.Payload, l.Subject, string(l.State), l.Due, l.Created, l.MessageID).Scan(&id)
	if fault.KindOf(err) != fault.NotFound {
		return id, true, err
	}
	err = tx.Row(`SELECT id FROM outbox_letter WHERE uniq = $1`, l.Key).Scan(&id)
	return id, false, err
}

const letterColumns = `SELECT id, uniq, kind, channel, line, constituent, recipient, release, address, destination, name, language, ticket,
	object, encrypt, payload, subject, state, hold, reason, due, lease, holder, attempts, created, rendered, first_try, handed, settled,
	message_id, bytes, sha256, ledger FROM outbox_letter `

func scanLetter(scan func(...any) error) (l Letter, err error) {
	var to string
	var encrypt int
	if err := scan(&l.ID, &l.Key, &l.Kind, &l.Channel, &l.line, &l.Constituent, &to, &l.release, &l.To, &l.destination, &l.Name, &l.Language,
		&l.Ticket, &l.Object, &encrypt, &l.Payload, &l.Subject, &l.State, &l.Hold, &l.Reason, &l.Due, &l.lease, &l.holder, &l.Attempts,
		&l.Created, &l.Rendered, &l.FirstTry, &l.HandedAt, &l.Settled, &l.MessageID, &l.Bytes, &l.SHA256, &l.Ledger); err != nil {
		return l, err
	}
	l.EncryptionRequired = encrypt != 0
	if err := json.Unmarshal([]byte(to), &l.Recipient); err != nil {
		return l, fmt.Errorf("read the recipient of letter %d: %w", l.ID, err)
	}
	return l, nil
}

// letterBy finds a letter by a unique column.
func letterBy(tx *db.Tx, column, value string) (Letter, error) {
	return scanLetter(tx.Row(letterColumns+`WHERE `+column+` = $1 ORDER BY id LIMIT 1`, value).Scan)
}

func letterByID(tx *db.Tx, id int64) (Letter, error) {
	l, err := scanLetter(tx.Row(letterColumns+`WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return l, fault.NotFoundf("there is no letter %d", id)
	}
	return l, err
}

func letters(tx *db.Tx, query string, args ...any) (out []Letter, err error) {
	err = tx.PreparedEach(letterColumns+query, args, func(scan func(...any) error) error {
		l, err := scanLetter(scan)
		out = append(out, l)
		return err
	})
	return out, err
}

func lettersByTicket(tx *db.Tx, ticket string) ([]Letter, error) {
	return letters(tx, `WHERE ticket = $1 ORDER BY id LIMIT 1000`, ticket)
}

// claim takes letters that are due and that nobody has: those to be composed, and with sending those to be handed over. Over a line
// that is out of order nothing is taken before its time, and then a single letter. failing are those lines.
func claim(tx *db.Tx, holder string, sending bool, world, now, lease int64, most int) (out []Letter, failing map[string]bool, err error) {
	states := `l.state IN ('queued', 'rendered')`
	if !sending {
		states += ` AND l.state = 'queued'`
	}
	lock := ""
	if tx.Engine() == db.PostgreSQL {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	failing = map[string]bool{}
	err = tx.Each(`SELECT name FROM outbox_line LIMIT 10000`, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		failing[name] = true
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	ls, err := letters(tx, strings.ReplaceAll(`l WHERE `+states+` AND l.due <= $1 AND l.lease < $2
		AND NOT EXISTS (SELECT 1 FROM outbox_line x WHERE x.name = l.line AND x.next > $1 AND l.state = 'rendered')
		ORDER BY l.due, l.id LIMIT $3`, "\n", " ")+lock, world, now, most)
	if err != nil {
		return nil, nil, fmt.Errorf("claim letters: %w", err)
	}
	out = ls[:0]
	for _, l := range ls {
		if failing[l.line] && l.State == Rendered {
			var probed int64
			if err := tx.Row(`SELECT count(*) FROM (SELECT id FROM outbox_letter WHERE line = $1 AND lease >= $2 AND state = 'rendered' LIMIT 1) AS x`,
				l.line, now).Scan(&probed); err != nil {
				return nil, nil, err
			}
			if probed > 0 {
				continue
			}
		}
		l.holder, l.lease = holder, now+lease
		out = append(out, l)
	}
	return out, failing, leaseTo(tx, out, holder, now+lease)
}

// leaseTo notes who has letters, and until when.
func leaseTo(tx *db.Tx, ls []Letter, holder string, until int64) error {
	if len(ls) == 0 {
		return nil
	}
	ids := make([]int64, len(ls))
	for i := range ls {
		ids[i] = ls[i].ID
	}
	in, args := db.In(2, ids)
	_, err := tx.Prepared(`UPDATE outbox_letter SET lease = $1, holder = $2 WHERE id IN `+in, append([]any{until, holder}, args...)...)
	return err
}

// statesOf tells how far letters are.
func statesOf(tx *db.Tx, ids []int64) (map[int64]State, error) {
	in, args := db.In(0, ids)
	out := map[int64]State{}
	return out, tx.PreparedEach(`SELECT id, state FROM outbox_letter WHERE id IN `+in, args, func(scan func(...any) error) error {
		var id int64
		var s string
		err := scan(&id, &s)
		out[id] = State(s)
		return err
	})
}

// standing is what decides whether the hand-over of a letter may begin.
type standing struct{ sending, rests, released bool }

// standings reads it; those are missing that were taken back, or that somebody else has.
func standings(tx *db.Tx, cs []*commit, now int64) (map[int64]standing, error) {
	ids, out := make([]int64, len(cs)), map[int64]standing{}
	holders := map[int64]string{}
	for i, c := range cs {
		ids[i], holders[c.begin.ID] = c.begin.ID, c.begin.holder
	}
	in, args := db.In(1, ids)
	return out, tx.PreparedEach(`SELECT l.id, l.holder, l.release, s.sending, (SELECT count(*) FROM outbox_line x WHERE x.name = l.line AND x.next > $1),
		(SELECT count(*) FROM outbox_release r WHERE r.recipient = l.release) FROM outbox_letter l, outbox_switch s
		WHERE s.id = 1 AND l.state IN ('queued', 'rendered') AND l.id IN `+in, append([]any{now}, args...), func(scan func(...any) error) error {
		var id, on, rests, free int64
		var holder, release string
		err := scan(&id, &holder, &release, &on, &rests, &free)
		if holder == holders[id] {
			out[id] = standing{on != 0, rests > 0, release == "" || free > 0}
		}
		return err
	})
}

// sendable is the last look at letters: who holds those that may leave, while the switch is on.
func sendable(tx *db.Tx, ids []int64) (map[int64]string, error) {
	in, args := db.In(0, ids)
	out := map[int64]string{}
	return out, tx.PreparedEach(`SELECT l.id, l.holder FROM outbox_letter l, outbox_switch s WHERE s.id = 1 AND s.sending = 1 AND l.state = 'rendered'
		AND l.id IN `+in, args, func(scan func(...any) error) error {
		var id int64
		var holder string
		err := scan(&id, &holder)
		out[id] = holder
		return err
	})
}

// give gives letters back, due at a time; 0 leaves that as it is.
func give(tx *db.Tx, l *Letter, due int64, reason string) error {
	_, err := tx.Prepared(`UPDATE outbox_letter SET lease = 0, holder = '', due = CASE WHEN CAST($1 AS BIGINT) > 0 THEN CAST($1 AS BIGINT) ELSE due END,
		reason = CASE WHEN CAST($2 AS TEXT) = '' THEN reason ELSE $2 END WHERE id = $3 AND holder = $4`, due, reason, l.ID, l.holder)
	return err
}

// saveRendered keeps what is known of a letter once it is rendered, and once its hand-over begins.
func saveRendered(tx *db.Tx, l *Letter) error {
	_, err := tx.Prepared(`UPDATE outbox_letter SET state = 'rendered', subject = $1, rendered = $2, message_id = $3, bytes = $4, sha256 = $5,
		attempts = $6, first_try = $7, ledger = $8 WHERE id = $9 AND holder = $10`, l.Subject, l.Rendered, l.MessageID, l.Bytes, l.SHA256,
		l.Attempts, l.FirstTry, l.Ledger, l.ID, l.holder)
	return err
}

func hold(tx *db.Tx, l *Letter, why, reason string) error {
	_, err := tx.Prepared(`UPDATE outbox_letter SET state = 'held', hold = $1, reason = $2, lease = 0, holder = '' WHERE id = $3 AND holder = $4`,
		why, reason, l.ID, l.holder)
	return err
}

// handed notes that the other side has letters; what was handed over is not needed any more.
func handed(tx *db.Tx, ls []*Letter, at int64) error {
	ids := make([]int64, len(ls))
	for i, l := range ls {
		ids[i] = l.ID
	}
	in, args := db.In(1, ids)
	if _, err := tx.Prepared(`UPDATE outbox_letter SET state = 'handed-over', handed = $1, reason = '', lease = 0, holder = '' WHERE id IN `+in,
		append([]any{at}, args...)...); err != nil {
		return err
	}
	in, args = db.In(0, ids)
	_, err := tx.Prepared(`DELETE FROM outbox_message WHERE letter IN `+in, args...)
	return err
}

// bury gives a letter up, or cancels it.
func bury(tx *db.Tx, l *Letter, state State, reason string, at int64) error {
	_, err := tx.Prepared(`UPDATE outbox_letter SET state = $1, reason = $2, settled = $3, lease = 0, holder = '' WHERE id = $4 AND holder = $5`,
		string(state), reason, at, l.ID, l.holder)
	return err
}

// settle notes what became of a letter after the hand-over.
func settle(tx *db.Tx, id int64, state State, reason string, at int64) error {
	_, err := tx.Exec(`UPDATE outbox_letter SET state = $1, reason = $2, settled = $3 WHERE id = $4 AND state IN ('handed-over', 'answered', 'bounced')
		AND NOT (state = 'answered' AND CAST($1 AS TEXT) = 'answered')`, string(state), reason, at, id)
	return err
}

func cancel(tx *db.Tx, ids []int64, reason string, at int64) (n int64, err error) {
	for _, id := range ids {
		k, err := tx.Prepared(`UPDATE outbox_letter SET state = 'cancelled', reason = $1, settled = $2, lease = 0, holder = ''
			WHERE id = $3 AND state IN ('queued', 'rendered', 'held', 'dead')`, reason, at, id)
		if err != nil {
			return n, err
		}
		if _, err := tx.Prepared(`DELETE FROM outbox_message WHERE letter = $1`, id); err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

// revive lets letters that were given up or held for a reason that is gone be tried again.
func revive(tx *db.Tx, ids []int64, at int64) (n int64, err error) {
	for _, id := range ids {
		k, err := tx.Prepared(`UPDATE outbox_letter SET hold = '', reason = '', due = $1, first_try = 0, settled = 0,
			state = CASE WHEN sha256 = '' THEN 'queued' ELSE 'rendered' END
			WHERE id = $2 AND (state = 'dead' OR state = 'held' AND hold <> 'release')`, at, id)
		if err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
