package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/api"
)

func (r *room) circleRoutes() []api.Route {
	return []api.Route{
		api.Operation[struct{}, api.Page[disclosure.Circle]]{Method: http.MethodGet, Path: "/api/disclosure/circles", ID: "list-circles",
			Summary: "Circles", Permission: read, Handle: r.circles},
		api.Operation[saveInput, disclosure.Circle]{Method: http.MethodPut, Path: "/api/disclosure/circles/{name}", ID: "save-circle",
			Summary: "Make a circle, or give one another title", Permission: write, Handle: r.save},
		api.Operation[membersInput, api.Page[Member]]{Method: http.MethodGet, Path: "/api/disclosure/circles/{name}/members", ID: "list-circle-members",
			Summary: "The members of a circle", Permission: read, Handle: r.members},
		api.Operation[joinInput, api.Nothing]{Method: http.MethodPut, Path: "/api/disclosure/circles/{name}/members/{subject}", ID: "add-circle-member",
			Summary: "Add a member to a circle", Permission: write, Handle: r.join},
		api.Operation[MemberPath, api.Nothing]{Method: http.MethodDelete, Path: "/api/disclosure/circles/{name}/members/{subject}", ID: "remove-circle-member",
			Summary: "Remove a member from a circle", Permission: write, Handle: r.leave},
	}
}

// CircleName is the path of a circle.
type CircleName struct {
	Name string `path:"name" maxLength:"64"`
}

func (r *room) circles(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[disclosure.Circle], error) {
	cs, err := r.gate.Circles(ctx)
	return api.NewPage(cs, ""), err
}

type saveInput struct {
	CircleName
	Body struct {
		Title string `json:"title" maxLength:"200"`
	}
}

func (r *room) save(ctx context.Context, c api.Caller, in *saveInput) (*disclosure.Circle, error) {
	if err := r.gate.SaveCircle(ctx, c.Actor, in.Name, in.Body.Title); err != nil {
		return nil, err
	}
	circle, _, _, err := r.gate.Circle(ctx, in.Name, "", 1)
	return &circle, err
}

// Member is somebody of a circle.
type Member struct {
	Subject string    `json:"subject" doc:"constituent:7, person:12 or service:4"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since"`
}

type membersInput struct {
	CircleName
	api.Paging
}

type memberPlace struct {
	After string `json:"a"`
}

func (r *room) members(ctx context.Context, _ api.Caller, in *membersInput) (*api.Page[Member], error) {
	var p memberPlace
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return nil, err
		}
	}
	_, ms, last, err := r.gate.Circle(ctx, in.Name, p.After, in.Limit)
	if err != nil {
		return nil, err
	}
	var out []Member
	for _, m := range ms {
		out = append(out, Member{m.Subject, m.Name, *at(m.Since)})
	}
	cursor := ""
	if last != "" {
		cursor, err = api.Cursor(memberPlace{last})
	}
	return api.NewPage(out, cursor), err
}

// MemberPath is the path of a member.
type MemberPath struct {
	CircleName
	Subject string `path:"subject" maxLength:"200" doc:"constituent:7, person:12 or service:4"`
}

type joinInput struct {
	MemberPath
	Body struct {
		Name string `json:"name,omitempty" maxLength:"200" doc:"For people; of a constituent its own when absent"`
	}
}

func (r *room) join(ctx context.Context, c api.Caller, in *joinInput) (*api.Nothing, error) {
	return nil, r.gate.Join(ctx, c.Actor, in.Name, disclosure.Member{Subject: in.Subject, Name: in.Body.Name})
}

func (r *room) leave(ctx context.Context, c api.Caller, in *MemberPath) (*api.Nothing, error) {
	return nil, r.gate.Leave(ctx, c.Actor, in.Name, in.Subject)
}
