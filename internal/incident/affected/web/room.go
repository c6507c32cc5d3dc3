// Package web is the room of those whom a case affects: who they are, what was decided about each, what they were told, and the list for
// the competent authority.
package web

import (
	"context"
	"embed"
	"fmt"
	"io"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	rule  act.Permission = "incident.rule"
)

const page = "GET /cases/{id}/affected"

type room struct{ desk *affected.Desk }

// Room returns the room.
func Room(d *affected.Desk) web.Room {
	r := &room{d}
	return web.Room{Name: "affected", Templates: files, Locale: files,
		Routes: []web.Route{
			web.Page(page, read, "affected.html", r.list),
			web.Action("POST /cases/{id}/affected", write, page, r.add),
			web.Page("GET /cases/{id}/affected/find", read, "affected-found.html", r.begin),
			web.Action("POST /cases/{id}/affected/find", write, "GET /cases/{id}/affected/find", r.find),
			web.Action("POST /cases/{id}/affected/{affected}/decide", write, page, r.decide),
			web.Action("POST /cases/{id}/affected/{affected}/record", write, page, r.record),
			web.Page("GET /cases/{id}/affected/tell", read, "affected-tell.html", r.write),
			web.Action("POST /cases/{id}/affected/tell", write, "GET /cases/{id}/affected/tell", r.tell),
			web.Action("POST /cases/{id}/affected/give", rule, page, r.give),
			web.Download("GET /cases/{id}/affected/export/{format}", read, r.export),
			web.Download("GET /cases/{id}/stix", read, r.stix),
		}}
}

// Numbered is the path of a case.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

func (n Numbered) path(more string) string {
	return "/cases/" + strconv.FormatInt(n.ID, 10) + "/affected" + more
}

type listOut struct {
	Case        incident.Case
	Items       []affected.Affected
	Given       []affected.Telling
	Open        int
	Badges      map[affected.State]string
	Kinds       []web.Option
	Ways        []web.Option
	Labels      []web.Option
	Authorities []web.Option
	Audiences   []web.Option // for whom the case may be exported
	Empty       web.Empty
}

// PageTitle is the case's number.
func (o *listOut) PageTitle() string { return o.Case.Number }

func (r *room) list(ctx context.Context, v web.Visitor, in Numbered) (*listOut, error) {
	c, err := r.desk.Case(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &listOut{Case: c, Badges: map[affected.State]string{affected.Undecided: "bad", affected.Told: "good", affected.Underway: "plain", affected.Failed: "bad", affected.NotTold: "plain"}, Labels: labels(tlp.AmberStrict), Empty: web.Empty{Title: v.T("affected.none"), Text: v.T("affected.none-text")}}
	if out.Items, err = r.desk.List(ctx, in.ID); err != nil {
		return nil, err
	}
	if out.Given, err = r.desk.Given(ctx, in.ID); err != nil {
		return nil, err
	}
	for _, a := range out.Items {
		if a.State == affected.Undecided || a.State == affected.Failed {
			out.Open++
		}
	}
	for _, k := range []affected.Kind{affected.Entity, affected.Persons} {
		out.Kinds = append(out.Kinds, web.Option{Value: string(k), Label: v.T("affected.kind." + string(k))})
	}
	for _, w := range affected.Ways() {
		out.Ways = append(out.Ways, web.Option{Value: w, Label: v.T("affected.way." + w)})
	}
	for _, a := range affected.Audiences() {
		if a == disclosure.Staff || v.May(rule) {
			out.Audiences = append(out.Audiences, web.Option{Value: string(a), Label: v.T("affected.for." + string(a))})
		}
	}
	authorities, err := r.desk.Authorities(ctx)
	for _, a := range authorities {
		out.Authorities = append(out.Authorities, web.Option{Value: strconv.FormatInt(a.ID, 10), Label: a.Name})
	}
	return out, err
}

// labels are those that may go by mail.
func labels(most tlp.Label) (out []web.Option) {
	for _, l := range tlp.Labels() {
		if l <= most {
			out = append(out, web.Option{Value: l.String(), Label: l.String()})
		}
	}
	return out
}

func (r *room) add(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Kind        string `form:"kind" need:"true" max:"20"`
	Constituent string `form:"constituent" max:"80"`
	Name        string `form:"name" max:"200"`
	Mail        string `form:"mail" max:"254"`
	Persons     int64  `form:"persons" min:"0"`
	Why         string `form:"why" need:"true" max:"20000"`
}) (web.Done, error) {
	a := affected.Affected{Kind: affected.Kind(in.Kind), Name: in.Name, Mail: in.Mail, Persons: in.Persons, Why: in.Why, Source: affected.ByHand}
	if in.Constituent != "" {
		dir, err := r.desk.Constituency.Directory(ctx)
		if err != nil {
			return web.Done{}, err
		}
		l, err := dir.ByRef(in.Constituent)
		if err != nil {
			return web.Done{}, fault.Problems{{Field: "constituent", Message: err.Error()}}
		}
		a.Constituent = l.ID
	}
	n, err := r.desk.Add(ctx, v.Actor, in.ID, a)
	return web.Done{To: in.path(""), Flash: "affected.added", Args: []any{n}}, err
}

