// Package api is the REST side of reporters: what a constituent's programs hand in and read, and what the staff writes down for a
// caller or advises. Every answer to somebody outside has been through the gate.
package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// The permissions.
const (
	read  act.Permission = "portal.read"
	write act.Permission = "portal.write"
	take  act.Permission = "portal.download"
	enter act.Permission = "incident.write"
)

// largest is how much may be sent at once.
const largest = 4 << 30

type room struct{ counter *filing.Counter }

// Routes returns the operations.
func Routes(c *filing.Counter) []api.Route {
	r := &room{c}
	return []api.Route{
		api.ClearedOperation[reportListInput, api.Page[OwnReport]]{Method: http.MethodGet, Path: "/api/portal/reports", ID: "portal-reports",
			Summary: "List the reports of one's own constituents, the latest first", Permission: read, Handle: r.list},
		api.ClearedOperation[reportFileInput, OwnReport]{Method: http.MethodPost, Path: "/api/portal/reports", ID: "portal-file-report", Status: http.StatusCreated,
			Summary: "Report an incident", Permission: write, Handle: r.file,
			Description: "Few fields are needed: a text and when it was noticed. With an Idempotency-Key the same report is filed once, however often it is " +
				"sent: the answer is the report that was filed first. A draft is changed by PUT until it is handed in."},
		api.ClearedOperation[Number, OwnReportDetail]{Method: http.MethodGet, Path: "/api/portal/reports/{id}", ID: "portal-report",
			Summary: "One's own report, what was added, and what the CERT advised", Permission: read, Handle: r.one},
		api.ClearedOperation[reportSaveInput, OwnReport]{Method: http.MethodPut, Path: "/api/portal/reports/{id}", ID: "portal-save-report",
			Summary: "Change one's own draft, or hand it in", Permission: write, Handle: r.save},
		api.Operation[Number, api.Nothing]{Method: http.MethodDelete, Path: "/api/portal/reports/{id}", ID: "portal-discard-report",
			Summary: "Throw one's own draft away", Permission: write, Handle: r.discard},
		api.Operation[reportAddInput, OwnAddition]{Method: http.MethodPost, Path: "/api/portal/reports/{id}/additions", ID: "portal-add-to-report",
			Status: http.StatusCreated, Summary: "Add to one's own report: what is new, or the next statutory step", Permission: write, Handle: r.add},
		api.Operation[reportAttachInput, OwnFiles]{Method: http.MethodPost, Path: "/api/portal/reports/{id}/files", ID: "portal-attach-to-report", MaxBytes: largest,
			Status: http.StatusCreated, Summary: "Add files to one's own report", Permission: write, Handle: r.attach},
		api.ClearedDownload[reportFileOf]{Path: "/api/portal/reports/{id}/files/{file}", ID: "portal-report-file", Summary: "A file of one's own report",
			Permission: take, Types: []string{"application/octet-stream"}, Handle: r.take},
		api.ClearedOperation[Number, incident.Receipt]{Method: http.MethodGet, Path: "/api/portal/reports/{id}/receipt", ID: "portal-report-receipt",
			Summary: "The signed receipt of one's own report", Permission: read, Handle: r.receipt},
		api.ClearedDownload[Number]{Path: "/api/portal/reports/{id}/record", ID: "portal-report-record", Permission: take,
			Summary: "What was handed in, byte for byte: its SHA-256 stands on the receipt", Types: []string{"application/json"}, Handle: r.record},
		api.ClearedOperation[reportStepsInput, ReportingSteps]{Method: http.MethodGet, Path: "/api/portal/reporting-steps", ID: "portal-reporting-steps",
			Summary: "The statutory reports that the law asks of one's own constituent", Permission: read, Handle: r.steps},
		api.Operation[reportEnterInput, OwnReport]{Method: http.MethodPost, Path: "/api/reports", ID: "enter-report", Status: http.StatusCreated,
			Summary: "Write down the report of somebody who called, came, or wrote from another CERT", Permission: enter, Handle: r.enter},
		api.Operation[Number, Advised]{Method: http.MethodGet, Path: "/api/reports/{id}/advice", ID: "list-advice",
			Summary: "What the reporter was advised, the first first", Permission: enter, Handle: r.advised},
		api.Operation[reportAdviseInput, filing.Advice]{Method: http.MethodPost, Path: "/api/reports/{id}/advice", ID: "advise-reporter", Status: http.StatusCreated,
			Summary: "Advise the reporter, on their page and by mail", Permission: enter, Handle: r.advise},
		api.Operation[adviceTemplateInput, filing.Advice]{Method: http.MethodGet, Path: "/api/reports/{id}/advice-template", ID: "advice-template",
			Summary: "An advice to begin with, in the reporter's language", Permission: enter, Handle: r.template},
	}
}

// Number is a report in a path.
type Number struct {
	ID int64 `path:"id" minimum:"1"`
}

func rest(c api.Caller) filing.Asker { return filing.Asker{Actor: c.Actor, Via: disclosure.REST} }

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

type reportListInput struct {
	api.Paging
	Constituent int64 `query:"constituent" minimum:"0" doc:"The id of one of one's own; all of them without it"`
}

