// Package collect brings feeds' files to the intake: from Shadowserver's reports API, from any address on the web, from a
// watched folder and from people's uploads. It knows when a feed is due, what is new there, and how far a run is; it reads
// no row of a file.
package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/spool"
)

// Intake takes files in. The real one is event's.
type Intake interface {
	Take(ctx context.Context, actor act.Actor, feed string, sources []event.Source, progress func(event.Progress)) (event.Summary, error)
}

// Config is what a Collector stands on. All but Zone, MaxUpload and MaxHeld are needed.
type Config struct {
	DB        *db.DB
	Feeds     *feed.Store
	Intake    Intake
	Client    *fetch.Client
	Spool     spool.Dir
	Clock     clock.Clock    // the world's
	Zone      *time.Location // the nation's: what "daily 06:30" means
	Log       *slog.Logger
	Format    func(f feed.Feed) (event.Format, error) // the reader of a feed's files; here only for what names tell
	MaxUpload int64                                   // bytes of one uploaded file; 0 is 2 GiB
	MaxHeld   int64                                   // bytes of all uploads under way; 0 is 16 GiB
}

// Collector brings files. It is safe for concurrent use.
type Collector struct {
	Config
	api      *fetch.Client // kept within the API's limit of queries
	runs     *Progress
	alive    context.Context // ends with Close: uploads go on after their request
	end      context.CancelFunc
	underway sync.WaitGroup
	held     atomic.Int64 // bytes of uploads under way
}

const (
	defaultUpload = 2 << 30
	defaultHeld   = 16 << 30
	apiGap        = 200 * time.Millisecond // the API allows ten queries a second
)

// New returns the collector of a world. Close it when the world ends.
func New(c Config) *Collector {
	if c.MaxUpload == 0 {
		c.MaxUpload = defaultUpload
	}
	if c.MaxHeld == 0 {
		c.MaxHeld = defaultHeld
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	alive, end := context.WithCancel(context.Background())
	return &Collector{Config: c, api: c.Client.Paced(apiGap), runs: NewProgress(c.Clock), alive: alive, end: end}
}

// Close stops the uploads under way and waits for them.
func (c *Collector) Close() {
	c.end()
	c.underway.Wait()
}

// Runs tells what is being taken in and what was lately.
func (c *Collector) Runs() *Progress { return c.runs }

// Take takes files in and shows how far it is. A file that failed is an outcome, not an error; an error means that the
// run broke off.
func (c *Collector) Take(ctx context.Context, actor act.Actor, feed string, sources []event.Source) (event.Summary, error) {
	return c.take(ctx, actor, feed, sources, c.runs.begin(feed, actor, len(sources)))
}

func (c *Collector) take(ctx context.Context, actor act.Actor, feed string, sources []event.Source, r *run) (event.Summary, error) {
	sum, err := c.Intake.Take(ctx, actor, feed, sources, r.advance)
	r.finish(sum, err)
	return sum, err
}

// failed gives the reasons of files that could not be taken in, by the name of their source. A member of an archive counts
// for the archive when that came alone, else it is told under its own name.
func failed(sum event.Summary, sources []event.Source) map[string]error {
	bad := map[string]error{}
	for _, o := range sum.Outcomes {
		if o.State != event.Failed {
			continue
		}
		name, err := o.Name, o.Err
		if err == nil {
			err = errors.New(o.Outcome)
		}
		if len(sources) == 1 && name != sources[0].Name {
			name, err = sources[0].Name, fmt.Errorf("%s: %w", o.Name, err)
		}
		bad[name] = errors.Join(bad[name], err)
	}
	return bad
}
