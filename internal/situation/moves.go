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
	Sectors []Sector // their Flow is of those days
	Types   []Type   // their Flow is of those days; the most open first
}

// Moves is what happened since a day, that day not included: of the days with reports the latest ones, at most so many. Since -1 it is the
// latest day alone.
func (s *Situation) Moves(ctx context.Context, since event.Day, most int) (*Moves, error) {
	reg, st, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	m := &Moves{From: max(since+1, reg.day-event.Day(most)+1), Until: reg.day, Open: st.all}
	if since < 0 {
		m.From = max(reg.day, 0)
	}
	if m.From > m.Until {
		return m, nil
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		byDay, bySector, err := sectorFlows(tx, m.From, m.Until, m.From, scope{})
		if err != nil {
			return err
		}
		byType, err := typeFlows(tx, m.From, m.Until, scope{})
		if err != nil {
			return err
		}
		for _, f := range byDay {
			m.Flow.add(f)
		}
		for _, c := range st.closings {
			if c.day >= m.From && c.day <= m.Until {
				m.Closed += c.n
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
