package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// EventQuery selects events of the live reports. Zero fields do not select.
type EventQuery struct {
	Address netip.Addr
	Type    int64 // report type
	Owner   int64 // as of intake; 0 is any
	From    Day   // report days, both included
	Until   Day
	Finding ID // events of this finding; sets Type and Address
	Limit   int
}

// readers keeps the footers of segments within a bound.
type readers struct {
	dir  file.Dir
	mu   sync.Mutex
	open map[string]*openSegment
	tick int64
}

const keepOpen = 96

type openSegment struct {
	r    file.Reader
	f    *parquet.File
	used int64
	refs int
	gone bool
}

func newReaders(d file.Dir) *readers { return &readers{dir: d, open: map[string]*openSegment{}} }

// get opens a segment or takes it from the cache; the caller calls put.
func (rs *readers) get(path string) (*openSegment, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.tick++
	if s := rs.open[path]; s != nil {
		s.used = rs.tick
		s.refs++
		return s, nil
	}
	r, err := rs.dir.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := r.Size()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(false), parquet.ReadBufferSize(8<<10))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open segment %s: %w", path, err), r.Close())
	}
	s := &openSegment{r: r, f: f, used: rs.tick, refs: 1}
	rs.open[path] = s
	rs.trim()
	return s, nil
}

func (rs *readers) put(s *openSegment) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.refs--
	if s.gone && s.refs == 0 {
		s.r.Close()
	}
}

// trim closes the segments that were not used for longest.
func (rs *readers) trim() {
	for len(rs.open) > keepOpen {
		oldest := ""
		for p, s := range rs.open {
			if oldest == "" || s.used < rs.open[oldest].used {
				oldest = p
			}
		}
		rs.drop(oldest)
	}
}

func (rs *readers) drop(path string) {
	if s := rs.open[path]; s != nil {
		delete(rs.open, path)
		s.gone = true
		if s.refs == 0 {
			s.r.Close()
		}
	}
}

// forget closes a segment that is about to be removed.
func (rs *readers) forget(path string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.drop(path)
}

