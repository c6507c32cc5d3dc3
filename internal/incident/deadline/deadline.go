// Package deadline runs the statutory clocks: what a law asks of whom by when about an incident, what was submitted, what is late and
// what was waived. A clock is started in the act that it follows from and never changes its term; every step of its life is an entry of
// the audit log, from which alone Reconstruct tells what was due when.
package deadline

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// State is how far a clock is.
type State string

// The states of a clock.
const (
	Running   State = "running"
	Late      State = "late" // it is over, and nothing was submitted
	Submitted State = "submitted"
	Waived    State = "waived" // somebody in charge decided that nothing need be submitted
	Ended     State = "ended"  // the law does not ask for it, as the circumstances are now
)

// States lists the states, what needs somebody first.
func States() []State { return []State{Late, Running, Submitted, Waived, Ended} }

// Live tells whether something is still owed.
func (s State) Live() bool { return s == Running || s == Late }

// ByHand is what a clock was submitted by when somebody of the staff said so.
const ByHand = "hand"

// Clock is one report that a law asks for. Times are UTC microseconds; 0 is not yet.
type Clock struct {
	ID          int64   `json:"id"`
	Report      int64   `json:"report,omitempty"` // 0: begun by hand
	Case        int64   `json:"case,omitempty"`
	Constituent int64   `json:"constituent"`
	Regime      string  `json:"regime"`
	Edition     string  `json:"edition"` // the day from which the law held
	Step        string  `json:"step"`
	Owed        string  `json:"owed_by"`
	Cause       string  `json:"cause"` // aware, or the step whose report started it
	Triggered   int64   `json:"triggered"`
	Started     int64   `json:"started"`
	Due         int64   `json:"due"`
	Alarms      []Alarm `json:"alarms"`
	Stage       int     `json:"stage"` // how many of them happened
	State       State   `json:"state"`
	LateAt      int64   `json:"late_at,omitempty"` // when its lateness was noted
	Submitted   int64   `json:"submitted,omitempty"`
	SubmittedBy string  `json:"submitted_by,omitempty"` // report:3, addition:7, hand
	Proof       string  `json:"proof,omitempty"`
	Decided     int64   `json:"decided,omitempty"`
	DecidedBy   string  `json:"decided_by,omitempty"`
	Reason      string  `json:"reason,omitempty"` // of a waiver; of an ended clock the circumstance
	Law         *Law    `json:"law"`

	duty, law int64
	next      int64
}

// InTime tells whether the report was there before the term was over.
func (c *Clock) InTime() bool { return c.Submitted != 0 && c.Submitted <= c.Due }

// The kinds of alarm.
const (
	Remind   = "remind"
	TooLate  = "late"     // the term is over
	Escalate = "escalate" // it has been over for a while
)

// Alarm is something that happens to a clock that is live at its time.
type Alarm struct {
	Kind string `json:"kind"`
	At   int64  `json:"at"`
}

// Config is what the desk stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's
	Constituency *constituency.Store
	Nation       *nation.Store
	Identity     *identity.Store
	Gate         *disclosure.Gate
	Outbox       *notify.Outbox
	Incidents    *incident.Desk
	URL          string // how browsers reach the console, for letters; "" without one
}

// Desk runs a world's clocks. It is safe for concurrent use.
type Desk struct {
	Config
	words *text.Catalogue
}

// New returns the desk of a world and makes it part of its incidents.
func New(c Config) (*Desk, error) {
	words, err := text.Load(locales)
	if err != nil {
		return nil, fmt.Errorf("the words of deadlines: %w", err)
	}
	d := &Desk{Config: c, words: words}
	c.Outbox.Compose(KindReminder, notify.Single(d.Compose))
	c.Outbox.Compose(KindLate, notify.Single(d.Compose))
	c.Incidents.Extend(incident.Extension{Received: d.received, Added: d.added, Decided: d.decided, Closing: d.closes, Changed: d.changed, Joined: d.joined, Split: d.split})
	return d, nil
}

const every = 15 * time.Second

// Register makes the alarms part of a world's jobs.
func (d *Desk) Register(q *job.Queue) {
	q.Periodic("deadline.fire", every, func(ctx context.Context, _ job.Job) error {
		_, err := d.Fire(ctx)
		if errors.As(err, new(stuck)) { // it is logged; a job that failed waits longer each time, and the others would wait with it
			return nil
		}
		return err
	})
}

func (d *Desk) now() int64 { return d.Clock.Now().UnixMicro() }

func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

const stampForm = "2006-01-02T15:04:05.000000Z"

// stamp is a time as the audit log has it.
func stamp(at int64) string { return time.UnixMicro(at).UTC().Format(stampForm) }
