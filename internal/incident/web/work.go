package web

import (
	"context"
	"io"
	"strings"
	"time"

	"tocsin/internal/incident"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// todo is what is to be done in all cases, one's own first.
type todo struct {
	Tasks []taskLine
	Empty web.Empty
}

// taskLine is a task on a page.
type taskLine struct {
	incident.Task
	Mine bool
	Late bool
	Day  string // of its form
}

func taskLines(v web.Visitor, ts []incident.Task) (out []taskLine) {
	for _, t := range ts {
		l := taskLine{Task: t, Mine: t.Assignee != 0 && v.Actor.Rights != nil && v.Actor.Rights.Account == t.Assignee, Late: t.Done == 0 && t.Due != 0 && t.Due < v.Now.UnixMicro()}
		out = append(out, l)
	}
	return out
}

func (r *room) todo(ctx context.Context, v web.Visitor, _ struct{}) (*todo, error) {
	account := int64(0)
	if v.Actor.Rights != nil {
		account = v.Actor.Rights.Account
	}
	ts, err := r.desk.Todo(ctx, account, 200)
	return &todo{taskLines(v, ts), web.Empty{Title: v.T("tasks.none"), Text: v.T("tasks.none-text"), Href: "/cases", Link: v.T("title.cases")}}, err
}

func (r *room) addTask(ctx context.Context, v web.Visitor, in struct {
	ID    int64  `path:"id" min:"1"`
	Title string `form:"task" max:"1000"`
	Who   string `form:"assignee" max:"20"`
	Due   string `form:"due" max:"20"`
}) (web.Done, error) {
	due, err := until(v, "due", in.Due)
	if err != nil {
		return web.Done{}, err
	}
	id, name, err := r.desk.Person(ctx, v.Actor, "assignee", in.Who)
	if err != nil {
		return web.Done{}, err
	}
	_, err = r.desk.AddTask(ctx, v.Actor, in.ID, incident.Task{Title: in.Title, Assignee: id, Name: name, Due: due})
	return web.Done{To: caseOf(in.ID) + "#tasks", Flash: "did.task"}, err
}

// until is the end of a day of a form, in the nation's time zone; "" is none.
func until(v web.Visitor, field, day string) (int64, error) {
	if day == "" {
		return 0, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, day, v.Zone())
	if err != nil {
		return 0, fault.Problems{{Field: field, Message: v.T("day.wrong")}}
	}
	return t.AddDate(0, 0, 1).Add(-time.Second).UnixMicro(), nil
}

func (r *room) finishTask(ctx context.Context, v web.Visitor, in struct {
	ID   int64  `path:"id" min:"1"`
	Task int64  `form:"number" need:"true" min:"1"`
	Done bool   `form:"done"`
	To   string `form:"to" max:"200"`
}) (web.Done, error) {
	_, err := r.desk.Finish(ctx, v.Actor, in.ID, in.Task, in.Done)
	return web.Done{To: web.Inside(in.To, caseOf(in.ID)+"#tasks"), Flash: "did.task-done"}, err
}

func (r *room) assignTask(ctx context.Context, v web.Visitor, in struct {
	ID   int64  `path:"id" min:"1"`
	Task int64  `form:"number" need:"true" min:"1"`
	Who  string `form:"assignee" max:"20"`
	Due  string `form:"due" max:"20"`
}) (web.Done, error) {
	due, err := until(v, "due", in.Due)
	if err != nil {
		return web.Done{}, err
	}
	id, name, err := r.desk.Person(ctx, v.Actor, "assignee", in.Who)
	if err != nil {
		return web.Done{}, err
	}
	_, err = r.desk.Assign(ctx, v.Actor, in.ID, in.Task, id, name, due)
	return web.Done{To: caseOf(in.ID) + "#tasks", Flash: "did.task-assign"}, err
}

// indicators is the page of a case's indicators.
type indicators struct {
	incident.Case
	Live     bool
	Groups   []group
	Verdicts []web.Option
	Findings bool
}

// PageTitle names the case.
func (p *indicators) PageTitle() string { return p.Number + " " + p.Title }

// group are the indicators with one verdict.
type group struct {
	Verdict string
	Rows    []incident.Indicator
}

func (r *room) indicators(ctx context.Context, v web.Visitor, in caseIn) (*indicators, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p := &indicators{Case: c, Live: v.May(Write) && c.State != incident.Joined}
	for _, x := range incident.Verdicts() {
		rows, err := r.desk.Indicators(ctx, c.ID, x)
		if err != nil {
			return nil, err
		}
		p.Verdicts = append(p.Verdicts, web.Option{Value: string(x), Label: v.T("verdict." + string(x))})
		if len(rows) > 0 {
			p.Groups = append(p.Groups, group{string(x), rows})
		}
	}
	return p, nil
}

func (r *room) judge(ctx context.Context, v web.Visitor, in struct {
	ID      int64    `path:"id" min:"1"`
	Verdict string   `form:"verdict" max:"20"`
	Pick    []string `form:"pick" max:"4000"`
	Text    string   `form:"indicators" max:"200000"`
}) (web.Done, error) {
	n, err := r.desk.Judge(ctx, v.Actor, in.ID, incident.Verdict(in.Verdict), in.Pick, in.Text)
	return web.Done{To: caseOf(in.ID) + "/indicators", Flash: "did.judge", Args: []any{n}}, err
}

func (r *room) look(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id" min:"1"`
}) (web.Done, error) {
	n, err := r.desk.LookThrough(ctx, v.Actor, in.ID)
	return web.Done{To: caseOf(in.ID) + "/indicators", Flash: "did.look", Args: []any{n}}, err
}

