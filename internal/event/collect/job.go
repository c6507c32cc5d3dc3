package collect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

const maxProblems = 50

// Register adds the collector's jobs to the world's queue: one that looks every minute which feed is due, and the
// collection of a feed, of which only one runs at a time.
func (c *Collector) Register(q *job.Queue) {
	q.Periodic("feed.schedule", time.Minute, func(ctx context.Context, _ job.Job) error {
		return c.DB.Upkeep(ctx, func(tx *db.Tx) error { return enqueueDue(tx, c.Clock.Now(), c.Zone) })
	})
	q.Handle(CollectJob, func(ctx context.Context, j job.Job) error {
		f, err := c.Feeds.ByName(ctx, j.Payload)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err != nil || !f.Enabled {
			return err
		}
		return c.Collect(ctx, f)
	})
}

// Now asks for a feed to be collected at once, whatever its schedule says.
func (c *Collector) Now(ctx context.Context, actor act.Actor, name string) error {
	return c.DB.Act(ctx, act.Act{Actor: actor, Verb: "feed.collect", Object: "feed:" + name}, func(tx *db.Tx) error {
		f, err := feed.ByNameTx(tx, name)
		switch {
		case err != nil:
			return err
		case f.Collector.Kind == feed.None:
			return fault.Conflictf("feed %q has no collector: its files come by hand", name)
		case !f.Enabled:
			return fault.Conflictf("feed %q is disabled: enable it first", name)
		}
		return hasten(tx, name, c.Clock.Now())
	})
}

// Jobs gives the work that is under way, waits or gave up, by feed: collections and the settling of days.
func (c *Collector) Jobs(ctx context.Context) (jobs map[string][]job.Job, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		jobs, err = openJobs(tx)
		return err
	})
	return jobs, err
}

// StateOf gives what is remembered of a feed's last run.
func (c *Collector) StateOf(ctx context.Context, f feed.Feed) (s State, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		s, err = loadState(tx, f)
		return err
	})
	return s, err
}

// session is one run of a feed's collector.
type session struct {
	*Collector
	feed  feed.Feed
	state *State
}

// problem notes what went wrong without ending the run.
func (s *session) problem(format string, args ...any) {
	if len(s.state.Problems) < maxProblems {
		s.state.Problems = append(s.state.Problems, strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD"))
	}
}

// Collect brings what is new of a feed. What it learned is remembered even when it fails, so that the next run goes on
// where this one broke off.
func (c *Collector) Collect(ctx context.Context, f feed.Feed) error {
	st, err := c.StateOf(ctx, f)
	if err != nil {
		return err
	}
	st.Begun, st.Taken, st.Problems = c.Clock.Now().UnixMicro(), 0, nil
	if err := c.remember(ctx, f, st); err != nil {
		return err
	}
	s := &session{c, f, &st}
	switch f.Collector.Kind {
	case feed.API:
		err = s.collectAPI(ctx, *f.Collector.API)
	case feed.URL:
		err = s.collectURL(ctx, *f.Collector.URL)
	case feed.Folder:
		err = s.collectFolder(ctx, *f.Collector.Folder)
	}
	if err != nil {
		s.problem("%v", err)
		err = fmt.Errorf("collect feed %s: %w", f.Name, err)
	}
	st.Ended = c.Clock.Now().UnixMicro()
	if err2 := c.remember(context.WithoutCancel(ctx), f, st); err == nil {
		err = err2
	}
	return err
}

func (c *Collector) remember(ctx context.Context, f feed.Feed, st State) error {
	return c.DB.Upkeep(ctx, func(tx *db.Tx) error { return saveState(tx, f, st) })
}
