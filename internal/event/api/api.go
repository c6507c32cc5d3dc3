// Package api is the REST room of findings and events: lists, one finding with its history, its events and original rows,
// closing and reopening, exports, daily counts, report types and search. It translates and decides nothing.
package api

import (
	"context"
	"io"
	"net/http"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

// The permissions of this room.
const (
	Read  act.Permission = "finding.read"
	Write act.Permission = "finding.write"
)

type room struct {
	list *event.Lister
	in   *event.Intake
}

// Routes are the room's operations. The intake reads events and original rows.
func Routes(l *event.Lister, in *event.Intake) []api.Route {
	r := &room{l, in}
	return []api.Route{
		api.Operation[listInput, findingPage]{Method: http.MethodGet, Path: "/api/findings", ID: "list-findings",
			Summary: "List findings", Description: "Values of one parameter are alternatives, separated by commas; parameters narrow the list together.",
			Permission: Read, Handle: r.findings},
		api.Download[exportInput]{Path: "/api/findings/export", ID: "export-findings", Summary: "Export the findings of a filter",
			Description: "All of them in one stream, with raw values: a JSON list, CSV, or IDF as JSON lines.", Permission: Read,
			Types: []string{"application/json", "text/csv", "application/x-ndjson"}, Handle: r.export},
		api.Operation[oneInput, findingDetail]{Method: http.MethodGet, Path: "/api/findings/{id}", ID: "get-finding",
			Summary: "One finding with its history and why it belongs to its owner", Permission: Read, Handle: r.finding},
		api.Operation[eventsOfInput, api.Page[storedEvent]]{Method: http.MethodGet, Path: "/api/findings/{id}/events", ID: "list-finding-events",
			Summary: "The latest events of a finding", Permission: Read, Handle: r.eventsOf},
		api.Operation[noteInput, api.Nothing]{Method: http.MethodPost, Path: "/api/findings/{id}/close", ID: "close-finding",
			Summary:     "Close a finding in one's own name",
			Description: "It opens again by itself when a later report has it.", Permission: Write, Handle: r.close},
		api.Operation[noteInput, api.Nothing]{Method: http.MethodPost, Path: "/api/findings/{id}/reopen", ID: "reopen-finding",
			Summary: "Take back that a finding was closed", Permission: Write, Handle: r.reopen},
		api.Operation[findingActInput, findingAct]{Method: http.MethodPost, Path: "/api/finding-acts", ID: "rule-findings",
			Summary: "Do something with findings: note, assign, rule, correct the owner, close, open again",
			Description: "With up to 10,000 in one act, by their ids or by a filter with the number that it is expected to mean; another number " +
				"is a conflict, and nothing is done. What it cannot be done with is skipped and counted. The act can be undone.",
			Permission: Write, Handle: r.rule},
		api.Operation[deedsInput, api.Page[findingAct]]{Method: http.MethodGet, Path: "/api/finding-acts", ID: "list-finding-acts",
			Summary: "What people did with findings, the latest first", Permission: Read, Handle: r.deeds},
		api.Operation[deedInput, findingActDetail]{Method: http.MethodGet, Path: "/api/finding-acts/{act}", ID: "get-finding-act",
			Summary: "One act with the first thousand findings it was done with", Permission: Read, Handle: r.deed},
		api.Operation[deedInput, findingAct]{Method: http.MethodPost, Path: "/api/finding-acts/{act}/undo", ID: "undo-finding-act",
			Summary:     "Undo an act",
			Description: "Each finding is as it was before, but for those that somebody changed since: they are left and counted.", Permission: Write, Handle: r.undo},
		api.Operation[noteIDInput, api.Nothing]{Method: http.MethodPost, Path: "/api/finding-notes/{note}/retract", ID: "retract-finding-note",
			Summary: "Retract a note", Permission: Write, Handle: r.retract},
		api.Operation[eventsInput, api.Page[storedEvent]]{Method: http.MethodGet, Path: "/api/events", ID: "list-events",
			Summary: "The latest events of an address, a report type or an owner", Permission: Read, Handle: r.events},
		api.Operation[rowInput, row]{Method: http.MethodGet, Path: "/api/files/{file}/rows/{row}", ID: "get-file-row",
			Summary: "An original row, read back from the archive", Permission: Read, Handle: r.row},
		api.Operation[countsInput, api.Page[countRow]]{Method: http.MethodGet, Path: "/api/counts", ID: "list-counts",
			Summary: "Daily counts, summed by day, report type, owner or sector", Permission: Read, Handle: r.counts},
		api.Operation[struct{}, api.Page[reportType]]{Method: http.MethodGet, Path: "/api/types", ID: "list-report-types",
			Summary: "The report types that feeds have sent", Permission: Read, Handle: r.types},
		api.Operation[searchInput, found]{Method: http.MethodGet, Path: "/api/search", ID: "search",
			Summary: "Search by address, prefix, domain, URL, CVE or name", Permission: Read, Handle: r.search},
	}
}

type listInput struct {
	event.FilterText
	api.Paging
	Sort string `query:"sort" doc:"last-seen (the default), first-seen, severity, address, type or owner; a leading - reverses it"`
}

type findingPage struct {
	Items []finding `json:"items" nullable:"false"`
	Next  string    `json:"next,omitempty" doc:"Ask again with cursor set to this for what follows; absent at the end"`
	Prev  string    `json:"prev,omitempty" doc:"The same for what comes before; absent at the beginning"`
	Total int64     `json:"total" doc:"How many findings the whole list has"`
}

func (r *room) findings(ctx context.Context, c api.Caller, in *listInput) (*findingPage, error) {
	f, err := in.Filter(c.Actor)
	if err != nil {
		return nil, err
	}
	s, err := event.ParseSort(in.Sort)
	if err != nil {
		return nil, err
	}
	p, err := r.list.List(ctx, f, s, event.PageRequest{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &findingPage{Items: findingsOf(p.Items), Next: p.Next, Prev: p.Prev, Total: p.Total}, nil
}

type exportInput struct {
	event.FilterText
	Format string `query:"format" enum:"json,csv,idf" default:"json" doc:"json, csv or idf"`
}

func (r *room) export(ctx context.Context, c api.Caller, in *exportInput) (*api.Stream, error) {
	f, err := in.Filter(c.Actor)
	if err != nil {
		return nil, err
	}
	types := map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8", "idf": "application/x-ndjson"}
	names := map[string]string{"json": "findings.json", "csv": "findings.csv", "idf": "findings.idf.jsonl"}
	return &api.Stream{ContentType: types[in.Format], Name: names[in.Format], Write: func(ctx context.Context, w io.Writer) error {
		return r.list.Export(ctx, w, f, in.Format)
	}}, nil
}

type oneInput struct {
	ID string `path:"id" maxLength:"100" doc:"The finding's id, hexadecimal"`
}

func (r *room) finding(ctx context.Context, _ api.Caller, in *oneInput) (*findingDetail, error) {
	d, err := r.list.ByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return detailOf(d), nil
}

type noteInput struct {
	ID   string `path:"id" maxLength:"100" doc:"The finding's id, hexadecimal"`
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"2000" doc:"Why"`
	}
}

func (r *room) close(ctx context.Context, c api.Caller, in *noteInput) (*api.Nothing, error) {
	return nil, r.ruleOne(ctx, c, in, event.CloseFindings)
}

func (r *room) reopen(ctx context.Context, c api.Caller, in *noteInput) (*api.Nothing, error) {
	return nil, r.ruleOne(ctx, c, in, event.Reopen)
}

func (r *room) ruleOne(ctx context.Context, c api.Caller, in *noteInput, verb event.Verb) error {
	_, err := r.list.Rule(ctx, c.Actor, event.Choice{IDs: []string{in.ID}}, event.Decision{Verb: verb, Reason: in.Body.Note})
	return err
}

type searchInput struct {
	Q string `query:"q" required:"true" maxLength:"500" doc:"What to look for"`
}

func (r *room) search(ctx context.Context, _ api.Caller, in *searchInput) (*found, error) {
	f, err := r.list.Search(ctx, in.Q)
	if err != nil {
		return nil, err
	}
	out := &found{What: f.What, Findings: findingsOf(f.Findings), Total: f.Total, Constituents: []owner{}, Types: []reportType{}}
	for _, o := range f.Constituents {
		out.Constituents = append(out.Constituents, *ownerOf(o))
	}
	for _, t := range f.Types {
		out.Types = append(out.Types, typeOf(t))
	}
	return out, nil
}

func (r *room) types(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[reportType], error) {
	list, err := r.list.Types(ctx)
	if err != nil {
		return nil, err
	}
	var out []reportType
	for _, t := range list {
		out = append(out, typeOf(t))
	}
	return api.NewPage(out, ""), nil
}

// day reads a day of a query; empty is 0.
func day(field, text string) (event.Day, error) {
	if text == "" {
		return 0, nil
	}
	d, err := event.ParseDay(text)
	if err != nil || d <= 0 {
		return 0, fault.Problems{{Field: field, Message: "write a day as YYYY-MM-DD"}}
	}
	return d, nil
}
