// Package api is the REST side of statutory clocks: what is owed by when, for the staff and for those who owe it.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/incident/deadline"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
)

const (
	read     act.Permission = "incident.read"
	write    act.Permission = "incident.write"
	rule     act.Permission = "incident.rule"
	portal   act.Permission = "portal.read"
	download act.Permission = "portal.download"
)

type room struct {
	desk  *deadline.Desk
	clock clock.Clock
}

// Routes returns the operations.
func Routes(d *deadline.Desk) []api.Route {
	r := &room{d, d.Clock}
	return append(r.ownRoutes(), []api.Route{
		api.Operation[listInput, api.Page[StatutoryClock]]{Method: http.MethodGet, Path: "/api/clocks", ID: "list-clocks",
			Summary: "List statutory clocks, the one that is due first first", Permission: read, Handle: r.list},
		api.Operation[nextInput, NextClocks]{Method: http.MethodGet, Path: "/api/clocks/next", ID: "next-clocks",
			Summary: "The most urgent clocks, and how many run", Permission: read, Handle: r.next},
		api.Download[exportInput]{Path: "/api/clocks/export", ID: "export-clocks", Summary: "Export clocks as CSV, or those that run as iCalendar", Permission: read,
			Types: []string{"text/csv", "text/calendar"}, Handle: r.export},
		api.Operation[struct{}, api.Page[ClockAlarm]]{Method: http.MethodGet, Path: "/api/clocks/alarms", ID: "list-clock-alarms",
			Summary: "Alarms that nobody has seen, the latest first", Permission: read, Handle: r.alarms},
		api.Operation[clockSeenInput, SeenAlarms]{Method: http.MethodPost, Path: "/api/clocks/alarms/seen", ID: "see-clock-alarms",
			Summary: "Note alarms as seen", Permission: write, Handle: r.seen},
		api.Operation[NumberPath, StatutoryClockDetail]{Method: http.MethodGet, Path: "/api/clocks/{id}", ID: "get-clock", Summary: "One clock with its law and alarms",
			Permission: read, Handle: r.one},
		api.Operation[clockSubmitInput, api.Nothing]{Method: http.MethodPost, Path: "/api/clocks/{id}/submit", ID: "submit-clock", Permission: write, Handle: r.submit,
			Summary: "Note by hand that a report was submitted", Description: "Reports and additions that name the step are noted by themselves."},
		api.Operation[clockReasonInput, api.Nothing]{Method: http.MethodPost, Path: "/api/clocks/{id}/waive", ID: "waive-clock", Summary: "Waive a report", Permission: rule, Handle: r.waive},
		api.Operation[clockReasonInput, api.Nothing]{Method: http.MethodPost, Path: "/api/clocks/{id}/reopen", ID: "reopen-clock",
			Summary: "Take back a waiver, or what was submitted by hand", Permission: rule, Handle: r.reopen},
		api.Operation[NumberPath, ClockSheet]{Method: http.MethodGet, Path: "/api/cases/{id}/clocks", ID: "case-clocks", Summary: "The clocks of a case, and the laws that were looked at",
			Permission: read, Handle: r.ofCase},
		api.Operation[clockRulingInput, api.Nothing]{Method: http.MethodPost, Path: "/api/cases/{id}/clocks/significant", ID: "rule-case-significant",
			Summary: "Say whether a case is significant in the law's sense", Permission: rule, Handle: r.ruleCase},
		api.Operation[clockBeginInput, api.Nothing]{Method: http.MethodPost, Path: "/api/cases/{id}/clocks/begin", ID: "begin-clocks",
			Summary: "Start the clocks of a party that became aware otherwise than by its own report", Permission: write, Handle: r.begin},
		api.Operation[NumberPath, ClockSheet]{Method: http.MethodGet, Path: "/api/reports/{id}/clocks", ID: "report-clocks",
			Summary: "The clocks of a report, and the laws that were looked at", Permission: read, Handle: r.ofReport},
		api.Operation[clockRulingInput, api.Nothing]{Method: http.MethodPost, Path: "/api/reports/{id}/clocks/significant", ID: "rule-report-significant",
			Summary: "Say whether a report without a case is of a significant incident", Permission: rule, Handle: r.ruleReport},
	}...)
}

