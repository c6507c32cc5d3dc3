// Package api is the REST side of the portal: what constituents may ask of themselves by program. Every answer has been through
// the gate.
package api

import (
	"context"
	"io"
	"net/http"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
	"tocsin/internal/portal"
)

// The permissions.
const (
	read     act.Permission = "portal.read"
	write    act.Permission = "portal.write"
	download act.Permission = "portal.download"
	manage   act.Permission = "portal.manage"
)

type room struct{ portal *portal.Portal }

// Routes returns the operations.
func Routes(p *portal.Portal) []api.Route {
	r := &room{p}
	return []api.Route{
		api.ClearedOperation[Chosen, PortalStart]{Method: http.MethodGet, Path: "/api/portal", ID: "portal-start",
			Summary: "How one's own constituents stand, beside their sector", Permission: read, Handle: r.start},
		api.ClearedOperation[findingsInput, portalFindingPage]{Method: http.MethodGet, Path: "/api/portal/findings", ID: "portal-findings",
			Summary: "List one's own findings, the gravest first", Permission: read, Handle: r.findings},
		api.ClearedOperation[findingInput, PortalFindingDetail]{Method: http.MethodGet, Path: "/api/portal/findings/{id}", ID: "portal-finding",
			Summary: "One's own finding with its latest sightings", Permission: read, Handle: r.finding},
		api.ClearedDownload[exportInput]{Path: "/api/portal/findings/export", ID: "portal-export-findings",
			Summary: "Export one's own findings", Permission: download,
			Types: []string{"application/json", "text/csv", "application/x-ndjson"}, Handle: r.export},
		api.ClearedDownload[pullInput]{Path: "/api/portal/events", ID: "portal-pull-events", Permission: download,
			Summary: "Pull the events that came in about one's own constituents since the last pull",
			Description: "Ask with after= and what Tocsin-Next of the last answer said; the first time without it. Events come in the order in which they were " +
				"taken in, each once; a report that is corrected comes again as a whole. Tocsin-More is true when there is more now. With " +
				"If-None-Match the answer is 304 while nothing came in.",
			Types: []string{"application/json", "text/csv", "application/x-ndjson"}, Handle: r.pull},
		api.ClearedOperation[noticesInput, api.Page[digest.Message]]{Method: http.MethodGet, Path: "/api/portal/notifications", ID: "portal-notifications",
			Summary: "What one's own constituents were told, the latest first", Permission: read, Handle: r.notices},
		api.ClearedOperation[NoticeNumber, PortalNotice]{Method: http.MethodGet, Path: "/api/portal/notifications/{id}", ID: "portal-notification",
			Summary: "One notification with its findings and answers", Permission: read, Handle: r.notice},
		api.Operation[replyInput, api.Nothing]{Method: http.MethodPost, Path: "/api/portal/notifications/{id}/answers", ID: "portal-answer",
			Summary: "Answer a notification", Permission: write, Handle: r.reply},
		api.ClearedOperation[ConstituentNumber, digest.Setting]{Method: http.MethodGet, Path: "/api/portal/telling/{constituent}", ID: "portal-telling",
			Summary: "How one's own constituent is told", Permission: read, Handle: r.telling},
		api.Operation[tellInput, api.Nothing]{Method: http.MethodPut, Path: "/api/portal/telling/{constituent}", ID: "portal-tell",
			Summary: "Say how one's own constituent is to be told", Permission: manage, Handle: r.tell},
		api.ClearedOperation[Chosen, api.Page[notify.Hook]]{Method: http.MethodGet, Path: "/api/portal/webhooks", ID: "portal-webhooks",
			Summary: "Webhooks of one's own constituents", Permission: read, Handle: r.hooks},
		api.Operation[newHookInput, PortalWebhook]{Method: http.MethodPost, Path: "/api/portal/webhooks", ID: "portal-create-webhook", Status: http.StatusCreated,
			Summary: "Have digests posted to a system of one's own; its secret is told once", Permission: manage, Handle: r.addHook,
			Description: "What is posted is the answer of preview-digest-webhook, signed as create-webhook says. Choose webhook or both as the channel for it to be used."},
		api.Operation[enableHookInput, api.Nothing]{Method: http.MethodPut, Path: "/api/portal/webhooks/{id}/enabled", ID: "portal-enable-webhook",
			Summary: "Switch one's own webhook on or off", Permission: manage, Handle: r.enableHook},
		api.Operation[HookNumber, api.Nothing]{Method: http.MethodPost, Path: "/api/portal/webhooks/{id}/test", ID: "portal-test-webhook",
			Summary: "Post a test to one's own webhook", Permission: manage, Handle: r.testHook},
		api.Operation[HookNumber, api.Nothing]{Method: http.MethodDelete, Path: "/api/portal/webhooks/{id}", ID: "portal-remove-webhook",
			Summary: "Remove one's own webhook", Permission: manage, Handle: r.removeHook},
		api.ClearedOperation[Chosen, PortalRegistry]{Method: http.MethodGet, Path: "/api/portal/registry", ID: "portal-registry",
			Summary: "One's own contacts and assets", Permission: read, Handle: r.registry,
			Description: "Who acts for several constituents names one; without it the answer has only the choices."},
		api.ClearedDownload[Chosen]{Path: "/api/portal/registry/csv", ID: "portal-export-registry",
			Summary: "Export one's own contacts and assets", Permission: download, Types: []string{"text/csv"}, Handle: r.file},
		api.ClearedOperation[contactInput, PortalContact]{Method: http.MethodGet, Path: "/api/portal/contacts/{id}", ID: "portal-contact",
			Summary: "One's own contact", Permission: read, Handle: r.contact},
		api.Operation[portalConfirmInput, api.Nothing]{Method: http.MethodPost, Path: "/api/portal/contacts/confirm", ID: "portal-confirm-contacts",
			Summary: "Say that one's own contacts are right", Permission: write, Handle: r.confirm},
		api.ClearedOperation[requestsInput, api.Page[PortalRequest]]{Method: http.MethodGet, Path: "/api/portal/requests", ID: "portal-requests",
			Summary: "List one's own change requests, the newest first", Permission: read, Handle: r.requests},
		api.ClearedOperation[requestInput, PortalRequest]{Method: http.MethodGet, Path: "/api/portal/requests/{id}", ID: "portal-request",
			Summary: "One's own change request", Permission: read, Handle: r.request},
		api.Operation[portalProposeInput, Proposed]{Method: http.MethodPost, Path: "/api/portal/requests", ID: "portal-propose",
			Status: http.StatusCreated, Summary: "Ask for changes of one's own registry", Permission: write, Handle: r.propose,
			Description: "Nothing changes until the CERT approves it. Steps are contact.add, contact.change, contact.end, asset.add, asset.end and constituent.change."},
		api.Operation[requestInput, api.Nothing]{Method: http.MethodPost, Path: "/api/portal/requests/{id}/withdraw", ID: "portal-withdraw",
			Summary: "Withdraw one's own change request", Permission: write, Handle: r.withdraw},
	}
}

