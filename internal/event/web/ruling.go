package web

import (
	"context"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// Decided is what every form of an act sends.
type Decided struct {
	Verb        string `form:"verb" need:"true" max:"20"`
	Note        string `form:"note" max:"2000"`
	Until       string `form:"until" max:"10"`
	Assignee    string `form:"assignee" max:"20"`
	Constituent string `form:"constituent" max:"100"`
}

func (r *room) decision(ctx context.Context, by act.Actor, in *Decided) (d event.Decision, err error) {
	d = event.Decision{Verb: event.Verb(in.Verb), Reason: in.Note, Constituent: in.Constituent}
	if in.Until != "" {
		if d.Until, err = event.ParseDay(in.Until); err != nil {
			return d, fault.Problems{{Field: "until", Message: "write a day as YYYY-MM-DD"}}
		}
	}
	if d.Verb == event.Assign {
		d.Assignee, err = r.assignee(ctx, by, in.Assignee)
	}
	return d, err
}

// assignee is who a form means: me, nobody, or the number of somebody who has findings already.
func (r *room) assignee(ctx context.Context, by act.Actor, text string) (event.Assignee, error) {
	switch {
	case text == "nobody":
		return event.Assignee{}, nil
	case text == "me" && by.Rights != nil && by.Rights.Account > 0:
		return event.Assignee{ID: by.Rights.Account, Name: by.Name}, nil
	}
	known, err := r.list.Assignees(ctx)
	for _, a := range known {
		if strconv.FormatInt(a.ID, 10) == text {
			return a, nil
		}
	}
	if err != nil {
		return event.Assignee{}, err
	}
	return event.Assignee{}, fault.Problems{{Field: "assignee", Message: "choose one of the list"}}
}

// people are the choices of an assignee.
func (r *room) people(ctx context.Context, v web.Visitor) ([]web.Option, error) {
	var out []web.Option
	self := int64(0)
	if v.Actor.Rights != nil && v.Actor.Rights.Account > 0 {
		self = v.Actor.Rights.Account
		out = append(out, web.Option{Value: "me", Label: v.T("assignee.me")})
	}
	out = append(out, web.Option{Value: "nobody", Label: v.T("assignee.nobody")})
	known, err := r.list.Assignees(ctx)
	for _, a := range known {
		if a.ID != self {
			out = append(out, web.Option{Value: strconv.FormatInt(a.ID, 10), Label: a.Name})
		}
	}
	return out, err
}

type ruleOneIn struct {
	ID string `path:"id" max:"100"`
	Decided
}

func (r *room) ruleOne(ctx context.Context, v web.Visitor, in ruleOneIn) (web.Done, error) {
	d, err := r.decision(ctx, v.Actor, &in.Decided)
	if err != nil {
		return web.Done{}, err
	}
	_, err = r.list.Rule(ctx, v.Actor, event.Choice{IDs: []string{in.ID}}, d)
	return web.Done{To: "/findings/" + in.ID, Flash: "done." + in.Verb}, err
}

// formIn says what a form is about: findings that were ticked, or all that a filter means.
type formIn struct {
	Verb     string   `query:"verb" need:"true" max:"20"`
	Whole    bool     `query:"whole"`
	IDs      []string `query:"id" max:"100"`
	Filter   string   `query:"filter" max:"4000"`
	Expected int64    `query:"expected" min:"0"`
}

// form is the page on which an act on many findings is confirmed.
type form struct {
	Verb     string
	IDs      []string
	Filter   string // "" with ids
	Expected int64
	Back     string
	People   []web.Option
	Known    bool // the verb is one
	Whole    bool
}

func (r *room) form(ctx context.Context, v web.Visitor, in formIn) (*form, error) {
	f := &form{Verb: in.Verb, Whole: in.Whole, Filter: in.Filter, Expected: in.Expected, Back: "/findings"}
	if in.Filter != "" {
		f.Back += "?" + in.Filter
	}
	if !in.Whole {
		f.IDs, f.Expected = in.IDs, int64(len(in.IDs))
	}
	f.Known = v.Has("do." + in.Verb)
	var err error
	f.People, err = r.people(ctx, v)
	return f, err
}

type ruleManyIn struct {
	Whole    bool     `form:"whole"`
	IDs      []string `form:"id" max:"100"`
	Filter   string   `form:"filter" max:"4000"`
	Expected int64    `form:"expected" min:"0"`
	Decided
}

func (r *room) ruleMany(ctx context.Context, v web.Visitor, in ruleManyIn) (web.Done, error) {
	d, err := r.decision(ctx, v.Actor, &in.Decided)
	if err != nil {
		return web.Done{}, err
	}
	c := event.Choice{IDs: in.IDs}
	if in.Whole {
		t, err := web.Read[event.FilterText](in.Filter)
		if err != nil {
			return web.Done{}, err
		}
		f, err := t.Filter(v.Actor)
		if err != nil {
			return web.Done{}, err
		}
		c = event.Choice{Filter: &f, Expected: in.Expected, Query: in.Filter}
	}
	done, err := r.list.Rule(ctx, v.Actor, c, d)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/findings/bulk/" + strconv.FormatInt(done.ID, 10), Flash: "done.bulk", Args: []any{done.Findings}}, nil
}

type deedsIn struct {
	After int64 `query:"after" min:"0"`
}

// deeds is the list of what people did with findings.
type deeds struct {
	Rows  []event.Deed
	Pager web.Pager
	Empty web.Empty
}

// Savable says that the list can be saved.
func (*deeds) Savable() bool { return true }

func (r *room) deeds(ctx context.Context, v web.Visitor, in deedsIn) (*deeds, error) {
	list, err := r.list.Deeds(ctx, in.After, onPage)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) == onPage {
		next = strconv.FormatInt(list[onPage-1].ID, 10)
	}
	return &deeds{list, web.NewPager(v, next, len(list)), web.Empty{Title: v.T("deeds.none"), Text: v.T("deeds.none-text"), Href: "/findings", Link: v.T("title.findings")}}, nil
}

type deedIn struct {
	ID int64 `path:"id" min:"1"`
}

// deed is the page of one act.
type deed struct {
	*event.Deed
	Rows    []rowView
	CanUndo bool
	Shown   int64
}

func (r *room) deed(ctx context.Context, v web.Visitor, in deedIn) (*deed, error) {
	d, list, err := r.list.DeedByID(ctx, in.ID, onPage)
	if err != nil {
		return nil, err
	}
	out := &deed{Deed: d, CanUndo: d.UndoneAt == 0 && v.May(Write), Shown: int64(len(list))}
	for _, f := range list {
		out.Rows = append(out.Rows, rowView{Finding: f, Sector: r.sector(v, f.Owner.Sector)})
	}
	return out, nil
}

func (r *room) undo(ctx context.Context, v web.Visitor, in deedIn) (web.Done, error) {
	d, err := r.list.Undo(ctx, v.Actor, in.ID)
	if err != nil {
		return web.Done{}, err
	}
	done := web.Done{To: "/findings/bulk/" + strconv.FormatInt(in.ID, 10), Flash: "done.undone"}
	if d.Left > 0 {
		done.Flash, done.Args, done.Grave = "done.undone-but", []any{d.Left}, true
	}
	return done, nil
}

func (r *room) retract(ctx context.Context, v web.Visitor, in deedIn) (web.Done, error) {
	id, err := r.list.RetractNote(ctx, v.Actor, in.ID)
	return web.Done{To: "/findings/" + id.String(), Flash: "done.retracted"}, err
}
