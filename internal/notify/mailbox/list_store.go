package mailbox

import (
	"encoding/json"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// excerpt is how many characters of a text lists show: messages are read whole one at a time.
const excerpt = 300

const messageColumns = `id, source, taken, received, sent, from_name, from_address, reply_to, subject, body, kind, automatic, message_id, earlier,
	report, flaws, ticket, letter, constituent, threaded, verified, authentic, state, reason, answer, size, stored, sha256, path, protection`

func scanMessage(scan func(...any) error) (m Message, err error) {
	var kind, state, earlier, report, flaws, protection string
	var verified int
	if err := scan(&m.ID, &m.Source, &m.Taken, &m.Received, &m.Sent, &m.FromName, &m.From, &m.ReplyTo, &m.Subject, &m.Text, &kind, &m.AutomaticBy,
		&m.MessageID, &earlier, &report, &flaws, &m.Ticket, &m.Letter, &m.Constituent, &m.Threaded, &verified, &m.Authentic, &state, &m.Reason, &m.Answer,
		&m.Size, &m.Stored, &m.SHA256, &m.path, &protection); err != nil {
		return m, err
	}
	m.Kind, m.State, m.Verified = Kind(kind), State(state), verified != 0
	for _, j := range []struct {
		text string
		into any
	}{{earlier, &m.Earlier}, {flaws, &m.Flaws}, {report, &m.Report}, {protection, &m.Protection}} {
		if j.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(j.text), j.into); err != nil {
			return m, fmt.Errorf("read message %d: %w", m.ID, err)
		}
	}
	return m, nil
}

func messageByID(tx *db.Tx, id int64) (Message, error) {
	m, err := scanMessage(tx.Row(`SELECT `+messageColumns+` FROM mailbox_message WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return m, fault.NotFoundf("there is no message %d", id)
	}
	if err != nil {
		return m, err
	}
	m.Files, err = filesOf(tx, id)
	return m, err
}

func filesOf(tx *db.Tx, message int64) (out []File, err error) {
	err = tx.Each(`SELECT number, name, type, url, bytes, sha256, feed, state, outcome FROM mailbox_file WHERE message = $1 ORDER BY number LIMIT 1000`,
		[]any{message}, func(scan func(...any) error) error {
			var f File
			var state string
			err := scan(&f.Number, &f.Name, &f.Type, &f.URL, &f.Bytes, &f.SHA256, &f.Feed, &state, &f.Outcome)
			f.State = FileState(state)
			out = append(out, f)
			return err
		})
	return out, err
}

func messages(tx *db.Tx, text int, where string, args ...any) (out []Message, err error) {
	columns := strings.Replace(messageColumns, " body,", fmt.Sprintf(" substr(body, 1, %d),", text), 1)
	err = tx.Each(`SELECT `+columns+` FROM mailbox_message WHERE `+where, args, func(scan func(...any) error) error {
		m, err := scanMessage(scan)
		out = append(out, m)
		return err
	})
	return out, err
}

// listMessages lists the latest first.
func listMessages(tx *db.Tx, f Filter, limit int) ([]Message, error) {
	return messages(tx, excerpt, `($1 = '' OR state = $1) AND ($2 = '' OR kind = $2) AND (CAST($3 AS BIGINT) = 0 OR constituent = $3)
		AND (CAST($4 AS BIGINT) = 0 OR id < $4) ORDER BY id DESC LIMIT $5`, string(f.State), string(f.Kind), f.Constituent, f.Before, limit)
}

// messagesIn lists the last messages of a conversation, the latest first.
func messagesIn(tx *db.Tx, ticket string, limit int) ([]Message, error) {
	ms, err := messages(tx, Shown, `ticket = $1 ORDER BY id DESC LIMIT $2`, ticket, limit)
	if err != nil {
		return nil, err
	}
	for i := range ms {
		if ms[i].Files, err = filesOf(tx, ms[i].ID); err != nil {
			return nil, err
		}
	}
	return ms, nil
}

func counts(tx *db.Tx) (c Counts, err error) {
	err = tx.Each(`SELECT state, count(*) FROM mailbox_message GROUP BY state`, nil, func(scan func(...any) error) error {
		var state string
		var n int64
		if err := scan(&state, &n); err != nil {
			return err
		}
		switch State(state) {
		case Waiting:
			c.Waiting = n
		case Open:
			c.Open = n
		case Done:
			c.Done = n
		case Dismissed:
			c.Dismissed = n
		}
		return nil
	})
	return c, err
}

func ticketSubject(tx *db.Tx, ticket string) (subject string, err error) {
	err = tx.Row(`SELECT subject FROM mailbox_ticket WHERE ticket = $1`, ticket).Scan(&subject)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return subject, err
}
