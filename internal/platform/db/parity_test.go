package db_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// TestBothEnginesHaveTheSameTables compares tables, columns and indexes of the two folders of migrations.
func TestBothEnginesHaveTheSameTables(t *testing.T) {
	url, world := dbtest.Postgres(t)
	pg := dbtest.Open(t, url, world, audit.Recorder(clock.Real()))
	lite := dbtest.Open(t, t.TempDir()+"/db", world, audit.Recorder(clock.Real()))
	a := list(t, lite, `SELECT m.name || '.' || p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'goose_db_version'
		UNION ALL SELECT 'index ' || name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name <> 'goose_db_version'`)
	b := list(t, pg, fmt.Sprintf(`SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'tocsin_%[1]s' AND table_name <> 'goose_db_version'
		UNION ALL SELECT 'index ' || indexname FROM pg_indexes WHERE schemaname = 'tocsin_%[1]s' AND tablename <> 'goose_db_version'
		AND indexname NOT LIKE '%%_pkey' AND indexname NOT LIKE '%%_key'`, world))
	for _, x := range a {
		if !slices.Contains(b, x) {
			t.Errorf("only on SQLite: %s", x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			t.Errorf("only on PostgreSQL: %s", x)
		}
	}
}

func list(t *testing.T, d *db.DB, query string) (out []string) {
	t.Helper()
	err := d.View(context.Background(), func(tx *db.Tx) error {
		return tx.Each(query, nil, func(scan func(...any) error) error {
			var s string
			err := scan(&s)
			out = append(out, strings.ToLower(s))
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
