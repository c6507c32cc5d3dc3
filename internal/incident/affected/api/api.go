// Package api is the REST side of those whom a case affects.
package api

import (
	"context"
	"encoding/json"
	"net/http"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident/affected"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	rule  act.Permission = "incident.rule"
)

type room struct{ desk *affected.Desk }

// Routes returns the operations.
func Routes(d *affected.Desk) []api.Route {
	r := &room{d}
	return []api.Route{
		api.Operation[Numbered, api.Page[affected.Affected]]{Method: http.MethodGet, Path: "/api/cases/{id}/affected", ID: "list-affected",
			Summary: "Who is affected by a case, and what each was told", Permission: read, Handle: r.list},
		api.Operation[addAffectedInput, api.Page[affected.Affected]]{Method: http.MethodPost, Path: "/api/cases/{id}/affected", ID: "add-affected",
			Summary: "Add some to those whom a case affects", Permission: write, Handle: r.add},
		api.Operation[findAffectedInput, affected.Found]{Method: http.MethodPost, Path: "/api/cases/{id}/affected/find", ID: "find-affected",
			Summary: "Find who may be affected", Permission: read, Handle: r.find,
			Description: "By addresses, networks, domains, URLs, mail addresses (their domain) and AS numbers, defanged or not, by the confirmed indicators and the linked findings of the case, and by findings of a report type since a day."},
		api.Operation[decideAffectedInput, api.Nothing]{Method: http.MethodPost, Path: "/api/cases/{id}/affected/{affected}/decide", ID: "decide-affected",
			Summary: "Decide that somebody is not told, or open the question again with an empty reason", Permission: write, Handle: r.decide},
		api.Operation[recordTellingInput, api.Nothing]{Method: http.MethodPost, Path: "/api/cases/{id}/affected/{affected}/record", ID: "record-telling",
			Summary: "Record that somebody was told by telephone, visit, letter or press", Permission: write, Handle: r.record},
		api.Operation[noticeInput, api.Page[affected.Letter]]{Method: http.MethodPost, Path: "/api/cases/{id}/affected/preview", ID: "preview-notice",
			Summary: "What a notice would say to each, and why to which contact", Permission: read, Handle: r.preview},
		api.Operation[noticeInput, Sent]{Method: http.MethodPost, Path: "/api/cases/{id}/affected/tell", ID: "tell-affected",
			Summary: "Tell those affected by mail", Permission: write, Handle: r.tell},
		api.Operation[giveAffectedInput, Sent]{Method: http.MethodPost, Path: "/api/cases/{id}/affected/give", ID: "give-affected",
			Summary: "Send the list of those affected to a competent authority", Permission: rule, Handle: r.give},
		api.Operation[Numbered, api.Page[affected.Telling]]{Method: http.MethodGet, Path: "/api/cases/{id}/affected/given", ID: "list-affected-given",
			Summary: "Which authorities got the list of those affected", Permission: read, Handle: r.given},
		api.Operation[Numbered, affected.Listing]{Method: http.MethodGet, Path: "/api/cases/{id}/affected/list", ID: "get-affected-list",
			Summary: "The list of those affected as an authority gets it", Permission: read, Handle: r.listing},
		api.Operation[exportCaseInput, CaseBundle]{Method: http.MethodGet, Path: "/api/cases/{id}/stix", ID: "export-case-stix",
			Summary: "A case as a STIX 2.1 bundle for a kind of recipient", Permission: read, Handle: r.export,
			Description: "The incident, its confirmed indicators and those affected, as far as the gate lets each of them leave. For anybody but the staff it asks for incident.rule."},
	}
}

