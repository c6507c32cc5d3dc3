// Package api has the REST operations of single sign-on: which providers an account signs in with.
package api

import (
	"context"
	"net/http"
	"slices"

	"tocsin/internal/identity"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type operations struct {
	store     *identity.Store
	providers []provider.Provider
}

// Issuers are the providers that an account signs in with.
type Issuers struct {
	Items []string `json:"items" doc:"Issuers"`
}

type accountIn struct {
	ID int64 `path:"id" doc:"The account"`
}

type linkIn struct {
	ID   int64 `path:"id" doc:"The account"`
	Body struct {
		Issuer  string `json:"issuer" maxLength:"1000" minLength:"1" doc:"Of a provider that this Tocsin uses"`
		Subject string `json:"subject" maxLength:"255" minLength:"1" doc:"Exactly as the provider names the person"`
	}
}

type unlinkIn struct {
	ID     int64  `path:"id" doc:"The account"`
	Issuer string `query:"issuer" maxLength:"1000" required:"true"`
}

type unlinkMineIn struct {
	Issuer string `query:"issuer" maxLength:"1000" required:"true"`
}

// Routes returns the operations.
func Routes(s *identity.Store, providers []provider.Provider) []api.Route {
	o := &operations{s, providers}
	return []api.Route{
		api.Operation[struct{}, Issuers]{Method: http.MethodGet, Path: "/api/me/providers", ID: "list-my-providers",
			Summary: "Providers one signs in with", Permission: identity.Own, Handle: o.mine},
		api.Operation[unlinkMineIn, api.Nothing]{Method: http.MethodDelete, Path: "/api/me/providers", ID: "unlink-my-provider",
			Summary: "Unlink one's identity at a provider", Permission: identity.Own, Handle: o.unlinkMine},
		api.Operation[accountIn, Issuers]{Method: http.MethodGet, Path: "/api/accounts/{id}/providers", ID: "list-providers",
			Summary: "Providers an account signs in with", Permission: identity.Read, Handle: o.list},
		api.Operation[linkIn, Issuers]{Method: http.MethodPost, Path: "/api/accounts/{id}/providers", ID: "link-provider",
			Summary: "Link an account to an identity at a provider", Permission: identity.Write, Status: http.StatusCreated, Handle: o.link},
		api.Operation[unlinkIn, api.Nothing]{Method: http.MethodDelete, Path: "/api/accounts/{id}/providers", ID: "unlink-provider",
			Summary: "Unlink an account from a provider", Permission: identity.Write, Handle: o.unlink},
	}
}

func (o *operations) of(ctx context.Context, account int64) (*Issuers, error) {
	list, err := o.store.Providers(ctx, account)
	return &Issuers{append([]string{}, list...)}, err
}

func own(c api.Caller) (int64, error) {
	if c.Actor.Rights == nil || c.Actor.Rights.Account == 0 {
		return 0, fault.New(fault.Forbidden, "only a signed-in person has identities at providers")
	}
	return c.Actor.Rights.Account, nil
}

func (o *operations) mine(ctx context.Context, c api.Caller, _ *struct{}) (*Issuers, error) {
	account, err := own(c)
	if err != nil {
		return nil, err
	}
	return o.of(ctx, account)
}

func (o *operations) unlinkMine(ctx context.Context, c api.Caller, in *unlinkMineIn) (*api.Nothing, error) {
	account, err := own(c)
	if err != nil {
		return nil, err
	}
	return &api.Nothing{}, o.store.Unlink(ctx, c.Actor, account, in.Issuer)
}

func (o *operations) list(ctx context.Context, _ api.Caller, in *accountIn) (*Issuers, error) {
	if _, err := o.store.ByID(ctx, in.ID); err != nil {
		return nil, err
	}
	return o.of(ctx, in.ID)
}

func (o *operations) link(ctx context.Context, c api.Caller, in *linkIn) (*Issuers, error) {
	if !slices.ContainsFunc(o.providers, func(p provider.Provider) bool { return p.Issuer == in.Body.Issuer }) {
		return nil, fault.Problems{{Field: "issuer", Message: "there is no such provider"}}
	}
	if err := o.store.Link(ctx, c.Actor, in.ID, in.Body.Issuer, in.Body.Subject); err != nil {
		return nil, err
	}
	return o.of(ctx, in.ID)
}

func (o *operations) unlink(ctx context.Context, c api.Caller, in *unlinkIn) (*api.Nothing, error) {
	return &api.Nothing{}, o.store.Unlink(ctx, c.Actor, in.ID, in.Issuer)
}
