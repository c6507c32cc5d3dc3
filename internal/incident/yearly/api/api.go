// Package api is the REST room of yearly statistics: the summary, returns, files, and what operators do with their own. It translates
// and decides nothing.
package api

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
)

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	see   act.Permission = "portal.read"
	fill  act.Permission = "portal.write"
	takes act.Permission = "portal.download"
)

type room struct{ desk *yearly.Desk }

// Routes are the room's operations.
func Routes(d *yearly.Desk) []api.Route {
	r := &room{d}
	const whole = "Returns of several constituents and years in the columns of the export. Rows of the state submitted are submitted, others are kept as drafts; the reason is for what is corrected."
	return []api.Route{
		api.Operation[Year, yearly.Summary]{Method: http.MethodGet, Path: "/api/yearly/{year}", ID: "get-yearly-summary",
			Summary: "The nation's statistics of a year by class, severity and sector", Permission: read, Handle: r.sum},
		api.Operation[listInput, api.Page[Standing]]{Method: http.MethodGet, Path: "/api/yearly/{year}/returns", ID: "list-yearly-returns",
			Summary: "Who is asked and who returned, those that did not first; counts stand in the return itself", Permission: read, Handle: r.list},
		api.Operation[Place, Return]{Method: http.MethodGet, Path: "/api/yearly/{year}/returns/{constituent}", ID: "get-yearly-return",
			Summary: "The return of a constituent with its corrections", Permission: read, Handle: r.one},
		api.Operation[yearlyInput, Return]{Method: http.MethodPut, Path: "/api/yearly/{year}/returns/{constituent}", ID: "put-yearly-return",
			Summary: "Keep a draft, submit a return, or correct one with a reason", Permission: write, Handle: r.hand},
		api.Download[Year]{Path: "/api/yearly/{year}/export", ID: "export-yearly", Summary: "All returns of a year as CSV", Permission: read,
			Types: []string{"text/csv"}, Handle: r.export},
		api.Operation[fileInput, yearly.Imported]{Method: http.MethodPost, Path: "/api/yearly/import", ID: "import-yearly",
			Summary: "Hand in returns as CSV", Description: whole, Permission: write, MaxBytes: 32 << 20, Handle: r.load},
		api.ClearedOperation[struct{}, api.Page[OwnReturn]]{Method: http.MethodGet, Path: "/api/portal/yearly", ID: "list-own-yearly",
			Summary: "One's own returns and what is due", Permission: see, Handle: r.mine},
		api.ClearedOperation[Year, yearly.Summary]{Method: http.MethodGet, Path: "/api/portal/yearly/summary/{year}", ID: "get-shared-yearly-summary",
			Summary: "The nation's year without small counts, once the window is over", Permission: see, Handle: r.shared},
		api.ClearedOperation[Place, OwnReturn]{Method: http.MethodGet, Path: "/api/portal/yearly/{year}/{constituent}", ID: "get-own-yearly",
			Summary: "One's own return with its corrections", Permission: see, Handle: r.own},
		api.Operation[yearlyInput, api.Nothing]{Method: http.MethodPut, Path: "/api/portal/yearly/{year}/{constituent}", ID: "put-own-yearly",
			Summary: "Keep a draft, submit one's return, or correct it with a reason", Permission: fill, Handle: r.handOwn},
		api.ClearedDownload[Place]{Path: "/api/portal/yearly/{year}/{constituent}/file", ID: "export-own-yearly", Summary: "One's own return as CSV",
			Permission: takes, Types: []string{"text/csv"}, Handle: r.file},
		api.Operation[fileInput, api.Nothing]{Method: http.MethodPost, Path: "/api/portal/yearly/import", ID: "import-own-yearly",
			Summary: "Hand in one's own returns as CSV", Description: whole, Permission: fill, MaxBytes: 32 << 20, Handle: r.loadOwn},
	}
}

// Year is a year in a path.
type Year struct {
	Year int `path:"year" minimum:"1" maximum:"9999"`
}

// Place is the return of a constituent for a year.
type Place struct {
	Year
	Constituent int64 `path:"constituent" minimum:"1"`
}

func (r *room) sum(ctx context.Context, _ api.Caller, in *Year) (*yearly.Summary, error) {
	s, err := r.desk.Stand(ctx, in.Year)
	if err != nil {
		return nil, err
	}
	return &s.Summary, nil
}

func (r *room) shared(ctx context.Context, c api.Caller, in *Year) (egress.Cleared[*yearly.Summary], error) {
	return r.desk.Shared(ctx, c.Actor, disclosure.REST, in.Year)
}

