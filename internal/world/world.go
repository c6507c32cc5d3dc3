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

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

// Config says what a world is made of. Zero values are filled in: the world "live" on the real clock with SQLite in Dir.
type Config struct {
	Name        string // lower-case letters, digits and _; on PostgreSQL its schema is tocsin_NAME
	DatabaseURL string // "" is a SQLite file in Dir
	Dir         string // the data directory; made when it is not there
	Clock       clock.Clock
	Real        clock.Clock // for leases, which a paused exercise must not freeze
	Log         *slog.Logger

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

	Constituency *constituency.Store
	Feeds        *feed.Store
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

func (w *World) wire(ctx context.Context) error {
	w.Constituency = constituency.NewStore(w.db, w.cfg.Clock)
	w.Feeds = feed.NewStore(w.db)
	return w.Feeds.Ensure(ctx)
}

// Name is the world's name.
func (w *World) Name() string { return w.cfg.Name }

// Dir is the world's data directory.
func (w *World) Dir() string { return w.cfg.Dir }

// DB is the world's records.
func (w *World) DB() *db.DB { return w.db }

// Clock is the world's clock.
func (w *World) Clock() clock.Clock { return w.cfg.Clock }

// Work runs jobs on so many workers until ctx ends; jobs under way then give their leases back.
func (w *World) Work(ctx context.Context, workers int) error { return w.jobs.Run(ctx, workers) }

// Drain works off the jobs that are due, for a command line that ends afterwards.
func (w *World) Drain(ctx context.Context) error { return w.jobs.Drain(ctx) }

// Close closes the records and releases the locks. Work must have returned.
func (w *World) Close() error {
	var err error
	if w.db != nil {
		err = w.db.Close()
	}
	for i := len(w.locks) - 1; i >= 0; i-- {
		w.locks[i].release()
	}
	w.locks = nil
	return err
}
