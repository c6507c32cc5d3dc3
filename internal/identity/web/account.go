package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"net/url"
	"time"

	"github.com/pquerna/otp"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

func escape(s string) string { return url.QueryEscape(s) }

type accountOut struct {
	*identity.Account
	Held     []held
	Sessions []identity.Session
	Others   bool // sessions besides this one
	Tokens   int
	Passkeys int
}

func (r *room) own(ctx context.Context, v web.Visitor) (*identity.Account, error) {
	if v.Actor.Rights == nil || v.Actor.Rights.Account == 0 {
		return nil, fault.New(fault.Forbidden, "sign in: this page is about your own account")
	}
	return r.Store.ByID(ctx, v.Actor.Rights.Account)
}

func (r *room) account(ctx context.Context, v web.Visitor, _ struct{}) (*accountOut, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return nil, err
	}
	out := &accountOut{Account: a, Held: r.held(ctx, v, a.Roles)}
	if out.Sessions, err = r.Store.Sessions(ctx, a.ID, v.Actor.Rights.Session); err != nil {
		return nil, err
	}
	out.Others = len(out.Sessions) > 1
	ts, err := r.Store.Tokens(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	ks, err := r.Store.Passkeys(ctx, a.ID)
	out.Tokens, out.Passkeys = len(ts), len(ks)
	return out, err
}

func (r *room) rename(ctx context.Context, v web.Visitor, in struct {
	Name string `form:"name" max:"200" need:"true"`
}) (web.Done, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account", Flash: "done.saved"}, r.Store.Rename(ctx, v.Actor, a.ID, in.Name, a.Language)
}

func (r *room) passwordPage(ctx context.Context, v web.Visitor, _ struct{}) (*identity.Account, error) {
	return r.own(ctx, v)
}

func (r *room) password(ctx context.Context, v web.Visitor, in struct {
	Old      string `form:"old" max:"1000" exact:"true"`
	Password string `form:"password" max:"1000" need:"true" exact:"true"`
}) (web.Done, error) {
	return web.Done{To: "/account", Flash: "done.password"}, r.Store.SetPassword(ctx, v.Actor, in.Old, in.Password)
}

func (r *room) endSession(ctx context.Context, v web.Visitor, in struct {
	ID int64 `form:"id"` // 0: all others
}) (web.Done, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account", Flash: "done.session"}, r.Store.EndSession(ctx, v.Actor, a.ID, in.ID, v.Actor.Rights.Session)
}

type appOut struct {
	Has    bool
	Login  string
	Secret string
	QR     template.URL
	Wrong  string
}

func (r *room) appPage(ctx context.Context, v web.Visitor, _ struct{}) (*appOut, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return nil, err
	}
	if a.HasTOTP {
		return &appOut{Has: true, Login: a.Login}, nil
	}
	secret, address := r.Store.NewTOTP(r.Team, a.Login)
	return newApp(secret, address)
}

// newApp draws what an authenticator app reads.
func newApp(secret, address string) (*appOut, error) {
	k, err := otp.NewKeyFromURL(address)
	if err != nil {
		return nil, fmt.Errorf("the address of an authenticator app: %w", err)
	}
	img, err := k.Image(256, 256)
	if err != nil {
		return nil, fmt.Errorf("draw the QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("draw the QR code: %w", err)
	}
	return &appOut{Secret: secret, QR: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))}, nil
}

func (r *room) app(ctx context.Context, v web.Visitor, in struct {
	Secret string `form:"secret" max:"100" need:"true"`
	Code   string `form:"code" max:"20" need:"true"`
}) (web.Done, error) {
	err := r.Store.ConfirmTOTP(ctx, v.Actor, in.Secret, in.Code)
	if fault.KindOf(err) != fault.Invalid {
		return web.Done{To: "/account", Flash: "done.app"}, err
	}
	// Shown again with the same secret: the app has it already.
	a, e := r.own(ctx, v)
	if e != nil {
		return web.Done{}, e
	}
	out, e := newApp(in.Secret, r.Store.TOTPAddress(r.Team, a.Login, in.Secret))
	if e != nil {
		return web.Done{}, err
	}
	out.Wrong = err.Error()
	return web.Done{Template: "app.html", Page: out}, nil
}

func (r *room) removeApp(ctx context.Context, v web.Visitor, in struct {
	Password string `form:"password" max:"1000" need:"true" exact:"true"`
}) (web.Done, error) {
	return web.Done{To: "/account", Flash: "done.app-removed"}, r.Store.RemoveTOTP(ctx, v.Actor, in.Password)
}

type tokensOut struct {
	Tokens []identity.Token
	Scopes []act.Permission
	Days   int
}

func (r *room) tokensPage(ctx context.Context, v web.Visitor, _ struct{}) (*tokensOut, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return nil, err
	}
	return r.tokensOf(ctx, a.ID)
}

func (r *room) tokensOf(ctx context.Context, account int64) (*tokensOut, error) {
	out := &tokensOut{Days: 90}
	var err error
	if out.Tokens, err = r.Store.Tokens(ctx, account); err != nil {
		return nil, err
	}
	out.Scopes, err = r.Store.Scopes(ctx, account)
	return out, err
}

type tokenIn struct {
	Name  string   `form:"name" max:"100" need:"true"`
	Scope []string `form:"scope" max:"60"`
	Days  int      `form:"days" min:"1" max:"366" default:"90"`
}

type shown struct {
	Secret string
	Back   string
}

func (r *room) issue(ctx context.Context, v web.Visitor, in tokenIn) (web.Done, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return web.Done{}, err
	}
	return r.issued(ctx, v, a.ID, in, "/account/tokens")
}

func (r *room) issued(ctx context.Context, v web.Visitor, account int64, in tokenIn, back string) (web.Done, error) {
	scope := make([]act.Permission, len(in.Scope))
	for i, p := range in.Scope {
		scope[i] = act.Permission(p)
	}
	secret, _, err := r.Store.Issue(ctx, v.Actor, account, in.Name, scope, r.Store.Real.Now().Add(time.Duration(in.Days)*24*time.Hour))
	return web.Done{Template: "token-shown.html", Page: shown{secret, back}}, err
}

func (r *room) revoke(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id"`
}) (web.Done, error) {
	a, err := r.own(ctx, v)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/account/tokens", Flash: "done.revoked"}, r.Store.Revoke(ctx, v.Actor, a.ID, in.ID)
}