// Chosen is the constituent that a question is about.
type Chosen struct {
	Constituent int64 `query:"constituent" minimum:"0" doc:"The id of one of one's own; all of them without it"`
}

func asker(c api.Caller, in Chosen, via disclosure.Channel) portal.Asker {
	return portal.Asker{Actor: c.Actor, Via: via, Constituent: in.Constituent}
}

// view makes an answer of what was cleared.
func view[In, Out any](c egress.Cleared[In], err error, fn func(In) (Out, error)) (none egress.Cleared[Out], _ error) {
	if err != nil {
		return none, err
	}
	in, g, err := c.Open()
	if err != nil {
		return none, err
	}
	out, err := fn(in)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

func (r *room) start(ctx context.Context, c api.Caller, in *Chosen) (egress.Cleared[*PortalStart], error) {
	s, err := r.portal.Start(ctx, asker(c, *in, disclosure.REST))
	return view(s, err, viewStart)
}

// Filter says which findings are meant.
type Filter struct {
	State    string `query:"state" enum:",open,no-longer-seen,lapsed,closed,false-positive,accepted-risk,all"`
	Severity string `query:"min_severity" enum:",unrated,info,low,medium,high,critical"`
	Type     string `query:"type" maxLength:"200" doc:"A report type"`
	Kind     string `query:"kind" maxLength:"100" doc:"An RSIT type"`
	Address  string `query:"address" maxLength:"60" doc:"An address or prefix"`
}

func (f Filter) filter() portal.Filter {
	return portal.Filter{State: f.State, Severity: f.Severity, Type: f.Type, Kind: f.Kind, Address: f.Address}
}

type findingsInput struct {
	Chosen
	Filter
	api.Paging
}

func (r *room) findings(ctx context.Context, c api.Caller, in *findingsInput) (egress.Cleared[*portalFindingPage], error) {
	l, err := r.portal.Findings(ctx, asker(c, in.Chosen, disclosure.REST), in.filter(), event.PageRequest{Cursor: in.Cursor, Limit: in.Limit})
	return view(l, err, func(l *portal.FindingList) (*portalFindingPage, error) {
		items := make([]PortalFinding, len(l.Items))
		for i, f := range l.Items {
			items[i] = viewFinding(f)
		}
		return &portalFindingPage{*api.NewPage(items, l.Next), l.Total}, nil
	})
}

type findingInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (r *room) finding(ctx context.Context, c api.Caller, in *findingInput) (egress.Cleared[*PortalFindingDetail], error) {
	f, err := r.portal.Finding(ctx, asker(c, Chosen{}, disclosure.REST), in.ID)
	return view(f, err, viewDetail)
}

type exportInput struct {
	Chosen
	Filter
	Format string `query:"format" enum:"json,csv,idf" default:"json"`
}

func (r *room) export(ctx context.Context, c api.Caller, in *exportInput) (egress.Cleared[*api.Stream], error) {
	w, err := r.portal.Export(ctx, asker(c, in.Chosen, disclosure.Export), in.filter(), in.Format)
	types := map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8", "idf": "application/x-ndjson"}
	return stream(w, err, types[in.Format], "findings."+in.Format)
}

func (r *room) file(ctx context.Context, c api.Caller, in *Chosen) (egress.Cleared[*api.Stream], error) {
	w, err := r.portal.RegistryFile(ctx, asker(c, *in, disclosure.Export))
	return stream(w, err, "text/csv; charset=utf-8", "registry.csv")
}

func stream(c egress.Cleared[portal.Writer], err error, contentType, name string) (egress.Cleared[*api.Stream], error) {
	return view(c, err, func(w portal.Writer) (*api.Stream, error) {
		return &api.Stream{ContentType: contentType, Name: name, Write: func(_ context.Context, to io.Writer) error { return w(to) }}, nil
	})
}

func (r *room) registry(ctx context.Context, c api.Caller, in *Chosen) (egress.Cleared[*PortalRegistry], error) {
	g, err := r.portal.Registry(ctx, asker(c, *in, disclosure.REST))
	return view(g, err, viewRegistry)
}

type contactInput struct {
	ID int64 `path:"id"`
}

func (r *room) contact(ctx context.Context, c api.Caller, in *contactInput) (egress.Cleared[*PortalContact], error) {
	k, err := r.portal.Contact(ctx, asker(c, Chosen{}, disclosure.REST), in.ID)
	return view(k, err, func(k *constituency.Contact) (*PortalContact, error) {
		v := viewContact(*k)
		return &v, nil
	})
}

type portalConfirmInput struct {
	Body struct {
		Constituent int64 `json:"constituent" minimum:"1"`
	}
}

func (r *room) confirm(ctx context.Context, c api.Caller, in *portalConfirmInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.portal.Constituency.ConfirmContacts(ctx, c.Actor, in.Body.Constituent)
}

type requestsInput struct {
	Chosen
	api.Paging
	State string `query:"state" enum:",open,approved,refused,withdrawn"`
}

func (r *room) requests(ctx context.Context, c api.Caller, in *requestsInput) (none egress.Cleared[*api.Page[PortalRequest]], err error) {
	f := constituency.RequestFilter{State: constituency.RequestState(in.State), Limit: in.Limit}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &f.Before); err != nil {
			return none, err
		}
	}
	l, err := r.portal.Requests(ctx, asker(c, in.Chosen, disclosure.REST), f)
	return view(l, err, func(l *portal.RequestList) (*api.Page[PortalRequest], error) {
		items, next := []PortalRequest{}, ""
		for _, q := range l.Items {
			items = append(items, viewRequest(q))
		}
		if l.More {
			if next, err = api.Cursor(l.Items[len(l.Items)-1].ID); err != nil {
				return nil, err
			}
		}
		return api.NewPage(items, next), nil
	})
}

