package web

import (
	"context"
	"net/url"
	"strconv"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type oneIn struct {
	Key   string `path:"id" max:"200"` // the id, or the reference
	Kind  string `query:"kind" max:"40"`
	Text  string `query:"find" max:"200"`
	Ended bool   `query:"ended"`
	After int64  `query:"after" min:"0"`
}

// holding tells whether something a constituent has is valid today.
type holding[T any] struct {
	It    T
	Valid bool
	Keys  []constituency.KeyInfo // of a contact
}

type oneOut struct {
	constituency.Listed
	words
	Path      []constituency.Listed
	Children  []constituency.Listed
	Delegated []constituency.Listed
	CERT      *constituency.Listed // who looks after it
	People    []holding[constituency.Contact]
	Things    []holding[constituency.Asset]
	Pager     web.Pager
	Valid     bool
	Kinds     []web.Option // of assets, to filter
	AddKinds  []web.Option
	Roles     []web.Option
	Labels    []web.Option
	Filter    oneIn
	Findings  string
	Told      *Told // nil: the visitor may not see it
	to        string
}

// Elsewhere is the page under the id, for who came by the reference.
func (o *oneOut) Elsewhere() string { return o.to }

// PageTitle is the constituent's name.
func (o *oneOut) PageTitle() string { return o.Name }

const shownBelow = 200

func (r *room) one(ctx context.Context, v web.Visitor, in oneIn) (*oneOut, error) {
	d, err := r.store.Directory(ctx)
	if err != nil {
		return nil, err
	}
	l, byRef, err := keyed(d, in.Key)
	if err != nil {
		return nil, err
	}
	if byRef {
		return &oneOut{Listed: l, to: page(l.ID)}, nil
	}
	w, err := r.words(ctx, v)
	if err != nil {
		return nil, err
	}
	today := constituency.DayOf(v.Now)
	out := &oneOut{Listed: l, words: w, Path: d.Path(l.ID), Children: first(d.Children(l.ID), shownBelow), Filter: in,
		Valid: l.ValidFrom <= today && today < l.ValidUntil, Findings: "/findings?owner=" + url.QueryEscape(l.Ref),
		Kinds:    options(v, "asset.", constituency.AssetKinds(), web.Option{Label: v.T("list.all")}),
		AddKinds: options(v, "asset.", constituency.AssetKinds()), Roles: options(v, "role.", constituency.Roles()), Labels: labels(v)}
	if l.Kind == constituency.SectorCERT || l.Kind == constituency.SpecialCERT {
		out.Delegated = first(d.Delegated(l), shownBelow)
	}
	if cert, err := d.ByRef(l.DelegateRef); l.DelegateRef != "" && err == nil {
		out.CERT = &cert
	}
	cs, err := r.store.Contacts(ctx, l.ID)
	if err != nil {
		return nil, err
	}
	for _, c := range cs {
		out.People = append(out.People, holding[constituency.Contact]{c, c.ValidFrom <= today && today < c.ValidUntil, r.store.KeyInfos(c)})
	}
	as, more, err := r.store.Assets(ctx, constituency.AssetFilter{Constituent: l.ID, Kind: constituency.AssetKind(in.Kind), Text: in.Text,
		Ended: in.Ended, After: in.After})
	if err != nil {
		return nil, err
	}
	next := ""
	for _, a := range as {
		out.Things = append(out.Things, holding[constituency.Asset]{It: a, Valid: a.ValidFrom <= today && today < a.ValidUntil})
		if more {
			next = strconv.FormatInt(a.ID, 10)
		}
	}
	out.Pager = web.NewPager(v, next, len(as))
	if v.May(tellings) {
		told, err := r.told(ctx, l.ID)
		if err != nil {
			return nil, err
		}
		out.Told = &told
	}
	return out, nil
}

// keyed finds a constituent by its id or its reference.
func keyed(d *constituency.Directory, key string) (l constituency.Listed, byRef bool, err error) {
	if id, err := strconv.ParseInt(key, 10, 64); err == nil {
		if l, ok := d.ByID(id); ok {
			return l, false, nil
		}
	}
	if l, err = d.ByRef(key); err != nil {
		return l, false, fault.NotFoundf("there is no constituent with the id or reference %q", key)
	}
	return l, true, nil
}

func first[T any](s []T, n int) []T { return s[:min(n, len(s))] }

func labels(v web.Visitor) []web.Option {
	out := []web.Option{{Label: v.T("contact.no-clearance")}}
	for _, l := range []string{"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"} {
		out = append(out, web.Option{Value: "TLP:" + l, Label: "TLP:" + l})
	}
	return out
}

func page(id int64) string { return "/constituents/" + url.PathEscape(strconv.FormatInt(id, 10)) }

type contactForm struct {
	ID        int64  `path:"id"`
	Role      string `form:"role" max:"40"`
	Name      string `form:"contact-name" max:"300"`
	Mail      string `form:"mail" max:"254"`
	Phone     string `form:"phone" max:"60"`
	Language  string `form:"language" max:"40"`
	Clearance string `form:"clearance" max:"40"`
	Key       string `form:"key" max:"70000"`
	Encrypt   bool   `form:"encrypt"`
}

func (r *room) addContact(ctx context.Context, v web.Visitor, in contactForm) (web.Done, error) {
	c := constituency.Contact{Constituent: in.ID, Role: in.Role, Name: in.Name, Mail: in.Mail, Phone: in.Phone, Language: in.Language,
		Clearance: in.Clearance, Encrypt: in.Encrypt}
	if in.Key != "" {
		c.Keys = []constituency.Key{{Key: in.Key}}
	}
	_, err := r.store.AddContact(ctx, v.Actor, c)
	return web.Done{To: page(in.ID), Flash: "contact.added"}, err
}

type assetForm struct {
	ID         int64  `path:"id"`
	Kind       string `form:"asset-kind" max:"40"`
	Value      string `form:"value" need:"true" max:"300"`
	AlsoNotify bool   `form:"also_notify"`
	From       dayIn  `form:"asset-from"`
}

// dayIn is a day as a form has it.
type dayIn struct{ constituency.Day }

// UnmarshalText reads YYYY-MM-DD.
func (d *dayIn) UnmarshalText(b []byte) (err error) {
	d.Day, err = constituency.ParseDay(string(b), 0)
	return err
}

func (r *room) addAsset(ctx context.Context, v web.Visitor, in assetForm) (web.Done, error) {
	a, err := r.store.AddAsset(ctx, v.Actor, constituency.Asset{Constituent: in.ID, Kind: constituency.AssetKind(in.Kind), Value: in.Value,
		AlsoNotify: in.AlsoNotify, ValidFrom: in.From.Day})
	return web.Done{To: page(in.ID), Flash: "asset.added", Args: []any{a.Value}}, err
}

type endIn struct {
	ID   int64 `path:"id"`
	Item int64 `path:"item"`
}

func (r *room) endContact(ctx context.Context, v web.Visitor, in endIn) (web.Done, error) {
	return web.Done{To: page(in.ID), Flash: "contact.ended"}, r.store.EndContact(ctx, v.Actor, in.Item, constituency.DayOf(v.Now))
}

func (r *room) endAsset(ctx context.Context, v web.Visitor, in endIn) (web.Done, error) {
	return web.Done{To: page(in.ID), Flash: "asset.ended"}, r.store.EndAsset(ctx, v.Actor, in.Item, constituency.DayOf(v.Now))
}
