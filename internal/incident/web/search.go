package web

import (
	"context"

	"tocsin/internal/incident"
	"tocsin/internal/platform/web"
)

// found is what a search found.
type found struct {
	Query   string
	Reports []line
	Cases   []caseLine
	Capped  bool
	Empty   web.Empty
	to      string
}

// Elsewhere is the page of what was asked for by its number.
func (p *found) Elsewhere() string { return p.to }

func (r *room) search(ctx context.Context, v web.Visitor, in struct {
	Query string `query:"q" max:"500"`
}) (*found, error) {
	p := &found{Query: in.Query, Empty: web.Empty{Title: v.T("find.none"), Text: v.T("find.none-text"), Href: "/cases", Link: v.T("title.cases")}}
	f, err := r.desk.Search(ctx, in.Query)
	if err != nil {
		return nil, err
	}
	if n := incident.Number(in.Query); len(f.Reports)+len(f.Cases) == 1 && n != "" {
		if len(f.Cases) == 1 && f.Cases[0].Number == n {
			p.to = caseOf(f.Cases[0].ID)
		} else if len(f.Reports) == 1 && f.Reports[0].Number == n {
			p.to = reportOf(f.Reports[0].ID)
		}
	}
	p.Capped = f.Capped
	if p.Reports, err = r.lines(ctx, v, f.Reports); err != nil {
		return nil, err
	}
	p.Cases, err = r.caseLines(ctx, v, f.Cases)
	return p, err
}
