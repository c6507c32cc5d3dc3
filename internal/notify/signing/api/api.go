// Package api is the REST side of the team's own mail keys. Private keys come in on the machine itself only.
package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
)

const (
	read  act.Permission = "nation.read"
	write act.Permission = "nation.write"
)

type room struct{ keys *signing.Store }

// Routes returns the operations.
func Routes(s *signing.Store) []api.Route {
	r := &room{s}
	return []api.Route{
		api.Operation[struct{}, api.Page[MailKey]]{Method: http.MethodGet, Path: "/api/mail-keys", ID: "list-mail-keys",
			Summary: "List the team's own mail keys", Permission: read, Handle: r.list},
		api.Operation[keyInput, MailKey]{Method: http.MethodGet, Path: "/api/mail-keys/{print}", ID: "get-mail-key",
			Summary: "One of the team's mail keys, with its public half", Permission: read, Handle: r.one},
		api.Operation[keyInput, api.Nothing]{Method: http.MethodPost, Path: "/api/mail-keys/{print}/retire", ID: "retire-mail-key",
			Summary: "Take a mail key out of use", Permission: write, Handle: r.retire,
			Description: "Its private half is forgotten. Without any key in use, mail leaves unsigned."},
	}
}

// MailKey is a key of the team.
type MailKey struct {
	Fingerprint string     `json:"fingerprint"`
	Type        string     `json:"type" enum:"smime,openpgp"`
	State       string     `json:"state" enum:"expired,later,expiring,in-use,retired"`
	Holder      string     `json:"holder"`
	Addresses   []string   `json:"addresses" nullable:"false"`
	Begins      time.Time  `json:"begins"`
	Expires     *time.Time `json:"expires,omitempty"`
	Public      string     `json:"public" doc:"A certificate in PEM, or an armored OpenPGP public key"`
	By          string     `json:"by"`
	At          time.Time  `json:"at"`
	Retired     *time.Time `json:"retired,omitempty"`
}

func view(k signing.Key, now time.Time) MailKey {
	at := func(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
	out := MailKey{Fingerprint: k.Fingerprint, Type: string(k.Type), State: string(k.State(now)), Holder: k.Holder, Addresses: append([]string{}, k.Addresses...),
		Begins: at(k.Begins), Public: k.Public, By: k.Name, At: at(k.At)}
	if k.Expires != 0 {
		t := at(k.Expires)
		out.Expires = &t
	}
	if k.Retired != 0 {
		t := at(k.Retired)
		out.Retired = &t
	}
	return out
}

func (r *room) list(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[MailKey], error) {
	ks, err := r.keys.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]MailKey, len(ks))
	for i, k := range ks {
		out[i] = view(k, r.keys.Clock.Now())
	}
	return api.NewPage(out, ""), nil
}

type keyInput struct {
	Print string `path:"print" maxLength:"200" doc:"Its fingerprint"`
}

func (r *room) one(ctx context.Context, _ api.Caller, in *keyInput) (*MailKey, error) {
	k, err := r.keys.One(ctx, in.Print)
	if err != nil {
		return nil, err
	}
	v := view(k, r.keys.Clock.Now())
	return &v, nil
}

func (r *room) retire(ctx context.Context, c api.Caller, in *keyInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.keys.Retire(ctx, c.Actor, in.Print)
}
