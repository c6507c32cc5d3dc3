package disclosure

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// overrideAct is how the nation's table of acts that need two people names the override.
const overrideAct = "disclosure.override"

// Override lets one item leave past the rules, to one recipient by one exit, for some hours.
type Override struct {
	ID            int64   `json:"id"`
	Item          Ref     `json:"item"`
	Recipient     string  `json:"recipient"` // "constituent:7", "person:12", "service:4"
	Channel       Channel `json:"channel"`
	Reason        string  `json:"reason"`
	Hours         int     `json:"hours"`
	Emergency     bool    `json:"emergency"`
	State         string  `json:"state"` // one of OverrideStates
	RequestedAt   int64   `json:"requested_at"`
	RequestedBy   string  `json:"requested_by"`
	RequestedName string  `json:"requested_name"`
	DecidedAt     int64   `json:"decided_at,omitempty"`
	DecidedBy     string  `json:"decided_by,omitempty"`
	DecidedName   string  `json:"decided_name,omitempty"`
	Decision      string  `json:"decision,omitempty"`
	Expires       int64   `json:"expires,omitempty"`
	ReviewDue     int64   `json:"review_due,omitempty"`
	ReviewedAt    int64   `json:"reviewed_at,omitempty"`
	ReviewedBy    string  `json:"reviewed_by,omitempty"`
	ReviewedName  string  `json:"reviewed_name,omitempty"`
	Justified     bool    `json:"justified,omitempty"`
	Review        string  `json:"review,omitempty"`

	account int64 // of the requester
}

// The states of an override. An approved one holds until it expires; a review that finds it unjustified ends it at once.
const (
	Requested = "requested"
	Approved  = "approved"
	Refused   = "refused"
	Ended     = "ended"
)

// OverrideStates lists the states.
func OverrideStates() []string { return []string{Requested, Approved, Refused, Ended} }

// maxHours is how long an override may hold.
const maxHours = 168

// Overdue tells whether a review is due and nobody has made it.
func (o Override) Overdue(now time.Time) bool {
	return o.ReviewDue != 0 && o.ReviewedAt == 0 && o.ReviewDue <= now.UnixMicro()
}

// Live tells whether the override holds.
func (o Override) Live(now time.Time) bool { return o.State == Approved && now.UnixMicro() < o.Expires }

// by tells whether the actor made the request: as the same subject, or by a token of the same account.
func (o Override) by(a act.Actor) bool {
	return o.RequestedBy == a.Subject() || o.account != 0 && a.Rights != nil && a.Rights.Account == o.account
}

var (
	refPattern     = regexp.MustCompile(`^[a-z][a-z-]{0,31}:[A-Za-z0-9._-]{1,128}$`)
	recipientKinds = []string{"constituent", "person", "service", "public"}
)

// recipientName tells whether a text names a recipient.
func recipientName(s string) bool {
	kind, _, _ := strings.Cut(s, ":")
	return refPattern.MatchString(s) && slices.Contains(recipientKinds, kind)
}

