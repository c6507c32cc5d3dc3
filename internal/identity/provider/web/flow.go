package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tocsin/internal/identity"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

const (
	cookieName = "tocsin-oidc"
	valid      = 10 * time.Minute
)

// pending is a sign-in that has gone to a provider; the browser keeps it, sealed, until it comes back.
type pending struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	To       string `json:"to"`
	Account  int64  `json:"account,omitempty"` // to be linked
	Session  int64  `json:"session,omitempty"`
	Until    int64  `json:"until"`
}

func escape(s string) string { return url.QueryEscape(s) }

func personPath(id int64) string { return "/people/" + strconv.FormatInt(id, 10) + "/providers" }

// of is the account and session of a signed-in person.
func of(v web.Visitor) (account, session int64) {
	if r := v.Actor.Rights; r != nil && v.Actor.Kind == act.Person {
		return r.Account, r.Session
	}
	return 0, 0
}

func (r *room) peer(id string) (*peer, error) {
	if p := r.peers[id]; p != nil {
		return p, nil
	}
	return nil, fault.NotFoundf("there is no provider %q of single sign-on", id)
}

func (r *room) trusts(issuer string) error {
	for _, p := range r.Providers {
		if p.Issuer == issuer {
			return nil
		}
	}
	return fault.Problems{{Field: "issuer", Message: "there is no such provider"}}
}

type departIn struct {
	Provider string `path:"provider"`
	To       string `query:"to" max:"2000"`
}

func (r *room) depart(ctx context.Context, _ web.Visitor, in departIn) (web.Departure, error) {
	return r.leave(ctx, in.Provider, pending{To: web.Inside(in.To, "/")})
}

func (r *room) ticketOwner(id string, account, session int64) string {
	return fmt.Sprintf("oidc-link:%s:%d:%d", id, account, session)
}

// ticket proves that a link was begun on a page of this console: a page elsewhere that leads a signed-in person to the
// provider would otherwise link whomever it likes to their account.
func (r *room) ticket(id string, account, session int64) string {
	return r.Seal.Lock(strconv.FormatInt(r.Real.Now().Add(valid).UnixMicro(), 10), r.ticketOwner(id, account, session))
}

type departLinkIn struct {
	Provider string `path:"provider"`
	Ticket   string `query:"ticket" max:"400"`
}

func (r *room) departLink(ctx context.Context, v web.Visitor, in departLinkIn) (web.Departure, error) {
	account, session := of(v)
	text, err := r.Seal.Unlock(in.Ticket, r.ticketOwner(in.Provider, account, session))
	until, _ := strconv.ParseInt(text, 10, 64)
	if err != nil || account == 0 || r.Real.Now().UnixMicro() >= until {
		return web.Departure{}, fault.New(fault.Forbidden, "begin the link on your page of providers, and within ten minutes: /account/providers")
	}
	return r.leave(ctx, in.Provider, pending{To: "/account/providers", Account: account, Session: session})
}

func (r *room) leave(ctx context.Context, id string, s pending) (web.Departure, error) {
	p, err := r.peer(id)
	if err != nil {
		return web.Departure{}, err
	}
	found, err := p.discover(ctx)
	if err != nil {
		return web.Departure{}, err
	}
	s.State, s.Nonce, s.Verifier = rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	s.Until = r.Real.Now().Add(valid).UnixMicro()
	b, err := json.Marshal(s)
	if err != nil {
		return web.Departure{}, err
	}
	to := p.oauth(found).AuthCodeURL(s.State, oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier))
	return web.Departure{To: to, Cookies: []web.Cookie{{Name: cookieName, Value: r.Seal.Lock(string(b), "oidc:"+id), MaxAge: int(valid / time.Second), Lax: true}}}, nil
}

type arriveIn struct {
	Provider string `path:"provider"`
	Code     string `query:"code" max:"4000"`
	State    string `query:"state" max:"200"`
	Issuer   string `query:"iss" max:"1000"`
	Error    string `query:"error" max:"200"`
}

