package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"tocsin/internal/constituency"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// Config is what an intake works with.
type Config struct {
	DB       *db.DB
	Registry *constituency.Store
	Format   func(f feed.Feed) (Format, error) // the reader of a feed's files
	Archive  file.Dir
	Segments file.Dir
	World    clock.Clock
	Real     clock.Clock
	Log      *slog.Logger
	Workers  int // reports read side by side; 0 is 2

	// Step is called at every named step of the file protocol; the crash tests end the process there. It may be nil.
	Step func(name string)
}

// Intake takes source files in: archive, events, findings and counts. It is safe for concurrent use.
type Intake struct {
	Config
	store        *Store
	writers      *writers
	readers      *readers
	explanations explanations
	blocks       blockCache
}

// NewIntake returns an intake.
func NewIntake(c Config) *Intake {
	if c.Workers == 0 {
		c.Workers = 2
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	return &Intake{Config: c, store: NewStore(c.DB), writers: newWriters(), readers: newReaders(c.Segments)}
}

// Source is a file to take in: plain, gzip or zip. A zip's members become files of their own.
type Source struct {
	Name   string    // the base name says what the file is
	Issued time.Time // when its maker made it; of two files of one identity the later one wins
	Size   int64     // as it stands there; 0 is unknown
	Open   func() (io.ReadCloser, error)

	// Identity says what the file is where its name does not; the zero value asks the name.
	Identity Identity
}

// Progress is how far an intake is.
type Progress struct {
	Files, FilesDone       int
	Bytes, BytesDone, Rows int64
	File                   string
}

// FileOutcome is what became of one file.
type FileOutcome struct {
	Name         string
	FileID       int64 // 0 when nothing is recorded
	Type         string
	Day          Day
	State        string // live, superseded, older, duplicate, failed
	Outcome      string // for people
	Rows         int64
	Events       int64
	Repeated     int64 // rows that another subscription's file of the day has
	Rejected     int64
	Unattributed int64
	Err          error
	Problems     []fault.Problem // the first wrong rows
}

// The states of a source file.
const (
	Live       = "live"
	Superseded = "superseded" // a newer file of its identity took its place
	Older      = "older"      // came after a newer one; kept, not used
	Duplicate  = "duplicate"  // the same content was there
	Failed     = "failed"     // nothing of it was taken in
	pending    = "pending"
)

// Summary is what became of all files.
type Summary struct {
	Files                                          int
	Rows, Events, Repeated, Rejected, Unattributed int64
	Outcomes                                       []FileOutcome
}

func (s *Summary) add(o FileOutcome) {
	s.Files++
	s.Rows += o.Rows
	s.Events += o.Events
	s.Repeated += o.Repeated
	s.Rejected += o.Rejected
	s.Unattributed += o.Unattributed
	s.Outcomes = append(s.Outcomes, o)
}

// Failures are the outcomes of files that were not taken in.
func (s *Summary) Failures() []FileOutcome {
	var out []FileOutcome
	for _, o := range s.Outcomes {
		if o.State == Failed {
			out = append(out, o)
		}
	}
	return out
}

const (
	lease      = 15 * time.Minute // of pending files, on the real clock
	batchBytes = 96 << 20         // of content that shares a segment and a transaction
	batchFiles = 128              // which are open until the batch is read
)

// Take takes files in and returns what became of each. A file that cannot be read is an outcome and no error; an error
// means that the machine or database fails, and that the files without an outcome were not taken in.
func (in *Intake) Take(ctx context.Context, actor act.Actor, feedName string, sources []Source, progress func(Progress)) (Summary, error) {
	var sum Summary
	f, format, err := in.feed(ctx, feedName)
	if err != nil {
		return sum, err
	}
	m := &meter{fn: progress}
	files := in.identify(f, format, sources, &sum)
	if err := in.recordFailed(ctx, actor, f, &sum); err != nil {
		return sum, err
	}
	m.begin(files)
	plans := group(f, format, files)
	resolver, err := in.Registry.Resolver(ctx)
	if err != nil {
		return sum, err
	}
	t := &taking{Intake: in, ctx: ctx, actor: actor, feed: f, format: format, resolver: resolver, meter: m, sum: &sum}
	err = t.run(batches(plans))
	m.end()
	return sum, err
}

func (in *Intake) feed(ctx context.Context, name string) (f feed.Feed, format Format, err error) {
	err = in.DB.View(ctx, func(tx *db.Tx) error {
		f, err = feed.ByNameTx(tx, name)
		return err
	})
	if err != nil {
		return f, nil, err
	}
	format, err = in.Format(f)
	return f, format, err
}

// input is a file to be read, with what its name told.
type input struct {
	Identity
	issued time.Time
	size   int64
	open   func() (io.ReadCloser, error) // decompressed
}

func (in *Intake) identify(f feed.Feed, format Format, sources []Source, sum *Summary) []*input {
	var out []*input
	for _, src := range sources {
		members, err := expand(src)
		if err != nil {
			sum.add(FileOutcome{Name: src.Name, State: Failed, Err: err, Outcome: err.Error()})
			continue
		}
		for _, m := range members {
			if m.Identity.Type == "" {
				id, err := format.Identify(m.Name)
				if err != nil {
					sum.add(FileOutcome{Name: m.Name, State: Failed, Err: err, Outcome: err.Error()})
					continue
				}
				m.Identity = id
			}
			m.Delta = m.Delta || f.Settings.Delta(int64(m.Day))
			out = append(out, m)
		}
	}
	return out
}

// reportPlan is one day of one report type and the new files for it.
type reportPlan struct {
	typ   ReportType
	id    int64
	day   Day
	files []*input
	bytes int64
	delta bool // all its files only add; known when its files are chosen
}

func group(f feed.Feed, format Format, files []*input) []*reportPlan {
	byKey := map[countKey]*reportPlan{}
	var out []*reportPlan
	for _, in := range files {
		k := countKey{in.Day, TypeID(f.Name, in.Type)}
		p := byKey[k]
		if p == nil {
			p = &reportPlan{typ: format.Type(in.Type), id: k.owner, day: in.Day}
			byKey[k] = p
			out = append(out, p)
		}
		p.files = append(p.files, in)
		p.bytes += in.size
	}
	slices.SortFunc(out, comparePlans)
	return out
}

func comparePlans(a, b *reportPlan) int {
	return cmp.Or(cmp.Compare(a.day, b.day), strings.Compare(a.typ.Name, b.typ.Name))
}

// batches are the reports that share a segment and a transaction: of one day, so that days are settled in order.
func batches(plans []*reportPlan) [][]*reportPlan {
	var out [][]*reportPlan
	var bytes int64
	files := 0
	for i, p := range plans {
		if i == 0 || p.day != plans[i-1].day || bytes+p.bytes > batchBytes || files+len(p.files) > batchFiles {
			out = append(out, nil)
			bytes, files = 0, 0
		}
		out[len(out)-1] = append(out[len(out)-1], p)
		bytes += p.bytes
		files += len(p.files)
	}
	return out
}

// taking is one call of Take under way.
type taking struct {
	*Intake
	ctx      context.Context
	actor    act.Actor
	feed     feed.Feed
	format   Format
	resolver *constituency.Resolver
	meter    *meter
	sum      *Summary
	mu       sync.Mutex // encoders
	encoders []*zstd.Encoder
}

// run reads batches side by side and records them in their order, a day's end settling the feed.
func (t *taking) run(bs [][]*reportPlan) error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	type result struct {
		b   *batch
		err error
	}
	ready := make([]chan result, len(bs))
	for i := range ready {
		ready[i] = make(chan result, 1)
	}
	slots := make(chan struct{}, t.Workers)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, plans := range bs {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				b, err := t.build(ctx, plans)
				ready[i] <- result{b, err}
			})
		}
	})
	var err error
	recorded := 0 // results that were looked at
	for i, plans := range bs {
		var r result
		select {
		case r = <-ready[i]:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			break
		}
		recorded++
		if err = r.err; err == nil {
			err = t.record(ctx, r.b)
		}
		<-slots
		if err != nil {
			if r.b != nil {
				r.b.abandon(t.Intake)
			}
			break
		}
		if i+1 == len(bs) || bs[i+1][0].day != plans[0].day {
			if err = t.store.Settle(ctx, t.feed.Name); err != nil {
				break
			}
		}
	}
	cancel()
	wg.Wait()
	for _, c := range ready[recorded:] {
		select {
		case r := <-c:
			if r.b != nil {
				r.b.abandon(t.Intake)
			}
		default:
		}
	}
	if err == nil {
		err = t.compactIfDue(t.ctx)
	}
	return err
}

