package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
)

// How much of each list a picture shows; the tables have all of it.
const (
	topTypes   = 12
	topOwners  = 10
	topMovers  = 6
	topGaps    = 3
	topMissing = 8
)

// overview is the nation's or a sector's page.
type overview struct {
	*situation.Picture
	Title      string
	Query      string // what the tables of this page are asked with
	Windows    []link
	Tiles      []web.Tile
	Trend      web.Trend
	Moves      web.Trend
	Severities web.Bars
	Bars       web.Bars // by sector
	Top        []situation.Type
	Risers     []mover
	Fallers    []mover
	Owners     []owner
	Missing    []owner
	Gaps       []situation.Gap
	MoreGaps   int
	Incidents  *incidents // of the whole nation; nil without
}

type link struct {
	Text    string
	Href    string
	Current bool
}

type mover struct {
	Type situation.Type
	N    int64
	Href string
}

type owner struct {
	situation.Standing
	SectorName string
	SectorHref string
	Href       string
}

// PageTitle is the sector's name, or the picture's title.
func (o *overview) PageTitle() string { return o.Title }

func (r *room) overview(v web.Visitor, p *situation.Picture) *overview {
	o := &overview{Picture: p, Title: v.T("title.situation"), Windows: windows(v, p.Window)}
	q := url.Values{"days": {strconv.Itoa(p.Window)}}
	if !p.Whole {
		o.Title = r.sectorName(v, p.Sector)
		q.Set("sector", cmp.Or(p.Sector, noSector))
	}
	o.Query = "?" + q.Encode()
	o.Tiles = r.tiles(v, p)
	o.Trend, o.Moves = trend(v, p.Days)
	o.Severities = severityBars(v, p)
	for _, s := range p.Sectors {
		o.Bars = append(o.Bars, web.Bar{Label: r.sectorName(v, s.ID), Href: sectorHref(s.ID), Parts: parts(v, s.Open)})
	}
	if n := p.Nobody.Total(); n > 0 {
		o.Bars = append(o.Bars, web.Bar{Label: v.T("sector.nobody"), Href: "/findings?unattributed=1", Parts: parts(v, p.Nobody)})
	}
	o.Top = head(p.Types, topTypes)
	o.Risers = movers(p.Types, func(f situation.Flow) int64 { return f.Fresh + f.Reopened })
	o.Fallers = movers(p.Types, func(f situation.Flow) int64 { return f.Gone })
	for _, s := range head(p.Exposed, topOwners) {
		o.Owners = append(o.Owners, r.owner(v, s))
	}
	for _, s := range head(p.NoContact, topMissing) {
		o.Missing = append(o.Missing, r.owner(v, s))
	}
	o.Gaps = head(p.Gaps, topGaps)
	o.MoreGaps = len(p.Gaps) - len(o.Gaps)
	return o
}

func head[T any](list []T, n int) []T { return list[:min(len(list), n)] }

func windows(v web.Visitor, days int) []link {
	var ls []link
	for _, n := range [...]int{situation.Month, situation.Quarter} {
		ls = append(ls, link{v.T("window.days", n), v.With("days", strconv.Itoa(n)), n == days})
	}
	return ls
}

func (r *room) sectorName(v web.Visitor, id string) string {
	if id == "" {
		return v.T("sector.none")
	}
	return cmp.Or(r.names(id, v.Lang()), id)
}

func sectorHref(id string) string { return "/sectors/" + url.PathEscape(cmp.Or(id, noSector)) }

func (r *room) owner(v web.Visitor, s situation.Standing) owner {
	return owner{s, r.sectorName(v, s.Sector), sectorHref(s.Sector), "/constituents/" + strconv.FormatInt(s.ID, 10)}
}

func parts(v web.Visitor, s situation.Severities) []web.Part {
	var ps []web.Part
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] > 0 {
			n := strconv.Itoa(i)
			ps = append(ps, web.Part{Name: v.T("severity." + n), Class: "severity-" + n, Value: s[i]})
		}
	}
	return ps
}

func severityBars(v web.Visitor, p *situation.Picture) web.Bars {
	var bs web.Bars
	for i := len(p.Open) - 1; i >= 0; i-- {
		if i == int(event.Unrated) && p.Open[i] == 0 {
			continue
		}
		n := strconv.Itoa(i)
		name := v.T("severity." + n)
		href := findings(p, "severity", event.Severity(i).String())
		bs = append(bs, web.Bar{Label: name, Href: href, Parts: []web.Part{{Name: name, Class: "severity-" + n, Value: p.Open[i]}},
			Note: v.Percent(p.Open[i], p.Open.Total())})
	}
	return bs
}

func trend(v web.Visitor, days []situation.Day) (open, moves web.Trend) {
	open.Title, moves.Title = v.T("trend.open"), v.T("trend.moves")
	if len(days) == 0 {
		return open, moves
	}
	var o, fresh, gone []int64
	for _, d := range days {
		o = append(o, d.Open)
		fresh = append(fresh, d.Fresh+d.Reopened)
		gone = append(gone, d.Gone)
		open.Incomplete = append(open.Incomplete, d.Incomplete)
	}
	open.First, moves.First = int64(days[0].Day), int64(days[0].Day)
	moves.Incomplete = open.Incomplete
	open.Stacked, moves.Cut = true, true
	open.Series = []web.Series{{Name: v.T("series.open"), Class: "open", Values: o}}
	moves.Series = []web.Series{{Name: v.T("series.new"), Class: "fresh", Values: fresh}, {Name: v.T("series.gone"), Class: "gone", Values: gone}}
	return open, moves
}

// movers are the types of which most came or went.
func movers(types []situation.Type, of func(situation.Flow) int64) []mover {
	var ms []mover
	for _, t := range types {
		if n := of(t.Flow); n > 0 {
			ms = append(ms, mover{t, n, typeHref(t)})
		}
	}
	slices.SortStableFunc(ms, func(a, b mover) int { return cmp.Compare(b.N, a.N) })
	return head(ms, topMovers)
}

// findings is the list that a number of the picture counts, as pairs of name and value; "" where no filter says it.
func findings(p *situation.Picture, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	if !p.Whole {
		if p.Sector == "" {
			return ""
		}
		q.Set("sector", p.Sector)
	}
	return "/findings?" + q.Encode()
}

func typeHref(t situation.Type) string { return "/findings?type=" + url.QueryEscape(t.Name) }
