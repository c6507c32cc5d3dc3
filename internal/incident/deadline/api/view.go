package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
)

// StatutoryClock is one report that a law asks for.
type StatutoryClock struct {
	ID           int64      `json:"id"`
	Regime       string     `json:"regime"`
	Edition      string     `json:"edition" doc:"The day from which the law held"`
	Step         string     `json:"step"`
	Owed         string     `json:"owed_by" enum:"entity,cert"`
	Constituent  int64      `json:"constituent"`
	Entity       string     `json:"entity"`
	Sector       string     `json:"sector,omitempty"`
	Report       int64      `json:"report,omitempty"`
	ReportNumber string     `json:"report_number,omitempty"`
	Case         int64      `json:"case,omitempty"`
	CaseNumber   string     `json:"case_number,omitempty"`
	Cause        string     `json:"cause" doc:"aware, or the step whose report started it"`
	Triggered    time.Time  `json:"triggered"`
	Due          time.Time  `json:"due"`
	State        string     `json:"state" enum:"running,late,submitted,waived,ended"`
	LateAt       *time.Time `json:"late_at,omitempty" doc:"When its lateness was noted"`
	Submitted    *time.Time `json:"submitted,omitempty"`
	SubmittedBy  string     `json:"submitted_by,omitempty" doc:"report:3, addition:7, hand"`
	InTime       bool       `json:"in_time"`
	Proof        string     `json:"proof,omitempty"`
	Decided      *time.Time `json:"decided,omitempty"`
	DecidedBy    string     `json:"decided_by,omitempty"`
	Reason       string     `json:"reason,omitempty" doc:"Of a waiver; of an ended clock the circumstance"`
}

// StatutoryClockDetail is a clock with the law that it runs by and all its alarms.
type StatutoryClockDetail struct {
	StatutoryClock
	Law    deadline.Law `json:"law"`
	Alarms []AlarmPlan  `json:"alarms" nullable:"false"`
}

// AlarmPlan is what happens to a clock when.
type AlarmPlan struct {
	Kind      string     `json:"kind" enum:"remind,late,escalate"`
	Planned   time.Time  `json:"planned"`
	At        *time.Time `json:"at,omitempty" doc:"When it happened; absent: not yet"`
	Letters   int        `json:"letters"`
	Overtaken bool       `json:"overtaken"`
}

// ClockSheet is all about the clocks of a case, or of a report.
type ClockSheet struct {
	Clocks []StatutoryClock      `json:"clocks" nullable:"false"`
	Laws   []deadline.Considered `json:"laws" nullable:"false" doc:"Those that held when the incident became known, and whether each asks for reports"`
	Ruling *deadline.Ruling      `json:"ruling,omitempty"`
}

func when(t int64) time.Time { return time.UnixMicro(t).UTC() }

func maybe(t int64) *time.Time {
	if t == 0 {
		return nil
	}
	at := when(t)
	return &at
}

func view(l *deadline.Listed) StatutoryClock {
	return StatutoryClock{ID: l.ID, Regime: l.Regime, Edition: l.Edition, Step: l.Step, Owed: l.Owed, Constituent: l.Constituent, Entity: l.Entity, Sector: l.Sector,
		Report: l.Report, ReportNumber: l.ReportNumber, Case: l.Case, CaseNumber: l.CaseNumber, Cause: l.Cause, Triggered: when(l.Triggered), Due: when(l.Due), State: string(l.State),
		LateAt: maybe(l.LateAt), Submitted: maybe(l.Submitted), SubmittedBy: l.SubmittedBy, InTime: l.InTime(), Proof: l.Proof, Decided: maybe(l.Decided), DecidedBy: l.DecidedBy,
		Reason: l.Reason}
}

func views(ls []deadline.Listed) []StatutoryClock {
	out := []StatutoryClock{}
	for i := range ls {
		out = append(out, view(&ls[i]))
	}
	return out
}

func sheet(s *deadline.Sheet) *ClockSheet {
	out := &ClockSheet{views(s.Clocks), s.Laws, s.Ruling}
	if out.Laws == nil {
		out.Laws = []deadline.Considered{}
	}
	return out
}