type requestInput struct {
	ID int64 `path:"id"`
}

func (r *room) request(ctx context.Context, c api.Caller, in *requestInput) (egress.Cleared[*PortalRequest], error) {
	q, err := r.portal.Request(ctx, asker(c, Chosen{}, disclosure.REST), in.ID)
	return view(q, err, func(q *portal.Request) (*PortalRequest, error) {
		v := viewRequest(*q)
		return &v, nil
	})
}

// Asked is a step of a change request that is asked for.
type Asked struct {
	Op   string              `json:"op" enum:"contact.add,contact.change,contact.end,asset.add,asset.end,constituent.change"`
	ID   int64               `json:"id,omitempty" doc:"Of the contact or asset that is changed or ended"`
	Want constituency.Record `json:"want,omitempty" doc:"What is to stand there"`
}

type portalProposeInput struct {
	Body struct {
		Constituent int64   `json:"constituent" minimum:"1"`
		Note        string  `json:"note,omitempty" maxLength:"2000"`
		Steps       []Asked `json:"steps" maxItems:"50" nullable:"false"`
	}
}

// Proposed is the change request that was made.
type Proposed struct {
	ID    int64  `json:"id"`
	State string `json:"state"`
}

func (r *room) propose(ctx context.Context, c api.Caller, in *portalProposeInput) (*Proposed, error) {
	var steps []constituency.ChangeStep
	for _, s := range in.Body.Steps {
		steps = append(steps, constituency.ChangeStep{Op: constituency.Op(s.Op), ID: s.ID, Want: s.Want})
	}
	q, err := r.portal.Constituency.Propose(ctx, c.Actor, in.Body.Constituent, steps, in.Body.Note)
	return &Proposed{q.ID, string(q.State)}, err
}

func (r *room) withdraw(ctx context.Context, c api.Caller, in *requestInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.portal.Constituency.Withdraw(ctx, c.Actor, in.ID)
}
