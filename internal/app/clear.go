package app

import (
	"context"
	"fmt"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	identityweb "tocsin/internal/identity/web"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
)

// colleague is a person or an invitation of a constituent, as the gate sees it. Who works there is the organisation's business and
// that of the sector CERT that looks after it.
type colleague struct {
	ref    disclosure.Ref
	owners []int64
}

// Ref implements disclosure.Item.
func (c colleague) Ref() disclosure.Ref { return c.ref }

// Marking implements disclosure.Item.
func (c colleague) Marking() disclosure.Marking {
	return disclosure.Marking{Label: tlp.Amber, Audience: disclosure.Owner, Owners: c.owners}
}

// References implements disclosure.Item.
func (c colleague) References() []disclosure.Item { return nil }

// clearColleagues takes the page of a constituent's people through the gate. What may not leave is not on it.
func (s *Server) clearColleagues(ctx context.Context, a act.Actor, page *identityweb.Colleagues) (out egress.Cleared[*identityweb.Colleagues], err error) {
	var items []colleague
	for _, p := range page.People {
		c := colleague{ref: disclosure.Ref(fmt.Sprintf("account:%d", p.ID))}
		for _, h := range p.Roles {
			c.owners = append(c.owners, h.Constituent)
		}
		items = append(items, c)
	}
	for _, l := range page.Invitations {
		items = append(items, colleague{disclosure.Ref(fmt.Sprintf("invitation:%d", l.ID)), []int64{l.Constituent}})
	}
	err = s.world.DB().View(ctx, func(tx *db.Tx) error {
		cleared, _, err := disclosure.Clear(ctx, tx, s.world.Gate, disclosure.RecipientOf(a), disclosure.Portal, items, colleague.Ref)
		if err != nil {
			return err
		}
		refs, grant, err := cleared.Open()
		if err != nil {
			return err
		}
		may := map[disclosure.Ref]bool{}
		for _, r := range refs {
			may[r] = true
		}
		shown := *page
		shown.People, shown.Invitations = nil, nil
		for i, p := range page.People {
			if may[items[i].ref] {
				shown.People = append(shown.People, p)
			}
		}
		for i, l := range page.Invitations {
			if may[items[len(page.People)+i].ref] {
				shown.Invitations = append(shown.Invitations, l)
			}
		}
		out, err = disclosure.Whole(&shown, grant)
		return err
	})
	return out, err
}
