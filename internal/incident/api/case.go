package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

func (r *room) caseRoutes() []api.Route {
	return []api.Route{
		api.Operation[listCasesInput, api.Page[Case]]{Method: http.MethodGet, Path: "/api/cases", ID: "list-cases", Summary: "Cases, the gravest first", Permission: read, Handle: r.cases},
		api.Operation[countCasesInput, IncidentCounts]{Method: http.MethodGet, Path: "/api/cases/counts", ID: "count-cases", Summary: "How many cases that match are in each state",
			Permission: read, Handle: r.caseCounts},
		api.Download[countCasesInput]{Path: "/api/cases/export", ID: "export-cases", Summary: "All cases that match, as CSV", Permission: read,
			Description: "A value that a spreadsheet would take for a formula begins with an apostrophe.", Types: []string{"text/csv"}, Handle: r.export},
		api.Operation[searchCasesInput, IncidentsFound]{Method: http.MethodGet, Path: "/api/cases/search", ID: "search-incidents",
			Summary: "Reports and cases in which all words stand, or words that begin so: the latest first, at most 50 of each", Permission: read, Handle: r.search,
			Description: "Numbers, titles, texts, names of reporters and organisations, notes and indicators, defanged or not, are looked in."},
		api.Operation[openCaseInput, Case]{Method: http.MethodPost, Path: "/api/cases", ID: "open-case", Summary: "Open a case without a report", Permission: write,
			Status: http.StatusCreated, Handle: r.open},
		api.Operation[Numbered, Case]{Method: http.MethodGet, Path: "/api/cases/{id}", ID: "get-case", Summary: "One case", Permission: read, Handle: r.one},
		api.Operation[changeCaseInput, Case]{Method: http.MethodPatch, Path: "/api/cases/{id}", ID: "change-case", Summary: "Change a case: what is left out stays", Permission: write,
			Handle: r.change},
		api.Operation[moveCaseInput, Case]{Method: http.MethodPost, Path: "/api/cases/{id}/move", ID: "move-case", Summary: "Bring a case to another state", Permission: write, Handle: r.move},
		api.Operation[involveCaseInput, Case]{Method: http.MethodPost, Path: "/api/cases/{id}/parties", ID: "involve-constituent", Summary: "Add a constituent to a case",
			Permission: write, Handle: r.involve},
		api.Operation[dismissCaseInput, Case]{Method: http.MethodDelete, Path: "/api/cases/{id}/parties", ID: "dismiss-constituent", Summary: "Take a constituent out of a case",
			Permission: write, Status: http.StatusOK, Handle: r.dismiss},
		api.Operation[joinCaseInput, Case]{Method: http.MethodPost, Path: "/api/cases/{id}/join", ID: "join-case", Summary: "Make a case part of another one", Permission: write, Handle: r.join},
		api.Operation[Numbered, api.Page[Report]]{Method: http.MethodGet, Path: "/api/cases/{id}/reports", ID: "list-case-reports", Summary: "The reports of a case, at most 1,000",
			Permission: read, Handle: r.reportsOf},
		api.Operation[timelineCaseInput, api.Page[CaseEntry]]{Method: http.MethodGet, Path: "/api/cases/{id}/timeline", ID: "list-case-timeline",
			Summary: "The timeline of a case, the latest written first", Permission: read, Handle: r.timeline},
		api.Operation[noteCaseInput, CaseEntry]{Method: http.MethodPost, Path: "/api/cases/{id}/timeline", ID: "write-case-entry", Summary: "Write an entry of the timeline", Permission: write,
			Status: http.StatusCreated, Handle: r.note},
		api.Operation[Numbered, api.Page[CaseFile]]{Method: http.MethodGet, Path: "/api/cases/{id}/files", ID: "list-case-files", Summary: "The files of a case and its reports, at most 1,000",
			Permission: read, Handle: r.files},
		api.Operation[keepCaseInput, api.Page[CaseFile]]{Method: http.MethodPost, Path: "/api/cases/{id}/files", ID: "keep-case-files", Summary: "Add files to a case",
			Permission: write, Status: http.StatusCreated, MaxBytes: 8 << 30, Handle: r.keep, Description: "They are kept as they come, and hashed; they are never held in memory."},
	}
}

type countCasesInput struct{ incident.CaseText }

type listCasesInput struct {
	api.Paging
	incident.CaseText
	Sort string `query:"sort" enum:"-severity,severity,-changed,changed,-opened,opened" default:"-severity"`
}

