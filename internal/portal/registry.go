package portal

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Registry is what the registry has of a constituent, as far as it is the constituent's to know.
type Registry struct {
	Choices  []Choice
	Chosen   bool // it is of exactly one constituent; else there are only choices
	ID       int64
	Ref      string
	Name     string
	Sector   string
	Language string
	Contacts []constituency.Contact
	Assets   []constituency.Asset // the first thousand
	More     bool
	Last     constituency.Confirmation
	Due      bool // the contacts are to be confirmed
}

// part is a contact or an asset on its way to the gate.
type part struct {
	contact *constituency.Contact
	asset   *constituency.Asset
}

// Registry shows contacts and assets that are valid or will be. With several constituents one has to be chosen.
func (p *Portal) Registry(ctx context.Context, a Asker) (none egress.Cleared[*Registry], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	out := &Registry{Choices: m.choices()}
	l, ok := m.one()
	if !ok {
		_, g, err := clear[part](ctx, p, m, nil)
		if err != nil {
			return none, err
		}
		return disclosure.Whole(out, g)
	}
	out.Chosen, out.ID, out.Ref, out.Name, out.Sector, out.Language = true, l.ID, l.Ref, l.Name, l.Sector, l.Language
	now := p.Clock.Now()
	cs, err := p.Constituency.Contacts(ctx, l.ID)
	if err != nil {
		return none, err
	}
	as, more, err := p.Constituency.Assets(ctx, constituency.AssetFilter{Constituent: l.ID, Limit: 1000})
	if err != nil {
		return none, err
	}
	var items []item[part]
	for _, c := range cs {
		if c.ValidUntil > constituency.DayOf(now) {
			c.Clearance = "" // what staff think of a contact is theirs
			items = append(items, own("contact", c.ID, l.ID, part{contact: &c}))
		}
	}
	for _, s := range as {
		items = append(items, own("asset", s.ID, l.ID, part{asset: &s}))
	}
	parts, g, err := clear(ctx, p, m, items)
	if err != nil {
		return none, err
	}
	for _, x := range parts {
		if x.contact != nil {
			out.Contacts = append(out.Contacts, *x.contact)
		} else {
			out.Assets = append(out.Assets, *x.asset)
		}
	}
	out.More = more
	confirmed, err := p.Constituency.Confirmations(ctx, []int64{l.ID})
	if err != nil {
		return none, err
	}
	for _, c := range confirmed {
		out.Last, out.Due = c, c.Due(now)
	}
	return disclosure.Whole(out, g)
}

// RegistryFile is the registry of the chosen constituents as CSV: a row for each contact and asset.
func (p *Portal) RegistryFile(ctx context.Context, a Asker) (none egress.Cleared[Writer], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	rows := [][]string{{"record", "ref", "role", "name", "mail", "phone", "language", "kind", "value", "valid_from", "valid_until", "source"}}
	var grants []*egress.Grant
	for _, id := range m.in {
		c, err := p.Registry(ctx, Asker{a.Actor, a.Via, id})
		if err != nil {
			return none, err
		}
		r, g, err := c.Open()
		if err != nil {
			return none, err
		}
		grants = append(grants, g)
		for _, c := range r.Contacts {
			rows = append(rows, []string{"contact", r.Ref, c.Role, c.Name, c.Mail, c.Phone, c.Language, "", "", c.ValidFrom.String(), c.ValidUntil.String(), string(c.Source)})
		}
		for _, s := range r.Assets {
			rows = append(rows, []string{"asset", r.Ref, "", "", "", "", "", string(s.Kind), s.Value, s.ValidFrom.String(), s.ValidUntil.String(), string(s.Source)})
		}
	}
	if len(grants) == 0 {
		_, g, err := clear[part](ctx, p, m, nil)
		if err != nil {
			return none, err
		}
		grants = append(grants, g)
	}
	for _, row := range rows {
		delimited.InertRow(row)
	}
	return disclosure.Whole(Writer(func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) }), grants...)
}

// Request is a change request as its constituent sees it: who of the staff decided is not told, and what other constituents
// have is not either.
type Request struct {
	constituency.ChangeRequest
	Whose string // the constituent's name
}

// RequestList is a part of a list of change requests.
type RequestList struct {
	Choices []Choice
	Items   []Request
	More    bool // others follow after the last
}

func (m *mine) request(q constituency.ChangeRequest) item[Request] {
	q.Subject, q.DecidedBy, q.DecidedAs = "", "", ""
	i := slices.IndexFunc(m.all, func(l constituency.Listed) bool { return l.ID == q.Constituent })
	return own("change_request", q.ID, q.Constituent, Request{q, m.all[i].Name})
}

// Requests lists the change requests of the asker's constituents, the newest first.
func (p *Portal) Requests(ctx context.Context, a Asker, f constituency.RequestFilter) (none egress.Cleared[*RequestList], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	qs, more, err := p.Constituency.ChangeRequests(ctx, m.in, f)
	if err != nil {
		return none, err
	}
	var items []item[Request]
	for _, q := range qs {
		items = append(items, m.request(q))
	}
	passed, g, err := clear(ctx, p, m, items)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&RequestList{m.choices(), passed, more}, g)
}

// Request shows one change request of the asker's constituents.
func (p *Portal) Request(ctx context.Context, a Asker, id int64) (none egress.Cleared[*Request], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	q, err := p.Constituency.ChangeRequest(ctx, m.in, id)
	if err != nil {
		return none, err
	}
	passed, g, err := clear(ctx, p, m, []item[Request]{m.request(q)})
	if err != nil {
		return none, err
	}
	if len(passed) == 0 {
		return none, constituency.NoRequest(id)
	}
	return disclosure.Whole(&passed[0], g)
}

// Contact shows one contact of the asker's constituents.
func (p *Portal) Contact(ctx context.Context, a Asker, id int64) (none egress.Cleared[*constituency.Contact], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	for _, constituent := range m.in {
		cs, err := p.Constituency.Contacts(ctx, constituent)
		if err != nil {
			return none, err
		}
		for _, c := range cs {
			if c.ID != id || c.ValidUntil <= constituency.DayOf(p.Clock.Now()) {
				continue
			}
			c.Clearance = ""
			passed, g, err := clear(ctx, p, m, []item[*constituency.Contact]{own("contact", id, constituent, &c)})
			if err != nil || len(passed) == 0 {
				return none, cmp.Or(err, noContact(id))
			}
			return disclosure.Whole(passed[0], g)
		}
	}
	return none, noContact(id)
}

func noContact(id int64) error { return fault.NotFoundf("there is no contact with the id %d", id) }
