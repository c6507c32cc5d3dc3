package web

import (
	"context"
	"io"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
)

func portal(v web.Visitor) filing.Asker {
	return filing.Asker{Actor: v.Actor, Via: disclosure.Portal}
}

type mineOut struct {
	Items []incident.Report
	Of    map[int64]string // names of the constituents, when there are several
	Pager web.Pager
	Empty web.Empty
	May   bool
}

func (r *room) mine(ctx context.Context, v web.Visitor, in struct {
	Constituent int64 `query:"constituent" min:"0"`
	After       int64 `query:"after" min:"0"`
}) (none egress.Cleared[*mineOut], err error) {
	c, err := r.counter.Mine(ctx, portal(v), incident.MineFilter{Constituent: in.Constituent, Before: in.After, Limit: 50})
	if err != nil {
		return none, err
	}
	l, g, err := c.Open()
	if err != nil {
		return none, err
	}
	choices, err := r.counter.Choices(ctx, v.Actor)
	if err != nil {
		return none, err
	}
	next := ""
	if l.Next != 0 {
		next = number(l.Next)
	}
	out := &mineOut{Items: l.Items, Pager: web.NewPager(v, next, len(l.Items)), May: v.May(write), Of: map[int64]string{},
		Empty: web.Empty{Title: v.T("mine.none"), Text: v.T("mine.none-text")}}
	if len(choices) > 1 {
		for _, x := range choices {
			out.Of[x.ID] = x.Name
		}
	}
	return disclosure.Whole(out, g)
}

type mineNewOut struct {
	Entry   *entry
	Choices []web.Option
}

// mineNew shows an empty form with what is known of who fills it in. It holds nothing but the visitor's own.
func (r *room) mineNew(ctx context.Context, v web.Visitor, in struct {
	Constituent int64 `query:"constituent" min:"0"`
}) (none egress.Cleared[*mineNewOut], err error) {
	c, err := r.counter.Mine(ctx, portal(v), incident.MineFilter{Limit: 1})
	if err != nil {
		return none, err
	}
	_, g, err := c.Open()
	if err != nil {
		return none, err
	}
	choices, err := r.counter.Choices(ctx, v.Actor)
	if err != nil {
		return none, err
	}
	out, f, of := &mineNewOut{}, incident.Filing{Name: v.Actor.Name}, in.Constituent
	for _, x := range choices {
		out.Choices = append(out.Choices, web.Option{Value: number(x.ID), Label: x.Name})
		if len(choices) == 1 || x.ID == of {
			of, f.Organisation = x.ID, x.Name
		}
	}
	if of == 0 && len(choices) > 0 {
		of = choices[0].ID
	}
	if out.Entry, err = r.entry(ctx, v, f, of); err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

func (r *room) mineFile(ctx context.Context, v web.Visitor, in struct {
	Constituent int64  `form:"constituent" min:"1"`
	Do          string `form:"do" max:"20"`
	Fields      fields
}) (web.Done, error) {
	f, err := in.Fields.filing(v)
	if err != nil {
		return web.Done{}, err
	}
	report, err := r.counter.FileFor(ctx, v.Actor, filing.Filed{Constituent: in.Constituent, Draft: in.Do != "submit", Filing: f})
	return web.Done{To: "/portal/reports/" + number(report.ID), Flash: doneOf(in.Do)}, err
}

func doneOf(do string) string {
	if do == "submit" {
		return "done.received"
	}
	return "done.saved"
}

// mineIn is the path of one's own report.
type mineIn struct {
	ID int64 `path:"id" min:"1"`
}

func (m mineIn) to() string { return "/portal/reports/" + number(m.ID) }

func (r *room) mineOne(ctx context.Context, v web.Visitor, in mineIn) (none egress.Cleared[*toldOut], err error) {
	c, err := r.counter.One(ctx, portal(v), in.ID)
	if err != nil {
		return none, err
	}
	dressed, err := r.dress(ctx, v, c, in.to())
	if err != nil {
		return none, err
	}
	out, g, err := dressed.Open()
	if err != nil {
		return none, err
	}
	out.Rights, out.Take = v.May(write), v.May(take)
	return disclosure.Whole(out, g)
}

func (r *room) mineSave(ctx context.Context, v web.Visitor, in struct {
	mineIn
	Do     string `form:"do" max:"20"`
	Fields fields
}) (web.Done, error) {
	f, err := in.Fields.filing(v)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: in.to(), Flash: doneOf(in.Do)}, r.counter.SaveFor(ctx, v.Actor, in.ID, f, in.Do == "submit")
}

func (r *room) mineAdd(ctx context.Context, v web.Visitor, in struct {
	mineIn
	Add addition
}) (web.Done, error) {
	a := in.Add.addition()
	a.Via = "portal"
	_, err := r.counter.AddFor(ctx, v.Actor, in.ID, a)
	return web.Done{To: in.to(), Flash: "done.added"}, err
}

func (r *room) mineAttach(ctx context.Context, v web.Visitor, in struct {
	mineIn
	Files web.Uploads `form:"file"`
}) (web.Done, error) {
	return r.each(v, &in.Files, in.to(), func(u *web.Upload) error {
		_, err := r.counter.KeepFor(ctx, v.Actor, in.ID, u.Name, u.Type, u)
		return err
	})
}

func (r *room) mineDiscard(ctx context.Context, v web.Visitor, in mineIn) (web.Done, error) {
	return web.Done{To: "/portal/reports", Flash: "done.discarded"}, r.counter.DiscardFor(ctx, v.Actor, in.ID)
}

func (r *room) mineTake(ctx context.Context, v web.Visitor, in struct {
	mineIn
	File int64 `path:"file" min:"1"`
}) (none egress.Cleared[web.File], err error) {
	c, err := r.counter.TakeFor(ctx, filing.Asker{Actor: v.Actor, Via: disclosure.Export}, in.ID, in.File)
	if err != nil {
		return none, err
	}
	t, g, err := c.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(web.File{Name: t.Name, Type: "application/octet-stream", Write: func(w io.Writer) error {
		defer t.Content.Close()
		_, err := io.Copy(w, io.NewSectionReader(t.Content, 0, t.Bytes))
		return err
	}}, g)
}

func (r *room) mineReceipt(ctx context.Context, v web.Visitor, in mineIn) (egress.Cleared[web.File], error) {
	return receiptFile(r.counter.PapersOf(ctx, filing.Asker{Actor: v.Actor, Via: disclosure.Export}, in.ID))
}

func (r *room) mineRecord(ctx context.Context, v web.Visitor, in mineIn) (egress.Cleared[web.File], error) {
	return recordFile(r.counter.PapersOf(ctx, filing.Asker{Actor: v.Actor, Via: disclosure.Export}, in.ID))
}