func (r *room) cases(ctx context.Context, c api.Caller, in *listCasesInput) (*api.Page[Case], error) {
	f, err := r.desk.Filter(ctx, c.Actor, in.CaseText)
	if err != nil {
		return nil, err
	}
	after, err := place(in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, last, err := r.desk.CaseList(ctx, f, incident.CaseSort(in.Sort), after, in.Limit)
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, x := range rows {
		out = append(out, *caseOf(&x))
	}
	to, err := next(last)
	return api.NewPage(out, to), err
}

func (r *room) caseCounts(ctx context.Context, c api.Caller, in *countCasesInput) (*IncidentCounts, error) {
	f, err := r.desk.Filter(ctx, c.Actor, in.CaseText)
	if err != nil {
		return nil, err
	}
	n, err := r.desk.CaseCounts(ctx, f)
	return &IncidentCounts{byState(n)}, err
}

func (r *room) export(ctx context.Context, c api.Caller, in *countCasesInput) (*api.Stream, error) {
	f, err := r.desk.Filter(ctx, c.Actor, in.CaseText)
	return &api.Stream{ContentType: "text/csv; charset=utf-8", Name: "cases.csv", Write: func(ctx context.Context, w io.Writer) error {
		return r.desk.ExportCases(ctx, w, f)
	}}, err
}

type searchCasesInput struct {
	Query string `query:"q" required:"true" maxLength:"500"`
}

// IncidentsFound is what a search found.
type IncidentsFound struct {
	Reports []Report `json:"reports" nullable:"false"`
	Cases   []Case   `json:"cases" nullable:"false"`
	Capped  bool     `json:"capped" doc:"All its words are so frequent that only the latest of them were looked at"`
}

func (r *room) search(ctx context.Context, _ api.Caller, in *searchCasesInput) (*IncidentsFound, error) {
	f, err := r.desk.Search(ctx, in.Query)
	out := &IncidentsFound{Reports: []Report{}, Cases: []Case{}, Capped: f.Capped}
	for _, l := range f.Reports {
		out.Reports = append(out.Reports, *reportOf(&l.Report, l.More))
	}
	for _, c := range f.Cases {
		out.Cases = append(out.Cases, *caseOf(&c))
	}
	return out, err
}

type openCaseInput struct {
	Body struct {
		CaseOpening
		Constituent string `json:"constituent,omitempty" maxLength:"100" doc:"Its ref or number"`
		Part        string `json:"part,omitempty" enum:"reporter,victim,source,helper" default:"victim"`
	}
}

func (r *room) open(ctx context.Context, c api.Caller, in *openCaseInput) (*Case, error) {
	o, err := r.opening(ctx, c, &in.Body.CaseOpening)
	if err != nil {
		return nil, err
	}
	var about []incident.Party
	if in.Body.Constituent != "" {
		id, err := r.desk.ConstituentOf(ctx, "constituent", in.Body.Constituent)
		if err != nil {
			return nil, err
		}
		about = append(about, incident.Party{Constituent: id, Part: in.Body.Part})
	}
	out, err := r.desk.Open(ctx, c.Actor, o, about...)
	return caseOf(&out), err
}

func (r *room) one(ctx context.Context, _ api.Caller, in *Numbered) (*Case, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	return caseOf(&c), err
}

type changeCaseInput struct {
	Numbered
	Body struct {
		Version     int64   `json:"version,omitempty" minimum:"0" doc:"Of the case as the caller read it; 0: change it in any case"`
		Title       *string `json:"title,omitempty" maxLength:"1000"`
		Summary     *string `json:"summary,omitempty" maxLength:"100000"`
		Type        *string `json:"type,omitempty" maxLength:"60"`
		Impact      *string `json:"impact,omitempty" maxLength:"60"`
		Reach       *string `json:"reach,omitempty" maxLength:"60"`
		Severity    *int    `json:"severity,omitempty" minimum:"0" maximum:"5"`
		TLP         *string `json:"tlp,omitempty" maxLength:"20"`
		PAP         *string `json:"pap,omitempty" maxLength:"20"`
		CrossBorder *bool   `json:"cross_border,omitempty"`
		Personal    *bool   `json:"personal_data,omitempty"`
		Lead        *string `json:"lead,omitempty" maxLength:"20" doc:"me, nobody or the number of an account"`
		Reason      string  `json:"reason,omitempty" maxLength:"20000" doc:"Needed to let the case travel further, and for a severity that is not the one of the matrix"`
	}
}

func (r *room) change(ctx context.Context, c api.Caller, in *changeCaseInput) (*Case, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	ch := incident.Change{Title: b.Title, Summary: b.Summary, Type: b.Type, Impact: b.Impact, Reach: b.Reach, Severity: b.Severity, CrossBorder: b.CrossBorder,
		Personal: b.Personal, Reason: b.Reason}
	if b.TLP != nil {
		l := tlp.None
		if err := label(*b.TLP, &l); err != nil {
			return nil, err
		}
		ch.Label = &l
	}
	if b.PAP != nil {
		p, err := disclosure.ParsePAP(*b.PAP)
		if err != nil {
			return nil, fault.Problems{{Field: "pap", Message: err.Error()}}
		}
		ch.PAP = &p
	}
	if b.Lead != nil {
		id, name, err := r.desk.Person(ctx, c.Actor, "lead", *b.Lead)
		if err != nil {
			return nil, err
		}
		ch.Lead, ch.LeadName = &id, name
	}
	one, err = r.desk.Edit(ctx, c.Actor, one.ID, b.Version, ch)
	return caseOf(&one), err
}

type moveCaseInput struct {
	Numbered
	Body struct {
		Version int64  `json:"version,omitempty" minimum:"0"`
		To      string `json:"to" enum:"open,containment,eradication,recovery,resolved,closed"`
		Reason  string `json:"reason,omitempty" maxLength:"20000" doc:"Needed to open a case again"`
	}
}

func (r *room) move(ctx context.Context, c api.Caller, in *moveCaseInput) (*Case, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	one, err = r.desk.Move(ctx, c.Actor, one.ID, in.Body.Version, incident.CaseState(in.Body.To), in.Body.Reason)
	return caseOf(&one), err
}

type involveCaseInput struct {
	Numbered
	Body struct {
		Version     int64  `json:"version,omitempty" minimum:"0"`
		Constituent string `json:"constituent" maxLength:"100" doc:"Its ref or number"`
		Part        string `json:"part" enum:"reporter,victim,source,helper"`
	}
}

func (r *room) involve(ctx context.Context, c api.Caller, in *involveCaseInput) (*Case, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id, err := r.desk.ConstituentOf(ctx, "constituent", in.Body.Constituent)
	if err != nil {
		return nil, err
	}
	one, err = r.desk.Involve(ctx, c.Actor, one.ID, in.Body.Version, id, in.Body.Part)
	return caseOf(&one), err
}

type dismissCaseInput struct {
	Numbered
	Version     int64  `query:"version" minimum:"0"`
	Constituent int64  `query:"constituent" minimum:"1" required:"true"`
	Part        string `query:"part" enum:"reporter,victim,source,helper" required:"true"`
}

func (r *room) dismiss(ctx context.Context, c api.Caller, in *dismissCaseInput) (*Case, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	one, err = r.desk.Dismiss(ctx, c.Actor, one.ID, in.Version, in.Constituent, in.Part)
	return caseOf(&one), err
}

type joinCaseInput struct {
	Numbered
	Body struct {
		Version int64  `json:"version,omitempty" minimum:"0"`
		Into    string `json:"into" maxLength:"40" doc:"The case that it becomes part of: its id or number"`
		Reason  string `json:"reason" maxLength:"20000"`
	}
}

func (r *room) join(ctx context.Context, c api.Caller, in *joinCaseInput) (*Case, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	into, err := r.desk.Resolve(ctx, in.Body.Into)
	if err != nil {
		return nil, named("into", err)
	}
	one, err = r.desk.Join(ctx, c.Actor, one.ID, in.Body.Version, into.ID, in.Body.Reason)
	return caseOf(&one), err
}

func (r *room) reportsOf(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[Report], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := r.desk.ReportsOf(ctx, one.ID)
	var out []Report
	for _, x := range rows {
		out = append(out, *reportOf(&x, false))
	}
	return api.NewPage(out, ""), err
}

type timelineCaseInput struct {
	Numbered
	api.Paging
}

func (r *room) timeline(ctx context.Context, _ api.Caller, in *timelineCaseInput) (*api.Page[CaseEntry], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	before := int64(0)
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := min(in.Limit, 499)
	rows, err := r.desk.Timeline(ctx, one.ID, before, limit+1)
	if err != nil {
		return nil, err
	}
	to := ""
	if len(rows) > limit {
		rows = rows[:limit]
		to, err = api.Cursor(rows[limit-1].ID)
	}
	var out []CaseEntry
	for _, e := range rows {
		out = append(out, entryOf(&e))
	}
	return api.NewPage(out, to), err
}

type noteCaseInput struct {
	Numbered
	Body struct {
		Kind   string     `json:"kind,omitempty" enum:"note,handover,fact" default:"note"`
		Text   string     `json:"text" maxLength:"300000"`
		At     *time.Time `json:"at,omitempty" doc:"When it happened; without it now"`
		Shared bool       `json:"shared,omitempty" doc:"Participants from outside may read it"`
	}
}

func (r *room) note(ctx context.Context, c api.Caller, in *noteCaseInput) (*CaseEntry, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	e := incident.Entry{Kind: in.Body.Kind, Text: in.Body.Text, Shared: in.Body.Shared}
	if in.Body.At != nil {
		e.At = in.Body.At.UnixMicro()
	}
	e, err = r.desk.Note(ctx, c.Actor, one.ID, e)
	out := entryOf(&e)
	return &out, err
}

func (r *room) files(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[CaseFile], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := r.desk.FilesOf(ctx, one.ID, 0)
	var out []CaseFile
	for _, f := range rows {
		out = append(out, fileOf(&f))
	}
	return api.NewPage(out, ""), err
}

type keepCaseInput struct {
	Numbered
	Name  string `query:"name" maxLength:"1000" doc:"Of a body that is the file itself"`
	Note  string `query:"note" maxLength:"4000" doc:"What it is"`
	Files api.Upload
}

func (r *room) keep(ctx context.Context, c api.Caller, in *keepCaseInput) (*api.Page[CaseFile], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var out []CaseFile
	err = in.Files.Each(func(name string, body io.Reader) error {
		f, err := r.desk.Keep(ctx, c.Actor, incident.File{Case: one.ID, Name: name, Note: in.Note}, body)
		out = append(out, fileOf(&f))
		return err
	})
	return api.NewPage(out, ""), err
}
