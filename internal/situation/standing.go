package situation

import (
	"cmp"
	"slices"

	"tocsin/internal/event"
)

func (s standing) covers(types []*event.TypeTally) bool {
	return s.byType != nil && slices.Equal(s.types, types)
}

// stand adds the tallies up.
func stand(r registry, types []*event.TypeTally) standing {
	s := standing{types: types, sectors: map[string]*Sector{}, byType: map[int64]Severities{}}
	owners := make([]Severities, len(r.list))
	for _, t := range types {
		var sum Severities
		for _, o := range t.Owners {
			sum.add(o.Open)
			if i, ok := r.at[o.Owner]; ok {
				owners[i].add(o.Open)
			} else {
				s.nobody.add(o.Open)
			}
		}
		s.byType[t.ID] = sum
		s.all.add(sum)
		for _, c := range t.Closed {
			sector, owned := "", false
			if i, ok := r.at[c.Owner]; ok {
				sector, owned = r.list[i].Sector, true
			}
			s.closings = append(s.closings, closing{sector, owned, c.Owner, c.Day, c.N})
		}
	}
	for i, open := range owners {
		c := r.list[i]
		sec := s.sectors[c.Sector]
		if sec == nil {
			sec = &Sector{ID: c.Sector}
			s.sectors[c.Sector] = sec
		}
		sec.Constituents++
		sec.Open.add(open)
		if open.Total() > 0 {
			s.owners = append(s.owners, Standing{c, open, open.score()})
		}
	}
	slices.SortFunc(s.owners, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(b.Exposure, a.Exposure), cmp.Compare(b.Open.Total(), a.Open.Total()), cmp.Compare(a.ID, b.ID))
	})
	return s
}
