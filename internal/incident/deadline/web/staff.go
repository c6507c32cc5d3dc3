package web

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"tocsin/internal/incident/deadline"
	"tocsin/internal/nation"
	"tocsin/internal/platform/web"
)

type listIn struct {
	State  string `query:"state" max:"16"`
	Regime string `query:"regime" max:"40"`
	Sector string `query:"sector" max:"60"`
	Owed   string `query:"owed" max:"10"`
	After  string `query:"after" max:"60"`
}

func (in listIn) filter() deadline.Filter {
	f := deadline.Filter{State: deadline.State(in.State), Regime: in.Regime, Sector: in.Sector, Owed: in.Owed}
	f.AfterDue, f.AfterID = place(in.After)
	return f
}

func (in listIn) query() string {
	q := url.Values{}
	for k, s := range map[string]string{"state": in.State, "regime": in.Regime, "sector": in.Sector, "owed": in.Owed, "after": in.After} {
		if s != "" {
			q.Set(k, s)
		}
	}
	return q.Encode()
}

// livePart is what is looked at again and again.
type livePart struct {
	Tally  []web.Tile
	Alarms []alarm
	Rows   []row
	Pager  web.Pager
	Empty  web.Empty
	Poll   string
	May    bool // note alarms as seen
}

// alarm is one that nobody has seen.
type alarm struct {
	ID      int64
	Kind    string
	At      int64
	Letters int
	Row     row
}

type listPage struct {
	livePart
	Filter                          listIn
	States, Regimes, Sectors, Owing []web.Option
	CSV, ICS                        string
}

// Savable says that the list can be saved.
func (*listPage) Savable() bool { return true }

// RefreshAfter keeps the countdown going without JavaScript.
func (*listPage) RefreshAfter() time.Duration { return time.Minute }

