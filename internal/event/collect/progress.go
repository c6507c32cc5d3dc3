package collect

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

// Stage is where a run is.
type Stage string

// The stages.
const (
	Taking Stage = "taking"
	Done   Stage = "done"
	Failed Stage = "failed" // it broke off; what was committed before stays
)

// Run is one intake, as it stands at a moment.
type Run struct {
	ID            string         `json:"id"`
	Feed          string         `json:"feed"`
	Actor         string         `json:"actor"`
	Stage         Stage          `json:"stage"`
	Begun         time.Time      `json:"begun"`
	Elapsed       time.Duration  `json:"-"`
	Seconds       float64        `json:"seconds"`
	RowsPerSecond int64          `json:"rows_per_second"`
	Progress      event.Progress `json:"-"`
	Summary       event.Summary  `json:"-"`
	Err           error          `json:"-"`
}

// Progress is what this process is taking in, and the last runs that ended. It forgets with the process: the files tell
// what became of them.
type Progress struct {
	clock clock.Clock
	mu    sync.Mutex
	runs  []*run // the oldest first
}

const keptRuns = 100

type run struct {
	of *Progress
	Run
	watch clock.Stopwatch
}

// NewProgress returns an empty registry.
func NewProgress(c clock.Clock) *Progress { return &Progress{clock: c} }

func (p *Progress) begin(feed string, actor act.Actor, files int) *run {
	r := &run{of: p, watch: clock.Start(), Run: Run{ID: strings.ToLower(rand.Text()), Feed: feed, Actor: actor.Name,
		Stage: Taking, Begun: p.clock.Now(), Progress: event.Progress{Files: files}}}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.runs, func(r *run) bool { return r.Stage != Taking }); len(p.runs) >= keptRuns && i >= 0 {
		p.runs = slices.Delete(p.runs, i, i+1)
	}
	p.runs = append(p.runs, r)
	return r
}

func (r *run) advance(at event.Progress) {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.Progress = at
}

func (r *run) finish(sum event.Summary, err error) {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.Stage, r.Summary, r.Err, r.Elapsed = Done, sum, err, r.watch.Elapsed()
	if err != nil {
		r.Stage = Failed
	}
}

func (r *run) now() Run {
	s := r.Run
	rows := s.Summary.Rows
	if s.Stage == Taking {
		s.Elapsed, rows = r.watch.Elapsed(), s.Progress.Rows
	}
	s.Seconds = s.Elapsed.Seconds()
	if s.Seconds > 0 {
		s.RowsPerSecond = int64(float64(rows) / s.Seconds)
	}
	return s
}

// List gives all runs, the last begun first.
func (p *Progress) List() []Run {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Run
	for _, r := range slices.Backward(p.runs) {
		out = append(out, r.now())
	}
	return out
}

// ByID finds a run; one that is unknown or forgotten is a fault of kind NotFound.
func (p *Progress) ByID(id string) (Run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		if r.ID == id {
			return r.now(), nil
		}
	}
	return Run{}, fault.NotFoundf("this intake is over and forgotten, or never was: look at the files")
}
