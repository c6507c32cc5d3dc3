package event

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"

	"github.com/parquet-go/parquet-go"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
)

// TypeMark names a report type with the state of its findings: a later version has other findings.
type TypeMark struct {
	ReportType
	ID      int64
	Feed    string
	LastDay Day // of its latest full report; -1 before any
	Version int64
}

// Marks are the report types by id.
func (l *Lister) Marks(ctx context.Context) (out []TypeMark, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		types, err := listTypes(tx)
		out = make([]TypeMark, 0, len(types))
		for _, t := range types {
			out = append(out, TypeMark{t.ReportType, t.id, t.feed, t.lastDay, t.version})
		}
		return err
	})
	return out, err
}

// Brief is a finding as far as telling somebody of it needs it.
type Brief struct {
	typ      int64
	key      []byte
	Owner    int64
	Severity Severity
	First    Day // when anybody had it first
	From     Day // of its latest run of reports
	Last     Day
	State    State
}

// ID is the finding's id.
func (b *Brief) ID() ID { return fullID(b.typ, b.key) }

// Compare orders the finding against an id of its type.
func (b *Brief) Compare(id ID) int { return strings.Compare(string(b.key), string(id[4:])) }

// Address is what the finding is about; not valid when that is a name only.
func (id ID) Address() netip.Addr { return id.address() }

// Type is the number of the finding's report type.
func (id ID) Type() int64 { return typeOf(id) }

// Briefs are the findings of a report type that have an owner, in the order of ids, and which version of the type they are of.
// A brief holds only until the next one.
func (l *Lister) Briefs(ctx context.Context, typ int64) (all iter.Seq[*Brief], version int64, err error) {
	var ix *index
	err = l.db.View(ctx, func(tx *db.Tx) error {
		ix, err = l.current(tx)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	for _, t := range ix.types {
		if t.id == typ {
			return func(yield func(*Brief) bool) { ix.briefs(t, yield) }, min(t.version, t.block.version), nil
		}
	}
	return func(func(*Brief) bool) {}, 0, nil
}

func (ix *index) briefs(t *listType, yield func(*Brief) bool) {
	b := t.block
	var brief Brief
	for row := range b.len() {
		if b.owner[row] == 0 {
			continue
		}
		closed, in := Day(-1), Disposition("")
		if b.severity[row]&hasClosed != 0 {
			closed = b.closed[uint32(row)]
		}
		if b.severity[row]&hasRuling != 0 {
			in = b.rulings[uint32(row)].on(ix.today)
		}
		last := t.lastSeen(b.from[row], b.to[row])
		brief = Brief{typ: t.id, key: b.id(row), Owner: int64(b.owner[row]), Severity: Severity(b.severity[row] & severityBits),
			First: Day(b.first[row]), From: Day(b.from[row]), Last: last, State: t.state(last, closed, in)}
		if !yield(&brief) {
			return
		}
	}
}

// Tenure is how a finding came to its owner.
type Tenure struct {
	Finding
	Since  Day     // since when it is theirs and open without a break
	Copies []int64 // who else is told
}

// Tenures reads how findings of one report type came to their owners; those that are gone are missing.
func (l *Lister) Tenures(ctx context.Context, typ int64, ids []ID) (out map[ID]Tenure, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		out = make(map[ID]Tenure, len(ids))
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		st, err := typeByID(tx, typ)
		if err != nil {
			return err
		}
		days, err := storedDays(tx, st.feed)
		if err != nil {
			return err
		}
		t, err := loadTimeline(tx, st, days)
		if err != nil {
			return err
		}
		verdicts := map[int64]*constituency.Verdict{}
		for at := 0; at < len(ids); at += 1000 {
			rows, err := ix.readFindings(tx, ids[at:min(at+1000, len(ids))])
			if err != nil {
				return err
			}
			for id, f := range rows {
				if out[id], err = tenure(tx, t, f, verdicts); err != nil {
					return fmt.Errorf("finding %s: %w", id, err)
				}
			}
		}
		return nil
	})
	return out, err
}

func tenure(tx *db.Tx, t *timeline, f Finding, verdicts map[int64]*constituency.Verdict) (Tenure, error) {
	out := Tenure{Finding: f, Since: f.run.from}
	v, ok := verdicts[f.explanation]
	if !ok {
		var err error
		if v, err = readVerdict(tx, f.explanation); err != nil {
			return out, err
		}
		verdicts[f.explanation] = v
	}
	if v != nil {
		out.Copies = v.Copies
	}
	if f.FirstDay == f.run.from {
		return out, nil
	}
	earlier, err := earlierRuns(tx, f.ID)
	for i := len(earlier) - 1; i >= 0 && earlier[i].owner == f.run.owner; i-- {
		if closed, over := t.closes(t.end(earlier[i])); over && closed < out.Since {
			break
		}
		out.Since = earlier[i].from
	}
	return out, err
}

// EachFound calls fn for the events of one report type that a query means, with the id of the finding each belongs to, segment by
// segment and in no order. What fn is given holds only while it runs.
func (in *Intake) EachFound(ctx context.Context, q EventQuery, fn func(ID, *StoredEvent) error) error {
	return in.DB.View(ctx, func(tx *db.Tx) error {
		st, err := typeByID(tx, q.Type)
		if err != nil {
			return err
		}
		list, err := segmentsFor(tx, q)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := in.eachFound(ctx, s, st, q, fn); err != nil {
				return err
			}
		}
		return nil
	})
}

func (in *Intake) eachFound(ctx context.Context, s storedSegment, st typeState, q EventQuery, fn func(ID, *StoredEvent) error) error {
	o, err := in.readers.get(s.path)
	if err != nil {
		return err
	}
	defer in.readers.put(o)
	m := matcher{q: q}
	for _, g := range o.f.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		spans, err := ownerSpans(g, q.Owner)
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.path, err)
		}
		if len(spans) == 0 {
			continue
		}
		r := parquet.NewGenericRowGroupReader[segmentRow](g)
		var failed error
		err = readSpans(r, spans, func(row *segmentRow) bool {
			if s.live[row.Report] && m.match(row) {
				e := row.event()
				sub := subjectOf(&st.ReportType, &e.Event)
				failed = fn(ID(sub.appendID(nil, st.id)), &e)
			}
			return failed == nil
		})
		if err = errors.Join(err, failed, r.Close()); err != nil {
			return fmt.Errorf("segment %s: %w", s.path, err)
		}
	}
	return nil
}

// ownerSpans are the rows of a row group that may be an owner's, by the page index: rows are sorted by owner.
func ownerSpans(g parquet.RowGroup, owner int64) ([]span, error) {
	if owner == 0 {
		return []span{{0, g.NumRows()}}, nil
	}
	return spansOfOwners(g, []int64{owner})
}

// Kept is the event with texts of its own, which may be kept.
func (e *StoredEvent) Kept() StoredEvent {
	out := *e
	out.clone()
	return out
}
