package yearly

import (
	"context"
	"fmt"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Own is a constituent's year as the portal lists it.
type Own struct {
	Return
	Asked bool  `json:"asked"`
	From  int64 `json:"from,omitempty"` // the window; 0 when the nation asks for none
	Until int64 `json:"until,omitempty"`
	Over  bool  `json:"over"` // the summary of the year can be seen
}

// Form is a constituent's return to be filled in.
type Form struct {
	Own
	Profile *nation.Profile `json:"-"`
}

func (r *Return) item(o Own) item[Own] {
	return item[Own]{disclosure.Ref(fmt.Sprintf("yearly:%d-%d", r.Year, r.Constituent)), disclosure.Marking{Label: tlp.Amber, Owners: []int64{r.Constituent}}, o}
}

func (d *Desk) own(p *nation.Profile, l constituency.Listed, r Return) Own {
	o := Own{Return: r, Asked: p.Yearly.Asked(r.Year) && p.Yearly.Asks(string(l.Designation))}
	if p.Yearly.Asked(r.Year) {
		from, until := p.Yearly.Window(r.Year, p.Location())
		o.From, o.Until, o.Over = from.UnixMicro(), until.UnixMicro(), !d.Clock.Now().Before(until)
	}
	return o
}

// mine lists the constituents that somebody from outside acts for; with an id only that one.
func (d *Desk) mine(ctx context.Context, by act.Actor, constituent int64) (*nation.Profile, *constituency.Directory, []constituency.Listed, error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	ids := by.Constituents()
	if constituent != 0 {
		if _, err := whose(dir, by, constituent); err != nil {
			return nil, nil, nil, err
		}
		ids = []int64{constituent}
	}
	var out []constituency.Listed
	for _, l := range dir.All() {
		for _, id := range ids {
			if l.ID == id {
				out = append(out, l)
			}
		}
	}
	return p, dir, out, nil
}

// Mine lists the years of whom the actor acts for, by constituent, the latest first: those with a return, and the latest one that is over.
func (d *Desk) Mine(ctx context.Context, by act.Actor, via disclosure.Channel) (none egress.Cleared[[]Own], err error) {
	p, dir, ls, err := d.mine(ctx, by, 0)
	if err != nil {
		return none, err
	}
	latest := Latest(p, d.Clock.Now())
	var items []item[Own]
	for _, l := range ls[:min(len(ls), 200)] {
		var rs []Return
		if err := d.DB.View(ctx, func(tx *db.Tx) error {
			rs, err = yearsOf(tx, l.ID)
			return err
		}); err != nil {
			return none, err
		}
		if len(rs) == 0 || rs[0].Year != latest {
			rs = append([]Return{{Year: latest, Constituent: l.ID, State: None}}, rs...)
		}
		for _, r := range rs {
			r.name(dir)
			r.late(p)
			items = append(items, r.item(d.own(p, l, r)))
		}
	}
	return clear(ctx, d, disclosure.RecipientOf(by), via, items)
}

// Blank is the return of a constituent for a year, for who acts for it.
func (d *Desk) Blank(ctx context.Context, by act.Actor, via disclosure.Channel, year int, constituent int64) (none egress.Cleared[*Form], err error) {
	p, _, ls, err := d.mine(ctx, by, constituent)
	if err != nil {
		return none, err
	}
	r, err := d.One(ctx, by, year, constituent)
	if err != nil {
		return none, err
	}
	c, err := clear(ctx, d, disclosure.RecipientOf(by), via, []item[Own]{r.item(d.own(p, ls[0], r))})
	if err != nil {
		return none, err
	}
	passed, g, err := c.Open()
	if err != nil {
		return none, err
	}
	if len(passed) == 0 {
		return none, fault.NotFoundf("there is no constituent with the id %d", constituent)
	}
	return disclosure.Whole(&Form{passed[0], p}, g)
}
