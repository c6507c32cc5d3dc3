package web

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type oneIn struct {
	ID   string `path:"id" max:"100"`
	File int64  `query:"file" min:"0"`
	Row  int64  `query:"row" min:"0"`
	Days int    `query:"days" min:"1" max:"400" default:"30"`
}

// one is a finding's page.
type one struct {
	*event.Detail
	Sector   string
	Why      why
	Steps    []stepView
	Events   []eventView
	Capped   bool // there may be more events
	Days     int
	Windows  []window
	Original *original
	Missing  string       // why the original row cannot be shown
	Forms    []event.Verb // what the visitor can do with it
	People   []web.Option
	Over     bool // the accepted risk's day is over
	May      bool // change things
	Told     []digest.Telling
	Answers  []digest.Answer
}

// PageTitle names the finding.
func (o *one) PageTitle() string { return o.Subjects() }

// Subjects is what the finding is about in one line.
func (o *one) Subjects() string {
	return strings.TrimSpace(cmp.Or(endpoint(&o.Finding), o.Finding.Name) + " " + cmp.Or(o.Title, o.Type))
}

// Endpoint is the address with its port.
func (o *one) Endpoint() string { return endpoint(&o.Finding) }

type eventView struct {
	event.StoredEvent
	Href string
	Here bool
}

// window is a choice of how far back events are shown.
type window struct {
	Text, Href string
	Current    bool
}

type stepView struct {
	event.Step
	Text string
}

// original is a row as its feed sent it.
type original struct {
	File, Row int64
	Fields    []pair
	Raw       string
}

const eventsShown = 50

func (r *room) finding(ctx context.Context, v web.Visitor, in oneIn) (*one, error) {
	d, err := r.list.ByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	o := &one{Detail: d, Sector: r.sector(v, d.Owner.Sector), Days: in.Days, Why: explain(v, d), May: v.May(Write),
		Over: d.Ruling.Disposition == event.RuledAccepted && d.Ruling.Until < event.DayOf(v.Now.UnixMicro())}
	if o.May {
		if o.People, err = r.people(ctx, v); err != nil {
			return nil, err
		}
		o.Forms = forms(d)
	}
	if r.desk != nil {
		if o.Told, o.Answers, err = r.desk.About(ctx, d.ID); err != nil {
			return nil, err
		}
	}
	for _, s := range d.Steps {
		o.Steps = append(o.Steps, stepView{s, v.T("step."+s.What, nobody(v, s.From), nobody(v, s.To))})
	}
	slices.Reverse(o.Steps)
	list, err := r.in.Events(ctx, event.EventQuery{Finding: d.ID, From: d.LastDay - event.Day(in.Days) + 1, Until: d.LastDay, Limit: eventsShown})
	if err != nil {
		return nil, err
	}
	o.Capped = len(list) == eventsShown
	if in.File == 0 && len(list) > 0 {
		in.File, in.Row = list[0].File, list[0].Row
	}
	for _, e := range list {
		o.Events = append(o.Events, eventView{e, v.With("file", fmt.Sprint(e.File), "row", fmt.Sprint(e.Row)) + "#original",
			e.File == in.File && e.Row == in.Row})
	}
	for _, n := range []int{7, 30, 90} {
		o.Windows = append(o.Windows, window{v.T("one.days", n), v.With("days", fmt.Sprint(n), "file", "", "row", ""), n == in.Days})
	}
	if in.File > 0 {
		return o, r.original(ctx, o, in)
	}
	return o, nil
}

// forms are the acts that make sense for a finding as it stands.
func forms(d *event.Detail) []event.Verb {
	return slices.DeleteFunc(event.Verbs(), func(verb event.Verb) bool {
		switch verb {
		case event.CloseFindings:
			return d.State != event.Open
		case event.Reopen:
			return d.State != event.Closed
		case event.Reset:
			return d.Ruling.Disposition == ""
		case event.MarkFalse:
			return d.Ruling.Disposition == event.RuledFalse
		}
		return false
	})
}

// original reads the row back. That it is not there any more is told on the page, not instead of it.
func (r *room) original(ctx context.Context, o *one, in oneIn) error {
	header, raw, err := r.in.Row(ctx, in.File, in.Row)
	if fault.KindOf(err) != fault.Internal {
		o.Missing = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	o.Original = &original{File: in.File, Row: in.Row, Fields: fields(header, raw), Raw: strings.TrimRight(header+"\n"+raw, "\n")}
	return nil
}

// fields splits a row for people: CSV by its header, or the members of a JSON object.
func fields(header, raw string) []pair {
	var out []pair
	var object map[string]any
	if json.Unmarshal([]byte(raw), &object) == nil {
		for k, x := range object {
			out = append(out, pair{k, fmt.Sprint(x)})
		}
		slices.SortFunc(out, func(a, b pair) int { return cmp.Compare(a.Name, b.Name) })
		return out
	}
	names, err1 := csv.NewReader(strings.NewReader(strings.TrimPrefix(header, "\ufeff"))).Read()
	cells, err2 := csv.NewReader(strings.NewReader(raw)).Read()
	if err1 != nil || err2 != nil {
		return nil
	}
	for i, n := range names {
		if i < len(cells) && cells[i] != "" {
			out = append(out, pair{n, cells[i]})
		}
	}
	return out
}

func nobody(v web.Visitor, o event.Owner) string {
	if o.ID == 0 {
		return v.T("owner.nobody")
	}
	return cmp.Or(o.Name, o.Ref, fmt.Sprint(o.ID))
}

// why says in words why a finding belongs to its owner.
type why struct {
	Verdict string
	Winner  *candidate
	Ties    []candidate
	Lost    []candidate
	Copies  int
}

type candidate struct {
	Name    string
	ID      int64
	Matched string
	Rule    string
	Reason  string
	Source  string
}

func explain(v web.Visitor, d *event.Detail) why {
	x := d.Verdict
	if x == nil || x.Winner.Rule == constituency.NoRule || x.Winner.Rule == 0 {
		return why{Verdict: v.T("why.none")}
	}
	w := why{Copies: len(x.Copies)}
	if x.Owner == 0 {
		w.Verdict = v.T("why.fallback", x.Winner.Matched)
	} else {
		w.Verdict = v.T("why.won", cmp.Or(x.Winner.Name, x.Winner.Ref), x.Winner.Matched)
		c := named(v, x.Winner)
		w.Winner = &c
	}
	for _, c := range x.Ties {
		w.Ties = append(w.Ties, named(v, c))
	}
	for _, c := range x.Lost {
		w.Lost = append(w.Lost, named(v, c))
	}
	return w
}

func named(v web.Visitor, c constituency.Candidate) candidate {
	out := candidate{Name: cmp.Or(c.Name, c.Ref), ID: c.Constituent, Matched: c.Matched, Rule: v.T("rule." + c.Rule.String()), Source: c.Source}
	if out.Name == "" {
		out.Name = v.T("owner.nobody")
	}
	if c.Why != "" {
		out.Reason = c.Why
		if v.Has(c.Why) {
			out.Reason = v.T(c.Why)
		}
	}
	return out
}
