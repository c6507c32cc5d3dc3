package web

import (
	"context"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type keysOut struct {
	Show  string
	Shows []web.Option
	Items []constituency.HeldKey
	Pager web.Pager
}

func (r *room) keys(ctx context.Context, v web.Visitor, in struct {
	Show  string `query:"show" max:"20" default:"trouble"`
	After string `query:"after" max:"200"`
}) (*keysOut, error) {
	f := constituency.KeyFilter{After: in.After, Trouble: in.Show == "trouble"}
	if in.Show != "trouble" && in.Show != "all" {
		f.State = constituency.KeyState(in.Show)
	}
	items, more, err := r.store.Keys(ctx, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if more {
		next = items[len(items)-1].Place()
	}
	shows := options(v, "key.state.", constituency.KeyStates(), web.Option{Value: "trouble", Label: v.T("key.trouble")}, web.Option{Value: "all", Label: v.T("list.all")})
	return &keysOut{in.Show, shows, items, web.NewPager(v, next, len(items))}, nil
}

type contactKeysOut struct {
	Contact constituency.Contact
	Whose   string
	Held    []constituency.KeyInfo // those that are there, not that there is none
}

// contactOf is a contact of the constituent.
func (r *room) contactOf(ctx context.Context, in endIn) (constituency.Contact, error) {
	c, err := r.store.Contact(ctx, in.Item)
	if err == nil && c.Constituent != in.ID {
		err = fault.NotFoundf("the constituent has no contact with the id %d", in.Item)
	}
	return c, err
}

func (r *room) contactKeys(ctx context.Context, _ web.Visitor, in endIn) (*contactKeysOut, error) {
	c, err := r.contactOf(ctx, in)
	if err != nil {
		return nil, err
	}
	_, l, err := r.find(ctx, c.Constituent)
	if err != nil {
		return nil, err
	}
	out := &contactKeysOut{Contact: c, Whose: l.Name}
	for _, i := range r.store.KeyInfos(c) {
		if i.Type != "" {
			out.Held = append(out.Held, i)
		}
	}
	return out, nil
}

type setKeysIn struct {
	Of      endIn
	Keep    []string `form:"keep" max:"200"`
	Key     string   `form:"key" max:"70000"`
	Encrypt bool     `form:"encrypt"`
}

func (r *room) setKeys(ctx context.Context, v web.Visitor, in setKeysIn) (web.Done, error) {
	c, err := r.contactOf(ctx, in.Of)
	if err != nil {
		return web.Done{}, err
	}
	keys := constituency.Keep(c.Keys, in.Keep, in.Key)
	return web.Done{To: page(in.Of.ID) + "#contacts", Flash: "key.saved"}, r.store.SetKeys(ctx, v.Actor, c.ID, keys, in.Encrypt)
}
