package web

import (
	"net/url"

	"tocsin/internal/event"
	"tocsin/internal/platform/web"
	"tocsin/internal/situation"
)

const week = 7

func (r *room) tiles(v web.Visitor, p *situation.Picture) []web.Tile {
	grave := p.Open[event.Critical] + p.Open[event.High]
	day := ""
	if p.Day >= 0 {
		day = v.Day(int64(p.Day))
	}
	ts := []web.Tile{
		openTile(v, p.Open.Total(), p.Days, findings(p, "state", "open")),
		{Label: v.T("tile.grave"), Value: v.Number(grave), Note: v.T("tile.share", v.Percent(grave, p.Open.Total())),
			Href: findings(p, "min-severity", "high")},
		{Label: v.T("tile.new"), Value: v.Number(p.Today.Fresh + p.Today.Reopened), Note: v.T("tile.on", day), Href: findings(p, "new", "1")},
		{Label: v.T("tile.gone"), Value: v.Number(p.Today.Gone), Note: v.T("tile.on", day),
			Href: findings(p, "state", "no-longer-seen", "state", "lapsed", "sort", "-last-seen")},
	}
	if p.Whole {
		ts = append(ts, web.Tile{Label: v.T("tile.nobody"), Value: v.Percent(p.Nobody.Total(), p.Open.Total()),
			Note: v.T("tile.findings", p.Nobody.Total()), Href: "/findings?unattributed=1"})
	}
	missing := web.Tile{Label: v.T("tile.no-contact"), Value: v.Number(int64(len(p.NoContact))), Note: v.T("tile.no-contact-note"), Href: "#no-contact"}
	gap := web.Tile{Label: v.T("tile.gaps"), Value: v.Number(int64(len(p.Gaps))), Note: v.T("tile.window", p.Window), Href: "#gaps"}
	return append(ts, missing, gap)
}

func openTile(v web.Visitor, open int64, days []situation.Day, href string) web.Tile {
	t := web.Tile{Label: v.T("tile.open"), Value: v.Number(open), Href: href}
	for _, d := range days {
		t.Spark = append(t.Spark, d.Open)
	}
	if i := len(days) - 1 - week; i >= 0 {
		diff := open - days[i].Open
		switch {
		case diff > 0:
			t.Delta, t.Trend = v.T("tile.more", diff), "worse"
		case diff < 0:
			t.Delta, t.Trend = v.T("tile.fewer", -diff), "better"
		default:
			t.Delta = v.T("tile.same")
		}
	}
	return t
}

// standing is how one constituent stands.
type standing struct {
	*situation.Numbers
	Owner      owner
	Windows    []link
	Tiles      []web.Tile
	Trend      web.Trend
	Moves      web.Trend
	Severities web.Bars
	Scores     []score
}

// score explains a part of an exposure.
type score struct {
	Severity int
	Open     int64
	Weight   int64
	Points   int64
}

// PageTitle is the constituent's name.
func (s *standing) PageTitle() string { return s.Name }

func (r *room) standing(v web.Visitor, n *situation.Numbers, window int) *standing {
	s := &standing{Numbers: n, Owner: r.owner(v, n.Standing), Windows: windows(v, window), Scores: scores(n.Open)}
	s.Trend, s.Moves = trend(v, n.Days)
	owner := "owner=" + url.QueryEscape(n.Ref)
	s.Tiles = []web.Tile{openTile(v, n.Open.Total(), n.Days, "/findings?"+owner),
		{Label: v.T("tile.exposure"), Value: v.Number(n.Exposure), Note: v.T("tile.exposure-note")},
		{Label: v.T("tile.rank"), Value: rank(v, n.Rank), Note: v.T("tile.rank-note")}}
	s.Severities = web.Bars{}
	for _, p := range parts(v, n.Open) {
		s.Severities = append(s.Severities, web.Bar{Label: p.Name, Parts: []web.Part{p}})
	}
	return s
}

func rank(v web.Visitor, n int) string {
	if n == 0 {
		return "–"
	}
	return v.Number(int64(n))
}

func scores(open situation.Severities) []score {
	var ss []score
	w := situation.Weights()
	for i := len(open) - 1; i >= 0; i-- {
		if open[i] > 0 {
			ss = append(ss, score{i, open[i], w[i], open[i] * w[i]})
		}
	}
	return ss
}
