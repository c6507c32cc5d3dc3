// Package api is the REST side of situation reports.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
	"tocsin/internal/situation/sitrep"
)

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	rule  act.Permission = "incident.rule"

	portal   act.Permission = "portal.read"
	download act.Permission = "portal.download"
)

type room struct{ desk *sitrep.Desk }

// Routes returns the operations.
func Routes(d *sitrep.Desk) []api.Route {
	r := &room{d}
	return []api.Route{
		api.Operation[listSitrepsInput, api.Page[SitrepHead]]{Method: http.MethodGet, Path: "/api/sitreps", ID: "list-sitreps", Summary: "Situation reports, the latest first", Permission: read, Handle: r.list},
		api.Operation[struct{}, Sitrep]{Method: http.MethodPost, Path: "/api/sitreps", ID: "draft-sitrep", Summary: "Draft a situation report", Permission: write, Handle: r.draft,
			Description: "Of what happened since the last one that was approved: of seven days at most, of one day without one."},
		api.Operation[SitrepID, Sitrep]{Method: http.MethodGet, Path: "/api/sitreps/{id}", ID: "get-sitrep", Summary: "A situation report with its figures and texts", Permission: read, Handle: r.one},
		api.Operation[editSitrepInput, Sitrep]{Method: http.MethodPatch, Path: "/api/sitreps/{id}", ID: "edit-sitrep", Summary: "Edit a draft", Permission: write, MaxBytes: 16 << 20, Handle: r.edit},
		api.Operation[sitrepVersionInput, Sitrep]{Method: http.MethodPost, Path: "/api/sitreps/{id}/refresh", ID: "refresh-sitrep", Summary: "Count the figures of a draft anew",
			Description: "What people wrote stays; changed tells where the figures changed under it.", Permission: write, Handle: r.refresh},
		api.Operation[sitrepVersionInput, Sitrep]{Method: http.MethodPost, Path: "/api/sitreps/{id}/approve", ID: "approve-sitrep", Summary: "Approve a draft: nothing of it is changed from then on", Permission: rule, Handle: r.approve},
		api.Operation[sitrepReasonInput, Sitrep]{Method: http.MethodPost, Path: "/api/sitreps/{id}/correct", ID: "correct-sitrep", Summary: "Begin a correction: a draft of the next edition", Permission: write, Handle: r.correct},
		api.Operation[sitrepReasonInput, Sitrep]{Method: http.MethodPost, Path: "/api/sitreps/{id}/withdraw", ID: "withdraw-sitrep", Summary: "Withdraw what was approved, or give a draft up", Permission: rule, Handle: r.withdraw},
		api.Operation[sitrepAudienceInput, sitrep.Reached]{Method: http.MethodPost, Path: "/api/sitreps/{id}/reach", ID: "reach-sitrep", Summary: "How many would be sent a situation report and may not have it, and the first of them", Permission: rule, Handle: r.reach},
		api.Operation[sitrepAudienceInput, sitrep.Sent]{Method: http.MethodPost, Path: "/api/sitreps/{id}/distribute", ID: "distribute-sitrep", Summary: "Send an approved situation report to an audience, to each address once", Permission: rule, Handle: r.distribute},
		api.Operation[listSitrepRecipientsInput, api.Page[sitrep.Recipient]]{Method: http.MethodGet, Path: "/api/sitreps/{id}/recipients", ID: "list-sitrep-recipients", Summary: "Who was sent a situation report", Permission: read, Handle: r.recipients},
		api.Download[exportSitrepInput]{Path: "/api/sitreps/{id}/export/{format}", ID: "export-sitrep", Summary: "A situation report in one language, as Markdown or plain text", Permission: read,
			Types: []string{"text/markdown", "text/plain"}, Handle: r.export},
		api.ClearedOperation[listPortalSitrepsInput, api.Page[PortalSitrep]]{Method: http.MethodGet, Path: "/api/portal/sitreps", ID: "portal-sitreps",
			Summary: "The situation reports that one may have, the latest first, without their texts", Permission: portal, Handle: r.shelf},
		api.ClearedOperation[portalSitrepInput, PortalSitrep]{Method: http.MethodGet, Path: "/api/portal/sitreps/{id}", ID: "portal-sitrep",
			Summary: "A situation report that one may have", Permission: portal, Handle: r.shelved},
		api.ClearedDownload[exportPortalSitrepInput]{Path: "/api/portal/sitreps/{id}/export/{format}", ID: "portal-export-sitrep", Summary: "A situation report that one may have, as Markdown or plain text",
			Permission: download, Types: []string{"text/markdown", "text/plain"}, Handle: r.shelvedFile},
	}
}

// SitrepID is the path of a situation report.
type SitrepID struct {
	ID int64 `path:"id" minimum:"1"`
}

