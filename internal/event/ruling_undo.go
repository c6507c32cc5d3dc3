package event

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Undo takes back an act on findings: each is as it was before, but for those that somebody changed since, which are left
// and counted. An act that is undone already is a fault of kind Conflict.
func (l *Lister) Undo(ctx context.Context, by act.Actor, id int64) (*Deed, error) {
	var out *Deed
	a := act.Act{Actor: by, Verb: "finding.undo", Object: fmt.Sprintf("finding-act:%d", id)}
	err := l.db.Act(ctx, a, func(tx *db.Tx) error {
		d, err := deedByID(tx, id)
		if err != nil {
			return err
		}
		d.UndoneBy = by.Name
		first, err := markUndone(tx, id, l.clock.Now().UnixMicro(), by.Name)
		if err != nil {
			return err
		}
		if !first {
			return fault.Conflictf("act %d is undone already", id)
		}
		if d.Left, err = l.undo(tx, d); err != nil {
			return err
		}
		if err := countLeft(tx, id, d.Left); err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]any{"verb": d.Verb, "findings": d.Findings - d.Left, "left": d.Left})
		if err != nil {
			return err
		}
		tx.Note("", string(detail))
		out, err = deedByID(tx, id)
		return err
	})
	return out, err
}

// undo puts back what the act replaced.
func (l *Lister) undo(tx *db.Tx, d *Deed) (left int64, err error) {
	switch d.Verb {
	case AddNote:
		n, err := retractNotesOf(tx, d.ID, l.clock.Now().UnixMicro(), d.UndoneBy)
		return d.Findings - n, err
	case WrongOwner:
		return l.uncorrect(tx, d.ID)
	}
	items, err := itemsOf(tx, d.ID)
	if err != nil {
		return 0, err
	}
	last := int64(-1)
	for _, it := range items {
		if typ := typeOf(it.finding); typ != last {
			last = typ
			if err := touchType(tx, typ); err != nil {
				return 0, err
			}
		}
	}
	if items, err = itemsOf(tx, d.ID); err != nil { // once more: now nobody else can change them
		return 0, err
	}
	for _, it := range items {
		if it.now != d.ID {
			left++
			continue
		}
		if err := saveStand(tx, it.finding, stand{Closed: it.closed}, it.earlier); err != nil {
			return 0, err
		}
	}
	return left, nil
}

// DeedByID is one act with the findings it was done with, at most limit of them in the order of ids.
func (l *Lister) DeedByID(ctx context.Context, id int64, limit int) (d *Deed, fs []Finding, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		if d, err = deedByID(tx, id); err != nil {
			return err
		}
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		ids, err := findingsOf(tx, id, limit)
		if err != nil {
			return err
		}
		rows, err := ix.readFindings(tx, ids)
		fs = nil
		for _, id := range ids {
			if f, ok := rows[id]; ok {
				fs = append(fs, f)
			}
		}
		return err
	})
	return d, fs, err
}

// Deeds lists what people did with findings, the latest first, before the act with a number (0: from the latest).
func (l *Lister) Deeds(ctx context.Context, before int64, limit int) (out []Deed, err error) {
	if limit < 1 || limit > maxPage {
		return nil, fault.Invalidf("a page has 1 to %d acts, not %d", maxPage, limit)
	}
	err = l.db.View(ctx, func(tx *db.Tx) error {
		out, err = deeds(tx, before, limit)
		return err
	})
	return out, err
}

// Assignees lists whom findings are or can be assigned to, by name.
func (l *Lister) Assignees(ctx context.Context) (out []Assignee, err error) {
	if l.staff != nil {
		if out, err = l.staff(ctx); err != nil {
			return nil, err
		}
	}
	err = l.db.View(ctx, func(tx *db.Tx) error {
		have, err := assignees(tx)
		for _, a := range have {
			if !slices.ContainsFunc(out, func(b Assignee) bool { return a.ID == b.ID }) {
				out = append(out, a)
			}
		}
		return err
	})
	slices.SortFunc(out, func(a, b Assignee) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, err
}

// Note is what somebody wrote to a finding. It is never edited; a retracted one stays as a mark that there was one.
type Note struct {
	ID          int64
	At          int64 // UTC microseconds
	Author      string
	Body        string // "" when it is retracted
	RetractedAt int64
	RetractedBy string
}

// RetractNote takes back a note of a finding. One that is retracted already is a fault of kind Conflict.
func (l *Lister) RetractNote(ctx context.Context, by act.Actor, id int64) (finding ID, err error) {
	a := act.Act{Actor: by, Verb: "finding.retract-note", Detail: fmt.Sprintf(`{"note":%d}`, id)}
	err = l.db.Act(ctx, a, func(tx *db.Tx) error {
		var first bool
		if finding, first, err = retractNote(tx, id, l.clock.Now().UnixMicro(), by.Name); err != nil {
			return err
		}
		if !first {
			return fault.Conflictf("the note is retracted already")
		}
		tx.Note("finding:"+finding.String(), "")
		return nil
	})
	return finding, err
}