// PortalClock is a clock as its constituent sees it.
type PortalClock struct {
	ID           int64      `json:"id"`
	Report       int64      `json:"report,omitempty"`
	ReportNumber string     `json:"report_number,omitempty"`
	Constituent  int64      `json:"constituent"`
	Regime       string     `json:"regime"`
	Edition      string     `json:"edition"`
	Step         string     `json:"step"`
	Owed         string     `json:"owed_by" enum:"entity,cert"`
	To           string     `json:"to"`
	Elsewhere    bool       `json:"elsewhere" doc:"It goes to somebody else than the CERT"`
	Triggered    time.Time  `json:"triggered"`
	Due          time.Time  `json:"due"`
	State        string     `json:"state" enum:"running,late,submitted,waived,ended"`
	Submitted    *time.Time `json:"submitted,omitempty"`
	InTime       bool       `json:"in_time"`
	Reason       string     `json:"reason,omitempty"`
}

func (r *room) ownRoutes() []api.Route {
	return []api.Route{
		api.ClearedOperation[ownInput, api.Page[PortalClock]]{Method: http.MethodGet, Path: "/api/portal/clocks", ID: "portal-clocks",
			Summary: "What the law asks of one's own constituents, and what the CERT owes them", Permission: portal, Handle: r.own},
		api.ClearedOperation[NumberPath, api.Page[PortalClock]]{Method: http.MethodGet, Path: "/api/portal/reports/{id}/clocks", ID: "portal-report-clocks",
			Summary: "The clocks of one's own report", Permission: portal, Handle: r.ownReport},
		api.ClearedDownload[ownExportInput]{Path: "/api/portal/clocks/export", ID: "portal-export-clocks",
			Summary: "Export one's own clocks as CSV, or those that run as iCalendar", Permission: download, Types: []string{"text/csv", "text/calendar"}, Handle: r.ownExport},
	}
}

type ownInput struct {
	Constituent int64  `query:"constituent" minimum:"0" doc:"The id of one of one's own; all of them without it"`
	State       string `query:"state" enum:",running,late,submitted,waived,ended" doc:"Running and late ones without it"`
}

func (in ownInput) filter() deadline.Filter {
	f := deadline.Filter{State: deadline.State(in.State), Limit: 1000}
	if in.Constituent != 0 {
		f.Constituents = []int64{in.Constituent}
	}
	return f
}

func (r *room) own(ctx context.Context, c api.Caller, in *ownInput) (egress.Cleared[*api.Page[PortalClock]], error) {
	return r.cleared(ctx, c, in.filter(), 0)
}

func (r *room) ownReport(ctx context.Context, c api.Caller, in *NumberPath) (egress.Cleared[*api.Page[PortalClock]], error) {
	return r.cleared(ctx, c, deadline.Filter{}, in.ID)
}

func (r *room) cleared(ctx context.Context, c api.Caller, f deadline.Filter, report int64) (none egress.Cleared[*api.Page[PortalClock]], err error) {
	all, g, err := r.mine(ctx, c, disclosure.REST, f, report)
	if err != nil {
		return none, err
	}
	var out []PortalClock
	for _, o := range all {
		out = append(out, PortalClock{o.ID, o.Report, o.ReportNumber, o.Constituent, o.Regime, o.Edition, o.Step, o.Owed, o.To, o.Elsewhere, when(o.Triggered), when(o.Due),
			string(o.State), maybe(o.Submitted), o.InTime, o.Reason})
	}
	return disclosure.Whole(api.NewPage(out, ""), g)
}

func (r *room) mine(ctx context.Context, c api.Caller, via disclosure.Channel, f deadline.Filter, report int64) ([]deadline.Own, *egress.Grant, error) {
	own, err := r.desk.Mine(ctx, c.Actor, via, f, report)
	if err != nil {
		return nil, nil, err
	}
	return own.Open()
}

type ownExportInput struct {
	ownInput
	Format string `query:"format" enum:"csv,ics" default:"csv"`
}

func (r *room) ownExport(ctx context.Context, c api.Caller, in *ownExportInput) (none egress.Cleared[*api.Stream], err error) {
	all, g, err := r.mine(ctx, c, disclosure.Export, in.filter(), 0)
	if err != nil {
		return none, err
	}
	var lines []deadline.Line
	for i := range all {
		lines = append(lines, all[i].Line())
	}
	return disclosure.Whole(r.stream(in.Format, lines), g)
}
