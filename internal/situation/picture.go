package situation

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Times in days: the windows that trends are looked at over, and how far back sectors and types count what is new.
const (
	Recent  = 7
	Month   = 30
	Quarter = 90
)

// Picture is how the nation, or one sector of it, stands. It is shared and must not be changed.
type Picture struct {
	Whole     bool      // of the whole nation, not of one sector
	Sector    string    // of one sector: which; "" is that of the constituents without one
	Window    int       // days
	Day       event.Day // the latest day with a report; -1 before any
	Behind    bool      // findings are newer than the trend: Refresh is due
	Open      Severities
	Nobody    Severities // of Open, attributed to nobody; of the whole nation only
	Today     Flow       // of Day
	Days      []Day      // oldest first
	Sectors   []Sector   // of the whole nation only; the most exposed first
	Types     []Type     // the most open first
	Exposed   []Standing // the most exposed first
	Gaps      []Gap      // of the window, the latest first
	NoContact []Standing // the most exposed first, with nothing open last
}

// Before is what was open so many days before the picture's day; ok is false when the window does not go that far.
func (p *Picture) Before(days int) (open int64, ok bool) {
	i := len(p.Days) - 1 - days
	if i < 0 {
		return 0, false
	}
	return p.Days[i].Open, true
}

// Picture shows the whole nation over a window of days, 1 to 366.
func (s *Situation) Picture(ctx context.Context, window int) (*Picture, error) {
	return s.picture(ctx, window, scope{})
}

// Sector shows one sector. A sector that no constituent is in is a fault of kind NotFound.
func (s *Situation) Sector(ctx context.Context, id string, window int) (*Picture, error) {
	return s.picture(ctx, window, scope{sector: id, one: true})
}

// scope is whose numbers are meant: everybody's, or one sector's.
type scope struct {
	sector string
	one    bool
}

func (s *Situation) picture(ctx context.Context, window int, sc scope) (*Picture, error) {
	if window < 1 || window > 366 {
		return nil, fault.Invalidf("a picture is of 1 to 366 days, not %d", window)
	}
	reg, st, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	if sc.one && st.sectors[sc.sector] == nil {
		return nil, fault.NotFoundf("no constituent is in a sector %q", sc.sector)
	}
	var p *Picture
	err = s.db.View(ctx, func(tx *db.Tx) error {
		changes, err := changes(tx)
		if err != nil {
			return err
		}
		late, err := behind(tx)
		if err != nil {
			return err
		}
		if p = s.seen(st, changes, late, window, sc); p != nil {
			return nil
		}
		if p, err = draw(tx, reg, st, window, sc); err != nil {
			return err
		}
		p.Behind = late
		s.keep(st, changes, late, window, sc, p)
		return nil
	})
	return p, err
}

// draw makes a picture from the records.
func draw(tx *db.Tx, reg registry, st standing, window int, sc scope) (*Picture, error) {
	p := &Picture{Whole: !sc.one, Sector: sc.sector, Window: window, Day: reg.day}
	from := max(reg.day-event.Day(window)+1, 0)
	recent := max(reg.day-Recent+1, 0)
	flows, bySector, err := sectorFlows(tx, from, reg.day, recent, sc)
	if err != nil {
		return nil, err
	}
	byType, err := typeFlows(tx, recent, reg.day, sc)
	if err != nil {
		return nil, err
	}
	if p.Gaps, err = gaps(tx, from, reg.day); err != nil {
		return nil, err
	}
	p.stand(reg, st, sc)
	for _, c := range st.closings {
		if !sc.one || c.owned && c.sector == sc.sector {
			f := flows[c.day]
			f.closed += c.n
			flows[c.day] = f
		}
	}
	p.Days = days(p.Open.Total(), from, reg.day, flows, p.Gaps)
	if n := len(p.Days); n > 0 {
		p.Today = p.Days[n-1].Flow
	}
	for i := range p.Sectors {
		p.Sectors[i].Flow = bySector[p.Sectors[i].ID]
	}
	p.Types = typeLines(st, byType, sc, p.Exposed)
	return p, nil
}