// Events reads events back, the latest report day first. When a segment is retired between the look into the database
// and its opening, it looks once more.
func (in *Intake) Events(ctx context.Context, q EventQuery) (out []StoredEvent, err error) {
	for range 2 {
		err = in.DB.View(ctx, func(tx *db.Tx) error {
			out, err = in.events(tx, q)
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return out, err
}

func (in *Intake) events(tx *db.Tx, q EventQuery) ([]StoredEvent, error) {
	m := matcher{q: q}
	if q.Finding != "" {
		st, err := typeByID(tx, typeOf(q.Finding))
		if err != nil {
			return nil, err
		}
		m.typ = &st
		m.q.Type, m.q.Address = st.id, q.Finding.address()
	}
	if m.q.Address.IsValid() {
		m.hi, m.lo = halves(m.q.Address)
	}
	segments, err := segmentsFor(tx, m.q)
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	var out []StoredEvent
	// Two at a time: one decodes while the other waits for the disk.
	for i := 0; i < len(segments); i += 2 {
		var wg sync.WaitGroup
		var found [2][]StoredEvent
		var errs [2]error
		for j, s := range segments[i:min(i+2, len(segments))] {
			wg.Go(func() { found[j], errs[j] = in.scan(tx.Context(), s, &m, limit) })
		}
		wg.Wait()
		if err := errors.Join(errs[0], errs[1]); err != nil {
			return nil, err
		}
		out = latestEvents(append(append(out, found[0]...), found[1]...), limit)
		if len(out) == limit && i+2 < len(segments) && segments[i+2].hi < out[limit-1].Day {
			break
		}
	}
	return out, nil
}

// latestEvents sorts events, the latest report day and time first, and keeps the first of them.
func latestEvents(es []StoredEvent, limit int) []StoredEvent {
	slices.SortStableFunc(es, func(a, b StoredEvent) int {
		return cmp.Or(cmp.Compare(b.Day, a.Day), cmp.Compare(b.Time, a.Time))
	})
	if len(es) > limit {
		clear(es[limit:])
		es = es[:limit]
	}
	return es
}

func typeOf(id ID) int64 {
	if len(id) < 4 {
		return 0
	}
	return int64(id[0])<<24 | int64(id[1])<<16 | int64(id[2])<<8 | int64(id[3])
}

// firstTime is the first time at which a report has a finding; 0 when its events are gone.
func (in *Intake) firstTime(tx *db.Tx, st typeState, id ID, day Day) (int64, error) {
	es, err := in.events(tx, EventQuery{Finding: id, From: day, Until: day, Limit: 100_000})
	if err != nil {
		return 0, err
	}
	var first int64
	for _, e := range es {
		if first == 0 || e.Time < first {
			first = e.Time
		}
	}
	return first, nil
}

// matcher says which rows of a segment a query wants.
type matcher struct {
	q      EventQuery
	typ    *typeState
	hi, lo int64
}

func (m *matcher) match(r *segmentRow) bool {
	q := &m.q
	switch {
	case q.Address.IsValid() && (r.IPHi != m.hi || r.IPLo != m.lo),
		q.Owner != 0 && r.Owner != q.Owner,
		q.Type != 0 && TypeID(r.Feed, r.Type) != q.Type,
		q.From != 0 && Day(r.Day) < q.From,
		q.Until != 0 && Day(r.Day) > q.Until:
		return false
	}
	if m.typ != nil {
		e := r.event()
		sub := subjectOf(&m.typ.ReportType, &e.Event)
		return ID(sub.appendID(nil, m.typ.id)) == q.Finding
	}
	return true
}

// scan reads what a query wants from one segment, the latest days of it when that is more than the limit.
func (in *Intake) scan(ctx context.Context, s storedSegment, m *matcher, limit int) ([]StoredEvent, error) {
	o, err := in.readers.get(s.path)
	if err != nil {
		return nil, err
	}
	defer in.readers.put(o)
	var out []StoredEvent
	for _, g := range o.f.RowGroups() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		spans, err := m.spans(g)
		if err != nil {
			return nil, fmt.Errorf("segment %s: %w", s.path, err)
		}
		if len(spans) == 0 {
			continue
		}
		r := parquet.NewGenericRowGroupReader[segmentRow](g)
		err = readSpans(r, spans, func(row *segmentRow) bool {
			if s.live[row.Report] && m.match(row) {
				e := row.event()
				e.clone()
				out = append(out, e)
			}
			if len(out) >= 2*limit && s.lo != s.hi {
				out = latestEvents(out, limit)
			}
			return s.lo != s.hi || len(out) < limit
		})
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("segment %s: %w", s.path, err)
		}
		if s.lo == s.hi && len(out) >= limit {
			break
		}
	}
	return out, nil
}

type span struct{ from, to int64 }

// spans are the rows of a row group that may match: all of them, or by bloom filter, page index and the address column
// those of one address.
func (m *matcher) spans(g parquet.RowGroup) ([]span, error) {
	if !m.q.Address.IsValid() {
		return []span{{0, g.NumRows()}}, nil
	}
	col, ok := g.Schema().Lookup("source.ip_lo")
	if !ok {
		return nil, errors.New("it has no column source.ip_lo")
	}
	chunk := g.ColumnChunks()[col.ColumnIndex]
	want := parquet.Int64Value(m.lo)
	if b := chunk.BloomFilter(); b != nil {
		if ok, err := b.Check(want); err != nil || !ok {
			return nil, err
		}
	}
	index, err := chunk.ColumnIndex()
	if err != nil {
		return nil, err
	}
	offsets, err := chunk.OffsetIndex()
	if err != nil {
		return nil, err
	}
	pages := chunk.Pages()
	defer pages.Close()
	var out []span
	values := make([]parquet.Value, 1024)
	for p := range index.NumPages() {
		if index.MinValue(p).Int64() > m.lo || index.MaxValue(p).Int64() < m.lo {
			continue
		}
		first := offsets.FirstRowIndex(p)
		if err := pages.SeekToRow(first); err != nil {
			return nil, err
		}
		page, err := pages.ReadPage()
		if err != nil {
			return nil, err
		}
		row := first
		vr := page.Values()
		for {
			n, err := vr.ReadValues(values)
			for _, v := range values[:n] {
				if v.Int64() == m.lo {
					if k := len(out) - 1; k >= 0 && out[k].to == row {
						out[k].to++
					} else {
						out = append(out, span{row, row + 1})
					}
				}
				row++
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
		}
		parquet.Release(page)
	}
	return out, nil
}

func readSpans(r *parquet.GenericReader[segmentRow], spans []span, fn func(*segmentRow) bool) error {
	for _, s := range spans {
		if err := r.SeekToRow(s.from); err != nil {
			return err
		}
		for at := s.from; at < s.to; {
			buf := make([]segmentRow, min(256, s.to-at))
			n, err := r.Read(buf)
			for i := range buf[:n] {
				if !fn(&buf[i]) {
					return nil
				}
			}
			at += int64(n)
			if err == io.EOF && at >= s.to {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Row reads a row back from the archive as it came: the file's first line and the row itself.
func (in *Intake) Row(ctx context.Context, fileID, row int64) (header, raw string, err error) {
	path, err := in.archivePath(ctx, fileID)
	if err != nil {
		return "", "", err
	}
	a, err := openArchived(in.Archive, path)
	if err != nil {
		return "", "", err
	}
	defer a.Close()
	return a.line(row)
}

// Original opens the content of a source file as it came, decompressed.
func (in *Intake) Original(ctx context.Context, fileID int64) (io.ReadCloser, error) {
	path, err := in.archivePath(ctx, fileID)
	if err != nil {
		return nil, err
	}
	a, err := openArchived(in.Archive, path)
	if err != nil {
		return nil, err
	}
	r, err := a.reader(0)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, a}, nil
}

func (in *Intake) archivePath(ctx context.Context, fileID int64) (path string, err error) {
	err = in.DB.View(ctx, func(tx *db.Tx) error {
		path, err = archivePath(tx, fileID)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return "", fault.NotFoundf("file %d is not in the archive", fileID)
	}
	return path, err
}
