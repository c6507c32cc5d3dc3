package web

import (
	"context"
	"strconv"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type conflictsOut struct {
	Items  []constituency.Conflict
	Capped bool
}

const shownConflicts = 500

func (r *room) conflicts(ctx context.Context, _ web.Visitor, _ struct{}) (*conflictsOut, error) {
	cs, err := r.store.Conflicts(ctx, shownConflicts+1)
	if err != nil {
		return nil, err
	}
	return &conflictsOut{first(cs, shownConflicts), len(cs) > shownConflicts}, nil
}

// Savable says that the list can be saved.
func (*conflictsOut) Savable() bool { return true }

type refreshesOut struct {
	Items []constituency.Refresh
	Pager web.Pager
}

// Savable says that the list can be saved.
func (*refreshesOut) Savable() bool { return true }

func (r *room) refreshes(ctx context.Context, v web.Visitor, in struct {
	After int64 `query:"after" min:"0"`
}) (*refreshesOut, error) {
	const size = 100
	rs, err := r.store.Refreshes(ctx, in.After, size)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(rs) == size {
		next = strconv.FormatInt(rs[size-1].ID, 10)
	}
	return &refreshesOut{rs, web.NewPager(v, next, len(rs))}, nil
}

type refreshOut struct {
	constituency.Refresh
	Tallies []tally
}

func (r *room) refresh(ctx context.Context, _ web.Visitor, in idIn) (*refreshOut, error) {
	f, err := r.store.Refresh(ctx, in.ID)
	return &refreshOut{f, tallies(f.Diff)}, err
}

type whyIn struct {
	Subject string `query:"q" max:"2000"`
	At      string `query:"at" max:"40"`
}

type whyOut struct {
	whyIn
	Answer *constituency.Answer
	Wrong  string
}

func (r *room) why(ctx context.Context, v web.Visitor, in whyIn) (*whyOut, error) {
	out := &whyOut{whyIn: in}
	if in.Subject == "" {
		return out, nil
	}
	at, err := moment(in.At, v.Zone())
	if err == nil {
		out.Answer, err = r.store.Why(ctx, in.Subject, at)
	}
	if fault.KindOf(err) == fault.Invalid {
		out.Wrong = err.Error()
		return out, nil
	}
	return out, err
}

// moment reads what a person writes for a time, in the nation's zone unless it names one; "" is the zero time.
func moment(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.Invalidf("%q is no time like 2026-03-01 13:45", s)
}
