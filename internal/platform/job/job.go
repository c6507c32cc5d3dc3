// Package job runs background work from a table in the world's own database. A job is enqueued in the transaction of the
// fact that asks for it, claimed under a lease, retried with backoff, and dead and visible after too many tries. Jobs run
// at least once: their work must be idempotent.
package job

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
)

// Job is one piece of work.
type Job struct {
	ID        int64  `json:"id"`
	Kind      string `json:"kind"`
	Unique    string `json:"unique"`
	Payload   string `json:"payload"`
	State     string `json:"state"` // ready, running, done, dead
	Due       int64  `json:"due"`   // UTC microseconds, world clock
	Attempts  int    `json:"attempts"`
	LastError string `json:"last_error,omitempty"`
	Created   int64  `json:"created"`
	Finished  int64  `json:"finished,omitempty"`
}

// Handler does a job's work. A returned error means: again later.
type Handler func(ctx context.Context, j Job) error

const (
	lease       = 2 * time.Minute
	maxAttempts = 12
	keepDone    = 7 * 24 * time.Hour
)

type kind struct {
	handler Handler
	every   time.Duration
}

// Queue is a world's jobs. Register kinds, then Run.
type Queue struct {
	db    *db.DB
	world clock.Clock // when a job is due
	real  clock.Clock // leases
	log   *slog.Logger
	kinds map[string]kind
	wake  chan struct{}
}

// New returns the queue of a world.
func New(d *db.DB, world, real clock.Clock, log *slog.Logger) *Queue {
	return &Queue{db: d, world: world, real: real, log: log, kinds: map[string]kind{}, wake: make(chan struct{}, 1)}
}

// Handle registers the handler of a kind; call it before Run.
func (q *Queue) Handle(name string, h Handler) { q.kinds[name] = kind{handler: h} }

// Periodic registers a kind that is due again every d after it last ended.
func (q *Queue) Periodic(name string, d time.Duration, h Handler) { q.kinds[name] = kind{h, d} }

// Enqueue adds a job to the transaction of its fact. While a job of the kind with the same unique key waits, it adds
// nothing: that one will see the new fact. A running one does not count, because it may have looked already; the new one
// then waits for it.
func Enqueue(tx *db.Tx, kind, unique, payload string, due time.Time) error {
	return enqueue(tx, kind, unique, payload, due.UnixMicro())
}

// Wake makes idle workers look at once instead of at the next tick.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, then waits for the jobs under way, whose context is cancelled.
func (q *Queue) Run(ctx context.Context, workers int) error {
	if err := q.plan(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			t := time.NewTicker(time.Second)
			defer t.Stop()
			for ctx.Err() == nil {
				worked, err := q.Step(ctx)
				if err != nil && ctx.Err() == nil {
					q.log.Error("job queue", "error", err)
				}
				if worked {
					continue
				}
				select {
				case <-ctx.Done():
				case <-t.C:
				case <-q.wake:
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// Drain works off everything that is due and returns; for the command line and tests.
func (q *Queue) Drain(ctx context.Context) error {
	for {
		worked, err := q.Step(ctx)
		if err != nil || !worked {
			return err
		}
	}
}

func (q *Queue) plan(ctx context.Context) error {
	return q.db.Upkeep(ctx, func(tx *db.Tx) error {
		for name, k := range q.kinds {
			if k.every > 0 {
				if err := enqueue(tx, name, "periodic", "", q.world.Now().UnixMicro()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Step claims one due job and does it; worked is false when none was due.
func (q *Queue) Step(ctx context.Context) (worked bool, err error) {
	var j Job
	var found bool
	err = q.db.Upkeep(ctx, func(tx *db.Tx) (err error) {
		j, found, err = claim(tx, q.names(), q.world.Now().UnixMicro(), q.real.Now().UnixMicro(), lease.Microseconds())
		return err
	})
	if err != nil || !found {
		return false, err
	}
	jobErr := q.do(ctx, j)
	stopping := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx) // how the attempt ended is recorded even while stopping: no lease stays held
	if stopping && jobErr != nil {   // the lease is given back, the attempt does not count
		return true, q.db.Upkeep(ctx, func(tx *db.Tx) error { return release(tx, j) })
	}
	return true, q.db.Upkeep(ctx, func(tx *db.Tx) error {
		now := q.world.Now()
		if jobErr == nil {
			if err := finish(tx, j, "done", "", now.UnixMicro()); err != nil {
				return err
			}
			if k := q.kinds[j.Kind]; k.every > 0 && j.Unique == "periodic" {
				if err := enqueue(tx, j.Kind, j.Unique, j.Payload, now.Add(k.every).UnixMicro()); err != nil {
					return err
				}
			}
			return prune(tx, now.Add(-keepDone).UnixMicro())
		}
		q.log.Warn("job failed", "kind", j.Kind, "job", j.ID, "attempt", j.Attempts, "error", jobErr)
		if j.Attempts >= maxAttempts && q.kinds[j.Kind].every == 0 {
			return finish(tx, j, "dead", jobErr.Error(), now.UnixMicro())
		}
		return retry(tx, j, jobErr.Error(), now.Add(backoff(j.Attempts)).UnixMicro())
	})
}

// backoff is 5 s, 10 s, 20 s … at most an hour.
func backoff(attempt int) time.Duration {
	return min(5*time.Second<<min(attempt-1, 20), time.Hour)
}

func (q *Queue) names() []string {
	var ns []string
	for n := range q.kinds {
		ns = append(ns, n)
	}
	return ns
}

// do runs the handler and keeps its lease alive.
func (q *Queue) do(ctx context.Context, j Job) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(lease / 4)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				err := q.db.Upkeep(ctx, func(tx *db.Tx) error {
					return extend(tx, j, q.real.Now().Add(lease).UnixMicro())
				})
				if err != nil && ctx.Err() == nil {
					q.log.Error("extend a job's lease", "job", j.ID, "error", err)
				}
			}
		}
	})
	defer wg.Wait()
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			q.log.Error("job panicked", "kind", j.Kind, "job", j.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return q.kinds[j.Kind].handler(ctx, j)
}
