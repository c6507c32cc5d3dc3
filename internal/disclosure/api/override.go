package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/api"
)

func (r *room) overrideRoutes() []api.Route {
	return []api.Route{
		api.Operation[overridesInput, api.Page[Override]]{Method: http.MethodGet, Path: "/api/disclosure/overrides", ID: "list-overrides",
			Summary: "Overrides, the last requested first", Permission: read, Handle: r.overrides},
		api.Operation[requestInput, Override]{Method: http.MethodPost, Path: "/api/disclosure/overrides", ID: "request-override",
			Summary: "Ask for an item to leave past the rules", Permission: override, Status: http.StatusCreated, Handle: r.request,
			Description: "Another person approves it. In an emergency it holds at once, and another person reviews it in time."},
		api.Operation[Number, Override]{Method: http.MethodGet, Path: "/api/disclosure/overrides/{id}", ID: "get-override",
			Summary: "One override", Permission: read, Handle: r.override},
		api.Operation[Number, Override]{Method: http.MethodPost, Path: "/api/disclosure/overrides/{id}/approve", ID: "approve-override",
			Summary: "Approve somebody else's override", Permission: override, Handle: r.approve},
		api.Operation[refuseInput, Override]{Method: http.MethodPost, Path: "/api/disclosure/overrides/{id}/refuse", ID: "refuse-override",
			Summary: "Refuse an override", Permission: override, Handle: r.refuse},
		api.Operation[reviewInput, Override]{Method: http.MethodPost, Path: "/api/disclosure/overrides/{id}/review", ID: "review-override",
			Summary: "Say afterwards whether an override was justified", Permission: override, Handle: r.review},
	}
}

// Override is an item that may leave past the rules.
type Override struct {
	ID            int64      `json:"id"`
	Item          string     `json:"item"`
	Recipient     string     `json:"recipient"`
	Channel       string     `json:"channel"`
	Reason        string     `json:"reason"`
	Hours         int        `json:"hours"`
	Emergency     bool       `json:"emergency"`
	State         string     `json:"state" enum:"requested,approved,refused,ended"`
	RequestedAt   time.Time  `json:"requested_at"`
	RequestedBy   string     `json:"requested_by"`
	RequestedName string     `json:"requested_name"`
	DecidedAt     *time.Time `json:"decided_at,omitempty"`
	DecidedBy     string     `json:"decided_by,omitempty"`
	DecidedName   string     `json:"decided_name,omitempty"`
	Decision      string     `json:"decision,omitempty"`
	Expires       *time.Time `json:"expires,omitempty"`
	ReviewDue     *time.Time `json:"review_due,omitempty"`
	ReviewedAt    *time.Time `json:"reviewed_at,omitempty"`
	ReviewedBy    string     `json:"reviewed_by,omitempty"`
	ReviewedName  string     `json:"reviewed_name,omitempty"`
	Justified     bool       `json:"justified,omitempty"`
	Review        string     `json:"review,omitempty"`
}

func overrideOf(o disclosure.Override) *Override {
	return &Override{o.ID, string(o.Item), o.Recipient, string(o.Channel), o.Reason, o.Hours, o.Emergency, o.State, *at(o.RequestedAt),
		o.RequestedBy, o.RequestedName, at(o.DecidedAt), o.DecidedBy, o.DecidedName, o.Decision, at(o.Expires), at(o.ReviewDue),
		at(o.ReviewedAt), o.ReviewedBy, o.ReviewedName, o.Justified, o.Review}
}

type overridesInput struct {
	api.Paging
	State   string `query:"state" enum:"requested,approved,refused,ended"`
	Overdue bool   `query:"overdue" doc:"Only those whose review is overdue"`
}

func (r *room) overrides(ctx context.Context, _ api.Caller, in *overridesInput) (*api.Page[Override], error) {
	f := disclosure.OverrideFilter{State: in.State, Overdue: in.Overdue, Limit: min(in.Limit, 500)}
	var err error
	if f.Before, err = before(in.Cursor); err != nil {
		return nil, err
	}
	os, last, err := r.gate.Overrides(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []Override
	for _, o := range os {
		out = append(out, *overrideOf(o))
	}
	cursor, err := next(last)
	return api.NewPage(out, cursor), err
}

// NewOverride is what is asked for.
type NewOverride struct {
	Item      string `json:"item" maxLength:"200" doc:"finding:12"`
	Recipient string `json:"recipient" maxLength:"200" doc:"constituent:7, person:12 or service:4"`
	Channel   string `json:"channel" enum:"page,portal,rest,export,feed,mail,webhook"`
	Reason    string `json:"reason" maxLength:"2000"`
	Hours     int    `json:"hours" minimum:"1" maximum:"168" doc:"How long it holds once it is approved"`
	Emergency bool   `json:"emergency,omitempty" doc:"It cannot wait for a second person"`
}

type requestInput struct{ Body NewOverride }

func (r *room) request(ctx context.Context, c api.Caller, in *requestInput) (*Override, error) {
	b := in.Body
	o, err := r.gate.RequestOverride(ctx, c.Actor, disclosure.Override{Item: disclosure.Ref(b.Item), Recipient: b.Recipient,
		Channel: disclosure.Channel(b.Channel), Reason: b.Reason, Hours: b.Hours, Emergency: b.Emergency})
	if err != nil {
		return nil, err
	}
	return overrideOf(o), nil
}

func (r *room) override(ctx context.Context, _ api.Caller, in *Number) (*Override, error) {
	o, err := r.gate.OverrideByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return overrideOf(o), nil
}

func (r *room) approve(ctx context.Context, c api.Caller, in *Number) (*Override, error) {
	if err := r.gate.ApproveOverride(ctx, c.Actor, in.ID); err != nil {
		return nil, err
	}
	return r.override(ctx, c, in)
}

type refuseInput struct {
	Number
	Body struct {
		Why string `json:"why" maxLength:"2000"`
	}
}

func (r *room) refuse(ctx context.Context, c api.Caller, in *refuseInput) (*Override, error) {
	if err := r.gate.RefuseOverride(ctx, c.Actor, in.ID, in.Body.Why); err != nil {
		return nil, err
	}
	return r.override(ctx, c, &in.Number)
}

type reviewInput struct {
	Number
	Body struct {
		Justified bool   `json:"justified"`
		Review    string `json:"review" maxLength:"2000" doc:"What the review found"`
	}
}

func (r *room) review(ctx context.Context, c api.Caller, in *reviewInput) (*Override, error) {
	if err := r.gate.ReviewOverride(ctx, c.Actor, in.ID, in.Body.Justified, in.Body.Review); err != nil {
		return nil, err
	}
	return r.override(ctx, c, &in.Number)
}
