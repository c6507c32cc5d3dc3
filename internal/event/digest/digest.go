// Package digest decides who is told what about findings, and when: policies and suppressions, one directive for each recipient
// and finding, the digest that is made of them, the answers to it and what came of it. It delivers nothing: notify does. Findings
// are event's, who may be told what is disclosure's to say.
package digest

import (
	"fmt"
	"log/slog"
	"regexp"
	"sync/atomic"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/text"
)

// Config is what a desk stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's
	Constituency *constituency.Store
	Nation       *nation.Store
	Feeds        *feed.Store
	Lister       *event.Lister
	Intake       *event.Intake
	Gate         *disclosure.Gate
	Outbox       *notify.Outbox
	Seal         *identity.Seal
	URL          string // how browsers reach the console, for answer links; "" without one
	Log          *slog.Logger
}

// Desk is where a world decides whom it tells what. It is safe for concurrent use.
type Desk struct {
	Config
	words  *text.Catalogue
	rows   rowCache
	nation atomic.Pointer[parsed]
}

// secrets are what letters and calls bear by which their reader answers for a constituent.
var secrets = regexp.MustCompile(`(/answer/)[A-Za-z0-9_-]{32}`)

// New returns the desk of a world.
func New(c Config) (*Desk, error) {
	words, err := text.Load(locales)
	if err != nil {
		return nil, fmt.Errorf("the words of digests: %w", err)
	}
	d := &Desk{Config: c, words: words}
	if c.Outbox != nil {
		c.Outbox.Compose(Kind, d.Compose)
		c.Outbox.Conceal(secrets)
	}
	return d, nil
}

func (d *Desk) now() time.Time { return d.Clock.Now() }

func (d *Desk) today() event.Day { return event.DayOf(d.now().UnixMicro()) }
