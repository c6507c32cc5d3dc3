package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tocsin/internal/platform/fault"
)

// One handle writes, with immediate transactions, so that writers queue instead of failing; the others only read.
// synchronous=FULL: a committed transaction survives a power cut, which the file protocol relies on.
func openSQLite(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "make the data directory: %w", err)
	}
	dsn := func(mode string) string {
		q := url.Values{"_pragma": {
			"busy_timeout(20000)", "synchronous(FULL)", "foreign_keys(OFF)", "temp_store(MEMORY)",
			"page_size(8192)", "journal_mode(WAL)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)",
		}}
		if mode == "write" {
			q.Set("_txlock", "immediate")
			q.Add("_pragma", "cache_size(-32768)")
		} else {
			q.Add("_pragma", "query_only(1)")
			q.Add("_pragma", "cache_size(-8192)")
		}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	w, err := sql.Open("sqlite", dsn("write"))
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	if err := w.PingContext(ctx); err != nil {
		w.Close()
		return nil, fault.New(fault.Unavailable, "open the database %s: %w", path, err)
	}
	r, err := sql.Open("sqlite", dsn("read"))
	if err != nil {
		w.Close()
		return nil, err
	}
	r.SetMaxOpenConns(2 * max(runtime.NumCPU(), 2))
	r.SetMaxIdleConns(4)
	return &DB{engine: SQLite, write: w, read: r, path: path}, nil
}

func lostRace(err error) bool {
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return postgresLostRace(err)
}

// IsFull tells whether err says that the disk has no room.
func IsFull(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_FULL
}

// Snapshot writes a consistent copy of a SQLite database to path while others go on working. PostgreSQL has its own
// tools for that; there it is a fault of kind Invalid.
func (d *DB) Snapshot(ctx context.Context, path string) error {
	if d.engine != SQLite {
		return fault.Invalidf("this database is PostgreSQL: take its snapshot with pg_dump, Tocsin copies the files")
	}
	conn, err := d.read.Conn(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only(0)"); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only(1)")
	if _, err := conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copy the database to %s: %w", path, err)
	}
	return nil
}
