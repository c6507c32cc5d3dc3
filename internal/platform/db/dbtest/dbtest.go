// Package dbtest runs one store suite on both engines: SQLite in a temporary directory always, PostgreSQL when
// TOCSIN_TEST_POSTGRES names a server.
package dbtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"tocsin/internal/platform/db"
)

// Each runs fn as a subtest on an empty database of every engine.
func Each(t *testing.T, recorder db.Recorder, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url, world string) {
		fn(t, Open(t, url, world, recorder))
	})
}

// EachURL runs fn as a subtest with the place of an empty database of every engine, for tests that start processes.
func EachURL(t *testing.T, fn func(t *testing.T, url, world string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		fn(t, filepath.Join(t.TempDir(), "tocsin.db"), "live")
	})
	t.Run("postgres", func(t *testing.T) {
		url, world := Postgres(t)
		fn(t, url, world)
	})
}

// Postgres is a fresh world's place on the test server; the test is skipped without one.
func Postgres(t testing.TB) (url, world string) {
	t.Helper()
	url = os.Getenv("TOCSIN_TEST_POSTGRES")
	if url == "" {
		t.Skip("needs a PostgreSQL server: set TOCSIN_TEST_POSTGRES=postgres://user@127.0.0.1:5432/database (.ci/run does)")
	}
	var b [6]byte
	rand.Read(b[:])
	world = "t" + hex.EncodeToString(b[:])
	t.Cleanup(func() {
		ctx := context.Background()
		c, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Errorf("drop the test's schema: %v", err)
			return
		}
		defer c.Close(ctx)
		if _, err := c.Exec(ctx, "DROP SCHEMA IF EXISTS tocsin_"+world+" CASCADE"); err != nil {
			t.Errorf("drop the test's schema: %v", err)
		}
	})
	return url, world
}

// Open opens the records and closes them when the test ends.
func Open(t testing.TB, url, world string, recorder db.Recorder) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), url, world, recorder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
