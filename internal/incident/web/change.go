package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// editing is the form on which a case is changed, or a new one begun.
type editing struct {
	incident.Case
	Label, Action  string
	By             string // the lead
	Seen           int64
	Matrix         bool
	Types, Labels  []web.Option
	Impacts        []web.Option
	Reaches        []web.Option
	Severities     []web.Option
	PAPs           []web.Option
	People         []web.Option
	Part, About    string // of a new one
	Parts          []web.Option
	Border, Person bool
}

// PageTitle names the case.
func (p *editing) PageTitle() string { return p.Number + " " + p.Title }

func (r *room) form(ctx context.Context, v web.Visitor) (*editing, error) {
	profile, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	p := &editing{Types: types(v), Labels: labels(v)[1:], PAPs: paps(v), Matrix: len(profile.Matrix.Levels) > 0,
		Impacts: scale(v, profile.Matrix.Impact, profile.Languages...), Reaches: scale(v, profile.Matrix.Reach, profile.Languages...)}
	for s := 0; s <= 5; s++ {
		p.Severities = append(p.Severities, web.Option{Value: strconv.Itoa(s), Label: v.T("severity." + strconv.Itoa(s))})
	}
	for _, s := range incident.Parts() {
		p.Parts = append(p.Parts, web.Option{Value: s, Label: v.T("part." + s)})
	}
	p.People, err = r.staff(ctx, v)
	return p, err
}

func (r *room) editing(ctx context.Context, v web.Visitor, in caseIn) (*editing, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := r.form(ctx, v)
	if err != nil {
		return nil, err
	}
	p.Case, p.Label, p.Action, p.Border, p.Person = c, c.Label.String(), c.PAP.String(), c.CrossBorder, c.Personal
	p.By = "nobody"
	if c.Lead != 0 {
		p.By = strconv.FormatInt(c.Lead, 10)
		if v.Actor.Rights != nil && v.Actor.Rights.Account == c.Lead {
			p.By = "me"
		} else if !has(p.People, p.By) {
			p.People = append(p.People, web.Option{Value: p.By, Label: cmp.Or(c.LeadName, p.By)})
		}
	}
	last, err := r.desk.Timeline(ctx, c.ID, 0, 1)
	if len(last) > 0 {
		p.Seen = last[0].ID
	}
	return p, err
}

func has(os []web.Option, value string) bool {
	for _, o := range os {
		if o.Value == value {
			return true
		}
	}
	return false
}

func (r *room) blank(ctx context.Context, v web.Visitor, _ struct{}) (*editing, error) {
	p, err := r.form(ctx, v)
	if err != nil {
		return nil, err
	}
	p.Title, p.Label, p.By, p.Part = v.T("title.case-new"), tlp.Amber.String(), "me", incident.AsVictim
	return p, nil
}

// written is what the form of a case says.
type written struct {
	Title   string `form:"title" max:"1000"`
	Summary string `form:"summary" max:"100000"`
	Type    string `form:"type" max:"60"`
	Impact  string `form:"impact" max:"60"`
	Reach   string `form:"reach" max:"60"`
	Label   string `form:"tlp" max:"20"`
	Lead    string `form:"lead" max:"20"`
}

func (r *room) open(ctx context.Context, v web.Visitor, in struct {
	written
	About string `form:"constituent" max:"200"`
	Part  string `form:"part" max:"20"`
}) (web.Done, error) {
	o := incident.Opening{Title: in.Title, Summary: in.Summary, Type: in.Type, Impact: in.Impact, Reach: in.Reach}
	if err := label(in.Label, &o.Label); err != nil {
		return web.Done{}, err
	}
	var err error
	if o.Lead, o.LeadName, err = r.desk.Person(ctx, v.Actor, "lead", in.Lead); err != nil {
		return web.Done{}, err
	}
	var about []incident.Party
	if in.About != "" {
		id, err := r.desk.ConstituentOf(ctx, "constituent", in.About)
		if err != nil {
			return web.Done{}, err
		}
		about = append(about, incident.Party{Constituent: id, Part: in.Part})
	}
	c, err := r.desk.Open(ctx, v.Actor, o, about...)
	return web.Done{To: caseOf(c.ID), Flash: "did.open", Args: []any{c.Number}}, err
}

// seen is what a form knows of the case that it changes.
type seen struct {
	ID      int64 `path:"id" min:"1"`
	Version int64 `form:"version" min:"0"`
	Seen    int64 `form:"seen" min:"0"` // the latest entry of the timeline
}

func (r *room) edit(ctx context.Context, v web.Visitor, in struct {
	seen
	written
	Severity    int    `form:"severity" min:"0" max:"5"`
	PAP         string `form:"pap" max:"20"`
	CrossBorder bool   `form:"cross-border"`
	Personal    bool   `form:"personal-data"`
	Reason      string `form:"reason" max:"20000"`
}) (web.Done, error) {
	c, err := r.desk.Case(ctx, in.ID)
	if err != nil {
		return web.Done{}, err
	}
	ch := incident.Change{Title: &in.Title, Summary: &in.Summary, Type: &in.Type, CrossBorder: &in.CrossBorder, Personal: &in.Personal, Reason: in.Reason}
	if in.Impact != c.Impact {
		ch.Impact = &in.Impact
	}
	if in.Reach != c.Reach {
		ch.Reach = &in.Reach
	}
	if ch.Impact == nil && ch.Reach == nil {
		ch.Severity = &in.Severity
	}
	to := c.Label
	if err := label(in.Label, &to); err != nil {
		return web.Done{}, err
	}
	ch.Label = &to
	pap, err := disclosure.ParsePAP(in.PAP)
	if err != nil {
		return web.Done{}, fault.Problems{{Field: "pap", Message: err.Error()}}
	}
	ch.PAP = &pap
	if in.Lead != strconv.FormatInt(c.Lead, 10) {
		lead, name, err := r.desk.Person(ctx, v.Actor, "lead", in.Lead)
		if err != nil {
			return web.Done{}, err
		}
		ch.Lead, ch.LeadName = &lead, name
	}
	_, err = r.desk.Edit(ctx, v.Actor, in.ID, in.Version, ch)
	return r.changed(ctx, v, in.seen, "did.change", err)
}

