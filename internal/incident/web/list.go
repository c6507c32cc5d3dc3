package web

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/rsit"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type casesIn struct {
	incident.CaseText
	Sort  string `query:"sort" max:"20"`
	Look  string `query:"look" max:"10"`
	After string `query:"after" max:"500"`
}

// cases is the list of cases, or their board with a column for each state.
type cases struct {
	Filter  incident.CaseText
	Look    string
	Sort    string
	Tabs    []tab
	Looks   []tab
	Columns []web.Column
	Rows    []caseLine
	Board   []column
	Pager   web.Pager
	Empty   web.Empty
	Export  string
	Wrong   []string

	Severities, Classes, Sectors, People []web.Option
}

// Savable says that the list can be saved.
func (p *cases) Savable() bool { return len(p.Wrong) == 0 }

// caseLine is a case in a list.
type caseLine struct {
	incident.Case
	About []named // the constituents, the first three
	More  int     // others
	Age   string
	Label string
}

// column is a state with its gravest cases.
type column struct {
	State string
	Count int64
	Rows  []caseLine
	Href  string
}

const inColumn = 25

func (r *room) cases(ctx context.Context, v web.Visitor, in casesIn) (*cases, error) {
	p := &cases{Filter: in.CaseText, Look: in.Look, Sort: in.Sort}
	if err := r.choices(ctx, v, p); err != nil {
		return nil, err
	}
	f, err := r.desk.Filter(ctx, v.Actor, in.CaseText)
	if fault.KindOf(err) == fault.Invalid && err != nil {
		p.Wrong = wrongs(err)
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	counts, err := r.desk.CaseCounts(ctx, f)
	if err != nil {
		return nil, err
	}
	p.tabs(v, in, counts)
	p.Export = "/cases/export/csv" + v.With("after", "", "look", "")[len(v.URL.Path):]
	p.Empty = web.Empty{Title: v.T("cases.none"), Text: v.T("cases.none-text"), Href: "/reports", Link: v.T("title.reports")}
	if in.Look == "board" {
		return p, r.columns(ctx, v, p, f, counts)
	}
	after, err := place(in.After)
	if err != nil {
		return nil, err
	}
	rows, next, err := r.desk.CaseList(ctx, f, incident.CaseSort(in.Sort), after, onBoard)
	if err != nil {
		return nil, err
	}
	if p.Rows, err = r.caseLines(ctx, v, rows); err != nil {
		return nil, err
	}
	to, err := cursor(next)
	p.Pager = web.NewPager(v, to, len(rows))
	p.Columns = web.Sorted(v, cmp.Or(in.Sort, string(incident.BySeverity)), web.Column{Key: "col.severity", Sort: "severity"}, web.Column{Key: "col.case"},
		web.Column{Key: "col.about"}, web.Column{Key: "col.class"}, web.Column{Key: "col.tlp"}, web.Column{Key: "col.state"}, web.Column{Key: "col.lead"},
		web.Column{Key: "col.opened", Sort: "opened"}, web.Column{Key: "col.changed", Sort: "changed"})
	return p, err
}

// columns fills the board: of each state the gravest cases.
func (r *room) columns(ctx context.Context, v web.Visitor, p *cases, f incident.CaseFilter, counts map[incident.CaseState]int64) error {
	for _, s := range incident.CaseStates() {
		if s == incident.Closed || s == incident.Joined {
			continue
		}
		f.States = []incident.CaseState{s}
		c := column{State: string(s), Count: counts[s], Href: v.With("state", string(s), "look", "", "after", "")}
		if c.Count > 0 {
			rows, _, err := r.desk.CaseList(ctx, f, incident.BySeverity, incident.Place{}, inColumn)
			if err != nil {
				return err
			}
			if c.Rows, err = r.caseLines(ctx, v, rows); err != nil {
				return err
			}
		}
		p.Board = append(p.Board, c)
	}
	return nil
}

func (p *cases) tabs(v web.Visitor, in casesIn, counts map[incident.CaseState]int64) {
	var working, all int64
	for s, n := range counts {
		if all += n; s != incident.Closed && s != incident.Joined {
			working += n
		}
	}
	p.Tabs = []tab{{v.T("cases.current"), v.With("state", "", "after", ""), working, true, in.State == ""}}
	for _, s := range incident.CaseStates() {
		p.Tabs = append(p.Tabs, tab{v.T("case-state." + string(s)), v.With("state", string(s), "after", "", "look", ""), counts[s], true, in.State == string(s)})
	}
	p.Tabs = append(p.Tabs, tab{v.T("board.all"), v.With("state", "all", "after", "", "look", ""), all, true, in.State == "all"})
	p.Looks = []tab{{Label: v.T("look.list"), Href: v.With("look", "", "after", ""), Current: in.Look != "board"},
		{Label: v.T("look.board"), Href: v.With("look", "board", "after", "", "state", ""), Current: in.Look == "board"}}
}

func (r *room) choices(ctx context.Context, v web.Visitor, p *cases) error {
	any := web.Option{Label: v.T("any")}
	p.Severities, p.Classes, p.Sectors = []web.Option{any}, []web.Option{any}, []web.Option{any}
	for s := event.Critical; s > event.Unrated; s-- {
		p.Severities = append(p.Severities, web.Option{Value: s.String(), Label: v.T("at-least", v.T("severity."+strconv.Itoa(int(s))))})
	}
	for _, c := range rsit.Classes() {
		p.Classes = append(p.Classes, web.Option{Value: c.Name, Label: c.Name})
	}
	profile, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return err
	}
	for _, s := range profile.Sectors {
		p.Sectors = append(p.Sectors, web.Option{Value: s.ID, Label: r.sectorName(v, s.ID)})
	}
	people, err := r.staff(ctx, v)
	p.People = append([]web.Option{any}, people...)
	return err
}

