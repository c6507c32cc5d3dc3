package incident

import (
	"context"
	"fmt"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Accept makes a case of a report.
func (d *Desk) Accept(ctx context.Context, by act.Actor, report, version int64, o Opening) (c Case, err error) {
	_, err = d.triage(ctx, by, "report.accept", report, version, func(tx *db.Tx, r *Report) error {
		if o.Title == "" {
			o.Title = r.Title
		}
		if o.Type == "" {
			o.Type = r.Guess
		}
		if o.Label == 0 {
			o.Label = r.Marking().Effective()
		}
		if err := asked(r, o.Label); err != nil {
			return err
		}
		if c, err = d.open(ctx, tx, by, o, r.Aware, []Party{{Constituent: r.Constituent, Part: AsReporter}}); err != nil {
			return err
		}
		if r.Details.CrossBorder == "yes" || r.Details.PersonalData == "yes" {
			c.CrossBorder, c.Personal = r.Details.CrossBorder == "yes", r.Details.PersonalData == "yes"
			if err := updateCase(tx, &c); err != nil {
				return err
			}
		}
		r.State, r.Case = Accepted, c.ID
		tx.Note(string(r.Ref()), detail(map[string]any{"case": c.Number, "title": c.Title, "type": c.Type, "severity": c.Severity, "tlp": c.Label}))
		return d.attach(ctx, tx, by, r, &c)
	})
	return c, err
}

// asked refuses to let what a reporter said travel further than they allowed, unless somebody says why: that is said of the case.
func asked(r *Report, label tlp.Label) error {
	if label < r.Label {
		return fault.Problems{{Field: "tlp", Message: fmt.Sprintf("its reporter marked the report %s: make a case of it that is, then change the case and say why it may travel further", r.Label)}}
	}
	return nil
}

// Merge adds a report to a case that is there. The case is marked as strictly as the report from then on.
func (d *Desk) Merge(ctx context.Context, by act.Actor, report, version, into int64) (c Case, err error) {
	_, err = d.triage(ctx, by, "report.merge", report, version, func(tx *db.Tx, r *Report) error {
		if c, err = lockCase(tx, into); err != nil {
			return err
		}
		if c.State == Joined {
			return fault.Conflictf("the case %s is part of another one now: add the report to that one", c.Number)
		}
		if c.State == Closed { // deadlines of the report would run in it
			return closed(&c)
		}
		if err := d.party(tx, by, &c, Party{Constituent: r.Constituent, Part: AsReporter}); err != nil {
			return err
		}
		c.Aware, c.Changed = min(c.Aware, r.Aware), d.now()
		c.CrossBorder, c.Personal = c.CrossBorder || r.Details.CrossBorder == "yes", c.Personal || r.Details.PersonalData == "yes"
		c.Label = max(c.Label, r.Marking().Effective())
		if err := updateCase(tx, &c); err != nil {
			return err
		}
		r.State, r.Case = Merged, c.ID
		tx.Note("", detail(map[string]any{"case": c.Number, "tlp": c.Label}))
		if err := d.attach(ctx, tx, by, r, &c); err != nil {
			return err
		}
		return d.changed(ctx, tx, &c)
	})
	return c, err
}

// attach writes on the case's timeline that a report is part of it, and what its reporter said since.
func (d *Desk) attach(ctx context.Context, tx *db.Tx, by act.Actor, r *Report, c *Case) error {
	adds, err := additionsOf(tx, r.ID)
	if err != nil {
		return err
	}
	e := Entry{Case: c.ID, At: r.Received, Kind: KindReport, Detail: detail(map[string]any{"report": r.ID, "number": r.Number, "origin": r.Origin})}
	if err := d.enter(tx, by, &e); err != nil {
		return err
	}
	for _, a := range adds {
		e := Entry{Case: c.ID, At: a.At, Kind: KindAddition, Text: a.Text, Detail: detail(map[string]any{"report": r.ID, "number": r.Number, "addition": a.ID, "step": a.Step})}
		if err := d.enter(tx, by, &e); err != nil {
			return err
		}
	}
	return nil
}

// Reject says that a report is no incident, or none of ours. The reporter reads the reason.
func (d *Desk) Reject(ctx context.Context, by act.Actor, report, version int64, reason string) (Report, error) {
	var m mistakes
	m.text("reason", &reason, maxSummary, true)
	if err := m.err(); err != nil {
		return Report{}, err
	}
	return d.triage(ctx, by, "report.reject", report, version, func(tx *db.Tx, r *Report) error {
		r.State, r.Reason = Rejected, reason
		tx.Note("", detail(map[string]any{"reason": reason}))
		return nil
	})
}

// Repeat says that a report says again what another one said. It becomes part of that one's case, if it has one.
func (d *Desk) Repeat(ctx context.Context, by act.Actor, report, version, of int64) (Report, error) {
	return d.triage(ctx, by, "report.duplicate", report, version, func(tx *db.Tx, r *Report) error {
		if of == report {
			return fault.Problems{{Field: "of", Message: "a report does not repeat itself"}}
		}
		first, err := lockReport(tx, of) // nobody makes a case of it, or of it one that repeats this one, meanwhile
		if err != nil {
			return err
		}
		if first.State == Draft || first.State == Duplicate {
			return fault.Conflictf("the report %s is a %s itself: name the one that it repeats", first.Number, first.State)
		}
		if r.Constituent != 0 && r.Constituent != first.Constituent {
			return fault.Conflictf("%s and %s are of different reporters, and the law binds each of them: add the report to the case of the other one instead", r.Number, first.Number)
		}
		r.State, r.SameAs, r.Case = Duplicate, of, 0
		tx.Note("", detail(map[string]any{"of": first.Number}))
		if first.Case == 0 {
			return nil
		}
		c, err := lockStanding(tx, first.Case) // it may become part of another one at this moment
		if err != nil {
			return err
		}
		r.Case = c.ID
		if err := heed(tx, &c, r); err != nil {
			return err
		}
		return d.attach(ctx, tx, by, r, &c)
	})
}

// heed marks a case as strictly as a report that came into it.
func heed(tx *db.Tx, c *Case, r *Report) error {
	if c.Label >= r.Marking().Effective() {
		return nil
	}
	c.Label = r.Marking().Effective()
	return updateCase(tx, c)
}

// follow gives the reports that repeat a report to the case that it is part of now.
func (d *Desk) follow(ctx context.Context, tx *db.Tx, by act.Actor, first *Report) error {
	if first.Case == 0 {
		return nil
	}
	of, err := repeatsOf(tx, first.ID)
	if err != nil {
		return err
	}
	for _, id := range of {
		r, err := lockReport(tx, id)
		if err != nil {
			return err
		}
		if r.State != Duplicate || r.SameAs != first.ID || r.Case == first.Case {
			continue
		}
		r.Case = first.Case
		if err := updateDecision(tx, &r); err != nil {
			return err
		}
		if err := tx.Also("report.follow", string(r.Ref()), detail(map[string]any{"of": first.Number, "case": r.Case})); err != nil {
			return err
		}
		if err := moveFilesOfReport(tx, r.ID, r.Case); err != nil {
			return err
		}
		c, err := lockCase(tx, r.Case)
		if err != nil {
			return err
		}
		if err := heed(tx, &c, &r); err != nil {
			return err
		}
		if err := d.attach(ctx, tx, by, &r, &c); err != nil {
			return err
		}
		if err := d.decided(ctx, tx, &r); err != nil {
			return err
		}
		if err := d.follow(ctx, tx, by, &r); err != nil {
			return err
		}
	}
	return nil
}

func closed(c *Case) error {
	return fault.Conflictf("the case %s is closed: open it again first, and say why", c.Number)
}

// Untriage brings a rejected report, or a duplicate, back to the board.
func (d *Desk) Untriage(ctx context.Context, by act.Actor, report, version int64) (r Report, err error) {
	return d.sift(ctx, by, "report.reopen", report, version, func(tx *db.Tx, r *Report) error {
		if r.State != Rejected && r.State != Duplicate {
			return fault.Conflictf("the report %s is %s: there is nothing to take back", r.Number, r.State)
		}
		r.State, r.Case, r.SameAs, r.Reason = Received, 0, 0, ""
		return moveFilesOfReport(tx, r.ID, 0) // they are no evidence of the case any more
	})
}

// triage decides about a report that waits for it.
func (d *Desk) triage(ctx context.Context, by act.Actor, verb string, report, version int64, fn func(tx *db.Tx, r *Report) error) (Report, error) {
	return d.sift(ctx, by, verb, report, version, func(tx *db.Tx, r *Report) error {
		if r.State != Received && r.State != Unconfirmed {
			return fault.Conflictf("%s decided about the report %s already: it is %s", r.DecidedBy, r.Number, r.State)
		}
		return fn(tx, r)
	})
}

// sift decides about a report in one act. then is done when that is written down.
func (d *Desk) sift(ctx context.Context, by act.Actor, verb string, report, version int64, fn func(tx *db.Tx, r *Report) error, then ...func(tx *db.Tx, r *Report) error) (r Report, err error) {
	if err := staff(by); err != nil {
		return r, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("report:%d", report)}, func(tx *db.Tx) error {
		if r, err = lockReport(tx, report); err != nil {
			return err
		}
		if r.State == Draft {
			return noReport(report)
		}
		if version != 0 && version != r.Version {
			return fault.Conflictf("somebody changed the report %s after you opened it: look again", r.Number)
		}
		if err := fn(tx, &r); err != nil {
			return err
		}
		r.Decided, r.DecidedBy = d.now(), by.Name
		if err := updateDecision(tx, &r); err != nil {
			return err
		}
		if err := d.decided(ctx, tx, &r); err != nil {
			return err
		}
		if err := d.follow(ctx, tx, by, &r); err != nil {
			return err
		}
		for _, fn := range then {
			if err := fn(tx, &r); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}