// Numbered is the path of a case.
type Numbered struct {
	ID int64 `path:"id" minimum:"1"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[affected.Affected], error) {
	all, err := r.desk.List(ctx, in.ID)
	return api.NewPage(all, ""), err
}

func (r *room) given(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[affected.Telling], error) {
	if _, err := r.desk.Case(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := r.desk.Given(ctx, in.ID)
	return api.NewPage(all, ""), err
}

func (r *room) listing(ctx context.Context, _ api.Caller, in *Numbered) (*affected.Listing, error) {
	l, err := r.desk.Listing(ctx, in.ID)
	return &l, err
}

// NewAffected is one whom a case affects.
type NewAffected struct {
	Kind        string `json:"kind" enum:"entity,persons"`
	Constituent int64  `json:"constituent,omitempty" minimum:"0" doc:"Of the registry; 0: not of it"`
	Name        string `json:"name,omitempty" maxLength:"200"`
	Mail        string `json:"mail,omitempty" maxLength:"254"`
	Language    string `json:"language,omitempty" maxLength:"35"`
	Persons     int64  `json:"persons,omitempty" minimum:"0"`
	Source      string `json:"source,omitempty" enum:"hand,party,indicator,finding" doc:"hand without it"`
	Why         string `json:"why" maxLength:"20000"`
}

type addAffectedInput struct {
	Numbered
	Body struct {
		Affected []NewAffected `json:"affected" minItems:"1" maxItems:"1000"`
	}
}

func (r *room) add(ctx context.Context, c api.Caller, in *addAffectedInput) (*api.Page[affected.Affected], error) {
	var as []affected.Affected
	for _, n := range in.Body.Affected {
		a := affected.Affected{Kind: affected.Kind(n.Kind), Constituent: n.Constituent, Name: n.Name, Mail: n.Mail, Language: n.Language, Persons: n.Persons, Source: n.Source, Why: n.Why}
		if a.Source == "" {
			a.Source = affected.ByHand
		}
		as = append(as, a)
	}
	if _, err := r.desk.Add(ctx, c.Actor, in.ID, as...); err != nil {
		return nil, err
	}
	return r.list(ctx, c, &in.Numbered)
}

type findAffectedInput struct {
	Numbered
	Body struct {
		Values     string `json:"values,omitempty" maxLength:"100000" doc:"One a line, or between spaces and commas"`
		Indicators bool   `json:"indicators,omitempty" doc:"Look for the confirmed indicators of the case too"`
		Type       string `json:"type,omitempty" maxLength:"100" doc:"A report type"`
		Since      string `json:"since,omitempty" maxLength:"10" doc:"A day, thirty days ago without it"`
	}
}

func (r *room) find(ctx context.Context, _ api.Caller, in *findAffectedInput) (*affected.Found, error) {
	q := affected.Search{Values: in.Body.Values, Indicators: in.Body.Indicators, Type: in.Body.Type}
	if in.Body.Since != "" {
		var err error
		if q.Since, err = event.ParseDay(in.Body.Since); err != nil {
			return nil, fault.Problems{{Field: "since", Message: err.Error()}}
		}
	}
	return r.desk.Suggest(ctx, in.ID, q)
}

type one struct {
	Numbered
	Affected int64 `path:"affected" minimum:"1"`
}

type decideAffectedInput struct {
	one
	Body struct {
		Reason string `json:"reason" maxLength:"20000" doc:"Why nobody is told; empty opens the question again"`
	}
}

func (r *room) decide(ctx context.Context, c api.Caller, in *decideAffectedInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.desk.Decide(ctx, c.Actor, in.ID, in.Affected, in.Body.Reason)
}

type recordTellingInput struct {
	one
	Body struct {
		Channel string `json:"channel" enum:"phone,visit,letter,press"`
		Address string `json:"address,omitempty" maxLength:"200"`
		Text    string `json:"text" maxLength:"20000" doc:"What was said"`
	}
}

func (r *room) record(ctx context.Context, c api.Caller, in *recordTellingInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.desk.Record(ctx, c.Actor, in.ID, in.Affected, affected.Telling{Channel: in.Body.Channel, Address: in.Body.Address, Text: in.Body.Text})
}

type noticeInput struct {
	Numbered
	Body struct {
		To      []int64 `json:"to" minItems:"1" maxItems:"5000" doc:"Numbers of those affected"`
		Subject string  `json:"subject" maxLength:"200"`
		What    string  `json:"what" maxLength:"20000" doc:"What happened"`
		Advice  string  `json:"advice" maxLength:"20000" doc:"What to do"`
		TLP     string  `json:"tlp" maxLength:"20"`
		Lowered string  `json:"lowered,omitempty" maxLength:"20000" doc:"Why it may travel further than the case; needed when it does"`
	}
}

func (in *noticeInput) notice() (affected.Notice, error) {
	label, err := tlp.Parse(in.Body.TLP)
	if err != nil {
		return affected.Notice{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	return affected.Notice{Subject: in.Body.Subject, What: in.Body.What, Advice: in.Body.Advice, Label: label, Lowered: in.Body.Lowered}, nil
}

func (r *room) preview(ctx context.Context, _ api.Caller, in *noticeInput) (*api.Page[affected.Letter], error) {
	n, err := in.notice()
	if err != nil {
		return nil, err
	}
	all, err := r.desk.Preview(ctx, in.ID, in.Body.To, n)
	return api.NewPage(all, ""), err
}

// Sent is how many letters are on their way.
type Sent struct {
	Letters int `json:"letters"`
}

func (r *room) tell(ctx context.Context, c api.Caller, in *noticeInput) (*Sent, error) {
	n, err := in.notice()
	if err != nil {
		return nil, err
	}
	sent, err := r.desk.Tell(ctx, c.Actor, in.ID, in.Body.To, n)
	return &Sent{sent}, err
}

type giveAffectedInput struct {
	Numbered
	Body struct {
		Authority int64  `json:"authority" minimum:"1" doc:"A constituent of that kind"`
		TLP       string `json:"tlp" maxLength:"20"`
		Reason    string `json:"reason" maxLength:"20000" doc:"Why, and under which article"`
	}
}

func (r *room) give(ctx context.Context, c api.Caller, in *giveAffectedInput) (*Sent, error) {
	label, err := tlp.Parse(in.Body.TLP)
	if err != nil {
		return nil, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	sent, err := r.desk.Give(ctx, c.Actor, in.ID, in.Body.Authority, label, in.Body.Reason)
	return &Sent{sent}, err
}

type exportCaseInput struct {
	Numbered
	For string `query:"for" enum:"staff,authority,law-enforcement,partner,public" default:"staff"`
}

// CaseBundle is a case for a machine, and what of it stays here.
type CaseBundle struct {
	Bundle   json.RawMessage `json:"bundle" doc:"STIX 2.1"`
	Withheld []string        `json:"withheld" nullable:"false" doc:"What the gate keeps back, with the rule"`
}

func (r *room) export(ctx context.Context, c api.Caller, in *exportCaseInput) (*CaseBundle, error) {
	e, err := r.desk.Export(ctx, c.Actor, in.ID, disclosure.RecipientKind(in.For))
	if err != nil {
		return nil, err
	}
	return &CaseBundle{e.Bundle, append([]string{}, e.Withheld...)}, nil
}
