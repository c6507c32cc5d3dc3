// Package api has the REST operations of identity: who one is, accounts and their roles, tokens, invitations. Passwords and
// second factors are for people in a browser.
package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
)

type operations struct{ store *identity.Store }

// Me is who calls.
type Me struct {
	Kind         string           `json:"kind" doc:"person, service"`
	ID           string           `json:"id"`
	Name         string           `json:"name"`
	Roles        []string         `json:"roles"`
	Permissions  []act.Permission `json:"permissions"`
	Constituents []int64          `json:"constituents" doc:"Those one acts for; empty for the CERT's own staff"`
}

// Accounts is a page of accounts.
type Accounts struct {
	Items []identity.Account `json:"items"`
	Next  string             `json:"next,omitempty" doc:"What to give as after for the next page"`
}

// Sessions is a list of devices.
type Sessions struct {
	Items []identity.Session `json:"items"`
}

// Tokens is a list of tokens.
type Tokens struct {
	Items []identity.Token `json:"items"`
}

// Issued is a new token with its secret, which is shown this once.
type Issued struct {
	identity.Token
	Secret string `json:"secret" doc:"Shown once"`
}

// Links is a list of open invitations.
type Links struct {
	Items []identity.Link `json:"items"`
}

// Invited is a new invitation with the secret of its link: <address of the console>/join/<secret>.
type Invited struct {
	identity.Link
	Secret string `json:"secret" doc:"Shown once"`
}

type idIn struct {
	ID int64 `path:"id" doc:"The account"`
}

type rolesIn struct {
	ID   int64 `path:"id" doc:"The account"`
	Body struct {
		Roles []identity.Held `json:"roles" maxItems:"100"`
	}
}

