package web

import (
	"context"
	"fmt"
	"strconv"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

const approve act.Permission = "constituency.approve"

type requestsIn struct {
	State string `query:"state" max:"20" default:"open"`
	After int64  `query:"after" min:"0"`
}

type requestsOut struct {
	State  string
	States []web.Option
	Items  []asked
	Pager  web.Pager
	Due    bool // somebody's contacts are to be confirmed
}

// asked is a request with whose it is.
type asked struct {
	constituency.ChangeRequest
	Whose string
}

func (r *room) requests(ctx context.Context, v web.Visitor, in requestsIn) (*requestsOut, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	state := constituency.RequestState(in.State)
	if in.State == "all" {
		state = ""
	}
	qs, more, err := r.store.ChangeRequests(ctx, nil, constituency.RequestFilter{State: state, Before: in.After})
	if err != nil {
		return nil, err
	}
	out := &requestsOut{State: in.State, States: options(v, "request.state.", constituency.RequestStates(), web.Option{Value: "all", Label: v.T("list.all")})}
	next := ""
	for _, q := range qs {
		l, _ := d.ByID(q.Constituent)
		out.Items = append(out.Items, asked{q, l.Name})
		if more {
			next = strconv.FormatInt(q.ID, 10)
		}
	}
	out.Pager = web.NewPager(v, next, len(qs))
	due, err := r.store.DueConfirmations(ctx, v.Now, 1)
	out.Due = len(due) > 0
	return out, err
}

type requestOut struct {
	*constituency.Review
	Whose constituency.Listed
	May   bool // the visitor may decide, and it is open
}

// PageTitle names the constituent.
func (o *requestOut) PageTitle() string { return o.Whose.Name }

func (r *room) request(ctx context.Context, v web.Visitor, in idIn) (*requestOut, error) {
	q, err := r.store.Review(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	_, l, err := r.find(ctx, q.Constituent)
	return &requestOut{q, l, q.State == constituency.Pending && v.May(approve)}, err
}

type decideIn struct {
	ID     int64  `path:"id"`
	Seen   string `form:"seen" max:"64"`
	Reason string `form:"reason" max:"8000"`
}

func (r *room) approve(ctx context.Context, v web.Visitor, in decideIn) (web.Done, error) {
	return web.Done{To: "/registry/requests", Flash: "request.approved"}, r.store.Approve(ctx, v.Actor, in.ID, in.Seen, in.Reason)
}

func (r *room) refuse(ctx context.Context, v web.Visitor, in decideIn) (web.Done, error) {
	return web.Done{To: "/registry/requests", Flash: "request.refused"}, r.store.Refuse(ctx, v.Actor, in.ID, in.Reason)
}

const shownDue = 500

type dueOut struct {
	Items  []constituency.Confirmation
	Capped bool
}

func (r *room) due(ctx context.Context, v web.Visitor, _ struct{}) (*dueOut, error) {
	cs, err := r.store.DueConfirmations(ctx, v.Now, shownDue+1)
	if err != nil {
		return nil, fmt.Errorf("list the contacts to confirm: %w", err)
	}
	return &dueOut{first(cs, shownDue), len(cs) > shownDue}, nil
}
