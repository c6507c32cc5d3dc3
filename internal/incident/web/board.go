package web

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/web"
)

type boardIn struct {
	State       string `query:"state" max:"20"`
	Constituent string `query:"constituent" max:"100"`
	Origin      string `query:"origin" max:"20"`
	After       string `query:"after" max:"500"`
}

// board is the triage board: what waits, the first first; with a state, all that are in it, the latest first.
type board struct {
	State       string
	Constituent string
	Origin      string
	Tabs        []tab
	Rows        []line
	Unconfirmed []line
	Pager       web.Pager
	Empty       web.Empty
	Origins     []web.Option
	Verbs       []web.Option
}

// Savable says that the list can be saved.
func (*board) Savable() bool { return true }

// tab is one of the ways to look at a list.
type tab struct {
	Label   string
	Href    string
	Count   int64
	Counted bool
	Current bool
}

// Over tells that there are more than were counted.
func (t tab) Over() bool { return t.Count == incident.MostCounted+1 }

// Shown is the count as far as it was counted.
func (t tab) Shown() int64 {
	if t.Over() {
		return incident.MostCounted
	}
	return t.Count
}

// line is a report on the board.
type line struct {
	incident.Line
	By     named
	Age    string
	Wait   string // how it stands with its age: "bad" when it waits too long
	Label  string
	Decide bool
	Verbs  []web.Option
}

const (
	onBoard  = 50
	longWait = 4 * time.Hour // a report that nobody looked at
)

func (r *room) board(ctx context.Context, v web.Visitor, in boardIn) (*board, error) {
	p := &board{State: in.State, Constituent: in.Constituent, Origin: in.Origin, Verbs: verbs(v)}
	f := incident.ReportFilter{State: incident.ReportState(in.State), Origin: incident.Origin(in.Origin)}
	if in.State == "" {
		f.State, f.Oldest = incident.Received, true
	} else if in.State == "all" {
		f.State = ""
	}
	if in.Constituent != "" {
		var err error
		if f.Constituent, err = r.desk.ConstituentOf(ctx, "constituent", in.Constituent); err != nil {
			return nil, err
		}
	}
	p.Origins = []web.Option{{Label: v.T("any")}}
	for _, o := range origins() {
		p.Origins = append(p.Origins, web.Option{Value: string(o), Label: v.T("origin." + string(o))})
	}
	counts, err := r.desk.ReportCounts(ctx)
	if err != nil {
		return nil, err
	}
	var all int64
	for _, n := range counts {
		all += n
	}
	if slices.Contains(slices.Collect(maps.Values(counts)), incident.MostCounted+1) {
		all = incident.MostCounted + 1
	}
	p.Tabs = []tab{{v.T("board.waiting"), v.With("state", "", "after", ""), counts[incident.Received], true, in.State == ""}}
	for _, s := range incident.ReportStates()[1:] {
		if s != incident.Received {
			p.Tabs = append(p.Tabs, tab{v.T("report-state." + string(s)), v.With("state", string(s), "after", ""), counts[s], true, in.State == string(s)})
		}
	}
	p.Tabs = append(p.Tabs, tab{v.T("board.all"), v.With("state", "all", "after", ""), all, true, in.State == "all"})
	after, err := place(in.After)
	if err != nil {
		return nil, err
	}
	rows, next, err := r.desk.ReportList(ctx, f, after, onBoard)
	if err != nil {
		return nil, err
	}
	if p.Rows, err = r.lines(ctx, v, rows); err != nil {
		return nil, err
	}
	to, err := cursor(next)
	p.Pager = web.NewPager(v, to, len(rows))
	if err != nil {
		return nil, err
	}
	if in.State == "" && in.After == "" && counts[incident.Unconfirmed] > 0 {
		f.State = incident.Unconfirmed
		rows, _, err := r.desk.ReportList(ctx, f, incident.Place{}, 20)
		if err != nil {
			return nil, err
		}
		if p.Unconfirmed, err = r.lines(ctx, v, rows); err != nil {
			return nil, err
		}
	}
	p.Empty = web.Empty{Title: v.T("board.none"), Text: v.T("board.none-text"), Href: "/cases", Link: v.T("title.cases")}
	return p, nil
}

func origins() []incident.Origin {
	return []incident.Origin{incident.FromPortal, incident.FromPublic, incident.FromREST, incident.FromMail, incident.FromStaff, incident.FromPartner}
}

func (r *room) lines(ctx context.Context, v web.Visitor, rows []incident.Line) (out []line, err error) {
	dir, err := r.people(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range rows {
		x := line{Line: l, By: r.named(v, dir, l.Constituent), Age: v.Ago(time.UnixMicro(l.Received), v.Now), Label: labelOf(&l.Report),
			Decide: v.May(Write) && (l.State == incident.Received || l.State == incident.Unconfirmed), Verbs: verbs(v)}
		if l.State == incident.Received && v.Now.Sub(time.UnixMicro(l.Received)) > longWait {
			x.Wait = "bad"
		}
		out = append(out, x)
	}
	return out, nil
}

func labelOf(r *incident.Report) string {
	return cmp.Or(r.Marking().Effective(), tlp.Amber).String()
}

// The decisions of triage as forms name them.
const (
	accept = "accept"
	merge  = "merge"
	repeat = "duplicate"
	reject = "reject"
)

func verbs(v web.Visitor) []web.Option {
	var out []web.Option
	for _, s := range []string{accept, merge, repeat, reject} {
		out = append(out, web.Option{Value: s, Label: v.T("decide." + s)})
	}
	return out
}

// place reads where a list goes on.
func place(after string) (p incident.Place, err error) {
	if after != "" {
		err = api.ReadCursor(after, &p)
	}
	return p, err
}

func cursor(next *incident.Place) (string, error) {
	if next == nil {
		return "", nil
	}
	return api.Cursor(next)
}
