package sitrep

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Filter narrows a list of reports.
type Filter struct {
	State  State // "": any
	Year   int   // 0: any
	Before int64 // the id where the page before ended
	Limit  int   // 0: 50; at most 1,000
}

// List lists reports, the latest first, without the body of those that are no drafts; next is where the list goes on, 0 at its end.
func (d *Desk) List(ctx context.Context, f Filter) (out []Sitrep, next int64, err error) {
	if f.State != "" && !slices.Contains(States(), f.State) {
		return nil, 0, fault.Invalidf("%q is no state of a situation report: use draft, approved, replaced or withdrawn", f.State)
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = list(tx, f, f.Limit+1)
		return err
	})
	if len(out) > f.Limit {
		out = out[:f.Limit]
		next = out[f.Limit-1].ID
	}
	return out, next, err
}

// One is a report with its other editions.
type One struct {
	Sitrep
	Editions []Sitrep // of the same number, the first one first; without bodies, but for drafts
	Whole    bool     // what was approved is as it was: its hash agrees
}

// One finds a report.
func (d *Desk) One(ctx context.Context, id int64) (o One, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if o.Sitrep, err = byID(tx, id); err != nil {
			return err
		}
		o.Editions, err = editions(tx, o.Year, o.Serial)
		return err
	})
	if err != nil || o.Approved == 0 {
		return o, err
	}
	record, err := o.Record()
	sum := sha256.Sum256(record)
	o.Whole = hex.EncodeToString(sum[:]) == o.SHA256
	return o, err
}

// Document is a report in the language nearest to one; without one in the nation's own.
func (d *Desk) Document(ctx context.Context, id int64, language string) (doc Document, err error) {
	s, err := d.One(ctx, id)
	if err != nil {
		return doc, err
	}
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return doc, err
	}
	return d.document(p, &s.Sitrep, language), nil
}

// Recipients lists who was sent a report, by the order of that; next is where the list goes on, 0 at its end.
func (d *Desk) Recipients(ctx context.Context, id, after int64, limit int) (out []Recipient, next int64, err error) {
	limit = max(1, min(limit, 1000))
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := byID(tx, id); err != nil {
			return err
		}
		out, err = recipients(tx, id, after, limit+1)
		return err
	})
	if len(out) > limit {
		out = out[:limit]
		next = out[limit-1].ID
	}
	return out, next, err
}
