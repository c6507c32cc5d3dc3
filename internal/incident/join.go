package incident

import (
	"context"
	"slices"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Join makes a case part of another one: its reports, timeline, files and parties go there. What asks for more care in either holds for
// both: the stricter marking and the higher severity, so that no deadline ends because two cases became one.
func (d *Desk) Join(ctx context.Context, by act.Actor, id, version, into int64, reason string) (c Case, err error) {
	var m mistakes
	m.text("reason", &reason, maxSummary, true)
	if err := m.err(); err != nil {
		return c, err
	}
	return d.edit(ctx, by, "case.join", id, version, func(tx *db.Tx, from *Case) error {
		if id == into {
			return fault.Problems{{Field: "into", Message: "a case cannot become part of itself"}}
		}
		to, err := lockCase(tx, into)
		if err != nil {
			return err
		}
		switch to.State {
		case Joined:
			return fault.Conflictf("the case %s is part of another one itself: name that one", to.Number)
		case Closed: // its tasks and deadlines would be open in a case that is over
			return closed(&to)
		}
		from.State, from.MergedInto = Joined, into
		// The reports are first, and what the parts have of the case: who writes on its timeline holds the case, a report of it or something
		// of a part. When all of these are ours, nothing can be written any more that would stay behind.
		if err := moveReports(tx, id, into); err != nil {
			return err
		}
		to.take(from)
		to.Changed = d.now()
		if err := updateCase(tx, &to); err != nil {
			return err
		}
		for _, x := range d.ext {
			if x.Joined != nil {
				if err := x.Joined(ctx, tx, from, &to); err != nil {
					return err
				}
			}
		}
		if err := moveCase(tx, id, into); err != nil {
			return err
		}
		if to.Parties, err = partiesOf(tx, into); err != nil {
			return err
		}
		tx.Note("", detail(map[string]any{"from": from.Number, "into": to.Number, "reason": reason, "tlp": to.Label, "pap": to.PAP, "severity": to.Severity}))
		e := Entry{Case: into, Kind: KindMerge, Text: reason, Detail: detail(map[string]any{"case": id, "number": from.Number, "title": from.Title})}
		if err := d.enter(tx, by, &e); err != nil {
			return err
		}
		return d.changed(ctx, tx, &to)
	})
}

// take makes a case what it is with another one in it.
func (c *Case) take(from *Case) {
	c.Aware = min(c.Aware, from.Aware)
	c.CrossBorder, c.Personal = c.CrossBorder || from.CrossBorder, c.Personal || from.Personal
	c.Label, c.PAP = max(c.Label, from.Label), max(c.PAP, from.PAP)
	if from.Severity > c.Severity {
		c.Severity, c.Impact, c.Reach = from.Severity, from.Impact, from.Reach
	}
}

// lockStanding locks a case, or the one that it became part of.
func lockStanding(tx *db.Tx, id int64) (Case, error) {
	for {
		c, err := lockCase(tx, id)
		if err != nil || c.State != Joined {
			return c, err
		}
		id = c.MergedInto
	}
}

// LockStanding is LockCase of a case, or of the one that it became part of: what comes for it, comes for that one.
func LockStanding(tx *db.Tx, id int64) (Case, error) { return lockStanding(tx, id) }

// Standing finds a case, or the one that it became part of, for the staff.
func (d *Desk) Standing(ctx context.Context, id int64) (c Case, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		for c, err = caseByID(tx, id); err == nil && c.State == Joined; {
			c, err = caseByID(tx, c.MergedInto)
		}
		return err
	})
	return c, err
}

