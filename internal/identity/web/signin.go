package web

import (
	"context"
	"net/url"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

type toIn struct {
	To string `query:"to" max:"2000"`
}

type signInOut struct {
	To    string
	Ways  []Way
	Empty bool // nobody has an account yet
	In    bool
}

func (r *room) signInPage(ctx context.Context, v web.Visitor, in toIn) (*signInOut, error) {
	empty, err := r.Store.Empty(ctx)
	out := &signInOut{To: back(in.To), Empty: empty, In: v.Actor.Kind == act.Person}
	for _, w := range r.Ways {
		if v.Has(w.Title) {
			w.Title = v.T(w.Title)
		}
		if out.To != "/" {
			w.Path += "?to=" + url.QueryEscape(out.To)
		}
		out.Ways = append(out.Ways, w)
	}
	return out, err
}

func (r *room) signIn(ctx context.Context, v web.Visitor, in struct {
	To       string `form:"to" max:"2000"`
	Login    string `form:"login" max:"254" need:"true"`
	Password string `form:"password" max:"1000" need:"true" exact:"true"`
}) (web.Done, error) {
	s, err := r.Store.SignIn(ctx, in.Login, in.Password, device(v))
	if err != nil {
		return web.Done{}, err
	}
	if s.Second {
		return web.Done{To: "/sign-in/code?to=" + escape(back(in.To)), Cookies: session(s.Secret)}, nil
	}
	return web.Done{To: back(in.To), Cookies: session(s.Secret)}, nil
}

func (r *room) codePage(_ context.Context, _ web.Visitor, in toIn) (*signInOut, error) {
	return &signInOut{To: back(in.To)}, nil
}

func (r *room) code(ctx context.Context, v web.Visitor, in struct {
	To   string `form:"to" max:"2000"`
	Code string `form:"code" max:"20" need:"true"`
}) (web.Done, error) {
	s, err := r.Store.SecondFactor(ctx, v.Cookie(identity.SessionCookie), in.Code, device(v))
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: back(in.To), Cookies: session(s.Secret)}, nil
}

func (r *room) signOut(ctx context.Context, v web.Visitor, _ struct{}) (web.Done, error) {
	gone := web.Done{To: "/sign-in", Flash: "done.signed-out", Cookies: session("")}
	if v.Actor.Kind != act.Person {
		return gone, nil
	}
	return gone, r.Store.SignOut(ctx, v.Actor, v.Cookie(identity.SessionCookie))
}

type joinOut struct {
	Link  *identity.Link
	Role  string
	First bool
	Name  string // of the constituent
	Until int64
}

func (r *room) joinPage(ctx context.Context, v web.Visitor, in struct {
	Secret string `path:"secret" max:"100"`
}) (*joinOut, error) {
	l, err := r.Store.LinkOf(ctx, in.Secret)
	if err != nil {
		return nil, err
	}
	out := &joinOut{Link: l, First: l.Kind == identity.FirstLink, Until: l.Expires}
	if l.Role != "" {
		out.Role = v.T("role." + string(l.Role))
	}
	if l.Constituent != 0 && r.Name != nil {
		out.Name = r.Name(ctx, l.Constituent)
	}
	return out, nil
}

func (r *room) join(ctx context.Context, v web.Visitor, in struct {
	Secret   string `path:"secret" max:"100"`
	Login    string `form:"login" max:"254"`
	Name     string `form:"name" max:"200"`
	Password string `form:"password" max:"1000" need:"true" exact:"true"`
}) (web.Done, error) {
	s, err := r.Store.Join(ctx, in.Secret, identity.Joining{Login: in.Login, Name: in.Name, Language: v.Lang(), Password: in.Password}, device(v))
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account", Flash: "done.joined", Cookies: session(s.Secret)}, nil
}
