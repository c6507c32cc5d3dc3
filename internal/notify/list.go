package notify

import (
	"context"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Filter selects letters; a zero field selects all.
type Filter struct {
	State       State
	Hold        string
	Kind        string
	Constituent int64
	Ticket      string
	Address     string // exactly, as it is written to
	Before      int64  // only letters with a lower number: the last of the page before
	Limit       int    // 0 is 50, at most 1,000
}

// List gives a page of letters, the last one first. next is the Before of the page that follows, 0 at the end.
func (o *Outbox) List(ctx context.Context, f Filter) (ls []Letter, next int64, err error) {
	if f.State != "" && !slices.Contains(States(), f.State) {
		return nil, 0, fault.Problems{{Field: "state", Message: "is no state of a letter"}}
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		ls, err = listLetters(tx, f)
		return err
	})
	if len(ls) > f.Limit {
		ls = ls[:f.Limit]
		next = ls[f.Limit-1].ID
	}
	return ls, next, err
}

// ByID finds a letter.
func (o *Outbox) ByID(ctx context.Context, id int64) (l Letter, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		l, err = letterByID(tx, id)
		return err
	})
	return l, err
}

// Preview is what a letter says, or would say now if its turn has not come yet; that is not kept. It is for people: the secrets of the
// letter's reader are concealed in it.
func (o *Outbox) Preview(ctx context.Context, id int64) (l Letter, c *Content, err error) {
	var contents map[int64][]byte
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		if l, err = letterByID(tx, id); err != nil {
			return err
		}
		contents, _, err = kept(tx, []int64{id})
		return err
	})
	if err != nil {
		return l, nil, err
	}
	if content := contents[id]; content != nil {
		if c, err = o.unpackContent(content); err != nil {
			return l, nil, err
		}
		return l, o.shown(c), nil
	}
	if o.forgets(l.Kind) && slices.Contains([]State{Handed, Answered, Bounced, Dead, Cancelled}, l.State) {
		return l, nil, fault.NotFoundf("what the letter %d said is not kept: letters of its kind are forgotten once they are settled", id)
	}
	if o.composer(l.Kind) == nil {
		return l, nil, fault.New(fault.Unavailable, "letter %d is composed when its turn comes, by the process that serves", id)
	}
	out, err := o.compose(ctx, []Letter{l})
	if err == nil {
		err = out[0].Err
	}
	if err == nil {
		err = out[0].Content.check(&l)
	}
	if err != nil {
		return l, nil, err
	}
	return l, o.shown(&out[0].Content), nil
}

// Status is how the outbox stands.
type Status struct {
	Switch Switch           `json:"switch"`
	States map[string]int64 `json:"states"` // letters in each state; held ones also as "held:release" …
	Lines  []Line           `json:"lines" nullable:"false"`
	Oldest int64            `json:"oldest"` // due since, of those that could be sent; 0: none
}

// Status tells how the outbox stands.
func (o *Outbox) Status(ctx context.Context) (s Status, err error) {
	s.Lines = []Line{}
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		if s.Switch, err = readSwitch(tx); err != nil {
			return err
		}
		if s.States, s.Oldest, err = tally(tx); err != nil {
			return err
		}
		ls, err := lines(tx)
		s.Lines = append(s.Lines[:0], ls...)
		return err
	})
	s.Switch.Sealed = o.Sealed
	return s, err
}
