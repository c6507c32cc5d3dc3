package deadline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Fired is an alarm that happened.
type Fired struct {
	ID        int64  `json:"id"`
	Clock     int64  `json:"clock"`
	N         int    `json:"n"` // its place among the clock's alarms
	Kind      string `json:"kind"`
	Planned   int64  `json:"planned"` // UTC microseconds, as below
	At        int64  `json:"at"`
	Letters   int    `json:"letters"`
	Overtaken bool   `json:"overtaken"` // the next one was due as well, and was told instead
	Seen      int64  `json:"seen,omitempty"`
	SeenBy    string `json:"seen_by,omitempty"`
}

const batch = 200

// errPassed is what an alarm ends with that somebody else was quicker about.
var errPassed = errors.New("somebody else was quicker")

// stuck are alarms that did not happen, and keep no other from happening.
type stuck []error

// Error implements error.
func (s stuck) Error() string { return errors.Join(s...).Error() }

// Unwrap gives the errors of the alarms.
func (s stuck) Unwrap() []error { return s }

// Fire lets happen what is due by now: reminders, lateness and escalations, each in an act of its own with its letters, so that each
// happens once however often this is called, by however many. What a stop kept from happening is caught up with in its order. It tells how
// many happened. A clock that cannot be fired is logged and left for the next time; the others do not wait for it, and what was wrong with all
// of these is the error in the end.
func (d *Desk) Fire(ctx context.Context) (fired int, err error) {
	left := map[int64]bool{}
	var wrong stuck
	for len(left) < batch { // more are no fault of single clocks
		var due []Clock
		err := d.DB.View(ctx, func(tx *db.Tx) (err error) {
			due, err = dueClocks(tx, d.now(), batch+len(left))
			return err
		})
		if err != nil {
			return fired, errors.Join(append(wrong, err)...)
		}
		due = slices.DeleteFunc(due, func(c Clock) bool { return left[c.ID] })
		if len(due) == 0 {
			break
		}
		for i := range due {
			err := d.fire(ctx, &due[i])
			switch {
			case err == nil:
				fired++
			case errors.Is(err, errPassed):
			case ctx.Err() != nil: // stopping
				return fired, errors.Join(append(wrong, err)...)
			default:
				err = fmt.Errorf("alarm of clock %d: %w", due[i].ID, err)
				d.Incidents.Log.Error("an alarm did not happen", "clock", due[i].ID, "error", err)
				left[due[i].ID], wrong = true, append(wrong, err)
			}
		}
	}
	if len(wrong) > 0 {
		return fired, wrong
	}
	return fired, nil
}

// fire lets the next alarm of a clock happen, as the clock was when it was looked at.
func (d *Desk) fire(ctx context.Context, seen *Clock) error {
	n := seen.Stage
	if n >= len(seen.Alarms) {
		return fmt.Errorf("it has %d alarms, and number %d is due", len(seen.Alarms), n+1)
	}
	alarm := seen.Alarms[n]
	staff, err := d.whom(ctx, seen, alarm.Kind)
	if err != nil {
		return err
	}
	a := act.Act{Actor: act.Machine, Verb: "clock." + alarm.Kind, Object: fmt.Sprintf("clock:%d", seen.ID)}
	return d.DB.Act(ctx, a, func(tx *db.Tx) error {
		c, err := lockClock(tx, seen.ID)
		if err != nil {
			return err
		}
		now := d.now()
		if c.Stage != n || !c.State.Live() || c.next == 0 || c.next > now {
			return errPassed
		}
		f := Fired{Clock: c.ID, N: n, Kind: alarm.Kind, Planned: alarm.At, At: now}
		c.Stage++
		c.next = 0
		if c.Stage < len(c.Alarms) {
			c.next = c.Alarms[c.Stage].At
			f.Overtaken = alarm.Kind == Remind && c.next <= now
		}
		if alarm.Kind == TooLate {
			c.State, c.LateAt = Late, now
		}
		if err := updateClock(tx, &c); err != nil {
			return err
		}
		if !f.Overtaken {
			if f.Letters, err = d.write(tx, &c, n, staff); err != nil {
				return err
			}
		}
		if err := insertAlarm(tx, &f); err != nil {
			return err
		}
		return d.told(tx, &c, f)
	})
}

// told writes an alarm down. Reminders do not crowd the timeline.
func (d *Desk) told(tx *db.Tx, c *Clock, f Fired) error {
	at, say := c.Case, itself(tx)
	facts := map[string]any{"planned": stamp(f.Planned), "at": stamp(f.At), "letters": f.Letters, "overtaken": f.Overtaken}
	if f.Kind == Remind {
		c.Case = 0
		facts["of_case"] = at
	}
	err := d.tell(tx, say, c, f.Kind, f.Planned, facts)
	c.Case = at
	return err
}

// Unseen lists the alarms that nobody has seen, whose clocks are live all, the latest first, at most 200, each with its clock.
func (d *Desk) Unseen(ctx context.Context) (out []Raised, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		fired, err := unseenAlarms(tx, 200)
		if err != nil {
			return err
		}
		out = nil
		for _, f := range fired {
			c, err := clockByID(tx, f.Clock)
			if err != nil {
				return err
			}
			ls, err := d.dress(ctx, tx, []Clock{c})
			if err != nil {
				return err
			}
			out = append(out, Raised{f, ls[0]})
		}
		return nil
	})
	return out, err
}

// Raised is an alarm with the clock that it is of.
type Raised struct {
	Fired
	Of Listed `json:"of"`
}

// See notes that somebody of the staff has seen alarms; those that were seen already stay as they are.
func (d *Desk) See(ctx context.Context, by act.Actor, ids ...int64) (n int64, err error) {
	if err := staff(by); err != nil {
		return 0, err
	}
	if len(ids) == 0 || len(ids) > 1000 {
		return 0, fault.Problems{{Field: "id", Message: "choose the alarms that you have seen, at most 1000"}}
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "clock.see", Detail: detail(map[string]any{"alarms": ids})}, func(tx *db.Tx) error {
		n = 0
		for _, id := range ids {
			k, err := markSeen(tx, id, d.now(), by.Name)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n, err
}
