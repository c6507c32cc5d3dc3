// Package api is the REST room of the national picture: the nation, a sector, a constituent, and the lists behind them. It
// translates and decides nothing.
package api

import (
	"context"
	"net/http"
	"slices"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/situation"
)

// Read is the permission to see the national picture.
const Read act.Permission = "situation.read"

// Shared is the permission of those outside to see what of the national picture leaves.
const Shared act.Permission = "shared.read"

type room struct {
	situation *situation.Situation
	sharer    *situation.Sharer
}

// Routes are the room's operations.
func Routes(s *situation.Situation, sharer *situation.Sharer) []api.Route {
	r := &room{s, sharer}
	return []api.Route{
		api.Operation[pictureInput, picture]{Method: http.MethodGet, Path: "/api/situation", ID: "get-situation",
			Summary: "The national picture, or one sector's: what is open, the trend, sectors and incomplete feed days", Permission: Read,
			Handle: r.picture},
		api.Operation[pictureInput, api.Page[reportType]]{Method: http.MethodGet, Path: "/api/situation/types", ID: "list-situation-types",
			Summary: "Open findings by report type, the most open first", Permission: Read, Handle: r.types},
		api.Operation[standingsInput, api.Page[Standing]]{Method: http.MethodGet, Path: "/api/situation/constituents", ID: "list-situation-constituents",
			Summary: "Constituents with open findings, the most exposed first", Description: "Exposure is the sum of weights over open findings: " +
				"critical 100, high 30, medium 10, low and unrated 3, info 0.", Permission: Read, Handle: r.standings},
		api.Operation[constituentInput, numbers]{Method: http.MethodGet, Path: "/api/situation/constituents/{id}", ID: "get-situation-constituent",
			Summary: "How one constituent stands", Permission: Read, Handle: r.constituent},
		api.Operation[Window, situation.Incidents]{Method: http.MethodGet, Path: "/api/situation/incidents", ID: "get-situation-incidents",
			Summary: "How the nation's incidents stand, and what must be seen to next", Permission: Read, Handle: r.incidents},
		api.ClearedOperation[struct{}, sharedPicture]{Method: http.MethodGet, Path: "/api/shared", ID: "get-shared-situation",
			Summary: "What of the national picture leaves to authorities and CERTs abroad", Description: "Open findings by sector and severity. A count that could " +
				"name somebody is absent, and so are others from which it could be worked out.", Permission: Shared, Handle: r.shared},
	}
}

// Window is how far back a trend goes.
type Window struct {
	Days int `query:"days" minimum:"1" maximum:"366" default:"30" doc:"How many days the trend goes back"`
}

type pictureInput struct {
	Window
	Sector string `query:"sector" maxLength:"100" doc:"Only this sector; without it the whole nation"`
}

type standingsInput struct {
	api.Paging
	Sector    string `query:"sector" maxLength:"100" doc:"Only this sector"`
	NoContact bool   `query:"no_contact" doc:"Only constituents that nobody can tell, also those with nothing open"`
}

type constituentInput struct {
	Window
	ID string `path:"id" maxLength:"80" doc:"The id, or the reference"`
}

type severities struct {
	Total    int64 `json:"total"`
	Critical int64 `json:"critical"`
	High     int64 `json:"high"`
	Medium   int64 `json:"medium"`
	Low      int64 `json:"low"`
	Info     int64 `json:"info"`
	Unrated  int64 `json:"unrated"`
}

func severitiesOf(s situation.Severities) severities {
	return severities{s.Total(), s[event.Critical], s[event.High], s[event.Medium], s[event.Low], s[event.Info], s[event.Unrated]}
}

// Flow is what happened to findings on a day.
type Flow struct {
	Events      int64 `json:"events"`
	New         int64 `json:"new"`
	Ongoing     int64 `json:"ongoing"`
	Gone        int64 `json:"no_longer_seen"`
	Reopened    int64 `json:"reopened"`
	Transferred int64 `json:"transferred"`
	HandedOver  int64 `json:"handed_over"`
}

func flowOf(f situation.Flow) Flow {
	return Flow{f.Events, f.Fresh, f.Ongoing, f.Gone, f.Reopened, f.Transferred, f.HandedOver}
}

type day struct {
	Day      string `json:"day" format:"date"`
	Complete bool   `json:"complete" doc:"False when a feed did not bring what it usually brings"`
	Open     int64  `json:"open" doc:"At the end of the day"`
	Flow
}

func daysOf(ds []situation.Day) []day {
	out := make([]day, len(ds))
	for i, d := range ds {
		out[i] = day{d.Day.String(), !d.Incomplete, d.Open, flowOf(d.Flow)}
	}
	return out
}

type sector struct {
	Sector       string     `json:"sector" doc:"Empty: constituents without a sector"`
	Constituents int        `json:"constituents"`
	Open         severities `json:"open"`
	New          int64      `json:"new" doc:"In the latest 7 days, with those seen again"`
	Gone         int64      `json:"no_longer_seen" doc:"In the latest 7 days"`
}

type gap struct {
	Feed     string   `json:"feed"`
	Day      string   `json:"day" format:"date"`
	Came     int      `json:"came" doc:"Report types that came"`
	Expected int      `json:"expected"`
	Missing  []string `json:"missing" nullable:"false"`
}

