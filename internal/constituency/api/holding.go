package api

import (
	"context"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

func (r *room) contacts(ctx context.Context, _ api.Caller, in *RefPath) (*api.Page[Contact], error) {
	_, l, err := r.byRef(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	cs, err := r.store.Contacts(ctx, l.ID)
	if err != nil {
		return nil, err
	}
	out := make([]Contact, len(cs))
	for i, c := range cs {
		out[i] = r.viewContact(c)
	}
	return api.NewPage(out, ""), nil
}

type assetsInput struct {
	RefPath
	api.Paging
	Kind  string `query:"kind" enum:",address,prefix,asn,domain,product"`
	Text  string `query:"q" maxLength:"200" doc:"In the value"`
	Ended bool   `query:"ended" doc:"Those that have ended too"`
}

func (r *room) assets(ctx context.Context, _ api.Caller, in *assetsInput) (*api.Page[Asset], error) {
	_, l, err := r.byRef(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	f := constituency.AssetFilter{Constituent: l.ID, Kind: constituency.AssetKind(in.Kind), Text: in.Text, Ended: in.Ended, Limit: in.Limit}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &f.After); err != nil {
			return nil, err
		}
	}
	as, more, err := r.store.Assets(ctx, f)
	if err != nil {
		return nil, err
	}
	out := make([]Asset, len(as))
	for i, a := range as {
		out[i] = viewAsset(a)
	}
	next := ""
	if more {
		if next, err = api.Cursor(as[len(as)-1].ID); err != nil {
			return nil, err
		}
	}
	return api.NewPage(out, next), nil
}

// period reads the days of a contact or asset.
func period(from, until string) (f, u constituency.Day, err error) {
	var ps fault.Problems
	if f, err = constituency.ParseDay(from, 0); err != nil {
		ps = append(ps, fault.Problem{Field: "valid_from", Message: err.Error()})
	}
	if u, err = constituency.ParseDay(until, constituency.Open); err != nil {
		ps = append(ps, fault.Problem{Field: "valid_until", Message: err.Error()})
	}
	if len(ps) > 0 {
		return 0, 0, ps
	}
	return f, u, nil
}

type contactInput struct {
	Body struct {
		Constituent string             `json:"constituent" maxLength:"80" doc:"Ref"`
		Role        string             `json:"role" enum:"abuse,security,technical,management,press,other"`
		Name        string             `json:"name,omitempty"`
		Mail        string             `json:"mail,omitempty"`
		Phone       string             `json:"phone,omitempty"`
		Language    string             `json:"language,omitempty"`
		Keys        []constituency.Key `json:"keys,omitempty"`
		Encrypt     bool               `json:"encrypt,omitempty" doc:"Send nothing in clear"`
		Clearance   string             `json:"clearance,omitempty"`
		ValidFrom   string             `json:"valid_from,omitempty"`
		ValidUntil  string             `json:"valid_until,omitempty"`
	}
}

func (r *room) addContact(ctx context.Context, c api.Caller, in *contactInput) (*Contact, error) {
	b := in.Body
	_, l, err := r.byRef(ctx, b.Constituent)
	if err != nil {
		return nil, err
	}
	from, until, err := period(b.ValidFrom, b.ValidUntil)
	if err != nil {
		return nil, err
	}
	made, err := r.store.AddContact(ctx, c.Actor, constituency.Contact{Constituent: l.ID, Role: b.Role, Name: b.Name, Mail: b.Mail,
		Phone: b.Phone, Language: b.Language, Keys: b.Keys, Encrypt: b.Encrypt, Clearance: b.Clearance, ValidFrom: from, ValidUntil: until})
	if err != nil {
		return nil, err
	}
	v := r.viewContact(made)
	return &v, nil
}

type assetInput struct {
	Body struct {
		Constituent string `json:"constituent" maxLength:"80" doc:"Ref"`
		Kind        string `json:"kind" enum:"address,prefix,asn,domain,product"`
		Value       string `json:"value"`
		AlsoNotify  bool   `json:"also_notify,omitempty"`
		ValidFrom   string `json:"valid_from,omitempty"`
		ValidUntil  string `json:"valid_until,omitempty"`
	}
}

func (r *room) addAsset(ctx context.Context, c api.Caller, in *assetInput) (*Asset, error) {
	b := in.Body
	_, l, err := r.byRef(ctx, b.Constituent)
	if err != nil {
		return nil, err
	}
	from, until, err := period(b.ValidFrom, b.ValidUntil)
	if err != nil {
		return nil, err
	}
	made, err := r.store.AddAsset(ctx, c.Actor, constituency.Asset{Constituent: l.ID, Kind: constituency.AssetKind(b.Kind), Value: b.Value,
		AlsoNotify: b.AlsoNotify, ValidFrom: from, ValidUntil: until})
	if err != nil {
		return nil, err
	}
	v := viewAsset(made)
	return &v, nil
}

type endInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		ValidUntil string `json:"valid_until" doc:"The first day it no longer is valid"`
	}
}

func (in *endInput) day() (constituency.Day, error) {
	day, err := constituency.ParseDay(in.Body.ValidUntil, 0)
	if err != nil {
		return 0, fault.Problems{{Field: "valid_until", Message: err.Error()}}
	}
	return day, nil
}

func (r *room) endContact(ctx context.Context, c api.Caller, in *endInput) (*api.Nothing, error) {
	day, err := in.day()
	if err != nil {
		return nil, err
	}
	return nil, r.store.EndContact(ctx, c.Actor, in.ID, day)
}

func (r *room) endAsset(ctx context.Context, c api.Caller, in *endInput) (*api.Nothing, error) {
	day, err := in.day()
	if err != nil {
		return nil, err
	}
	return nil, r.store.EndAsset(ctx, c.Actor, in.ID, day)
}
