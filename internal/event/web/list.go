package web

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type listIn struct {
	event.FilterText
	Sort  string `query:"sort" max:"20"`
	After string `query:"after" max:"1000"`
}

// findings is the list's page.
type findings struct {
	Filter  event.FilterText
	Sort    string
	Columns []web.Column
	Rows    []rowView
	Total   int64
	Pager   web.Pager
	Prev    string
	Exports []link
	Chips   []chip
	Kept    []pair // values that the bar has no field for
	Empty   web.Empty
	Wrong   []string
	More    bool // the second part of the bar is in use
	Port    string
	Query   string // the filter, for an act on all that match
	Verbs   []web.Option
	Most    int64 // findings that one act can be about

	People, Dispositions, States, Severities, Types, Sectors, Feeds, Kinds, Designations []web.Option
}

// Savable says that the list can be saved.
func (p *findings) Savable() bool { return len(p.Wrong) == 0 }

type link struct{ Text, Href string }

type pair struct{ Name, Value string }

// chip is a filter in use, and the page without it.
type chip struct{ Label, Value, Href string }

type rowView struct {
	event.Finding
	Sector string
	Pick   bool // with a box to tick
}

// Ruled is the disposition where the state does not say it.
func (r rowView) Ruled() string {
	if d := string(r.Ruling.Disposition); d != string(r.State) {
		return d
	}
	return ""
}

// Endpoint is the address with its port, or nothing.
func (r rowView) Endpoint() string { return endpoint(&r.Finding) }

// First is the day of the first report that had it.
func (r rowView) First() int64 { return int64(r.FirstDay) }

// Last is the day of the latest report that had it.
func (r rowView) Last() int64 { return int64(r.LastDay) }

func endpoint(f *event.Finding) string {
	switch {
	case !f.Address.IsValid():
		return ""
	case f.Port >= 0:
		return netip.AddrPortFrom(f.Address, uint16(f.Port)).String()
	}
	return f.Address.String()
}

const onPage = 100

