package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Deed is what a person did with findings, one or many.
type Deed struct {
	ID          int64
	At          int64 // UTC microseconds
	Actor       string
	Verb        Verb
	Note        string // why
	Until       Day    // of an accepted risk; -1
	Assignee    Assignee
	Constituent int64  // the right owner; 0
	Query       string // the filter it was chosen by
	Findings    int64  // how many it was done with
	Skipped     int64  // how many it could not be done with
	UndoneAt    int64  // 0: it stands
	UndoneBy    string
	Left        int64 // how many the undoing left, because somebody had changed them since
}

// errAgain is that findings changed between the choice and the act.
var errAgain = errors.New("the findings changed while they were looked at")

// Rule does what a person decided with the findings of a choice, all in one act that can be undone. What it cannot be done
// with is left and counted; when that is all of them, it is a fault of kind Conflict.
func (l *Lister) Rule(ctx context.Context, by act.Actor, c Choice, d Decision) (*Deed, error) {
	if err := d.check(l.today()); err != nil {
		return nil, err
	}
	if err := l.checkAssignee(ctx, &d); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		ids, versions, err := l.choose(ctx, c)
		if err != nil {
			return nil, err
		}
		r := &ruler{lister: l, decision: d, ids: ids, versions: versions, query: c.Query}
		err = l.db.Act(ctx, act.Act{Actor: by, Verb: "finding." + string(d.Verb)}, r.rule)
		if errors.Is(err, errAgain) && try < 4 {
			continue
		}
		if errors.Is(err, errAgain) {
			return nil, fault.New(fault.Conflict, "%w: look at the list again", err)
		}
		return &r.deed, err
	}
}

// checkAssignee refuses somebody who cannot look after findings. The name is that of the account.
func (l *Lister) checkAssignee(ctx context.Context, d *Decision) error {
	if d.Verb != Assign || d.Assignee.ID == 0 || l.staff == nil {
		return nil
	}
	known, err := l.Assignees(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(known, func(a Assignee) bool { return a.ID == d.Assignee.ID })
	if i < 0 {
		return fault.Problems{{Field: "assignee", Message: "is no account that looks after findings"}}
	}
	d.Assignee = known[i]
	return nil
}

// choose finds the findings of a choice. Those of a filter come with the versions of their types as they were seen.
func (l *Lister) choose(ctx context.Context, c Choice) (ids []ID, versions map[int64]int64, err error) {
	if c.Filter == nil {
		for _, s := range c.IDs {
			id, err := ParseID(s)
			if err != nil {
				return nil, nil, err
			}
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) == 0 || len(ids) > MaxChoice {
			return nil, nil, fault.Invalidf("choose 1 to %d findings, not %d", MaxChoice, len(ids))
		}
		return ids, nil, nil
	}
	err = l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.current(tx)
		if err != nil {
			return err
		}
		q, err := ix.compile(*c.Filter)
		if err != nil {
			return err
		}
		switch n := ix.count(q); {
		case n != c.Expected:
			return fault.Conflictf("the filter means %d findings now, not the %d that you saw: look at the list again", n, c.Expected)
		case n == 0 || n > MaxChoice:
			return fault.Invalidf("one act is about 1 to %d findings, not %d: narrow the filter", MaxChoice, n)
		}
		ids, versions = nil, map[int64]int64{}
		for _, h := range ix.all(q) {
			t := ix.types[h.place>>33]
			ids = append(ids, fullID(t.id, ix.idAt(h)))
			versions[t.id] = t.block.version
		}
		return nil
	})
	slices.Sort(ids)
	return ids, versions, err
}

// ruler carries out one decision.
type ruler struct {
	lister   *Lister
	decision Decision
	ids      []ID // in order
	versions map[int64]int64
	query    string

	deed   Deed
	first  error            // why it could not be done with the first of those it could not be done with
	assets map[string]int64 // what a correction added, by kind and value
	index  *index
}

