// Package web is the room of situation reports: the series, a report as it is read and printed, its draft as people edit it, and whom it is
// sent to. It translates and decides nothing.
package web

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io"
	"strconv"

	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation/sitrep"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	rule  act.Permission = "incident.rule"

	portal   act.Permission = "portal.read"
	download act.Permission = "portal.download"
)

const (
	onePage  = "GET /sitreps/{id}"
	editPage = "GET /sitreps/{id}/edit"
	sendPage = "GET /sitreps/{id}/distribute"
	longForm = 16 << 20 // what is longer than a text may be is refused by the desk, which says what to do
)

type room struct{ desk *sitrep.Desk }

// Room returns the room.
func Room(d *sitrep.Desk) web.Room {
	r := &room{d}
	return web.Room{Name: "sitrep", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/sitreps", Key: "nav.sitreps", Group: "situation", Order: 11, Permission: read},
			{Path: "/portal/sitreps", Key: "nav.sitreps", Order: 61, Permission: portal}},
		Routes: []web.Route{
			web.Page("GET /sitreps", read, "sitreps.html", r.list),
			web.Action("POST /sitreps", write, "GET /sitreps", r.draft).Retry(),
			web.Page(onePage, read, "sitrep.html", r.one),
			web.Page("GET /sitreps/{id}/print", read, "sitrep-print.html", r.print),
			web.Download("GET /sitreps/{id}/export/{format}", read, r.export),
			web.Page(editPage, write, "sitrep-edit.html", r.editing),
			web.Action("POST /sitreps/{id}/edit", write, editPage, r.edit).Retry().MaxBody(longForm),
			web.Action("POST /sitreps/{id}/refresh", write, onePage, r.refresh).Retry(),
			web.Action("POST /sitreps/{id}/approve", rule, onePage, r.approve).Retry(),
			web.Action("POST /sitreps/{id}/correct", write, onePage, r.correct).Retry(),
			web.Action("POST /sitreps/{id}/withdraw", rule, onePage, r.withdraw).Retry(),
			web.Page(sendPage, rule, "sitrep-distribute.html", r.reach),
			web.Action("POST /sitreps/{id}/distribute", rule, sendPage, r.distribute).Retry(),
			web.ClearedPage("GET /portal/sitreps", portal, "own-sitreps.html", r.shelf),
			web.ClearedPage("GET /portal/sitreps/{id}", portal, "own-sitrep.html", r.shelved),
			web.ClearedDownload("GET /portal/sitreps/{id}/export/{format}", download, r.shelvedFile),
		}}
}

// Numbered is the path of a report.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

func (n Numbered) path(more string) string { return fmt.Sprintf("/sitreps/%d%s", n.ID, more) }

type spoken struct {
	Numbered
	Language string `query:"language" max:"35"`
}

// badges colour the states.
func badges() map[sitrep.State]string {
	return map[sitrep.State]string{sitrep.Draft: "bad", sitrep.Approved: "good", sitrep.Replaced: "plain", sitrep.Withdrawn: "plain"}
}

type listOut struct {
	State  string
	Rows   []sitrep.Sitrep
	States []web.Option
	Badges map[sitrep.State]string
	Pager  web.Pager
	Empty  web.Empty
}

func (r *room) list(ctx context.Context, v web.Visitor, in struct {
	State string `query:"state" max:"20"`
	After int64  `query:"after" min:"0"`
}) (*listOut, error) {
	out := &listOut{State: in.State, Badges: badges(), Empty: web.Empty{Title: v.T("none"), Text: v.T("none-text")}, States: []web.Option{{Label: v.T("any")}}}
	for _, s := range sitrep.States() {
		out.States = append(out.States, web.Option{Value: string(s), Label: v.T("state." + string(s))})
	}
	rows, next, err := r.desk.List(ctx, sitrep.Filter{State: sitrep.State(in.State), Before: in.After})
	if err != nil {
		return nil, err
	}
	key := ""
	if next != 0 {
		key = strconv.FormatInt(next, 10)
	}
	out.Rows, out.Pager = rows, web.NewPager(v, key, len(rows))
	return out, nil
}

func (r *room) draft(ctx context.Context, v web.Visitor, _ struct{}) (web.Done, error) {
	s, err := r.desk.Draft(ctx, v.Actor)
	return web.Done{To: Numbered{s.ID}.path(""), Flash: "done.drafted"}, err
}

