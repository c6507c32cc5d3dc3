package event

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// PullQuery asks for what came in since the last pull.
type PullQuery struct {
	Scope Scope
	After string // Next of the last pull; "" begins
	From  Day    // only reports of this day and later
	Limit int    // 1 … 10,000; 0 is 1,000
}

// Pulled is an event with the finding it belongs to.
type Pulled struct {
	StoredEvent
	Finding Owned
}

// IDF is the event by IDF field names, with its finding's id.
func (p *Pulled) IDF() map[string]any {
	m := p.StoredEvent.IDF()
	m["extra.finding"] = p.Finding.ID.String()
	return m
}

// Pull is what came in, in the order in which it was published: reports as they became live, the rows of a report as they stand in its
// files. A report that is corrected is published again, with all its events.
type Pull struct {
	Events []Pulled
	Next   string // asks for what came after these
	More   bool   // there is something now
}

const (
	pullDefault = 1000
	pullMost    = 10_000
	pullReports = 200 // looked at in one go
)

// pulled is a place in the order of what was published. A zero file is before the report's first event.
type pulled struct{ published, report, file, row int64 }

func (p pulled) String() string {
	return fmt.Sprintf("%d.%d.%d.%d", p.published, p.report, p.file, p.row)
}

// parsePulled reads what Next gave.
func parsePulled(s string) (p pulled, err error) {
	if s == "" {
		return pulled{-1, 0, 0, 0}, nil
	}
	parts := strings.Split(s, ".")
	to := []*int64{&p.published, &p.report, &p.file, &p.row}
	if len(parts) != len(to) {
		return p, errCursor
	}
	for i, v := range parts {
		if *to[i], err = strconv.ParseInt(v, 10, 64); err != nil || *to[i] < -1 {
			return p, errCursor
		}
	}
	return p, nil
}

var errCursor = fault.Invalidf("this is no place in the list of what came in: give the next that the last answer had, or nothing to begin")

// endOfReport is a place after all events of a report.
const endOfReport = 1<<63 - 1

// Pull reads the events of a scope that came in after a place: those that belonged to a constituent of the scope then, and whose finding
// still does.
func (in *Intake) Pull(ctx context.Context, l *Lister, q PullQuery) (out Pull, err error) {
	if q.Limit == 0 {
		q.Limit = pullDefault
	}
	if q.Limit < 1 || q.Limit > pullMost {
		return out, fault.Invalidf("a pull has 1 to %d events, not %d", pullMost, q.Limit)
	}
	if q.Scope == nil {
		return out, fault.New(fault.Internal, "a pull for somebody from outside needs a scope")
	}
	at, err := parsePulled(q.After)
	if err != nil {
		return out, err
	}
	for range 2 {
		if out, err = in.pull(ctx, l, q, at); !errors.Is(err, fs.ErrNotExist) { // else a segment was retired meanwhile
			break
		}
	}
	return out, err
}

func (in *Intake) pull(ctx context.Context, l *Lister, q PullQuery, at pulled) (out Pull, err error) {
	p := &puller{in: in, q: q, at: at, order: map[int64]int{}, types: map[int64]typeState{}, owners: map[string]map[int64]bool{}}
	var segments []storedSegment
	err = in.DB.View(ctx, func(tx *db.Tx) error {
		if p.reports, err = publishedAfter(tx, slices.Sorted(maps.Keys(q.Scope)), at, q.From, pullReports); err != nil || len(p.reports) == 0 {
			return err
		}
		for i, r := range p.reports {
			p.order[r.id] = i
			if p.types[r.typ], err = typeByID(tx, r.typ); err != nil {
				return err
			}
		}
		segments, err = segmentsOfReports(tx, p.reports)
		return err
	})
	if err != nil {
		return out, err
	}
	out.Next = at.String()
	if len(p.reports) == 0 {
		return out, nil
	}
	for feed, ids := range q.Scope {
		p.owners[feed] = map[int64]bool{}
		for _, id := range ids {
			p.owners[feed][id] = true
		}
	}
	for _, s := range segments {
		if err := p.scan(ctx, s); err != nil {
			return out, err
		}
	}
	p.cut(q.Limit + 1)
	last := p.reports[len(p.reports)-1]
	next := pulled{last.published, last.id, endOfReport, 0}
	if out.More = len(p.reports) == pullReports; len(p.found) > q.Limit {
		p.found, out.More = p.found[:q.Limit], true
		e := p.found[q.Limit-1]
		next = pulled{p.reports[p.order[e.report]].published, e.report, e.File, e.Row}
	}
	out.Next = next.String()
	out.Events, err = p.owned(ctx, l)
	return out, err
}

// puller collects the events of some reports.
type puller struct {
	in      *Intake
	q       PullQuery
	at      pulled
	reports []published
	order   map[int64]int // of a report among them
	types   map[int64]typeState
	owners  map[string]map[int64]bool // by feed
	found   []StoredEvent
}

func (p *puller) scan(ctx context.Context, s storedSegment) error {
	o, err := p.in.readers.get(s.path)
	if err != nil {
		return err
	}
	defer p.in.readers.put(o)
	owners := p.q.Scope.owners()
	for _, g := range o.f.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		spans, err := spansOfOwners(g, owners)
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.path, err)
		}
		if len(spans) == 0 {
			continue
		}
		r := parquet.NewGenericRowGroupReader[segmentRow](g)
		err = readSpans(r, spans, func(row *segmentRow) bool {
			if !s.live[row.Report] || !p.owners[row.Feed][row.Owner] || row.Report == p.at.report && cmp.Or(cmp.Compare(row.File, p.at.file), cmp.Compare(row.Row, p.at.row)) <= 0 {
				return true
			}
			e := row.event()
			e.clone()
			if p.found = append(p.found, e); len(p.found) >= 2*(p.q.Limit+1) {
				p.cut(p.q.Limit + 1)
			}
			return true
		})
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("segment %s: %w", s.path, err)
		}
	}
	return nil
}

