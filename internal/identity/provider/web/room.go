// Package web is the room of single sign-on by OpenID Connect: to a provider and back, and which identities there belong to
// an account.
package web

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"strings"

	"tocsin/internal/identity"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

// Config is what the room stands on.
type Config struct {
	Accounts  *identity.Store
	Seal      *identity.Seal
	Real      clock.Clock
	Providers []provider.Provider
	Client    *http.Client // over the world's Net
	PublicURL string       // where browsers reach Tocsin: providers send them back there
	Log       *slog.Logger
}

type room struct {
	Config
	peers map[string]*peer // by identifier
}

// Path is where signing in with a provider begins.
func Path(id string) string { return "/sign-in/with/" + id }

// Room returns the room.
func Room(c Config) web.Room {
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	r := &room{c, map[string]*peer{}}
	for _, p := range c.Providers {
		r.peers[p.ID] = newPeer(p, c)
	}
	return web.Room{Name: "provider", Templates: files, Locale: files,
		Routes: []web.Route{
			web.Depart("GET /sign-in/with/{provider}", identity.Open, r.depart),
			web.Arrive("GET /sign-in/from/{provider}", identity.Open, r.arrive),
			web.Page("GET /sign-in/refused", identity.Open, "provider-refused.html", r.refused),
			web.Page("GET /account/providers", identity.Own, "providers.html", r.own),
			web.Depart("GET /account/providers/{provider}/link", identity.Own, r.departLink),
			web.Action("POST /account/providers/unlink", identity.Own, "GET /account/providers", r.unlink),
			web.Page("GET /people/{id}/providers", identity.Write, "provider-person.html", r.person),
			web.Action("POST /people/{id}/providers", identity.Write, "GET /people/{id}/providers", r.link),
			web.Action("POST /people/{id}/providers/unlink", identity.Write, "GET /people/{id}/providers", r.unlinkPerson),
		}}
}

// reasons are why nobody was let in; each is a text of the catalogue.
var reasons = [...]string{"denied", "late", "failed", "down", "unknown", "taken", "disabled", "elsewhere"}

type refusedIn struct {
	Provider string `query:"provider" max:"40"`
	Why      string `query:"why" max:"40"`
}

type refusedPage struct{ Title, Why string }

func (r *room) refused(_ context.Context, _ web.Visitor, in refusedIn) (refusedPage, error) {
	p := refusedPage{Why: "failed"}
	for _, w := range reasons {
		if w == in.Why {
			p.Why = w
		}
	}
	if peer := r.peers[in.Provider]; peer != nil {
		p.Title = peer.Title
	}
	return p, nil
}

// row is a provider on a page of an account.
type row struct {
	Title, Issuer string
	Linked        bool
	Link          string // where linking begins; empty when it cannot
}

// rows are the providers that there are, and those that an account is linked to though they are no more.
func (r *room) rows(linked []string) []row {
	var rows []row
	known := map[string]bool{}
	for _, p := range r.Providers {
		known[p.Issuer] = true
		x := row{Title: p.Title, Issuer: p.Issuer}
		for _, l := range linked {
			x.Linked = x.Linked || l == p.Issuer
		}
		rows = append(rows, x)
	}
	for _, l := range linked {
		if !known[l] {
			rows = append(rows, row{Title: l, Issuer: l, Linked: true})
		}
	}
	return rows
}

type none struct{}

type ownPage struct{ Rows []row }

func (r *room) own(ctx context.Context, v web.Visitor, _ none) (ownPage, error) {
	account, session := of(v)
	linked, err := r.Accounts.Providers(ctx, account)
	if err != nil {
		return ownPage{}, err
	}
	rows := r.rows(linked)
	for i, p := range r.Providers {
		if !rows[i].Linked && account != 0 {
			rows[i].Link = "/account/providers/" + p.ID + "/link?ticket=" + escape(r.ticket(p.ID, account, session))
		}
	}
	return ownPage{rows}, nil
}

type issuerIn struct {
	Issuer string `form:"issuer" need:"true" max:"1000"`
}

func (r *room) unlink(ctx context.Context, v web.Visitor, in issuerIn) (web.Done, error) {
	account, _ := of(v)
	if err := r.Accounts.Unlink(ctx, v.Actor, account, in.Issuer); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account/providers", Flash: "provider.unlinked"}, nil
}

type personIn struct {
	ID int64 `path:"id"`
}

type personPage struct {
	*identity.Account
	Rows    []row
	Options []web.Option
}

func (r *room) person(ctx context.Context, _ web.Visitor, in personIn) (personPage, error) {
	a, err := r.Accounts.ByID(ctx, in.ID)
	if err != nil {
		return personPage{}, err
	}
	linked, err := r.Accounts.Providers(ctx, in.ID)
	p := personPage{Account: a, Rows: r.rows(linked)}
	for _, x := range r.Providers {
		p.Options = append(p.Options, web.Option{Value: x.Issuer, Label: x.Title})
	}
	return p, err
}

type linkIn struct {
	ID      int64  `path:"id"`
	Issuer  string `form:"issuer" need:"true" max:"1000"`
	Subject string `form:"subject" need:"true" max:"255"`
}

func (r *room) link(ctx context.Context, v web.Visitor, in linkIn) (web.Done, error) {
	if err := r.trusts(in.Issuer); err != nil {
		return web.Done{}, err
	}
	if err := r.Accounts.Link(ctx, v.Actor, in.ID, in.Issuer, in.Subject); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: personPath(in.ID), Flash: "provider.linked"}, nil
}

type unlinkIn struct {
	ID     int64  `path:"id"`
	Issuer string `form:"issuer" need:"true" max:"1000"`
}

func (r *room) unlinkPerson(ctx context.Context, v web.Visitor, in unlinkIn) (web.Done, error) {
	if err := r.Accounts.Unlink(ctx, v.Actor, in.ID, in.Issuer); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: personPath(in.ID), Flash: "provider.unlinked"}, nil
}
