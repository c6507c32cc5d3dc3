package notify

import "tocsin/internal/platform/db"

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

func dropContents(tx *db.Tx, ids []int64) error {
	in, args := db.In(0, ids)
	if _, err := tx.Prepared(`DELETE FROM outbox_content WHERE letter IN `+in, args...); err != nil {
		return err
	}
	_, err := tx.Prepared(`DELETE FROM outbox_message WHERE letter IN `+in, args...)
	return err
}

// cancelled are those of letters that are.
func cancelled(tx *db.Tx, ids []int64) ([]Letter, error) {
	in, args := db.In(0, ids)
	return letters(tx, `WHERE state = 'cancelled' AND id IN `+in, args...)
}

// kept reads what is kept of letters; what is not kept is missing.
func kept(tx *db.Tx, ids []int64) (contents, messages map[int64][]byte, err error) {
	contents, messages = map[int64][]byte{}, map[int64][]byte{}
	in, args := db.In(0, ids)
	err = tx.PreparedEach(`SELECT c.letter, c.content, m.message FROM outbox_content c LEFT JOIN outbox_message m ON m.letter = c.letter
		WHERE c.letter IN `+in, args, func(scan func(...any) error) error {
		var id int64
		var content, message []byte
		if err := scan(&id, &content, &message); err != nil {
			return err
		}
		contents[id] = content
		if message != nil {
			messages[id] = message
		}
		return nil
	})
	return contents, messages, err
}