func (r *room) exportIndicators(ctx context.Context, v web.Visitor, in struct {
	ID     string `path:"id" max:"40"`
	Format string `path:"format" max:"10"`
}) (web.File, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	types := map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json"}
	if err == nil && types[in.Format] == "" {
		err = fault.NotFoundf("there is no format %q", in.Format)
	}
	if err == nil {
		err = r.desk.Exportable(ctx, &c)
	}
	return web.File{Name: "indicators-" + c.Number + "." + in.Format, Type: types[in.Format], Write: func(w io.Writer) error {
		return r.desk.ExportIndicators(ctx, w, in.Format, &c)
	}}, err
}

// related is the page of what belongs to a case, and of what may.
type related struct {
	incident.Case
	Live    bool
	Links   []linked
	Cases   []relation
	Reports []line
	Kinds   []web.Option
}

// PageTitle names the case.
func (p *related) PageTitle() string { return p.Number + " " + p.Title }

type linked struct {
	incident.Link
	Href string
	Back bool // another case's link to this one
}

type relation struct {
	caseLine
	Shared int64
	Same   bool
}

func (r *room) related(ctx context.Context, v web.Visitor, in caseIn) (*related, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rel, err := r.desk.Related(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	p := &related{Case: c, Live: v.May(Write) && c.State != incident.Joined}
	for _, k := range []string{"finding", "case"} {
		p.Kinds = append(p.Kinds, web.Option{Value: k, Label: v.T("link." + k)})
	}
	for _, l := range rel.Links {
		x := linked{Link: l, Back: l.Case != c.ID}
		kind, id, _ := strings.Cut(l.Object, ":")
		x.Href = map[string]string{"finding": "/findings/", "case": "/cases/"}[kind] + id
		if x.Back {
			other, err := r.desk.Case(ctx, l.Case)
			if err != nil {
				return nil, err
			}
			x.Title, x.Href = other.Number+" "+other.Title, caseOf(other.ID)
		}
		p.Links = append(p.Links, x)
	}
	cases := make([]incident.Case, len(rel.Cases))
	for i, x := range rel.Cases {
		cases[i] = x.Case
	}
	lines, err := r.caseLines(ctx, v, cases)
	if err != nil {
		return nil, err
	}
	for i, x := range rel.Cases {
		p.Cases = append(p.Cases, relation{lines[i], x.Shared, x.Same})
	}
	p.Reports, err = r.lines(ctx, v, rel.Reports)
	return p, err
}

func (r *room) connect(ctx context.Context, v web.Visitor, in struct {
	ID     int64  `path:"id" min:"1"`
	Kind   string `form:"kind" max:"20"`
	Object string `form:"object" need:"true" max:"200"`
}) (web.Done, error) {
	_, err := r.desk.Connect(ctx, v.Actor, in.ID, in.Kind, in.Object)
	return web.Done{To: caseOf(in.ID) + "/related", Flash: "did.link"}, err
}

func (r *room) disconnect(ctx context.Context, v web.Visitor, in struct {
	ID     int64  `path:"id" min:"1"`
	Object string `form:"object" need:"true" max:"200"`
}) (web.Done, error) {
	return web.Done{To: caseOf(in.ID) + "/related", Flash: "did.unlink"}, r.desk.Disconnect(ctx, v.Actor, in.ID, in.Object)
}
