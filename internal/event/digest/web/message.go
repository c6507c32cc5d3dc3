package web

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"maps"
	"slices"

	"tocsin/internal/event/digest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

const (
	pageSize   = 100
	shownItems = 500
)

type listIn struct {
	Constituent string `query:"constituent" max:"80"`
	After       int64  `query:"after" min:"0"`
}

type backlog struct {
	Feed string
	digest.Backlog
}

type listOut struct {
	Filter  listIn
	Tiles   []web.Tile
	Items   []digest.Message
	Pager   web.Pager
	Empty   web.Empty
	Backlog []backlog
}

func (r *room) list(ctx context.Context, v web.Visitor, in listIn) (*listOut, error) {
	out := &listOut{Filter: in, Empty: web.Empty{Title: v.T("message.none"), Text: v.T("message.none-text")}}
	s, err := r.desk.Standing(ctx)
	if err != nil {
		return nil, err
	}
	for _, st := range digest.States() {
		if n := s.States[st]; n > 0 || st == digest.Waiting || st == digest.Told {
			out.Tiles = append(out.Tiles, web.Tile{Label: v.T("stand." + string(st)), Value: v.Number(n), Note: v.T("stand-text." + string(st))})
		}
	}
	if s.Mute > 0 {
		out.Tiles = append(out.Tiles, web.Tile{Label: v.T("stand.mute"), Value: v.Number(s.Mute), Note: v.T("stand-text.mute"), Href: "/constituents?no-contact=1"})
	}
	if s.Claims > 0 {
		out.Tiles = append(out.Tiles, web.Tile{Label: v.T("stand.claims"), Value: v.Number(s.Claims), Note: v.T("stand-text.claims"), Href: "/digests/answers?state=open"})
	}
	for _, f := range slices.Sorted(maps.Keys(s.Backlog)) {
		out.Backlog = append(out.Backlog, backlog{f, s.Backlog[f]})
	}
	var of []int64
	if in.Constituent != "" {
		id, err := r.constituent(ctx, in.Constituent)
		if err != nil {
			return nil, err
		}
		of = []int64{id}
	}
	list, next, err := r.desk.Messages(ctx, of, in.After, pageSize)
	out.Items, out.Pager = list, web.NewPager(v, cursor(next), len(list))
	return out, err
}

// constituent finds one by its reference.
func (r *room) constituent(ctx context.Context, ref string) (int64, error) {
	d, err := r.desk.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	l, err := d.ByRef(ref)
	return l.ID, err
}

type oneOut struct {
	digest.Message
	Items   []digest.Item
	More    int
	Answers []digest.Answer
	Live    bool // the answer link is valid
}

// PageTitle is the ticket.
func (o *oneOut) PageTitle() string { return o.Ticket }

func (r *room) one(ctx context.Context, v web.Visitor, in Numbered) (*oneOut, error) {
	m, items, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &oneOut{Message: m, Items: items[:min(len(items), shownItems)], More: max(0, len(items)-shownItems),
		Live: m.RevokedAt == 0 && m.Expires > v.Now.UnixMicro()}
	all, _, err := r.desk.Answers(ctx, digest.AnswerFilter{Constituent: m.Constituent, Limit: 200})
	for _, a := range all {
		if a.Message == m.ID {
			out.Answers = append(out.Answers, a)
		}
	}
	return out, err
}

func (r *room) revoke(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	return web.Done{To: "/digests/messages/" + number(in.ID), Flash: "message.revoked"}, r.desk.Revoke(ctx, v.Actor, in.ID)
}

type previewIn struct {
	Constituent string `query:"constituent" max:"80"`
	Language    string `query:"language" max:"20"`
}

type previewOut struct {
	Filter    previewIn
	Languages []web.Option
	Wrong     string
	*digest.Preview
	ID   int64
	Call string // what its webhooks get, as JSON; "" without any
}

func (r *room) preview(ctx context.Context, v web.Visitor, in previewIn) (*previewOut, error) {
	out := &previewOut{Filter: in, Languages: []web.Option{{Label: v.T("preview.own")}}}
	for _, l := range r.desk.Languages() {
		out.Languages = append(out.Languages, web.Option{Value: l, Label: v.T("language." + l)})
	}
	if in.Constituent == "" {
		return out, nil
	}
	id, err := r.constituent(ctx, in.Constituent)
	if fault.KindOf(err) == fault.NotFound {
		out.Wrong = err.Error()
		return out, nil
	}
	if err == nil {
		out.ID = id
		out.Preview, err = r.desk.Preview(ctx, id, in.Language)
	}
	if err == nil && len(out.Webhooks) > 0 {
		var c *digest.Call
		if c, err = r.desk.PreviewCall(ctx, id); err == nil {
			var b []byte
			b, err = json.MarshalIndent(c, "", "  ")
			out.Call = string(b)
		}
	}
	return out, err
}

// html is the digest's page as a mail program shows it.
func (r *room) html(ctx context.Context, v web.Visitor, in previewIn) (web.File, error) {
	id, err := r.constituent(ctx, in.Constituent)
	if err != nil {
		return web.File{}, err
	}
	p, err := r.desk.Preview(ctx, id, in.Language)
	if err != nil {
		return web.File{}, err
	}
	page := "<!DOCTYPE html><meta charset=\"utf-8\"><p>" + html.EscapeString(v.T("preview.nothing")) + "</p>"
	if p.Digest != nil {
		page = p.Digest.HTML
	}
	return web.File{Type: "text/html; charset=utf-8", Foreign: true, Write: func(w io.Writer) error {
		_, err := io.WriteString(w, page)
		return err
	}}, nil
}

func (r *room) begin(ctx context.Context, v web.Visitor, in struct {
	Name string `path:"name" max:"64"`
}) (web.Done, error) {
	return web.Done{To: "/digests", Flash: "backlog.begun"}, r.desk.Begin(ctx, v.Actor, in.Name)
}