// SitrepHead is a situation report in a list.
type SitrepHead struct {
	ID         int64      `json:"id"`
	Number     string     `json:"number"`
	State      string     `json:"state" enum:"draft,approved,replaced,withdrawn"`
	Since      time.Time  `json:"since"`
	Until      time.Time  `json:"until"`
	TLP        string     `json:"tlp"`
	Version    int64      `json:"version"`
	Replaces   int64      `json:"replaces,omitempty" doc:"The edition that it corrects"`
	Drafted    time.Time  `json:"drafted"`
	DraftedBy  string     `json:"drafted_by"`
	Edited     *time.Time `json:"edited,omitempty"`
	EditedBy   string     `json:"edited_by,omitempty"`
	Approved   *time.Time `json:"approved,omitempty"`
	ApprovedBy string     `json:"approved_by,omitempty"`
	SHA256     string     `json:"sha256,omitempty" doc:"Of what was approved"`
	Withdrawn  *time.Time `json:"withdrawn,omitempty"`
	Withdrawal string     `json:"withdrawal,omitempty" doc:"Why it was withdrawn"`
	Reason     string     `json:"reason,omitempty" doc:"Why it corrects"`
}

// Sitrep is a situation report.
type Sitrep struct {
	SitrepHead
	Whole     bool                               `json:"whole" doc:"What was approved is as it was"`
	Changed   bool                               `json:"changed" doc:"Figures changed since a person wrote about them"`
	Languages []string                           `json:"languages" nullable:"false"`
	Judgement map[string]string                  `json:"judgement" doc:"By language"`
	Texts     map[string]map[string]sitrep.Words `json:"texts" doc:"By language and section"`
	Figures   sitrep.Figures                     `json:"figures" doc:"Times are UTC microseconds"`
}

func instant(at int64) *time.Time {
	if at == 0 {
		return nil
	}
	t := time.UnixMicro(at).UTC()
	return &t
}

func headOf(s *sitrep.Sitrep) SitrepHead {
	return SitrepHead{ID: s.ID, Number: s.Number(), State: string(s.State), Since: *instant(s.Since), Until: *instant(s.Until), TLP: s.Label.String(), Version: s.Version, Replaces: s.Replaces,
		Drafted: *instant(s.Drafted), DraftedBy: s.DraftedBy, Edited: instant(s.Edited), EditedBy: s.EditedBy, Approved: instant(s.Approved), ApprovedBy: s.ApprovedBy, SHA256: s.SHA256,
		Withdrawn: instant(s.Withdrawn), Withdrawal: s.Withdrawal, Reason: s.Reason}
}

