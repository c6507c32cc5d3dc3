// Package api has the REST operations of passkeys: listing and removing. Adding one and signing in need a browser.
package api

import (
	"context"
	"net/http"

	"tocsin/internal/identity"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type operations struct{ store *identity.Store }

// Passkeys is a list of passkeys.
type Passkeys struct {
	Items []identity.Passkey `json:"items"`
}

type keyIn struct {
	ID int64 `path:"id" doc:"The passkey"`
}

type accountIn struct {
	ID int64 `path:"id" doc:"The account"`
}

// Routes returns the operations.
func Routes(s *identity.Store) []api.Route {
	o := &operations{s}
	return []api.Route{
		api.Operation[struct{}, Passkeys]{Method: http.MethodGet, Path: "/api/me/passkeys", ID: "list-my-passkeys", Summary: "One's own passkeys",
			Permission: identity.Own, Handle: o.mine},
		api.Operation[keyIn, api.Nothing]{Method: http.MethodDelete, Path: "/api/me/passkeys/{id}", ID: "remove-my-passkey", Summary: "Remove one of one's own passkeys",
			Permission: identity.Own, Handle: o.remove},
		api.Operation[accountIn, Passkeys]{Method: http.MethodGet, Path: "/api/accounts/{id}/passkeys", ID: "list-passkeys", Summary: "Passkeys of an account",
			Permission: identity.Read, Handle: o.list},
	}
}

func (o *operations) of(ctx context.Context, account int64) (*Passkeys, error) {
	list, err := o.store.Passkeys(ctx, account)
	return &Passkeys{list}, err
}

func (o *operations) mine(ctx context.Context, c api.Caller, _ *struct{}) (*Passkeys, error) {
	if c.Actor.Rights == nil {
		return nil, fault.New(fault.Forbidden, "only a signed-in person has passkeys")
	}
	return o.of(ctx, c.Actor.Rights.Account)
}

func (o *operations) list(ctx context.Context, _ api.Caller, in *accountIn) (*Passkeys, error) {
	if _, err := o.store.ByID(ctx, in.ID); err != nil {
		return nil, err
	}
	return o.of(ctx, in.ID)
}

func (o *operations) remove(ctx context.Context, c api.Caller, in *keyIn) (*api.Nothing, error) {
	return &api.Nothing{}, o.store.RemovePasskey(ctx, c.Actor, in.ID)
}
