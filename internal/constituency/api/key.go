package api

import (
	"context"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/api"
)

// KeyState is how far a key can be used.
type KeyState struct {
	State       string     `json:"state" enum:"none,expired,unusable,later,absent,expiring,good" doc:"none: nothing may be sent in clear, and no key works; absent: only the fingerprint is known; expiring: within 30 days"`
	Type        string     `json:"type,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	Holder      string     `json:"holder,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
	Why         string     `json:"why,omitempty" doc:"Why it cannot be used"`
}

func viewKey(i constituency.KeyInfo) KeyState {
	out := KeyState{State: string(i.State), Type: i.Type, Fingerprint: i.Fingerprint, Holder: i.Holder, Why: i.Why}
	if i.Expires != 0 {
		t := time.UnixMicro(i.Expires).UTC()
		out.Expires = &t
	}
	return out
}

// HeldKey is a key with whose it is.
type HeldKey struct {
	KeyState
	Contact     int64  `json:"contact"`
	Mail        string `json:"mail"`
	Encrypt     bool   `json:"encrypt"`
	Constituent string `json:"constituent" doc:"Ref"`
}

type heldInput struct {
	api.Paging
	Trouble bool   `query:"trouble" doc:"Only what does not work, or will not in 30 days"`
	State   string `query:"state" enum:",none,expired,unusable,later,absent,expiring,good"`
}

func (r *room) heldKeys(ctx context.Context, _ api.Caller, in *heldInput) (*api.Page[HeldKey], error) {
	f := constituency.KeyFilter{Trouble: in.Trouble, State: constituency.KeyState(in.State), Limit: in.Limit}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &f.After); err != nil {
			return nil, err
		}
	}
	hs, more, err := r.store.Keys(ctx, f)
	if err != nil {
		return nil, err
	}
	out := make([]HeldKey, len(hs))
	for i, h := range hs {
		out[i] = HeldKey{viewKey(h.KeyInfo), h.Contact.ID, h.Contact.Mail, h.Contact.Encrypt, h.Ref}
	}
	next := ""
	if more {
		if next, err = api.Cursor(hs[len(hs)-1].Place()); err != nil {
			return nil, err
		}
	}
	return api.NewPage(out, next), nil
}

type keysInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		Keys    []constituency.Key `json:"keys" maxItems:"10" nullable:"false"`
		Encrypt bool               `json:"encrypt,omitempty" doc:"Send nothing in clear"`
	}
}

func (r *room) setKeys(ctx context.Context, c api.Caller, in *keysInput) (*Contact, error) {
	if err := r.store.SetKeys(ctx, c.Actor, in.ID, in.Body.Keys, in.Body.Encrypt); err != nil {
		return nil, err
	}
	now, err := r.store.Contact(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := r.viewContact(now)
	return &v, nil
}
