package incident

import (
	"context"
	"slices"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Report finds a report for the staff. Drafts are their writer's alone.
func (d *Desk) Report(ctx context.Context, id int64) (r Report, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		r, err = reportByID(tx, id)
		return err
	})
	if err == nil && r.State == Draft {
		return Report{}, noReport(id)
	}
	return r, err
}

// ReportByNumber finds a report for the staff by the number on its receipt.
func (d *Desk) ReportByNumber(ctx context.Context, number string) (r Report, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		r, err = reportByNumber(tx, strings.ToUpper(strings.TrimSpace(number)))
		return err
	})
	if err == nil && r.State == Draft {
		return Report{}, fault.NotFoundf("there is no report %q", number)
	}
	return r, err
}

// Mine finds a report for somebody who acts for its constituent, and a draft for who writes it; anybody else's is not there.
func (d *Desk) Mine(ctx context.Context, by act.Actor, id int64) (r Report, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		r, err = reportByID(tx, id)
		return err
	})
	if err == nil && (r.Constituent == 0 || !slices.Contains(by.Constituents(), r.Constituent) || r.State == Draft && r.Account != by.Rights.Account) {
		return Report{}, noReport(id)
	}
	return r, err
}

// MineFilter narrows a list of one's own reports.
type MineFilter struct {
	Constituent int64 // 0: all that the actor acts for
	Before      int64 // the last one of the page before; 0 begins
	Limit       int   // at most 200
}

// MineAll lists the reports of the constituents that an actor acts for, the latest first. Of drafts only the actor's own are there. more
// says that others follow.
func (d *Desk) MineAll(ctx context.Context, by act.Actor, f MineFilter) (out []Report, more bool, err error) {
	of := by.Constituents()
	if f.Constituent != 0 {
		of = slices.DeleteFunc(slices.Clone(of), func(id int64) bool { return id != f.Constituent })
	}
	if len(of) == 0 || by.Rights == nil {
		return nil, false, nil
	}
	f.Limit = max(1, min(f.Limit, 200))
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = reportsOfConstituents(tx, of, by.Rights.Account, f.Before, f.Limit+1)
		return err
	})
	if len(out) > f.Limit {
		return out[:f.Limit], true, err
	}
	return out, false, err
}

// MarkReceipted notes within the caller's act that the receipt is given out.
func (d *Desk) MarkReceipted(tx *db.Tx, r *Report) error {
	if r.Receipted != 0 {
		return nil
	}
	r.Receipted = d.now()
	return markReceipted(tx, r.ID, r.Receipted)
}

// Linked finds a report, a draft too, by the secret of its reporter's link.
func (d *Desk) Linked(ctx context.Context, secret string) (r Report, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		r, err = reportBySecret(tx, hashOf(secret))
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return r, fault.NotFoundf("this link is not valid: it is wrong, or the draft behind it was removed")
	}
	return r, err
}
