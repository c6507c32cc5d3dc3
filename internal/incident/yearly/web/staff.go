package web

import (
	"context"
	"fmt"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
)

// sums is a summary as it is drawn. A number that is not shown is "".
type sums struct {
	yearly.Summary
	Levels []string
	Lines  []line // the sums last
	Fields []field
}

type line struct {
	Label string
	Cells []string
	Sum   string
}

type field struct {
	yearly.SectorRow
	Label string
	Sum   string
}

func number(v web.Visitor, n *int64) string {
	if n == nil {
		return ""
	}
	return v.Number(*n)
}

func sumsOf(v web.Visitor, p *nation.Profile, s yearly.Summary) sums {
	out, last := sums{Summary: s}, line{Label: v.T("col.sum"), Sum: number(v, s.Incidents)}
	for _, l := range s.Levels {
		out.Levels = append(out.Levels, p.SeverityName(l.Severity, v.Lang()))
		last.Cells = append(last.Cells, number(v, l.Incidents))
	}
	for _, c := range s.Classes {
		l := line{Label: v.T("class." + c.Class), Sum: number(v, c.Incidents)}
		for _, n := range c.Counts {
			l.Cells = append(l.Cells, number(v, n))
		}
		out.Lines = append(out.Lines, l)
	}
	out.Lines = append(out.Lines, last)
	for _, x := range s.Sectors {
		label := p.SectorName(x.Sector, v.Lang())
		switch x.Sector {
		case "":
			label = v.T("sector.none")
		case yearly.OtherSectors:
			label = v.T("sector.other")
		}
		out.Fields = append(out.Fields, field{x, label, number(v, x.Incidents)})
	}
	return out
}

const shown = 200 // constituents on a page

type standOut struct {
	sums
	All   []yearly.Standing
	Pager web.Pager
	Years []web.Option
	May   bool
}

func (r *room) stand(ctx context.Context, v web.Visitor, in struct {
	Year  int `query:"year" min:"0"`
	After int `query:"after" min:"0"`
}) (*standOut, error) {
	s, err := r.desk.Stand(ctx, in.Year)
	if err != nil {
		return nil, err
	}
	out := &standOut{sums: sumsOf(v, s.Profile, s.Summary), May: v.May(write)}
	rest := s.All[min(in.After, len(s.All)):]
	next := ""
	if len(rest) > shown {
		rest, next = rest[:shown], fmt.Sprint(in.After+shown)
	}
	out.All, out.Pager = rest, web.NewPager(v, next, len(rest))
	for i := range 10 {
		year := fmt.Sprint(yearly.Latest(s.Profile, v.Now) - i)
		out.Years = append(out.Years, web.Option{Value: year, Label: year})
	}
	return out, nil
}

type returnOut struct{ *form }

// PageTitle is whose return it is.
func (o *returnOut) PageTitle() string { return fmt.Sprintf("%s, %d", o.Name, o.Year) }

func (r *room) one(ctx context.Context, v web.Visitor, in Placed) (*returnOut, error) {
	one, err := r.desk.One(ctx, v.Actor, in.Year, in.Constituent)
	if err != nil {
		return nil, err
	}
	p, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	return &returnOut{formOf(v, p, one, fmt.Sprintf(staffForm, in.Year, in.Constituent), v.May(write))}, nil
}

func (r *room) export(ctx context.Context, _ web.Visitor, in struct {
	Year int `path:"year" min:"1"`
}) (web.File, error) {
	rs, err := r.desk.Returns(ctx, in.Year)
	return csvFile(fmt.Sprintf("incidents-%d.csv", in.Year), rs), err
}

type ownOut struct {
	All []yearly.Own
	May bool
}

func (r *room) own(ctx context.Context, v web.Visitor, _ struct{}) (egress.Cleared[*ownOut], error) {
	c, err := r.desk.Mine(ctx, v.Actor, disclosure.Portal)
	return dress(c, err, func(all []yearly.Own) *ownOut { return &ownOut{all, v.May(fill)} })
}

type ownReturnOut struct {
	*form
	Own yearly.Own
}

// PageTitle is whose return it is.
func (o *ownReturnOut) PageTitle() string { return fmt.Sprintf("%s, %d", o.Name, o.Year) }

func (r *room) form(ctx context.Context, v web.Visitor, in Placed) (egress.Cleared[*ownReturnOut], error) {
	c, err := r.desk.Blank(ctx, v.Actor, disclosure.Portal, in.Year, in.Constituent)
	return dress(c, err, func(f *yearly.Form) *ownReturnOut {
		return &ownReturnOut{formOf(v, f.Profile, f.Return, fmt.Sprintf(portalForm, in.Year, in.Constituent), v.May(fill)), f.Own}
	})
}

func (r *room) file(ctx context.Context, v web.Visitor, in Placed) (egress.Cleared[web.File], error) {
	c, err := r.desk.Blank(ctx, v.Actor, disclosure.Export, in.Year, in.Constituent)
	return dress(c, err, func(f *yearly.Form) web.File {
		return csvFile(fmt.Sprintf("incidents-%s-%d.csv", f.Ref, in.Year), []yearly.Return{f.Return})
	})
}

func (r *room) summary(ctx context.Context, v web.Visitor, in struct {
	Year int `path:"year" min:"1"`
}) (none egress.Cleared[*sums], err error) {
	p, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return none, err
	}
	c, err := r.desk.Shared(ctx, v.Actor, disclosure.Portal, in.Year)
	return dress(c, err, func(s *yearly.Summary) *sums {
		out := sumsOf(v, p, *s)
		return &out
	})
}
