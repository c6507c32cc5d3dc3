package audit

import (
	"context"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Filter says which entries are meant. The zero value means all.
type Filter struct {
	Actor  string // "person:12"
	Verb   string // "file.ingest", or with a trailing dot all of a kind: "file."
	Object string // "finding:1a2b"
	From   int64  // UTC microseconds, inclusive
	Until  int64  // UTC microseconds, exclusive; 0 is open
}

// Check tells what of the filter can mean nothing.
func (f Filter) Check() error {
	if f.Until != 0 && f.From >= f.Until {
		return fault.Problems{{Field: "until", Message: "must be after from"}}
	}
	return nil
}

// MaxList bounds one page of entries.
const MaxList = 1000

// List lists entries, the latest first, of numbers below before (0: from the latest on). next is the before of what follows,
// 0 at the end.
func (l *Log) List(ctx context.Context, f Filter, before int64, limit int) (out []Entry, next int64, err error) {
	if err := f.Check(); err != nil {
		return nil, 0, err
	}
	limit = min(max(limit, 1), MaxList)
	err = l.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = listEntries(tx, f, before, limit+1)
		return err
	})
	if len(out) > limit {
		out = out[:limit]
		next = out[limit-1].ID
	}
	return out, next, err
}

// Verbs lists the verbs that the log has, in their order.
func (l *Log) Verbs(ctx context.Context) (out []string, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = listVerbs(tx)
		return err
	})
	return out, err
}
