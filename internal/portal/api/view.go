package api

import (
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/platform/api"
	"tocsin/internal/portal"
)

// PortalStart is how one's own constituents stand.
type PortalStart struct {
	Constituents []portal.Choice  `json:"constituents" nullable:"false" doc:"Those one acts for"`
	Day          string           `json:"day" doc:"Of the latest report, YYYY-MM-DD; empty before any"`
	Open         map[string]int64 `json:"open" doc:"Open findings by severity"`
	Came         int64            `json:"came" doc:"In the latest seven days"`
	Gone         int64            `json:"gone" doc:"In the latest seven days"`
	First        string           `json:"first" doc:"The first day of the trend"`
	Trend        []int64          `json:"trend" nullable:"false" doc:"Open at the end of each day"`
	Types        []PortalType     `json:"types" nullable:"false"`
	Sector       *PortalSector    `json:"sector,omitempty"`
	Due          []string         `json:"due" nullable:"false" doc:"Refs of those whose contacts are to be confirmed"`
	Waiting      int              `json:"waiting" doc:"Change requests that nobody decided yet, at most 100"`
}

// PortalType is a report type with something open.
type PortalType struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	Open  int64  `json:"open"`
}

// PortalSector is how the others of the sector stand.
type PortalSector struct {
	Sector  string  `json:"sector"`
	Why     string  `json:"why,omitempty" doc:"Why there is no average: few others, or one of them dominant"`
	Average []int64 `json:"average" nullable:"false" doc:"Open findings of an other one at the end of each day, rounded down"`
}

func dayText(d event.Day) string {
	if d < 0 {
		return ""
	}
	return d.String()
}

func viewStart(s *portal.Start) (*PortalStart, error) {
	out := &PortalStart{Constituents: s.Choices, Day: dayText(s.Day), Open: map[string]int64{}, Came: s.Came, Gone: s.Gone,
		First: dayText(s.First), Trend: append([]int64{}, s.Trend...), Types: []PortalType{}, Due: []string{}, Waiting: s.Waiting}
	for n, v := range s.Open {
		out.Open[event.Severity(n).String()] = v
	}
	for _, t := range s.Types {
		out.Types = append(out.Types, PortalType{t.Name, t.Title, t.Open})
	}
	if s.Sector != nil {
		out.Sector = &PortalSector{s.Sector.Sector, s.Sector.Why, append([]int64{}, s.Sector.Average...)}
	}
	for _, c := range s.Due {
		out.Due = append(out.Due, c.Ref)
	}
	return out, nil
}

// PortalFinding is a finding as its owner sees it.
type PortalFinding struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Severity   string `json:"severity"`
	Feed       string `json:"feed"`
	Type       string `json:"type"`
	Title      string `json:"title"`
	Class      string `json:"class"`
	Kind       string `json:"kind"`
	Identifier string `json:"identifier"`
	Address    string `json:"address"`
	Port       *int32 `json:"port,omitempty"`
	Transport  string `json:"transport"`
	Name       string `json:"name"`
	Owner      string `json:"owner" doc:"Ref"`
	Since      string `json:"since" doc:"The day since when it is the owner's"`
	LastDay    string `json:"last_day"`
}

type portalFindingPage struct {
	api.Page[PortalFinding]
	Total int64 `json:"total" doc:"On all pages"`
}

func viewFinding(f event.Owned) PortalFinding {
	out := PortalFinding{ID: f.ID.String(), State: string(f.State), Severity: f.Severity.String(), Feed: f.Feed, Type: f.Type, Title: f.Title,
		Class: f.Class, Kind: f.Kind, Identifier: f.Identifier, Transport: f.Transport, Name: f.Name, Owner: f.Owner.Ref,
		Since: f.Since.String(), LastDay: f.LastDay.String()}
	if f.Address.IsValid() {
		out.Address = f.Address.String()
	}
	if f.Port >= 0 {
		out.Port = &f.Port
	}
	return out
}

