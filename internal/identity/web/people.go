package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type personRow struct {
	identity.Account
	Held []held
}

type linkRow struct {
	identity.Link
	RoleName string
	For      string
}

type peopleOut struct {
	People      []personRow
	Pager       web.Pager
	Empty       web.Empty
	Query       string
	Role        string
	Roles       []web.Option
	Invitations []linkRow
	Recoveries  []identity.Recovery
}

func roleOptions(v web.Visitor, first string, keep func(identity.Role) bool) []web.Option {
	var out []web.Option
	if first != "" {
		out = append(out, web.Option{Label: v.T(first)})
	}
	for _, r := range identity.Roles() {
		if keep == nil || keep(r) {
			out = append(out, web.Option{Value: string(r), Label: v.T("role." + string(r))})
		}
	}
	return out
}

func (r *room) people(ctx context.Context, v web.Visitor, in struct {
	Query string `query:"query" max:"200"`
	Role  string `query:"role" max:"40"`
	After string `query:"after" max:"300"`
}) (*peopleOut, error) {
	list, next, err := r.Store.List(ctx, identity.Filter{Query: in.Query, Role: identity.Role(in.Role), After: in.After})
	if err != nil {
		return nil, err
	}
	out := &peopleOut{Query: in.Query, Role: in.Role, Roles: roleOptions(v, "people.any", nil), Pager: web.NewPager(v, next, len(list)),
		Empty: web.Empty{Title: v.T("people.none")}}
	for _, a := range list {
		out.People = append(out.People, personRow{a, r.held(ctx, v, a.Roles)})
	}
	links, err := r.Store.Invitations(ctx, nil)
	if err != nil {
		return nil, err
	}
	out.Invitations = r.linkRows(ctx, v, links)
	out.Recoveries, err = r.Store.Recoveries(ctx, v.Actor)
	return out, err
}

func (r *room) linkRows(ctx context.Context, v web.Visitor, links []identity.Link) []linkRow {
	var out []linkRow
	for _, l := range links {
		x := linkRow{Link: l, RoleName: v.T("role." + string(l.Role))}
		if l.Constituent != 0 && r.Name != nil {
			x.For = r.Name(ctx, l.Constituent)
		}
		out = append(out, x)
	}
	return out
}

type newOut struct {
	Roles []web.Option
	Mail  bool
	Ref   string
}

func (r *room) newPerson(_ context.Context, v web.Visitor, in struct {
	Ref string `query:"constituent" max:"80"`
}) (*newOut, error) {
	return &newOut{Roles: roleOptions(v, "", nil), Mail: r.Mail != nil, Ref: in.Ref}, nil
}

// constituent finds the one of a ref; 0 for none.
func (r *room) constituent(ctx context.Context, ref string) (int64, error) {
	if ref = strings.TrimSpace(ref); ref == "" || r.Find == nil {
		return 0, nil
	}
	id, err := r.Find(ctx, ref)
	if fault.KindOf(err) == fault.NotFound {
		return 0, fault.Problems{{Field: "constituent", Message: fmt.Sprintf("there is no constituent with the reference %q", ref)}}
	}
	return id, err
}

type inviteIn struct {
	Login string `form:"login" max:"254" need:"true"`
	Name  string `form:"name" max:"200" need:"true"`
	Role  string `form:"role" max:"40" need:"true"`
	Ref   string `form:"constituent" max:"80"`
}

func (r *room) invite(ctx context.Context, v web.Visitor, in inviteIn) (web.Done, error) {
	c, err := r.constituent(ctx, in.Ref)
	if err != nil {
		return web.Done{}, err
	}
	return r.invited(ctx, v, identity.Invitation{Login: in.Login, Name: in.Name, Role: identity.Role(in.Role), Constituent: c}, "/people")
}

type linkShown struct {
	Address string
	Login   string
	Until   int64
	Mailed  bool
	Failed  string // why the mail was not sent
	Back    string
}

// invited makes the link and shows it once; it goes by mail too where there is mail.
func (r *room) invited(ctx context.Context, v web.Visitor, in identity.Invitation, back string) (web.Done, error) {
	secret, l, err := r.Store.Invite(ctx, v.Actor, in)
	if err != nil {
		return web.Done{}, err
	}
	out := linkShown{Address: r.URL + "/join/" + secret, Login: l.Login, Until: l.Expires, Back: back}
	if r.Mail != nil {
		until := time.UnixMicro(l.Expires).In(v.Zone()).Format("2006-01-02 15:04 MST")
		if err := r.Mail(ctx, l, v.T("mail.invitation.subject", r.Team), v.T("mail.invitation.text", l.Name, v.Actor.Name, r.Team, out.Address, until)); err != nil {
			out.Failed = err.Error()
		} else {
			out.Mailed = true
		}
	}
	return web.Done{Template: "link-shown.html", Page: out}, nil
}

