package leak

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Own is what a list says of a domain, as its owner sees it.
type Own struct {
	Leak        int64  `json:"leak"`
	Title       string `json:"title"`
	Told        string `json:"told"`
	At          int64  `json:"at"` // UTC microseconds
	Constituent int64  `json:"constituent"`
	Domain      string `json:"domain"`
	Addresses   int64  `json:"addresses"`
	Plain       bool   `json:"plain"` // the addresses can be had

	parts int // that those are kept in
}

// mine finds what lists say of the domains of whom somebody acts for.
func (d *Desk) mine(tx *db.Tx, by act.Actor, leak int64) (out []Own, err error) {
	of := by.Constituents()
	domains, err := constituency.Domains(tx, constituency.DayOf(d.Clock.Now()))
	if err != nil {
		return nil, err
	}
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		for _, id := range domains[domain] {
			if !slices.Contains(of, id) {
				continue
			}
			os, err := ownOf(tx, domain)
			if err != nil {
				return nil, err
			}
			for _, o := range os {
				if o.Constituent = id; leak == 0 || o.Leak == leak {
					out = append(out, o)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Own) int { return int(min(1, max(-1, b.Leak-a.Leak))) })
	return out[:min(len(out), 1000)], nil
}

func items(os []Own, label tlp.Label) (out []item[Own]) {
	for _, o := range os {
		out = append(out, item[Own]{disclosure.Ref(fmt.Sprintf("leak:%d:%s", o.Leak, o.Domain)), forOwner(label, o.Constituent), o})
	}
	return out
}

// Mine lists what is known of the domains of whom somebody acts for: how many addresses of each are in which list, the latest list first.
func (d *Desk) Mine(ctx context.Context, by act.Actor, via disclosure.Channel) (out egress.Cleared[[]Own], err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		os, err := d.mine(tx, by, 0)
		if err != nil {
			return err
		}
		out, _, err = disclosure.Clear(ctx, tx, d.Gate, disclosure.RecipientOf(by), via, items(os, tlp.Amber), func(i item[Own]) Own { return i.v })
		return err
	})
	return out, err
}

// Plain is addresses in clear that somebody may have, as long as they are not written out.
type Plain struct {
	desk *Desk
	leak int64
	own  []Own
}

// Addresses gives the owner of domains the addresses of them that are in a list, when that was allowed. That it was taken stands in the
// audit log before the first one leaves.
func (d *Desk) Addresses(ctx context.Context, by act.Actor, leak int64) (none egress.Cleared[*Plain], err error) {
	var g *egress.Grant
	out := &Plain{desk: d, leak: leak}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "leak.take", Object: fmt.Sprintf("leak:%d", leak)}, func(tx *db.Tx) error {
		out.own = nil
		os, err := d.mine(tx, by, leak)
		if err != nil {
			return err
		}
		cleared, _, err := disclosure.Clear(ctx, tx, d.Gate, disclosure.RecipientOf(by), disclosure.Export, items(os, tlp.AmberStrict), func(i item[Own]) Own { return i.v })
		if err != nil {
			return err
		}
		var may []Own
		if may, g, err = cleared.Open(); err != nil {
			return err
		}
		n := int64(0)
		for _, o := range may {
			if !o.Plain || slices.ContainsFunc(out.own, func(p Own) bool { return p.Domain == o.Domain }) { // a domain may have two owners
				continue
			}
			out.own = append(out.own, o)
			n += o.Addresses
		}
		if len(out.own) == 0 {
			return fault.NotFoundf("the list %d has no addresses that you may have", leak)
		}
		tx.Note("", detail(map[string]any{"addresses": n}))
		return nil
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// WriteCSV writes the addresses as a table of one column, none of whose cells a spreadsheet takes for a formula: by domain and in order, a
// part at a time. When the list is withdrawn meanwhile it ends with an error.
func (p *Plain) WriteCSV(ctx context.Context, w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"address"})
	for _, o := range p.own {
		for n := range o.parts {
			var sealed string
			err := p.desk.DB.View(ctx, func(tx *db.Tx) (err error) {
				sealed, err = plainOf(tx, p.leak, o.Domain, n)
				return err
			})
			if err != nil {
				return fmt.Errorf("read the addresses of the list %d: %w", p.leak, err)
			}
			text, err := p.desk.Seal.Unlock(sealed, plainOwner(p.leak, o.Domain, n))
			if err != nil {
				return fmt.Errorf("open the addresses of the list %d: %w", p.leak, err)
			}
			for a := range strings.SplitSeq(text, "\n") {
				if strings.ContainsRune("=+-@", rune(a[0])) {
					a = "'" + a
				}
				out.Write([]string{a})
			}
			if out.Flush(); out.Error() != nil {
				return out.Error()
			}
		}
	}
	out.Flush()
	return out.Error()
}
