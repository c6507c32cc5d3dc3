package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/incident"
	"tocsin/internal/platform/api"
)

func (r *room) workRoutes() []api.Route {
	return []api.Route{
		api.Operation[struct{}, api.Page[CaseTask]]{Method: http.MethodGet, Path: "/api/cases/tasks", ID: "list-tasks",
			Summary: "What is to be done in all current cases: the caller's own first, then by day, at most 500", Permission: read, Handle: r.todo},
		api.Operation[Numbered, api.Page[CaseTask]]{Method: http.MethodGet, Path: "/api/cases/{id}/tasks", ID: "list-case-tasks", Summary: "The tasks of a case, at most 500",
			Permission: read, Handle: r.tasks},
		api.Operation[addTaskInput, CaseTask]{Method: http.MethodPost, Path: "/api/cases/{id}/tasks", ID: "add-case-task", Summary: "Write a task down", Permission: write,
			Status: http.StatusCreated, Handle: r.addTask},
		api.Operation[changeTaskInput, CaseTask]{Method: http.MethodPatch, Path: "/api/cases/{id}/tasks/{task}", ID: "change-case-task",
			Summary: "Say that a task is done, open it again, or give it to somebody", Permission: write, Handle: r.changeTask},
		api.Operation[caseIndicatorsInput, api.Page[CaseIndicator]]{Method: http.MethodGet, Path: "/api/cases/{id}/indicators", ID: "list-case-indicators",
			Summary: "The indicators of a case, at most 5,000", Permission: read, Handle: r.indicators},
		api.Operation[judgeInput, api.Page[CaseIndicator]]{Method: http.MethodPost, Path: "/api/cases/{id}/indicators", ID: "judge-case-indicators",
			Summary: "Confirm or refuse indicators, and add others", Permission: write, Handle: r.judge},
		api.Operation[Numbered, Looked]{Method: http.MethodPost, Path: "/api/cases/{id}/indicators/look", ID: "look-through-case-files",
			Summary: "Propose the indicators that stand in the text files of a case", Permission: write, Handle: r.look},
		api.Download[exportIndicatorsInput]{Path: "/api/cases/{id}/indicators/{format}", ID: "export-case-indicators",
			Summary: "The confirmed indicators of a case, with its labels", Permission: read, Types: []string{"text/csv", "application/json"}, Handle: r.exportIndicators},
		api.Operation[Numbered, RelatedToCase]{Method: http.MethodGet, Path: "/api/cases/{id}/related", ID: "get-case-related",
			Summary: "The links of a case, and what shares its indicators or constituents", Permission: read, Handle: r.related},
		api.Operation[linkInput, CaseLink]{Method: http.MethodPost, Path: "/api/cases/{id}/links", ID: "link-case", Summary: "Link a case to a finding or another case", Permission: write,
			Status: http.StatusCreated, Handle: r.connect},
		api.Operation[unlinkInput, api.Nothing]{Method: http.MethodDelete, Path: "/api/cases/{id}/links", ID: "unlink-case", Summary: "Remove a link of a case", Permission: write,
			Handle: r.disconnect},
	}
}

