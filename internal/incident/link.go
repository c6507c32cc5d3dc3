package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// KindLink is an entry about a link.
const KindLink = "link"

// Link leads from a case to something that belongs to it: "finding:<id>" or "case:<id>".
type Link struct {
	Case   int64
	Object string
	Title  string
	At     int64
	By     string
}

const maxLinks = 500 // of a case

// Connect links a case to a finding ("finding" and its id) or another case ("case" and its id or number).
func (d *Desk) Connect(ctx context.Context, by act.Actor, id int64, kind, what string) (l Link, err error) {
	l = Link{Case: id, At: d.now(), By: by.Name}
	switch what = strings.TrimSpace(what); kind {
	case "finding":
		f, err := d.Findings.ByID(ctx, strings.TrimPrefix(what, "/findings/"))
		if err != nil {
			return l, named("object", err)
		}
		l.Object, l.Title = "finding:"+f.ID.String(), strings.TrimSpace(strings.Trim(f.Name+" "+f.Address.String(), " ")+" "+f.Type)
	case "case":
		c, err := d.Resolve(ctx, what)
		if err != nil {
			return l, named("object", err)
		}
		if c.ID == id {
			return l, fault.Problems{{Field: "object", Message: "a case is not linked to itself"}}
		}
		l.Object, l.Title = string(c.Ref()), c.Number+" "+c.Title
	default:
		return l, fault.Problems{{Field: "kind", Message: fmt.Sprintf("%q is neither finding nor case", kind)}}
	}
	return l, d.tasks(ctx, by, "case.link", id, func(tx *db.Tx) error {
		all, err := linksOf(tx, id, "")
		if err != nil {
			return err
		}
		if len(all) >= maxLinks {
			return fault.Conflictf("the case has %d links already", len(all))
		}
		if n, err := insertLink(tx, &l); err != nil || n == 0 {
			return err
		}
		return d.onLink(tx, by, &l, false)
	})
}

// named makes what somebody names and what is not there a fault of its field.
func named(field string, err error) error {
	if fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Invalid {
		return fault.Problems{{Field: field, Message: err.Error()}}
	}
	return err
}

// Disconnect removes a link of a case.
func (d *Desk) Disconnect(ctx context.Context, by act.Actor, id int64, object string) error {
	return d.tasks(ctx, by, "case.unlink", id, func(tx *db.Tx) error {
		n, err := deleteLink(tx, id, object)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.NotFoundf("the case has no link to %s", object)
		}
		return d.onLink(tx, by, &Link{Case: id, Object: object, Title: object}, true)
	})
}

func (d *Desk) onLink(tx *db.Tx, by act.Actor, l *Link, out bool) error {
	said := detail(map[string]any{"object": l.Object, "title": l.Title, "out": out})
	tx.Note("", said)
	return d.enter(tx, by, &Entry{Case: l.Case, Kind: KindLink, Detail: said})
}

// LinkedFindings are the findings that a case is linked to, at most 500.
func (d *Desk) LinkedFindings(ctx context.Context, id int64) (out []event.ID, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out = nil
		links, err := linksOf(tx, id, "")
		for _, l := range links {
			if what, ok := strings.CutPrefix(l.Object, "finding:"); ok {
				f, err := event.ParseID(what)
				if err != nil {
					return err
				}
				out = append(out, f)
			}
		}
		return err
	})
	return out, err
}

// Relation is another case that may belong to this one, and why.
type Relation struct {
	Case   Case
	Shared int64 // indicators
	Same   bool  // a constituent
}

// Related is what may belong to a case.
type Related struct {
	Links   []Link
	Cases   []Relation
	Reports []Line // in which an indicator of the case stands
}

const (
	mostRelated = 25 // in each list of Related
	mostValues  = 40 // of indicators that are looked for in other cases and reports
)

// Related lists the links of a case and, as a suggestion, what shares its indicators or constituents.
func (d *Desk) Related(ctx context.Context, id int64) (r Related, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		c, err := caseByID(tx, id)
		if err != nil {
			return err
		}
		if r.Links, err = linksOf(tx, id, string(c.Ref())); err != nil {
			return err
		}
		values, err := valuesOf(tx, id, mostValues)
		if err != nil {
			return err
		}
		sharing, shared, err := casesSharing(tx, id, values, mostRelated)
		if err != nil {
			return err
		}
		same, err := casesOfParties(tx, id, mostRelated)
		if err != nil {
			return err
		}
		all := slices.Clone(sharing)
		for _, other := range same {
			if !slices.Contains(all, other) {
				all = append(all, other)
			}
		}
		if len(all) > 0 {
			cases, err := casesByID(tx, all)
			if err != nil {
				return err
			}
			for _, other := range all {
				if i := slices.IndexFunc(cases, func(c Case) bool { return c.ID == other }); i >= 0 {
					r.Cases = append(r.Cases, Relation{cases[i], shared[other], slices.Contains(same, other)})
				}
			}
		}
		r.Reports, err = reportsNaming(tx, id, values)
		return err
	})
	return r, err
}

// reportsNaming are the latest reports outside the case in which one of the values stands.
func reportsNaming(tx *db.Tx, id int64, values []string) ([]Line, error) {
	var asked []string
	for _, v := range values {
		if ws := words(v); len(ws) > 0 {
			asked = append(asked, ws[0])
		}
	}
	found, err := latestWith(tx, wordOfReport, asked, mostRelated)
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	found = slices.Compact(found)
	slices.Reverse(found)
	if len(found) == 0 {
		return nil, nil
	}
	lines, err := reportsByID(tx, found[:min(len(found), 200)])
	lines = slices.DeleteFunc(lines, func(l Line) bool { return l.Case == id })
	return lines[:min(len(lines), mostRelated)], err
}