func (r *ruler) rule(tx *db.Tx) error {
	d := &r.decision
	r.deed = Deed{At: r.lister.clock.Now().UnixMicro(), Actor: tx.Actor().Name, Verb: d.Verb, Note: d.Reason, Until: d.Until,
		Assignee: d.Assignee, Query: r.query}
	r.first = nil
	if err := r.lock(tx); err != nil {
		return err
	}
	ix, err := r.lister.small(tx)
	if err != nil {
		return err
	}
	if r.deed.ID, err = insertDeed(tx, &r.deed); err != nil {
		return err
	}
	if d.Verb == WrongOwner {
		if err := r.correct(tx, ix); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(r.ids, 1000) {
		rows, err := ix.readFindings(tx, chunk)
		if err != nil {
			return err
		}
		for _, id := range chunk {
			if err := r.one(tx, id, rows); err != nil {
				return err
			}
		}
	}
	if r.deed.Findings == 0 {
		if len(r.ids) == 1 {
			return r.first
		}
		return fault.New(fault.Conflict, "this can be done with none of the %d findings; of the first of them: %w", len(r.ids), r.first)
	}
	if err := countDeed(tx, &r.deed); err != nil {
		return err
	}
	return r.tell(tx)
}

// lock makes a new version of every type whose findings the act changes, and sees that those of a filter are as they were
// seen. Types come in order, so that two acts cannot wait for each other.
func (r *ruler) lock(tx *db.Tx) error {
	last := int64(-1)
	for _, id := range r.ids {
		typ := typeOf(id)
		if typ == last {
			continue
		}
		last = typ
		if err := touchType(tx, typ); err != nil {
			return err
		}
		v, err := typeVersion(tx, typ)
		if fault.KindOf(err) == fault.NotFound {
			continue // the id is of no type: no such finding
		}
		if err != nil {
			return err
		}
		if r.versions != nil && v != r.versions[typ]+1 {
			return errAgain
		}
	}
	return nil
}

func (r *ruler) one(tx *db.Tx, id ID, rows map[ID]Finding) error {
	f, ok := rows[id]
	if !ok {
		return r.skip(fault.NotFoundf("no finding has the id %q", id))
	}
	before := standOf(&f)
	after := before
	if err := r.decision.apply(&f, &after); err != nil {
		return r.skip(err)
	}
	switch r.decision.Verb {
	case AddNote:
		if err := insertNote(tx, id, &r.deed); err != nil {
			return err
		}
	case WrongOwner:
		asset, err := r.asset(&f)
		if err != nil {
			return r.skip(err)
		}
		before.Asset = asset
	default:
		after.Act = r.deed.ID
		if err := saveStand(tx, id, before, after); err != nil {
			return err
		}
	}
	r.deed.Findings++
	return insertItem(tx, r.deed.ID, id, before)
}

// skip leaves a finding that the act cannot be done with.
func (r *ruler) skip(why error) error {
	if r.first == nil {
		r.first = why
	}
	r.deed.Skipped++
	return nil
}

// tell says in the audit what was done.
func (r *ruler) tell(tx *db.Tx) error {
	object := "finding-act:" + strconv.FormatInt(r.deed.ID, 10)
	if len(r.ids) == 1 {
		object = "finding:" + r.ids[0].String()
	}
	detail := map[string]any{"act": r.deed.ID, "findings": r.deed.Findings}
	for name, s := range map[string]string{"note": r.deed.Note, "filter": r.query, "constituent": r.decision.Constituent} {
		if s != "" {
			detail[name] = s
		}
	}
	if r.deed.Until >= 0 {
		detail["until"] = r.deed.Until.String()
	}
	if r.deed.Verb == Assign {
		detail["assignee"] = r.deed.Assignee
	}
	if r.deed.Skipped > 0 {
		detail["skipped"] = r.deed.Skipped
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("describe the act: %w", err)
	}
	tx.Note(object, string(b))
	return nil
}
