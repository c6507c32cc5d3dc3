package world

import (
	"encoding/json"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const retentionSetting = "world.retention"

// loadRetention is what the world was last served with: the command line that works beside a server must not let other
// jobs run than the server would.
func loadRetention(tx *db.Tx) (r event.Retention, err error) {
	var text string
	err = tx.Row(`SELECT value FROM setting WHERE name = $1`, retentionSetting).Scan(&text)
	if fault.KindOf(err) == fault.NotFound {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &r)
	}
	return r, err
}

func saveRetention(tx *db.Tx, r event.Retention) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		retentionSetting, string(text))
	return err
}