func (r *room) list(ctx context.Context, v web.Visitor, in listIn) (*listPage, error) {
	p := &listPage{Filter: in, States: []web.Option{{Label: v.T("state.live")}}, Regimes: []web.Option{{Label: v.T("any")}}, Sectors: []web.Option{{Label: v.T("any")}}, Owing: []web.Option{{Label: v.T("any")}}}
	for _, s := range deadline.States() {
		p.States = append(p.States, web.Option{Value: string(s), Label: v.T("clock.state." + string(s))})
	}
	for _, o := range []string{nation.ByEntity, nation.ByCERT} {
		p.Owing = append(p.Owing, web.Option{Value: o, Label: v.T("owed." + o)})
	}
	regimes, err := r.desk.Regimes(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range regimes {
		p.Regimes = append(p.Regimes, web.Option{Value: id, Label: id})
	}
	sectors, err := r.desk.Sectors(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range sectors {
		p.Sectors = append(p.Sectors, web.Option{Value: id, Label: r.name(id, v.Lang())})
	}
	q := in
	q.After = ""
	p.CSV, p.ICS = "/clocks/export/csv?"+q.query(), "/clocks/export/ics?"+q.query()
	live, err := r.live(ctx, v, in)
	if err != nil {
		return nil, err
	}
	p.livePart = *live
	return p, nil
}

func (r *room) live(ctx context.Context, v web.Visitor, in listIn) (*livePart, error) {
	p := &livePart{Poll: "/clocks/live?" + in.query(), May: v.May(write), Empty: web.Empty{Title: v.T("clocks.none"), Text: v.T("clocks.none-text")}}
	ls, more, err := r.desk.List(ctx, in.filter())
	if err != nil {
		return nil, err
	}
	p.Rows = r.rows(v, ls)
	p.Pager = web.NewPager(v, cursor(more, ls), len(ls))
	if in.After != "" {
		q := in
		q.After = ""
		p.Pager.First = "/clocks?" + q.query()
	}
	if next := cursor(more, ls); next != "" {
		q := in
		q.After = next
		p.Pager.Next = "/clocks?" + q.query()
	}
	t, err := r.desk.Tally(ctx)
	if err != nil {
		return nil, err
	}
	p.Tally = []web.Tile{{Label: v.T("tile.late"), Value: counted(v, t.Late), Href: "/clocks?state=late"}, {Label: v.T("tile.soon"), Value: counted(v, t.Soon)},
		{Label: v.T("tile.live"), Value: counted(v, t.Live), Href: "/clocks"}}
	raised, err := r.desk.Unseen(ctx)
	if err != nil {
		return nil, err
	}
	for i := range raised {
		a := &raised[i]
		p.Alarms = append(p.Alarms, alarm{a.ID, a.Kind, a.Planned, a.Letters, r.row(v, &a.Of)})
	}
	return p, nil
}

func (r *room) export(ctx context.Context, v web.Visitor, in struct {
	listIn
	Format string `path:"format"`
}) (web.File, error) {
	lines, err := r.desk.All(ctx, in.filter())
	if err != nil {
		return web.File{}, err
	}
	return file(v, in.Format, lines)
}

func writer(v web.Visitor, format string, lines []deadline.Line) func(io.Writer) error {
	return func(w io.Writer) error { return deadline.Write(w, format, v.Lang(), v.Now, lines) }
}

func (r *room) seen(ctx context.Context, v web.Visitor, in struct {
	IDs []int64 `form:"id" min:"1"`
}) (web.Done, error) {
	n, err := r.desk.See(ctx, v.Actor, in.IDs...)
	return web.Done{To: "/clocks", Flash: "alarm.seen", Args: []any{n}}, err
}

type onePage struct {
	row
	Clock               deadline.One
	Term                string
	Source              string
	Confirmed           bool
	Next                time.Time
	Now                 string // for the form
	Live                bool
	Back                bool // it can be taken back
	MaySubmit, MayWaive bool
}

// PageTitle is the step.
func (p *onePage) PageTitle() string { return p.Step }

func (r *room) one(ctx context.Context, v web.Visitor, in Numbered) (*onePage, error) {
	c, err := r.desk.One(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	st, _ := c.Law.Step(c.Step)
	p := &onePage{row: r.row(v, &c.Listed), Clock: c, Term: st.Term, Source: c.Law.Source, Confirmed: c.Law.Confirmed, Now: local(v, v.Now), Live: c.State.Live(),
		Back: c.State == deadline.Waived || c.State == deadline.Submitted && c.SubmittedBy == deadline.ByHand, MaySubmit: v.May(write), MayWaive: v.May(rule)}
	switch d, err := time.ParseDuration(st.Term); {
	case st.Months != 0:
		p.Term = v.T("term.months", int64(st.Months))
	case err == nil && d%time.Hour == 0:
		p.Term = v.T("term.hours", int64(d/time.Hour))
	}
	if c.State.Live() && c.Stage < len(c.Alarms) {
		p.Next = time.UnixMicro(c.Alarms[c.Stage].At)
	}
	return p, nil
}

// counted is a number of clocks as far as they are counted.
func counted(v web.Visitor, n int64) string {
	if n > deadline.MostCounted {
		return v.Number(deadline.MostCounted) + "+"
	}
	return v.Number(n)
}

func clockPath(id int64) string { return "/clocks/" + strconv.FormatInt(id, 10) }

func (r *room) submit(ctx context.Context, v web.Visitor, in struct {
	Numbered
	At    string `form:"at" need:"true" max:"20"`
	Proof string `form:"proof" max:"2000"`
}) (web.Done, error) {
	at, err := moment(v, "at", in.At)
	if err != nil {
		return web.Done{}, err
	}
	_, err = r.desk.Submit(ctx, v.Actor, in.ID, at, in.Proof)
	return web.Done{To: clockPath(in.ID), Flash: "done.submitted"}, err
}

type reasoned struct {
	Numbered
	Reason string `form:"reason" max:"2000"`
}

func (r *room) waive(ctx context.Context, v web.Visitor, in reasoned) (web.Done, error) {
	_, err := r.desk.Waive(ctx, v.Actor, in.ID, in.Reason)
	return web.Done{To: clockPath(in.ID), Flash: "done.waived"}, err
}

func (r *room) reopen(ctx context.Context, v web.Visitor, in reasoned) (web.Done, error) {
	_, err := r.desk.Reopen(ctx, v.Actor, in.ID, in.Reason)
	return web.Done{To: clockPath(in.ID), Flash: "done.reopened"}, err
}

type sheetPage struct {
	title, Back, BackText string
	Path                  string // of the forms
	Rows                  []row
	Laws                  []law
	Ruling                *deadline.Ruling
	Parties               []web.Option
	Yes                   []web.Option
	Now                   string
	MayRule, MayBegin     bool
	Elsewhere             string // where people say whether it is significant: the case of a report
}

// PageTitle names what the clocks are of.
func (p *sheetPage) PageTitle() string { return p.title }

// RefreshAfter keeps the countdown going without JavaScript.
func (*sheetPage) RefreshAfter() time.Duration { return time.Minute }

// law is one that was looked at.
type law struct {
	deadline.Considered
	Name string
}

func (r *room) sheet(v web.Visitor, s *deadline.Sheet) *sheetPage {
	p := &sheetPage{Rows: r.rows(v, s.Clocks), Ruling: s.Ruling, Now: local(v, v.Now), MayRule: v.May(rule), MayBegin: v.May(write),
		Yes: []web.Option{{Value: "yes", Label: v.T("significant.yes")}, {Value: "no", Label: v.T("significant.no")}}}
	for _, x := range s.Laws {
		p.Laws = append(p.Laws, law{x, x.Law.Name(v.Lang())})
	}
	return p
}

func (r *room) ofCase(ctx context.Context, v web.Visitor, in Numbered) (*sheetPage, error) {
	s, err := r.desk.OfCase(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p := r.sheet(v, &s)
	p.Path, p.BackText = fmt.Sprintf("/cases/%d", in.ID), s.Case.Number+" "+s.Case.Title
	p.Back, p.title = p.Path, v.T("title.case-clocks")+" "+s.Case.Number
	p.Parties, err = r.parties(ctx, &s)
	return p, err
}

// parties are the constituents that clocks may be begun for.
func (r *room) parties(ctx context.Context, s *deadline.Sheet) (out []web.Option, err error) {
	dir, err := r.desk.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Case.Parties {
		l, ok := dir.ByID(p.Constituent)
		o := web.Option{Value: strconv.FormatInt(p.Constituent, 10), Label: l.Name}
		if ok && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out, nil
}

func (r *room) ofReport(ctx context.Context, v web.Visitor, in Numbered) (*sheetPage, error) {
	s, err := r.desk.OfReport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p := r.sheet(v, &s)
	p.Path, p.BackText = fmt.Sprintf("/reports/%d", in.ID), s.Report.Number+" "+s.Report.Title
	p.Back, p.title = p.Path, v.T("title.report-clocks")+" "+s.Report.Number
	if s.Report.Case != 0 {
		p.Elsewhere, p.MayRule = fmt.Sprintf("/cases/%d/clocks", s.Report.Case), false
	}
	return p, nil
}

type rulingIn struct {
	Numbered
	Significant string `form:"significant" need:"true" max:"3"`
	Reason      string `form:"reason" max:"2000"`
}

func (r *room) ruleCase(ctx context.Context, v web.Visitor, in rulingIn) (web.Done, error) {
	err := r.desk.Rule(ctx, v.Actor, 0, in.ID, in.Significant == "yes", in.Reason)
	return web.Done{To: fmt.Sprintf("/cases/%d/clocks", in.ID), Flash: "done.ruled"}, err
}

func (r *room) ruleReport(ctx context.Context, v web.Visitor, in rulingIn) (web.Done, error) {
	err := r.desk.Rule(ctx, v.Actor, in.ID, 0, in.Significant == "yes", in.Reason)
	return web.Done{To: fmt.Sprintf("/reports/%d/clocks", in.ID), Flash: "done.ruled"}, err
}

func (r *room) begin(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Constituent int64  `form:"constituent" min:"1" need:"true"`
	Aware       string `form:"aware" need:"true" max:"20"`
	Why         string `form:"why" max:"2000"`
}) (web.Done, error) {
	at, err := moment(v, "aware", in.Aware)
	if err != nil {
		return web.Done{}, err
	}
	err = r.desk.Begin(ctx, v.Actor, in.ID, in.Constituent, at, in.Why)
	return web.Done{To: fmt.Sprintf("/cases/%d/clocks", in.ID), Flash: "done.begun"}, err
}