func (r *room) newService(_ context.Context, v web.Visitor, _ struct{}) (*newOut, error) {
	return &newOut{Roles: roleOptions(v, "", func(x identity.Role) bool { return x != identity.Administrator })}, nil
}

func (r *room) createService(ctx context.Context, v web.Visitor, in struct {
	Login string `form:"login" max:"64" need:"true"`
	Name  string `form:"name" max:"200" need:"true"`
	Role  string `form:"role" max:"40" need:"true"`
	Ref   string `form:"constituent" max:"80"`
}) (web.Done, error) {
	c, err := r.constituent(ctx, in.Ref)
	if err != nil {
		return web.Done{}, err
	}
	id, err := r.Store.Create(ctx, v.Actor, identity.NewAccount{Kind: identity.ServiceAccount, Login: in.Login, Name: in.Name,
		Roles: []identity.Held{{Role: identity.Role(in.Role), Constituent: c}}})
	return web.Done{To: fmt.Sprintf("/people/%d", id), Flash: "done.service"}, err
}

type personIn struct {
	ID int64 `path:"id"`
}

type personOut struct {
	*identity.Account
	*tokensOut
	Held         []held
	Sessions     []identity.Session
	Certificates []identity.Certificate
	Roles        []web.Option
	Self         bool
	Service      bool
}

// PageTitle is the person's name.
func (p *personOut) PageTitle() string { return p.Account.Name }

func (r *room) person(ctx context.Context, v web.Visitor, in personIn) (*personOut, error) {
	a, err := r.Store.ByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &personOut{Account: a, Held: r.held(ctx, v, a.Roles), Roles: roleOptions(v, "person.no-role", nil), Service: a.Kind == identity.ServiceAccount,
		Self: v.Actor.Rights != nil && v.Actor.Rights.Account == a.ID}
	if out.tokensOut, err = r.tokensOf(ctx, a.ID); err != nil {
		return nil, err
	}
	if out.Certificates, err = r.Store.Certificates(ctx, a.ID); err != nil {
		return nil, err
	}
	out.Sessions, err = r.Store.Sessions(ctx, a.ID, 0)
	return out, err
}

func person(id int64) string { return fmt.Sprintf("/people/%d", id) }

func (r *room) roles(ctx context.Context, v web.Visitor, in struct {
	ID     int64    `path:"id"`
	Keep   []string `form:"keep" max:"80"` // role or role/constituent, of those held
	Role   string   `form:"role" max:"40"` // one more
	Ref    string   `form:"constituent" max:"80"`
	Submit bool     `form:"submit"`
}) (web.Done, error) {
	a, err := r.Store.ByID(ctx, in.ID)
	if err != nil {
		return web.Done{}, err
	}
	var hs []identity.Held
	for _, h := range a.Roles {
		if slices.Contains(in.Keep, fmt.Sprintf("%s/%d", h.Role, h.Constituent)) {
			hs = append(hs, h)
		}
	}
	if in.Role != "" {
		c, err := r.constituent(ctx, in.Ref)
		if err != nil {
			return web.Done{}, err
		}
		hs = append(hs, identity.Held{Role: identity.Role(in.Role), Constituent: c})
	}
	return web.Done{To: person(in.ID), Flash: "done.roles"}, r.Store.SetRoles(ctx, v.Actor, in.ID, hs)
}

func (r *room) state(ctx context.Context, v web.Visitor, in struct {
	ID    int64  `path:"id"`
	State string `form:"state" max:"10" need:"true"`
}) (web.Done, error) {
	if in.State == "disabled" {
		return web.Done{To: person(in.ID), Flash: "done.disabled"}, r.Store.Disable(ctx, v.Actor, in.ID)
	}
	return web.Done{To: person(in.ID), Flash: "done.enabled"}, r.Store.Enable(ctx, v.Actor, in.ID)
}

func (r *room) askRecovery(ctx context.Context, v web.Visitor, in struct {
	ID     int64  `path:"id"`
	Reason string `form:"reason" max:"1000"`
}) (web.Done, error) {
	_, err := r.Store.AskRecovery(ctx, v.Actor, in.ID, in.Reason)
	return web.Done{To: "/people", Flash: "done.recovery-asked"}, err
}

