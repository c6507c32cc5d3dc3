package web

import (
	"context"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// form is a constituent as a form has it; parent and delegate are refs.
type form struct {
	Ref         string `form:"ref" max:"80"`
	Name        string `form:"name" max:"300"`
	Parent      string `form:"parent" max:"80"`
	Kind        string `form:"kind" max:"40"`
	Sector      string `form:"sector" max:"40"`
	Designation string `form:"designation" max:"40"`
	Delegate    string `form:"delegate" max:"80"`
	Language    string `form:"language" max:"40"`
	Note        string `form:"note" max:"10000"`
	From        string `form:"valid_from" max:"10"`
	Until       string `form:"valid_until" max:"10"`
}

type editOut struct {
	form
	ID           int64
	Today        string
	Kinds        []web.Option
	Sectors      []web.Option
	Designations []web.Option
}

func (r *room) editor(ctx context.Context, v web.Visitor, f form, id int64) (*editOut, error) {
	w, err := r.words(ctx, v)
	if err != nil {
		return nil, err
	}
	sectors := w.sectors(web.Option{Label: v.T("edit.no-sector")})
	if f.Sector != "" && !w.profile.HasSector(f.Sector) {
		sectors = append(sectors, web.Option{Value: f.Sector, Label: f.Sector})
	}
	return &editOut{form: f, ID: id, Today: constituency.DayOf(v.Now).String(), Kinds: options(v, "kind.", constituency.Kinds()),
		Sectors: sectors, Designations: w.designations()}, nil
}

func (r *room) blank(ctx context.Context, v web.Visitor, in struct {
	Parent string `query:"parent" max:"80"`
}) (*editOut, error) {
	return r.editor(ctx, v, form{Parent: in.Parent, Kind: string(constituency.OtherKind), Designation: string(constituency.OtherDesignation)}, 0)
}

type idIn struct {
	ID int64 `path:"id"`
}

func (r *room) find(ctx context.Context, id int64) (*constituency.Directory, constituency.Listed, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, constituency.Listed{}, err
	}
	l, ok := d.ByID(id)
	if !ok {
		return nil, l, fault.NotFoundf("there is no constituent with the id %d", id)
	}
	return d, l, nil
}

func (r *room) edit(ctx context.Context, v web.Visitor, in idIn) (*editOut, error) {
	d, l, err := r.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	own, _ := d.ByID(l.Delegate)
	return r.editor(ctx, v, form{Ref: l.Ref, Name: l.Name, Parent: l.ParentRef, Kind: string(l.Kind), Sector: l.Sector,
		Designation: string(l.Designation), Delegate: own.Ref, Language: l.Language, Note: l.Note, From: l.ValidFrom.String(),
		Until: l.ValidUntil.String()}, l.ID)
}

// into writes the form into c and reports every value that does not fit.
func (f form) into(d *constituency.Directory, c *constituency.Constituent) error {
	var ps fault.Problems
	id := func(field, ref string) int64 {
		if ref == "" {
			return 0
		}
		l, err := d.ByRef(ref)
		if err != nil {
			ps = append(ps, fault.Problem{Field: field, Message: err.Error()})
		}
		return l.ID
	}
	day := func(field, s string, empty constituency.Day) constituency.Day {
		n, err := constituency.ParseDay(s, empty)
		if err != nil {
			ps = append(ps, fault.Problem{Field: field, Message: err.Error()})
		}
		return n
	}
	c.Ref, c.Name, c.Kind, c.Sector = f.Ref, f.Name, constituency.Kind(f.Kind), f.Sector
	c.Designation, c.Language, c.Note = constituency.Designation(f.Designation), f.Language, f.Note
	c.Parent, c.Delegate = id("parent", f.Parent), id("delegate", f.Delegate)
	c.ValidFrom, c.ValidUntil = day("valid_from", f.From, 0), day("valid_until", f.Until, constituency.Open)
	if len(ps) > 0 {
		return ps
	}
	return nil
}

func (r *room) create(ctx context.Context, v web.Visitor, in form) (web.Done, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return web.Done{}, err
	}
	var c constituency.Constituent
	if err := in.into(d, &c); err != nil {
		return web.Done{}, err
	}
	made, err := r.store.Create(ctx, v.Actor, c)
	return web.Done{To: page(made.ID), Flash: "edit.created", Args: []any{made.Name}}, taken(err)
}

type saveIn struct {
	ID   int64 `path:"id"`
	Form form
}

func (r *room) save(ctx context.Context, v web.Visitor, in saveIn) (web.Done, error) {
	d, l, err := r.find(ctx, in.ID)
	if err != nil {
		return web.Done{}, err
	}
	c := l.Constituent
	if err := in.Form.into(d, &c); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: page(c.ID), Flash: "edit.saved", Args: []any{c.Name}}, taken(r.store.Update(ctx, v.Actor, c))
}

// taken makes a reference that is taken something to mend in the form.
func taken(err error) error {
	if fault.KindOf(err) == fault.Conflict {
		return fault.Problems{{Field: "ref", Message: err.Error()}}
	}
	return err
}

type retireIn struct {
	ID  int64 `path:"id"`
	Day dayIn `form:"retire-on" need:"true"`
}

func (r *room) retire(ctx context.Context, v web.Visitor, in retireIn) (web.Done, error) {
	return web.Done{To: page(in.ID), Flash: "edit.retired", Args: []any{in.Day.String()}}, r.store.Retire(ctx, v.Actor, in.ID, in.Day.Day)
}