type picture struct {
	Day          string     `json:"day,omitempty" doc:"The latest day with a report; absent before any"`
	Behind       bool       `json:"behind" doc:"Reports came in just now: the trend follows in a few seconds, what is open is up to date"`
	Open         severities `json:"open"`
	Unattributed severities `json:"unattributed" doc:"Of what is open, what belongs to nobody"`
	NoContact    int        `json:"constituents_without_contact"`
	Days         []day      `json:"days" nullable:"false" doc:"The oldest first"`
	Sectors      []sector   `json:"sectors" nullable:"false" doc:"The most exposed first; of the whole nation only"`
	Gaps         []gap      `json:"incomplete_days" nullable:"false" doc:"The latest first"`
}

func (r *room) draw(ctx context.Context, in *pictureInput) (*situation.Picture, error) {
	if in.Sector != "" {
		return r.situation.Sector(ctx, in.Sector, in.Days)
	}
	return r.situation.Picture(ctx, in.Days)
}

func (r *room) incidents(ctx context.Context, _ api.Caller, in *Window) (*situation.Incidents, error) {
	return r.situation.Incidents(ctx, r.situation.Now(), in.Days)
}

func (r *room) picture(ctx context.Context, _ api.Caller, in *pictureInput) (*picture, error) {
	p, err := r.draw(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &picture{Behind: p.Behind, Open: severitiesOf(p.Open), Unattributed: severitiesOf(p.Nobody), NoContact: len(p.NoContact),
		Days: daysOf(p.Days), Sectors: []sector{}, Gaps: []gap{}}
	if p.Day >= 0 {
		out.Day = p.Day.String()
	}
	for _, s := range p.Sectors {
		out.Sectors = append(out.Sectors, sector{s.ID, s.Constituents, severitiesOf(s.Open), s.Flow.Fresh + s.Flow.Reopened, s.Flow.Gone})
	}
	for _, g := range p.Gaps {
		out.Gaps = append(out.Gaps, gap{g.Feed, g.Day.String(), g.Types, g.Expected, append([]string{}, g.Missing...)})
	}
	return out, nil
}

type reportType struct {
	Type     string     `json:"type"`
	Title    string     `json:"title"`
	Feed     string     `json:"feed"`
	Class    string     `json:"class" doc:"RSIT class"`
	Kind     string     `json:"kind" doc:"RSIT type"`
	Severity string     `json:"severity" enum:"unrated,info,low,medium,high,critical"`
	Open     severities `json:"open"`
	New      int64      `json:"new" doc:"In the latest 7 days, with those seen again"`
	Gone     int64      `json:"no_longer_seen" doc:"In the latest 7 days"`
}

func typesOf(ts []situation.Type) []reportType {
	out := make([]reportType, len(ts))
	for i, t := range ts {
		out[i] = reportType{t.Name, t.Title, t.Feed, t.Class, t.Kind, t.Severity.String(), severitiesOf(t.Open), t.Flow.Fresh + t.Flow.Reopened,
			t.Flow.Gone}
	}
	return out
}

func (r *room) types(ctx context.Context, _ api.Caller, in *pictureInput) (*api.Page[reportType], error) {
	p, err := r.draw(ctx, in)
	if err != nil {
		return nil, err
	}
	return api.NewPage(typesOf(p.Types), ""), nil
}

// Standing is how a constituent stands.
type Standing struct {
	ID          int64      `json:"id"`
	Ref         string     `json:"ref"`
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	Sector      string     `json:"sector"`
	Designation string     `json:"designation"`
	Contact     bool       `json:"contact" doc:"Whether somebody can be told by mail"`
	Exposure    int64      `json:"exposure"`
	Open        severities `json:"open"`
}

func standingOf(s situation.Standing) Standing {
	return Standing{s.ID, s.Ref, s.Name, s.Kind, s.Sector, s.Designation, s.Contact, s.Exposure, severitiesOf(s.Open)}
}

// place is where a page of standings ends: the list is by exposure, open findings and id.
type place struct {
	Exposure int64 `json:"e"`
	Open     int64 `json:"o"`
	ID       int64 `json:"i"`
}

func (p place) before(s situation.Standing) bool {
	if s.Exposure != p.Exposure {
		return s.Exposure < p.Exposure
	}
	if open := s.Open.Total(); open != p.Open {
		return open < p.Open
	}
	return s.ID > p.ID
}

func (r *room) standings(ctx context.Context, _ api.Caller, in *standingsInput) (*api.Page[Standing], error) {
	p, err := r.draw(ctx, &pictureInput{Window{situation.Month}, in.Sector})
	if err != nil {
		return nil, err
	}
	list := p.Exposed
	if in.NoContact {
		list = p.NoContact
	}
	if in.Cursor != "" {
		var at place
		if err := api.ReadCursor(in.Cursor, &at); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, at.before)
		if i < 0 {
			i = len(list)
		}
		list = list[i:]
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		last := list[in.Limit-1]
		if next, err = api.Cursor(place{last.Exposure, last.Open.Total(), last.ID}); err != nil {
			return nil, err
		}
	}
	out := make([]Standing, len(list))
	for i, s := range list {
		out[i] = standingOf(s)
	}
	return api.NewPage(out, next), nil
}

type numbers struct {
	Standing
	Rank  int          `json:"rank" doc:"By exposure, from 1; 0 with nothing open"`
	Days  []day        `json:"days" nullable:"false"`
	Types []reportType `json:"types" nullable:"false"`
}

func (r *room) constituent(ctx context.Context, _ api.Caller, in *constituentInput) (*numbers, error) {
	id, err := r.situation.Named(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	n, err := r.situation.Constituent(ctx, id, in.Days)
	if err != nil {
		return nil, err
	}
	return &numbers{standingOf(n.Standing), n.Rank, daysOf(n.Days), typesOf(n.Types)}, nil
}