// findIn is what is looked for. It is posted, because an incident's addresses may be more than an address line holds.
type findIn struct {
	Numbered
	Values     string  `form:"values" max:"100000"`
	Indicators bool    `form:"indicators"`
	Type       string  `form:"type" max:"100"`
	Since      string  `form:"since" max:"10"`
	Add        bool    `form:"add"` // those who were found and chosen
	Who        []int64 `form:"who"`
}

type findOut struct {
	Case  incident.Case
	Query findIn
	*affected.Found
	Empty web.Empty
}

// PageTitle is the case's number.
func (o *findOut) PageTitle() string { return o.Case.Number }

func (in findIn) search(v web.Visitor) (affected.Search, error) {
	q := affected.Search{Values: in.Values, Indicators: in.Indicators, Type: in.Type}
	if in.Since == "" {
		return q, nil
	}
	var err error
	if q.Since, err = event.ParseDay(in.Since); err != nil {
		return q, fault.Problems{{Field: "since", Message: v.T("affected.no-day")}}
	}
	return q, nil
}

// begin shows whom the case itself names, before anything is looked for.
func (r *room) begin(ctx context.Context, v web.Visitor, in Numbered) (*findOut, error) {
	return r.found(ctx, v, findIn{Numbered: in, Indicators: true}, affected.Search{})
}

