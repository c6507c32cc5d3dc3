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

// Addresses gives the owner of domains the addresses of them that are in a list, in order, when that was allowed. That it was taken stands in
// the audit log.
func (d *Desk) Addresses(ctx context.Context, by act.Actor, leak int64) (none egress.Cleared[[]string], err error) {
	var g *egress.Grant
	var out []string
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "leak.take", Object: fmt.Sprintf("leak:%d", leak)}, func(tx *db.Tx) error {
		out = nil
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
		for _, o := range may {
			if !o.Plain {
				continue
			}
			parts, err := plainOf(tx, leak, o.Domain)
			if err != nil {
				return err
			}
			for n, sealed := range parts {
				text, err := d.Seal.Unlock(sealed, plainOwner(leak, o.Domain, n))
				if err != nil {
					return fmt.Errorf("open the addresses of the list %d: %w", leak, err)
				}
				out = append(out, strings.Split(text, "\n")...)
			}
		}
		if len(out) == 0 {
			return fault.NotFoundf("the list %d has no addresses that you may have", leak)
		}
		slices.Sort(out)
		out = slices.Compact(out)
		tx.Note("", detail(map[string]any{"addresses": len(out)}))
		return nil
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// WriteCSV writes addresses as a table of one column, none of whose cells a spreadsheet takes for a formula.
func WriteCSV(w io.Writer, addresses []string) error {
	out := csv.NewWriter(w)
	out.Write([]string{"address"})
	for _, a := range addresses {
		if strings.ContainsRune("=+-@", rune(a[0])) {
			a = "'" + a
		}
		out.Write([]string{a})
	}
	out.Flush()
	return out.Error()
}