// staff are those who may lead a case or do a task.
func (r *room) staff(ctx context.Context, v web.Visitor) ([]web.Option, error) {
	var out []web.Option
	self := int64(0)
	if v.Actor.Rights != nil && v.Actor.Rights.Account > 0 {
		self = v.Actor.Rights.Account
		out = append(out, web.Option{Value: "me", Label: v.T("person.me")})
	}
	out = append(out, web.Option{Value: "nobody", Label: v.T("person.nobody")})
	known, err := r.desk.Findings.Assignees(ctx)
	for _, a := range known {
		if a.ID != self {
			out = append(out, web.Option{Value: strconv.FormatInt(a.ID, 10), Label: a.Name})
		}
	}
	return out, err
}

func (r *room) caseLines(ctx context.Context, v web.Visitor, rows []incident.Case) (out []caseLine, err error) {
	dir, err := r.people(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range rows {
		l := caseLine{Case: c, Age: v.Ago(time.UnixMicro(c.Changed), v.Now), Label: c.Label.String()}
		seen := map[int64]bool{}
		for _, p := range c.Parties {
			if seen[p.Constituent] {
				continue
			}
			if seen[p.Constituent] = true; len(l.About) < 3 {
				l.About = append(l.About, r.named(v, dir, p.Constituent))
			} else {
				l.More++
			}
		}
		out = append(out, l)
	}
	return out, nil
}

func (r *room) exportCases(ctx context.Context, v web.Visitor, in casesIn) (web.File, error) {
	f, err := r.desk.Filter(ctx, v.Actor, in.CaseText)
	return web.File{Name: "cases-" + v.Now.UTC().Format("2006-01-02") + ".csv", Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error {
		return r.desk.ExportCases(ctx, w, f)
	}}, err
}

// label reads a TLP label of a form; "" leaves it.
func label(text string, to *tlp.Label) error {
	if text == "" {
		return nil
	}
	l, err := tlp.Parse(text)
	if err != nil {
		return fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	*to = l
	return nil
}

func labels(v web.Visitor) []web.Option {
	out := []web.Option{{Label: v.T("tlp.as-said")}}
	for _, l := range tlp.Labels() {
		out = append(out, web.Option{Value: l.String(), Label: l.String()})
	}
	return out
}

func paps(v web.Visitor) []web.Option {
	out := []web.Option{{Label: v.T("pap.none")}}
	for p := disclosure.PAPClear; p <= disclosure.PAPRed; p++ {
		out = append(out, web.Option{Value: p.String(), Label: p.String()})
	}
	return out
}

// scale are the steps of one side of the nation's matrix.
func scale(v web.Visitor, names []nation.Named, fallback ...string) []web.Option {
	if len(names) == 0 {
		return nil
	}
	out := []web.Option{{Label: v.T("scale.none")}}
	for _, n := range names {
		out = append(out, web.Option{Value: n.ID, Label: cmp.Or(n.Names.In(v.Lang(), fallback...), n.ID)})
	}
	return out
}