type place struct {
	Before int64 `json:"b"`
}

func (r *room) list(ctx context.Context, c api.Caller, in *reportListInput) (none egress.Cleared[*api.Page[OwnReport]], err error) {
	var p place
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return none, err
		}
	}
	l, err := r.counter.Mine(ctx, rest(c), incident.MineFilter{Constituent: in.Constituent, Before: p.Before, Limit: in.Limit})
	return view(l, err, func(l *filing.List) (*api.Page[OwnReport], error) {
		next := ""
		if l.Next != 0 {
			var err error
			if next, err = api.Cursor(place{l.Next}); err != nil {
				return nil, err
			}
		}
		out := make([]OwnReport, 0, len(l.Items))
		for _, it := range l.Items {
			out = append(out, viewReport(it))
		}
		return api.NewPage(out, next), nil
	})
}

type reportFileInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"A word of the caller's own for this report; the same word is the same report, for thirty days"`
	Body struct {
		Constituent int64 `json:"constituent,omitempty" minimum:"0" doc:"For which of one's own; needed for who acts for several"`
		Draft       bool  `json:"draft,omitempty" doc:"Not handed in yet"`
		ReportFiling
	}
}

func (r *room) file(ctx context.Context, c api.Caller, in *reportFileInput) (none egress.Cleared[*OwnReport], err error) {
	f, err := in.Body.filing()
	if err != nil {
		return none, err
	}
	ask := filing.Filed{Constituent: in.Body.Constituent, Origin: incident.FromREST, Draft: in.Body.Draft, Key: in.Key, Filing: f}
	if own := c.Actor.Constituents(); ask.Constituent == 0 && len(own) == 1 {
		ask.Constituent = own[0]
	}
	if ask.Constituent == 0 {
		return none, fault.Problems{{Field: "constituent", Message: "say for which of your constituents you report"}}
	}
	report, err := r.counter.FileFor(ctx, c.Actor, ask)
	if err != nil {
		return none, err
	}
	return r.told(ctx, c, report.ID)
}

func (r *room) told(ctx context.Context, c api.Caller, id int64) (egress.Cleared[*OwnReport], error) {
	t, err := r.counter.One(ctx, rest(c), id)
	return view(t, err, func(t *filing.Told) (*OwnReport, error) {
		out := viewReport(t.Report)
		return &out, nil
	})
}

func (r *room) one(ctx context.Context, c api.Caller, in *Number) (egress.Cleared[*OwnReportDetail], error) {
	t, err := r.counter.One(ctx, rest(c), in.ID)
	return view(t, err, viewTold)
}

type reportSaveInput struct {
	Number
	Body struct {
		Submit bool `json:"submit,omitempty" doc:"Hand it in"`
		ReportFiling
	}
}

func (r *room) save(ctx context.Context, c api.Caller, in *reportSaveInput) (none egress.Cleared[*OwnReport], err error) {
	f, err := in.Body.filing()
	if err != nil {
		return none, err
	}
	if err := r.counter.SaveFor(ctx, c.Actor, in.ID, f, in.Body.Submit); err != nil {
		return none, err
	}
	return r.told(ctx, c, in.ID)
}

func (r *room) discard(ctx context.Context, c api.Caller, in *Number) (*api.Nothing, error) {
	return nil, r.counter.DiscardFor(ctx, c.Actor, in.ID)
}

type reportAddInput struct {
	Number
	Body struct {
		Text    string            `json:"text" minLength:"1" maxLength:"200000"`
		Step    string            `json:"step,omitempty" maxLength:"40" doc:"The statutory step that it takes"`
		Details *incident.Details `json:"details,omitempty"`
	}
}

func (r *room) add(ctx context.Context, c api.Caller, in *reportAddInput) (*OwnAddition, error) {
	a, err := r.counter.AddFor(ctx, c.Actor, in.ID, incident.Addition{Via: "rest", Text: in.Body.Text, Step: in.Body.Step, Details: in.Body.Details})
	if err != nil {
		return nil, err
	}
	out := viewAddition(a)
	return &out, nil
}

type reportAttachInput struct {
	Number
	Name string `query:"name" maxLength:"300" doc:"Of the file, when it is the body itself"`
	File api.Upload
}

func (r *room) attach(ctx context.Context, c api.Caller, in *reportAttachInput) (*OwnFiles, error) {
	out := &OwnFiles{}
	err := in.File.Each(func(name string, content io.Reader) error {
		f, err := r.counter.KeepFor(ctx, c.Actor, in.ID, name, "", content)
		out.Items = append(out.Items, viewFile(f))
		return err
	})
	return out, err
}

type reportFileOf struct {
	Number
	File int64 `path:"file" minimum:"1"`
}

func (r *room) take(ctx context.Context, c api.Caller, in *reportFileOf) (egress.Cleared[*api.Stream], error) {
	t, err := r.counter.TakeFor(ctx, filing.Asker{Actor: c.Actor, Via: disclosure.REST}, in.ID, in.File)
	return view(t, err, func(t *filing.Taken) (*api.Stream, error) {
		return &api.Stream{ContentType: "application/octet-stream", Name: t.Name, Write: func(_ context.Context, w io.Writer) error {
			defer t.Content.Close()
			_, err := io.Copy(w, io.NewSectionReader(t.Content, 0, t.Bytes))
			return err
		}}, nil
	})
}

func (r *room) receipt(ctx context.Context, c api.Caller, in *Number) (egress.Cleared[*incident.Receipt], error) {
	p, err := r.counter.PapersOf(ctx, rest(c), in.ID)
	return view(p, err, func(p *filing.Papers) (*incident.Receipt, error) { return &p.Receipt, nil })
}

func (r *room) record(ctx context.Context, c api.Caller, in *Number) (egress.Cleared[*api.Stream], error) {
	p, err := r.counter.PapersOf(ctx, rest(c), in.ID)
	return view(p, err, func(p *filing.Papers) (*api.Stream, error) {
		if !json.Valid(p.Record) {
			return nil, fault.Invalidf("the record of %s is no JSON", p.Receipt.Number)
		}
		return &api.Stream{ContentType: "application/json", Name: "record-" + p.Receipt.Number + ".json", Write: func(_ context.Context, w io.Writer) error {
			_, err := w.Write(p.Record)
			return err
		}}, nil
	})
}

type reportStepsInput struct {
	Constituent int64  `query:"constituent" minimum:"0" doc:"The id of one of one's own; all of them without it"`
	Language    string `query:"language" maxLength:"35" default:"en"`
}

func (r *room) steps(ctx context.Context, c api.Caller, in *reportStepsInput) (egress.Cleared[*ReportingSteps], error) {
	// What the law asks is public; that it is one's own constituent's is what goes through the gate.
	l, err := r.counter.Mine(ctx, rest(c), incident.MineFilter{Constituent: in.Constituent, Limit: 1})
	return view(l, err, func(*filing.List) (*ReportingSteps, error) {
		choices, err := r.counter.Choices(ctx, c.Actor)
		if err != nil {
			return nil, err
		}
		out, found := &ReportingSteps{[]filing.Step{}}, in.Constituent == 0
		for _, x := range choices {
			if in.Constituent != 0 && x.ID != in.Constituent {
				continue
			}
			found = true
			steps, err := r.counter.Steps(ctx, x.ID, in.Language)
			if err != nil {
				return nil, err
			}
			for _, s := range steps {
				if !slices.Contains(out.Items, s) {
					out.Items = append(out.Items, s)
				}
			}
		}
		if !found {
			return nil, fault.NotFoundf("there is no constituent with the id %d", in.Constituent)
		}
		return out, nil
	})
}

type reportEnterInput struct {
	Body struct {
		Origin      string `json:"origin,omitempty" enum:"staff,partner" default:"staff"`
		Constituent int64  `json:"constituent,omitempty" minimum:"0"`
		Receipt     bool   `json:"receipt,omitempty" doc:"Send the receipt to the mail address"`
		ReportFiling
	}
}

func (r *room) enter(ctx context.Context, c api.Caller, in *reportEnterInput) (*OwnReport, error) {
	f, err := in.Body.filing()
	if err != nil {
		return nil, err
	}
	report, err := r.counter.Write(ctx, c.Actor, filing.Call{Origin: incident.Origin(in.Body.Origin), Constituent: in.Body.Constituent, Receipt: in.Body.Receipt, Filing: f})
	if err != nil {
		return nil, err
	}
	out := viewReport(report)
	return &out, nil
}

// Advised is what a reporter was advised.
type Advised struct {
	Items []filing.Advice `json:"items" nullable:"false"`
}

func (r *room) advised(ctx context.Context, _ api.Caller, in *Number) (*Advised, error) {
	if _, err := r.counter.Report(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := r.counter.Advised(ctx, in.ID)
	return &Advised{append([]filing.Advice{}, all...)}, err
}

type reportAdviseInput struct {
	Number
	Body struct {
		Subject string `json:"subject" minLength:"1" maxLength:"200"`
		Text    string `json:"text" minLength:"1" maxLength:"50000"`
		Label   string `json:"tlp,omitempty" maxLength:"20" doc:"AMBER without it"`
		Send    bool   `json:"send,omitempty" doc:"By mail too"`
	}
}

func (r *room) advise(ctx context.Context, c api.Caller, in *reportAdviseInput) (*filing.Advice, error) {
	label, err := tlp.Parse(in.Body.Label)
	if err != nil {
		return nil, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	a, err := r.counter.Advise(ctx, c.Actor, filing.Advice{Report: in.ID, Subject: in.Body.Subject, Text: in.Body.Text, Label: label}, in.Body.Send)
	return &a, err
}

type adviceTemplateInput struct {
	Number
	Audience string `query:"audience" maxLength:"20" default:"organisation"`
	Topic    string `query:"topic" maxLength:"20" required:"true"`
}

func (r *room) template(ctx context.Context, _ api.Caller, in *adviceTemplateInput) (*filing.Advice, error) {
	a, err := r.counter.Template(ctx, in.ID, in.Audience, in.Topic)
	return &a, err
}