func (o Override) validate() error {
	var ps fault.Problems
	add := func(field, format string, args ...any) {
		ps = append(ps, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if !refPattern.MatchString(string(o.Item)) {
		add("item", "write the item's kind and id: finding:12")
	}
	if !recipientName(o.Recipient) {
		add("recipient", "write constituent:7, person:12 or service:4")
	}
	if !slices.Contains(Channels(), o.Channel) {
		add("channel", "%q is no exit", o.Channel)
	}
	if len(o.Reason) < 10 || len(o.Reason) > 2000 {
		add("reason", "say why in 10 to 2000 bytes: who reviews this reads nothing else")
	}
	if o.Hours < 1 || o.Hours > maxHours {
		add("hours", "an override holds for 1 to %d hours", maxHours)
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

// RequestOverride asks for an item to leave past the rules. Where the nation wants two people it waits for another one's
// approval; in an emergency it holds at once, and another person must review it in time.
func (g *Gate) RequestOverride(ctx context.Context, actor act.Actor, o Override) (Override, error) {
	o.Reason = strings.TrimSpace(o.Reason)
	if err := o.validate(); err != nil {
		return o, err
	}
	p, _, err := g.Nation.Load(ctx)
	if err != nil {
		return o, err
	}
	if o.Emergency && !p.TwoPerson.Emergency {
		return o, fault.New(fault.Forbidden, "this nation's profile lets nobody override the gate alone, not even in an emergency: ask for approval")
	}
	now := g.Clock.Now()
	o = Override{Item: o.Item, Recipient: o.Recipient, Channel: o.Channel, Reason: o.Reason, Hours: o.Hours, Emergency: o.Emergency,
		State: Requested, RequestedAt: now.UnixMicro(), RequestedBy: actor.Subject(), RequestedName: actor.Name}
	if actor.Rights != nil {
		o.account = actor.Rights.Account
	}
	verb := "override.request"
	if o.Emergency || !p.NeedsTwo(overrideAct) {
		o = o.approved(actor, now)
		if o.Emergency {
			verb, o.ReviewDue = "override.emergency", now.Add(time.Duration(p.TwoPerson.Review)).UnixMicro()
		}
	}
	err = g.DB.Act(ctx, act.Act{Actor: actor, Verb: verb, Detail: detail("item", o.Item, "recipient", o.Recipient, "channel", o.Channel,
		"reason", o.Reason, "hours", o.Hours)}, func(tx *db.Tx) error {
		id, err := insertOverride(tx, o)
		o.ID = id
		tx.Note(fmt.Sprintf("override:%d", id), "")
		return err
	})
	return o, err
}

func (o Override) approved(by act.Actor, now time.Time) Override {
	o.State, o.DecidedAt, o.DecidedBy, o.DecidedName = Approved, now.UnixMicro(), by.Subject(), by.Name
	o.Expires = now.Add(time.Duration(o.Hours) * time.Hour).UnixMicro()
	return o
}

// ApproveOverride lets a requested override hold from now on. Whoever asked for it cannot approve it.
func (g *Gate) ApproveOverride(ctx context.Context, actor act.Actor, id int64) error {
	return g.decide(ctx, actor, "override.approve", id, "", func(o Override) (Override, error) {
		if o.by(actor) {
			return o, fault.New(fault.Forbidden, "this override was requested by you: somebody else approves it")
		}
		return o.approved(actor, g.Clock.Now()), nil
	})
}

// RefuseOverride refuses a requested override, or takes one's own request back.
func (g *Gate) RefuseOverride(ctx context.Context, actor act.Actor, id int64, why string) error {
	if why = strings.TrimSpace(why); len(why) > 2000 {
		return fault.Problems{{Field: "why", Message: "longer than 2000 bytes"}}
	}
	return g.decide(ctx, actor, "override.refuse", id, why, func(o Override) (Override, error) {
		o.State, o.DecidedAt, o.DecidedBy, o.DecidedName, o.Decision = Refused, g.Clock.Now().UnixMicro(), actor.Subject(), actor.Name, why
		return o, nil
	})
}

func (g *Gate) decide(ctx context.Context, actor act.Actor, verb string, id int64, why string, fn func(Override) (Override, error)) error {
	a := act.Act{Actor: actor, Verb: verb, Object: fmt.Sprintf("override:%d", id)}
	if why != "" {
		a.Detail = detail("why", why)
	}
	return g.DB.Act(ctx, a, func(tx *db.Tx) error {
		o, err := overrideByID(tx, id)
		if err != nil {
			return err
		}
		if o.State != Requested {
			return fault.Conflictf("override %d was decided already: it is %s", id, o.State)
		}
		if o, err = fn(o); err != nil {
			return err
		}
		return decideOverride(tx, o)
	})
}

// ReviewOverride says afterwards whether an override was justified. Whoever asked for it or approved it cannot review it. An
// unjustified one ends at once.
func (g *Gate) ReviewOverride(ctx context.Context, actor act.Actor, id int64, justified bool, review string) error {
	if review = strings.TrimSpace(review); review == "" || len(review) > 2000 {
		return fault.Problems{{Field: "review", Message: "say what the review found, in at most 2000 bytes"}}
	}
	a := act.Act{Actor: actor, Verb: "override.review", Object: fmt.Sprintf("override:%d", id),
		Detail: detail("justified", justified, "review", review)}
	return g.DB.Act(ctx, a, func(tx *db.Tx) error {
		o, err := overrideByID(tx, id)
		switch {
		case err != nil:
			return err
		case o.State != Approved:
			return fault.Conflictf("override %d never held: there is nothing to review", id)
		case o.ReviewedAt != 0:
			return fault.Conflictf("override %d was reviewed already, by %s", id, o.ReviewedName)
		case o.by(actor) || o.DecidedBy == actor.Subject():
			return fault.New(fault.Forbidden, "whoever requested or approved an override does not review it")
		}
		o.ReviewedAt, o.ReviewedBy, o.ReviewedName = g.Clock.Now().UnixMicro(), actor.Subject(), actor.Name
		o.Justified, o.Review = justified, review
		if !justified {
			o.State = Ended
		}
		return reviewOverride(tx, o)
	})
}

// OverrideFilter selects overrides; a zero field selects all.
type OverrideFilter struct {
	State   string
	Overdue bool  // only those whose review is overdue
	Before  int64 // only those with a lower id: the last of the page before
	Limit   int   // 0 is 50, at most 500
}

// Overrides gives a page of overrides, the last requested first. next is the Before of the page that follows, 0 at the end.
func (g *Gate) Overrides(ctx context.Context, f OverrideFilter) (os []Override, next int64, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	if f.State != "" && !slices.Contains(OverrideStates(), f.State) {
		return nil, 0, fault.Problems{{Field: "state", Message: "use one of " + strings.Join(OverrideStates(), ", ")}}
	}
	err = g.DB.View(ctx, func(tx *db.Tx) error {
		os, err = listOverrides(tx, f, g.Clock.Now().UnixMicro())
		return err
	})
	if len(os) > f.Limit {
		os = os[:f.Limit]
		next = os[f.Limit-1].ID
	}
	return os, next, err
}

// OverrideByID finds an override.
func (g *Gate) OverrideByID(ctx context.Context, id int64) (o Override, err error) {
	err = g.DB.View(ctx, func(tx *db.Tx) error {
		o, err = overrideByID(tx, id)
		return err
	})
	return o, err
}
