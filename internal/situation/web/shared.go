package web

import (
	"context"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
)

// Shared is the permission of those outside to see what of the national picture leaves.
const Shared act.Permission = "shared.read"

type sharedPage struct {
	Day        event.Day
	Least      int64
	Severities []event.Severity // the columns, the gravest first
	Sectors    []sharedRow
	Sum        []string
}

type sharedRow struct {
	Name  string
	Cells []string // by column, then the sum
}

func (r *room) shared(ctx context.Context, v web.Visitor, _ struct{}) (none egress.Cleared[*sharedPage], err error) {
	c, err := r.sharer.Shared(ctx, v.Actor, disclosure.Portal)
	if err != nil {
		return none, err
	}
	s, grant, err := c.Open()
	if err != nil {
		return none, err
	}
	p := &sharedPage{Day: s.Day, Least: s.Least}
	for i := len(s.Open.By) - 1; i >= 0; i-- {
		p.Severities = append(p.Severities, event.Severity(i))
	}
	for _, sec := range s.Sectors {
		name := v.T("shared.others")
		if sec.ID != "" {
			name = r.names(sec.ID, v.Lang())
		}
		p.Sectors = append(p.Sectors, sharedRow{name, sharedCells(v, sec.Open)})
	}
	p.Sum = sharedCells(v, s.Open)
	return disclosure.Whole(p, grant)
}

func sharedCells(v web.Visitor, l situation.SharedLine) (out []string) {
	for i := len(l.By) - 1; i >= 0; i-- {
		out = append(out, sharedCell(v, l.By[i]))
	}
	return append(out, sharedCell(v, l.Total))
}

func sharedCell(v web.Visitor, c situation.SharedCount) string {
	if c.Hidden {
		return v.T("shared.hidden")
	}
	return strconv.FormatInt(c.N, 10)
}
