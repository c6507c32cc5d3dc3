package mailbox

import (
	"encoding/json"
	"fmt"

	"tocsin/internal/format/eml"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func loadPlace(tx *db.Tx, name string) (p place, err error) {
	err = tx.Row(`SELECT validity, uid FROM mailbox_source WHERE name = $1`, name).Scan(&p.validity, &p.uid)
	if fault.KindOf(err) == fault.NotFound {
		return p, nil
	}
	return p, err
}

// advance says that everything up to uid was dealt with. When another reading was faster it is a fault of kind Conflict.
func advance(tx *db.Tx, at place, uid uint32, taken int) error {
	n, err := tx.Exec(`INSERT INTO mailbox_source (name, validity, uid, looked, trouble, since, taken) VALUES ($1, $2, $3, 0, '', 0, $4)
		ON CONFLICT (name) DO UPDATE SET validity = excluded.validity, uid = excluded.uid, taken = mailbox_source.taken + excluded.taken
		WHERE mailbox_source.validity <> excluded.validity OR mailbox_source.uid < excluded.uid`,
		at.name, int64(at.validity), int64(uid), taken)
	if err != nil {
		return fmt.Errorf("remember how far the mailbox was read: %w", err)
	}
	if n == 0 {
		return fault.Conflictf("another reading of the mailbox %s took the message %d", at.name, uid)
	}
	return nil
}

func insertPending(tx *db.Tx, path string, lease int64) error {
	_, err := tx.Exec(`INSERT INTO mailbox_pending (path, lease) VALUES ($1, $2)`, path, lease)
	return err
}

func deletePending(tx *db.Tx, path string) error {
	_, err := tx.Exec(`DELETE FROM mailbox_pending WHERE path = $1`, path)
	return err
}

// abandoned are the originals that a crash left.
func abandoned(tx *db.Tx, now int64) (paths []string, err error) {
	err = tx.Each(`SELECT path FROM mailbox_pending WHERE lease < $1 ORDER BY path LIMIT 1000`, []any{now}, func(scan func(...any) error) error {
		var p string
		err := scan(&p)
		paths = append(paths, p)
		return err
	})
	return paths, err
}

func saveLook(tx *db.Tx, name, trouble string, now int64) error {
	since := int64(0)
	if trouble != "" {
		since = now
	}
	_, err := tx.Exec(`INSERT INTO mailbox_source (name, validity, uid, looked, trouble, since, taken) VALUES ($1, 0, 0, $2, $3, $4, 0)
		ON CONFLICT (name) DO UPDATE SET looked = excluded.looked, trouble = excluded.trouble,
		since = CASE WHEN excluded.trouble <> '' AND mailbox_source.trouble <> '' THEN mailbox_source.since ELSE excluded.since END`,
		name, now, trouble, since)
	return err
}

func listStatus(tx *db.Tx) (out []Status, err error) {
	err = tx.Each(`SELECT name, looked, trouble, since, taken FROM mailbox_source ORDER BY name LIMIT 100`, nil, func(scan func(...any) error) error {
		var s Status
		err := scan(&s.Name, &s.Looked, &s.Trouble, &s.Since, &s.Taken)
		out = append(out, s)
		return err
	})
	return out, err
}

// isKnown says whether the message was taken before: the same bytes, or another copy of it.
func isKnown(tx *db.Tx, m *Message) (bool, error) {
	var n int64
	err := tx.Row(`SELECT count(*) FROM mailbox_message WHERE sha256 = $1 OR message_id <> '' AND message_id = $2 AND content = $3`,
		m.SHA256, m.MessageID, m.content).Scan(&n)
	return n > 0, err
}

func insertMessage(tx *db.Tx, m *Message) (id int64, err error) {
	var report, flaws, earlier, protection []byte
	if m.Protection != nil {
		if protection, err = json.Marshal(m.Protection); err != nil {
			return 0, err
		}
	}
	if m.Report != nil {
		if report, err = json.Marshal(m.Report); err != nil {
			return 0, err
		}
	}
	if flaws, err = json.Marshal(append([]eml.Flaw{}, m.Flaws...)); err != nil {
		return 0, err
	}
	if earlier, err = json.Marshal(append([]string{}, m.Earlier...)); err != nil {
		return 0, err
	}
	err = tx.Row(`INSERT INTO mailbox_message (sha256, path, stored, size, content, message_id, source, taken, received, sent, from_name, from_address,
		reply_to, subject, body, kind, automatic, report, flaws, earlier, ticket, letter, constituent, threaded, verified, authentic, state, reason, answer,
		protection)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, '', 0, $28)
		RETURNING id`, m.SHA256, m.path, m.Stored, m.Size, m.content, m.MessageID, m.Source, m.Taken, m.Received, m.Sent, m.FromName, m.From,
		m.ReplyTo, m.Subject, m.Text, string(m.Kind), m.AutomaticBy, string(report), string(flaws), string(earlier), m.Ticket, m.Letter,
		m.Constituent, m.Threaded, flag(m.Verified), int(m.Authentic), string(m.State), string(protection)).Scan(&m.ID)
	if err != nil {
		return 0, fmt.Errorf("write a message down: %w", err)
	}
	for _, f := range m.Files {
		_, err := tx.Prepared(`INSERT INTO mailbox_file (message, number, name, type, url, bytes, sha256, feed, state, outcome)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, m.ID, f.Number, f.Name, f.Type, f.URL, f.Bytes, f.SHA256, f.Feed, string(f.State), f.Outcome)
		if err != nil {
			return 0, fmt.Errorf("write a message's file down: %w", err)
		}
	}
	return m.ID, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ticketOf is the conversation of the message with a Message-ID; "" when there is none.
func ticketOf(tx *db.Tx, messageID string) (ticket string, err error) {
	err = tx.Row(`SELECT ticket FROM mailbox_message WHERE message_id = $1 AND ticket <> '' ORDER BY id LIMIT 1`, messageID).Scan(&ticket)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return ticket, err
}

// isTicket says whether a conversation of that ticket began with a message.
func isTicket(tx *db.Tx, ticket string) (bool, error) {
	var n int64
	err := tx.Row(`SELECT count(*) FROM mailbox_ticket WHERE ticket = $1`, ticket).Scan(&n)
	return n > 0, err
}

// constituentOf is whom a conversation is with, as far as its messages say.
func constituentOf(tx *db.Tx, ticket string) (id int64, err error) {
	err = tx.Row(`SELECT coalesce(max(constituent), 0) FROM (SELECT constituent FROM mailbox_ticket WHERE ticket = $1
		UNION ALL SELECT constituent FROM mailbox_message WHERE ticket = $1) c`, ticket).Scan(&id)
	return id, err
}

func insertTicket(tx *db.Tx, ticket, subject string, constituent, now int64) error {
	_, err := tx.Exec(`INSERT INTO mailbox_ticket (ticket, subject, constituent, created) VALUES ($1, $2, $3, $4)`, ticket, subject, constituent, now)
	return err
}

// assign puts a message of the inbox into its conversation.
func assign(tx *db.Tx, m *Message) error {
	_, err := tx.Exec(`UPDATE mailbox_message SET ticket = $1, letter = $2, constituent = $3, threaded = $4, verified = $5, state = 'open', reason = ''
		WHERE id = $6`, m.Ticket, m.Letter, m.Constituent, m.Threaded, flag(m.Verified), m.ID)
	return err
}

func setState(tx *db.Tx, id int64, state State, reason string) error {
	_, err := tx.Exec(`UPDATE mailbox_message SET state = $1, reason = $2 WHERE id = $3`, string(state), reason, id)
	return err
}

// answered notes which letter answers a message. What its sender wrote into the conversation before it is dealt with too; what others wrote
// still waits.
func answered(tx *db.Tx, m *Message, letter int64) error {
	_, err := tx.Exec(`UPDATE mailbox_message SET state = 'done', answer = CASE WHEN id = $1 THEN $2 ELSE answer END
		WHERE id = $1 OR ticket = $3 AND id < $1 AND state = 'open' AND lower(from_address) = lower($4)`, m.ID, letter, m.Ticket, m.From)
	return err
}

func setFile(tx *db.Tx, message int64, number int, feed string, state FileState, outcome string) error {
	_, err := tx.Exec(`UPDATE mailbox_file SET feed = $1, state = $2, outcome = $3 WHERE message = $4 AND number = $5`,
		feed, string(state), outcome, message, number)
	return err
}
