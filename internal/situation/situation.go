// Package situation shows the nation where it stands: what is open now by sector, report type and constituent, how that
// came about day by day, who is most exposed, and how far the numbers can be trusted. It only reads what events and the
// constituency say; it tells nobody (notify) and decides nothing.
//
// What is open now is counted from the findings themselves (event.Tallier), so that it is the same number that a list of
// findings shows. What happened on a day comes from sums of the daily counts without their owners, which Refresh keeps.
package situation

import (
	"context"
	"sync"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
)

// Severities is a number for each severity.
type Severities [event.Critical + 1]int64

// Total is the sum over all severities.
func (s Severities) Total() int64 {
	var n int64
	for _, v := range s {
		n += v
	}
	return n
}

func (s *Severities) add(o Severities) {
	for i, v := range o {
		s[i] += v
	}
}

// weights say how much one open finding of a severity exposes its owner. Information (which devices there are) exposes
// nobody; what nobody rated counts as low.
var weights = Severities{event.Unrated: 3, event.Info: 0, event.Low: 3, event.Medium: 10, event.High: 30, event.Critical: 100}

// Weights is what one open finding of each severity adds to an exposure.
func Weights() Severities { return weights }

func (s Severities) score() int64 {
	var n int64
	for i, v := range s {
		n += v * weights[i]
	}
	return n
}

// Flow is what happened to findings in a time. Open changes by Fresh + Reopened + Transferred − Gone − HandedOver.
type Flow struct {
	Events      int64 `json:"events"`
	Fresh       int64 `json:"new"`
	Ongoing     int64 `json:"ongoing"`
	Gone        int64 `json:"no_longer_seen"`
	Reopened    int64 `json:"reopened"`
	Transferred int64 `json:"transferred"`
	HandedOver  int64 `json:"handed_over"`
	closed      int64 // by persons
}

func (f *Flow) add(o Flow) {
	f.Events += o.Events
	f.Fresh += o.Fresh
	f.Ongoing += o.Ongoing
	f.Gone += o.Gone
	f.Reopened += o.Reopened
	f.Transferred += o.Transferred
	f.HandedOver += o.HandedOver
	f.closed += o.closed
}

func (f Flow) sub(o Flow) Flow {
	return Flow{f.Events - o.Events, f.Fresh - o.Fresh, f.Ongoing - o.Ongoing, f.Gone - o.Gone, f.Reopened - o.Reopened,
		f.Transferred - o.Transferred, f.HandedOver - o.HandedOver, f.closed - o.closed}
}

// change is by how much the number of open findings grew.
func (f Flow) change() int64 {
	return f.Fresh + f.Reopened + f.Transferred - f.Gone - f.HandedOver - f.closed
}

// Day is one day of a trend.
type Day struct {
	Day        event.Day `json:"day"`
	Open       int64     `json:"open"` // at its end
	Incomplete bool      `json:"incomplete"`
	Flow
}

// Sector is a sector's line. An empty ID is the owners without a sector; nobody's findings are not in it.
type Sector struct {
	ID           string
	Constituents int
	Open         Severities
	Flow         Flow // of the latest Recent days
}

// Type is a report type's line.
type Type struct {
	ID       int64
	Name     string
	Title    string
	Feed     string
	Class    string
	Kind     string
	Severity event.Severity // what the type is rated
	Open     Severities
	Flow     Flow // of the latest Recent days
}

// Constituent is what the picture needs to know of a constituent.
type Constituent struct {
	ID          int64
	Ref         string
	Name        string
	Kind        string
	Sector      string
	Designation string
	Automatic   bool
	Contact     bool // somebody can be told
}

// Standing is a constituent's line.
type Standing struct {
	Constituent
	Open     Severities
	Exposure int64 // the weighted sum of Open, see Weights
}

// Gap is a day on which a feed did not bring all it usually brings.
type Gap struct {
	Feed     string
	Day      event.Day
	Types    int // report types that came
	Expected int
	Missing  []string
}

// Situation answers how the nation stands. It is safe for concurrent use.
type Situation struct {
	clock   clock.Clock
	db      *db.DB
	tallier *event.Tallier

	mu       sync.Mutex // may be held while waiting for the database
	registry registry
	standing standing
	serial   int64

	showing sync.Mutex // taken inside a transaction, so nobody may wait for the database under it
	shown   shown
}

// New returns the situation of a world, whose findings the lister lists.
func New(d *db.DB, l *event.Lister) *Situation {
	return &Situation{db: d, tallier: event.NewTallier(l), clock: clock.Real()}
}

// WithClock makes the situation tell the time by the world's clock.
func (s *Situation) WithClock(c clock.Clock) *Situation {
	s.clock = c
	return s
}

// Now is the time in this world.
func (s *Situation) Now() time.Time { return s.clock.Now() }

// registry is the constituency as of a version.
type registry struct {
	version int64
	day     event.Day
	list    []Constituent
	at      map[int64]int
}

// standing is who has what open, as of a tally and a registry.
type standing struct {
	types    []*event.TypeTally
	serial   int64      // each standing's own
	owners   []Standing // with anything open, the most exposed first
	sectors  map[string]*Sector
	nobody   Severities
	all      Severities
	byType   map[int64]Severities
	closings []closing
}

// closing is a finding that a person closed.
type closing struct {
	sector string
	owned  bool
	owner  int64
	day    event.Day
	n      int64
}

// now brings the registry and the standing up to date; most of the time nothing changed and nothing is counted.
func (s *Situation) now(ctx context.Context) (registry, standing, error) {
	types, err := s.tallier.Tally(ctx)
	if err != nil {
		return registry{}, standing{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.db.View(ctx, func(tx *db.Tx) error {
		v, err := registryVersion(tx)
		if err != nil {
			return err
		}
		day := lastDay(types)
		if s.registry.at == nil || s.registry.version != v || s.registry.day != day {
			list, err := constituents(tx, day)
			if err != nil {
				return err
			}
			s.registry = newRegistry(v, day, list)
			s.standing = standing{}
		}
		return nil
	})
	if err != nil {
		return registry{}, standing{}, err
	}
	if !s.standing.covers(types) {
		s.standing = stand(s.registry, types)
		s.serial++
		s.standing.serial = s.serial
	}
	return s.registry, s.standing, nil
}

func lastDay(types []*event.TypeTally) event.Day {
	day := event.Day(-1)
	for _, t := range types {
		day = max(day, t.LastDay)
	}
	return day
}

func newRegistry(version int64, day event.Day, list []Constituent) registry {
	r := registry{version, day, list, make(map[int64]int, len(list))}
	for i, c := range list {
		r.at[c.ID] = i
	}
	return r
}
