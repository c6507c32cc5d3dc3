package web

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/web"
)

type ownIn struct {
	State string `query:"state" max:"16"`
	After string `query:"after" max:"60"`
}

const ownShown = 100

type ownPage struct {
	Rows   []row
	Pager  web.Pager
	Filter ownIn
	States []web.Option
	Empty  web.Empty
	Report int64 // of one report
	Files  bool  // the visitor may take it as a file
}

// RefreshAfter keeps the countdown going without JavaScript.
func (*ownPage) RefreshAfter() time.Duration { return time.Minute }

// Owner tells whether the rows are of several constituents.
func (p *ownPage) Owner() bool {
	for _, x := range p.Rows {
		if x.Entity != p.Rows[0].Entity {
			return true
		}
	}
	return false
}

func (r *room) mine(ctx context.Context, v web.Visitor, in ownIn, report int64) (none egress.Cleared[*ownPage], err error) {
	f := deadline.Filter{State: deadline.State(in.State), Limit: ownShown + 1}
	f.AfterDue, f.AfterID = place(in.After)
	c, err := r.desk.Mine(ctx, v.Actor, disclosure.Portal, f, report)
	if err != nil {
		return none, err
	}
	all, g, err := c.Open()
	if err != nil {
		return none, err
	}
	p := &ownPage{Filter: in, Report: report, Files: v.May(download), States: []web.Option{{Label: v.T("state.live")}}, Empty: web.Empty{Title: v.T("own.none"), Text: v.T("own.none-text")}}
	for _, s := range deadline.States() {
		if s != deadline.Ended {
			p.States = append(p.States, web.Option{Value: string(s), Label: v.T("clock.state." + string(s))})
		}
	}
	next := ""
	if report == 0 && len(all) > ownShown {
		all = all[:ownShown]
		next = cursorAt(all[ownShown-1].Due, all[ownShown-1].ID)
	}
	p.Pager = web.NewPager(v, next, len(all))
	for i := range all {
		x := line(v, all[i].Line())
		if x.About = all[i].ReportNumber; all[i].Report != 0 {
			x.AboutHref = fmt.Sprintf("/portal/reports/%d/clocks", all[i].Report)
		}
		p.Rows = append(p.Rows, x)
	}
	return disclosure.Whole(p, g)
}

func (r *room) own(ctx context.Context, v web.Visitor, in ownIn) (egress.Cleared[*ownPage], error) {
	return r.mine(ctx, v, in, 0)
}

func (r *room) ownReport(ctx context.Context, v web.Visitor, in Numbered) (egress.Cleared[*ownPage], error) {
	return r.mine(ctx, v, ownIn{}, in.ID)
}

func (r *room) ownExport(ctx context.Context, v web.Visitor, in struct {
	ownIn
	Format string `path:"format"`
}) (none egress.Cleared[web.File], err error) {
	c, err := r.desk.Mine(ctx, v.Actor, disclosure.Export, deadline.Filter{State: deadline.State(in.State), Limit: 1000}, 0)
	if err != nil {
		return none, err
	}
	all, g, err := c.Open()
	if err != nil {
		return none, err
	}
	var lines []deadline.Line
	for i := range all {
		lines = append(lines, all[i].Line())
	}
	f, err := file(v, in.Format, lines)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(f, g)
}