// meter adds up progress and tells it at most every 100 ms.
type meter struct {
	fn          func(Progress)
	files       int
	bytes       int64
	filesDone   atomic.Int64
	bytesDone   atomic.Int64
	rows        atomic.Int64
	mu          sync.Mutex
	watch       clock.Stopwatch
	next        time.Duration
	currentName string
}

func (m *meter) begin(files []*input) {
	m.watch = clock.Start()
	m.files = len(files)
	for _, f := range files {
		m.bytes += f.size
	}
	m.tell(true)
}

func (m *meter) end() { m.tell(true) }

func (m *meter) tell(always bool) {
	if m.fn == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.watch.Elapsed(); always || now >= m.next {
		m.next = now + 100*time.Millisecond
		m.fn(Progress{Files: m.files, FilesDone: int(m.filesDone.Load()), Bytes: m.bytes, BytesDone: m.bytesDone.Load(),
			Rows: m.rows.Load(), File: m.currentName})
	}
}

func (m *meter) file(name string) {
	m.mu.Lock()
	m.currentName = name
	m.mu.Unlock()
	m.tell(false)
}

// counting counts what is read of a file towards progress.
type counting struct {
	r io.Reader
	m *meter
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.m.bytesDone.Add(int64(n))
	c.m.tell(false)
	return n, err
}

var errStale = errors.New("another intake changed the report in between")

func (t *taking) encoder() (*zstd.Encoder, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.encoders); n > 0 {
		e := t.encoders[n-1]
		t.encoders = t.encoders[:n-1]
		return e, nil
	}
	return newEncoder()
}

func (t *taking) release(e *zstd.Encoder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.encoders = append(t.encoders, e)
}

// recordFailed keeps a record of files that could not even be identified.
func (in *Intake) recordFailed(ctx context.Context, actor act.Actor, f feed.Feed, sum *Summary) error {
	if len(sum.Outcomes) == 0 {
		return nil
	}
	return in.DB.Act(ctx, act.Act{Actor: actor, Verb: "file.reject", Object: "feed:" + f.Name}, func(tx *db.Tx) error {
		for i := range sum.Outcomes {
			o := &sum.Outcomes[i]
			if o.State != Failed {
				continue
			}
			if err := insertFailed(tx, f, o, in.World.Now().UnixMicro(), actorName(actor)); err != nil {
				return fmt.Errorf("record %s: %w", o.Name, err)
			}
		}
		return nil
	})
}

func actorName(a act.Actor) string { return string(a.Kind) + ":" + a.ID }