func (r *room) decide(ctx context.Context, v web.Visitor, in struct {
	ID       int64  `path:"id"`
	Decision string `form:"decision" max:"10" need:"true"`
}) (web.Done, error) {
	secret, err := r.Store.DecideRecovery(ctx, v.Actor, in.ID, in.Decision == "approve")
	if err != nil || secret == "" {
		return web.Done{To: "/people", Flash: "done.recovery-refused"}, err
	}
	l, err := r.Store.LinkOf(ctx, secret)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{Template: "link-shown.html", Page: linkShown{Address: r.URL + "/join/" + secret, Login: l.Login, Until: l.Expires, Back: "/people"}}, nil
}

func (r *room) issueFor(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id"`
	tokenIn
}) (web.Done, error) {
	return r.issued(ctx, v, in.ID, in.tokenIn, person(in.ID))
}

func (r *room) revokeFor(ctx context.Context, v web.Visitor, in struct {
	ID    int64 `path:"id"`
	Token int64 `path:"token"`
}) (web.Done, error) {
	return web.Done{To: person(in.ID), Flash: "done.revoked"}, r.Store.Revoke(ctx, v.Actor, in.ID, in.Token)
}

func (r *room) pin(ctx context.Context, v web.Visitor, in struct {
	ID          int64  `path:"id"`
	Name        string `form:"name" max:"100" need:"true"`
	Fingerprint string `form:"fingerprint" max:"120" need:"true"`
}) (web.Done, error) {
	return web.Done{To: person(in.ID), Flash: "done.saved"}, r.Store.Pin(ctx, v.Actor, in.ID, in.Fingerprint, in.Name)
}

func (r *room) unpin(ctx context.Context, v web.Visitor, in struct {
	ID          int64  `path:"id"`
	Fingerprint string `path:"fingerprint" max:"64"`
}) (web.Done, error) {
	return web.Done{To: person(in.ID), Flash: "done.saved"}, r.Store.Unpin(ctx, v.Actor, in.ID, in.Fingerprint)
}

func (r *room) withdraw(ctx context.Context, v web.Visitor, in personIn) (web.Done, error) {
	return web.Done{To: "/people", Flash: "done.withdrawn"}, r.Store.Withdraw(ctx, v.Actor, in.ID, nil)
}

// Colleagues is the page of the people of a constituent.
type Colleagues struct {
	People      []personRow
	Invitations []linkRow
	Roles       []web.Option
	For         []web.Option
	Mail        bool
	Self        int64
}

// colleagues are the people of the manager's own constituents.
func (r *room) colleagues(ctx context.Context, v web.Visitor, _ struct{}) (c egress.Cleared[*Colleagues], err error) {
	mine := scope(v)
	list, _, err := r.Store.List(ctx, identity.Filter{Constituents: mine, Limit: 1000})
	if err != nil {
		return c, err
	}
	out := &Colleagues{Mail: r.Mail != nil, Self: v.Actor.Rights.Account,
		Roles: roleOptions(v, "", func(x identity.Role) bool { return x == identity.Member || x == identity.Manager })}
	for _, a := range list {
		// What somebody holds for others is none of this manager's business.
		a.Roles = slices.DeleteFunc(a.Roles, func(h identity.Held) bool { return !slices.Contains(mine, h.Constituent) })
		out.People = append(out.People, personRow{a, r.held(ctx, v, a.Roles)})
	}
	for _, c := range mine {
		out.For = append(out.For, web.Option{Value: fmt.Sprint(c), Label: cmp.Or(r.Name(ctx, c), fmt.Sprint(c))})
	}
	links, err := r.Store.Invitations(ctx, mine)
	if err != nil {
		return c, err
	}
	out.Invitations = r.linkRows(ctx, v, links)
	return r.Clear(ctx, v.Actor, out)
}

// scope is never nil, so that nobody's constituents are not everybody's.
func scope(v web.Visitor) []int64 { return append([]int64{}, v.Actor.Manages()...) }

func (r *room) inviteColleague(ctx context.Context, v web.Visitor, in struct {
	Login       string `form:"login" max:"254" need:"true"`
	Name        string `form:"name" max:"200" need:"true"`
	Role        string `form:"role" max:"40" need:"true"`
	Constituent int64  `form:"constituent" need:"true"`
}) (web.Done, error) {
	return r.invited(ctx, v, identity.Invitation{Login: in.Login, Name: in.Name, Role: identity.Role(in.Role), Constituent: in.Constituent}, "/portal/people")
}

func (r *room) removeColleague(ctx context.Context, v web.Visitor, in personIn) (web.Done, error) {
	return web.Done{To: "/portal/people", Flash: "done.removed"}, r.Store.Leave(ctx, v.Actor, in.ID, scope(v))
}

func (r *room) withdrawColleague(ctx context.Context, v web.Visitor, in personIn) (web.Done, error) {
	return web.Done{To: "/portal/people", Flash: "done.withdrawn"}, r.Store.Withdraw(ctx, v.Actor, in.ID, scope(v))
}
