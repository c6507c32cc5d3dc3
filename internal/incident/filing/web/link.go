package web

import (
	"context"
	"encoding/json"
	"io"

	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type blankOut struct {
	Entry *entry
	to    string
}

// Elsewhere leads those who are signed in to the form that knows them.
func (o *blankOut) Elsewhere() string { return o.to }

func (r *room) blank(ctx context.Context, v web.Visitor, _ none) (*blankOut, error) {
	switch {
	case identity.Allowed(v.Actor, enter):
		return &blankOut{to: "/reports/new"}, nil
	case identity.Allowed(v.Actor, write):
		return &blankOut{to: "/portal/reports/new"}, nil
	}
	e, err := r.entry(ctx, v, incident.Filing{}, 0)
	return &blankOut{Entry: e}, err
}

func (r *room) begin(ctx context.Context, v web.Visitor, in struct {
	Trap   string `form:"website" max:"200"` // nobody sees it; programs fill it in
	Fields fields
}) (web.Done, error) {
	if in.Trap != "" {
		return web.Done{}, fault.Invalidf("%s", v.T("form.trap"))
	}
	f, err := in.Fields.filing(v)
	if err != nil {
		return web.Done{}, err
	}
	if f.Title == "" && f.Text == "" {
		return web.Done{}, fault.Problems{{Field: "text", Message: v.T("form.say")}}
	}
	secret, err := r.counter.Begin(ctx, v.Client, f)
	return web.Done{To: "/report/" + secret}, err
}

// secretIn is the path of a reporter's page.
type secretIn struct {
	Secret string `path:"secret" max:"100"`
}

func (s secretIn) to() string { return "/report/" + s.Secret }

// toldOut is a report as its reporter sees it, at an address.
type toldOut struct {
	*filing.Told
	Base   string // of its page
	Entry  *entry // of a draft
	Steps  []web.Option
	Rights bool // to change and add
	Take   bool // to download
	Files  []incident.File
}

// PageTitle is the number.
func (o *toldOut) PageTitle() string { return o.Report.Number }

func (r *room) dress(ctx context.Context, v web.Visitor, c egress.Cleared[*filing.Told], base string) (none egress.Cleared[*toldOut], err error) {
	t, g, err := c.Open()
	if err != nil {
		return none, err
	}
	out := &toldOut{Told: t, Base: base, Files: t.Files}
	if t.Draft() {
		if out.Entry, err = r.entry(ctx, v, t.Report.Filing, t.Report.Constituent); err != nil {
			return none, err
		}
	} else if out.Steps, err = r.steps(ctx, v, t.Report.Constituent); err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

func (r *room) page(ctx context.Context, v web.Visitor, in secretIn) (none egress.Cleared[*toldOut], err error) {
	c, err := r.counter.Page(ctx, in.Secret)
	if err != nil {
		return none, err
	}
	return r.dress(ctx, v, c, in.to())
}

func (r *room) save(ctx context.Context, v web.Visitor, in struct {
	secretIn
	Do     string `form:"do" max:"20"`
	Fields fields
}) (web.Done, error) {
	f, err := in.Fields.filing(v)
	if err != nil {
		return web.Done{}, err
	}
	if in.Do == "submit" {
		return web.Done{To: in.to(), Flash: "done.filed"}, r.counter.Submit(ctx, in.Secret, f)
	}
	return web.Done{To: in.to(), Flash: "done.saved"}, r.counter.Save(ctx, in.Secret, f)
}

func (r *room) add(ctx context.Context, _ web.Visitor, in struct {
	secretIn
	Add addition
}) (web.Done, error) {
	return web.Done{To: in.to(), Flash: "done.added"}, r.counter.AddByLink(ctx, in.Secret, in.Add.addition())
}

func (r *room) attach(ctx context.Context, v web.Visitor, in struct {
	secretIn
	Files web.Uploads `form:"file"`
}) (web.Done, error) {
	return r.each(v, &in.Files, in.to(), func(u *web.Upload) error { return r.counter.KeepByLink(ctx, in.Secret, u.Name, u.Type, u) })
}

type codeIn struct {
	secretIn
	Code string `path:"code" max:"100"`
}

type askOut struct {
	Number string
	Done   bool
	Secret string
	Code   string
}

func (r *room) ask(ctx context.Context, _ web.Visitor, in codeIn) (*askOut, error) {
	report, err := r.counter.Confirmable(ctx, in.Secret, in.Code)
	return &askOut{report.Number, report.State != incident.Unconfirmed, in.Secret, in.Code}, err
}

func (r *room) confirm(ctx context.Context, _ web.Visitor, in codeIn) (web.Done, error) {
	return web.Done{To: in.to(), Flash: "done.confirmed"}, r.counter.Confirm(ctx, in.Secret, in.Code)
}

func (r *room) receipt(ctx context.Context, _ web.Visitor, in secretIn) (egress.Cleared[web.File], error) {
	return receiptFile(r.counter.PapersByLink(ctx, in.Secret))
}

func (r *room) record(ctx context.Context, _ web.Visitor, in secretIn) (egress.Cleared[web.File], error) {
	return recordFile(r.counter.PapersByLink(ctx, in.Secret))
}

func receiptFile(c egress.Cleared[*filing.Papers], err error) (none egress.Cleared[web.File], _ error) {
	return paper(c, err, "receipt", func(p *filing.Papers) ([]byte, error) { return json.MarshalIndent(p.Receipt, "", "  ") })
}

func recordFile(c egress.Cleared[*filing.Papers], err error) (none egress.Cleared[web.File], _ error) {
	return paper(c, err, "record", func(p *filing.Papers) ([]byte, error) { return p.Record, nil })
}

func paper(c egress.Cleared[*filing.Papers], err error, what string, of func(*filing.Papers) ([]byte, error)) (none egress.Cleared[web.File], _ error) {
	if err != nil {
		return none, err
	}
	p, g, err := c.Open()
	if err != nil {
		return none, err
	}
	b, err := of(p)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(web.File{Name: what + "-" + p.Receipt.Number + ".json", Type: "application/json", Write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, g)
}
