package notify

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func saveContent(tx *db.Tx, id int64, packed []byte) error {
	_, err := tx.Prepared(`INSERT INTO outbox_content (letter, content) VALUES ($1, $2)
		ON CONFLICT (letter) DO UPDATE SET content = excluded.content`, id, packed)
	return err
}

func saveMessage(tx *db.Tx, id int64, packed []byte) error {
	_, err := tx.Prepared(`INSERT INTO outbox_message (letter, message) VALUES ($1, $2)
		ON CONFLICT (letter) DO UPDATE SET message = excluded.message`, id, packed)
	return err
}

// kept reads what is kept of a letter; what is not kept is nil.
func kept(tx *db.Tx, id int64) (content, message []byte, err error) {
	err = tx.Row(`SELECT c.content, m.message FROM outbox_content c LEFT JOIN outbox_message m ON m.letter = c.letter WHERE c.letter = $1`, id).
		Scan(&content, &message)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil, nil
	}
	return content, message, err
}
