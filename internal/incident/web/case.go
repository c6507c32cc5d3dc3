package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type caseIn struct {
	ID     string `path:"id" max:"40"`
	Before int64  `query:"before" min:"0"`
}

// one is a case's page.
type one struct {
	incident.Case
	Label    string
	Action   string // PAP
	Impact   string // in words
	Reach    string
	Into     *incident.Case // that it is part of
	About    []party
	Reports  []line
	Files    []incident.File
	Entries  []entry
	Older    string
	Seen     int64 // the latest entry that the page shows
	Live     bool  // it can be changed
	States   []web.Option
	Parts    []web.Option
	Kinds    []web.Option
	Tasks    []taskLine
	People   []web.Option
	Sections []section
}

// PageTitle is its number and title.
func (p *one) PageTitle() string { return p.Number + " " + p.Title }

// party is a constituent of the case.
type party struct {
	named
	incident.Party
}

// section leads to a page of the case that another part has.
type section struct{ Label, Href string }

const entriesShown = 100

func (r *room) one(ctx context.Context, v web.Visitor, in caseIn) (*one, error) {
	c, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p := &one{Case: c, Label: c.Label.String(), Action: c.PAP.String(), Live: v.May(Write) && c.State != incident.Joined}
	if c.MergedInto != 0 {
		into, err := r.desk.Case(ctx, c.MergedInto)
		if err != nil {
			return nil, err
		}
		p.Into = &into
	}
	profile, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	word := func(os []web.Option, value string) string {
		for _, o := range os {
			if o.Value == value && value != "" {
				return o.Label
			}
		}
		return value
	}
	p.Impact, p.Reach = word(scale(v, profile.Matrix.Impact, profile.Languages...), c.Impact), word(scale(v, profile.Matrix.Reach, profile.Languages...), c.Reach)
	dir, err := r.people(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range c.Parties {
		p.About = append(p.About, party{r.named(v, dir, x.Constituent), x})
	}
	reports, err := r.desk.ReportsOf(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	lines := make([]incident.Line, len(reports))
	for i, x := range reports {
		lines[i] = incident.Line{Report: x}
	}
	if p.Reports, err = r.lines(ctx, v, lines); err != nil {
		return nil, err
	}
	if p.Files, err = r.desk.FilesOf(ctx, c.ID, 0); err != nil {
		return nil, err
	}
	entries, err := r.desk.Timeline(ctx, c.ID, in.Before, entriesShown+1)
	if err != nil {
		return nil, err
	}
	if len(entries) > entriesShown {
		entries = entries[:entriesShown]
		p.Older = v.With("before", strconv.FormatInt(entries[entriesShown-1].ID, 10)) + "#timeline"
	}
	for _, e := range entries {
		p.Entries = append(p.Entries, entryOf(v, e))
	}
	if err := r.standing(ctx, p.Entries); err != nil {
		return nil, err
	}
	if len(entries) > 0 && in.Before == 0 {
		p.Seen = entries[0].ID
	}
	for _, s := range c.State.Next() {
		p.States = append(p.States, web.Option{Value: string(s), Label: v.T("case-state." + string(s))})
	}
	tasks, err := r.desk.Tasks(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	p.Tasks = taskLines(v, tasks)
	if p.People, err = r.staff(ctx, v); err != nil {
		return nil, err
	}
	p.Sections = []section{{v.T("case.clocks"), clocks(c.ID)}, {v.T("case.affected"), caseOf(c.ID) + "/affected"}, {v.T("case.letters"), caseOf(c.ID) + "/letters"}, {v.T("case.leaks"), caseOf(c.ID) + "/leaks"}, {v.T("title.case-indicators"), caseOf(c.ID) + "/indicators"}, {v.T("title.case-related"), caseOf(c.ID) + "/related"},
		{v.T("title.case-participants"), caseOf(c.ID) + "/participants"}}
	for _, s := range incident.Parts() {
		p.Parts = append(p.Parts, web.Option{Value: s, Label: v.T("part." + s)})
	}
	for _, s := range incident.Written() {
		p.Kinds = append(p.Kinds, web.Option{Value: s, Label: v.T("entry-kind." + s)})
	}
	return p, nil
}

// clocks is where a case's deadlines stand.
func clocks(id int64) string { return fmt.Sprintf("/cases/%d/clocks", id) }

// entry is a line of the timeline as people read it.
type entry struct {
	incident.Entry
	What  string // what happened, in words
	Later bool   // it was written down later than it happened
	Hand  bool   // the next shift must read it
	Links []section
	// Letter is the number of the letter that it tells of, and State how far that is; "" when it is there no longer.
	Letter  int64
	State   string
	Unknown bool // a stranger wrote it
}

// standing tells of the letters of entries how far they are now.
func (r *room) standing(ctx context.Context, es []entry) error {
	var ids []int64
	for _, e := range es {
		if e.Letter != 0 {
			ids = append(ids, e.Letter)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	states, err := r.desk.Outbox.Standing(ctx, ids)
	for i := range es {
		es[i].State = string(states[es[i].Letter])
	}
	return err
}

func entryOf(v web.Visitor, e incident.Entry) entry {
	out := entry{Entry: e, Later: e.Written-e.At > 60_000_000, Hand: e.Kind == incident.KindHandover}
	var d struct {
		From         json.RawMessage // of a change of state a state, of a split a case
		To           string
		Changed      map[string][2]any
		Constituent  string
		Part         string
		Out          bool
		Report       json.Number
		Number       string
		Step         string
		File         json.Number
		Name, SHA256 string
		Bytes        int64
		Case         json.Number
		Title        string
		ID           json.Number
		ReportNumber string `json:"report_number"`
		Event        string
		Due          int64
		StepNames    nation.Localized `json:"step_names"`
		Added        []string
		Did          string
		Assignee     string
		Verdict      string
		Indicators   int64
		Object       string
		Letter       int64
		Subject      string
		Message      int64
		Left         int64
		Verified     bool
	}
	json.Unmarshal([]byte(e.Detail), &d) // what cannot be read is shown by its kind alone
	out.Letter = d.Letter
	state := func(s string) string {
		if s == "" {
			return ""
		}
		return v.T("case-state." + s)
	}
	switch e.Kind {
	case incident.KindState:
		var from string
		if json.Unmarshal(d.From, &from); from == "" {
			out.What = v.T("entry.opened")
		} else {
			out.What = v.T("entry.state", state(from), state(d.To))
		}
	case incident.KindChange:
		out.What = changes(v, d.Changed)
	case incident.KindParty:
		who := d.Constituent
		if who == "" {
			who = v.T("entry.constituent", d.ID.String())
		}
		out.What = v.T("entry.party", who, v.T("part."+d.Part))
		if d.Out {
			out.What = v.T("entry.party-out", who, v.T("part."+d.Part))
		}
	case incident.KindReport, incident.KindAddition:
		out.What = v.T("entry."+e.Kind, d.Number)
		out.Links = []section{{d.Number, "/reports/" + d.Report.String()}}
	case incident.KindEvidence:
		out.What = v.T("entry.evidence", d.Name, v.Bytes(d.Bytes))
		out.Links = []section{{d.Name, "/evidence/" + d.File.String()}}
	case incident.KindMerge:
		out.What = v.T("entry.merge", d.Number, d.Title)
	case incident.KindSplit:
		if d.ReportNumber != "" {
			out.What = v.T("entry.split", d.ReportNumber, d.Number)
			out.Links = []section{{d.Number, "/cases/" + d.Case.String()}}
		} else {
			out.What = v.T("entry.split-from", d.Number)
		}
	case "clock": // of the statutory clocks
		out.What = v.T("entry.clock."+d.Event, d.StepNames.In(v.Lang(), "en"), v.Time(time.UnixMicro(d.Due)))
		out.Links = []section{{v.T("case.clocks"), clocks(e.Case)}}
	case "affected": // of those whom the case affects
		if out.What = v.T("entry.affected", len(d.Added)); d.Name != "" {
			out.What = v.T("entry.affected-decided", d.Name)
		}
		out.Links = []section{{v.T("case.affected"), caseOf(e.Case) + "/affected"}}
	case "told":
		out.What = v.T("entry.told", d.Name)
		out.Links = []section{{v.T("case.affected"), caseOf(e.Case) + "/affected"}}
	case "letter": // of the conversation by mail
		out.What = v.T("entry.letter", cmp.Or(d.Name, d.To), d.Subject)
		out.Links = []section{{v.T("case.letters"), caseOf(e.Case) + "/letters"}}
	case "mail":
		var from string
		json.Unmarshal(d.From, &from)
		if out.What, out.Unknown = v.T("entry.mail-from", from), !d.Verified; d.Left > 0 {
			out.What = v.T("entry.mail-left", from, d.Left)
		}
		if out.Links = []section{{v.T("case.letters"), caseOf(e.Case) + "/letters"}}; v.May(Write) {
			out.Links = append(out.Links, section{v.T("entry.reply"), fmt.Sprintf("%s/letters/new?reply=%d", caseOf(e.Case), d.Message)})
		}
	case incident.KindTask:
		out.What = v.T("entry.task-"+d.Did, d.Title)
		if d.Assignee != "" {
			out.What += " " + d.Assignee
		}
	case incident.KindIndicator:
		out.What = v.T("entry.indicator", d.Indicators, v.T("verdict."+d.Verdict))
	case incident.KindParticipant:
		if d.Out {
			out.What = v.T("entry.participant-out", d.Name)
		} else {
			out.What = v.T("entry.participant", d.Name)
		}
	case incident.KindLink:
		if d.Out {
			out.What = v.T("entry.unlink", d.Title)
		} else {
			out.What = v.T("entry.link", d.Title)
		}
	default:
		if v.Has("entry." + e.Kind) {
			out.What = v.T("entry." + e.Kind)
		}
	}
	return out
}

// changes says what was changed: each field with what it was and what it is.
func changes(v web.Visitor, diff map[string][2]any) string {
	var out []string
	for _, f := range []string{"title", "summary", "type", "impact", "reach", "severity", "tlp", "pap", "cross_border", "personal_data", "lead"} {
		d, ok := diff[f]
		if !ok {
			continue
		}
		name := v.T("change." + strings.ReplaceAll(f, "_", "-"))
		if f == "summary" || f == "lead" {
			out = append(out, name)
			continue
		}
		out = append(out, v.T("change.of", name, valueOf(v, f, d[0]), valueOf(v, f, d[1])))
	}
	return strings.Join(out, "; ")
}

func valueOf(v web.Visitor, field string, x any) string {
	switch x := x.(type) {
	case bool:
		return v.T(map[bool]string{true: "answer.yes", false: "answer.no"}[x])
	case float64:
		if field == "severity" {
			return v.T(fmt.Sprintf("severity.%d", int(x)))
		}
		if field == "pap" {
			return papName(int(x), v)
		}
		return fmt.Sprint(x)
	case string:
		if x != "" {
			return x
		}
	}
	return "–"
}

// wrongs lists what is wrong with an input.
func wrongs(err error) []string {
	var ps fault.Problems
	if !errors.As(err, &ps) {
		return []string{err.Error()}
	}
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}
