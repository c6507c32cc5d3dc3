package web

import (
	"context"
	"io"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation/sitrep"
)

type shelfOut struct {
	Rows   []sitrep.Shelved
	Badges map[sitrep.State]string
	Pager  web.Pager
	Empty  web.Empty
}

// shelf is the portal's list of situation reports.
func (r *room) shelf(ctx context.Context, v web.Visitor, in struct {
	After int64 `query:"after" min:"0"`
}) (none egress.Cleared[*shelfOut], err error) {
	c, next, err := r.desk.Shelf(ctx, v.Actor, disclosure.Portal, v.Lang(), in.After)
	if err != nil {
		return none, err
	}
	rows, g, err := c.Open()
	if err != nil {
		return none, err
	}
	key := ""
	if next != 0 {
		key = strconv.FormatInt(next, 10)
	}
	return disclosure.Whole(&shelfOut{rows, badges(), web.NewPager(v, key, len(rows)), web.Empty{Title: v.T("none"), Text: v.T("own.none-text")}}, g)
}

type shelvedOut struct {
	sitrep.Shelved
	SHA256    string // shown to the staff alone
	Badges    map[sitrep.State]string
	Languages []language
	Files     bool // the visitor may take it as a file
}

// PageTitle is the report's number.
func (o *shelvedOut) PageTitle() string { return o.Number }

// shelved is a report on the portal.
func (r *room) shelved(ctx context.Context, v web.Visitor, in spoken) (none egress.Cleared[*shelvedOut], err error) {
	c, err := r.desk.Read(ctx, v.Actor, disclosure.Portal, in.ID, in.speaks(v))
	if err != nil {
		return none, err
	}
	s, g, err := sitrep.OneShelved(c)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&shelvedOut{Shelved: s, Badges: badges(), Languages: languages(v, s.Languages, s.Doc.Language), Files: v.May(download)}, g)
}

func (r *room) shelvedFile(ctx context.Context, v web.Visitor, in struct {
	spoken
	Format string `path:"format" max:"10"`
}) (none egress.Cleared[web.File], err error) {
	c, err := r.desk.Read(ctx, v.Actor, disclosure.Export, in.ID, in.speaks(v))
	if err != nil {
		return none, err
	}
	s, g, err := sitrep.OneShelved(c)
	if err != nil {
		return none, err
	}
	b, kind, err := s.Doc.In(in.Format)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(web.File{Name: s.Number + "-" + s.Doc.Language + "." + in.Format, Type: kind, Write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, g)
}