func (r *room) found(ctx context.Context, v web.Visitor, in findIn, q affected.Search) (*findOut, error) {
	c, err := r.desk.Case(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := r.desk.Suggest(ctx, in.ID, q)
	return &findOut{c, in, found, web.Empty{Title: v.T("affected.not-found"), Text: v.T("affected.not-found-text")}}, err
}

// find looks, or adds those who were chosen of what it found.
func (r *room) find(ctx context.Context, v web.Visitor, in findIn) (web.Done, error) {
	q, err := in.search(v)
	if err != nil {
		return web.Done{}, err
	}
	if in.Add {
		n, err := r.desk.AddFound(ctx, v.Actor, in.ID, q, in.Who)
		return web.Done{To: in.path(""), Flash: "affected.added", Args: []any{n}}, err
	}
	out, err := r.found(ctx, v, in, q)
	return web.Done{Page: out, Template: "affected-found.html"}, err
}

// one is the path of one affected of a case.
type one struct {
	Numbered
	Affected int64 `path:"affected" min:"1"`
}

func (r *room) decide(ctx context.Context, v web.Visitor, in struct {
	one
	Reason string `form:"reason" max:"20000"`
}) (web.Done, error) {
	flash := "affected.decided"
	if in.Reason == "" {
		flash = "affected.reopened"
	}
	return web.Done{To: in.path(""), Flash: flash}, r.desk.Decide(ctx, v.Actor, in.ID, in.Affected, in.Reason)
}

func (r *room) record(ctx context.Context, v web.Visitor, in struct {
	one
	Channel string `form:"channel" need:"true" max:"20"`
	Address string `form:"address" max:"200"`
	Text    string `form:"text" need:"true" max:"20000"`
}) (web.Done, error) {
	return web.Done{To: in.path(""), Flash: "affected.recorded"}, r.desk.Record(ctx, v.Actor, in.ID, in.Affected,
		affected.Telling{Channel: in.Channel, Address: in.Address, Text: in.Text})
}

type tellOut struct {
	Case   incident.Case
	Notice affected.Notice
	Items  []affected.Affected // who may be chosen
	To     map[int64]bool
	Labels []web.Option
	// Letters is what would be sent, when it was asked for.
	Letters []affected.Letter
	Held    int // of them cannot leave
}

// PageTitle is the case's number.
func (o *tellOut) PageTitle() string { return o.Case.Number }

// write begins a notice: to those that were chosen, else to everybody about whom nothing is decided.
func (r *room) write(ctx context.Context, _ web.Visitor, in struct {
	Numbered
	To []int64 `query:"to"`
}) (*tellOut, error) {
	out, err := r.notice(ctx, in.ID, in.To, affected.Notice{})
	if err != nil || len(in.To) > 0 {
		return out, err
	}
	for _, a := range out.Items {
		out.To[a.ID] = a.State == affected.Undecided
	}
	return out, nil
}

func (r *room) notice(ctx context.Context, id int64, to []int64, n affected.Notice) (*tellOut, error) {
	c, err := r.desk.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &tellOut{Case: c, Notice: n, To: map[int64]bool{}, Labels: labels(tlp.AmberStrict)}
	if n.Label == tlp.None {
		out.Notice.Label = min(c.Label, tlp.AmberStrict)
	}
	for _, t := range to {
		out.To[t] = true
	}
	out.Items, err = r.desk.List(ctx, id)
	return out, err
}

func (r *room) tell(ctx context.Context, v web.Visitor, in struct {
	Numbered
	To      []int64 `form:"to"`
	Subject string  `form:"subject" max:"200"`
	What    string  `form:"what" max:"40000"`
	Advice  string  `form:"advice" max:"40000"`
	TLP     string  `form:"tlp" max:"20"`
	Lowered string  `form:"lowered" max:"40000"`
	Send    string  `form:"send" max:"1"`
}) (web.Done, error) {
	label, err := tlp.Parse(in.TLP)
	if err != nil {
		return web.Done{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	n := affected.Notice{Subject: in.Subject, What: in.What, Advice: in.Advice, Label: label, Lowered: in.Lowered}
	if in.Send == "1" {
		sent, err := r.desk.Tell(ctx, v.Actor, in.ID, in.To, n)
		return web.Done{To: in.path(""), Flash: "affected.sent", Args: []any{sent}}, err
	}
	letters, err := r.desk.Preview(ctx, in.ID, in.To, n)
	if err != nil {
		return web.Done{}, err
	}
	out, err := r.notice(ctx, in.ID, in.To, n)
	if err != nil {
		return web.Done{}, err
	}
	out.Letters = letters
	for _, l := range letters {
		if l.Withheld != "" {
			out.Held++
		}
	}
	return web.Done{Page: out, Template: "affected-preview.html"}, nil
}

func (r *room) give(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Authority int64  `form:"authority" min:"1"`
	TLP       string `form:"tlp" max:"20"`
	Reason    string `form:"reason" need:"true" max:"20000"`
}) (web.Done, error) {
	label, err := tlp.Parse(in.TLP)
	if err != nil {
		return web.Done{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	n, err := r.desk.Give(ctx, v.Actor, in.ID, in.Authority, label, in.Reason)
	return web.Done{To: in.path(""), Flash: "affected.given", Args: []any{n}}, err
}

func (r *room) export(ctx context.Context, _ web.Visitor, in struct {
	Numbered
	Format string `path:"format" max:"10"`
}) (web.File, error) {
	l, err := r.desk.Listing(ctx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	b, kind, err := l.In(in.Format)
	if err != nil {
		return web.File{}, err
	}
	return web.File{Name: fmt.Sprintf("affected-%s.%s", l.Case, in.Format), Type: kind, Write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, nil
}

func (r *room) stix(ctx context.Context, v web.Visitor, in struct {
	Numbered
	For string `query:"for" max:"20" default:"staff"`
}) (web.File, error) {
	e, err := r.desk.Export(ctx, v.Actor, in.ID, disclosure.RecipientKind(in.For))
	if err != nil {
		return web.File{}, err
	}
	return web.File{Name: fmt.Sprintf("case-%s-%s.stix.json", e.Number, in.For), Type: "application/stix+json;version=2.1", Write: func(w io.Writer) error {
		_, err := w.Write(e.Bundle)
		return err
	}}, nil
}
