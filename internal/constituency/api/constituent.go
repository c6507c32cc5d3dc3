package api

import (
	"context"
	"strconv"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

// RefPath is the path of one constituent.
type RefPath struct {
	Ref string `path:"ref" maxLength:"80" doc:"The reference, or the id"`
}

type listInput struct {
	api.Paging
	Text        string `query:"q" maxLength:"200" doc:"In name or ref"`
	Sector      string `query:"sector" maxLength:"40"`
	Kind        string `query:"kind" enum:",operator,institution,isp,sector-cert,special-cert,authority,other"`
	Designation string `query:"designation" enum:",special-importance,important,other"`
	Source      string `query:"source" enum:",manual,automatic"`
	Delegate    string `query:"delegate" maxLength:"80" doc:"Ref of the CERT that looks after them"`
	NoContact   bool   `query:"no_contact" doc:"Only those that nobody can be mailed at"`
	Ended       bool   `query:"ended" doc:"Those that have ended too"`
	Sort        string `query:"sort" maxLength:"20" doc:"name, ref, kind, sector, designation, contacts or assets, with - before it to reverse; name without it"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*constituentPage, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	p, err := d.List(constituency.Filter{Text: in.Text, Sector: in.Sector, Kind: constituency.Kind(in.Kind),
		Designation: constituency.Designation(in.Designation), Source: constituency.Source(in.Source), Delegate: in.Delegate,
		NoContact: in.NoContact, Ended: in.Ended, Sort: in.Sort, After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	items := make([]Constituent, len(p.Items))
	for i, l := range p.Items {
		items[i] = view(l)
	}
	return &constituentPage{*api.NewPage(items, p.Next), p.Total}, nil
}

func (r *room) byRef(ctx context.Context, ref string) (*constituency.Directory, constituency.Listed, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, constituency.Listed{}, err
	}
	l, err := d.ByRef(ref)
	if id, no := strconv.ParseInt(ref, 10, 64); err != nil && no == nil { // other operations name an owner by its id
		if byID, ok := d.ByID(id); ok {
			return d, byID, nil
		}
	}
	return d, l, err
}

func (r *room) one(ctx context.Context, _ api.Caller, in *RefPath) (*Constituent, error) {
	_, l, err := r.byRef(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	v := view(l)
	return &v, nil
}

// change is what a caller says of a constituent; null is not said.
type change struct {
	Ref         *string `json:"ref,omitempty" maxLength:"80"`
	Parent      *string `json:"parent,omitempty" doc:"Ref; empty for none"`
	Name        *string `json:"name,omitempty"`
	Kind        *string `json:"kind,omitempty"`
	Sector      *string `json:"sector,omitempty"`
	Designation *string `json:"designation,omitempty"`
	Delegate    *string `json:"delegate,omitempty" doc:"Ref of the CERT that looks after the branch; empty inherits"`
	Language    *string `json:"language,omitempty"`
	Note        *string `json:"note,omitempty"`
	ValidFrom   *string `json:"valid_from,omitempty"`
	ValidUntil  *string `json:"valid_until,omitempty"`
}

type createInput struct{ Body change }

type patchInput struct {
	RefPath
	Body change
}

// apply writes what was said into c and reports every value that does not fit.
func (ch change) apply(d *constituency.Directory, c *constituency.Constituent) error {
	var ps fault.Problems
	texts := []struct {
		from *string
		to   *string
	}{{ch.Ref, &c.Ref}, {ch.Name, &c.Name}, {ch.Sector, &c.Sector}, {ch.Language, &c.Language}, {ch.Note, &c.Note},
		{ch.Kind, (*string)(&c.Kind)}, {ch.Designation, (*string)(&c.Designation)}}
	for _, t := range texts {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	for _, t := range []struct {
		field string
		from  *string
		to    *int64
	}{{"parent", ch.Parent, &c.Parent}, {"delegate", ch.Delegate, &c.Delegate}} {
		if t.from == nil {
			continue
		}
		*t.to = 0
		if *t.from != "" {
			l, err := d.ByRef(*t.from)
			if err != nil {
				ps = append(ps, fault.Problem{Field: t.field, Message: err.Error()})
			}
			*t.to = l.ID
		}
	}
	for _, t := range []struct {
		field string
		from  *string
		to    *constituency.Day
		empty constituency.Day
	}{{"valid_from", ch.ValidFrom, &c.ValidFrom, 0}, {"valid_until", ch.ValidUntil, &c.ValidUntil, constituency.Open}} {
		if t.from == nil {
			continue
		}
		day, err := constituency.ParseDay(*t.from, t.empty)
		if err != nil {
			ps = append(ps, fault.Problem{Field: t.field, Message: err.Error()})
			continue
		}
		*t.to = day
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

func (r *room) create(ctx context.Context, c api.Caller, in *createInput) (*Constituent, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	fresh := constituency.Constituent{Kind: constituency.OtherKind, Designation: constituency.OtherDesignation, ValidUntil: constituency.Open}
	if err := in.Body.apply(d, &fresh); err != nil {
		return nil, err
	}
	made, err := r.store.Create(ctx, c.Actor, fresh)
	if err != nil {
		return nil, err
	}
	return r.one(ctx, c, &RefPath{made.Ref})
}

func (r *room) patch(ctx context.Context, c api.Caller, in *patchInput) (*Constituent, error) {
	d, l, err := r.byRef(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	if err := in.Body.apply(d, &l.Constituent); err != nil {
		return nil, err
	}
	if err := r.store.Update(ctx, c.Actor, l.Constituent); err != nil {
		return nil, err
	}
	return r.one(ctx, c, &RefPath{l.Ref})
}

type retireInput struct {
	RefPath
	Body struct {
		ValidUntil string `json:"valid_until" doc:"The first day it no longer is valid"`
	}
}

func (r *room) retire(ctx context.Context, c api.Caller, in *retireInput) (*Constituent, error) {
	_, l, err := r.byRef(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	day, err := constituency.ParseDay(in.Body.ValidUntil, 0)
	if err != nil {
		return nil, fault.Problems{{Field: "valid_until", Message: err.Error()}}
	}
	if err := r.store.Retire(ctx, c.Actor, l.ID, day); err != nil {
		return nil, err
	}
	return r.one(ctx, c, &RefPath{l.Ref})
}
