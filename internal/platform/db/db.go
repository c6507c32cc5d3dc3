// Package db opens a world's records on SQLite or PostgreSQL and runs every write as an act: one transaction with its
// audit row and its jobs. SQL stands in the capabilities' store.go files, one text for both engines with $N placeholders.
package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// Engine is the database underneath. Only bulk loading may ask for it.
type Engine string

// The engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
)

// Recorder writes the audit row of an act as the last write of its transaction.
type Recorder func(tx *Tx, a act.Act) error

// DB is a world's records. It is safe for concurrent use.
type DB struct {
	engine   Engine
	write    *sql.DB
	read     *sql.DB
	recorder Recorder
	path     string // the SQLite file
	url      string
	schema   string
	kept     map[*sql.DB]*statements // of each pool; PostgreSQL's driver keeps its own
}

// Open opens the records at url: "postgres://…" (every world is a schema of it) or the path of a SQLite file, and brings
// their schema up to date. The recorder writes the audit rows.
func Open(ctx context.Context, url, world string, recorder Recorder) (*DB, error) {
	var d *DB
	var err error
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		d, err = openPostgres(ctx, url, world)
	} else {
		d, err = openSQLite(ctx, strings.TrimPrefix(url, "sqlite://"))
	}
	if err != nil {
		return nil, err
	}
	d.recorder = recorder
	if d.engine == SQLite {
		d.kept = map[*sql.DB]*statements{d.write: {}, d.read: {}}
	}
	if err := d.migrate(ctx); err != nil {
		d.Close()
		return nil, fmt.Errorf("bring the database's schema up to date: %w", err)
	}
	return d, nil
}

// Engine tells which database is underneath.
func (d *DB) Engine() Engine { return d.engine }

// Close closes the records; a SQLite file is left without a write-ahead log.
func (d *DB) Close() error {
	err := d.read.Close()
	if d.write != d.read {
		err = errors.Join(err, d.write.Close())
	}
	return err
}

// Ping asks the database whether it answers.
func (d *DB) Ping(ctx context.Context) error { return d.read.PingContext(ctx) }

