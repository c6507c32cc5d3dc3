package feed

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// File is one source file and what became of it. event writes it; here it is only read.
type File struct {
	ID           int64  `json:"id"`
	Feed         string `json:"feed"`
	Name         string `json:"name"`
	Type         string `json:"type,omitempty"` // "" when the name told none
	Day          int64  `json:"day"`
	Subscription string `json:"subscription,omitempty"`
	Delayed      bool   `json:"delayed,omitempty"`
	Delta        bool   `json:"delta,omitempty"`
	Issued       int64  `json:"issued"`            // UTC microseconds
	Archive      int64  `json:"archive,omitempty"` // 0: the original is not kept
	SHA256       string `json:"sha256,omitempty"`  // hex, of the decompressed content
	State        string `json:"state"`             // one of FileStates
	Outcome      string `json:"outcome"`           // for people: what became of it
	Bytes        int64  `json:"bytes"`
	Stored       int64  `json:"stored"` // bytes on disk
	Rows         int64  `json:"rows"`
	Events       int64  `json:"events"`
	Repeated     int64  `json:"repeated"` // rows another subscription had already
	Rejected     int64  `json:"rejected"`
	Unattributed int64  `json:"unattributed"`
	Received     int64  `json:"received"` // UTC microseconds
	Actor        string `json:"actor"`
}

// Date is the report day as YYYY-MM-DD, "" when the name told none.
func (f File) Date() string {
	if f.Day <= 0 {
		return ""
	}
	return Date(f.Day)
}

// FileStates are the states of a file: the one that counts, replaced by a newer one, older than what was there, not
// taken in.
func FileStates() []string { return []string{"live", "superseded", "older", "failed"} }

