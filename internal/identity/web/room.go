// Package web is the room of identity: signing in and out, joining by a link, one's own account with its sessions, tokens and
// authenticator app, and for administrators the people and services who may do what.
package web

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"strings"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// Way is another way to sign in, shown below the password.
type Way struct {
	Path  string
	Title string // ready for people, or a key of the catalogue
}

// Config is what the room stands on.
type Config struct {
	Store *identity.Store
	Team  string // the issuer that authenticator apps show
	URL   string // by which browsers reach the console, without a slash at the end: links begin with it
	Ways  []Way
	// Name is what people call a constituent, and Find the one of a ref.
	Name func(ctx context.Context, constituent int64) string
	Find func(ctx context.Context, ref string) (int64, error)
	// Clear takes the page of a constituent's people through the gate.
	Clear func(ctx context.Context, a act.Actor, page *Colleagues) (egress.Cleared[*Colleagues], error)
	// Mail sends an invitation to the one who is invited; nil: there is no mail, and who invites hands the link over.
	Mail func(ctx context.Context, l *identity.Link, subject, text string) error
}

type room struct{ Config }

const manage act.Permission = "portal.manage"

// Room returns the room.
func Room(c Config) web.Room {
	r := &room{c}
	return web.Room{Name: "identity", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/people", Key: "nav.people", Group: "administration", Order: 85, Permission: identity.Read},
			{Path: "/portal/people", Key: "nav.portal-people", Order: 85, Permission: manage}},
		Routes: []web.Route{
			web.Page("GET /sign-in", identity.Open, "sign-in.html", r.signInPage),
			web.Action("POST /sign-in", identity.Open, "GET /sign-in", r.signIn),
			web.Page("GET /sign-in/code", identity.Open, "code.html", r.codePage),
			web.Action("POST /sign-in/code", identity.Open, "GET /sign-in/code", r.code),
			web.Action("POST /sign-out", identity.Open, "", r.signOut),
			web.Page("GET /join/{secret}", identity.Open, "join.html", r.joinPage),
			web.Action("POST /join/{secret}", identity.Open, "GET /join/{secret}", r.join),

			web.Page("GET /account", identity.Own, "account.html", r.account),
			web.Action("POST /account", identity.Own, "GET /account", r.rename),
			web.Page("GET /account/password", identity.Own, "password.html", r.passwordPage),
			web.Action("POST /account/password", identity.Own, "GET /account/password", r.password),
			web.Action("POST /account/sessions/end", identity.Own, "", r.endSession),
			web.Page("GET /account/app", identity.Own, "app.html", r.appPage),
			web.Action("POST /account/app", identity.Own, "", r.app),
			web.Action("POST /account/app/remove", identity.Own, "GET /account/app", r.removeApp),
			web.Page("GET /account/tokens", identity.Own, "tokens.html", r.tokensPage),
			web.Action("POST /account/tokens", identity.Own, "GET /account/tokens", r.issue),
			web.Action("POST /account/tokens/{id}/revoke", identity.Own, "", r.revoke),

			web.Page("GET /people", identity.Read, "people.html", r.people),
			web.Page("GET /people/new", identity.Write, "person-new.html", r.newPerson),
			web.Action("POST /people/new", identity.Write, "GET /people/new", r.invite),
			web.Page("GET /people/new-service", identity.Write, "service-new.html", r.newService),
			web.Action("POST /people/new-service", identity.Write, "GET /people/new-service", r.createService),
			web.Page("GET /people/{id}", identity.Read, "person.html", r.person),
			web.Action("POST /people/{id}/roles", identity.Write, "GET /people/{id}", r.roles),
			web.Action("POST /people/{id}/state", identity.Write, "GET /people/{id}", r.state),
			web.Action("POST /people/{id}/recovery", identity.Recover, "GET /people/{id}", r.askRecovery),
			web.Action("POST /people/{id}/tokens", identity.Write, "GET /people/{id}", r.issueFor),
			web.Action("POST /people/{id}/tokens/{token}/revoke", identity.Write, "", r.revokeFor),
			web.Action("POST /people/{id}/certificates", identity.Write, "GET /people/{id}", r.pin),
			web.Action("POST /people/{id}/certificates/{fingerprint}/remove", identity.Write, "", r.unpin),
			web.Action("POST /invitations/{id}/withdraw", identity.Write, "", r.withdraw),
			web.Action("POST /recoveries/{id}", identity.Recover, "", r.decide),

			web.ClearedPage("GET /portal/people", manage, "portal-people.html", r.colleagues),
			web.Action("POST /portal/people", manage, "GET /portal/people", r.inviteColleague),
			web.Action("POST /portal/people/{id}/remove", manage, "", r.removeColleague),
			web.Action("POST /portal/invitations/{id}/withdraw", manage, "", r.withdrawColleague),
		}}
}

// Home is where an actor's pages begin.
func Home(a act.Actor) string {
	switch {
	case identity.Allowed(a, "situation.read"):
		return "/"
	case identity.Allowed(a, "portal.read"):
		return "/portal"
	case identity.Allowed(a, "shared.read"):
		return "/shared"
	case identity.Allowed(a, identity.Own):
		return "/account"
	}
	return "/"
}

func device(v web.Visitor) identity.Device { return identity.Device{Address: v.Client, Agent: v.Agent} }

func session(secret string) []web.Cookie {
	return []web.Cookie{{Name: identity.SessionCookie, Value: secret, Lax: true}}
}

// back is where a sign-in leads: to where the visitor was going, if that is a path of this console.
func back(to string) string {
	if to = web.Inside(to, "/"); strings.HasPrefix(to, "/sign-") || strings.HasPrefix(to, "/join/") {
		return "/"
	}
	return to
}

type held struct {
	Role string
	Name string // of the constituent
	Ref  int64
}

func (r *room) held(ctx context.Context, v web.Visitor, hs []identity.Held) []held {
	out := make([]held, 0, len(hs))
	for _, h := range hs {
		x := held{Role: v.T("role." + string(h.Role)), Ref: h.Constituent}
		if h.Constituent != 0 && r.Name != nil {
			x.Name = cmp.Or(r.Name(ctx, h.Constituent), fmt.Sprint(h.Constituent))
		}
		out = append(out, x)
	}
	return out
}
