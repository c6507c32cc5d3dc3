package web

import (
	"context"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/web"
)

type circlesPage struct {
	Circles []disclosure.Circle
	Empty   web.Empty
}

func (r *room) circles(ctx context.Context, v web.Visitor, _ none) (circlesPage, error) {
	cs, err := r.gate.Circles(ctx)
	return circlesPage{cs, web.Empty{Title: v.T("circle.none"), Text: v.T("circle.none-text")}}, err
}

func (r *room) saveCircle(ctx context.Context, v web.Visitor, in struct {
	Name  string `form:"name" need:"true" max:"64"`
	Title string `form:"title" need:"true" max:"200"`
}) (web.Done, error) {
	return web.Done{To: "/disclosure/circles/" + in.Name, Flash: "circle.saved"}, r.gate.SaveCircle(ctx, v.Actor, in.Name, in.Title)
}

// Named is the path of a circle.
type Named struct {
	Name string `path:"name" max:"64"`
}

type circlePage struct {
	disclosure.Circle
	People []disclosure.Member
	Pager  web.Pager
}

// PageTitle is the circle's title.
func (p circlePage) PageTitle() string { return p.Title }

const shownMembers = 100

func (r *room) circle(ctx context.Context, v web.Visitor, in struct {
	Named
	After string `query:"after" max:"200"`
}) (circlePage, error) {
	c, ms, next, err := r.gate.Circle(ctx, in.Name, in.After, shownMembers)
	return circlePage{c, ms, web.NewPager(v, next, len(ms))}, err
}

func (r *room) rename(ctx context.Context, v web.Visitor, in struct {
	Named
	Title string `form:"title" need:"true" max:"200"`
}) (web.Done, error) {
	if _, _, _, err := r.gate.Circle(ctx, in.Name, "", 1); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/disclosure/circles/" + in.Name, Flash: "circle.saved"}, r.gate.SaveCircle(ctx, v.Actor, in.Name, in.Title)
}

func (r *room) join(ctx context.Context, v web.Visitor, in struct {
	Named
	Subject string `form:"subject" need:"true" max:"200"`
	Member  string `form:"member" max:"200"`
}) (web.Done, error) {
	return web.Done{To: "/disclosure/circles/" + in.Name, Flash: "circle.joined"},
		r.gate.Join(ctx, v.Actor, in.Name, disclosure.Member{Subject: in.Subject, Name: in.Member})
}

func (r *room) leave(ctx context.Context, v web.Visitor, in struct {
	Named
	Subject string `form:"subject" need:"true" max:"200"`
}) (web.Done, error) {
	return web.Done{To: "/disclosure/circles/" + in.Name, Flash: "circle.left"}, r.gate.Leave(ctx, v.Actor, in.Name, in.Subject)
}