// FileError is a row that could not be read.
type FileError struct {
	Seq    int64  `json:"seq"`
	Line   int64  `json:"line"`
	Column int    `json:"column,omitempty"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// FileFilter selects files; a zero field selects all.
type FileFilter struct {
	Feed     string
	Type     string
	State    string
	Name     string // a part of the file's name, in any case
	From, To int64  // report days, both included; To 0 is open
	Rejected bool   // only files with rejected rows
	Before   int64  // only files with a lower id: the last of the page before
	Limit    int    // 0 is 50, at most 500
}

const fileColumns = `f.id, e.name, f.name, COALESCE(t.name, ''), f.day, f.subscription, f.delayed, f.delta, f.issued,
	COALESCE(f.archive, 0), f.sha256, f.state, f.outcome, f.bytes, COALESCE(a.stored, 0), f.rows, f.events, f.repeated,
	f.rejected, f.unattributed, f.received, f.actor`

const fileTables = ` FROM source_file f JOIN feed e ON e.id = f.feed LEFT JOIN report_type t ON t.id = f.type
	LEFT JOIN archive a ON a.id = f.archive `

func scanFile(scan func(...any) error) (f File, err error) {
	var hash []byte
	var delayed, delta int
	err = scan(&f.ID, &f.Feed, &f.Name, &f.Type, &f.Day, &f.Subscription, &delayed, &delta, &f.Issued, &f.Archive, &hash,
		&f.State, &f.Outcome, &f.Bytes, &f.Stored, &f.Rows, &f.Events, &f.Repeated, &f.Rejected, &f.Unattributed,
		&f.Received, &f.Actor)
	f.Delayed, f.Delta, f.SHA256 = delayed != 0, delta != 0, hex.EncodeToString(hash)
	return f, err
}

// Files gives a page of files, the last received first. next is the Before of the page that follows, 0 at the end.
func (s *Store) Files(ctx context.Context, q FileFilter) (files []File, next int64, err error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 500)
	where, args := q.where()
	args = append(args, q.Limit+1)
	err = s.db.View(ctx, func(tx *db.Tx) error {
		files = nil
		return tx.Each(fmt.Sprintf(`SELECT %s %s %s ORDER BY f.id DESC LIMIT $%d`, fileColumns, fileTables, where, len(args)), args,
			func(scan func(...any) error) error {
				f, err := scanFile(scan)
				files = append(files, f)
				return err
			})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list files: %w", err)
	}
	if len(files) > q.Limit {
		files = files[:q.Limit]
		next = files[q.Limit-1].ID
	}
	return files, next, nil
}

func (q FileFilter) where() (string, []any) {
	var conds []string
	var args []any
	add := func(cond string, arg any) {
		args = append(args, arg)
		conds = append(conds, fmt.Sprintf(cond, len(args)))
	}
	if q.Feed != "" {
		add(`f.feed = (SELECT id FROM feed WHERE name = $%d)`, q.Feed)
	}
	if q.Type != "" {
		add(`t.name = $%d`, q.Type)
	}
	if q.State != "" {
		add(`f.state = $%d`, q.State)
	}
	if q.Name != "" {
		add(`lower(f.name) LIKE $%d ESCAPE '!'`, "%"+likeText.Replace(strings.ToLower(q.Name))+"%")
	}
	if q.From != 0 {
		add(`f.day >= $%d`, q.From)
	}
	if q.To != 0 {
		add(`f.day <= $%d`, q.To)
	}
	if q.Rejected {
		conds = append(conds, `f.rejected > 0`)
	}
	if q.Before != 0 {
		add(`f.id < $%d`, q.Before)
	}
	if len(conds) == 0 {
		return "", nil
	}
	return "WHERE " + strings.Join(conds, " AND "), args
}

var likeText = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// FileByID finds a file; an unknown id is a fault of kind NotFound.
func (s *Store) FileByID(ctx context.Context, id int64) (f File, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		f, err = scanFile(tx.Row(`SELECT `+fileColumns+fileTables+`WHERE f.id = $1`, id).Scan)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		err = fault.NotFoundf("there is no file %d", id)
	}
	return f, err
}

// FileErrors gives the rows of a file that could not be read, in their order, after the one with the sequence number
// after (-1 for the first page), at most limit.
func (s *Store) FileErrors(ctx context.Context, id, after int64, limit int) (errs []FileError, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		errs = nil
		return tx.Each(`SELECT seq, line, col, field, reason FROM file_error WHERE file = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
			[]any{id, after, limit}, func(scan func(...any) error) error {
				var e FileError
				err := scan(&e.Seq, &e.Line, &e.Column, &e.Field, &e.Reason)
				errs = append(errs, e)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("list the errors of file %d: %w", id, err)
	}
	return errs, nil
}

// Latest gives the file with the latest report day of each feed that has any, by the feed's id.
func (s *Store) Latest(ctx context.Context) (files map[int64]File, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		files = map[int64]File{}
		feeds, err := ListTx(tx)
		if err != nil {
			return err
		}
		for _, e := range feeds {
			f, err := scanFile(tx.Row(`SELECT `+fileColumns+fileTables+`WHERE f.feed = $1 ORDER BY f.day DESC, f.id DESC LIMIT 1`, e.ID).Scan)
			if fault.KindOf(err) == fault.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			files[e.ID] = f
		}
		return nil
	})
	return files, err
}

// Known is what is remembered of a file by its name, for collectors that bring only what is new.
type Known struct {
	Issued   int64 // UTC microseconds
	Received int64 // UTC microseconds
	Failed   bool
}

// KnownFiles gives what is known of a feed's files whose report day is from the first to the last day, both included, by
// their name; one name may have come more than once. Files whose name told no day are not among them.
func (s *Store) KnownFiles(ctx context.Context, feed, from, to int64) (known map[string][]Known, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		known = map[string][]Known{}
		return tx.Each(`SELECT name, issued, received, state FROM source_file WHERE feed = $1 AND day BETWEEN $2 AND $3`,
			[]any{feed, from, to}, func(scan func(...any) error) error {
				var k Known
				var name, state string
				if err := scan(&name, &k.Issued, &k.Received, &state); err != nil {
					return err
				}
				k.Failed = state == "failed"
				known[name] = append(known[name], k)
				return nil
			})
	})
	return known, err
}
