package web

import (
	"context"
	"io"
	"strconv"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
	"tocsin/internal/portal"
)

type registryOut struct {
	*portal.Registry
	Choose   chooser
	SectorIs string
	Roles    []web.Option
	Kinds    []web.Option
	MayWrite bool
	MayTake  bool
	infos    func(constituency.Contact) []constituency.KeyInfo
}

// KeysOf tells how far a contact's keys can be used.
func (o *registryOut) KeysOf(c constituency.Contact) []constituency.KeyInfo { return o.infos(c) }

func options[T ~string](v web.Visitor, prefix string, values []T) (out []web.Option) {
	for _, x := range values {
		out = append(out, web.Option{Value: string(x), Label: v.T(prefix + string(x))})
	}
	return out
}

func (r *room) registry(ctx context.Context, v web.Visitor, in chosen) (egress.Cleared[*registryOut], error) {
	c, err := r.portal.Registry(ctx, r.asker(v, in.Constituent, disclosure.Portal))
	return dress(c, err, func(g *portal.Registry) *registryOut {
		out := &registryOut{Registry: g, Choose: choose(v, g.Choices, in.Constituent), Roles: options(v, "role.", constituency.Roles()),
			Kinds: options(v, "asset.", constituency.AssetKinds()), MayWrite: v.May(write), MayTake: v.May(download),
			infos: r.portal.Constituency.KeyInfos}
		if g.Sector != "" {
			out.SectorIs = r.sector(v, g.Sector)
		}
		return out
	})
}

func (r *room) file(ctx context.Context, v web.Visitor, in chosen) (egress.Cleared[web.File], error) {
	c, err := r.portal.RegistryFile(ctx, r.asker(v, in.Constituent, disclosure.Export))
	return dress(c, err, func(w portal.Writer) web.File {
		return web.File{Name: "registry-" + event.DayOf(v.Now.UnixMicro()).String() + ".csv", Type: "text/csv; charset=utf-8",
			Write: func(to io.Writer) error { return w(to) }}
	})
}

type contactOut struct {
	constituency.Contact
	Roles []web.Option
	Held  []constituency.KeyInfo // those that are there, not that there is none
}

func (r *room) contact(ctx context.Context, v web.Visitor, in struct {
	Item int64 `path:"item"`
}) (egress.Cleared[*contactOut], error) {
	c, err := r.portal.Contact(ctx, r.asker(v, 0, disclosure.Portal), in.Item)
	return dress(c, err, func(c *constituency.Contact) *contactOut {
		out := &contactOut{Contact: *c, Roles: options(v, "role.", constituency.Roles())}
		for _, i := range r.portal.Constituency.KeyInfos(*c) {
			if i.Type != "" {
				out.Held = append(out.Held, i)
			}
		}
		return out
	})
}

// of says whom a form is of: its constituent travels in the form.
type of struct {
	ID int64 `form:"constituent" min:"1"`
}

func (o of) registry() string { return "/portal/registry?constituent=" + strconv.FormatInt(o.ID, 10) }

func (r *room) ask(ctx context.Context, v web.Visitor, o of, note string, step constituency.ChangeStep) (web.Done, error) {
	_, err := r.portal.Constituency.Propose(ctx, v.Actor, o.ID, []constituency.ChangeStep{step}, note)
	return web.Done{To: o.registry(), Flash: "request.sent"}, err
}

func (r *room) confirm(ctx context.Context, v web.Visitor, in of) (web.Done, error) {
	return web.Done{To: in.registry(), Flash: "confirm.done"}, r.portal.Constituency.ConfirmContacts(ctx, v.Actor, in.ID)
}

type nameForm struct {
	Of       of
	Name     string `form:"name" max:"300"`
	Language string `form:"language" max:"40"`
	Note     string `form:"note" max:"2000"`
}

func (r *room) rename(ctx context.Context, v web.Visitor, in nameForm) (web.Done, error) {
	return r.ask(ctx, v, in.Of, in.Note, constituency.ChangeStep{Op: constituency.ConstituentChange, Want: constituency.Record{Name: in.Name, Language: in.Language}})
}

type contactForm struct {
	Of       of
	Item     int64    `path:"item"`
	Role     string   `form:"role" max:"40"`
	Name     string   `form:"contact-name" max:"300"`
	Mail     string   `form:"mail" max:"254"`
	Phone    string   `form:"phone" max:"60"`
	Language string   `form:"contact-language" max:"40"`
	Keep     []string `form:"keep" max:"200"`
	Key      string   `form:"key" max:"70000"`
	Encrypt  bool     `form:"encrypt"`
	Note     string   `form:"note" max:"2000"`
}

