package web

import (
	"context"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type callOut struct {
	Entry   *entry
	Origins []web.Option
}

func (r *room) call(ctx context.Context, v web.Visitor, _ none) (*callOut, error) {
	e, err := r.entry(ctx, v, incident.Filing{Aware: v.Now.UnixMicro(), Reported: v.Now.UnixMicro()}, 0)
	return &callOut{e, []web.Option{{Value: string(incident.FromStaff), Label: v.T("origin.staff")}, {Value: string(incident.FromPartner), Label: v.T("origin.partner")}}}, err
}

func (r *room) enter(ctx context.Context, v web.Visitor, in struct {
	Origin      string `form:"origin" max:"20"`
	Constituent string `form:"constituent" max:"80"` // its ref
	Reported    string `form:"reported" max:"40"`
	Receipt     bool   `form:"receipt"`
	Fields      fields
}) (web.Done, error) {
	f, err := in.Fields.filing(v)
	if err != nil {
		return web.Done{}, err
	}
	if f.Reported, err = moment(v, in.Reported); err != nil {
		return web.Done{}, fault.Problems{{Field: "reported", Message: err.Error()}}
	}
	call := filing.Call{Origin: incident.Origin(in.Origin), Receipt: in.Receipt, Filing: f}
	if in.Constituent != "" {
		if call.Constituent, err = r.counter.ByRef(ctx, in.Constituent); err != nil {
			return web.Done{}, err
		}
	}
	report, err := r.counter.Write(ctx, v.Actor, call)
	return web.Done{To: "/reports/" + number(report.ID), Flash: "done.entered", Args: []any{report.Number}}, err
}

type adviceOut struct {
	Report    incident.Report
	Given     []filing.Advice
	Draft     filing.Advice
	Audiences []web.Option
	Topics    []web.Option
	Labels    []web.Option
	Audience  string
	Topic     string
}

// PageTitle is the report's number.
func (o *adviceOut) PageTitle() string { return o.Report.Number }

func (r *room) advice(ctx context.Context, v web.Visitor, in struct {
	ID       int64  `path:"id" min:"1"`
	Audience string `query:"audience" max:"20"`
	Topic    string `query:"topic" max:"20"`
}) (out *adviceOut, err error) {
	out = &adviceOut{Audience: in.Audience, Topic: in.Topic, Topics: []web.Option{{Label: v.T("advice.own")}}}
	if out.Report, err = r.counter.Report(ctx, in.ID); err != nil {
		return nil, err
	}
	if out.Given, err = r.counter.Advised(ctx, in.ID); err != nil {
		return nil, err
	}
	out.Draft.Label = tlp.Amber
	if in.Topic != "" {
		if in.Audience == "" {
			in.Audience = filing.ForPerson
		}
		if out.Draft, err = r.counter.Template(ctx, in.ID, in.Audience, in.Topic); err != nil {
			return nil, err
		}
	}
	for _, a := range filing.Audiences() {
		out.Audiences = append(out.Audiences, web.Option{Value: a, Label: v.T("audience." + a)})
	}
	for _, t := range filing.Topics() {
		out.Topics = append(out.Topics, web.Option{Value: t, Label: v.T("topic." + t)})
	}
	for _, l := range labels {
		out.Labels = append(out.Labels, web.Option{Value: l.String(), Label: v.T(labelKey(l))})
	}
	return out, nil
}

func (r *room) advise(ctx context.Context, v web.Visitor, in struct {
	ID      int64  `path:"id" min:"1"`
	Subject string `form:"subject" max:"200"`
	Text    string `form:"text" max:"50000"`
	Label   string `form:"tlp" max:"20"`
	Send    bool   `form:"send"`
}) (web.Done, error) {
	label, err := tlp.Parse(in.Label)
	if in.Label != "" && err != nil {
		return web.Done{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	a, err := r.counter.Advise(ctx, v.Actor, filing.Advice{Report: in.ID, Subject: in.Subject, Text: in.Text, Label: label}, in.Send)
	flash := "done.advised"
	if a.Letter != 0 {
		flash = "done.advice-sent"
	}
	return web.Done{To: "/reports/" + number(in.ID) + "/advice", Flash: flash}, err
}
