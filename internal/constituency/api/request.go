package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
)

const approve act.Permission = "constituency.approve"

func (r *room) requests() []api.Route {
	return []api.Route{
		api.Operation[requestsInput, api.Page[ChangeRequest]]{Method: http.MethodGet, Path: "/api/change-requests", ID: "list-change-requests",
			Summary: "List what constituents ask to have changed, the newest first", Permission: read, Handle: r.listRequests},
		api.Operation[RequestPath, Review]{Method: http.MethodGet, Path: "/api/change-requests/{id}", ID: "get-change-request",
			Summary: "One change request, compared with the registry as it is now", Permission: read, Handle: r.review},
		api.Operation[approveChangeInput, api.Nothing]{Method: http.MethodPost, Path: "/api/change-requests/{id}/approve", ID: "approve-change-request",
			Summary: "Do what a change request asks", Permission: approve, Handle: r.approve},
		api.Operation[refuseChangeInput, api.Nothing]{Method: http.MethodPost, Path: "/api/change-requests/{id}/refuse", ID: "refuse-change-request",
			Summary: "Refuse a change request", Permission: approve, Handle: r.refuse},
		api.Operation[dueInput, api.Page[Confirmation]]{Method: http.MethodGet, Path: "/api/contact-confirmations/due", ID: "list-due-confirmations",
			Summary: "List constituents whose contacts nobody has confirmed for 90 days", Permission: read, Handle: r.due},
	}
}

// ChangeRequest is a change request as the REST interface shows it.
type ChangeRequest struct {
	ID          int64                     `json:"id"`
	Constituent string                    `json:"constituent" doc:"Ref"`
	By          string                    `json:"by"`
	At          time.Time                 `json:"at"`
	State       string                    `json:"state" doc:"open, approved, refused or withdrawn"`
	Note        string                    `json:"note"`
	Steps       []constituency.ChangeStep `json:"steps" nullable:"false"`
	DecidedBy   string                    `json:"decided_by"`
	DecidedAt   *time.Time                `json:"decided_at,omitempty"`
	Reason      string                    `json:"reason"`
}

// Review is a change request compared with the registry as it is now.
type Review struct {
	ChangeRequest
	Compared []constituency.ReviewStep `json:"compared" nullable:"false"`
	Blocked  bool                      `json:"blocked" doc:"It can no longer be done as it was asked"`
	Seen     string                    `json:"seen" doc:"Stands for this comparison; an approval names it"`
}

// Confirmation tells when a constituent's contacts were last confirmed.
type Confirmation struct {
	Constituent string     `json:"constituent" doc:"Ref"`
	Name        string     `json:"name"`
	At          *time.Time `json:"at,omitempty" doc:"Absent: never"`
	By          string     `json:"by"`
}

func instant(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}

func viewRequest(d *constituency.Directory, q constituency.ChangeRequest) ChangeRequest {
	l, _ := d.ByID(q.Constituent)
	return ChangeRequest{ID: q.ID, Constituent: l.Ref, By: q.By, At: time.UnixMicro(q.At).UTC(), State: string(q.State), Note: q.Note,
		Steps: q.Steps, DecidedBy: q.DecidedAs, DecidedAt: instant(q.DecidedAt), Reason: q.Reason}
}

type requestsInput struct {
	api.Paging
	State string `query:"state" enum:",open,approved,refused,withdrawn"`
}

func (r *room) listRequests(ctx context.Context, _ api.Caller, in *requestsInput) (*api.Page[ChangeRequest], error) {
	f := constituency.RequestFilter{State: constituency.RequestState(in.State), Limit: in.Limit}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &f.Before); err != nil {
			return nil, err
		}
	}
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	qs, more, err := r.store.ChangeRequests(ctx, nil, f)
	if err != nil {
		return nil, err
	}
	out, next := []ChangeRequest{}, ""
	for _, q := range qs {
		out = append(out, viewRequest(d, q))
	}
	if more {
		next, err = api.Cursor(qs[len(qs)-1].ID)
	}
	return api.NewPage(out, next), err
}

// RequestPath is the path of one change request.
type RequestPath struct {
	ID int64 `path:"id"`
}

func (r *room) review(ctx context.Context, _ api.Caller, in *RequestPath) (*Review, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	q, err := r.store.Review(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &Review{viewRequest(d, q.ChangeRequest), q.Compared, q.Blocked(), q.Seen}, nil
}

type approveChangeInput struct {
	RequestPath
	Body struct {
		Seen   string `json:"seen" maxLength:"64" doc:"That of the comparison you looked at; when the registry has moved since, nothing is done"`
		Reason string `json:"reason,omitempty" maxLength:"8000"`
	}
}

func (r *room) approve(ctx context.Context, c api.Caller, in *approveChangeInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.store.Approve(ctx, c.Actor, in.ID, in.Body.Seen, in.Body.Reason)
}

type refuseChangeInput struct {
	RequestPath
	Body struct {
		Reason string `json:"reason" maxLength:"8000" doc:"Who asked will read it"`
	}
}

func (r *room) refuse(ctx context.Context, c api.Caller, in *refuseChangeInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.store.Refuse(ctx, c.Actor, in.ID, in.Body.Reason)
}

type dueInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (r *room) due(ctx context.Context, _ api.Caller, in *dueInput) (*api.Page[Confirmation], error) {
	cs, err := r.store.DueConfirmations(ctx, r.store.Now(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := []Confirmation{}
	for _, c := range cs {
		out = append(out, Confirmation{c.Ref, c.Title, instant(c.At), c.By})
	}
	return api.NewPage(out, ""), nil
}
