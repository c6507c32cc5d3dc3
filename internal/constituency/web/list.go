package web

import (
	"cmp"
	"context"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/web"
)

type listIn struct {
	Text        string `query:"q" max:"200"`
	Sector      string `query:"sector" max:"40"`
	Kind        string `query:"kind" max:"40"`
	Designation string `query:"designation" max:"40"`
	Source      string `query:"source" max:"40"`
	Delegate    string `query:"delegate" max:"80"`
	NoContact   bool   `query:"no-contact"`
	Ended       bool   `query:"ended"`
	Sort        string `query:"sort" max:"20"`
	After       string `query:"after" max:"2000"`
}

type listOut struct {
	listIn
	Words        words
	Items        []constituency.Listed
	Total        int
	Pager        web.Pager
	Columns      []web.Column
	Sectors      []web.Option
	Kinds        []web.Option
	Designations []web.Option
	Sources      []web.Option
	Empty        web.Empty
	KeyTrouble   bool // a contact's key does not work, or expires soon
}

// Savable says that the list can be saved.
func (*listOut) Savable() bool { return true }

func (r *room) list(ctx context.Context, v web.Visitor, in listIn) (*listOut, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	w, err := r.words(ctx, v)
	if err != nil {
		return nil, err
	}
	p, err := d.List(constituency.Filter{Text: in.Text, Sector: in.Sector, Kind: constituency.Kind(in.Kind),
		Designation: constituency.Designation(in.Designation), Source: constituency.Source(in.Source), Delegate: in.Delegate,
		NoContact: in.NoContact, Ended: in.Ended, Sort: in.Sort, After: in.After, Limit: 100})
	if err != nil {
		return nil, err
	}
	all := web.Option{Label: v.T("list.all")}
	out := &listOut{listIn: in, Words: w, Items: p.Items, Total: p.Total, Pager: web.NewPager(v, p.Next, len(p.Items)),
		Columns: web.Sorted(v, cmp.Or(in.Sort, "name"), web.Column{Key: "col.name", Sort: "name"}, web.Column{Key: "col.ref", Sort: "ref"},
			web.Column{Key: "col.kind", Sort: "kind"}, web.Column{Key: "col.sector", Sort: "sector"},
			web.Column{Key: "col.designation", Sort: "designation"}, web.Column{Key: "col.contacts", Sort: "contacts", Numeric: true},
			web.Column{Key: "col.assets", Sort: "assets", Numeric: true}),
		Sectors: w.sectors(all), Designations: w.designations(all), Kinds: options(v, "kind.", constituency.Kinds(), all),
		Sources: options(v, "source.", []constituency.Source{constituency.Manual, constituency.Automatic}, all)}
	if len(d.All()) == 0 {
		out.Empty = web.Empty{Title: v.T("list.none"), Text: v.T("list.none-text"), Href: "/registry/import", Link: v.T("nav.import")}
	} else {
		out.Empty = web.Empty{Title: v.T("list.nothing"), Text: v.T("list.nothing-text"), Href: "/constituents", Link: v.T("list.clear")}
	}
	trouble, _, err := r.store.Keys(ctx, constituency.KeyFilter{Trouble: true, Limit: 1})
	out.KeyTrouble = len(trouble) > 0
	return out, err
}
