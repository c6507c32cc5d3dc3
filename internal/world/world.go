// Package world wires one nation's whole state: one database, one clock, one way out, its files and its jobs. Live operation
// is one world; an exercise or a second nation in a test is another, and they share nothing. It knows no pages.
package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/constituency/special"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/digest"
	"tocsin/internal/event/feed"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/incident/filing"
	"tocsin/internal/incident/leak"
	"tocsin/internal/incident/letter"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/mail"
	"tocsin/internal/portal"
	"tocsin/internal/situation"
	"tocsin/internal/situation/sitrep"
	"tocsin/internal/situation/statistic"
	"tocsin/internal/view"
)

// Config says what a world is made of. Zero values are filled in: the world "live" on the real clock with SQLite in Dir.
type Config struct {
	Name        string // lower-case letters, digits and _; on PostgreSQL its schema is tocsin_NAME
	DatabaseURL string // "" is a SQLite file in Dir
	Dir         string // the data directory; made when it is not there
	Clock       clock.Clock
	Real        clock.Clock // for leases, which a paused exercise must not freeze
	Log         *slog.Logger
	Version     string // of Tocsin, told to those it fetches from

	// Net is the only way out of the world; nil lets nothing out.
	Net *egress.Net

	// Mail is the mail server that Net leads to; nil: there is none.
	Mail *mail.Config

	// IMAP is the mailbox that Net leads to; nil: none is read.
	IMAP *imap.Config
	// Trust says whose word about the senders of mail counts.
	Trust mailbox.Trust

	// Retention says how long events and archived files are kept; the zero value keeps them for ever. Only who serves says it;
	// others go by what was said last.
	Retention event.Retention

	// Step is called at every named step of the file protocol; the crash tests end the process there.
	Step func(name string)

	// Serve says that this process serves the world: it holds the serving lock with this note for whoever asks next, collects
	// feeds and runs the periodic jobs. The command line leaves it empty and works beside a server.
	Serve string
}

// World is one nation's state. It is safe for concurrent use.
type World struct {
	cfg   Config
	db    *db.DB
	jobs  *job.Queue
	locks []*lock

	Identity     *identity.Store
	Audit        *audit.Log
	Views        *view.Store
	Nation       *nation.Store
	Constituency *constituency.Store
	Special      *special.Register
	Gate         *disclosure.Gate
	Feeds        *feed.Store
	Formats      *Formats
	Intake       *event.Intake
	Events       *event.Store
	Findings     *event.Lister
	Digest       *digest.Desk
	Incidents    *incident.Desk
	Affected     *affected.Desk
	Filing       *filing.Counter
	Letters      *letter.Desk
	Leaks        *leak.Desk
	Deadlines    *deadline.Desk
	Yearly       *yearly.Desk
	Situation    *situation.Situation
	Sitreps      *sitrep.Desk
	Statistics   *statistic.Desk
	Portal       *portal.Portal
	Collect      *collect.Collector // nil unless the world is served
	Outbox       *notify.Outbox
	MailKeys     *signing.Store
	Mail         *mail.Sender // what the outbox sends by, for a secret that must not be kept in it; nil without a mail server
	Mailbox      *mailbox.Box
}

// Open opens the world, and makes it when it is not there. A directory that another server serves, or that is being
// restored, is a fault of kind Conflict.
func Open(ctx context.Context, cfg Config) (*World, error) {
	if cfg.Name == "" {
		cfg.Name = "live"
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real()
	}
	if cfg.Real == nil {
		cfg.Real = clock.Real()
	}
	if cfg.Net == nil {
		cfg.Net = egress.Sealed(cfg.Name)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("world", cfg.Name)
	if err := whole(cfg.Dir); err != nil {
		return nil, err
	}
	if err := prepare(cfg.Dir); err != nil {
		return nil, err
	}
	if cfg.DatabaseURL == "" {
		cfg.DatabaseURL = filepath.Join(cfg.Dir, databaseFile)
	}
	w := &World{cfg: cfg}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) open(ctx context.Context) error {
	if err := w.hold(); err != nil {
		return err
	}
	var err error
	if w.db, err = db.Open(ctx, w.cfg.DatabaseURL, w.cfg.Name, audit.Recorder(w.cfg.Clock)); err != nil {
		return err
	}
	w.jobs = job.New(w.db, w.cfg.Clock, w.cfg.Real, w.cfg.Log)
	if err := audit.Ensure(ctx, w.db); err != nil {
		return err
	}
	return w.wire(ctx)
}

func (w *World) hold() error {
	l, err := hold(w.cfg.Dir, worldLock, false, "")
	if err != nil {
		return err
	}
	w.locks = append(w.locks, l)
	if w.cfg.Serve == "" {
		return nil
	}
	if l, err = hold(w.cfg.Dir, serveLock, true, fmt.Sprintf("process %d, %s,", os.Getpid(), w.cfg.Serve)); err != nil {
		return err
	}
	w.locks = append(w.locks, l)
	return nil
}

// Name is the world's name.
func (w *World) Name() string { return w.cfg.Name }

// Dir is the world's data directory.
func (w *World) Dir() string { return w.cfg.Dir }

// DB is the world's records.
func (w *World) DB() *db.DB { return w.db }

// Clock is the world's clock.
func (w *World) Clock() clock.Clock { return w.cfg.Clock }

// Work delivers letters and runs jobs on so many workers until ctx ends; jobs and hand-overs under way then give their leases back. It
// also keeps ready what pages show: intakes of other processes on the same records are seen within seconds.
func (w *World) Work(ctx context.Context, workers int) error {
	var wg sync.WaitGroup
	wg.Go(func() { w.follow(ctx) })
	wg.Go(func() { w.Outbox.Work(ctx) })
	err := w.jobs.Run(ctx, workers)
	wg.Wait()
	return err
}

const followEvery = 2 * time.Second

func (w *World) follow(ctx context.Context) {
	t := time.NewTicker(followEvery)
	defer t.Stop()
	for {
		if err := w.refresh(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.Error("follow the records", "error", err)
		}
		if err := w.Gate.Flush(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.Error("write down what was viewed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// refresh brings up to date what is derived from the records: the sums behind the national picture, and the lists.
func (w *World) refresh(ctx context.Context) error {
	if _, err := w.Situation.Refresh(ctx); err != nil {
		return fmt.Errorf("sum up: %w", err)
	}
	return w.Findings.Warm(ctx)
}

// Drain works off the jobs that are due and sums up, for a command line that ends afterwards.
func (w *World) Drain(ctx context.Context) error {
	if err := w.jobs.Drain(ctx); err != nil {
		return err
	}
	_, err := w.Situation.Refresh(ctx)
	return err
}

// Close closes the records and releases the locks. Work must have returned.
func (w *World) Close() error {
	var err error
	if w.Collect != nil {
		w.Collect.Close()
	}
	if w.Gate != nil {
		err = w.Gate.Flush(context.Background())
	}
	if w.db != nil {
		err = errors.Join(err, w.db.Close())
	}
	for i := len(w.locks) - 1; i >= 0; i-- {
		w.locks[i].release()
	}
	w.locks = nil
	return err
}