// stand takes over what is open now.
func (p *Picture) stand(reg registry, st standing, sc scope) {
	open := make(map[int64]bool, len(st.owners))
	for _, o := range st.owners {
		open[o.ID] = true
		if sc.one && o.Sector != sc.sector {
			continue
		}
		p.Exposed = append(p.Exposed, o)
		if !o.Contact {
			p.NoContact = append(p.NoContact, o)
		}
	}
	for _, c := range reg.list {
		if !c.Contact && !open[c.ID] && (!sc.one || c.Sector == sc.sector) {
			p.NoContact = append(p.NoContact, Standing{Constituent: c})
		}
	}
	if sc.one {
		p.Open = st.sectors[sc.sector].Open
		return
	}
	p.Open, p.Nobody = st.all, st.nobody
	for _, sec := range st.sectors {
		p.Sectors = append(p.Sectors, *sec)
	}
	slices.SortFunc(p.Sectors, func(a, b Sector) int {
		return cmp.Or(cmp.Compare(b.Open.score(), a.Open.score()), cmp.Compare(b.Open.Total(), a.Open.Total()), cmp.Compare(a.ID, b.ID))
	})
}

// days walks back from what is open now: a day began with what was open at its end less what it changed.
func days(open int64, from, to event.Day, flows map[event.Day]Flow, gaps []Gap) []Day {
	if to < 0 {
		return nil
	}
	incomplete := map[event.Day]bool{}
	for _, g := range gaps {
		incomplete[g.Day] = true
	}
	out := make([]Day, int(to-from)+1)
	for d := to; d >= from; d-- {
		f := flows[d]
		out[d-from] = Day{Day: d, Open: max(open, 0), Incomplete: incomplete[d], Flow: f}
		open -= f.change()
	}
	return out
}

// typeLines are the report types with anything open or anything that happened, the most open first.
func typeLines(st standing, flows map[int64]Flow, sc scope, owners []Standing) []Type {
	in := map[int64]bool{}
	if sc.one {
		for _, o := range owners {
			in[o.ID] = true
		}
	}
	var out []Type
	for _, t := range st.types {
		l := Type{ID: t.ID, Name: t.Name, Title: t.Title, Feed: t.Feed, Class: t.Class, Kind: t.Kind, Severity: t.Severity,
			Open: st.byType[t.ID], Flow: flows[t.ID]}
		if sc.one {
			l.Open = Severities{}
			for _, o := range t.Owners {
				if in[o.Owner] {
					l.Open.add(o.Open)
				}
			}
		}
		if l.Open.Total() > 0 || l.Flow != (Flow{}) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Type) int {
		return cmp.Or(cmp.Compare(b.Open.Total(), a.Open.Total()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Numbers is how one constituent stands.
type Numbers struct {
	Standing
	Rank  int // by exposure, from 1; 0 with nothing open
	Days  []Day
	Types []Type // with anything open, the most open first
}

// Named is the id of the constituent that has the id or else the reference that key is. An unknown one is a fault of kind
// NotFound.
func (s *Situation) Named(ctx context.Context, key string) (int64, error) {
	reg, _, err := s.now(ctx)
	if err != nil {
		return 0, err
	}
	if id, err := strconv.ParseInt(key, 10, 64); err == nil {
		if _, ok := reg.at[id]; ok {
			return id, nil
		}
	}
	if i := slices.IndexFunc(reg.list, func(c Constituent) bool { return c.Ref == key }); i >= 0 {
		return reg.list[i].ID, nil
	}
	return 0, fault.NotFoundf("there is no constituent %q", key)
}

// Constituent shows one constituent over a window of days. An unknown one is a fault of kind NotFound.
func (s *Situation) Constituent(ctx context.Context, id int64, window int) (*Numbers, error) {
	if window < 1 || window > 366 {
		return nil, fault.Invalidf("a picture is of 1 to 366 days, not %d", window)
	}
	reg, st, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	at, ok := reg.at[id]
	if !ok {
		return nil, fault.NotFoundf("there is no constituent %d", id)
	}
	n := &Numbers{Standing: Standing{Constituent: reg.list[at]}}
	if i := slices.IndexFunc(st.owners, func(o Standing) bool { return o.ID == id }); i >= 0 {
		n.Standing, n.Rank = st.owners[i], i+1
	}
	from := max(reg.day-event.Day(window)+1, 0)
	var flows map[event.Day]Flow
	var gs []Gap
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		if flows, err = ownerFlows(tx, id, from, reg.day); err != nil {
			return err
		}
		gs, err = gaps(tx, from, reg.day)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, c := range st.closings {
		if c.owner == id {
			f := flows[c.day]
			f.closed += c.n
			flows[c.day] = f
		}
	}
	n.Days = days(n.Open.Total(), from, reg.day, flows, gs)
	n.Types = typeLines(st, nil, scope{one: true}, []Standing{n.Standing})
	return n, nil
}
