package api

import (
	"context"
	"encoding/csv"
	"net/netip"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type eventsOfInput struct {
	ID    string `path:"id" maxLength:"100" doc:"The finding's id, hexadecimal"`
	Days  int    `query:"days" minimum:"1" maximum:"400" default:"30" doc:"So many days before the finding was last seen"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many events"`
}

func (r *room) eventsOf(ctx context.Context, _ api.Caller, in *eventsOfInput) (*api.Page[storedEvent], error) {
	d, err := r.list.ByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return r.query(ctx, event.EventQuery{Finding: d.ID, From: d.LastDay - event.Day(in.Days) + 1, Until: d.LastDay, Limit: in.Limit})
}

type eventsInput struct {
	Address string `query:"address" doc:"Of the source"`
	Feed    string `query:"feed" doc:"With type: the feed's name; shadowserver without it"`
	Type    string `query:"type" doc:"A report type's name"`
	Owner   int64  `query:"owner" minimum:"0" doc:"The number of a constituent; the owner as of intake"`
	From    string `query:"from" doc:"The first report day, YYYY-MM-DD"`
	Until   string `query:"until" doc:"The last report day"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many events"`
}

func (r *room) events(ctx context.Context, _ api.Caller, in *eventsInput) (*api.Page[storedEvent], error) {
	q := event.EventQuery{Owner: in.Owner, Limit: in.Limit}
	var err error
	if in.Address != "" {
		if q.Address, err = netip.ParseAddr(in.Address); err != nil {
			return nil, fault.Problems{{Field: "address", Message: "write an address such as 203.0.113.7 or 2001:db8::7"}}
		}
		q.Address = q.Address.Unmap()
	}
	if in.Type != "" {
		feed := in.Feed
		if feed == "" {
			feed = "shadowserver"
		}
		q.Type = event.TypeID(feed, in.Type)
	}
	if !q.Address.IsValid() && q.Type == 0 && q.Owner == 0 {
		return nil, fault.Problems{{Field: "address", Message: "give an address, a type or an owner"}}
	}
	if q.From, err = day("from", in.From); err != nil {
		return nil, err
	}
	if q.Until, err = day("until", in.Until); err != nil {
		return nil, err
	}
	return r.query(ctx, q)
}

func (r *room) query(ctx context.Context, q event.EventQuery) (*api.Page[storedEvent], error) {
	list, err := r.in.Events(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []storedEvent
	for i := range list {
		out = append(out, eventOf(&list[i]))
	}
	return api.NewPage(out, ""), nil
}

type rowInput struct {
	File int64 `path:"file" minimum:"1" doc:"The source file's number"`
	Row  int64 `path:"row" minimum:"1" doc:"The row's number in the file's data, from 1"`
}

type row struct {
	Header string            `json:"header" doc:"The file's header line as it is in the file; empty where it has none"`
	Raw    string            `json:"raw" doc:"The row as it is in the file"`
	Fields map[string]string `json:"fields,omitempty" doc:"The row by column, where the file is CSV"`
}

func (r *room) row(ctx context.Context, _ api.Caller, in *rowInput) (*row, error) {
	header, raw, err := r.in.Row(ctx, in.File, in.Row)
	if err != nil {
		return nil, err
	}
	out := &row{Header: header, Raw: raw}
	names, err1 := csv.NewReader(strings.NewReader(header)).Read()
	cells, err2 := csv.NewReader(strings.NewReader(raw)).Read()
	if err1 == nil && err2 == nil && len(names) == len(cells) {
		out.Fields = map[string]string{}
		for i, n := range names {
			out.Fields[n] = cells[i]
		}
	}
	return out, nil
}

type countsInput struct {
	From   string   `query:"from" required:"true" doc:"The first day, YYYY-MM-DD"`
	Until  string   `query:"until" required:"true" doc:"The last day"`
	By     []string `query:"by" doc:"What to sum by: day, type, owner, sector; day without it" enum:"day,type,owner,sector"`
	Type   []string `query:"type" doc:"Only these report types"`
	Sector []string `query:"sector" doc:"Only owners of these sectors"`
	Owner  string   `query:"owner" doc:"Only this constituent, by ref or number"`
	Branch bool     `query:"branch" doc:"With owner: and everybody below it"`
	Nobody bool     `query:"unattributed" doc:"Only what belongs to nobody known"`
}

type countRow struct {
	Day    string       `json:"day,omitempty" doc:"YYYY-MM-DD"`
	Feed   string       `json:"feed,omitempty"`
	Type   string       `json:"type,omitempty" doc:"Report type"`
	Owner  *owner       `json:"owner,omitempty" doc:"Absent for nobody"`
	Sector string       `json:"sector,omitempty"`
	Counts event.Counts `json:"counts"`
}

func (r *room) counts(ctx context.Context, _ api.Caller, in *countsInput) (*api.Page[countRow], error) {
	q := event.CountQuery{Types: in.Type, Sectors: in.Sector, Owner: in.Owner, Branch: in.Branch, Unattributed: in.Nobody,
		ByDay: len(in.By) == 0}
	for _, b := range in.By {
		switch b {
		case "day":
			q.ByDay = true
		case "type":
			q.ByType = true
		case "owner":
			q.ByOwner = true
		case "sector":
			q.BySector = true
		}
	}
	var err error
	if q.From, err = day("from", in.From); err != nil {
		return nil, err
	}
	if q.Until, err = day("until", in.Until); err != nil {
		return nil, err
	}
	list, err := r.list.Counts(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []countRow
	for _, c := range list {
		row := countRow{Feed: c.Feed, Type: c.Type, Owner: ownerOf(c.Owner), Sector: c.Sector, Counts: c.Counts}
		if c.Day >= 0 {
			row.Day = c.Day.String()
		}
		out = append(out, row)
	}
	return api.NewPage(out, ""), nil
}
