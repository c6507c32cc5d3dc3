package web

import (
	"context"
	"errors"
	"io"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// TakePart is the permission of those outside who may be invited to a case.
const TakePart act.Permission = "shared.take-part"

const (
	participantPage = "GET /cases/{id}/participants"
	sharePage       = "GET /shared/cases/{id}"
)

func (r *room) participantRoutes() []web.Route {
	return []web.Route{
		web.Page(participantPage, Read, "case-participants.html", r.participants),
		web.Action("POST /cases/{id}/participants", Write, participantPage, r.invite),
		web.Action("POST /cases/{id}/participants/end", Write, participantPage, r.endPart),
		web.Action("POST /cases/{id}/share", Write, participantPage, r.share),
		web.ClearedPage("GET /shared/cases", TakePart, "shared-cases.html", r.sharedCases),
		web.ClearedPage(sharePage, TakePart, "shared-case.html", r.sharedCase),
		web.Action("POST /shared/cases/{id}/notes", TakePart, sharePage, r.contribute).MaxBody(2 << 20),
		web.Action("POST /shared/cases/{id}/files", TakePart, sharePage, r.bring),
		web.ClearedDownload("GET /shared/cases/{id}/files/{file}", TakePart, r.sharedFile),
	}
}

// participants is the page of who takes part in a case, and of what they see.
type participants struct {
	incident.Case
	Live   bool
	People []person
	Files  []shareable
}

// PageTitle names the case.
func (p *participants) PageTitle() string { return p.Number + " " + p.Title }

type person struct {
	incident.Participant
	Now bool // they take part now
}

type shareable struct {
	incident.File
	Shared bool
}

func (r *room) participants(ctx context.Context, v web.Visitor, in caseIn) (*participants, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p := &participants{Case: c, Live: v.May(Write) && c.State != incident.Joined}
	people, err := r.desk.Participants(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	for _, x := range people {
		p.People = append(p.People, person{x, x.Live(v.Now.UnixMicro())})
	}
	shared, err := r.desk.SharedFiles(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	files, err := r.desk.FilesOf(ctx, c.ID, 0)
	for _, f := range files {
		if f.Case == c.ID {
			p.Files = append(p.Files, shareable{f, shared[f.ID]})
		}
	}
	return p, err
}

func (r *room) invite(ctx context.Context, v web.Visitor, in struct {
	ID    int64  `path:"id" min:"1"`
	Login string `form:"login" need:"true" max:"300"`
	Until string `form:"until" need:"true" max:"20"`
	Note  string `form:"note" max:"2000"`
}) (web.Done, error) {
	day, err := until(v, "until", in.Until)
	if err != nil {
		return web.Done{}, err
	}
	p, err := r.desk.Invite(ctx, v.Actor, in.ID, in.Login, day, in.Note)
	return web.Done{To: caseOf(in.ID) + "/participants", Flash: "did.invite", Args: []any{p.Name}}, err
}

func (r *room) endPart(ctx context.Context, v web.Visitor, in struct {
	ID      int64 `path:"id" min:"1"`
	Account int64 `form:"account" need:"true" min:"1"`
}) (web.Done, error) {
	return web.Done{To: caseOf(in.ID) + "/participants", Flash: "did.end-part"}, r.desk.Part(ctx, v.Actor, in.ID, in.Account)
}

func (r *room) share(ctx context.Context, v web.Visitor, in struct {
	ID    int64 `path:"id" min:"1"`
	File  int64 `form:"number" need:"true" min:"1"`
	Share bool  `form:"share"`
}) (web.Done, error) {
	return web.Done{To: caseOf(in.ID) + "/participants", Flash: "did.share"}, r.desk.ShareFile(ctx, v.Actor, in.ID, in.File, in.Share)
}

// sharedCases are the cases that a visitor from outside takes part in.
type sharedCases struct {
	Cases []shared
	Empty web.Empty
}

// shared is a case as a visitor from outside sees it.
type shared struct {
	incident.Share
	Tag, Action string
	Lines       []entry
}

// PageTitle is its number and title.
func (p *shared) PageTitle() string { return p.Number + " " + p.Title }

func shareOf(v web.Visitor, s incident.Share) shared {
	out := shared{Share: s, Tag: s.Label.String(), Action: s.PAP.String()}
	for _, e := range s.Entries {
		l := entryOf(v, e)
		l.Links = nil
		if e.Kind != incident.KindState {
			l.What = ""
		}
		out.Lines = append(out.Lines, l)
	}
	return out
}

func (r *room) sharedCases(ctx context.Context, v web.Visitor, _ struct{}) (none egress.Cleared[*sharedCases], err error) {
	c, err := r.desk.SharedCases(ctx, v.Actor, disclosure.Page)
	if err != nil {
		return none, err
	}
	list, g, err := c.Open()
	if err != nil {
		return none, err
	}
	p := &sharedCases{Empty: web.Empty{Title: v.T("shared.none"), Text: v.T("shared.none-text")}}
	for _, s := range list {
		p.Cases = append(p.Cases, shareOf(v, s))
	}
	return disclosure.Whole(p, g)
}

type shareIn struct {
	ID int64 `path:"id" min:"1"`
}

func (r *room) sharedCase(ctx context.Context, v web.Visitor, in shareIn) (none egress.Cleared[*shared], err error) {
	c, err := r.desk.SharedCase(ctx, v.Actor, disclosure.Page, in.ID)
	if err != nil {
		return none, err
	}
	s, g, err := c.Open()
	if err != nil {
		return none, err
	}
	p := shareOf(v, *s)
	return disclosure.Whole(&p, g)
}

func sharedPath(id int64) string { return "/shared" + caseOf(id) }

func (r *room) contribute(ctx context.Context, v web.Visitor, in struct {
	ID   int64  `path:"id" min:"1"`
	Text string `form:"text" max:"300000"`
}) (web.Done, error) {
	return web.Done{To: sharedPath(in.ID), Flash: "did.note"}, r.desk.Contribute(ctx, v.Actor, in.ID, in.Text)
}

func (r *room) bring(ctx context.Context, v web.Visitor, in struct {
	ID    int64       `path:"id" min:"1"`
	Files web.Uploads `form:"file"`
}) (web.Done, error) {
	if err := r.desk.TakesPart(ctx, v.Actor, in.ID); err != nil {
		return web.Done{}, err
	}
	n := 0
	for {
		f, err := in.Files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, err = r.desk.Bring(ctx, v.Actor, in.ID, incident.File{Name: f.Name, Type: f.Type}, f)
		}
		if err != nil {
			return web.Done{}, err
		}
		n++
	}
	if n == 0 {
		return web.Done{}, fault.Problems{{Field: "file", Message: v.T("file.none")}}
	}
	return web.Done{To: sharedPath(in.ID), Flash: "did.keep", Args: []any{n}}, nil
}

func (r *room) sharedFile(ctx context.Context, v web.Visitor, in struct {
	ID   int64 `path:"id" min:"1"`
	File int64 `path:"file" min:"1"`
}) (none egress.Cleared[web.File], err error) {
	c, err := r.desk.SharedFile(ctx, v.Actor, in.ID, in.File)
	if err != nil {
		return none, err
	}
	f, g, err := c.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(web.File{Name: f.Name, Type: "application/octet-stream", Write: func(w io.Writer) error {
		return r.desk.CopyTo(ctx, v.Actor, f.ID, w)
	}}, g)
}