type listIn struct {
	Query string `query:"query" maxLength:"200" doc:"In the name or login"`
	Role  string `query:"role" maxLength:"40"`
	After string `query:"after" maxLength:"300"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

// Routes returns the operations.
func Routes(s *identity.Store) []api.Route {
	o := &operations{s}
	return []api.Route{
		api.Operation[struct{}, Me]{Method: http.MethodGet, Path: "/api/me", ID: "me", Summary: "Who calls, and what they may do",
			Permission: identity.Open, Handle: o.me},
		api.Operation[listIn, Accounts]{Method: http.MethodGet, Path: "/api/accounts", ID: "list-accounts", Summary: "List accounts",
			Permission: identity.Read, Handle: o.list},
		api.Operation[createIn, identity.Account]{Method: http.MethodPost, Path: "/api/accounts", ID: "create-service",
			Summary: "Make the account of a service", Description: "People join by an invitation.", Permission: identity.Write, Status: http.StatusCreated, Handle: o.create},
		api.Operation[idIn, identity.Account]{Method: http.MethodGet, Path: "/api/accounts/{id}", ID: "get-account", Summary: "One account",
			Permission: identity.Read, Handle: o.one},
		api.Operation[rolesIn, identity.Account]{Method: http.MethodPut, Path: "/api/accounts/{id}/roles", ID: "set-roles",
			Summary: "Give an account these roles and no others", Permission: identity.Write, Handle: o.roles},
		api.Operation[idIn, api.Nothing]{Method: http.MethodPost, Path: "/api/accounts/{id}/disable", ID: "disable-account",
			Summary: "Disable an account, its sessions and its tokens", Permission: identity.Write, Handle: o.disable},
		api.Operation[idIn, api.Nothing]{Method: http.MethodPost, Path: "/api/accounts/{id}/enable", ID: "enable-account",
			Summary: "Let a disabled account sign in again", Permission: identity.Write, Handle: o.enable},
		api.Operation[idIn, Sessions]{Method: http.MethodGet, Path: "/api/accounts/{id}/sessions", ID: "list-sessions", Summary: "Signed-in devices of an account",
			Permission: identity.Read, Handle: o.sessions},
		api.Operation[idIn, Tokens]{Method: http.MethodGet, Path: "/api/accounts/{id}/tokens", ID: "list-tokens", Summary: "Live tokens of an account",
			Permission: identity.Read, Handle: o.tokens},
		api.Operation[issueIn, Issued]{Method: http.MethodPost, Path: "/api/accounts/{id}/tokens", ID: "issue-token",
			Summary: "Make a token of a service", Description: "The secret is shown this once. People make their own tokens in the console.",
			Permission: identity.Write, Status: http.StatusCreated, Handle: o.issue},
		api.Operation[tokenIn, api.Nothing]{Method: http.MethodDelete, Path: "/api/accounts/{id}/tokens/{token}", ID: "revoke-token",
			Summary: "Revoke a token", Permission: identity.Write, Handle: o.revoke},
		api.Operation[struct{}, Links]{Method: http.MethodGet, Path: "/api/invitations", ID: "list-invitations", Summary: "Open invitations",
			Permission: identity.Read, Handle: o.invitations},
		api.Operation[inviteIn, Invited]{Method: http.MethodPost, Path: "/api/invitations", ID: "invite", Summary: "Invite somebody",
			Permission: identity.Write, Status: http.StatusCreated, Handle: o.invite},
		api.Operation[idIn, api.Nothing]{Method: http.MethodDelete, Path: "/api/invitations/{id}", ID: "withdraw-invitation",
			Summary: "Withdraw an invitation", Permission: identity.Write, Handle: o.withdraw},
	}
}

func (o *operations) me(_ context.Context, c api.Caller, _ *struct{}) (*Me, error) {
	m := &Me{Kind: string(c.Actor.Kind), ID: c.Actor.ID, Name: c.Actor.Name, Roles: []string{}, Permissions: []act.Permission{}, Constituents: []int64{}}
	if r := c.Actor.Rights; r != nil {
		m.Roles = append(m.Roles, r.Roles...)
		m.Permissions = sorted(r.Permissions)
		m.Constituents = append(m.Constituents, r.Constituents...)
	}
	return m, nil
}

func (o *operations) list(ctx context.Context, _ api.Caller, in *listIn) (*Accounts, error) {
	list, next, err := o.store.List(ctx, identity.Filter{Query: in.Query, Role: identity.Role(in.Role), After: in.After, Limit: in.Limit})
	if list == nil {
		list = []identity.Account{}
	}
	return &Accounts{list, next}, err
}

type createIn struct {
	Body struct {
		Login string          `json:"login" maxLength:"63"`
		Name  string          `json:"name" maxLength:"200"`
		Roles []identity.Held `json:"roles" maxItems:"100"`
	}
}

func (o *operations) create(ctx context.Context, c api.Caller, in *createIn) (*identity.Account, error) {
	id, err := o.store.Create(ctx, c.Actor, identity.NewAccount{Kind: identity.ServiceAccount, Login: in.Body.Login, Name: in.Body.Name, Roles: in.Body.Roles})
	if err != nil {
		return nil, err
	}
	return o.store.ByID(ctx, id)
}

func (o *operations) one(ctx context.Context, _ api.Caller, in *idIn) (*identity.Account, error) {
	return o.store.ByID(ctx, in.ID)
}

func (o *operations) roles(ctx context.Context, c api.Caller, in *rolesIn) (*identity.Account, error) {
	if err := o.store.SetRoles(ctx, c.Actor, in.ID, in.Body.Roles); err != nil {
		return nil, err
	}
	return o.store.ByID(ctx, in.ID)
}

func (o *operations) disable(ctx context.Context, c api.Caller, in *idIn) (*api.Nothing, error) {
	return nil, o.store.Disable(ctx, c.Actor, in.ID)
}

func (o *operations) enable(ctx context.Context, c api.Caller, in *idIn) (*api.Nothing, error) {
	return nil, o.store.Enable(ctx, c.Actor, in.ID)
}

func (o *operations) sessions(ctx context.Context, _ api.Caller, in *idIn) (*Sessions, error) {
	list, err := o.store.Sessions(ctx, in.ID, 0)
	return &Sessions{list}, err
}

func (o *operations) tokens(ctx context.Context, _ api.Caller, in *idIn) (*Tokens, error) {
	list, err := o.store.Tokens(ctx, in.ID)
	return &Tokens{list}, err
}

type issueIn struct {
	ID   int64 `path:"id" doc:"The account of a service"`
	Body struct {
		Name  string           `json:"name" maxLength:"100"`
		Scope []act.Permission `json:"scope" maxItems:"100" doc:"Permissions, of those the account has"`
		Days  int              `json:"days" minimum:"1" maximum:"366" doc:"Until it ends"`
	}
}

func (o *operations) issue(ctx context.Context, c api.Caller, in *issueIn) (*Issued, error) {
	secret, t, err := o.store.Issue(ctx, c.Actor, in.ID, in.Body.Name, in.Body.Scope, o.store.Real.Now().Add(time.Duration(in.Body.Days)*24*time.Hour))
	if err != nil {
		return nil, err
	}
	return &Issued{*t, secret}, nil
}

type tokenIn struct {
	ID    int64 `path:"id" doc:"The account"`
	Token int64 `path:"token"`
}

func (o *operations) revoke(ctx context.Context, c api.Caller, in *tokenIn) (*api.Nothing, error) {
	return nil, o.store.Revoke(ctx, c.Actor, in.ID, in.Token)
}

func (o *operations) invitations(ctx context.Context, _ api.Caller, _ *struct{}) (*Links, error) {
	list, err := o.store.Invitations(ctx, nil)
	return &Links{list}, err
}

type inviteIn struct {
	Body struct {
		Login       string `json:"login" maxLength:"254" doc:"A mail address"`
		Name        string `json:"name" maxLength:"200"`
		Role        string `json:"role" maxLength:"40"`
		Constituent int64  `json:"constituent,omitempty" doc:"For the roles that are held for one"`
	}
}

func (o *operations) invite(ctx context.Context, c api.Caller, in *inviteIn) (*Invited, error) {
	secret, l, err := o.store.Invite(ctx, c.Actor, identity.Invitation{Login: in.Body.Login, Name: in.Body.Name, Role: identity.Role(in.Body.Role), Constituent: in.Body.Constituent})
	if err != nil {
		return nil, err
	}
	return &Invited{*l, secret}, nil
}

func (o *operations) withdraw(ctx context.Context, c api.Caller, in *idIn) (*api.Nothing, error) {
	return nil, o.store.Withdraw(ctx, c.Actor, in.ID, nil)
}
