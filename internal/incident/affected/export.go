package affected

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/stix"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Exported is a case for a machine, and what of it stays here.
type Exported struct {
	Number   string
	Bundle   []byte   // STIX 2.1, JSON
	Withheld []string // what the gate keeps back, with the rule
}

// piece is a part of a case on its way through the gate.
type piece struct {
	ref   disclosure.Ref
	mark  disclosure.Marking
	apply func(*stix.Incident)
}

// Ref implements disclosure.Item.
func (p piece) Ref() disclosure.Ref { return p.ref }

// Marking implements disclosure.Item.
func (p piece) Marking() disclosure.Marking { return p.mark }

// References implements disclosure.Item.
func (p piece) References() []disclosure.Item { return nil }

// Audiences are for whom a case may be exported.
func Audiences() []disclosure.RecipientKind {
	return []disclosure.RecipientKind{disclosure.Staff, disclosure.Authority, disclosure.Enforcement, disclosure.Partner, disclosure.Public}
}

// Export writes a case as a STIX 2.1 bundle for a kind of recipient: the incident, its confirmed indicators and those affected, as far as
// the gate lets each of them leave; the ledger has what left. Whoever is of the staff takes it for themselves; for anybody else it asks for
// the permission incident.rule.
func (d *Desk) Export(ctx context.Context, by act.Actor, id int64, to disclosure.RecipientKind) (out Exported, err error) {
	if !slices.Contains(Audiences(), to) {
		return out, fault.Problems{{Field: "for", Message: fmt.Sprintf("%q is nobody a case is exported for", to)}}
	}
	recipient := disclosure.RecipientOf(by)
	if to != disclosure.Staff {
		if !identity.Allowed(by, "incident.rule") {
			return out, fault.New(fault.Forbidden, "this asks for the permission incident.rule, which you do not have")
		}
		recipient = disclosure.Recipient{Kind: to, Subject: string(to) + ":export", Name: string(to)}
	}
	c, err := d.Case(ctx, id)
	if err != nil {
		return out, err
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return out, err
	}
	parts, err := d.pieces(ctx, &c)
	if err != nil {
		return out, err
	}
	in := head(&c, profile)
	out.Number = c.Number
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "case.export", Object: string(c.Ref())}, func(tx *db.Tx) error {
		if _, kept, err := disclosure.Clear(ctx, tx, d.Gate, recipient, disclosure.Export, []*incident.Case{&c}, func(*incident.Case) struct{} { return struct{}{} }); err != nil {
			return err
		} else if len(kept) > 0 {
			return fault.New(fault.Forbidden, "the case %s may not leave to %s: %s", c.Number, to, kept[0].Reason)
		}
		cleared, kept, err := disclosure.Clear(ctx, tx, d.Gate, recipient, disclosure.Export, parts, func(p piece) piece { return p })
		if err != nil {
			return err
		}
		may, _, err := cleared.Open()
		if err != nil {
			return err
		}
		one := in
		for _, p := range may {
			p.apply(&one)
		}
		out.Withheld = nil
		for _, k := range kept {
			out.Withheld = append(out.Withheld, fmt.Sprintf("%s: %s", k.Item, k.Reason))
		}
		tx.Note("", detail(map[string]any{"for": to, "parts": len(may), "withheld": len(kept)}))
		out.Bundle, err = stix.Bundle(one)
		return err
	})
	return out, err
}

// head is the incident without its parts. The same case of the same nation has the same identifiers in every bundle.
func head(c *incident.Case, profile *nation.Profile) stix.Incident {
	in := stix.Incident{Namespace: "urn:tocsin:" + strings.ToLower(profile.Code), Key: "case:" + c.Number, Name: c.Title, Description: c.Summary,
		Created: time.UnixMicro(c.Opened), Modified: time.UnixMicro(max(c.Opened, c.Changed)), Marking: c.Marking().Effective(),
		Producer:   stix.Organisation{Key: "team", Name: profile.Team.Name, Created: time.UnixMicro(c.Opened), Marking: tlp.Clear},
		References: []stix.Reference{{Source: profile.Team.Name, ID: c.Number}}}
	if len(profile.Team.Mails) > 0 {
		in.Producer.Contact = profile.Team.Mails[0]
	}
	if c.Type != "" {
		in.Labels = append(in.Labels, "rsit:"+c.Class, "rsit:"+c.Type)
	}
	if c.CrossBorder {
		in.Labels = append(in.Labels, "cross-border")
	}
	return in
}

// pieces are the parts of a case that can leave one by one.
func (d *Desk) pieces(ctx context.Context, c *incident.Case) (out []piece, err error) {
	indicators, err := d.Indicators(ctx, c.ID, incident.Confirmed)
	if err != nil {
		return nil, err
	}
	all, err := d.List(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	mark := c.Marking()
	for n, i := range indicators {
		s := stix.Indicator{Type: i.Type, Value: i.Value, From: time.UnixMicro(i.At), Marking: mark.Effective()}
		out = append(out, piece{disclosure.Ref(fmt.Sprintf("case:%d:indicator:%d", c.ID, n+1)), mark, func(in *stix.Incident) { in.Indicators = append(in.Indicators, s) }})
	}
	for _, a := range all {
		if a.Kind != Entity {
			continue
		}
		// That somebody is affected is theirs, whatever may be known of the case.
		own := disclosure.Marking{Label: max(tlp.Amber, mark.Effective()), PAP: c.PAP}
		o := stix.Organisation{Key: fmt.Sprintf("affected:%d", a.ID), Name: a.Name, Created: time.UnixMicro(a.At), Marking: own.Label}
		if a.Constituent != 0 {
			own.Owners = []int64{a.Constituent}
			o.Key = fmt.Sprintf("constituent:%d", a.Constituent)
			if l, ok := dir.ByID(a.Constituent); ok {
				o.Sectors = sectorOf(l)
			}
		}
		out = append(out, piece{disclosure.Ref(fmt.Sprintf("case:%d:affected:%d", c.ID, a.ID)), own, func(in *stix.Incident) { in.Affected = append(in.Affected, o) }})
	}
	return out, nil
}

// sectorOf is a constituent's sector in the words of STIX (industry-sector-ov), where both mean the same.
func sectorOf(l constituency.Listed) []string {
	to := map[string]string{"energy": "energy", "transport": "transportation", "finance": "financial-services", "banking": "financial-services", "health": "healthcare",
		"water": "water", "telecom": "telecommunications", "communications": "telecommunications", "government": "government", "education": "education"}
	if s := to[l.Sector]; s != "" {
		return []string{s}
	}
	return nil
}
