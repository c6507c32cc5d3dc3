package web

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
)

// incidents is how the nation's incidents stand, with what must be seen to next.
type incidents struct {
	Next       []link // what the duty officer must see to, the most urgent first
	Tiles      []web.Tile
	Severities web.Bars
	Classes    web.Bars
	Sectors    web.Bars
}

func (r *room) incidents(v web.Visitor, i *situation.Incidents) *incidents {
	o := &incidents{}
	for _, n := range []struct {
		n         int64
		key, href string
	}{
		{i.Late, "next.late", "/clocks"}, {i.Waiting, "next.waiting", "/reports"}, {i.Unconfirmed, "next.unconfirmed", "/reports"},
		{i.Nobody, "next.nobody", "/cases"}, {i.Untold, "next.untold", "/cases"}, {i.Sitreps, "next.sitreps", "/sitreps"},
	} {
		if n.n > 0 {
			o.Next = append(o.Next, link{Text: v.T(n.key, n.n), Href: n.href})
		}
	}
	waiting := web.Tile{Label: v.T("incident.waiting"), Value: v.Number(i.Waiting), Href: "/reports"}
	if i.Oldest != 0 {
		waiting.Note = v.T("incident.oldest", v.Ago(time.UnixMicro(i.Oldest), v.Now))
	}
	due := web.Tile{Label: v.T("incident.clocks"), Value: v.Number(i.Running + i.Late), Note: v.T("incident.late", i.Late), Href: "/clocks"}
	if i.Late == 0 && i.NextDue != 0 {
		due.Note = v.T("incident.due", v.Time(time.UnixMicro(i.NextDue)))
	}
	o.Tiles = []web.Tile{
		{Label: v.T("incident.open"), Value: v.Number(i.Open.Total()), Note: v.T("incident.border", i.CrossBorder), Href: "/cases"},
		waiting, due,
		{Label: v.T("incident.reported"), Value: v.Number(i.Reported.Now), Note: v.T("incident.before", i.Reported.Before)},
		{Label: v.T("incident.opened"), Value: v.Number(i.Opened.Now), Note: v.T("incident.before", i.Opened.Before)},
		{Label: v.T("incident.closed"), Value: v.Number(i.Closed.Now), Note: v.T("incident.before", i.Closed.Before)},
	}
	for s := len(i.Open) - 1; s >= 0; s-- {
		if i.Open[s] > 0 {
			n := strconv.Itoa(s)
			name := v.T("severity." + n)
			o.Severities = append(o.Severities, web.Bar{Label: name, Parts: []web.Part{{Name: name, Class: "severity-" + n, Value: i.Open[s]}}})
		}
	}
	o.Classes = bars(i.Classes, func(class string) string { return cmp.Or(class, v.T("incident.no-class")) })
	o.Sectors = bars(i.Sectors, func(sector string) string { return r.sectorName(v, sector) })
	return o
}

// bars are counts by name, the most first.
func bars(counts map[string]int64, name func(string) string) (out web.Bars) {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for _, k := range keys {
		label := name(k)
		out = append(out, web.Bar{Label: label, Parts: []web.Part{{Name: label, Class: "severity-2", Value: counts[k]}}})
	}
	return out
}