func (r *room) show(ctx context.Context, id int64, err error) (*Sitrep, error) {
	if err != nil {
		return nil, err
	}
	o, err := r.desk.One(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &Sitrep{SitrepHead: headOf(&o.Sitrep), Whole: o.Whole, Changed: o.Sitrep.Changed(), Languages: o.Languages, Judgement: o.Judgement, Figures: o.Figures, Texts: map[string]map[string]sitrep.Words{}}
	for lang, texts := range o.Texts {
		out.Texts[lang] = map[string]sitrep.Words{}
		for _, x := range o.Shown() {
			out.Texts[lang][string(x)] = texts[x]
		}
	}
	return out, nil
}

type listSitrepsInput struct {
	api.Paging
	State string `query:"state" enum:"draft,approved,replaced,withdrawn"`
	Year  int    `query:"year" minimum:"0" maximum:"9999"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listSitrepsInput) (*api.Page[SitrepHead], error) {
	f := sitrep.Filter{State: sitrep.State(in.State), Year: in.Year, Limit: in.Limit}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &f.Before); err != nil {
			return nil, err
		}
	}
	all, next, err := r.desk.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []SitrepHead
	for i := range all {
		out = append(out, headOf(&all[i]))
	}
	return page(out, next)
}

func page[T any](items []T, next int64) (*api.Page[T], error) {
	cursor := ""
	if next != 0 {
		var err error
		if cursor, err = api.Cursor(next); err != nil {
			return nil, err
		}
	}
	return api.NewPage(items, cursor), nil
}

func (r *room) draft(ctx context.Context, c api.Caller, _ *struct{}) (*Sitrep, error) {
	s, err := r.desk.Draft(ctx, c.Actor)
	return r.show(ctx, s.ID, err)
}

func (r *room) one(ctx context.Context, _ api.Caller, in *SitrepID) (*Sitrep, error) {
	return r.show(ctx, in.ID, nil)
}

type editSitrepInput struct {
	SitrepID
	Body struct {
		Version   int64             `json:"version" minimum:"1" doc:"Of the draft that was changed"`
		Language  string            `json:"language" maxLength:"35"`
		TLP       string            `json:"tlp,omitempty" maxLength:"20"`
		Judgement *string           `json:"judgement,omitempty" doc:"What it means and what to do"`
		Texts     map[string]string `json:"texts,omitempty" doc:"By section; an empty one says again what the figures say"`
	}
}

func (r *room) edit(ctx context.Context, c api.Caller, in *editSitrepInput) (*Sitrep, error) {
	e := sitrep.Edit{Version: in.Body.Version, Language: in.Body.Language, Judgement: in.Body.Judgement, Texts: map[sitrep.Section]string{}}
	for x, t := range in.Body.Texts {
		e.Texts[sitrep.Section(x)] = t
	}
	if in.Body.TLP != "" {
		label, err := tlp.Parse(in.Body.TLP)
		if err != nil {
			return nil, fault.Problems{{Field: "tlp", Message: err.Error()}}
		}
		e.Label = &label
	}
	_, err := r.desk.Edit(ctx, c.Actor, in.ID, e)
	return r.show(ctx, in.ID, err)
}

type sitrepVersionInput struct {
	SitrepID
	Body struct {
		Version int64 `json:"version,omitempty" minimum:"0" doc:"Of the draft that was looked at; absent: whichever stands there"`
	}
}

func (r *room) refresh(ctx context.Context, c api.Caller, in *sitrepVersionInput) (*Sitrep, error) {
	_, err := r.desk.Refresh(ctx, c.Actor, in.ID, in.Body.Version)
	return r.show(ctx, in.ID, err)
}

func (r *room) approve(ctx context.Context, c api.Caller, in *sitrepVersionInput) (*Sitrep, error) {
	_, err := r.desk.Approve(ctx, c.Actor, in.ID, in.Body.Version)
	return r.show(ctx, in.ID, err)
}

type sitrepReasonInput struct {
	SitrepID
	Body struct {
		Reason string `json:"reason" maxLength:"1000"`
	}
}

func (r *room) correct(ctx context.Context, c api.Caller, in *sitrepReasonInput) (*Sitrep, error) {
	s, err := r.desk.Correct(ctx, c.Actor, in.ID, in.Body.Reason)
	return r.show(ctx, s.ID, err)
}

func (r *room) withdraw(ctx context.Context, c api.Caller, in *sitrepReasonInput) (*Sitrep, error) {
	_, err := r.desk.Withdraw(ctx, c.Actor, in.ID, in.Body.Reason)
	return r.show(ctx, in.ID, err)
}

type sitrepAudienceInput struct {
	SitrepID
	Body struct {
		Staff        bool     `json:"staff,omitempty" doc:"Everybody of the CERT with an account"`
		Everybody    bool     `json:"everybody,omitempty" doc:"All constituents that are no authorities"`
		Designations []string `json:"designations,omitempty" maxItems:"10"`
		Sectors      []string `json:"sectors,omitempty" maxItems:"100"`
		Authorities  bool     `json:"authorities,omitempty" doc:"The competent authorities"`
		Same         bool     `json:"same,omitempty" doc:"Of a correction: those who were sent an earlier edition"`
	}
}

func (in *sitrepAudienceInput) audience() sitrep.Audience {
	b := in.Body
	return sitrep.Audience{Staff: b.Staff, Everybody: b.Everybody, Designations: b.Designations, Sectors: b.Sectors, Authorities: b.Authorities, Same: b.Same}
}

func (r *room) reach(ctx context.Context, _ api.Caller, in *sitrepAudienceInput) (*sitrep.Reached, error) {
	out, err := r.desk.Reach(ctx, in.ID, in.audience())
	return &out, err
}

func (r *room) distribute(ctx context.Context, c api.Caller, in *sitrepAudienceInput) (*sitrep.Sent, error) {
	sent, err := r.desk.Distribute(ctx, c.Actor, in.ID, in.audience())
	return &sent, err
}

type listSitrepRecipientsInput struct {
	SitrepID
	api.Paging
}

func (r *room) recipients(ctx context.Context, _ api.Caller, in *listSitrepRecipientsInput) (*api.Page[sitrep.Recipient], error) {
	after := int64(0)
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	all, next, err := r.desk.Recipients(ctx, in.ID, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return page(all, next)
}

type exportSitrepInput struct {
	SitrepID
	Format   string `path:"format" enum:"md,txt"`
	Language string `query:"language" maxLength:"35" doc:"The nation's own without it"`
}

func (r *room) export(ctx context.Context, _ api.Caller, in *exportSitrepInput) (*api.Stream, error) {
	doc, err := r.desk.Document(ctx, in.ID, in.Language)
	if err != nil {
		return nil, err
	}
	b, kind, err := doc.In(in.Format)
	return &api.Stream{ContentType: kind, Write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, err
}
