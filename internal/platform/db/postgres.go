package db

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"tocsin/internal/platform/fault"
)

var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// Every world is a schema "tocsin_<world>", so that a nation and its exercises share one PostgreSQL and nothing else.
func openPostgres(ctx context.Context, url, world string) (*DB, error) {
	if !schemaName.MatchString(world) {
		return nil, fault.Invalidf("the world's name %q must be lower-case letters, digits and _", world)
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.Invalidf("the database URL is not one of PostgreSQL's: %w", err)
	}
	schema := "tocsin_" + world
	cfg.RuntimeParams["search_path"] = schema
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["application_name"] = "tocsin"
	cfg.RuntimeParams["jit"] = "off" // compiling a query takes longer than any of Tocsin's runs
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(16)
	pool.SetMaxIdleConns(4)
	// Two nodes may start at once: the advisory lock makes one of them wait.
	_, err = pool.ExecContext(ctx, fmt.Sprintf(`DO $$ BEGIN PERFORM pg_advisory_xact_lock(7400001);
		CREATE SCHEMA IF NOT EXISTS %s; END $$`, schema))
	if err != nil {
		pool.Close()
		return nil, fault.New(fault.Unavailable, "open PostgreSQL: %w", err)
	}
	return &DB{engine: PostgreSQL, write: pool, read: pool, url: url, schema: schema}, nil
}

func postgresLostRace(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

// Copy bulk-loads rows into a table of PostgreSQL; next returns nil values at the end. SQLite has no such path: use
// Prepared there.
func (t *Tx) Copy(table string, columns []string, next func() ([]any, error)) error {
	if t.engine != PostgreSQL {
		return errors.New("copy is for PostgreSQL")
	}
	return t.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(t.ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(next))
		return err
	})
}

// Stage fills a temporary table of PostgreSQL that lives as long as the transaction; columns are its definition, names
// those that are filled. What is staged is joined by index: the planner, which knows nothing of the new table, would else
// read the whole large one beside it.
func (t *Tx) Stage(table, columns string, names []string, next func() ([]any, error)) error {
	for _, q := range []string{
		"CREATE TEMP TABLE IF NOT EXISTS " + table + " (" + columns + ") ON COMMIT DROP",
		"TRUNCATE " + table,
		"SET LOCAL enable_hashjoin = off",
		"SET LOCAL enable_mergejoin = off",
	} {
		if _, err := t.Exec(q); err != nil {
			return err
		}
	}
	return t.Copy(table, names, next)
}
