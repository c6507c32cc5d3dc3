package situation

import (
	"cmp"
	"context"
	"slices"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
)

// Shared is what of the national picture leaves to authorities, law enforcement and CERTs abroad: open findings by sector and
// severity. Feeds whose agreement keeps them with the staff are not in it, and counts that could name somebody are hidden.
type Shared struct {
	Day     event.Day // the latest day with a report; -1 before any
	Least   int64     // counts above 0 and below it are hidden, and others so that these cannot be worked out
	Sectors []SharedSector
	Open    SharedLine // of all sectors
}

// SharedSector is a sector's line; an empty ID is the owners without a sector, and nobody's.
type SharedSector struct {
	ID   string
	Open SharedLine
}

// SharedLine is a number for each severity, and their sum.
type SharedLine struct {
	By    [event.Critical + 1]SharedCount
	Total SharedCount
}

// SharedCount is a number, or that it is hidden.
type SharedCount struct {
	N      int64
	Hidden bool
}

// Sharer tells the picture to those outside, through the gate.
type Sharer struct {
	Situation *Situation
	Gate      *disclosure.Gate
	Feeds     *feed.Store
}

// sharedPicture is the picture as an item of the gate: aggregates for the community.
type sharedPicture struct{ *Shared }

// Ref implements disclosure.Item.
func (sharedPicture) Ref() disclosure.Ref { return "picture:nation" }

// Marking implements disclosure.Item.
func (sharedPicture) Marking() disclosure.Marking { return disclosure.Marking{Label: tlp.Green} }

// References implements disclosure.Item.
func (sharedPicture) References() []disclosure.Item { return nil }

// Shared is the picture for an actor from outside.
func (s *Sharer) Shared(ctx context.Context, a act.Actor, via disclosure.Channel) (out egress.Cleared[*Shared], err error) {
	p, err := s.draw(ctx)
	if err != nil {
		return out, err
	}
	err = s.Situation.db.View(ctx, func(tx *db.Tx) error {
		c, _, err := disclosure.Clear(ctx, tx, s.Gate, disclosure.RecipientOf(a), via, []sharedPicture{{p}}, func(i sharedPicture) *Shared { return i.Shared })
		if err != nil {
			return err
		}
		shown, grant, err := c.Open()
		if err != nil {
			return err
		}
		if len(shown) == 0 {
			shown = []*Shared{{Day: -1}}
		}
		out, err = disclosure.Whole(shown[0], grant)
		return err
	})
	return out, err
}

func (s *Sharer) draw(ctx context.Context) (*Shared, error) {
	profile, _, err := s.Gate.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	feeds, err := s.Feeds.List(ctx)
	if err != nil {
		return nil, err
	}
	may := map[string]bool{}
	for _, f := range feeds {
		label, err := tlp.Parse(f.Marking)
		may[f.Name] = err == nil && label != tlp.None && label < tlp.Red && f.Audience != feed.StaffOnly
	}
	reg, all, err := s.Situation.now(ctx)
	if err != nil {
		return nil, err
	}
	st := stand(reg, slices.DeleteFunc(slices.Clone(all.types), func(t *event.TypeTally) bool { return !may[t.Feed] }))
	lines := map[string]Severities{"": st.nobody}
	for id, sec := range st.sectors {
		sum := lines[id]
		sum.add(sec.Open)
		lines[id] = sum
	}
	p := &Shared{Day: reg.day, Least: profile.Disclosure.SmallCell}
	for id, open := range lines {
		if open.Total() > 0 {
			p.Sectors = append(p.Sectors, SharedSector{ID: id, Open: lineOf(open)})
		}
	}
	slices.SortFunc(p.Sectors, func(a, b SharedSector) int { return cmp.Compare(a.ID, b.ID) })
	p.Open = lineOf(st.all)
	p.hide()
	p.order()
	return p, nil
}

func lineOf(s Severities) (l SharedLine) {
	for i, n := range s {
		l.By[i].N = n
	}
	l.Total.N = s.Total()
	return l
}

// order puts the greatest first, by what is shown: the place among the others would tell a hidden sum.
func (p *Shared) order() {
	slices.SortStableFunc(p.Sectors, func(a, b SharedSector) int { return cmp.Compare(b.Open.Total.N, a.Open.Total.N) })
}

// hide takes out what could name somebody.
func (p *Shared) hide() {
	if len(p.Sectors) == 0 {
		return
	}
	counts := make([][]int64, len(p.Sectors))
	for i, s := range p.Sectors {
		for _, c := range s.Open.By {
			counts[i] = append(counts[i], c.N)
		}
	}
	h := disclosure.SuppressTable(counts, p.Least)
	drop := func(c *SharedCount, hidden bool) {
		if hidden {
			*c = SharedCount{Hidden: true}
		}
	}
	for i := range p.Sectors {
		l := &p.Sectors[i].Open
		for j := range l.By {
			drop(&l.By[j], h.Cells[i][j])
		}
		drop(&l.Total, h.Rows[i])
	}
	for j := range p.Open.By {
		drop(&p.Open.By[j], h.Columns[j])
	}
	drop(&p.Open.Total, h.Total)
}