// language is one that a report can be read in.
type language struct {
	Name, Href string
	Current    bool
}

func languages(v web.Visitor, all []string, current string) (out []language) {
	for _, l := range all {
		out = append(out, language{v.T("speaks." + l), v.With("language", l), l == current})
	}
	return out
}

// speaks is the language that a visitor reads a report in, if it is written in that.
func (in spoken) speaks(v web.Visitor) string { return cmp.Or(in.Language, v.Lang()) }

type oneOut struct {
	sitrep.One
	Doc        sitrep.Document
	Language   string
	Languages  []language
	Changed    []sitrep.Section // the figures changed since a person wrote about them
	Badges     map[sitrep.State]string
	Recipients []sitrep.Recipient
	More       bool
}

// PageTitle is the report's number.
func (o *oneOut) PageTitle() string { return o.Number() }

func (r *room) one(ctx context.Context, v web.Visitor, in spoken) (*oneOut, error) {
	out, err := r.read(ctx, v, in)
	if err != nil || out.Approved == 0 {
		return out, err
	}
	next := int64(0)
	out.Recipients, next, err = r.desk.Recipients(ctx, in.ID, 0, 200)
	out.More = next != 0
	return out, err
}

func (r *room) read(ctx context.Context, v web.Visitor, in spoken) (*oneOut, error) {
	s, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	lang := s.Speaks(in.speaks(v))
	out := &oneOut{One: s, Language: lang, Languages: languages(v, s.Languages, lang), Badges: badges()}
	for _, x := range s.Shown() {
		if s.Texts[lang][x].Changed() {
			out.Changed = append(out.Changed, x)
		}
	}
	out.Doc, err = r.desk.Document(ctx, in.ID, lang)
	return out, err
}

func (r *room) print(ctx context.Context, v web.Visitor, in spoken) (*oneOut, error) {
	return r.read(ctx, v, in)
}

