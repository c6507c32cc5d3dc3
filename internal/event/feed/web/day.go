package web

import (
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/web"
)

const shownDays = 30

// day is one day of a feed as it is shown.
type day struct {
	feed.Day
	State string // complete, incomplete, gap, waiting, before
	X     int    // its place in the strip
	Title string
}

// strip is a feed's last days, the oldest first.
type strip struct {
	Label       string
	Width, Edge int
	First, Last string // the days at the ends
	Days        []day
}

// Newest are the days, the newest first, for a table.
func (s strip) Newest() []day {
	var out []day
	for i := len(s.Days) - 1; i >= 0; i-- {
		if s.Days[i].State != "before" {
			out = append(out, s.Days[i])
		}
	}
	return out
}

// Has says whether any day is in a state, for the legend.
func (s strip) Has(state string) bool {
	for _, d := range s.Days {
		if d.State == state {
			return true
		}
	}
	return false
}

const cell = 32

// End is where the day's box ends.
func (d day) End() int { return d.X + cell - 4 }

// newStrip lays out the days up to today. A day of which nothing is known is a gap, unless its files may still come or the
// feed began later; known has first as its first day, and ok when there is one.
func newStrip(v web.Visitor, known []feed.Day, first int64, ok bool) strip {
	today := int64(event.DayOf(v.Now.UnixMicro()))
	byDay := map[int64]feed.Day{}
	for _, d := range known {
		byDay[d.Day] = d
	}
	s := strip{Width: shownDays * cell, Edge: shownDays*cell - 4, First: v.ShortDay(today - shownDays + 1), Last: v.ShortDay(today)}
	gaps := int64(0)
	for i := range int64(shownDays) {
		at := today - shownDays + 1 + i
		d, known := byDay[at]
		d.Day = at
		c := day{Day: d, X: int(i) * cell}
		switch {
		case known && d.Complete:
			c.State = "complete"
		case known && (d.Types > 0 || d.Listing != nil || d.Ruled != nil):
			c.State = "incomplete"
		case !ok || at < first:
			c.State = "before"
		case at >= today-1:
			c.State = "waiting"
		default:
			c.State = "gap"
		}
		if c.State == "gap" || c.State == "incomplete" {
			gaps++
		}
		c.Title = v.T("feed.day.title", v.Day(at), v.T("feed.day."+c.State), v.Number(int64(d.Types)), v.Number(int64(d.Expected)))
		if len(d.Missing) > 0 {
			c.Title += "\n" + v.T("feed.day.missing", strings.Join(d.Missing[:min(len(d.Missing), 10)], ", "))
		}
		s.Days = append(s.Days, c)
	}
	s.Label = v.T("feed.days.label", gaps)
	return s
}
