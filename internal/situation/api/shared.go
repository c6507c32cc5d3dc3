package api

import (
	"context"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
	"tocsin/internal/situation"
)

type sharedCounts struct {
	Total    *int64 `json:"total,omitempty"`
	Critical *int64 `json:"critical,omitempty"`
	High     *int64 `json:"high,omitempty"`
	Medium   *int64 `json:"medium,omitempty"`
	Low      *int64 `json:"low,omitempty"`
	Info     *int64 `json:"info,omitempty"`
	Unrated  *int64 `json:"unrated,omitempty"`
}

type sharedSector struct {
	Sector string       `json:"sector" doc:"Empty: owners without a sector or of a small one, and nobody known"`
	Open   sharedCounts `json:"open"`
}

type sharedPicture struct {
	Day     string         `json:"day,omitempty" doc:"The latest day with a report; absent before any"`
	Label   string         `json:"tlp" doc:"How far it may go"`
	Least   int64          `json:"small_cell" doc:"Counts above 0 and below it are absent"`
	Open    sharedCounts   `json:"open" doc:"Of all sectors"`
	Sectors []sharedSector `json:"sectors" nullable:"false"`
}

func sharedOf(l situation.SharedLine) sharedCounts {
	n := func(c situation.SharedCount) *int64 {
		if c.Hidden {
			return nil
		}
		return &c.N
	}
	return sharedCounts{n(l.Total), n(l.By[event.Critical]), n(l.By[event.High]), n(l.By[event.Medium]), n(l.By[event.Low]), n(l.By[event.Info]), n(l.By[event.Unrated])}
}

func (r *room) shared(ctx context.Context, c api.Caller, _ *struct{}) (none egress.Cleared[*sharedPicture], err error) {
	cleared, err := r.sharer.Shared(ctx, c.Actor, disclosure.REST)
	if err != nil {
		return none, err
	}
	s, grant, err := cleared.Open()
	if err != nil {
		return none, err
	}
	p := &sharedPicture{Label: "TLP:GREEN", Least: s.Least, Open: sharedOf(s.Open), Sectors: []sharedSector{}}
	if s.Day >= 0 {
		p.Day = s.Day.String()
	}
	for _, sec := range s.Sectors {
		p.Sectors = append(p.Sectors, sharedSector{sec.ID, sharedOf(sec.Open)})
	}
	return disclosure.Whole(p, grant)
}