func (r *room) findings(ctx context.Context, v web.Visitor, in listIn) (*findings, error) {
	p := &findings{Filter: in.FilterText, Sort: in.Sort}
	if len(in.Port) == 1 {
		p.Port = strconv.Itoa(int(in.Port[0]))
	}
	if err := r.bar(ctx, v, p); err != nil {
		return nil, err
	}
	s, err := event.ParseSort(in.Sort)
	if err != nil {
		return nil, err
	}
	p.Columns = columns(v, s)
	f, err := in.Filter(v.Actor)
	var page *event.Page
	if err == nil {
		page, err = r.list.List(ctx, f, s, event.PageRequest{Cursor: in.After, Limit: onPage})
	}
	if fault.KindOf(err) == fault.Invalid {
		p.Wrong = wrongs(err)
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range page.Items {
		p.Rows = append(p.Rows, rowView{f, r.sector(v, f.Owner.Sector), v.May(Write)})
	}
	if v.May(Write) {
		p.bulk(v)
	}
	p.Total, p.Pager = page.Total, web.NewPager(v, page.Next, len(page.Items))
	if page.Prev != "" {
		p.Prev = v.With("after", page.Prev)
	}
	query := v.With("after", "", "sort", "")[len(v.URL.Path):]
	for _, format := range []string{"csv", "json", "idf"} {
		p.Exports = append(p.Exports, link{v.T("export." + format), "/findings/export/" + format + query})
	}
	if len(p.Types) <= 1 { // nothing to choose from: no report has ever come
		p.Empty = web.Empty{Title: v.T("list.empty"), Text: v.T("list.empty-text"), Href: "/", Link: v.T("list.begin")}
		return p, nil
	}
	p.Empty = web.Empty{Title: v.T("list.none"), Text: v.T("list.none-text"), Href: "/findings?state=all", Link: v.T("list.all")}
	return p, nil
}

// bulk is the bar of acts on many findings.
func (p *findings) bulk(v web.Visitor) {
	p.Columns = append([]web.Column{{Key: "col.pick"}}, p.Columns...)
	p.Most = event.MaxChoice
	_, p.Query, _ = strings.Cut(v.With("after", "", "sort", ""), "?")
	for _, verb := range event.Verbs() {
		p.Verbs = append(p.Verbs, web.Option{Value: string(verb), Label: v.T("do." + string(verb))})
	}
}

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

// columns are the heads of the table: a click on the one that sorts turns it round.
func columns(v web.Visitor, s event.Sort) []web.Column {
	cs := []web.Column{{Key: "col.severity", Sort: string(event.BySeverity)}, {Key: "col.subject", Sort: string(event.ByAddress)},
		{Key: "col.type", Sort: string(event.ByType)}, {Key: "col.owner", Sort: string(event.ByOwner)},
		{Key: "col.first", Sort: string(event.ByFirstSeen)}, {Key: "col.last", Sort: string(event.ByLastSeen)}, {Key: "col.state"}, {Key: "col.assignee"}}
	for i := range cs {
		c := &cs[i]
		if c.Sort == "" {
			continue
		}
		falls := c.Sort == string(event.BySeverity) || c.Sort == string(event.ByFirstSeen) || c.Sort == string(event.ByLastSeen)
		to := c.Sort
		if c.Sort == string(s.By) {
			c.Order = "ascending"
			if falls != s.Reverse {
				c.Order = "descending"
			}
			if !s.Reverse {
				to = "-" + to
			}
		}
		c.Href = v.With("sort", to, "after", "")
	}
	return cs
}

// bar fills in what the filter bar offers and what is in use.
func (r *room) bar(ctx context.Context, v web.Visitor, p *findings) error {
	types, err := r.list.Types(ctx)
	if err != nil {
		return err
	}
	any := web.Option{Label: v.T("filter.any")}
	p.States = []web.Option{{Label: v.T("state.open")}}
	for _, s := range event.States()[1:] {
		p.States = append(p.States, web.Option{Value: string(s), Label: v.T("state." + string(s))})
	}
	p.States = append(p.States, web.Option{Value: "all", Label: v.T("filter.all-states")})
	p.Severities, p.Types, p.Feeds, p.Kinds = []web.Option{any}, []web.Option{any}, []web.Option{any}, []web.Option{any}
	for s := event.Critical; s > event.Unrated; s-- {
		p.Severities = append(p.Severities, web.Option{Value: s.String(), Label: v.T("filter.at-least", v.T("severity."+strconv.Itoa(int(s))))})
	}
	for _, t := range types {
		p.Types = append(p.Types, web.Option{Value: t.Name, Label: cmp.Or(t.Title, t.Name)})
		p.Feeds = append(p.Feeds, web.Option{Value: t.Feed, Label: t.Feed})
		if t.Kind != "" {
			p.Kinds = append(p.Kinds, web.Option{Value: t.Kind, Label: t.Kind})
		}
	}
	people, err := r.people(ctx, v)
	if err != nil {
		return err
	}
	p.People, p.Dispositions = append([]web.Option{any}, people...), []web.Option{any}
	for _, d := range []string{"none", string(event.RuledFalse), string(event.RuledAccepted)} {
		p.Dispositions = append(p.Dispositions, web.Option{Value: d, Label: v.T("disposition." + d)})
	}
	p.Designations = []web.Option{any}
	for _, d := range constituency.Designations() {
		p.Designations = append(p.Designations, web.Option{Value: string(d), Label: v.T("designation." + string(d))})
	}
	sectors, err := r.list.Sectors(ctx)
	if err != nil {
		return err
	}
	p.Sectors = []web.Option{any}
	for _, s := range sectors {
		p.Sectors = append(p.Sectors, web.Option{Value: s, Label: r.sector(v, s)})
	}
	for _, list := range []*[]web.Option{&p.Types, &p.Feeds, &p.Kinds, &p.Sectors} {
		slices.SortFunc((*list)[1:], func(a, b web.Option) int { return cmp.Compare(a.Label, b.Label) })
		*list = slices.Compact(*list)
	}
	p.inUse(r, v)
	return nil
}

// second are the fields of the bar that wait behind "more"; other filters only come by links and stand as chips.
var second = []string{"feed", "kind", "designation", "port", "transport", "name", "domain", "identifier", "first-from", "first-until",
	"last-from", "last-until", "assignee", "disposition", "new", "branch", "unattributed", "no-contact"}

// inUse lists the filters in use. A field of the bar holds one value: several are kept beside it.
func (p *findings) inUse(r *room, v web.Visitor) {
	q := v.URL.Query()
	for _, name := range slices.Sorted(keys(q)) {
		values := slices.DeleteFunc(slices.Clone(q[name]), func(s string) bool { return strings.TrimSpace(s) == "" })
		if name == "after" || name == "sort" || len(values) == 0 || !v.Has("filter."+name) {
			continue
		}
		p.More = p.More || slices.Contains(second, name)
		if len(values) > 1 || name == "severity" || name == "class" || name == "owner-kind" || name == "day" {
			for _, one := range values {
				p.Kept = append(p.Kept, pair{name, one})
			}
		}
		c := chip{Label: v.T("filter." + name), Href: v.With(name, "", "after", "")}
		if name != "branch" && name != "unattributed" && name != "no-contact" && name != "new" {
			c.Value = strings.Join(r.words(v, name, values), ", ")
		}
		p.Chips = append(p.Chips, c)
	}
}

// words are a filter's values as people read them.
func (r *room) words(v web.Visitor, name string, values []string) []string {
	out := slices.Clone(values)
	for i, s := range out {
		switch name {
		case "sector":
			out[i] = r.sector(v, s)
		case "state", "designation", "disposition", "assignee":
			if v.Has(name + "." + s) {
				out[i] = v.T(name + "." + s)
			}
		case "severity", "min-severity":
			if n, ok := event.ParseSeverity(s); ok {
				if out[i] = v.T("severity." + strconv.Itoa(int(n))); name == "min-severity" {
					out[i] = v.T("filter.at-least", out[i])
				}
			}
		}
	}
	return out
}

func keys(q url.Values) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range q {
			if !yield(k) {
				return
			}
		}
	}
}

// One is the value of a field of the bar; "" when there are several, which are kept beside it.
func (p *findings) One(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return ""
}
