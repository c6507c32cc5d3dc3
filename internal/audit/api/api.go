// Package api is the REST room of the audit log: entries with the proof that the log has them, exports, and the signed
// checkpoints to keep elsewhere. It translates and decides nothing.
package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

// The permissions of this room.
const (
	Read  act.Permission = "audit.read"
	Write act.Permission = "audit.write"
)

type room struct{ log *audit.Log }

// Routes are the room's operations.
func Routes(l *audit.Log) []api.Route {
	r := &room{l}
	return []api.Route{
		api.Operation[listInput, api.Page[audit.Line]]{Method: http.MethodGet, Path: "/api/audit", ID: "list-audit-entries",
			Summary: "List what was done, the latest first", Permission: Read, Handle: r.list},
		api.Download[exportInput]{Path: "/api/audit/export", ID: "export-audit-entries", Summary: "Export audit entries, the earliest first",
			Description: "JSON lines have the raw values; in CSV, a value that a spreadsheet would take for a formula begins with an apostrophe.",
			Permission:  Read, Types: []string{"application/x-ndjson", "text/csv"}, Handle: r.export},
		api.Operation[struct{}, api.Page[string]]{Method: http.MethodGet, Path: "/api/audit/verbs", ID: "list-audit-verbs",
			Summary: "The verbs that the log has", Permission: Read, Handle: r.verbs},
		api.Operation[oneInput, provedEntry]{Method: http.MethodGet, Path: "/api/audit/{id}", ID: "get-audit-entry",
			Summary:     "One entry with the proof that the log has it",
			Description: "The proof is an inclusion proof of RFC 6962; a checkpoint of the same size states its root.", Permission: Read, Handle: r.one},
		api.Operation[checkpointsInput, api.Page[checkpoint]]{Method: http.MethodGet, Path: "/api/audit/checkpoints", ID: "list-audit-checkpoints",
			Summary: "Signed checkpoints, the latest first", Permission: Read, Handle: r.checkpoints,
			Description: "In the format of C2SP tlog-checkpoint. One that is kept elsewhere proves later that no entry was changed or removed."},
		api.Operation[struct{}, checkpoint]{Method: http.MethodPost, Path: "/api/audit/checkpoints", ID: "sign-audit-checkpoint",
			Summary: "Sign the log as it is", Description: "A log that has not grown since the latest checkpoint gives that one.",
			Permission: Write, Handle: r.sign},
		api.Operation[sizeInput, checkpoint]{Method: http.MethodGet, Path: "/api/audit/checkpoints/{size}", ID: "get-audit-checkpoint",
			Summary: "The checkpoint of a size, or the latest one", Permission: Read, Handle: r.checkpoint},
		api.Operation[struct{}, api.Page[key]]{Method: http.MethodGet, Path: "/api/audit/keys", ID: "list-audit-keys",
			Summary: "The keys that signed checkpoints", Permission: Read, Handle: r.keys},
	}
}

// Filter is what narrows a list.
type Filter struct {
	Actor  string    `query:"actor" maxLength:"200" doc:"kind:id, for example person:12"`
	Verb   string    `query:"verb" maxLength:"100" doc:"For example finding.close; with a trailing dot all of a kind: finding."`
	Object string    `query:"object" maxLength:"200" doc:"kind:id"`
	From   time.Time `query:"from" doc:"Recorded at or after"`
	Until  time.Time `query:"until" doc:"Recorded before"`
}

func (f *Filter) filter() audit.Filter {
	out := audit.Filter{Actor: f.Actor, Verb: f.Verb, Object: f.Object}
	if !f.From.IsZero() {
		out.From = f.From.UnixMicro()
	}
	if !f.Until.IsZero() {
		out.Until = f.Until.UnixMicro()
	}
	return out
}

type listInput struct {
	Filter
	api.Paging
}

// place reads a cursor: a positive number.
func place(cursor string) (n int64, err error) {
	if cursor == "" {
		return 0, nil
	}
	if err = api.ReadCursor(cursor, &n); err == nil && n < 1 {
		err = fault.Invalidf("the cursor is not one that this list gave out: begin again without it")
	}
	return n, err
}

