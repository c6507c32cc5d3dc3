package db

import (
	"context"
	"database/sql"
	"sync"
)

// statements are those that a pool of SQLite keeps between transactions: parsing one costs more than running it. They cannot be
// prepared for the pool within a transaction, which has the only connection, so one that is new is prepared before the next.
type statements struct {
	mu   sync.Mutex
	kept map[string]*sql.Stmt
	next []string
}

// maxKept bounds how many are kept; their texts are constants of the program.
const maxKept = 500

// keep prepares for the pool what transactions asked for since the last time.
func (s *statements) keep(ctx context.Context, pool *sql.DB) {
	if s == nil {
		return
	}
	s.mu.Lock()
	next := s.next
	s.next = nil
	s.mu.Unlock()
	for _, query := range next {
		p, err := pool.PrepareContext(ctx, query)
		if err != nil {
			continue // the next transaction that runs it says why
		}
		s.mu.Lock()
		if s.kept == nil {
			s.kept = map[string]*sql.Stmt{}
		}
		if s.kept[query] == nil && len(s.kept) < maxKept {
			s.kept[query], p = p, nil
		}
		s.mu.Unlock()
		if p != nil {
			p.Close()
		}
	}
}

// find is the statement, nil when it is not kept yet.
func (s *statements) find(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.kept[query]
	if p == nil && len(s.kept)+len(s.next) < maxKept {
		s.next = append(s.next, query)
	}
	return p
}

// Prepared runs a statement that is prepared once and kept; for statements that run often. Its text must be a constant.
func (t *Tx) Prepared(query string, args ...any) (int64, error) {
	if t.kept == nil {
		return t.Exec(query, args...)
	}
	s, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// PreparedRow is Row with a statement that is prepared once and kept.
func (t *Tx) PreparedRow(query string, args ...any) Row {
	if t.kept == nil {
		return t.Row(query, args...)
	}
	s, err := t.prepare(query)
	if err != nil {
		return t.Row(query, args...)
	}
	return Row{s.QueryRowContext(t.ctx, args...)}
}

// PreparedEach is Each with a statement that is prepared once and kept.
func (t *Tx) PreparedEach(query string, args []any, fn func(scan func(...any) error) error) error {
	if t.kept == nil {
		return t.Each(query, args, fn)
	}
	s, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, fn)
}

func (t *Tx) prepare(query string) (s *sql.Stmt, err error) {
	if s := t.stmts[query]; s != nil {
		return s, nil
	}
	if kept := t.kept.find(query); kept != nil {
		s = t.tx.StmtContext(t.ctx, kept)
	} else if s, err = t.tx.PrepareContext(t.ctx, query); err != nil {
		return nil, err
	}
	if t.stmts == nil {
		t.stmts = map[string]*sql.Stmt{}
	}
	t.stmts[query] = s
	return s, nil
}

func (t *Tx) closeStatements() {
	for _, s := range t.stmts {
		s.Close()
	}
	t.stmts = nil
}
