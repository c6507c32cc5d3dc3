package event

import (
	"bufio"
	"context"
	"encoding/csv"
	"io"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Scope limits a question to what somebody from outside may see: by name of a feed, the constituents whose findings of it they
// may be shown. A finding outside is as good as none. A nil Scope is everything, an empty one nothing.
type Scope map[string][]int64

// covers tells whether a feed's findings of an owner are within.
func (s Scope) covers(feed string, owner int64) bool {
	return s == nil || owner != 0 && slices.Contains(s[feed], owner)
}

// owners are all constituents of the scope, each once.
func (s Scope) owners() []int64 {
	out := []int64{}
	for _, ids := range s {
		out = append(out, ids...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// compileScope decides for every type and constituent whether its findings are within.
func (ix *index) compileScope(q *query) {
	if q.Scope == nil {
		return
	}
	byFeed := map[string][]bool{}
	for feed, ids := range q.Scope {
		in := make([]bool, len(ix.owners.list)+1) // the last is nobody, who is never within
		for _, id := range ids {
			if at, ok := ix.owners.at[id]; ok {
				in[at] = true
			}
		}
		byFeed[feed] = in
	}
	q.scope = make([][]bool, len(ix.types))
	for i, t := range ix.types {
		if q.scope[i] = byFeed[t.feed]; q.scope[i] == nil {
			q.types[i] = false
		}
	}
}

// Owned is a finding as its owner may know it, with the day since when it is theirs without a break: what was before belongs
// to others.
type Owned struct {
	Finding
	Since Day
}

// own cuts off what was before the finding became its owner's.
func own(f Finding, earlier []run) Owned {
	o := Owned{Finding: f, Since: f.run.from}
	for i := len(earlier) - 1; i >= 0 && earlier[i].owner == f.run.owner; i-- {
		o.Since = earlier[i].from
	}
	if o.Since > o.FirstDay {
		o.FirstDay, o.FirstSeen = o.Since, 0
	}
	o.run, o.explanation = run{}, 0
	o.Ruling, o.Assignee = Ruling{Until: -1}, Assignee{} // who of the staff said what is theirs; the state says what follows
	return o
}

// ListOwned is List for somebody from outside: the filter needs a scope.
func (l *Lister) ListOwned(ctx context.Context, f Filter, s Sort, p PageRequest) (out []Owned, page *Page, err error) {
	if f.Scope == nil {
		return nil, nil, fault.New(fault.Internal, "a list for somebody from outside needs a scope")
	}
	if page, err = l.List(ctx, f, s, p); err != nil {
		return nil, nil, err
	}
	err = l.db.View(ctx, func(tx *db.Tx) error {
		out = make([]Owned, 0, len(page.Items))
		var before []ID
		for _, x := range page.Items {
			if x.FirstDay < x.run.from {
				before = append(before, x.ID)
			}
		}
		runs, err := runsOf(tx, before)
		if err != nil {
			return err
		}
		for _, x := range page.Items {
			out = append(out, own(x, runs[x.ID]))
		}
		return nil
	})
	return out, page, err
}

// OneOwned is a finding of the scope by its id in hexadecimal. One outside is no more there than one that does not exist.
func (l *Lister) OneOwned(ctx context.Context, id string, s Scope) (out Owned, err error) {
	fid, err := ParseID(id)
	if err != nil {
		return out, err
	}
	err = l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		f, ok, err := ix.readOwned(tx, fid, s.owners())
		if err != nil {
			return err
		}
		if !ok || s == nil || !s.covers(f.Feed, f.Owner.ID) {
			return fault.NotFoundf("no finding has the id %q", id)
		}
		runs, err := earlierRuns(tx, fid)
		if err == nil {
			out = own(f, runs)
		}
		return err
	})
	return out, err
}

// Flow sums by owner and day what became of the findings of a scope, days included.
func (l *Lister) Flow(ctx context.Context, s Scope, from, until Day) (map[int64]map[Day]Counts, error) {
	var out map[int64]map[Day]Counts
	err := l.db.View(ctx, func(tx *db.Tx) error {
		out = map[int64]map[Day]Counts{}
		types, err := listTypes(tx)
		if err != nil {
			return err
		}
		feeds, ids := map[int64]string{}, []int64{}
		for _, t := range types {
			if s[t.feed] != nil {
				feeds[t.id], ids = t.feed, append(ids, t.id)
			}
		}
		for owners := range slices.Chunk(s.owners(), maxOwners) {
			err := dailyCounts(tx, CountQuery{From: from, Until: until, ByDay: true, ByType: true, ByOwner: true}, ids, owners,
				func(day Day, typ, owner int64, c Counts) error {
					if !s.covers(feeds[typ], owner) {
						return nil
					}
					if out[owner] == nil {
						out[owner] = map[Day]Counts{}
					}
					sum := out[owner][day]
					sum.add(c)
					out[owner][day] = sum
					return nil
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Write writes findings in one of Formats, as Lister.Export does.
func Write(w io.Writer, format string, list []Owned) error {
	b := bufio.NewWriterSize(w, 64<<10)
	var out exporter
	switch format {
	case "json":
		out = &jsonExport{w: b}
	case "csv":
		out = &csvExport{w: csv.NewWriter(b)}
	case "idf":
		out = &idfExport{w: b}
	default:
		return fault.Invalidf("%q is no format for findings: use json, csv or idf", format)
	}
	if err := out.begin(); err != nil {
		return err
	}
	for i := range list {
		if err := out.write(&list[i].Finding); err != nil {
			return err
		}
	}
	if err := out.end(); err != nil {
		return err
	}
	return b.Flush()
}
