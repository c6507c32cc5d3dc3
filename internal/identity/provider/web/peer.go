package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/fault"
)

const (
	discoverEvery = 24 * time.Hour   // a provider may move its addresses
	again         = 10 * time.Second // after one that did not answer
)

// peer is a provider and what it said of itself. That is asked for when it is first needed, so a provider that is down keeps
// nobody but its own people out.
type peer struct {
	provider.Provider
	cfg Config

	mu     sync.Mutex
	found  *oidc.Provider
	asked  time.Time
	failed error
}

func newPeer(p provider.Provider, c Config) *peer { return &peer{Provider: p, cfg: c} }

// context carries the client that every request to the provider goes by.
func (p *peer) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.cfg.Client)
}

// discover is the provider's description of itself, asked for at most once a day, and after a failure at most once in ten
// seconds. An old description serves when a fresh one cannot be had.
func (p *peer) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Real.Now()
	wait := discoverEvery
	if p.failed != nil {
		wait = again
	}
	if p.asked.IsZero() || now.Sub(p.asked) >= wait {
		// The answer serves everybody who waits for it, so it does not end with the one who asked first.
		found, err := oidc.NewProvider(p.context(context.WithoutCancel(ctx)), p.Issuer)
		p.asked, p.failed = now, err
		if err != nil {
			p.cfg.Log.Warn("single sign-on", "provider", p.ID, "error", err)
		} else {
			p.found = found
		}
	}
	if p.found == nil {
		return nil, fault.New(fault.Unavailable, "%s does not answer: try again in a minute, or sign in another way", p.Title)
	}
	return p.found, nil
}

func (p *peer) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: found.Endpoint(),
		RedirectURL: p.cfg.PublicURL + "/sign-in/from/" + p.ID, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
}

// claims are what an ID token, or the provider's page about a person, says beyond the protocol.
type claims struct {
	Name     string   `json:"name"`
	Mail     string   `json:"email"`
	Verified verified `json:"email_verified"`
	For      string   `json:"azp"`
}

// verified is a flag that some providers write as a text.
type verified bool

// UnmarshalJSON takes true and "true" for true, and everything else for false.
func (v *verified) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true" || string(b) == `"true"`
	return nil
}

// exchange turns the code into who has come. The token must be of this provider, for this client, for this sign-in, in time
// and signed.
func (p *peer) exchange(ctx context.Context, code string, s pending) (provider.Person, error) {
	var who provider.Person
	found, err := p.discover(ctx)
	if err != nil {
		return who, err
	}
	ctx = p.context(ctx)
	cfg := p.oauth(found)
	token, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(s.Verifier))
	if err != nil {
		return who, fmt.Errorf("exchange the code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return who, fmt.Errorf("the provider gave no ID token")
	}
	id, err := found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.cfg.Real.Now}).Verify(ctx, raw)
	if err != nil {
		return who, fmt.Errorf("the ID token: %w", err)
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return who, fmt.Errorf("the ID token: %w", err)
	}
	switch {
	case id.Nonce != s.Nonce:
		return who, fmt.Errorf("the ID token is of another sign-in")
	case id.Subject == "" || len(id.Subject) > 255:
		return who, fmt.Errorf("the ID token names nobody")
	case c.For != "" && c.For != p.ClientID, c.For == "" && len(id.Audience) > 1:
		return who, fmt.Errorf("the ID token was made for another client")
	}
	if p.Role != "" && c.Mail == "" && found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, cfg.TokenSource(ctx, token))
		if err != nil {
			return who, fmt.Errorf("ask about the person: %w", err)
		}
		if info.Subject != id.Subject {
			return who, fmt.Errorf("the provider tells about another person")
		}
		if err := info.Claims(&c); err != nil {
			return who, fmt.Errorf("ask about the person: %w", err)
		}
	}
	return provider.Person{Subject: id.Subject, Name: c.Name, Mail: c.Mail, Verified: bool(c.Verified)}, nil
}
