package notify

import (
	"encoding/json"
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func insertHook(tx *db.Tx, h Hook) (id int64, err error) {
	if h.Kinds == nil {
		h.Kinds = []string{}
	}
	kinds, err := json.Marshal(h.Kinds)
	if err != nil {
		return 0, err
	}
	err = tx.Row(`INSERT INTO webhook (constituent, name, url, secret, kinds, enabled, created, own) VALUES ($1, $2, $3, '', $4, $5, $6, $7) RETURNING id`,
		h.Constituent, h.Name, h.URL, string(kinds), flag(h.Enabled), h.Created, flag(h.Own)).Scan(&id)
	return id, err
}

func saveSecret(tx *db.Tx, id int64, sealed string) error {
	_, err := tx.Exec(`UPDATE webhook SET secret = $1 WHERE id = $2`, sealed, id)
	return err
}

func enableHook(tx *db.Tx, id int64, enabled bool) error {
	_, err := tx.Exec(`UPDATE webhook SET enabled = $1 WHERE id = $2`, flag(enabled), id)
	return err
}

func removeHook(tx *db.Tx, id, at int64) error {
	if _, err := tx.Exec(`UPDATE outbox_letter SET state = 'cancelled', reason = 'the webhook was removed', settled = $1, lease = 0, holder = ''
		WHERE line = $2 AND state IN ('queued', 'rendered', 'held', 'dead')`, at, fmt.Sprintf("webhook:%d", id)); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM webhook WHERE id = $1`, id)
	return err
}

const hookColumns = `SELECT id, constituent, name, url, secret, kinds, enabled, created, own FROM webhook `

func scanHook(scan func(...any) error) (h Hook, err error) {
	var kinds string
	var enabled, own int
	if err := scan(&h.ID, &h.Constituent, &h.Name, &h.URL, &h.secret, &kinds, &enabled, &h.Created, &own); err != nil {
		return h, err
	}
	h.Enabled, h.Own = enabled != 0, own != 0
	if err := json.Unmarshal([]byte(kinds), &h.Kinds); err != nil {
		return h, fmt.Errorf("read the kinds of webhook %d: %w", h.ID, err)
	}
	return h, nil
}

func hookByID(tx *db.Tx, id int64) (Hook, error) {
	h, err := scanHook(tx.Row(hookColumns+`WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return h, fault.NotFoundf("there is no webhook %d", id)
	}
	return h, err
}

func hooks(tx *db.Tx, constituent int64) (out []Hook, err error) {
	err = tx.Each(hookColumns+`WHERE CAST($1 AS BIGINT) = 0 OR constituent = $1 ORDER BY id LIMIT 1000`, []any{constituent}, func(scan func(...any) error) error {
		h, err := scanHook(scan)
		out = append(out, h)
		return err
	})
	return out, err
}