// record is what the form asks for, with those of the keys there are that it keeps.
func (f contactForm) record(now []constituency.Key) constituency.Record {
	return constituency.Record{Role: f.Role, Name: f.Name, Mail: f.Mail, Phone: f.Phone, Language: f.Language,
		Keys: constituency.Keep(now, f.Keep, f.Key), Encrypt: f.Encrypt}
}

type newContactForm struct {
	Of       of
	Role     string `form:"role" max:"40"`
	Name     string `form:"contact-name" max:"300"`
	Mail     string `form:"mail" max:"254"`
	Phone    string `form:"phone" max:"60"`
	Language string `form:"contact-language" max:"40"`
	Key      string `form:"key" max:"70000"`
	Encrypt  bool   `form:"encrypt"`
	Note     string `form:"note" max:"2000"`
}

func (r *room) addContact(ctx context.Context, v web.Visitor, in newContactForm) (web.Done, error) {
	f := contactForm{Role: in.Role, Name: in.Name, Mail: in.Mail, Phone: in.Phone, Language: in.Language, Key: in.Key, Encrypt: in.Encrypt}
	return r.ask(ctx, v, in.Of, in.Note, constituency.ChangeStep{Op: constituency.ContactAdd, Want: f.record(nil)})
}

func (r *room) changeContact(ctx context.Context, v web.Visitor, in contactForm) (web.Done, error) {
	c, err := r.portal.Contact(ctx, r.asker(v, in.Of.ID, disclosure.Portal), in.Item)
	if err != nil {
		return web.Done{}, err
	}
	now, _, err := c.Open()
	if err != nil {
		return web.Done{}, err
	}
	return r.ask(ctx, v, in.Of, in.Note, constituency.ChangeStep{Op: constituency.ContactChange, ID: in.Item, Want: in.record(now.Keys)})
}

type endForm struct {
	Of   of
	Item int64 `path:"item"`
}

func (r *room) endContact(ctx context.Context, v web.Visitor, in endForm) (web.Done, error) {
	return r.ask(ctx, v, in.Of, "", constituency.ChangeStep{Op: constituency.ContactEnd, ID: in.Item})
}

type assetForm struct {
	Of         of
	Kind       string `form:"asset-kind" max:"40"`
	Value      string `form:"value" max:"300"`
	AlsoNotify bool   `form:"also_notify"`
	Note       string `form:"note" max:"2000"`
}

func (r *room) addAsset(ctx context.Context, v web.Visitor, in assetForm) (web.Done, error) {
	return r.ask(ctx, v, in.Of, in.Note, constituency.ChangeStep{Op: constituency.AssetAdd,
		Want: constituency.Record{Kind: constituency.AssetKind(in.Kind), Value: in.Value, AlsoNotify: in.AlsoNotify}})
}

func (r *room) endAsset(ctx context.Context, v web.Visitor, in endForm) (web.Done, error) {
	return r.ask(ctx, v, in.Of, "", constituency.ChangeStep{Op: constituency.AssetEnd, ID: in.Item})
}

type requestsOut struct {
	*portal.RequestList
	Choose chooser
	Pager  web.Pager
}

func (r *room) requests(ctx context.Context, v web.Visitor, in struct {
	Choice chosen
	After  int64 `query:"after" min:"0"`
}) (egress.Cleared[*requestsOut], error) {
	c, err := r.portal.Requests(ctx, r.asker(v, in.Choice.Constituent, disclosure.Portal), constituency.RequestFilter{Before: in.After})
	return dress(c, err, func(l *portal.RequestList) *requestsOut {
		next := ""
		if l.More {
			next = strconv.FormatInt(l.Items[len(l.Items)-1].ID, 10)
		}
		return &requestsOut{l, choose(v, l.Choices, in.Choice.Constituent), web.NewPager(v, next, len(l.Items))}
	})
}

type requestOut struct {
	*portal.Request
	MayWithdraw bool
}

func (r *room) request(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id"`
}) (egress.Cleared[*requestOut], error) {
	c, err := r.portal.Request(ctx, r.asker(v, 0, disclosure.Portal), in.ID)
	return dress(c, err, func(q *portal.Request) *requestOut {
		return &requestOut{q, q.State == constituency.Pending && v.May(write)}
	})
}

func (r *room) withdraw(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id"`
}) (web.Done, error) {
	return web.Done{To: "/portal/requests", Flash: "request.withdrawn"}, r.portal.Constituency.Withdraw(ctx, v.Actor, in.ID)
}
