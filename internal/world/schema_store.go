package world

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const (
	reportsSetting = "shadowserver.reports"
	mappingSetting = "shadowserver.mapping"
)

func loadSchema(tx *db.Tx) (reports, mapping []byte, err error) {
	read := func(name string) (value []byte, err error) {
		var text string
		err = tx.Row(`SELECT value FROM setting WHERE name = $1`, name).Scan(&text)
		if fault.KindOf(err) == fault.NotFound {
			return nil, nil
		}
		return []byte(text), err
	}
	if reports, err = read(reportsSetting); err != nil {
		return nil, nil, err
	}
	mapping, err = read(mappingSetting)
	return reports, mapping, err
}

func saveSchema(tx *db.Tx, reports, mapping []byte) error {
	for name, value := range map[string][]byte{reportsSetting: reports, mappingSetting: mapping} {
		if _, err := tx.Exec(`DELETE FROM setting WHERE name = $1`, name); err != nil {
			return err
		}
		if len(value) == 0 {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2)`, name, string(value)); err != nil {
			return err
		}
	}
	return nil
}
