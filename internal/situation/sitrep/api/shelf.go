package api

import (
	"context"
	"io"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
	"tocsin/internal/situation/sitrep"
)

// PortalSitrep is a situation report as a constituent has it.
type PortalSitrep struct {
	ID         int64        `json:"id"`
	Number     string       `json:"number"`
	State      string       `json:"state" enum:"approved,replaced,withdrawn"`
	TLP        string       `json:"tlp"`
	Since      time.Time    `json:"since"`
	Until      time.Time    `json:"until"`
	Approved   time.Time    `json:"approved"`
	Reason     string       `json:"reason,omitempty" doc:"Why it corrects an earlier edition"`
	Withdrawal string       `json:"withdrawal,omitempty" doc:"Why it was withdrawn"`
	Replaced   int64        `json:"replaced_by,omitempty" doc:"The edition that is valid instead"`
	Languages  []string     `json:"languages" nullable:"false"`
	Language   string       `json:"language" doc:"That title and parts are in"`
	Title      string       `json:"title"`
	Parts      []PortalPart `json:"parts" nullable:"false" doc:"None in a list, and none of what is not valid any more"`
}

// PortalPart is a part of a situation report, as plain text.
type PortalPart struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

func portalSitrep(s *sitrep.Shelved) PortalSitrep {
	out := PortalSitrep{ID: s.ID, Number: s.Number, State: string(s.State), TLP: s.Label.String(), Since: *instant(s.Since), Until: *instant(s.Until), Approved: *instant(s.Approved),
		Reason: s.Reason, Withdrawal: s.Withdrawal, Replaced: s.Replaced, Languages: s.Languages, Language: s.Doc.Language, Title: s.Doc.Title, Parts: []PortalPart{}}
	for _, p := range s.Doc.Parts {
		out.Parts = append(out.Parts, PortalPart(p))
	}
	return out
}

type listPortalSitrepsInput struct {
	Cursor   string `query:"cursor" maxLength:"200"`
	Language string `query:"language" maxLength:"35"`
}

func (r *room) shelf(ctx context.Context, c api.Caller, in *listPortalSitrepsInput) (none egress.Cleared[*api.Page[PortalSitrep]], err error) {
	var before int64
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &before); err != nil {
			return none, err
		}
	}
	cleared, next, err := r.desk.Shelf(ctx, c.Actor, disclosure.REST, in.Language, before)
	if err != nil {
		return none, err
	}
	all, g, err := cleared.Open()
	if err != nil {
		return none, err
	}
	var out []PortalSitrep
	for i := range all {
		out = append(out, portalSitrep(&all[i]))
	}
	p, err := page(out, next)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(p, g)
}

type portalSitrepInput struct {
	SitrepID
	Language string `query:"language" maxLength:"35" doc:"The nearest one that it is written in; the nation's own without it"`
}

func (r *room) shelved(ctx context.Context, c api.Caller, in *portalSitrepInput) (none egress.Cleared[*PortalSitrep], err error) {
	cleared, err := r.desk.Read(ctx, c.Actor, disclosure.REST, in.ID, in.Language)
	if err != nil {
		return none, err
	}
	s, g, err := sitrep.OneShelved(cleared)
	if err != nil {
		return none, err
	}
	out := portalSitrep(&s)
	return disclosure.Whole(&out, g)
}

type exportPortalSitrepInput struct {
	SitrepID
	Format   string `path:"format" enum:"md,txt"`
	Language string `query:"language" maxLength:"35"`
}

func (r *room) shelvedFile(ctx context.Context, c api.Caller, in *exportPortalSitrepInput) (none egress.Cleared[*api.Stream], err error) {
	cleared, err := r.desk.Read(ctx, c.Actor, disclosure.Export, in.ID, in.Language)
	if err != nil {
		return none, err
	}
	s, g, err := sitrep.OneShelved(cleared)
	if err != nil {
		return none, err
	}
	b, kind, err := s.Doc.In(in.Format)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&api.Stream{ContentType: kind, Name: s.Number + "-" + s.Doc.Language + "." + in.Format, Write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}, g)
}
