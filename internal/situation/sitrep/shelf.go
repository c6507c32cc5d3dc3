package sitrep

import (
	"context"
	"fmt"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Shelved is a report as those outside the CERT read it who may have it.
type Shelved struct {
	ID         int64
	Number     string
	Label      tlp.Label
	State      State // Approved, Replaced, Withdrawn
	Since      int64
	Until      int64
	Approved   int64
	Reason     string // why it corrects
	Withdrawal string // why it was withdrawn
	Replaced   int64  // the id of the edition that is valid instead; 0 when it is, or none is
	Languages  []string
	Doc        Document // in the language that was asked for; without parts when it is not valid
}

// shelved goes to the gate with the cases that it names.
type shelved struct {
	*Sitrep
	cases []incident.Case
	view  Shelved
}

// Ref implements disclosure.Item.
func (s shelved) Ref() disclosure.Ref { return s.Object() }

// References implements disclosure.Item: who may not be told of a case that is named does not get the report.
func (s shelved) References() (out []disclosure.Item) {
	for i := range s.cases {
		out = append(out, &s.cases[i])
	}
	return out
}

// Shelf lists the reports that somebody outside the CERT may have, the latest first, in their language: those that are valid, and
// those that were withdrawn, with the reason alone. next is where the list goes on, 0 at its end.
func (d *Desk) Shelf(ctx context.Context, by act.Actor, via disclosure.Channel, language string, before int64) (out egress.Cleared[[]Shelved], next int64, err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return out, 0, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		all, err := outside(tx, before, onShelf+1)
		if err != nil {
			return err
		}
		if len(all) > onShelf {
			all = all[:onShelf]
			next = all[onShelf-1].ID
		}
		var items []shelved
		for i := range all {
			one, err := d.shelve(tx, &all[i])
			if err != nil {
				return err
			}
			one.view.Doc = d.document(p, one.Sitrep, language).head()
			items = append(items, one)
		}
		out, _, err = disclosure.Clear(ctx, tx, d.Gate, disclosure.RecipientOf(by), via, items, shelved.shown)
		return err
	})
	return out, next, err
}

const onShelf = 50

// Read is a report for somebody outside the CERT, in the language nearest to theirs. One that they may not have is not there.
func (d *Desk) Read(ctx context.Context, by act.Actor, via disclosure.Channel, id int64, language string) (none egress.Cleared[[]Shelved], err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return none, err
	}
	missing := fault.NotFoundf("there is no situation report %d", id)
	var out egress.Cleared[[]Shelved]
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		s, err := byID(tx, id)
		if err != nil {
			return err
		}
		if s.Approved == 0 || s.Label >= tlp.Amber {
			return missing
		}
		one, err := d.shelve(tx, &s)
		if err != nil {
			return err
		}
		if one.view.Doc = d.document(p, &s, language); s.State != Approved {
			one.view.Doc = one.view.Doc.head()
		}
		var withheld []disclosure.Withheld
		out, withheld, err = disclosure.Clear(ctx, tx, d.Gate, disclosure.RecipientOf(by), via, []shelved{one}, shelved.shown)
		if err == nil && len(withheld) > 0 {
			err = missing
		}
		return err
	})
	return out, err
}

func (d *Desk) shelve(tx *db.Tx, s *Sitrep) (one shelved, err error) {
	one = shelved{Sitrep: s, view: Shelved{ID: s.ID, Number: s.Number(), Label: s.Label, State: s.State, Since: s.Since, Until: s.Until, Approved: s.Approved,
		Reason: s.Reason, Withdrawal: s.Withdrawal, Languages: s.Languages}}
	if s.State == Approved {
		one.cases, err = named(tx, s)
		return one, err
	}
	if one.cases, err = casesIn(tx, s.Reason, s.Withdrawal); err != nil || s.State != Replaced {
		return one, err
	}
	all, err := editions(tx, s.Year, s.Serial)
	for _, e := range all {
		if e.State == Approved && e.Label < tlp.Amber {
			one.view.Replaced = e.ID
		}
	}
	return one, err
}

func (s shelved) shown() Shelved { return s.view }

// head is a document without what it says.
func (doc Document) head() Document {
	doc.Parts = nil
	return doc
}

// OneShelved is the report of what Read let through.
func OneShelved(c egress.Cleared[[]Shelved]) (Shelved, *egress.Grant, error) {
	all, g, err := c.Open()
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d situation reports were let through instead of one", len(all))
	}
	if err != nil {
		return Shelved{}, nil, err
	}
	return all[0], g, nil
}
