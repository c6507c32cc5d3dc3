package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScriptsOnPostgres runs the sessions that need two empty databases.
func TestScriptsOnPostgres(t *testing.T) {
	server := os.Getenv("TOCSIN_TEST_POSTGRES")
	if server == "" {
		t.Skip("needs a PostgreSQL server: set TOCSIN_TEST_POSTGRES (.ci/run does)")
	}
	p := params("testdata/postgres")
	first, second := database(t, server), database(t, server)
	p.Setup = func(e *testscript.Env) error {
		e.Setenv("FIRST", first)
		e.Setenv("SECOND", second)
		return nil
	}
	testscript.Run(t, p)
}

// database makes an empty database for the test and returns its URL.
func database(t *testing.T, server string) string {
	t.Helper()
	var b [6]byte
	rand.Read(b[:])
	name := "tocsin_cli_" + hex.EncodeToString(b[:])
	run := func(sql string) {
		ctx := context.Background()
		c, err := pgx.Connect(ctx, server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(ctx)
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Error(err)
		}
	}
	run("CREATE DATABASE " + name)
	t.Cleanup(func() { run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
