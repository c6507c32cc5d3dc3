package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
)

const takePart act.Permission = "shared.take-part"

func (r *room) participantRoutes() []api.Route {
	return []api.Route{
		api.Operation[Numbered, api.Page[CaseParticipant]]{Method: http.MethodGet, Path: "/api/cases/{id}/participants", ID: "list-case-participants",
			Summary: "Who from outside takes or took part in a case", Permission: read, Handle: r.participants},
		api.Operation[inviteInput, CaseParticipant]{Method: http.MethodPost, Path: "/api/cases/{id}/participants", ID: "invite-participant",
			Summary: "Let somebody with an account take part in a case until a time", Permission: write, Status: http.StatusCreated, Handle: r.invite},
		api.Operation[endPartInput, api.Nothing]{Method: http.MethodDelete, Path: "/api/cases/{id}/participants", ID: "end-participation", Summary: "End somebody's part in a case",
			Permission: write, Handle: r.endPart},
		api.Operation[shareFileInput, api.Nothing]{Method: http.MethodPost, Path: "/api/cases/{id}/share", ID: "share-case-file",
			Summary: "Share a file of a case with its participants, or no longer", Permission: write, Status: http.StatusNoContent, Handle: r.share},
		api.ClearedOperation[struct{}, api.Page[SharedCase]]{Method: http.MethodGet, Path: "/api/shared/cases", ID: "list-shared-cases", Summary: "The cases that the caller takes part in",
			Permission: takePart, Handle: r.sharedCases},
		api.ClearedOperation[partInput, SharedCase]{Method: http.MethodGet, Path: "/api/shared/cases/{id}", ID: "get-shared-case", Summary: "What of a case is shared with its participants",
			Permission: takePart, Handle: r.sharedCase},
		api.Operation[contributeInput, api.Nothing]{Method: http.MethodPost, Path: "/api/shared/cases/{id}/notes", ID: "contribute-to-case", Summary: "Add a note to a shared case",
			Permission: takePart, Status: http.StatusNoContent, Handle: r.contribute},
		api.Operation[bringInput, api.Nothing]{Method: http.MethodPost, Path: "/api/shared/cases/{id}/files", ID: "bring-case-files", Summary: "Add files to a shared case",
			Permission: takePart, Status: http.StatusNoContent, MaxBytes: 8 << 30, Handle: r.bring},
		api.ClearedDownload[sharedFileInput]{Path: "/api/shared/cases/{id}/files/{file}", ID: "get-shared-file", Summary: "A shared file of a case", Permission: takePart,
			Types: []string{"application/octet-stream"}, Handle: r.sharedFile},
	}
}

// CaseParticipant is somebody from outside who takes part in a case.
type CaseParticipant struct {
	Account int64      `json:"account"`
	Name    string     `json:"name"`
	Until   *time.Time `json:"until"`
	Note    string     `json:"note,omitempty"`
	At      *time.Time `json:"at"`
	By      string     `json:"by"`
	Ended   *time.Time `json:"ended,omitempty"`
	EndedBy string     `json:"ended_by,omitempty"`
}

func participantOf(p *incident.Participant) CaseParticipant {
	return CaseParticipant{p.Account, p.Name, at(p.Until), p.Note, at(p.At), p.By, at(p.Ended), p.EndedBy}
}

func (r *room) participants(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[CaseParticipant], error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := r.desk.Participants(ctx, one.ID)
	var out []CaseParticipant
	for _, p := range list {
		out = append(out, participantOf(&p))
	}
	return api.NewPage(out, ""), err
}

type inviteInput struct {
	Numbered
	Body struct {
		Login string    `json:"login" maxLength:"300"`
		Until time.Time `json:"until"`
		Note  string    `json:"note,omitempty" maxLength:"2000"`
	}
}

func (r *room) invite(ctx context.Context, c api.Caller, in *inviteInput) (*CaseParticipant, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := r.desk.Invite(ctx, c.Actor, one.ID, in.Body.Login, in.Body.Until.UnixMicro(), in.Body.Note)
	out := participantOf(&p)
	return &out, err
}

type endPartInput struct {
	Numbered
	Account int64 `query:"account" required:"true" minimum:"1"`
}