// refuse leads to the page that says why.
func refuse(id, why string) web.Done {
	return web.Done{To: "/sign-in/refused?provider=" + escape(id) + "&why=" + why, Cookies: []web.Cookie{{Name: cookieName, Lax: true}}}
}

// arrive ends a sign-in or a link.
func (r *room) arrive(ctx context.Context, v web.Visitor, in arriveIn) (web.Done, error) {
	p, err := r.peer(in.Provider)
	if err != nil {
		return web.Done{}, err
	}
	var s pending
	text, err := r.Seal.Unlock(v.Cookie(cookieName), "oidc:"+p.ID)
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	if err != nil || in.State == "" || subtle.ConstantTimeCompare([]byte(s.State), []byte(in.State)) != 1 || r.Real.Now().UnixMicro() >= s.Until {
		return refuse(p.ID, "late"), nil
	}
	switch {
	case in.Issuer != "" && in.Issuer != p.Issuer: // RFC 9207: the answer of another provider
		return refuse(p.ID, "failed"), nil
	case in.Error == "access_denied":
		return refuse(p.ID, "denied"), nil
	case in.Error != "" || in.Code == "":
		r.Log.Warn("single sign-on", "provider", p.ID, "error", in.Error)
		return refuse(p.ID, "failed"), nil
	}
	who, err := p.exchange(ctx, in.Code, s)
	if fault.KindOf(err) == fault.Unavailable {
		return refuse(p.ID, "down"), nil
	}
	if err != nil {
		r.Log.Warn("single sign-on", "provider", p.ID, "error", err)
		return refuse(p.ID, "failed"), nil
	}
	a, err := r.Accounts.ByProvider(ctx, p.Issuer, who.Subject)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return web.Done{}, err
	}
	if s.Account != 0 {
		return r.join(ctx, v, p, s, who, a)
	}
	return r.enter(ctx, v, p, s, who, a)
}

// join links the identity to the account that began it.
func (r *room) join(ctx context.Context, v web.Visitor, p *peer, s pending, who provider.Person, a *identity.Account) (web.Done, error) {
	account, session := of(v)
	done := web.Done{To: s.To, Flash: "provider.linked", Cookies: []web.Cookie{{Name: cookieName, Lax: true}}}
	switch {
	case account != s.Account || session != s.Session:
		return refuse(p.ID, "late"), nil
	case a != nil && a.ID == account:
		return done, nil
	case a != nil:
		return refuse(p.ID, "elsewhere"), nil
	}
	return done, r.Accounts.Link(ctx, v.Actor, account, p.Issuer, who.Subject)
}

// enter signs in whoever has an account, makes one for whom the provider's settings welcome, and refuses everybody else.
func (r *room) enter(ctx context.Context, v web.Visitor, p *peer, s pending, who provider.Person, a *identity.Account) (web.Done, error) {
	d := identity.Device{Address: v.Client, Agent: v.Agent}
	var id int64
	if a != nil {
		if a.Disabled {
			return refuse(p.ID, "disabled"), nil
		}
		id = a.ID
	} else {
		n, welcome := p.Welcome(who)
		if !welcome {
			return refuse(p.ID, "unknown"), r.Accounts.Stranger(ctx, p.Issuer, who.Subject, d)
		}
		n.Language = v.Lang()
		var err error
		if id, err = r.Accounts.Admit(ctx, n, p.Issuer, who.Subject); fault.KindOf(err) == fault.Conflict && err != nil {
			return refuse(p.ID, "taken"), nil
		} else if err != nil {
			return web.Done{}, err
		}
	}
	in, err := r.Accounts.Begin(ctx, id, "oidc", d)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: s.To, Cookies: []web.Cookie{{Name: identity.SessionCookie, Value: in.Secret, Lax: true}, {Name: cookieName, Lax: true}}}, nil
}