type listInput struct {
	Year
	api.Paging
	State string `query:"state" enum:"none,draft,submitted"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*api.Page[Standing], error) {
	skip := 0
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &skip); err != nil {
			return nil, err
		}
	}
	s, err := r.desk.Stand(ctx, in.Year.Year)
	if err != nil {
		return nil, err
	}
	var out []Standing
	for _, x := range s.All {
		if in.State == "" || string(x.State) == in.State {
			out = append(out, standingOf(x))
		}
	}
	out = out[min(max(skip, 0), len(out)):]
	next := ""
	if len(out) > in.Limit {
		out = out[:in.Limit]
		next, err = api.Cursor(max(skip, 0) + in.Limit)
	}
	return api.NewPage(out, next), err
}

func (r *room) one(ctx context.Context, c api.Caller, in *Place) (*Return, error) {
	one, err := r.desk.One(ctx, c.Actor, in.Year.Year, in.Constituent)
	if err != nil {
		return nil, err
	}
	return returnOf(one), nil
}

type yearlyInput struct {
	Place
	Body struct {
		Version  int64          `json:"version,omitempty" minimum:"0" doc:"Of the return that is changed; absent for one that nobody began"`
		Counts   []yearly.Count `json:"counts,omitempty" maxItems:"1000"`
		Nothing  bool           `json:"nothing,omitempty" doc:"There were no incidents"`
		Downtime int64          `json:"downtime_minutes,omitempty" minimum:"0"`
		Cost     *int64         `json:"cost,omitempty" minimum:"0" doc:"Whole units of the currency"`
		Currency string         `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217"`
		Note     string         `json:"note,omitempty" maxLength:"10000"`
		Submit   bool           `json:"submit,omitempty" doc:"It is final; else a draft is kept"`
		Reason   string         `json:"reason,omitempty" maxLength:"1000" doc:"Why a submitted return is corrected"`
	}
}

func (in *yearlyInput) entry() yearly.Entry {
	b := in.Body
	return yearly.Entry{Year: in.Year.Year, Constituent: in.Constituent, Version: b.Version, Submit: b.Submit, Reason: b.Reason,
		Content: yearly.Content{Counts: b.Counts, Nothing: b.Nothing, Downtime: b.Downtime, Cost: b.Cost, Currency: b.Currency, Note: b.Note}}
}

func (r *room) hand(ctx context.Context, c api.Caller, in *yearlyInput) (*Return, error) {
	one, err := r.desk.Hand(ctx, c.Actor, in.entry())
	if err != nil {
		return nil, err
	}
	return returnOf(one), nil
}

func (r *room) handOwn(ctx context.Context, c api.Caller, in *yearlyInput) (*api.Nothing, error) {
	_, err := r.desk.Hand(ctx, c.Actor, in.entry())
	return nil, err
}

func stream(name string, rs []yearly.Return) *api.Stream {
	return &api.Stream{ContentType: "text/csv; charset=utf-8", Name: name, Write: func(_ context.Context, w io.Writer) error { return yearly.WriteCSV(w, rs) }}
}

func (r *room) export(ctx context.Context, _ api.Caller, in *Year) (*api.Stream, error) {
	rs, err := r.desk.Returns(ctx, in.Year)
	return stream(fmt.Sprintf("incidents-%d.csv", in.Year), rs), err
}

type fileInput struct {
	File   api.Upload
	Name   string `query:"name" maxLength:"200" doc:"Of the file, where the body is the file itself"`
	Reason string `query:"reason" maxLength:"1000" doc:"Why what was submitted is corrected"`
}

func (r *room) load(ctx context.Context, c api.Caller, in *fileInput) (*yearly.Imported, error) {
	sum := &yearly.Imported{}
	err := in.File.Each(func(name string, body io.Reader) error {
		one, err := r.desk.Import(ctx, c.Actor, name, body, in.Reason)
		sum.Returns, sum.Same, sum.Corrected = sum.Returns+one.Returns, sum.Same+one.Same, sum.Corrected+one.Corrected
		return err
	})
	return sum, err
}

func (r *room) loadOwn(ctx context.Context, c api.Caller, in *fileInput) (*api.Nothing, error) {
	_, err := r.load(ctx, c, in)
	return nil, err
}

func (r *room) mine(ctx context.Context, c api.Caller, _ *struct{}) (egress.Cleared[*api.Page[OwnReturn]], error) {
	all, err := r.desk.Mine(ctx, c.Actor, disclosure.REST)
	return dress(all, err, func(all []yearly.Own) *api.Page[OwnReturn] {
		var out []OwnReturn
		for _, o := range all {
			out = append(out, ownOf(o))
		}
		return api.NewPage(out, "")
	})
}

func (r *room) own(ctx context.Context, c api.Caller, in *Place) (egress.Cleared[*OwnReturn], error) {
	f, err := r.desk.Blank(ctx, c.Actor, disclosure.REST, in.Year.Year, in.Constituent)
	return dress(f, err, func(f *yearly.Form) *OwnReturn {
		o := ownOf(f.Own)
		return &o
	})
}

func (r *room) file(ctx context.Context, c api.Caller, in *Place) (egress.Cleared[*api.Stream], error) {
	f, err := r.desk.Blank(ctx, c.Actor, disclosure.Export, in.Year.Year, in.Constituent)
	return dress(f, err, func(f *yearly.Form) *api.Stream {
		return stream(fmt.Sprintf("incidents-%s-%d.csv", f.Ref, in.Year.Year), []yearly.Return{f.Return})
	})
}

// dress makes an answer of what was cleared.
func dress[In, Out any](c egress.Cleared[In], err error, answer func(In) Out) (none egress.Cleared[Out], _ error) {
	if err != nil {
		return none, err
	}
	in, g, err := c.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(answer(in), g)
}
