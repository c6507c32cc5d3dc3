// Package api is the staff's REST room of incidents: reports and what is decided about them, cases with all that stands at them. It
// translates and decides nothing.
package api

import (
	"net/http"
	"slices"

	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
)

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
)

type room struct{ desk *incident.Desk }

const stale = "The version is that of the report as the caller read it; when somebody else changed it meanwhile, the answer is 409 and nothing is done. Without one the change is made in any case."

// Routes are the room's operations.
func Routes(d *incident.Desk) []api.Route {
	r := &room{d}
	return append([]api.Route{
		api.Operation[listReportsInput, api.Page[Report]]{Method: http.MethodGet, Path: "/api/reports", ID: "list-reports",
			Summary: "Reports, with the beginning of their text", Permission: read, Handle: r.reports,
			Description: "With order=oldest the first received comes first, as triage takes them; otherwise the latest."},
		api.Operation[struct{}, IncidentCounts]{Method: http.MethodGet, Path: "/api/reports/counts", ID: "count-reports", Summary: "How many reports are in each state",
			Permission: read, Handle: r.counts},
		api.Operation[Numbered, Report]{Method: http.MethodGet, Path: "/api/reports/{id}", ID: "get-report",
			Summary: "One report with what was said later and its files", Permission: read, Handle: r.report},
		api.Operation[Numbered, incident.Receipt]{Method: http.MethodGet, Path: "/api/reports/{id}/receipt", ID: "get-report-receipt", Summary: "The signed receipt of a report",
			Permission: read, Handle: r.receipt},
		api.Download[Numbered]{Path: "/api/reports/{id}/record", ID: "get-report-record", Summary: "What was handed in, byte for byte: what the hash on the receipt is of",
			Permission: read, Types: []string{"application/json"}, Handle: r.record},
		api.Operation[acceptReportInput, Case]{Method: http.MethodPost, Path: "/api/reports/{id}/accept", ID: "accept-report", Summary: "Make a case of a report",
			Permission: write, Status: http.StatusCreated, Handle: r.accept, Description: stale},
		api.Operation[mergeReportInput, Case]{Method: http.MethodPost, Path: "/api/reports/{id}/merge", ID: "merge-report", Summary: "Add a report to a case that is there",
			Permission: write, Handle: r.merge, Description: stale},
		api.Operation[rejectReportInput, Report]{Method: http.MethodPost, Path: "/api/reports/{id}/reject", ID: "reject-report",
			Summary: "Say that a report is no incident, or none of ours; the reporter reads the reason", Permission: write, Handle: r.reject, Description: stale},
		api.Operation[repeatReportInput, Report]{Method: http.MethodPost, Path: "/api/reports/{id}/duplicate", ID: "repeat-report", Summary: "Say that a report repeats another one",
			Permission: write, Handle: r.repeat, Description: stale},
		api.Operation[untriageReportInput, Report]{Method: http.MethodPost, Path: "/api/reports/{id}/untriage", ID: "untriage-report",
			Summary: "Take a rejection or a duplicate back", Permission: write, Handle: r.untriage, Description: stale},
		api.Operation[splitReportInput, Case]{Method: http.MethodPost, Path: "/api/reports/{id}/split", ID: "split-report",
			Summary: "Make a case of its own of one of several reports of a case", Permission: write, Status: http.StatusCreated, Handle: r.split},
		api.Download[evidenceInput]{Path: "/api/evidence/{file}", ID: "get-evidence", Summary: "A file of a report or case as it came; the access stands in the audit log",
			Permission: read, Types: []string{"application/octet-stream"}, Handle: r.take},
	}, slices.Concat(r.caseRoutes(), r.workRoutes(), r.participantRoutes())...)
}

// Numbered is a report or a case in a path.
type Numbered struct {
	ID string `path:"id" maxLength:"40" doc:"Its id, or its number"`
}
