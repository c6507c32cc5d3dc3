package web

import (
	"context"
	"errors"
	"io"
	"strconv"

	"tocsin/internal/format/rsit"
	"tocsin/internal/incident"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type reportIn struct {
	ID string `path:"id" max:"40"`
}

// report is a report's page: what its reporter said, as they said it.
type report struct {
	incident.Report
	By      named
	Label   string
	Said    []fact // the details
	Adds    []incident.Addition
	Files   []incident.File
	Case    *incident.Case
	Same    *incident.Report
	Waits   bool
	Back    bool // the decision can be taken back
	Splits  bool // it is one of several of its case
	Types   []web.Option
	Labels  []web.Option
	Choices []web.Option
}

// PageTitle is its number and title.
func (p *report) PageTitle() string { return p.Number + " " + p.Title }

// fact is one thing that was said, under its name.
type fact struct{ Key, Value string }

func (r *room) report(ctx context.Context, v web.Visitor, in reportIn) (*report, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	dir, err := r.people(ctx)
	if err != nil {
		return nil, err
	}
	p := &report{Report: one, By: r.named(v, dir, one.Constituent), Label: labelOf(&one), Said: said(v, one.Details), Types: types(v), Labels: labels(v), Choices: verbs(v),
		Waits: one.State == incident.Received || one.State == incident.Unconfirmed, Back: one.State == incident.Rejected || one.State == incident.Duplicate}
	if p.Adds, err = r.desk.Additions(ctx, one.ID); err != nil {
		return nil, err
	}
	if p.Files, err = r.desk.FilesOf(ctx, 0, one.ID); err != nil {
		return nil, err
	}
	if one.Case != 0 {
		c, err := r.desk.Case(ctx, one.Case)
		if err != nil {
			return nil, err
		}
		all, err := r.desk.ReportsOf(ctx, one.Case)
		if err != nil {
			return nil, err
		}
		p.Case, p.Splits = &c, len(all) > 1
	}
	if one.SameAs != 0 {
		first, err := r.desk.Report(ctx, one.SameAs)
		if err != nil {
			return nil, err
		}
		p.Same = &first
	}
	return p, nil
}

// said lists the details that the reporter filled in.
func said(v web.Visitor, d incident.Details) (out []fact) {
	answer := func(s string) string {
		if s == "" {
			return ""
		}
		return v.T("answer." + s)
	}
	users := ""
	if d.Users > 0 {
		users = v.Number(d.Users)
	}
	for _, f := range []fact{{"ongoing", answer(d.Ongoing)}, {"impact", d.Impact}, {"systems", d.Systems}, {"cause", d.Cause}, {"measures", d.Measures},
		{"indicators", d.Indicators}, {"users", users}, {"personal-data", answer(d.PersonalData)}, {"cross-border", answer(d.CrossBorder)},
		{"countries", d.Countries}, {"suspected", answer(d.Suspected)}, {"police", answer(d.Police)}, {"help", d.Help}} {
		if f.Value != "" {
			out = append(out, fact{v.T("said." + f.Key), f.Value})
		}
	}
	return out
}

func types(v web.Visitor) []web.Option {
	out := []web.Option{{Label: v.T("type.none")}}
	for _, t := range rsit.Types() {
		out = append(out, web.Option{Value: t.Name, Label: t.Class + ": " + t.Name})
	}
	return out
}

func (r *room) receipt(ctx context.Context, _ web.Visitor, in reportIn) (web.File, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	receipt, err := r.desk.Receipt(ctx, one.ID)
	return jsonFile("receipt-"+one.Number+".json", receipt), err
}

// record is what was handed in, byte for byte: what the hash on the receipt is of.
func (r *room) record(ctx context.Context, _ web.Visitor, in reportIn) (web.File, error) {
	one, err := r.desk.ResolveReport(ctx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	b, err := one.Record()
	return web.File{Name: one.Number + ".json", Type: "application/json", Write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, err
}

// decision is what somebody decides about a report.
type decision struct {
	ID      int64  `path:"id" min:"1"`
	Version int64  `form:"version" min:"0"`
	Verb    string `form:"verb" need:"true" max:"20"`
	What    string `form:"what" max:"20000"` // the other case or report, or the reason
	Title   string `form:"title" max:"1000"`
	Type    string `form:"type" max:"60"`
	Label   string `form:"tlp" max:"20"`
	Lead    bool   `form:"lead"`
}

func (r *room) decide(ctx context.Context, v web.Visitor, in decision) (web.Done, error) {
	d, by := r.desk, v.Actor
	switch in.Verb {
	case accept:
		o := incident.Opening{Title: in.Title, Type: in.Type}
		if err := label(in.Label, &o.Label); err != nil {
			return web.Done{}, err
		}
		if in.Lead && by.Rights != nil {
			o.Lead, o.LeadName = by.Rights.Account, by.Name
		}
		c, err := d.Accept(ctx, by, in.ID, in.Version, o)
		return web.Done{To: caseOf(c.ID), Flash: "did.accept", Args: []any{c.Number}}, err
	case merge:
		c, err := d.Resolve(ctx, in.What)
		if err != nil {
			return web.Done{}, missing("what", err)
		}
		c, err = d.Merge(ctx, by, in.ID, in.Version, c.ID)
		return web.Done{To: "/reports", Flash: "did.merge", Args: []any{c.Number}}, err
	case repeat:
		of, err := d.ResolveReport(ctx, in.What)
		if err != nil {
			return web.Done{}, missing("what", err)
		}
		one, err := d.Repeat(ctx, by, in.ID, in.Version, of.ID)
		return web.Done{To: "/reports", Flash: "did.duplicate", Args: []any{one.Number, of.Number}}, at("what", err)
	case reject:
		one, err := d.Reject(ctx, by, in.ID, in.Version, in.What)
		return web.Done{To: "/reports", Flash: "did.reject", Args: []any{one.Number}}, at("what", err)
	}
	return web.Done{}, fault.Problems{{Field: "verb", Message: v.T("decide.which")}}
}

// missing makes a fault of the form's field of what a person named and what is not there.
func missing(field string, err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Problems{{Field: field, Message: err.Error()}}
	}
	return err
}

// at puts problems to the form's one field that they are about.
func at(field string, err error) error {
	var ps fault.Problems
	if fault.KindOf(err) != fault.Invalid || !errors.As(err, &ps) {
		return err
	}
	out := make(fault.Problems, len(ps))
	for i, p := range ps {
		p.Field = field
		out[i] = p
	}
	return out
}

func (r *room) untriage(ctx context.Context, v web.Visitor, in struct {
	ID      int64 `path:"id" min:"1"`
	Version int64 `form:"version" min:"0"`
}) (web.Done, error) {
	one, err := r.desk.Untriage(ctx, v.Actor, in.ID, in.Version)
	return web.Done{To: reportOf(in.ID), Flash: "did.untriage", Args: []any{one.Number}}, err
}

func (r *room) split(ctx context.Context, v web.Visitor, in struct {
	ID     int64  `path:"id" min:"1"`
	Title  string `form:"title" max:"1000"`
	Reason string `form:"reason" max:"20000"`
}) (web.Done, error) {
	c, err := r.desk.Split(ctx, v.Actor, in.ID, incident.Opening{Title: in.Title}, in.Reason)
	return web.Done{To: caseOf(c.ID), Flash: "did.split", Args: []any{c.Number}}, err
}

func caseOf(id int64) string   { return "/cases/" + strconv.FormatInt(id, 10) }
func reportOf(id int64) string { return "/reports/" + strconv.FormatInt(id, 10) }