// cut keeps the first events in the order of publication.
func (p *puller) cut(n int) {
	slices.SortFunc(p.found, func(a, b StoredEvent) int {
		return cmp.Or(cmp.Compare(p.order[a.report], p.order[b.report]), cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
	})
	if len(p.found) > n {
		clear(p.found[n:])
		p.found = p.found[:n]
	}
}

// owned keeps the events whose findings are the scope's now, since their day.
func (p *puller) owned(ctx context.Context, l *Lister) ([]Pulled, error) {
	ids := make([]ID, len(p.found))
	for i, e := range p.found {
		st := p.types[p.reports[p.order[e.report]].typ]
		sub := subjectOf(&st.ReportType, &e.Event)
		ids[i] = ID(sub.appendID(nil, st.id))
	}
	mine, err := l.OwnedByID(ctx, ids, p.q.Scope)
	if err != nil {
		return nil, err
	}
	var out []Pulled
	for i, e := range p.found {
		if f, ok := mine[ids[i]]; ok && e.Day >= f.Since {
			out = append(out, Pulled{e, f})
		}
	}
	return out, nil
}

// spansOfOwners are the pages of a row group that may have rows of the owners, given in order. Row groups are sorted by owner.
func spansOfOwners(g parquet.RowGroup, owners []int64) ([]span, error) {
	col, ok := g.Schema().Lookup("tocsin.owner")
	if !ok {
		return nil, errors.New("it has no column tocsin.owner")
	}
	chunk := g.ColumnChunks()[col.ColumnIndex]
	index, err := chunk.ColumnIndex()
	if err != nil {
		return nil, err
	}
	offsets, err := chunk.OffsetIndex()
	if err != nil {
		return nil, err
	}
	var out []span
	for p := range index.NumPages() {
		lo, hi := index.MinValue(p).Int64(), index.MaxValue(p).Int64()
		if i, _ := slices.BinarySearch(owners, lo); i == len(owners) || owners[i] > hi {
			continue
		}
		from, to := offsets.FirstRowIndex(p), g.NumRows()
		if p+1 < index.NumPages() {
			to = offsets.FirstRowIndex(p + 1)
		}
		if k := len(out) - 1; k >= 0 && out[k].to == from {
			out[k].to = to
			continue
		}
		out = append(out, span{from, to})
	}
	return out, nil
}

// OwnedByID finds those of the findings that the scope has; the others are as good as none.
func (l *Lister) OwnedByID(ctx context.Context, ids []ID, s Scope) (map[ID]Owned, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := make(map[ID]Owned, len(ids))
	err := l.db.View(ctx, func(tx *db.Tx) error {
		clear(out)
		ix, err := l.small(tx)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(ids, maxPage) {
			found, err := ix.readFindings(tx, part)
			if err != nil {
				return err
			}
			runs, err := runsOf(tx, part)
			if err != nil {
				return err
			}
			for id, f := range found {
				if s != nil && s.covers(f.Feed, f.Owner.ID) {
					out[id] = own(f, runs[id])
				}
			}
		}
		return nil
	})
	return out, err
}

// Published tells how much was published so far: when it has not changed, nothing came in.
func (in *Intake) Published(ctx context.Context) (n int64, err error) {
	err = in.DB.View(ctx, func(tx *db.Tx) error {
		n, err = lastPublished(tx)
		return err
	})
	return n, err
}

// eventColumns are those of events as CSV: IDF names, the most asked for first.
var eventColumns = []string{"time.source", "feed.name", "feed.code", "classification.taxonomy", "classification.type", "classification.identifier",
	"source.ip", "source.port", "source.fqdn", "source.url", "source.account", "source.network", "source.asn", "source.geolocation.cc",
	"source.geolocation.region", "source.geolocation.city", "source.reverse_dns", "protocol.transport", "protocol.application", "destination.ip",
	"destination.port", "destination.asn", "destination.geolocation.cc", "destination.fqdn", "destination.url", "malware.name", "product.vendor",
	"product.name", "product.version", "product.vulnerabilities", "status", "event_description.text", "time.observation", "extra.severity", "extra.finding"}

// WriteEvents writes events: idf is one JSON object a line with all fields as they are, csv has eventColumns, and nothing in it that a
// spreadsheet would compute.
func WriteEvents(w io.Writer, format string, list []map[string]any) error {
	if format == "csv" {
		c := csv.NewWriter(w)
		if err := c.Write(eventColumns); err != nil {
			return err
		}
		row := make([]string, len(eventColumns))
		for _, m := range list {
			for i, name := range eventColumns {
				if row[i] = ""; m[name] != nil {
					row[i] = fmt.Sprint(m[name])
				}
			}
			if err := c.Write(delimited.InertRow(row)); err != nil {
				return err
			}
		}
		c.Flush()
		return c.Error()
	}
	b := bufio.NewWriterSize(w, 64<<10)
	for _, m := range list {
		if err := writeJSON(b, m); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}