// CaseTask is something to be done in a case.
type CaseTask struct {
	ID       int64      `json:"id"`
	Case     int64      `json:"case"`
	Number   string     `json:"number" doc:"Of the case"`
	Title    string     `json:"title"`
	Assignee int64      `json:"assignee,omitempty"`
	Name     string     `json:"assignee_name,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
	Done     *time.Time `json:"done,omitempty"`
	DoneBy   string     `json:"done_by,omitempty"`
	Created  *time.Time `json:"created"`
	By       string     `json:"by"`
}

func taskOf(t *incident.Task) CaseTask {
	return CaseTask{t.ID, t.Case, t.CaseNumber, t.Title, t.Assignee, t.Name, at(t.Due), at(t.Done), t.DoneBy, at(t.Created), t.By}
}

func tasksOf(ts []incident.Task, err error) (*api.Page[CaseTask], error) {
	var out []CaseTask
	for _, t := range ts {
		out = append(out, taskOf(&t))
	}
	return api.NewPage(out, ""), err
}

func (r *room) todo(ctx context.Context, c api.Caller, _ *struct{}) (*api.Page[CaseTask], error) {
	account := int64(0)
	if c.Actor.Rights != nil {
		account = c.Actor.Rights.Account
	}
	return tasksOf(r.desk.Todo(ctx, account, 500))
}

func (r *room) tasks(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[CaseTask], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return tasksOf(r.desk.Tasks(ctx, one.ID))
}

type addTaskInput struct {
	Numbered
	Body struct {
		Title    string     `json:"title" maxLength:"1000"`
		Assignee string     `json:"assignee,omitempty" maxLength:"20" doc:"me, nobody or the number of an account"`
		Due      *time.Time `json:"due,omitempty"`
	}
}

func micros(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMicro()
}

func (r *room) addTask(ctx context.Context, c api.Caller, in *addTaskInput) (*CaseTask, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id, name, err := r.desk.Person(ctx, c.Actor, "assignee", in.Body.Assignee)
	if err != nil {
		return nil, err
	}
	t, err := r.desk.AddTask(ctx, c.Actor, one.ID, incident.Task{CaseNumber: one.Number, Title: in.Body.Title, Assignee: id, Name: name, Due: micros(in.Body.Due)})
	out := taskOf(&t)
	return &out, err
}

type changeTaskInput struct {
	Numbered
	Task int64 `path:"task" minimum:"1"`
	Body struct {
		Done     *bool      `json:"done,omitempty"`
		Assignee *string    `json:"assignee,omitempty" maxLength:"20" doc:"me, nobody or the number of an account; the day is then that of due, or none"`
		Due      *time.Time `json:"due,omitempty"`
	}
}

func (r *room) changeTask(ctx context.Context, c api.Caller, in *changeTaskInput) (*CaseTask, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var t incident.Task
	if in.Body.Assignee != nil {
		id, name, err := r.desk.Person(ctx, c.Actor, "assignee", *in.Body.Assignee)
		if err != nil {
			return nil, err
		}
		if t, err = r.desk.Assign(ctx, c.Actor, one.ID, in.Task, id, name, micros(in.Body.Due)); err != nil {
			return nil, err
		}
	}
	if in.Body.Done != nil || in.Body.Assignee == nil {
		t, err = r.desk.Finish(ctx, c.Actor, one.ID, in.Task, in.Body.Done != nil && *in.Body.Done)
	}
	out := taskOf(&t)
	return &out, err
}

// CaseIndicator is an indicator of a case.
type CaseIndicator struct {
	Type     string     `json:"type"`
	Value    string     `json:"value"`
	Defanged string     `json:"defanged"`
	Verdict  string     `json:"verdict" enum:"proposed,confirmed,refused"`
	Source   string     `json:"source" doc:"Where it was found first: report:1, entry:7, file:3, hand"`
	At       *time.Time `json:"at"`
	By       string     `json:"by,omitempty" doc:"Who gave the verdict"`
}

type caseIndicatorsInput struct {
	Numbered
	Verdict string `query:"verdict" enum:"proposed,confirmed,refused"`
}

func (r *room) indicators(ctx context.Context, _ api.Caller, in *caseIndicatorsInput) (*api.Page[CaseIndicator], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return r.indicatorsOf(ctx, one.ID, incident.Verdict(in.Verdict))
}

func (r *room) indicatorsOf(ctx context.Context, id int64, v incident.Verdict) (*api.Page[CaseIndicator], error) {
	list, err := r.desk.Indicators(ctx, id, v)
	var out []CaseIndicator
	for _, i := range list {
		out = append(out, CaseIndicator{string(i.Type), i.Value, i.Defanged(), string(i.Verdict), i.Source, at(i.At), i.By})
	}
	return api.NewPage(out, ""), err
}

type judgeInput struct {
	Numbered
	Body struct {
		Verdict string   `json:"verdict" enum:"proposed,confirmed,refused"`
		Values  []string `json:"values,omitempty" maxItems:"5000" doc:"Values of indicators that the case has"`
		Text    string   `json:"text,omitempty" maxLength:"200000" doc:"A text whose indicators are added with the verdict"`
	}
}

func (r *room) judge(ctx context.Context, c api.Caller, in *judgeInput) (*api.Page[CaseIndicator], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := r.desk.Judge(ctx, c.Actor, one.ID, incident.Verdict(in.Body.Verdict), in.Body.Values, in.Body.Text); err != nil {
		return nil, err
	}
	return r.indicatorsOf(ctx, one.ID, incident.Verdict(in.Body.Verdict))
}

// Looked tells how many indicators are new.
type Looked struct {
	Fresh int64 `json:"fresh"`
}

func (r *room) look(ctx context.Context, c api.Caller, in *Numbered) (*Looked, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	n, err := r.desk.LookThrough(ctx, c.Actor, one.ID)
	return &Looked{n}, err
}

type exportIndicatorsInput struct {
	Numbered
	Format string `path:"format" enum:"csv,json"`
}

func (r *room) exportIndicators(ctx context.Context, _ api.Caller, in *exportIndicatorsInput) (*api.Stream, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err == nil {
		err = r.desk.Exportable(ctx, &one)
	}
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json"}[in.Format]
	return &api.Stream{ContentType: kind, Name: "indicators-" + one.Number + "." + in.Format, Write: func(ctx context.Context, w io.Writer) error {
		return r.desk.ExportIndicators(ctx, w, in.Format, &one)
	}}, err
}

// CaseLink leads from a case to a finding or another case.
type CaseLink struct {
	Case   int64      `json:"case"`
	Object string     `json:"object" doc:"finding:… or case:…"`
	Title  string     `json:"title"`
	At     *time.Time `json:"at"`
	By     string     `json:"by"`
}

// RelatedToCase is what belongs to a case, and what may.
type RelatedToCase struct {
	Links   []CaseLink     `json:"links" nullable:"false" doc:"Of the case, and of others to it"`
	Cases   []CaseRelation `json:"cases" nullable:"false"`
	Reports []Report       `json:"reports" nullable:"false" doc:"Reports in which an indicator of the case stands"`
}

// CaseRelation is another case that may belong to a case, and why.
type CaseRelation struct {
	Case   *Case `json:"case"`
	Shared int64 `json:"shared_indicators"`
	Same   bool  `json:"same_constituent"`
}

func (r *room) related(ctx context.Context, _ api.Caller, in *Numbered) (*RelatedToCase, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rel, err := r.desk.Related(ctx, one.ID)
	out := &RelatedToCase{Links: []CaseLink{}, Cases: []CaseRelation{}, Reports: []Report{}}
	for _, l := range rel.Links {
		out.Links = append(out.Links, CaseLink{l.Case, l.Object, l.Title, at(l.At), l.By})
	}
	for _, x := range rel.Cases {
		out.Cases = append(out.Cases, CaseRelation{caseOf(&x.Case), x.Shared, x.Same})
	}
	for _, l := range rel.Reports {
		out.Reports = append(out.Reports, *reportOf(&l.Report, l.More))
	}
	return out, err
}

type linkInput struct {
	Numbered
	Body struct {
		Kind   string `json:"kind" enum:"finding,case"`
		Object string `json:"object" maxLength:"200" doc:"The id of the finding, or the id or number of the case"`
	}
}

func (r *room) connect(ctx context.Context, c api.Caller, in *linkInput) (*CaseLink, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	l, err := r.desk.Connect(ctx, c.Actor, one.ID, in.Body.Kind, in.Body.Object)
	return &CaseLink{l.Case, l.Object, l.Title, at(l.At), l.By}, err
}

type unlinkInput struct {
	Numbered
	Object string `query:"object" required:"true" maxLength:"200"`
}

func (r *room) disconnect(ctx context.Context, c api.Caller, in *unlinkInput) (*api.Nothing, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &api.Nothing{}, r.desk.Disconnect(ctx, c.Actor, one.ID, in.Object)
}
