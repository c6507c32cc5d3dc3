package portal

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Filter says which of their findings somebody asks for. The zero Filter is every open one.
type Filter struct {
	State    string // a state, or all
	Severity string // at least as grave
	Type     string
	Address  string // or a prefix
	Kind     string // RSIT type
}

func (f Filter) in(m *mine) (event.Filter, error) {
	t := event.FilterText{MinSeverity: f.Severity, Address: f.Address}
	for _, v := range []struct {
		from string
		to   *[]string
	}{{f.State, &t.State}, {f.Type, &t.Type}, {f.Kind, &t.Kind}} {
		if v.from != "" {
			*v.to = []string{v.from}
		}
	}
	out, err := t.Filter(m.Actor)
	out.Scope = m.scope
	return out, err
}

// FindingList is a part of a list of findings.
type FindingList struct {
	Choices []Choice
	Items   []event.Owned
	Total   int64
	Next    string // of all pages; "" at the end
}

// marking is how a finding may travel: as its feed says, to whom it belongs.
func (m *mine) marking(f *event.Owned) disclosure.Marking {
	label, _ := tlp.Parse(m.feeds[f.Feed].Marking) // one that cannot be read is none, which leaves to nobody
	return disclosure.Marking{Default: label, Audience: disclosure.Audience(m.feeds[f.Feed].Audience), Owners: []int64{f.Owner.ID}}
}

func (m *mine) items(list []event.Owned) []item[event.Owned] {
	out := make([]item[event.Owned], len(list))
	for i := range list {
		out[i] = item[event.Owned]{disclosure.Ref("finding:" + list[i].ID.String()), m.marking(&list[i]), list[i]}
	}
	return out
}

// Findings lists findings of the asker's constituents, the gravest first.
func (p *Portal) Findings(ctx context.Context, a Asker, f Filter, page event.PageRequest) (none egress.Cleared[*FindingList], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	filter, err := f.in(m)
	if err != nil {
		return none, err
	}
	list, pg, err := p.Lister.ListOwned(ctx, filter, event.Sort{By: event.BySeverity}, page)
	if err != nil {
		return none, err
	}
	items, g, err := clear(ctx, p, m, m.items(list))
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&FindingList{m.choices(), items, pg.Total, pg.Next}, g)
}

// Event is a sighting of a finding.
type Event struct {
	Time, Observed int64 // UTC microseconds, 0 when not known
	Day            event.Day
	Port           int32 // -1 without one
	Transport      string
	Destination    string // address and port, of what it spoke to; "" without one
	Fields         map[string]any
}

// Cell is a column of an original row.
type Cell struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Finding is one finding with its latest sightings.
type Finding struct {
	event.Owned
	Marking  string
	Events   []Event // the latest first, at most 100, of the latest 30 days that are the owner's
	Original []Cell  // the row of the latest sighting as its feed sent it; nil when it is no longer kept
}

const (
	eventDays  = 30
	maxEvents  = 100
	maxExport  = 50_000
	exportPage = 1000
)

// Finding shows one finding of the asker's constituents. Anybody else's is not there.
func (p *Portal) Finding(ctx context.Context, a Asker, id string) (none egress.Cleared[*Finding], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	f, err := p.Lister.OneOwned(ctx, id, m.scope)
	if err != nil {
		return none, err
	}
	passed, g, err := clear(ctx, p, m, m.items([]event.Owned{f}))
	if err != nil {
		return none, err
	}
	if len(passed) == 0 {
		return none, fault.NotFoundf("no finding has the id %q", id)
	}
	out := &Finding{Owned: passed[0], Marking: m.feeds[f.Feed].Marking}
	list, err := p.Intake.Events(ctx, event.EventQuery{Finding: f.ID, From: max(f.LastDay-eventDays+1, f.Since), Until: f.LastDay, Limit: maxEvents})
	if err != nil {
		return none, err
	}
	for _, e := range list {
		v := Event{Time: e.Time, Observed: e.Observed, Day: e.Day, Port: e.Port, Transport: e.Transport, Fields: e.IDF()}
		if e.DestinationIP.IsValid() {
			v.Destination = e.DestinationIP.String()
			if e.DestinationPort >= 0 {
				v.Destination = fmt.Sprintf("%s %d", v.Destination, e.DestinationPort)
			}
		}
		out.Events = append(out.Events, v)
	}
	if len(list) > 0 {
		header, raw, err := p.Intake.Row(ctx, list[0].File, list[0].Row)
		if err != nil && fault.KindOf(err) == fault.Internal {
			return none, err
		}
		if err == nil {
			out.Original = cells(header, raw)
		}
	}
	return disclosure.Whole(out, g)
}

// cells splits a row: CSV by its header, or the members of a JSON object.
func cells(header, raw string) []Cell {
	var out []Cell
	var object map[string]any
	if json.Unmarshal([]byte(raw), &object) == nil {
		for k, x := range object {
			out = append(out, Cell{k, fmt.Sprint(x)})
		}
		slices.SortFunc(out, func(a, b Cell) int { return cmp.Compare(a.Name, b.Name) })
		return out
	}
	names, err1 := csv.NewReader(strings.NewReader(strings.TrimPrefix(header, "\ufeff"))).Read()
	values, err2 := csv.NewReader(strings.NewReader(raw)).Read()
	if err1 != nil || err2 != nil {
		return nil
	}
	for i, n := range names {
		if i < len(values) && values[i] != "" {
			out = append(out, Cell{n, values[i]})
		}
	}
	return out
}

// Writer writes a file that has been through the gate.
type Writer func(io.Writer) error

// Export gives all findings that the filter means in one of event.Formats, at most 50,000.
func (p *Portal) Export(ctx context.Context, a Asker, f Filter, format string) (none egress.Cleared[Writer], err error) {
	if !slices.Contains(event.Formats(), format) {
		return none, fault.NotFoundf("%q is no format for findings: use json, csv or idf", format)
	}
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	filter, err := f.in(m)
	if err != nil {
		return none, err
	}
	var all []event.Owned
	for page := (event.PageRequest{Limit: exportPage}); ; {
		list, pg, err := p.Lister.ListOwned(ctx, filter, event.Sort{By: event.BySeverity}, page)
		if err != nil {
			return none, err
		}
		if pg.Total > maxExport {
			return none, fault.Invalidf("these are %d findings, and a file has at most %d: narrow the filter", pg.Total, maxExport)
		}
		all = append(all, list...)
		if page.Cursor = pg.Next; page.Cursor == "" {
			break
		}
	}
	passed, g, err := clear(ctx, p, m, m.items(all))
	if err != nil {
		return none, err
	}
	return disclosure.Whole(Writer(func(w io.Writer) error { return event.Write(w, format, passed) }), g)
}
