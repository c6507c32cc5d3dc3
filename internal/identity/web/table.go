package web

import (
	"fmt"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

// tokenTable is what the template "token-table" draws.
type tokenTable struct {
	Tokens []identity.Token
	Base   string // of the addresses that revoke
	May    bool
}

// Table draws one's own tokens.
func (t *tokensOut) Table() tokenTable { return tokenTable{t.Tokens, "/account/tokens", true} }

// Table draws the tokens of somebody else.
func (p *personOut) Table(may bool) tokenTable {
	return tokenTable{p.Tokens, fmt.Sprintf("/people/%d/tokens", p.ID), may}
}

// tokenForm is what the template "token-form" draws.
type tokenForm struct {
	Form   web.Form
	Scopes []act.Permission
	Days   int
}

// Fields draws the form of a new token.
func (t *tokensOut) Fields(f web.Form) tokenForm { return tokenForm{f, t.Scopes, t.Days} }

// invitationTable is what the template "invitations" draws.
type invitationTable struct {
	Invitations []linkRow
	Base        string // of the addresses that withdraw
	May         bool
}

// InvitationTable draws everybody's invitations.
func (p *peopleOut) InvitationTable(may bool) invitationTable {
	return invitationTable{p.Invitations, "/invitations", may}
}

// InvitationTable draws those of the manager's own constituents.
func (c *colleaguesOut) InvitationTable() invitationTable {
	return invitationTable{c.Invitations, "/portal/invitations", true}
}