func cursor(n int64) (string, error) {
	if n == 0 {
		return "", nil
	}
	return api.Cursor(n)
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*api.Page[audit.Line], error) {
	before, err := place(in.Cursor)
	if err != nil {
		return nil, err
	}
	es, n, err := r.log.List(ctx, in.filter(), before, in.Limit)
	if err != nil {
		return nil, err
	}
	var lines []audit.Line
	for _, e := range es {
		lines = append(lines, e.Line())
	}
	next, err := cursor(n)
	return api.NewPage(lines, next), err
}

type exportInput struct {
	Filter
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl"`
}

func (r *room) export(_ context.Context, _ api.Caller, in *exportInput) (*api.Stream, error) {
	types := map[string]string{"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
	return &api.Stream{ContentType: types[in.Format], Name: "audit." + in.Format, Write: func(ctx context.Context, w io.Writer) error {
		return r.log.Export(ctx, w, in.filter(), in.Format)
	}}, nil
}

func (r *room) verbs(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[string], error) {
	verbs, err := r.log.Verbs(ctx)
	return api.NewPage(verbs, ""), err
}

type oneInput struct {
	ID int64 `path:"id" minimum:"1"`
}

type provedEntry struct {
	Entry audit.Line  `json:"entry"`
	Proof audit.Proof `json:"proof"`
}

func (r *room) one(ctx context.Context, _ api.Caller, in *oneInput) (*provedEntry, error) {
	p, err := r.log.ByID(ctx, in.ID)
	return &provedEntry{p.Entry.Line(), p.Proof}, err
}

type checkpointsInput struct{ api.Paging }

type checkpoint struct {
	Size int64     `json:"size" doc:"Entries that it covers"`
	At   time.Time `json:"at"`
	Root string    `json:"root" doc:"Base64"`
	Note string    `json:"note" doc:"The signed checkpoint as it is to be kept, with its line breaks"`
}

func checkpointOf(c audit.Checkpoint) checkpoint {
	return checkpoint{c.Size, time.UnixMicro(c.At).UTC(), c.Root(), c.Note}
}

func (r *room) checkpoints(ctx context.Context, _ api.Caller, in *checkpointsInput) (*api.Page[checkpoint], error) {
	before, err := place(in.Cursor)
	if err != nil {
		return nil, err
	}
	cs, err := r.log.Checkpoints(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var views []checkpoint
	for _, c := range cs {
		views = append(views, checkpointOf(c))
	}
	last := int64(0)
	if len(cs) == in.Limit {
		last = cs[len(cs)-1].Size
	}
	next, err := cursor(last)
	return api.NewPage(views, next), err
}

func (r *room) sign(ctx context.Context, _ api.Caller, _ *struct{}) (*checkpoint, error) {
	c, err := r.log.Checkpoint(ctx)
	view := checkpointOf(c)
	return &view, err
}

type sizeInput struct {
	Size string `path:"size" maxLength:"20" doc:"How many entries it covers, or latest"`
}

func (r *room) checkpoint(ctx context.Context, _ api.Caller, in *sizeInput) (*checkpoint, error) {
	if in.Size == "latest" {
		cs, err := r.log.Checkpoints(ctx, 0, 1)
		if err != nil {
			return nil, err
		}
		if len(cs) == 0 {
			return nil, fault.NotFoundf("no checkpoint was signed yet")
		}
		view := checkpointOf(cs[0])
		return &view, nil
	}
	size, err := strconv.ParseInt(in.Size, 10, 64)
	if err != nil {
		return nil, fault.Problems{{Field: "size", Message: "is neither a number nor latest"}}
	}
	c, err := r.log.CheckpointOf(ctx, size)
	view := checkpointOf(c)
	return &view, err
}

type key struct {
	Verifier string    `json:"verifier" doc:"name+hash+key"`
	At       time.Time `json:"at" doc:"First used"`
}

func (r *room) keys(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[key], error) {
	keys, err := r.log.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var views []key
	for _, k := range keys {
		views = append(views, key{k.Verifier, time.UnixMicro(k.At).UTC()})
	}
	return api.NewPage(views, ""), nil
}
