package web

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// Filter is what narrows the list. Days are of the visitor's time zone, both included.
type Filter struct {
	Actor  string `query:"actor" max:"200"`
	Verb   string `query:"verb" max:"100"`
	Object string `query:"object" max:"200"`
	From   string `query:"from" max:"10"`
	Until  string `query:"until" max:"10"`
}

func (q Filter) filter(v web.Visitor) (audit.Filter, error) {
	f := audit.Filter{Actor: q.Actor, Verb: q.Verb, Object: q.Object}
	for _, d := range []struct {
		name, text string
		add        int
		to         *int64
	}{{"from", q.From, 0, &f.From}, {"until", q.Until, 1, &f.Until}} {
		if d.text == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, d.text, v.Zone())
		if err != nil {
			return f, fault.Problems{{Field: d.name, Message: "is no date: write it as 2026-01-31"}}
		}
		*d.to = day.AddDate(0, 0, d.add).UnixMicro()
	}
	return f, nil
}

// query is the filter as it stands in an address.
func (q Filter) query(format string) string {
	values := url.Values{}
	for name, value := range map[string]string{"actor": q.Actor, "verb": q.Verb, "object": q.Object, "from": q.From, "until": q.Until, "format": format} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

type listIn struct {
	Filter
	After int64 `query:"after" min:"0"`
}

type listPage struct {
	Filter    Filter
	Verbs     []web.Option
	Entries   []row
	Columns   []web.Column
	Pager     web.Pager
	Empty     web.Empty
	CSV, JSON string // where the exports of this filter are
}

// Savable says that the list can be saved.
func (listPage) Savable() bool { return true }

// row is an entry in the list.
type row struct {
	audit.Entry
	Facts []fact
}

const shown = 50

func (r *room) list(ctx context.Context, v web.Visitor, in listIn) (listPage, error) {
	p := listPage{Filter: in.Filter, CSV: "/audit/export?" + in.query("csv"), JSON: "/audit/export?" + in.query("jsonl")}
	f, err := in.filter(v)
	if err != nil {
		return p, err
	}
	entries, next, err := r.log.List(ctx, f, in.After, shown)
	if err != nil {
		return p, err
	}
	verbs, err := r.log.Verbs(ctx)
	if err != nil {
		return p, err
	}
	p.Verbs = choices(v, verbs, in.Verb)
	for _, e := range entries {
		p.Entries = append(p.Entries, row{e, facts(e.Detail)})
	}
	after := ""
	if next != 0 {
		after = strconv.FormatInt(next, 10)
	}
	p.Pager = web.NewPager(v, after, len(entries))
	p.Columns = []web.Column{{Key: "audit.entry", Numeric: true}, {Key: "audit.at"}, {Key: "audit.actor"}, {Key: "audit.verb"},
		{Key: "audit.object"}, {Key: "audit.detail"}}
	p.Empty = web.Empty{Title: v.T("audit.none"), Text: v.T("audit.none-text"), Href: "/audit", Link: v.T("audit.all")}
	return p, nil
}

// choices are the verbs of the log under their kinds, and the chosen one even when the log does not have it.
func choices(v web.Visitor, verbs []string, chosen string) []web.Option {
	out := []web.Option{{Label: v.T("audit.any")}}
	last, seen := "", chosen == ""
	for _, verb := range verbs {
		if kind, _, ok := strings.Cut(verb, "."); ok && kind != last {
			last = kind
			out = append(out, web.Option{Value: kind + ".", Label: v.T("audit.kind", kind)})
			seen = seen || chosen == kind+"."
		}
		out = append(out, web.Option{Value: verb, Label: verb})
		seen = seen || chosen == verb
	}
	if !seen {
		out = append(out, web.Option{Value: chosen, Label: chosen})
	}
	return out
}

type exportIn struct {
	Filter
	Format string `query:"format" max:"10" default:"csv"`
}

func (r *room) export(ctx context.Context, v web.Visitor, in exportIn) (web.File, error) {
	f, err := in.filter(v)
	if err != nil {
		return web.File{}, err
	}
	types := map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
	if types[in.Format] == "" {
		return web.File{}, fault.Problems{{Field: "format", Message: "use csv or jsonl"}}
	}
	name := fmt.Sprintf("audit-%s.%s", v.Now.Format("2006-01-02"), in.Format)
	return web.File{Name: name, Type: types[in.Format], Write: func(w io.Writer) error {
		return r.log.Export(ctx, w, f, in.Format)
	}}, nil
}