// PortalFindingDetail is a finding with its latest sightings.
type PortalFindingDetail struct {
	PortalFinding
	Marking  string           `json:"marking"`
	Events   []map[string]any `json:"events" nullable:"false" doc:"By IDF field names, the latest first, at most 100"`
	Original []portal.Cell    `json:"original" nullable:"false" doc:"The row of the latest sighting as its feed sent it"`
}

func viewDetail(f *portal.Finding) (*PortalFindingDetail, error) {
	out := &PortalFindingDetail{PortalFinding: viewFinding(f.Owned), Marking: f.Marking, Events: []map[string]any{}, Original: f.Original}
	for _, e := range f.Events {
		out.Events = append(out.Events, e.Fields)
	}
	if out.Original == nil {
		out.Original = []portal.Cell{}
	}
	return out, nil
}

// PortalRegistry is what the registry has of one's own constituent.
type PortalRegistry struct {
	Constituents []portal.Choice `json:"constituents" nullable:"false" doc:"Those one acts for"`
	ID           int64           `json:"id,omitempty"`
	Ref          string          `json:"ref,omitempty"`
	Name         string          `json:"name,omitempty"`
	Sector       string          `json:"sector,omitempty"`
	Language     string          `json:"language,omitempty"`
	Contacts     []PortalContact `json:"contacts" nullable:"false"`
	Assets       []PortalAsset   `json:"assets" nullable:"false" doc:"The first thousand"`
	More         bool            `json:"more" doc:"There are more assets"`
	Confirmed    *time.Time      `json:"confirmed,omitempty" doc:"When the contacts were last confirmed"`
	Due          bool            `json:"due" doc:"The contacts are to be confirmed"`
}

// PortalContact is one's own contact.
type PortalContact struct {
	ID int64 `json:"id"`
	constituency.Record
	Source     string `json:"source"`
	ValidFrom  string `json:"valid_from"`
	ValidUntil string `json:"valid_until"`
}

func viewContact(c constituency.Contact) PortalContact {
	return PortalContact{c.ID, constituency.Record{Role: c.Role, Name: c.Name, Mail: c.Mail, Phone: c.Phone, Language: c.Language, Keys: c.Keys, Encrypt: c.Encrypt},
		string(c.Source), c.ValidFrom.String(), c.ValidUntil.String()}
}

// PortalAsset is one's own asset.
type PortalAsset struct {
	ID int64 `json:"id"`
	constituency.Record
	Source     string `json:"source"`
	ValidFrom  string `json:"valid_from"`
	ValidUntil string `json:"valid_until"`
}

func viewRegistry(g *portal.Registry) (*PortalRegistry, error) {
	out := &PortalRegistry{Constituents: g.Choices, ID: g.ID, Ref: g.Ref, Name: g.Name, Sector: g.Sector, Language: g.Language,
		Contacts: []PortalContact{}, Assets: []PortalAsset{}, More: g.More, Due: g.Due}
	for _, c := range g.Contacts {
		out.Contacts = append(out.Contacts, viewContact(c))
	}
	for _, a := range g.Assets {
		out.Assets = append(out.Assets, PortalAsset{a.ID, constituency.Record{Kind: a.Kind, Value: a.Value, AlsoNotify: a.AlsoNotify},
			string(a.Source), a.ValidFrom.String(), a.ValidUntil.String()})
	}
	if g.Last.At != 0 {
		t := time.UnixMicro(g.Last.At).UTC()
		out.Confirmed = &t
	}
	return out, nil
}

// PortalRequest is one's own change request.
type PortalRequest struct {
	ID          int64                     `json:"id"`
	Constituent int64                     `json:"constituent"`
	By          string                    `json:"by"`
	At          time.Time                 `json:"at"`
	State       string                    `json:"state"`
	Note        string                    `json:"note"`
	Steps       []constituency.ChangeStep `json:"steps" nullable:"false"`
	Reason      string                    `json:"reason" doc:"The CERT's answer"`
}

func viewRequest(q portal.Request) PortalRequest {
	return PortalRequest{q.ID, q.Constituent, q.By, time.UnixMicro(q.At).UTC(), string(q.State), q.Note, q.Steps, q.Reason}
}
