package web

import (
	"context"
	"errors"
	"strings"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// fields are what a report's form sends. The first few are all that somebody under attack must fill in.
type fields struct {
	Title        string `form:"title" max:"200"`
	Text         string `form:"text" max:"200000"`
	Type         string `form:"type" max:"60"`
	Aware        string `form:"aware" max:"40"`
	Happened     string `form:"happened" max:"40"`
	Step         string `form:"step" max:"40"`
	Name         string `form:"name" max:"200"`
	Organisation string `form:"organisation" max:"200"`
	Mail         string `form:"mail" max:"254"`
	Phone        string `form:"phone" max:"60"`
	Label        string `form:"tlp" max:"20"`
	Ongoing      string `form:"ongoing" max:"3"`
	Impact       string `form:"impact" max:"20000"`
	Systems      string `form:"systems" max:"20000"`
	Cause        string `form:"cause" max:"20000"`
	Measures     string `form:"measures" max:"20000"`
	Indicators   string `form:"indicators" max:"20000"`
	Users        int64  `form:"users" min:"0"`
	Personal     string `form:"personal_data" max:"3"`
	Borders      string `form:"cross_border" max:"3"`
	Countries    string `form:"countries" max:"200"`
	Suspected    string `form:"suspected_unlawful" max:"3"`
	Police       string `form:"police" max:"3"`
	Help         string `form:"help" max:"20000"`
}

// filing reads the form; times are of the nation's clocks.
func (f fields) filing(v web.Visitor) (incident.Filing, error) {
	out := incident.Filing{Title: f.Title, Text: f.Text, Guess: f.Type, Step: f.Step, Name: f.Name, Organisation: f.Organisation, Mail: f.Mail, Phone: f.Phone,
		Language: v.Lang(), Details: incident.Details{Ongoing: f.Ongoing, Impact: f.Impact, Systems: f.Systems, Cause: f.Cause, Measures: f.Measures,
			Indicators: f.Indicators, Users: f.Users, PersonalData: f.Personal, CrossBorder: f.Borders, Countries: f.Countries, Suspected: f.Suspected,
			Police: f.Police, Help: f.Help}}
	var ps fault.Problems
	for _, t := range []struct {
		field, from string
		to          *int64
	}{{"aware", f.Aware, &out.Aware}, {"happened", f.Happened, &out.Happened}} {
		at, err := moment(v, t.from)
		if err != nil {
			ps = append(ps, fault.Problem{Field: t.field, Message: err.Error()})
		}
		*t.to = at
	}
	if f.Label != "" {
		label, err := tlp.Parse(f.Label)
		if err != nil {
			ps = append(ps, fault.Problem{Field: "tlp", Message: err.Error()})
		}
		out.Label = label
	}
	if len(ps) > 0 {
		return out, ps
	}
	return out, nil
}

const local = "2006-01-02T15:04"

// moment reads what an input for date and time sends, in the nation's time zone; 0 for nothing. Of a time that comes twice it is the first.
func moment(v web.Visitor, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	for _, layout := range []string{local, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, v.Zone()); err == nil {
			return t.UnixMicro(), nil
		}
	}
	return 0, errors.New(v.T("form.no-time"))
}

func written(v web.Visitor, at int64) string {
	if at == 0 {
		return ""
	}
	return time.UnixMicro(at).In(v.Zone()).Format(local)
}

// entry is a report's form as it is shown.
type entry struct {
	incident.Filing
	AwareAt, HappenedAt, ReportedAt string
	Zone                            string
	Types, Answers, Labels, Steps   []web.Option
	Users                           string
}

// kinds are the types of the taxonomy that people outside can tell apart, in the order in which they are offered.
var kinds = [...]string{"infected-system", "phishing", "privileged-account-compromise", "system-compromise", "application-compromise", "ddos", "data-leak",
	"masquerade", "vulnerable-system", "spam", "other"}

// labels are how far a reporter may let a report travel; "" is the usual.
var labels = [...]tlp.Label{tlp.AmberStrict, tlp.Amber, tlp.Green, tlp.Clear}

func labelKey(l tlp.Label) string {
	return "label." + strings.ToLower(strings.TrimPrefix(l.String(), "TLP:"))
}

func (r *room) entry(ctx context.Context, v web.Visitor, f incident.Filing, constituent int64) (*entry, error) {
	e := &entry{Filing: f, AwareAt: written(v, f.Aware), HappenedAt: written(v, f.Happened), ReportedAt: written(v, f.Reported), Zone: v.Zone().String(),
		Types: []web.Option{{Label: v.T("form.unknown")}}, Labels: []web.Option{{Label: v.T("form.label.usual")}}, Answers: []web.Option{{Label: v.T("form.unknown")}}}
	if f.Details.Users != 0 {
		e.Users = number(f.Details.Users)
	}
	known := f.Guess == ""
	for _, k := range kinds {
		e.Types = append(e.Types, web.Option{Value: k, Label: v.T("kind." + k)})
		known = known || k == f.Guess
	}
	if !known {
		e.Types = append(e.Types, web.Option{Value: f.Guess, Label: f.Guess})
	}
	for _, a := range []string{"yes", "no"} {
		e.Answers = append(e.Answers, web.Option{Value: a, Label: v.T("answer." + a)})
	}
	for _, l := range labels {
		e.Labels = append(e.Labels, web.Option{Value: l.String(), Label: v.T(labelKey(l))})
	}
	steps, err := r.steps(ctx, v, constituent)
	e.Steps = steps
	return e, err
}

// steps are the statutory reports that a constituent may say this is; none when no law asks them for any.
func (r *room) steps(ctx context.Context, v web.Visitor, constituent int64) ([]web.Option, error) {
	steps, err := r.counter.Steps(ctx, constituent, v.Lang())
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	out := []web.Option{{Label: v.T("form.step.none")}}
	for _, s := range steps {
		out = append(out, web.Option{Value: s.ID, Label: s.Name})
	}
	return out, nil
}

// addition is what a reporter adds later.
type addition struct {
	Text string `form:"text" need:"true" max:"200000"`
	Step string `form:"step" max:"40"`
}

func (a addition) addition() incident.Addition { return incident.Addition{Text: a.Text, Step: a.Step} }
