package event

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/parquet-go/parquet-go"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

const (
	fanIn = 10
	grace = 30 * time.Minute // longer than any query
)

// compactIfDue merges small segments until no level has fanIn of them.
func (in *Intake) compactIfDue(ctx context.Context) error {
	for {
		worked, err := in.Compact(ctx)
		if err != nil || !worked {
			return err
		}
	}
}

// Compact merges the ten oldest small segments of a level into one of the next level, sorted by owner, type and address,
// without the rows of reports that were replaced. It tells whether there was anything to do.
func (in *Intake) Compact(ctx context.Context) (worked bool, err error) {
	var inputs []storedSegment
	out := &pendingFile{path: randomName("compact", ".parquet")}
	err = in.DB.Upkeep(ctx, func(tx *db.Tx) (err error) {
		if inputs, err = compactable(tx); err != nil || len(inputs) == 0 {
			return err
		}
		out.id, err = insertSegment(tx, out.path, in.Real.Now().Add(lease).UnixMicro(), inputs[0].level+1)
		return err
	})
	if err != nil || len(inputs) == 0 {
		return false, err
	}
	in.Step("compaction pending")
	rows, err := in.mergeSegments(ctx, inputs, out)
	if err == nil {
		in.Step("compaction written")
		err = in.DB.Upkeep(ctx, func(tx *db.Tx) error {
			return replaceSegments(tx, inputs, out, rows, in.Real.Now().Add(grace).UnixMicro())
		})
		in.Step("compaction committed")
	}
	if err == nil {
		return true, nil
	}
	b := &batch{segment: out}
	b.abandon(in)
	if errors.Is(err, errStale) || errors.Is(err, fs.ErrNotExist) { // somebody else compacted them
		return false, nil
	}
	return false, fmt.Errorf("compact: %w", err)
}

func (in *Intake) mergeSegments(ctx context.Context, inputs []storedSegment, out *pendingFile) (int64, error) {
	var h mergeHeap
	defer func() {
		for _, c := range h {
			c.r.Close()
		}
	}()
	for _, s := range inputs {
		o, err := in.readers.get(s.path)
		if err != nil {
			return 0, err
		}
		defer in.readers.put(o)
		for _, g := range o.f.RowGroups() {
			c := &mergeCursor{r: parquet.NewGenericRowGroupReader[segmentRow](g), live: s.live, buf: make([]segmentRow, 256)}
			ok, err := c.next()
			if err != nil {
				return 0, err
			}
			if ok {
				h = append(h, c)
			}
		}
	}
	heap.Init(&h)
	dst, err := in.Segments.Create(out.path)
	if err != nil {
		return 0, err
	}
	out.file = dst
	w := in.writers.get(dst)
	w.sorted = true
	for n := 0; len(h) > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if w.full() {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
		*w.add() = *h[0].row()
		ok, err := h[0].next()
		if err != nil {
			return 0, err
		}
		if ok {
			heap.Fix(&h, 0)
		} else if err := heap.Pop(&h).(*mergeCursor).r.Close(); err != nil {
			return 0, err
		}
	}
	if err := w.finish(); err != nil {
		return 0, err
	}
	rows := w.rows
	out.bytes = dst.Size()
	in.writers.put(w)
	return rows, nil
}

// mergeCursor walks the live rows of a sorted row group.
type mergeCursor struct {
	r    *parquet.GenericReader[segmentRow]
	live map[int64]bool
	buf  []segmentRow
	rows []segmentRow
}

func (c *mergeCursor) row() *segmentRow { return &c.rows[0] }

func (c *mergeCursor) next() (bool, error) {
	if len(c.rows) > 0 {
		c.rows = c.rows[1:]
	}
	for {
		for len(c.rows) > 0 {
			if c.live[c.rows[0].Report] {
				return true, nil
			}
			c.rows = c.rows[1:]
		}
		c.buf = make([]segmentRow, len(c.buf)) // rows already handed on keep theirs
		n, err := c.r.Read(c.buf)
		c.rows = c.buf[:n]
		if n == 0 && err == io.EOF {
			return false, nil
		}
		if err != nil && err != io.EOF {
			return false, err
		}
	}
}

type mergeHeap []*mergeCursor

func (h mergeHeap) Len() int           { return len(h) }
func (h mergeHeap) Less(i, j int) bool { return h[i].row().compare(h[j].row()) < 0 }
func (h mergeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)        { *h = append(*h, x.(*mergeCursor)) }
func (h *mergeHeap) Pop() any {
	n := len(*h) - 1
	x := (*h)[n]
	*h = (*h)[:n]
	return x
}

// Sweep removes files that no row needs any more. It never lists a directory: what may go is said by the database, first
// marked there and only then removed, so that a crash leaves nothing but work for the next sweep.
func (in *Intake) Sweep(ctx context.Context) error {
	now := in.Real.Now().UnixMicro()
	var segs, archives []condemned
	err := in.DB.Upkeep(ctx, func(tx *db.Tx) (err error) {
		if err := condemnExpired(tx, now, in.Real.Now().Add(grace).UnixMicro()); err != nil {
			return err
		}
		if segs, err = condemnedOf(tx, "segment"); err != nil {
			return err
		}
		archives, err = condemnedOf(tx, "archive")
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	in.Step("condemned")
	for _, s := range segs {
		in.readers.forget(s.path)
	}
	if err := errors.Join(in.Segments.Remove(pathsOf(segs)...), in.Archive.Remove(pathsOf(archives)...)); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	in.Step("swept")
	return in.DB.Upkeep(ctx, func(tx *db.Tx) error {
		for _, s := range segs {
			if err := forgetSegment(tx, s.id); err != nil {
				return err
			}
		}
		for _, a := range archives {
			if err := forgetArchive(tx, a.id); err != nil {
				return err
			}
		}
		return nil
	})
}

func pathsOf(cs []condemned) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.path
	}
	return out
}

// Retention says for how many days events and archived files are kept; 0 is for ever. Findings and counts stay.
type Retention struct {
	Events  int
	Archive int
}

// Retire lets go what is older than the retention, as an act.
func (in *Intake) Retire(ctx context.Context, r Retention) error {
	if r == (Retention{}) {
		return nil
	}
	today := DayOf(in.World.Now().UnixMicro())
	day := func(keep int) Day {
		if keep <= 0 {
			return 0
		}
		return today - Day(keep)
	}
	a := act.Act{Actor: act.Machine, Verb: "event.retire", Object: "world",
		Detail: fmt.Sprintf(`{"events_days":%d,"archive_days":%d}`, r.Events, r.Archive)}
	return in.DB.Act(ctx, a, func(tx *db.Tx) error {
		return retire(tx, day(r.Events), day(r.Archive), in.Real.Now().Add(grace).UnixMicro())
	})
}

// Register registers the jobs of this package.
func (in *Intake) Register(q *job.Queue, r Retention) {
	q.Handle(feed.SettleJob, func(ctx context.Context, j job.Job) error { return in.store.Settle(ctx, j.Unique) })
	q.Handle("finding.reattribute", func(ctx context.Context, _ job.Job) error { return in.Reattribute(ctx) })
	q.Periodic("event.compact", 10*time.Minute, func(ctx context.Context, _ job.Job) error { return in.compactIfDue(ctx) })
	q.Periodic("event.sweep", 5*time.Minute, func(ctx context.Context, _ job.Job) error { return in.Sweep(ctx) })
	q.Periodic("event.retire", 24*time.Hour, func(ctx context.Context, _ job.Job) error { return in.Retire(ctx, r) })
}
