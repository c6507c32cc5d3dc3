package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Of lists what was done to an object, the latest first, at most limit entries.
func Of(tx *db.Tx, object string, limit int) ([]Entry, error) {
	return listEntries(tx, Filter{Object: object}, 0, limit)
}

func entryOf(tx *db.Tx, id int64) (e Entry, err error) {
	e, err = scanEntry(tx.Row(`SELECT id, at, actor, name, verb, object, detail FROM audit WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return e, fault.NotFoundf("there is no audit entry %d", id)
	}
	return e, err
}

// where is the filter as SQL. A kind of verbs is matched without the index, in the order of numbers.
func (f Filter) where(args []any) (string, []any) {
	var b strings.Builder
	add := func(condition string, value any) {
		args = append(args, value)
		fmt.Fprintf(&b, " AND "+condition, len(args))
	}
	if f.Actor != "" {
		add("actor = $%d", f.Actor)
	}
	if kind, ok := strings.CutSuffix(f.Verb, "."); ok {
		add("verb || '' > $%d", f.Verb)
		add("verb || '' < $%d", kind+"/") // "/" is what follows "."
	} else if f.Verb != "" {
		add("verb = $%d", f.Verb)
	}
	if f.Object != "" {
		add("object = $%d", f.Object)
	}
	if f.From != 0 {
		add("at >= $%d", f.From)
	}
	if f.Until != 0 {
		add("at < $%d", f.Until)
	}
	return b.String(), args
}

func listEntries(tx *db.Tx, f Filter, before int64, limit int) (out []Entry, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	if strings.HasSuffix(f.Verb, ".") {
		return listKind(tx, f, before, limit)
	}
	where, args := f.where([]any{before, limit})
	err = tx.Each(`SELECT id, at, actor, name, verb, object, detail FROM audit WHERE id < $1`+where+` ORDER BY id DESC LIMIT $2`, args,
		func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			out = append(out, e)
			return err
		})
	return out, err
}

// listKind puts together the lists of a kind's verbs, each of which an index has in order.
func listKind(tx *db.Tx, f Filter, before int64, limit int) (out []Entry, err error) {
	verbs, err := listVerbs(tx)
	if err != nil {
		return nil, err
	}
	kind := f.Verb
	for _, f.Verb = range verbs {
		if !strings.HasPrefix(f.Verb, kind) || strings.HasSuffix(f.Verb, ".") {
			continue
		}
		es, err := listEntries(tx, f, before, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, es...)
		slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(b.ID, a.ID) })
		out = out[:min(len(out), limit)]
	}
	return out, nil
}

// listUp lists entries in the order of their numbers, those after a number and up to another.
func listUp(tx *db.Tx, f Filter, after, until int64, limit int) (out []Entry, err error) {
	where, args := f.where([]any{after, until, limit})
	err = tx.Each(`SELECT id, at, actor, name, verb, object, detail FROM audit WHERE id > $1 AND id <= $2`+where+` ORDER BY id LIMIT $3`, args,
		func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			out = append(out, e)
			return err
		})
	return out, err
}

// listVerbs steps from verb to verb through the index; there are few.
func listVerbs(tx *db.Tx) (out []string, err error) {
	for last := ""; len(out) < 1000; {
		var next *string
		if err := tx.PreparedRow(`SELECT min(verb) FROM audit WHERE verb > $1`, last).Scan(&next); err != nil || next == nil {
			return out, err
		}
		last = *next
		out = append(out, last)
	}
	return out, nil
}
