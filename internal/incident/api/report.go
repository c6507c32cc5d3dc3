package api

import (
	"context"
	"io"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type listReportsInput struct {
	api.Paging
	State       string `query:"state" enum:"unconfirmed,received,accepted,merged,duplicate,rejected"`
	Origin      string `query:"origin" enum:"portal,public,rest,mail,staff,partner"`
	Constituent string `query:"constituent" maxLength:"100" doc:"Its ref or number"`
	Order       string `query:"order" enum:"latest,oldest" default:"latest"`
}

// place reads a cursor.
func place(cursor string) (p incident.Place, err error) {
	if cursor != "" {
		err = api.ReadCursor(cursor, &p)
	}
	return p, err
}

func next(p *incident.Place) (string, error) {
	if p == nil {
		return "", nil
	}
	return api.Cursor(p)
}

func (r *room) reports(ctx context.Context, _ api.Caller, in *listReportsInput) (*api.Page[Report], error) {
	f := incident.ReportFilter{State: incident.ReportState(in.State), Origin: incident.Origin(in.Origin), Oldest: in.Order == "oldest"}
	var err error
	if in.Constituent != "" {
		if f.Constituent, err = r.desk.ConstituentOf(ctx, "constituent", in.Constituent); err != nil {
			return nil, err
		}
	}
	after, err := place(in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, last, err := r.desk.ReportList(ctx, f, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var out []Report
	for _, l := range rows {
		out = append(out, *reportOf(&l.Report, l.More))
	}
	to, err := next(last)
	return api.NewPage(out, to), err
}

// IncidentCounts are numbers by state.
type IncidentCounts struct {
	States map[string]int64 `json:"states" doc:"Reports of a state are counted up to 1,000: 1,001 says that there are more"`
}

func (r *room) counts(ctx context.Context, _ api.Caller, _ *struct{}) (*IncidentCounts, error) {
	n, err := r.desk.ReportCounts(ctx)
	return &IncidentCounts{byState(n)}, err
}

func byState[S ~string](n map[S]int64) map[string]int64 {
	out := map[string]int64{}
	for s, n := range n {
		out[string(s)] = n
	}
	return out
}

func (r *room) report(ctx context.Context, _ api.Caller, in *Numbered) (*Report, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := reportOf(&one, false)
	adds, err := r.desk.Additions(ctx, one.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range adds {
		out.Additions = append(out.Additions, ReportAddition{a.ID, at(a.At), a.Via, a.Name, a.Step, a.Text, a.Details, a.SHA256})
	}
	files, err := r.desk.FilesOf(ctx, 0, one.ID)
	for _, f := range files {
		out.Files = append(out.Files, fileOf(&f))
	}
	return out, err
}

func (r *room) receipt(ctx context.Context, _ api.Caller, in *Numbered) (*incident.Receipt, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out, err := r.desk.Receipt(ctx, one.ID)
	return &out, err
}

func (r *room) record(ctx context.Context, _ api.Caller, in *Numbered) (*api.Stream, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b, err := one.Record()
	return &api.Stream{ContentType: "application/json", Name: one.Number + ".json", Write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, err
}

// CaseOpening is what a new case begins with.
type CaseOpening struct {
	Title   string `json:"title,omitempty" maxLength:"1000"`
	Summary string `json:"summary,omitempty" maxLength:"100000"`
	Type    string `json:"type,omitempty" maxLength:"60" doc:"RSIT; its class follows"`
	Impact  string `json:"impact,omitempty" maxLength:"60"`
	Reach   string `json:"reach,omitempty" maxLength:"60"`
	TLP     string `json:"tlp,omitempty" maxLength:"20"`
	Lead    string `json:"lead,omitempty" maxLength:"20" doc:"me, or the number of an account"`
}

func (r *room) opening(ctx context.Context, c api.Caller, in *CaseOpening) (o incident.Opening, err error) {
	o = incident.Opening{Title: in.Title, Summary: in.Summary, Type: in.Type, Impact: in.Impact, Reach: in.Reach}
	if err := label(in.TLP, &o.Label); err != nil {
		return o, err
	}
	o.Lead, o.LeadName, err = r.desk.Person(ctx, c.Actor, "lead", in.Lead)
	return o, err
}

func label(text string, to *tlp.Label) error {
	if text == "" {
		return nil
	}
	l, err := tlp.Parse(text)
	if err != nil {
		return fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	*to = l
	return nil
}

type acceptReportInput struct {
	Numbered
	Body struct {
		CaseOpening
		Version int64 `json:"version,omitempty" minimum:"0"`
	}
}

func (r *room) accept(ctx context.Context, c api.Caller, in *acceptReportInput) (*Case, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	o, err := r.opening(ctx, c, &in.Body.CaseOpening)
	if err != nil {
		return nil, err
	}
	out, err := r.desk.Accept(ctx, c.Actor, one.ID, in.Body.Version, o)
	return caseOf(&out), err
}

type mergeReportInput struct {
	Numbered
	Body struct {
		Case    string `json:"case" maxLength:"40" doc:"Its id or number"`
		Version int64  `json:"version,omitempty" minimum:"0"`
	}
}

func (r *room) merge(ctx context.Context, c api.Caller, in *mergeReportInput) (*Case, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	into, err := r.desk.Resolve(ctx, in.Body.Case)
	if err != nil {
		return nil, named("case", err)
	}
	out, err := r.desk.Merge(ctx, c.Actor, one.ID, in.Body.Version, into.ID)
	return caseOf(&out), err
}

// named makes what the body names and what is not there a fault of its field.
func named(field string, err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Problems{{Field: field, Message: err.Error()}}
	}
	return err
}

type rejectReportInput struct {
	Numbered
	Body struct {
		Reason  string `json:"reason" maxLength:"20000"`
		Version int64  `json:"version,omitempty" minimum:"0"`
	}
}

func (r *room) reject(ctx context.Context, c api.Caller, in *rejectReportInput) (*Report, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	one, err = r.desk.Reject(ctx, c.Actor, one.ID, in.Body.Version, in.Body.Reason)
	return reportOf(&one, false), err
}

type repeatReportInput struct {
	Numbered
	Body struct {
		Of      string `json:"of" maxLength:"40" doc:"The report that it repeats: its id or number"`
		Version int64  `json:"version,omitempty" minimum:"0"`
	}
}

func (r *room) repeat(ctx context.Context, c api.Caller, in *repeatReportInput) (*Report, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	of, err := r.desk.ResolveReport(ctx, in.Body.Of)
	if err != nil {
		return nil, named("of", err)
	}
	one, err = r.desk.Repeat(ctx, c.Actor, one.ID, in.Body.Version, of.ID)
	return reportOf(&one, false), err
}

type untriageReportInput struct {
	Numbered
	Body struct {
		Version int64 `json:"version,omitempty" minimum:"0"`
	}
}

func (r *room) untriage(ctx context.Context, c api.Caller, in *untriageReportInput) (*Report, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	one, err = r.desk.Untriage(ctx, c.Actor, one.ID, in.Body.Version)
	return reportOf(&one, false), err
}

type splitReportInput struct {
	Numbered
	Body struct {
		CaseOpening
		Reason string `json:"reason" maxLength:"20000"`
	}
}

func (r *room) split(ctx context.Context, c api.Caller, in *splitReportInput) (*Case, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	o, err := r.opening(ctx, c, &in.Body.CaseOpening)
	if err != nil {
		return nil, err
	}
	out, err := r.desk.Split(ctx, c.Actor, one.ID, o, in.Body.Reason)
	return caseOf(&out), err
}

type evidenceInput struct {
	File int64 `path:"file" minimum:"1"`
}

func (r *room) take(ctx context.Context, c api.Caller, in *evidenceInput) (*api.Stream, error) {
	f, err := r.desk.FileByID(ctx, in.File)
	if err == nil && f.Report != 0 {
		_, err = r.desk.Report(ctx, f.Report) // a draft's files are its writer's alone
	}
	return &api.Stream{ContentType: "application/octet-stream", Name: f.Name, Write: func(ctx context.Context, w io.Writer) error {
		return r.desk.CopyTo(ctx, c.Actor, f.ID, w)
	}}, err
}
