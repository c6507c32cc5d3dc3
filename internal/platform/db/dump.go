package db

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"tocsin/internal/platform/fault"
)

// A dump of PostgreSQL is a stream of tables, each in chunks: a line of JSON with the table, its columns and the length of
// the COPY text that follows; length 0 ends a table. It is written in the order in which it can be loaded.
type dumpChunk struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns,omitempty"`
	Length  int      `json:"length"`
}

const dumpBlock = 1 << 20

// Dump writes every record of a PostgreSQL world as the transaction sees it; SQLite has Snapshot instead.
func (t *Tx) Dump(w io.Writer) error {
	if t.engine != PostgreSQL {
		return errors.New("dump is for PostgreSQL")
	}
	tables, err := t.tables()
	if err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	for _, name := range tables {
		columns, err := t.columns(name)
		if err != nil {
			return fmt.Errorf("list the columns of %s: %w", name, err)
		}
		out := &chunkWriter{w: w, chunk: dumpChunk{Table: name, Columns: columns}}
		buffered := bufio.NewWriterSize(out, dumpBlock)
		err = t.raw(func(c *pgconn.PgConn) error {
			_, err := c.CopyTo(t.ctx, buffered, "COPY "+pgx.Identifier{name}.Sanitize()+" ("+quoted(columns)+") TO STDOUT")
			return err
		})
		if err = errors.Join(err, buffered.Flush(), out.end()); err != nil {
			return fmt.Errorf("dump %s: %w", name, err)
		}
	}
	return nil
}

// Load fills an empty PostgreSQL world from what Dump wrote, in one transaction. A world that was written to is a fault of
// kind Conflict.
func (d *DB) Load(ctx context.Context, r io.Reader) error {
	if d.engine != PostgreSQL {
		return errors.New("load is for PostgreSQL")
	}
	_, err := d.once(ctx, d.write, false, func(tx *Tx) error {
		var used bool
		if err := tx.Row(`SELECT EXISTS (SELECT 1 FROM audit)`).Scan(&used); err != nil {
			return err
		}
		if used {
			return fault.Conflictf("the database is in use: restore into an empty one")
		}
		return tx.load(bufio.NewReaderSize(r, dumpBlock))
	})
	return err
}

func (t *Tx) load(r *bufio.Reader) error {
	tables, err := t.tables()
	if err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	known := map[string]bool{}
	for _, name := range tables {
		known[name] = true
	}
	if _, err := t.Exec("TRUNCATE " + quoted(tables)); err != nil {
		return err
	}
	for {
		first, err := readChunk(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !known[first.Table] {
			return fault.Invalidf("the dump has a table %q that this version of Tocsin does not have", first.Table)
		}
		rest := &chunkReader{r: r, left: first.Length, ended: first.Length == 0}
		err = t.raw(func(c *pgconn.PgConn) error {
			_, err := c.CopyFrom(t.ctx, rest, "COPY "+pgx.Identifier{first.Table}.Sanitize()+" ("+quoted(first.Columns)+") FROM STDIN")
			return err
		})
		if err == nil {
			_, err = io.Copy(io.Discard, rest)
		}
		if err == nil {
			err = t.setSequence(first.Table, first.Columns)
		}
		if err != nil {
			return fmt.Errorf("load %s: %w", first.Table, err)
		}
	}
}

func (t *Tx) raw(fn func(*pgconn.PgConn) error) error {
	return t.conn.Raw(func(c any) error { return fn(c.(*stdlib.Conn).Conn().PgConn()) })
}

// setSequence lets a table's own ids go on after those that were loaded.
func (t *Tx) setSequence(table string, columns []string) error {
	for _, c := range columns {
		if c != "id" {
			continue
		}
		var sequence *string
		if err := t.Row(`SELECT pg_get_serial_sequence($1, 'id')`, pgx.Identifier{table}.Sanitize()).Scan(&sequence); err != nil {
			return err
		}
		if sequence == nil {
			return nil
		}
		_, err := t.Exec(`SELECT setval($1, (SELECT coalesce(max(id), 0) + 1 FROM `+pgx.Identifier{table}.Sanitize()+`), false)`, *sequence)
		return err
	}
	return nil
}

// tables lists the world's tables but the migrations', each after those it refers to.
func (t *Tx) tables() ([]string, error) {
	refers := map[string][]string{}
	var names []string
	err := t.Each(`SELECT c.relname, coalesce(string_agg(f.relname, ' '), '') FROM pg_class c
		LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid
		LEFT JOIN pg_class f ON f.oid = k.confrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'goose_db_version'
		GROUP BY c.relname ORDER BY c.relname`, nil, func(scan func(...any) error) error {
		var name, to string
		if err := scan(&name, &to); err != nil {
			return err
		}
		names = append(names, name)
		refers[name] = strings.Fields(to)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var ordered []string
	seen := map[string]bool{}
	var visit func(string)
	visit = func(n string) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, m := range refers[n] {
			visit(m)
		}
		ordered = append(ordered, n)
	}
	for _, n := range names {
		visit(n)
	}
	return ordered, nil
}

func (t *Tx) columns(table string) ([]string, error) {
	var out []string
	err := t.Each(`SELECT attname FROM pg_attribute WHERE attrelid = CAST($1 AS TEXT)::regclass AND attnum > 0
		AND NOT attisdropped ORDER BY attnum`, []any{pgx.Identifier{table}.Sanitize()}, func(scan func(...any) error) error {
		var c string
		err := scan(&c)
		out = append(out, c)
		return err
	})
	return out, err
}

// chunkWriter frames what is written to it.
type chunkWriter struct {
	w     io.Writer
	chunk dumpChunk
}

// Write implements io.Writer.
func (c *chunkWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.head(len(p)); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

func (c *chunkWriter) end() error { return c.head(0) }

func (c *chunkWriter) head(n int) error {
	c.chunk.Length = n
	line, err := json.Marshal(c.chunk)
	if err != nil {
		return err
	}
	_, err = c.w.Write(append(line, '\n'))
	return err
}

// chunkReader reads the rest of one table.
type chunkReader struct {
	r     *bufio.Reader
	left  int
	ended bool
}

// Read implements io.Reader.
func (c *chunkReader) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.ended {
			return 0, io.EOF
		}
		next, err := readChunk(c.r)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		c.left, c.ended = next.Length, next.Length == 0
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func readChunk(r *bufio.Reader) (c dumpChunk, err error) {
	line, err := r.ReadBytes('\n')
	if err == io.EOF && len(line) == 0 {
		return c, io.EOF
	}
	if err == nil {
		err = json.Unmarshal(line, &c)
	}
	if err != nil || c.Length < 0 || c.Table == "" {
		return c, fault.Invalidf("this is no dump of Tocsin's records, or it is damaged: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return c, nil
}

func quoted(names []string) string {
	var q []string
	for _, n := range names {
		q = append(q, pgx.Identifier{n}.Sanitize())
	}
	return strings.Join(q, ", ")
}