// NumberPath is the path of something with a number.
type NumberPath struct {
	ID int64 `path:"id" minimum:"1"`
}

// ClockFilter says which clocks are meant.
type ClockFilter struct {
	State       string `query:"state" enum:",running,late,submitted,waived,ended" doc:"Running and late ones without it"`
	Regime      string `query:"regime" maxLength:"40"`
	Sector      string `query:"sector" maxLength:"60"`
	Owed        string `query:"owed_by" enum:",entity,cert"`
	Constituent int64  `query:"constituent" minimum:"0" doc:"Only of this one"`
}

func (f ClockFilter) filter() deadline.Filter {
	out := deadline.Filter{State: deadline.State(f.State), Regime: f.Regime, Sector: f.Sector, Owed: f.Owed}
	if f.Constituent != 0 {
		out.Constituents = []int64{f.Constituent}
	}
	return out
}

type listInput struct {
	api.Paging
	ClockFilter
}

type place struct {
	Due int64 `json:"d"`
	ID  int64 `json:"i"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*api.Page[StatutoryClock], error) {
	f := in.filter()
	f.Limit = in.Limit
	if in.Cursor != "" {
		var p place
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return nil, err
		}
		f.AfterDue, f.AfterID = p.Due, max(p.ID, 1)
	}
	ls, more, err := r.desk.List(ctx, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if more {
		last := ls[len(ls)-1]
		next, err = api.Cursor(place{last.Due, last.ID})
	}
	return api.NewPage(views(ls), next), err
}

type nextInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"10"`
}

// NextClocks is what the duty officer must see to first.
type NextClocks struct {
	Clocks []StatutoryClock `json:"clocks" nullable:"false"`
	Tally  deadline.Tally   `json:"tally"`
}

func (r *room) next(ctx context.Context, _ api.Caller, in *nextInput) (*NextClocks, error) {
	ls, t, err := r.desk.Next(ctx, in.Limit)
	return &NextClocks{views(ls), t}, err
}

type exportInput struct {
	ClockFilter
	Format string `query:"format" enum:"csv,ics" default:"csv"`
}

func (r *room) export(ctx context.Context, _ api.Caller, in *exportInput) (*api.Stream, error) {
	lines, err := r.desk.All(ctx, in.filter())
	return r.stream(in.Format, lines), err
}

// stream is an export as an answer; its names are in English.
func (r *room) stream(format string, lines []deadline.Line) *api.Stream {
	s := &api.Stream{ContentType: deadline.Types()[0], Name: "clocks." + format, Write: func(_ context.Context, w io.Writer) error {
		return deadline.Write(w, format, "en", r.clock.Now(), lines)
	}}
	if format == "ics" {
		s.ContentType = deadline.Types()[1]
	}
	return s
}

// ClockAlarm is an alarm that nobody has seen, with its clock.
type ClockAlarm struct {
	ID      int64          `json:"id"`
	Kind    string         `json:"kind" enum:"remind,late,escalate"`
	Planned time.Time      `json:"planned"`
	At      time.Time      `json:"at" doc:"When it happened"`
	Letters int            `json:"letters"`
	Clock   StatutoryClock `json:"clock"`
}

func (r *room) alarms(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[ClockAlarm], error) {
	all, err := r.desk.Unseen(ctx)
	var out []ClockAlarm
	for i := range all {
		a := &all[i]
		out = append(out, ClockAlarm{a.ID, a.Kind, when(a.Planned), when(a.At), a.Letters, view(&a.Of)})
	}
	return api.NewPage(out, ""), err
}

type clockSeenInput struct {
	Body struct {
		Alarms []int64 `json:"alarms" maxItems:"1000"`
	}
}