// Split takes a report out of a case of several and makes a case of its own of it. What came with the report goes along: its files, its
// conversation, its deadlines, and the reports that repeat it. What was said of the old case holds for the new one until somebody says
// otherwise: a stricter marking is not lost by splitting, and no deadline ends.
func (d *Desk) Split(ctx context.Context, by act.Actor, report int64, o Opening, reason string) (c Case, err error) {
	var m mistakes
	m.text("reason", &reason, maxSummary, true)
	if err := m.err(); err != nil {
		return c, err
	}
	asked := o
	var old Case
	_, err = d.sift(ctx, by, "report.split", report, 0, func(tx *db.Tx, r *Report) error {
		if r.Case == 0 {
			return fault.Conflictf("the report %s is part of no case", r.Number)
		}
		if old, err = lockCase(tx, r.Case); err != nil {
			return err
		}
		all, err := reportsOfCase(tx, old.ID)
		if err != nil {
			return err
		}
		stay := without(all, r.ID)
		if len(stay) == 0 {
			return fault.Conflictf("the report %s is the only one of the case %s: there is nothing to split", r.Number, old.Number)
		}
		if c, err = d.splitOff(ctx, tx, by, &old, r, asked); err != nil {
			return err
		}
		for _, e := range []Entry{
			{Case: old.ID, Kind: KindSplit, Text: reason, Detail: detail(map[string]any{"report": r.ID, "report_number": r.Number, "case": c.ID, "number": c.Number})},
			{Case: c.ID, Kind: KindSplit, Text: reason, Detail: detail(map[string]any{"from": old.ID, "number": old.Number})},
		} {
			if err := d.enter(tx, by, &e); err != nil {
				return err
			}
		}
		if err := d.left(tx, by, &old, r, stay); err != nil {
			return err
		}
		if err := moveFilesOfReport(tx, r.ID, c.ID); err != nil {
			return err
		}
		r.State, r.Case, r.SameAs = Accepted, c.ID, 0
		tx.Note(string(r.Ref()), detail(map[string]any{"from": old.Number, "case": c.Number, "reason": reason, "type": c.Type, "severity": c.Severity, "tlp": c.Label, "pap": c.PAP}))
		for _, x := range d.ext {
			if x.Split != nil {
				if err := x.Split(ctx, tx, &old, &c); err != nil {
					return err
				}
			}
		}
		return d.attach(ctx, tx, by, r, &c)
	}, func(tx *db.Tx, _ *Report) error { // its deadlines are looked at without those of the report
		return d.changed(ctx, tx, &old)
	})
	return c, err
}

// without are the reports but one and those that repeat it, also by way of others.
func without(all []Report, id int64) []Report {
	out := slices.DeleteFunc(slices.Clone(all), func(x Report) bool { return x.ID == id })
	for _, x := range all {
		if x.State == Duplicate && x.SameAs == id {
			out = without(out, x.ID)
		}
	}
	return out
}

// splitOff opens the case of a report that leaves another one.
func (d *Desk) splitOff(ctx context.Context, tx *db.Tx, by act.Actor, old *Case, r *Report, o Opening) (Case, error) {
	rated := o.Impact != "" || o.Reach != ""
	if o.Title == "" {
		o.Title = r.Title
	}
	if o.Type == "" {
		o.Type = old.Type
	}
	if o.Label == 0 {
		o.Label = max(old.Label, r.Label)
	}
	if err := asked(r, o.Label); err != nil {
		return Case{}, err
	}
	c, err := d.open(ctx, tx, by, o, r.Aware, []Party{{Constituent: r.Constituent, Part: AsReporter}})
	if err != nil {
		return c, err
	}
	c.PAP, c.CrossBorder, c.Personal = old.PAP, old.CrossBorder || r.Details.CrossBorder == "yes", old.Personal || r.Details.PersonalData == "yes"
	if !rated {
		c.Impact, c.Reach, c.Severity = old.Impact, old.Reach, old.Severity
	}
	return c, updateCase(tx, &c)
}

// left makes a case what it is without a report: aware since the first of those that stay, and no longer its reporter's when none of
// them is theirs.
func (d *Desk) left(tx *db.Tx, by act.Actor, c *Case, r *Report, stay []Report) error {
	if c.Aware == r.Aware {
		c.Aware = c.Opened
		for _, x := range stay {
			c.Aware = min(c.Aware, x.Aware)
		}
	}
	c.Changed = d.now()
	theirs := func(x Report) bool { return x.Constituent == r.Constituent }
	if r.Constituent != 0 && !slices.ContainsFunc(stay, theirs) {
		n, err := deleteParty(tx, c.ID, r.Constituent, AsReporter)
		if err != nil {
			return err
		}
		if n > 0 {
			c.Parties = slices.DeleteFunc(c.Parties, func(p Party) bool { return p.Constituent == r.Constituent && p.Part == AsReporter })
			e := Entry{Case: c.ID, Kind: KindParty, Detail: detail(map[string]any{"id": r.Constituent, "part": AsReporter, "out": true})}
			if err := d.enter(tx, by, &e); err != nil {
				return err
			}
		}
	}
	return updateCase(tx, c)
}
