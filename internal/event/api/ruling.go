package api

import (
	"context"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type findingActInput struct {
	event.FilterText
	Body struct {
		Verb        string    `json:"verb" enum:"note,assign,false-positive,accept-risk,reset,wrong-owner,close,reopen"`
		Findings    []string  `json:"findings,omitempty" maxItems:"10000" doc:"Ids; without them the filter of the query says which"`
		Expected    int64     `json:"expected,omitempty" doc:"With the filter: how many findings it is expected to mean"`
		Note        string    `json:"note,omitempty" maxLength:"2000" doc:"Why, or the note itself"`
		Until       string    `json:"until,omitempty" format:"date" doc:"Of accept-risk: the last day"`
		Assignee    *assignee `json:"assignee,omitempty" doc:"Of assign; absent for nobody"`
		Constituent string    `json:"constituent,omitempty" maxLength:"100" doc:"Of wrong-owner: the right one's ref or number"`
	}
}

type assignee struct {
	ID   int64  `json:"id" minimum:"1" doc:"An account"`
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

type findingAct struct {
	ID          int64     `json:"id"`
	At          string    `json:"at" format:"date-time"`
	Actor       string    `json:"actor"`
	Verb        string    `json:"verb" enum:"note,assign,false-positive,accept-risk,reset,wrong-owner,close,reopen"`
	Note        string    `json:"note,omitempty" doc:"Why"`
	Until       string    `json:"until,omitempty" format:"date"`
	Assignee    *assignee `json:"assignee,omitempty"`
	Constituent int64     `json:"constituent,omitempty" doc:"The right owner"`
	Filter      string    `json:"filter,omitempty" doc:"What the findings were chosen by"`
	Findings    int64     `json:"findings" doc:"How many it was done with"`
	Skipped     int64     `json:"skipped,omitempty" doc:"How many it could not be done with"`
	UndoneAt    string    `json:"undone_at,omitempty" format:"date-time"`
	UndoneBy    string    `json:"undone_by,omitempty"`
	Left        int64     `json:"left,omitempty" doc:"How many the undoing left, because somebody had changed them since"`
}

type findingActDetail struct {
	Act      findingAct `json:"act"`
	Findings []finding  `json:"findings" nullable:"false"`
}

type findingNote struct {
	ID          int64  `json:"id"`
	At          string `json:"at" format:"date-time"`
	Author      string `json:"author"`
	Body        string `json:"body,omitempty" doc:"Absent when it is retracted"`
	RetractedAt string `json:"retracted_at,omitempty" format:"date-time"`
	RetractedBy string `json:"retracted_by,omitempty"`
}

func (r *room) rule(ctx context.Context, c api.Caller, in *findingActInput) (*findingAct, error) {
	b := &in.Body
	d := event.Decision{Verb: event.Verb(b.Verb), Reason: b.Note, Constituent: b.Constituent}
	if b.Assignee != nil {
		d.Assignee = event.Assignee{ID: b.Assignee.ID, Name: b.Assignee.Name}
	}
	var err error
	if d.Until, err = day("until", b.Until); err != nil {
		return nil, err
	}
	choice := event.Choice{IDs: b.Findings}
	if len(b.Findings) == 0 {
		f, err := in.Filter(c.Actor)
		if err != nil {
			return nil, err
		}
		choice = event.Choice{Filter: &f, Expected: b.Expected, Query: in.FilterText.Query()}
	}
	done, err := r.list.Rule(ctx, c.Actor, choice, d)
	if err != nil {
		return nil, err
	}
	out := deedOf(*done)
	return &out, nil
}

type deedsInput struct{ api.Paging }

func (r *room) deeds(ctx context.Context, _ api.Caller, in *deedsInput) (*api.Page[findingAct], error) {
	before := int64(0)
	if in.Cursor != "" {
		var err error
		if before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || before < 1 {
			return nil, fault.Invalidf("the cursor is not one that this list gave out: begin again without it")
		}
	}
	list, err := r.list.Deeds(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	next, out := "", make([]findingAct, len(list))
	for i, d := range list {
		out[i] = deedOf(d)
	}
	if len(list) == in.Limit {
		next = strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	return api.NewPage(out, next), nil
}

type deedInput struct {
	Act int64 `path:"act" minimum:"1"`
}

func (r *room) deed(ctx context.Context, _ api.Caller, in *deedInput) (*findingActDetail, error) {
	d, list, err := r.list.DeedByID(ctx, in.Act, 1000)
	if err != nil {
		return nil, err
	}
	return &findingActDetail{deedOf(*d), findingsOf(list)}, nil
}

func (r *room) undo(ctx context.Context, c api.Caller, in *deedInput) (*findingAct, error) {
	d, err := r.list.Undo(ctx, c.Actor, in.Act)
	if err != nil {
		return nil, err
	}
	out := deedOf(*d)
	return &out, nil
}

type noteIDInput struct {
	Note int64 `path:"note" minimum:"1"`
}

func (r *room) retract(ctx context.Context, c api.Caller, in *noteIDInput) (*api.Nothing, error) {
	_, err := r.list.RetractNote(ctx, c.Actor, in.Note)
	return nil, err
}

func assigneeOf(a event.Assignee) *assignee {
	if a.ID == 0 {
		return nil
	}
	return &assignee{a.ID, a.Name}
}

func until(d event.Day) string {
	if d < 0 {
		return ""
	}
	return d.String()
}

func deedOf(d event.Deed) findingAct {
	return findingAct{ID: d.ID, At: event.Stamp(d.At), Actor: d.Actor, Verb: string(d.Verb), Note: d.Note, Until: until(d.Until),
		Assignee: assigneeOf(d.Assignee), Constituent: d.Constituent, Filter: d.Query, Findings: d.Findings, Skipped: d.Skipped,
		UndoneAt: event.Stamp(d.UndoneAt), UndoneBy: d.UndoneBy, Left: d.Left}
}