// changed leads back to the case. When somebody else changed it meanwhile, it says what.
func (r *room) changed(ctx context.Context, v web.Visitor, s seen, flash string, err error) (web.Done, error) {
	if fault.KindOf(err) != fault.Conflict || s.Seen == 0 {
		return web.Done{To: caseOf(s.ID), Flash: flash}, err
	}
	entries, e := r.desk.Timeline(ctx, s.ID, 0, 20)
	if e != nil {
		return web.Done{}, errors.Join(err, e)
	}
	ps := fault.Problems{{Message: err.Error()}}
	for _, x := range entries {
		if x.ID > s.Seen {
			ps = append(ps, fault.Problem{Message: v.T("conflict.by", x.Name, v.Second(time.UnixMicro(x.Written)), strings.TrimSpace(entryOf(v, x).What+" "+x.Text))})
		}
	}
	return web.Done{}, fault.New(fault.Conflict, "%w", ps)
}

func (r *room) move(ctx context.Context, v web.Visitor, in struct {
	seen
	To     string `form:"to" need:"true" max:"20"`
	Reason string `form:"reason" max:"20000"`
}) (web.Done, error) {
	_, err := r.desk.Move(ctx, v.Actor, in.ID, in.Version, incident.CaseState(in.To), in.Reason)
	return r.changed(ctx, v, in.seen, "did.move", err)
}

func (r *room) involve(ctx context.Context, v web.Visitor, in struct {
	seen
	About string `form:"constituent" need:"true" max:"200"`
	Part  string `form:"part" need:"true" max:"20"`
}) (web.Done, error) {
	id, err := r.desk.ConstituentOf(ctx, "constituent", in.About)
	if err != nil {
		return web.Done{}, err
	}
	_, err = r.desk.Involve(ctx, v.Actor, in.ID, in.Version, id, in.Part)
	return r.changed(ctx, v, in.seen, "did.involve", err)
}

func (r *room) dismiss(ctx context.Context, v web.Visitor, in struct {
	seen
	About int64  `form:"party" min:"1"`
	Part  string `form:"party-part" need:"true" max:"20"`
}) (web.Done, error) {
	_, err := r.desk.Dismiss(ctx, v.Actor, in.ID, in.Version, in.About, in.Part)
	return r.changed(ctx, v, in.seen, "did.dismiss", err)
}

func (r *room) note(ctx context.Context, v web.Visitor, in struct {
	ID     int64  `path:"id" min:"1"`
	Kind   string `form:"kind" max:"20" default:"note"`
	Text   string `form:"text" max:"300000"`
	At     string `form:"at" max:"40"`
	Shared bool   `form:"shared"`
}) (web.Done, error) {
	e := incident.Entry{Kind: in.Kind, Text: in.Text, Shared: in.Shared}
	if in.At != "" {
		t, err := time.ParseInLocation("2006-01-02T15:04", in.At, v.Zone())
		if err != nil {
			return web.Done{}, fault.Problems{{Field: "at", Message: v.T("at.wrong")}}
		}
		e.At = t.UnixMicro()
	}
	_, err := r.desk.Note(ctx, v.Actor, in.ID, e)
	return web.Done{To: caseOf(in.ID) + "#timeline", Flash: "did.note"}, err
}

func (r *room) join(ctx context.Context, v web.Visitor, in struct {
	seen
	Into   string `form:"into" need:"true" max:"40"`
	Reason string `form:"join-reason" max:"20000"`
}) (web.Done, error) {
	into, err := r.desk.Resolve(ctx, in.Into)
	if err != nil {
		return web.Done{}, missing("into", err)
	}
	_, err = r.desk.Join(ctx, v.Actor, in.ID, in.Version, into.ID, in.Reason)
	done, err := r.changed(ctx, v, in.seen, "did.join", err)
	done.To = caseOf(into.ID)
	return done, err
}

func (r *room) keep(ctx context.Context, v web.Visitor, in struct {
	ID    int64       `path:"id" min:"1"`
	Note  string      `form:"file-note" max:"20000"`
	Files web.Uploads `form:"file"`
}) (web.Done, error) {
	n := 0
	for {
		f, err := in.Files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, err = r.desk.Keep(ctx, v.Actor, incident.File{Case: in.ID, Name: f.Name, Type: f.Type, Note: in.Note}, f)
		}
		if err != nil {
			return web.Done{}, err
		}
		n++
	}
	if n == 0 {
		return web.Done{}, fault.Problems{{Field: "file", Message: v.T("file.none")}}
	}
	return web.Done{To: caseOf(in.ID) + "#files", Flash: "did.keep", Args: []any{n}}, nil
}

// take gives a file to save: whatever it says of its type, no browser opens it.
func (r *room) take(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"file" min:"1"`
}) (web.File, error) {
	f, err := r.desk.FileByID(ctx, in.ID)
	if err == nil && f.Report != 0 {
		_, err = r.desk.Report(ctx, f.Report) // a draft's files are its writer's alone
	}
	return web.File{Name: f.Name, Type: "application/octet-stream", Write: func(w io.Writer) error {
		return r.desk.CopyTo(ctx, v.Actor, f.ID, w)
	}}, err
}

func papName(n int, v web.Visitor) string { return cmp.Or(disclosure.PAP(n).String(), v.T("pap.none")) }