// SeenAlarms tells how many alarms were noted.
type SeenAlarms struct {
	Alarms int64 `json:"alarms"`
}

func (r *room) seen(ctx context.Context, c api.Caller, in *clockSeenInput) (*SeenAlarms, error) {
	n, err := r.desk.See(ctx, c.Actor, in.Body.Alarms...)
	return &SeenAlarms{n}, err
}

func (r *room) one(ctx context.Context, _ api.Caller, in *NumberPath) (*StatutoryClockDetail, error) {
	o, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := StatutoryClockDetail{StatutoryClock: view(&o.Listed), Law: *o.Law, Alarms: []AlarmPlan{}}
	for i, a := range o.Alarms {
		p := AlarmPlan{Kind: a.Kind, Planned: when(a.At)}
		if i < len(o.Fired) {
			p.At, p.Letters, p.Overtaken = maybe(o.Fired[i].At), o.Fired[i].Letters, o.Fired[i].Overtaken
		}
		v.Alarms = append(v.Alarms, p)
	}
	return &v, nil
}

type clockSubmitInput struct {
	NumberPath
	Body struct {
		At    time.Time `json:"at" doc:"When it was submitted"`
		Proof string    `json:"proof" maxLength:"2000" doc:"A number, a letter, who confirmed it"`
	}
}

func (r *room) submit(ctx context.Context, c api.Caller, in *clockSubmitInput) (*api.Nothing, error) {
	_, err := r.desk.Submit(ctx, c.Actor, in.ID, in.Body.At.UnixMicro(), in.Body.Proof)
	return nil, err
}

type clockReasonInput struct {
	NumberPath
	Body struct {
		Reason string `json:"reason" maxLength:"2000"`
	}
}

func (r *room) waive(ctx context.Context, c api.Caller, in *clockReasonInput) (*api.Nothing, error) {
	_, err := r.desk.Waive(ctx, c.Actor, in.ID, in.Body.Reason)
	return nil, err
}

func (r *room) reopen(ctx context.Context, c api.Caller, in *clockReasonInput) (*api.Nothing, error) {
	_, err := r.desk.Reopen(ctx, c.Actor, in.ID, in.Body.Reason)
	return nil, err
}

type clockRulingInput struct {
	NumberPath
	Body struct {
		Significant bool   `json:"significant"`
		Reason      string `json:"reason" maxLength:"2000"`
	}
}

func (r *room) ruleCase(ctx context.Context, c api.Caller, in *clockRulingInput) (*api.Nothing, error) {
	return nil, r.desk.Rule(ctx, c.Actor, 0, in.ID, in.Body.Significant, in.Body.Reason)
}

func (r *room) ruleReport(ctx context.Context, c api.Caller, in *clockRulingInput) (*api.Nothing, error) {
	return nil, r.desk.Rule(ctx, c.Actor, in.ID, 0, in.Body.Significant, in.Body.Reason)
}

type clockBeginInput struct {
	NumberPath
	Body struct {
		Constituent int64     `json:"constituent" minimum:"1"`
		Aware       time.Time `json:"aware"`
		Reason      string    `json:"reason" maxLength:"2000"`
	}
}

func (r *room) begin(ctx context.Context, c api.Caller, in *clockBeginInput) (*api.Nothing, error) {
	return nil, r.desk.Begin(ctx, c.Actor, in.ID, in.Body.Constituent, in.Body.Aware.UnixMicro(), in.Body.Reason)
}

func (r *room) ofCase(ctx context.Context, _ api.Caller, in *NumberPath) (*ClockSheet, error) {
	s, err := r.desk.OfCase(ctx, in.ID)
	return sheet(&s), err
}

func (r *room) ofReport(ctx context.Context, _ api.Caller, in *NumberPath) (*ClockSheet, error) {
	s, err := r.desk.OfReport(ctx, in.ID)
	return sheet(&s), err
}
