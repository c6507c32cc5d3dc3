package web

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"strings"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
	"tocsin/internal/portal"
)

var severities = [...]string{"unrated", "info", "low", "medium", "high", "critical"}

func findingsPath(constituent int64, pairs ...string) string {
	q := url.Values{}
	if constituent != 0 {
		q.Set("constituent", strconv.FormatInt(constituent, 10))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/portal/findings?" + q.Encode()
}

type filterIn struct {
	State    string `query:"state" max:"30"`
	Severity string `query:"min-severity" max:"30"`
	Type     string `query:"type" max:"200"`
	Address  string `query:"address" max:"60"`
}

func (f filterIn) filter() portal.Filter {
	return portal.Filter{State: f.State, Severity: f.Severity, Type: f.Type, Address: f.Address}
}

type findingsIn struct {
	Choice chosen
	Filter filterIn
	After  string `query:"after" max:"2000"`
}

type findingsOut struct {
	*portal.FindingList
	Filter     filterIn
	Choose     chooser
	Severities []web.Option
	States     []web.Option
	Pager      web.Pager
	Exports    []web.Bar // label and address
	Wrong      string
}

// Owner tells whether rows name their owner: with several constituents.
func (o *findingsOut) Owner() bool { return len(o.Choices) > 1 }

func (r *room) findings(ctx context.Context, v web.Visitor, in findingsIn) (egress.Cleared[*findingsOut], error) {
	a := r.asker(v, in.Choice.Constituent, disclosure.Portal)
	f, after, wrong := in.Filter.filter(), in.After, ""
	c, err := r.portal.Findings(ctx, a, f, event.PageRequest{Cursor: after})
	if fault.KindOf(err) == fault.Invalid { // told on the page, beside the filter
		wrong = err.Error()
		c, err = r.portal.Findings(ctx, a, portal.Filter{}, event.PageRequest{})
	}
	return dress(c, err, func(l *portal.FindingList) *findingsOut {
		out := &findingsOut{FindingList: l, Filter: in.Filter, Choose: choose(v, l.Choices, in.Choice.Constituent), Wrong: wrong,
			Severities: []web.Option{{Label: v.T("filter.any")}}, Pager: web.NewPager(v, l.Next, len(l.Items)),
			States: []web.Option{{Label: v.T("state.open")}}}
		for n, s := range severities {
			out.Severities = append(out.Severities, web.Option{Value: s, Label: v.T("severity." + strconv.Itoa(n))})
		}
		for _, s := range event.States()[1:] {
			out.States = append(out.States, web.Option{Value: string(s), Label: v.T("state." + string(s))})
		}
		out.States = append(out.States, web.Option{Value: "all", Label: v.T("filter.any")})
		if v.May(download) {
			for _, format := range event.Formats() {
				path := "/portal/findings/export/" + format
				if q := v.With("after", ""); strings.Contains(q, "?") {
					path += q[strings.Index(q, "?"):]
				}
				out.Exports = append(out.Exports, web.Bar{Label: strings.ToUpper(format), Href: path})
			}
		}
		return out
	})
}

type exportIn struct {
	Choice chosen
	Filter filterIn
	Format string `path:"format" max:"10"`
}

func (r *room) export(ctx context.Context, v web.Visitor, in exportIn) (egress.Cleared[web.File], error) {
	c, err := r.portal.Export(ctx, r.asker(v, in.Choice.Constituent, disclosure.Export), in.Filter.filter(), in.Format)
	types := map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8", "idf": "application/x-ndjson"}
	return dress(c, err, func(w portal.Writer) web.File {
		return web.File{Name: "findings-" + event.DayOf(v.Now.UnixMicro()).String() + "." + in.Format, Type: types[in.Format],
			Write: func(to io.Writer) error { return w(to) }}
	})
}

type findingOut struct {
	*portal.Finding
	Guidance string
}

// PageTitle names the finding.
func (o *findingOut) PageTitle() string { return strings.TrimSpace(endpoint(o.Owned) + " " + o.Title) }

// Endpoint is the address with its port, or the name.
func (o *findingOut) Endpoint() string { return endpoint(o.Owned) }

func endpoint(f event.Owned) string {
	if !f.Address.IsValid() {
		return f.Name
	}
	if f.Port < 0 {
		return f.Address.String()
	}
	return f.Address.String() + " " + strconv.Itoa(int(f.Port)) + "/" + f.Transport
}

// guided are the RSIT classes with a line of their own on what to do.
var guided = map[string]string{"vulnerable": "vulnerable", "malicious-code": "malicious-code", "intrusions": "intrusions",
	"intrusion-attempts": "intrusion-attempts", "availability": "availability", "abusive-content": "abusive-content", "fraud": "fraud"}

func (r *room) finding(ctx context.Context, v web.Visitor, in struct {
	ID string `path:"id" max:"200"`
}) (egress.Cleared[*findingOut], error) {
	c, err := r.portal.Finding(ctx, r.asker(v, 0, disclosure.Portal), in.ID)
	return dress(c, err, func(f *portal.Finding) *findingOut {
		key := "guidance.other"
		if k, ok := guided[f.Class]; ok {
			key = "guidance." + k
		}
		return &findingOut{f, v.T(key)}
	})
}

// row is a finding in a list.
type row struct {
	event.Owned
	Endpoint string
}

// Rows are the findings for the table.
func (o *findingsOut) Rows() []row {
	out := make([]row, len(o.Items))
	for i, f := range o.Items {
		out[i] = row{f, endpoint(f)}
	}
	return out
}
