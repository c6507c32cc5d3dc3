// Package api is the REST side of the gate: the ledger of what left, the overrides and the circles.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	read     act.Permission = "disclosure.read"
	write    act.Permission = "disclosure.write"
	override act.Permission = "disclosure.override"
)

type room struct{ gate *disclosure.Gate }

// Routes returns the operations.
func Routes(g *disclosure.Gate) []api.Route {
	r := &room{g}
	return append(append(r.ledgerRoutes(), r.overrideRoutes()...), r.circleRoutes()...)
}

func (r *room) ledgerRoutes() []api.Route {
	return []api.Route{
		api.Operation[ledgerInput, api.Page[Entry]]{Method: http.MethodGet, Path: "/api/disclosure/ledger", ID: "list-egress",
			Summary: "What left, the last first", Permission: read, Handle: r.ledger,
			Description: "A row for every push, poll, download and export; views of pages are summed up by session and day."},
		api.Operation[Number, Entry]{Method: http.MethodGet, Path: "/api/disclosure/ledger/{id}", ID: "get-egress",
			Summary: "One row of the ledger", Permission: read, Handle: r.entry},
		api.Download[exportInput]{Path: "/api/disclosure/export/{format}", ID: "export-egress", Summary: "The ledger as a file",
			Permission: read, Types: []string{"text/csv", "application/jsonl"}, Handle: r.export},
	}
}

// Number is the path of something with a number.
type Number struct {
	ID int64 `path:"id" minimum:"1"`
}

// Query selects rows of the ledger.
type Query struct {
	Recipient string `query:"recipient" maxLength:"200" doc:"Exactly, as constituent:7, or a part of the name"`
	Channel   string `query:"channel" enum:"page,portal,rest,export,feed,mail,webhook"`
	Object    string `query:"object" maxLength:"200" doc:"Only rows that name this item: finding:12"`
	From      string `query:"from" format:"date-time" doc:"Last left at or after"`
	To        string `query:"to" format:"date-time" doc:"First left before"`
}

func (q Query) filter() (f disclosure.LedgerFilter, err error) {
	f = disclosure.LedgerFilter{Recipient: q.Recipient, Channel: disclosure.Channel(q.Channel), Object: disclosure.Ref(q.Object)}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"from", q.From, &f.From}, {"to", q.To, &f.To}} {
		if t.text == "" {
			continue
		}
		if *t.to, err = time.Parse(time.RFC3339, t.text); err != nil {
			return f, fault.Problems{{Field: t.name, Message: "is no time: write it as 2026-01-31T10:00:00Z"}}
		}
	}
	return f, nil
}

type ledgerInput struct {
	api.Paging
	Query
}

type place struct {
	Before int64 `json:"b"`
}

// before reads the cursor of a list that goes down by number.
func before(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	var p place
	if err := api.ReadCursor(cursor, &p); err != nil {
		return 0, err
	}
	if p.Before < 1 {
		return 0, fault.Invalidf("the cursor is not one that this list gave out: begin again without it")
	}
	return p.Before, nil
}

func next(before int64) (string, error) {
	if before == 0 {
		return "", nil
	}
	return api.Cursor(place{before})
}

// Entry is a row of the ledger.
type Entry struct {
	ID        int64            `json:"id"`
	At        time.Time        `json:"at" doc:"Of summed up views the first"`
	Last      time.Time        `json:"last"`
	Recipient string           `json:"recipient"`
	Name      string           `json:"name"`
	Kind      string           `json:"kind"`
	Channel   string           `json:"channel"`
	Actor     string           `json:"actor"`
	Rules     []string         `json:"rules" nullable:"false" doc:"Those that let the items through"`
	Objects   string           `json:"objects" doc:"The items' kinds"`
	Views     int64            `json:"views"`
	Items     int64            `json:"items"`
	Withheld  int64            `json:"withheld"`
	Why       map[string]int64 `json:"why" doc:"How many each rule withheld"`
	Highest   string           `json:"highest" doc:"The strictest marking among the items"`
	Refs      []disclosure.Ref `json:"refs" nullable:"false" doc:"The first items by name; views have none"`
	Digest    string           `json:"digest" doc:"SHA-256 over all items' names, a line each; views have none"`
}

func entryOf(e disclosure.Entry) Entry {
	v := Entry{e.ID, *at(e.At), *at(e.Last), e.Recipient, e.Name, string(e.Kind), string(e.Channel), e.Actor, e.Rules, e.Objects, e.Views,
		e.Items, e.Withheld, e.Why, e.Highest.String(), e.Refs, e.Digest}
	if v.Rules == nil {
		v.Rules = []string{}
	}
	if v.Refs == nil {
		v.Refs = []disclosure.Ref{}
	}
	return v
}

// at writes UTC microseconds; 0 is none.
func at(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}

func (r *room) ledger(ctx context.Context, _ api.Caller, in *ledgerInput) (*api.Page[Entry], error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	if f.Before, err = before(in.Cursor); err != nil {
		return nil, err
	}
	f.Limit = in.Limit
	es, last, err := r.gate.Ledger(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, e := range es {
		out = append(out, entryOf(e))
	}
	cursor, err := next(last)
	return api.NewPage(out, cursor), err
}

func (r *room) entry(ctx context.Context, _ api.Caller, in *Number) (*Entry, error) {
	e, err := r.gate.EntryByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := entryOf(e)
	return &v, nil
}

type exportInput struct {
	Format string `path:"format" enum:"csv,json"`
	Query
}

func (r *room) export(_ context.Context, _ api.Caller, in *exportInput) (*api.Stream, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/jsonl"}[in.Format]
	return &api.Stream{ContentType: kind, Name: "ledger." + in.Format, Write: func(ctx context.Context, w io.Writer) error {
		return r.gate.ExportLedger(ctx, w, in.Format, f)
	}}, nil
}
