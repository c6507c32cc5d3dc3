package app

import (
	"time"

	"tocsin/internal/identity/passkey"
	passkeyweb "tocsin/internal/identity/passkey/web"
	providerweb "tocsin/internal/identity/provider/web"
	identityweb "tocsin/internal/identity/web"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/web"
)

// Bounds of what a provider of single sign-on answers.
const (
	providerLimit  = 1 << 20
	providerWithin = 15 * time.Second
)

// passkeys runs the ceremonies at the address by which browsers reach Tocsin.
func (s *Server) passkeys(team string) (*passkey.Keys, error) {
	ids := s.world.Identity
	return passkey.New(passkey.Config{Accounts: ids, Seal: ids.Seal, Real: ids.Real, PublicURL: s.PublicURL().String(), Title: team})
}

// ways are the other ways to sign in, for the page that asks for a password.
func (s *Server) ways(keys *passkey.Keys) []identityweb.Way {
	var ways []identityweb.Way
	if keys.Offered() {
		ways = append(ways, identityweb.Way{Path: "/sign-in/passkey", Title: "sign-in.passkey"})
	}
	for _, p := range s.options.Providers {
		ways = append(ways, identityweb.Way{Path: providerweb.Path(p.ID), Title: p.Title})
	}
	return ways
}

func (s *Server) passkeyRoom(keys *passkey.Keys) web.Room {
	return passkeyweb.Room(passkeyweb.Config{Accounts: s.world.Identity, Keys: keys})
}

func (s *Server) providerRoom() web.Room {
	ids := s.world.Identity
	return providerweb.Room(providerweb.Config{Accounts: ids, Seal: ids.Seal, Real: ids.Real, Providers: s.options.Providers,
		Client: fetch.Plain(s.options.Net, Release(), providerLimit, providerWithin), PublicURL: s.PublicURL().String(), Log: s.log})
}