func (r *room) export(ctx context.Context, _ web.Visitor, in struct {
	spoken
	Format string `path:"format" max:"10"`
}) (web.File, error) {
	s, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	doc, err := r.desk.Document(ctx, in.ID, in.Language)
	if err != nil {
		return web.File{}, err
	}
	b, kind, err := doc.In(in.Format)
	return web.File{Name: s.Ticket() + "-" + doc.Language + "." + in.Format, Type: kind, Write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, err
}

// part is a text of the form.
type part struct {
	Key   string // of its label
	Name  string
	Words sitrep.Words
}

type editOut struct {
	sitrep.One
	Language  string
	Languages []language
	Labels    []web.Option
	Parts     []part
}

// PageTitle is the report's number.
func (o *editOut) PageTitle() string { return o.Number() }

func (r *room) editing(ctx context.Context, v web.Visitor, in spoken) (*editOut, error) {
	s, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	lang := s.Speaks(in.speaks(v))
	out := &editOut{One: s, Language: lang, Languages: languages(v, s.Languages, lang)}
	for _, l := range tlp.Labels() {
		out.Labels = append(out.Labels, web.Option{Value: l.String(), Label: l.String()})
	}
	for _, x := range s.Shown() {
		out.Parts = append(out.Parts, part{"part." + string(x), string(x), s.Texts[lang][x]})
	}
	return out, nil
}

func (r *room) edit(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Version   int64  `form:"version" min:"1"`
	Language  string `form:"language" max:"35"`
	TLP       string `form:"tlp" need:"true" max:"20"`
	Judgement string `form:"judgement" max:"16777216"`
	Findings  string `form:"findings" max:"16777216"`
	Reports   string `form:"reports" max:"16777216"`
	Cases     string `form:"cases" max:"16777216"`
	Clocks    string `form:"clocks" max:"16777216"`
	Letters   string `form:"letters" max:"16777216"`
	Affected  string `form:"affected" max:"16777216"`
}) (web.Done, error) {
	label, err := tlp.Parse(in.TLP)
	if err != nil {
		return web.Done{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	s, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return web.Done{}, err
	}
	sent := map[sitrep.Section]string{sitrep.Findings: in.Findings, sitrep.Reports: in.Reports, sitrep.Cases: in.Cases, sitrep.Clocks: in.Clocks, sitrep.Letters: in.Letters, sitrep.Affected: in.Affected}
	e := sitrep.Edit{Version: in.Version, Language: in.Language, Label: &label, Judgement: &in.Judgement, Texts: map[sitrep.Section]string{}}
	for _, x := range s.Shown() { // what the form did not show is not changed
		e.Texts[x] = sent[x]
	}
	_, err = r.desk.Edit(ctx, v.Actor, in.ID, e)
	return web.Done{To: in.path("?language=" + in.Language), Flash: "done.edited"}, err
}

// versioned is an act on the report that was looked at.
type versioned struct {
	Numbered
	Version int64 `form:"version" min:"0"`
}

func (r *room) refresh(ctx context.Context, v web.Visitor, in versioned) (web.Done, error) {
	_, err := r.desk.Refresh(ctx, v.Actor, in.ID, in.Version)
	return web.Done{To: in.path(""), Flash: "done.refreshed"}, err
}

func (r *room) approve(ctx context.Context, v web.Visitor, in versioned) (web.Done, error) {
	_, err := r.desk.Approve(ctx, v.Actor, in.ID, in.Version)
	return web.Done{To: in.path(""), Flash: "done.approved"}, err
}

type reasoned struct {
	Numbered
	Reason string `form:"reason" need:"true" max:"1000"`
}

func (r *room) correct(ctx context.Context, v web.Visitor, in reasoned) (web.Done, error) {
	s, err := r.desk.Correct(ctx, v.Actor, in.ID, in.Reason)
	return web.Done{To: Numbered{s.ID}.path("/edit"), Flash: "done.correction"}, err
}

func (r *room) withdraw(ctx context.Context, v web.Visitor, in reasoned) (web.Done, error) {
	_, err := r.desk.Withdraw(ctx, v.Actor, in.ID, in.Reason)
	return web.Done{To: in.path(""), Flash: "done.withdrawn"}, err
}

// chosen is an audience as a form has it.
type chosen struct {
	Staff        bool
	Everybody    bool
	Authorities  bool
	Same         bool
	Designations []string
	Sectors      []string
}

func (c chosen) audience() sitrep.Audience {
	return sitrep.Audience{Staff: c.Staff, Everybody: c.Everybody, Authorities: c.Authorities, Same: c.Same, Designations: c.Designations, Sectors: c.Sectors}
}

type choice struct {
	web.Option
	On bool
}

type reachOut struct {
	sitrep.One
	sitrep.Reached
	Chosen       chosen
	Asked        bool
	Designations []choice
	Sectors      []choice
}

// PageTitle is the report's number.
func (o *reachOut) PageTitle() string { return o.Number() }

func (r *room) reach(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Staff        bool     `query:"staff"`
	Everybody    bool     `query:"everybody"`
	Authorities  bool     `query:"authorities"`
	Same         bool     `query:"same"`
	Designations []string `query:"designation"`
	Sectors      []string `query:"sector"`
}) (*reachOut, error) {
	s, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	c := chosen{in.Staff, in.Everybody, in.Authorities, in.Same, in.Designations, in.Sectors}
	out := &reachOut{One: s, Chosen: c, Asked: len(v.URL.Query()) > 0}
	mark := func(to *[]choice, value, label string, on []string) {
		for _, x := range on {
			if x == value {
				*to = append(*to, choice{web.Option{Value: value, Label: label}, true})
				return
			}
		}
		*to = append(*to, choice{web.Option{Value: value, Label: label}, false})
	}
	for _, d := range constituency.Designations() {
		mark(&out.Designations, string(d), p.DesignationName(string(d), v.Lang()), in.Designations)
	}
	for _, x := range p.Sectors {
		mark(&out.Sectors, x.ID, p.SectorName(x.ID, v.Lang()), in.Sectors)
	}
	if !out.Asked {
		return out, nil
	}
	out.Reached, err = r.desk.Reach(ctx, in.ID, c.audience())
	return out, err
}

func (r *room) distribute(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Staff        bool     `form:"staff"`
	Everybody    bool     `form:"everybody"`
	Authorities  bool     `form:"authorities"`
	Same         bool     `form:"same"`
	Designations []string `form:"designation"`
	Sectors      []string `form:"sector"`
}) (web.Done, error) {
	sent, err := r.desk.Distribute(ctx, v.Actor, in.ID, chosen{in.Staff, in.Everybody, in.Authorities, in.Same, in.Designations, in.Sectors}.audience())
	return web.Done{To: in.path(""), Flash: "done.distributed", Args: []any{sent.Letters, sent.Already, sent.Withheld}}, err
}
