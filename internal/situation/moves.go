package situation

import (
	"context"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
)

// Moves is what happened to findings on some days, and what is open at the end of them.
type Moves struct {
	From    event.Day // the first of the days, and the last one; From is after Until when no reports came since
	Until   event.Day
	Flow    Flow
	Closed  int64 // by persons
	Open    Severities
	Sectors []Sector   // their Flow is of those days
	Types   []Type     // their Flow is of those days; the most open first
	Days    []DayMoves // each of those days, and the days before them that were asked for, in their order
}

// DayMoves is what happened to findings on a day, as it counts now: a file that comes late or is corrected, or a ruling, changes it later.
type DayMoves struct {
	Day    event.Day `json:"day"`
	New    int64     `json:"new"` // or seen again
	Gone   int64     `json:"gone"`
	Closed int64     `json:"closed"` // by persons
}

// Moves is what happened since a day, that day not included: of the days with reports the latest ones, at most so many. Since -1 it is the
// latest day alone. Of the days it has so many before them too.
func (s *Situation) Moves(ctx context.Context, since event.Day, most, before int) (*Moves, error) {
	reg, st, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	m := &Moves{From: max(since+1, reg.day-event.Day(most)+1), Until: reg.day, Open: st.all}
	if since < 0 {
		m.From = max(reg.day, 0)
	}
	first := max(min(m.From, m.Until+1)-event.Day(before), 0)
	err = s.db.View(ctx, func(tx *db.Tx) error {
		byDay, bySector, err := sectorFlows(tx, first, m.Until, m.From, scope{})
		if err != nil {
			return err
		}
		byType, err := typeFlows(tx, m.From, m.Until, scope{})
		if err != nil {
			return err
		}
		closed := map[event.Day]int64{}
		for _, c := range st.closings {
			closed[c.day] += c.n
		}
		for day := first; day <= m.Until; day++ {
			f := byDay[day]
			m.Days = append(m.Days, DayMoves{day, f.Fresh + f.Reopened, f.Gone, closed[day]})
			if day >= m.From {
				m.Flow.add(f)
				m.Closed += closed[day]
			}
		}
		for _, sec := range st.sectors {
			one := *sec
			one.Flow = bySector[sec.ID]
			m.Sectors = append(m.Sectors, one)
		}
		m.Types = typeLines(st, byType, scope{}, nil)
		return nil
	})
	return m, err
}
