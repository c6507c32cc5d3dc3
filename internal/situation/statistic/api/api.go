// Package api is the REST side of the statistics of incidents.
package api

import (
	"context"
	"net/http"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/situation/statistic"
)

const read act.Permission = "incident.read"

type room struct{ desk *statistic.Desk }

// Routes returns the operations.
func Routes(d *statistic.Desk) []api.Route {
	r := &room{d}
	return []api.Route{
		api.Operation[trendInput, statistic.Trend]{Method: http.MethodGet, Path: "/api/statistics/trend", ID: "get-incident-trend", Summary: "Reports and cases by week or month, with as long a time before",
			Description: "Periods are of the nation's calendar. The last one is not over and counts in no comparison.", Permission: read, Handle: r.trend},
		api.Operation[statisticYear, statistic.Year]{Method: http.MethodGet, Path: "/api/statistics/years/{year}", ID: "get-incident-year", Summary: "What the CERT saw of a year: reports, cases, statutory deadlines",
			Permission: read, Handle: r.year},
	}
}

type trendInput struct {
	By      string `query:"by" enum:"week,month" default:"week"`
	Of      string `query:"of" enum:"class,severity,sector" default:"class"`
	Periods int    `query:"periods" minimum:"1" maximum:"60" default:"12" doc:"How many that are over"`
}

func (r *room) trend(ctx context.Context, _ api.Caller, in *trendInput) (*statistic.Trend, error) {
	t, err := r.desk.Trend(ctx, statistic.Ask{By: in.By, Of: in.Of, Periods: in.Periods})
	return &t, err
}

type statisticYear struct {
	Year int `path:"year" minimum:"1" maximum:"9999"`
}

func (r *room) year(ctx context.Context, _ api.Caller, in *statisticYear) (*statistic.Year, error) {
	y, err := r.desk.Year(ctx, in.Year)
	return &y, err
}
