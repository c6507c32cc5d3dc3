package api

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/portal"
)

type pullInput struct {
	Chosen
	After       string `query:"after" maxLength:"100" doc:"Tocsin-Next of the last answer; empty begins"`
	From        string `query:"from" maxLength:"10" doc:"Only reports of this day and later, YYYY-MM-DD"`
	Limit       int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
	Format      string `query:"format" enum:"json,csv,idf" default:"json"`
	IfNoneMatch string `header:"If-None-Match"`
}

// pulledEvents is the answer as JSON.
type pulledEvents struct {
	Items []map[string]any `json:"items"`
	Next  string           `json:"next"`
	More  bool             `json:"more"`
}

func (r *room) pull(ctx context.Context, c api.Caller, in *pullInput) (none egress.Cleared[*api.Stream], err error) {
	since := portal.Since{After: in.After, Limit: in.Limit}
	if in.From != "" {
		if since.From, err = event.ParseDay(in.From); err != nil {
			return none, fault.Problems{{Field: "from", Message: err.Error()}}
		}
	}
	a := asker(c, in.Chosen, disclosure.REST)
	tag, err := r.portal.PullTag(ctx, a, since)
	if err != nil {
		return none, err
	}
	if err := api.Conditional(in.IfNoneMatch, tag); err != nil {
		return none, err
	}
	p, err := r.portal.Pull(ctx, a, since)
	return view(p, err, func(p *portal.Pull) (*api.Stream, error) {
		q := url.Values{"after": {p.Next}, "format": {in.Format}, "limit": {strconv.Itoa(in.Limit)}}
		if in.Constituent != 0 {
			q.Set("constituent", strconv.FormatInt(in.Constituent, 10))
		}
		out := &api.Stream{ContentType: "application/json", Headers: map[string]string{"ETag": tag, "Cache-Control": "private, no-cache",
			"Tocsin-Next": p.Next, "Tocsin-More": strconv.FormatBool(p.More), "Link": "</api/portal/events?" + q.Encode() + ">; rel=\"next\""}}
		if in.Format == "json" {
			items := p.Events
			if items == nil {
				items = []map[string]any{}
			}
			out.Write = func(_ context.Context, w io.Writer) error {
				return json.NewEncoder(w).Encode(pulledEvents{items, p.Next, p.More})
			}
			return out, nil
		}
		out.ContentType = map[string]string{"csv": "text/csv; charset=utf-8", "idf": "application/x-ndjson"}[in.Format]
		out.Write = func(_ context.Context, w io.Writer) error { return event.WriteEvents(w, in.Format, p.Events) }
		return out, nil
	})
}