func (r *room) endPart(ctx context.Context, c api.Caller, in *endPartInput) (*api.Nothing, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &api.Nothing{}, r.desk.Part(ctx, c.Actor, one.ID, in.Account)
}

type shareFileInput struct {
	Numbered
	Body struct {
		File  int64 `json:"file" minimum:"1"`
		Share bool  `json:"share"`
	}
}

func (r *room) share(ctx context.Context, c api.Caller, in *shareFileInput) (*api.Nothing, error) {
	one, err := r.desk.Resolve(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &api.Nothing{}, r.desk.ShareFile(ctx, c.Actor, one.ID, in.Body.File, in.Body.Share)
}

// SharedCase is a case as its participants see it.
type SharedCase struct {
	ID      int64       `json:"id"`
	Number  string      `json:"number"`
	Title   string      `json:"title"`
	State   string      `json:"state"`
	TLP     string      `json:"tlp"`
	PAP     string      `json:"pap,omitempty"`
	Until   *time.Time  `json:"until" doc:"How long the caller takes part"`
	Entries []CaseEntry `json:"entries,omitempty" doc:"The shared ones, the latest first, at most 200"`
	Files   []CaseFile  `json:"files,omitempty"`
}

func sharedOf(s *incident.Share) *SharedCase {
	out := &SharedCase{ID: s.ID, Number: s.Number, Title: s.Title, State: string(s.State), TLP: s.Label.String(), PAP: s.PAP.String(), Until: at(s.Until)}
	for _, e := range s.Entries {
		out.Entries = append(out.Entries, entryOf(&e))
	}
	for _, f := range s.Files {
		out.Files = append(out.Files, fileOf(&f))
	}
	return out
}

func (r *room) sharedCases(ctx context.Context, c api.Caller, _ *struct{}) (none egress.Cleared[*api.Page[SharedCase]], err error) {
	cleared, err := r.desk.SharedCases(ctx, c.Actor, disclosure.REST)
	if err != nil {
		return none, err
	}
	list, g, err := cleared.Open()
	if err != nil {
		return none, err
	}
	var out []SharedCase
	for _, s := range list {
		out = append(out, *sharedOf(&s))
	}
	return disclosure.Whole(api.NewPage(out, ""), g)
}

type partInput struct {
	ID int64 `path:"id" minimum:"1"`
}

func (r *room) sharedCase(ctx context.Context, c api.Caller, in *partInput) (none egress.Cleared[*SharedCase], err error) {
	cleared, err := r.desk.SharedCase(ctx, c.Actor, disclosure.REST, in.ID)
	if err != nil {
		return none, err
	}
	s, g, err := cleared.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(sharedOf(s), g)
}

type contributeInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		Text string `json:"text" maxLength:"300000"`
	}
}

func (r *room) contribute(ctx context.Context, c api.Caller, in *contributeInput) (*api.Nothing, error) {
	return &api.Nothing{}, r.desk.Contribute(ctx, c.Actor, in.ID, in.Body.Text)
}

type bringInput struct {
	ID    int64  `path:"id" minimum:"1"`
	Name  string `query:"name" maxLength:"1000" doc:"Of a body that is the file itself"`
	Files api.Upload
}

func (r *room) bring(ctx context.Context, c api.Caller, in *bringInput) (*api.Nothing, error) {
	if err := r.desk.TakesPart(ctx, c.Actor, in.ID); err != nil {
		return nil, err
	}
	return &api.Nothing{}, in.Files.Each(func(name string, body io.Reader) error {
		_, err := r.desk.Bring(ctx, c.Actor, in.ID, incident.File{Name: name}, body)
		return err
	})
}

type sharedFileInput struct {
	ID   int64 `path:"id" minimum:"1"`
	File int64 `path:"file" minimum:"1"`
}

func (r *room) sharedFile(ctx context.Context, c api.Caller, in *sharedFileInput) (none egress.Cleared[*api.Stream], err error) {
	cleared, err := r.desk.SharedFile(ctx, c.Actor, in.ID, in.File)
	if err != nil {
		return none, err
	}
	f, g, err := cleared.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&api.Stream{ContentType: "application/octet-stream", Name: f.Name, Write: func(ctx context.Context, w io.Writer) error {
		return r.desk.CopyTo(ctx, c.Actor, f.ID, w)
	}}, g)
}