// Act runs fn in one transaction and records the act with it. fn may run again after a lost race, so it must not keep
// what an earlier run left in memory. It may set what it only learns inside by tx.Note.
func (d *DB) Act(ctx context.Context, a act.Act, fn func(tx *Tx) error) error {
	if a.Actor.ID == "" || a.Verb == "" {
		return errors.New("an act needs an actor and a verb")
	}
	return d.transact(ctx, d.write, false, func(tx *Tx) error {
		tx.act = a
		if err := fn(tx); err != nil {
			return err
		}
		for _, a := range append([]act.Act{tx.act}, tx.also...) {
			if err := d.recorder(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// Upkeep runs fn in one transaction without an audit row: leases, sweeping, settings that only Tocsin reads.
func (d *DB) Upkeep(ctx context.Context, fn func(tx *Tx) error) error {
	return d.transact(ctx, d.write, false, fn)
}

// View runs fn on one consistent snapshot and writes nothing.
func (d *DB) View(ctx context.Context, fn func(tx *Tx) error) error {
	return d.transact(ctx, d.read, true, fn)
}

// After runs fn when the transaction has ended well and its connection is given back, before View, Act or Upkeep returns: what a
// View let out is written down then, in a transaction of its own. fn's error is the caller's.
func (t *Tx) After(fn func(context.Context) error) { t.after = append(t.after, fn) }

// Writes tells whether the transaction may write.
func (t *Tx) Writes() bool { return t.writes }

const attempts = 8

func (d *DB) transact(ctx context.Context, pool *sql.DB, readOnly bool, fn func(tx *Tx) error) error {
	for i := 1; ; i++ {
		tx, err := d.once(ctx, pool, readOnly, fn)
		if err == nil {
			return tx.ended(ctx)
		}
		if end := ctx.Err(); end != nil && errors.Is(err, driver.ErrBadConn) { // pgx closes the connection of who gave up
			return fmt.Errorf("%w: %w", end, err)
		}
		if i == attempts || !lostRace(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(i*i) * 5 * time.Millisecond):
		}
	}
}

func (t *Tx) ended(ctx context.Context) error {
	for _, fn := range t.after {
		if err := fn(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) once(ctx context.Context, pool *sql.DB, readOnly bool, fn func(tx *Tx) error) (*Tx, error) {
	kept := d.kept[pool]
	kept.keep(ctx, pool)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	defer conn.Close()
	opts := &sql.TxOptions{ReadOnly: readOnly}
	if d.engine == PostgreSQL && readOnly {
		opts.Isolation = sql.LevelRepeatableRead
	}
	if d.engine == SQLite {
		opts.ReadOnly = false // the pool itself is query_only
	}
	t, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return nil, unavailable(err)
	}
	tx := &Tx{ctx: ctx, tx: t, conn: conn, engine: d.engine, writes: !readOnly, kept: kept}
	defer func() {
		tx.closeStatements()
		t.Rollback() // after Commit a no-op; after a panic in fn the way out
	}()
	if err := fn(tx); err != nil {
		return nil, err
	}
	tx.closeStatements()
	if err := t.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tx, nil
}

// Tx is one transaction. It is for one goroutine.
type Tx struct {
	ctx    context.Context
	tx     *sql.Tx
	conn   *sql.Conn
	engine Engine
	act    act.Act
	also   []act.Act
	writes bool
	after  []func(context.Context) error
	stmts  map[string]*sql.Stmt
	kept   *statements // nil: the driver keeps them
}

// Context is the context the transaction runs under.
func (t *Tx) Context() context.Context { return t.ctx }

// Engine tells which database is underneath; for bulk loading only.
func (t *Tx) Engine() Engine { return t.engine }

// Actor is who acts in this transaction; act.Machine outside an act.
func (t *Tx) Actor() act.Actor {
	if t.act.Actor.ID == "" {
		return act.Machine
	}
	return t.act.Actor
}

// Note sets the act's object and detail once they are known; an empty string leaves what was there.
func (t *Tx) Note(object, detail string) {
	if object != "" {
		t.act.Object = object
	}
	if detail != "" {
		t.act.Detail = detail
	}
}

// Also records what follows from the act in its own transaction, after it and under the same actor: what a rule did because of it.
func (t *Tx) Also(verb, object, detail string) error {
	if t.act.Verb == "" {
		return fmt.Errorf("%s follows from no act", verb)
	}
	t.also = append(t.also, act.Act{Actor: t.act.Actor, Verb: verb, Object: object, Detail: detail})
	return nil
}

// Exec runs a statement and tells how many rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	r, err := t.tx.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query runs a query; the caller closes the rows.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(t.ctx, query, args...)
}

// Row runs a query for one row. No row is a fault of kind NotFound.
func (t *Tx) Row(query string, args ...any) Row {
	return Row{t.tx.QueryRowContext(t.ctx, query, args...)}
}

// Each runs a query and calls fn for every row; fn scans it.
func (t *Tx) Each(query string, args []any, fn func(scan func(...any) error) error) error {
	rows, err := t.Query(query, args...)
	if err != nil {
		return err
	}
	return each(rows, fn)
}

func each(rows *sql.Rows, fn func(scan func(...any) error) error) error {
	defer rows.Close()
	scan := rows.Scan // bound once and not for each row
	for rows.Next() {
		if err := fn(scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Bytes is what a row holds until the next one is read: scanned without a copy.
type Bytes = sql.RawBytes

// Row is the result of a query for one row.
type Row struct{ r *sql.Row }

// Scan copies the row; no row is a fault of kind NotFound.
func (r Row) Scan(dest ...any) error {
	err := r.r.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "not found: %w", err)
	}
	return err
}

func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.New(fault.Unavailable, "the database does not answer: %w", err)
}
