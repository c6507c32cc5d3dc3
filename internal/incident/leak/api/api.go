// Package api is the REST side of leaked data: the lists of a case, ranges of hashes for programs that compare themselves, and what owners
// of domains are told.
package api

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident/leak"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
)

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
	own   act.Permission = "portal.read"
	take  act.Permission = "portal.download"
)

// MaxBytes is how large a list may be.
const MaxBytes = 1 << 30

type room struct{ desk *leak.Desk }

// Routes returns the operations.
func Routes(d *leak.Desk) []api.Route {
	r := &room{d}
	return []api.Route{
		api.Operation[Numbered, api.Page[leak.Leak]]{Method: http.MethodGet, Path: "/api/cases/{id}/leaks", ID: "list-leaks",
			Summary: "Lists of leaked addresses that were loaded for a case, the latest first", Permission: read, Handle: r.list},
		api.Operation[loadLeakInput, leak.Leak]{Method: http.MethodPost, Path: "/api/cases/{id}/leaks", ID: "load-leak", Status: http.StatusCreated,
			Summary: "Load a list of leaked addresses", Permission: write, MaxBytes: MaxBytes, Handle: r.load,
			Description: "One address a line, or a CSV. The list is read and not kept: of each address only the hash stays."},
		api.Operation[oneLeak, api.Nothing]{Method: http.MethodPost, Path: "/api/cases/{id}/leaks/{leak}/withdraw", ID: "withdraw-leak",
			Summary: "Remove all that is kept of a list's addresses", Permission: write, Handle: r.withdraw},
		api.ClearedOperation[rangeInput, LeakRange]{Method: http.MethodGet, Path: "/api/leaks/ranges/{prefix}", ID: "get-leak-range",
			Summary: "All hashes of leaked addresses that begin with five digits", Permission: own, Handle: r.span,
			Description: "For programs that look whether addresses of theirs are in leaked data without telling which: take the SHA-256 of the address in lower case, send the first five hexadecimal digits, and look for the other 59 in the answer. It holds suffixes that nobody has among those that somebody has, so that its length says nothing."},
		api.ClearedOperation[struct{}, api.Page[leak.Own]]{Method: http.MethodGet, Path: "/api/portal/leaks", ID: "list-own-leaks",
			Summary: "How many addresses of one's own domains are in leaked data", Permission: own, Handle: r.mine},
		api.ClearedDownload[ownLeakInput]{Path: "/api/portal/leaks/{leak}/addresses", ID: "export-own-leak",
			Summary: "The addresses of one's own domains in a list, where that was allowed, as CSV", Permission: take, Types: []string{"text/csv"}, Handle: r.addresses},
	}
}

// Numbered is the path of a case.
type Numbered struct {
	ID int64 `path:"id" minimum:"1"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[leak.Leak], error) {
	if _, err := r.desk.Case(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := r.desk.Leaks(ctx, in.ID)
	return api.NewPage(all, ""), err
}

type loadLeakInput struct {
	Numbered
	Title   string `query:"title" maxLength:"200" doc:"What leaked"`
	Told    string `query:"told" maxLength:"20000" doc:"What those in it are told"`
	Permit  string `query:"permit" maxLength:"2000" doc:"Who allows that owners of domains get the addresses in clear, and on what ground; nobody without it. It asks for incident.rule"`
	Lowered string `query:"lowered" maxLength:"2000" doc:"Why those in the list may be told although the case is stricter than TLP:AMBER; needed then. It asks for incident.rule"`
	Name    string `query:"name" maxLength:"300" doc:"Of the file, when it is the body itself"`
	File    api.Upload
}

func (r *room) load(ctx context.Context, c api.Caller, in *loadLeakInput) (*leak.Leak, error) {
	l := leak.Leak{Case: in.ID, Title: in.Title, Told: in.Told, Permit: in.Permit, Lowered: in.Lowered}
	err := in.File.One(func(_ string, content io.Reader) (err error) {
		l, err = r.desk.Load(ctx, c.Actor, l, content)
		return err
	})
	return &l, err
}

type oneLeak struct {
	Numbered
	Leak int64 `path:"leak" minimum:"1"`
}

func (r *room) withdraw(ctx context.Context, c api.Caller, in *oneLeak) (*api.Nothing, error) {
	return &api.Nothing{}, r.desk.Withdraw(ctx, c.Actor, in.ID, in.Leak)
}

type rangeInput struct {
	Prefix string `path:"prefix" maxLength:"64" doc:"Five hexadecimal digits"`
}

// LeakRange is what hashes that begin alike go on with.
type LeakRange struct {
	Suffixes []string `json:"suffixes" nullable:"false" doc:"59 hexadecimal digits each, in order"`
}

func (r *room) span(ctx context.Context, c api.Caller, in *rangeInput) (out egress.Cleared[*LeakRange], err error) {
	s, err := r.desk.Range(ctx, c.Actor, in.Prefix)
	return dress(s, err, func(s []string) *LeakRange { return &LeakRange{s} })
}

func (r *room) mine(ctx context.Context, c api.Caller, _ *struct{}) (egress.Cleared[*api.Page[leak.Own]], error) {
	all, err := r.desk.Mine(ctx, c.Actor, disclosure.REST)
	return dress(all, err, func(os []leak.Own) *api.Page[leak.Own] { return api.NewPage(os, "") })
}

type ownLeakInput struct {
	Leak int64 `path:"leak" minimum:"1"`
}

func (r *room) addresses(ctx context.Context, c api.Caller, in *ownLeakInput) (egress.Cleared[*api.Stream], error) {
	all, err := r.desk.Addresses(ctx, c.Actor, in.Leak)
	return dress(all, err, func(as *leak.Plain) *api.Stream {
		return &api.Stream{ContentType: "text/csv; charset=utf-8", Name: fmt.Sprintf("leak-%d.csv", in.Leak), Write: as.WriteCSV}
	})
}

// dress makes an answer of what was cleared.
func dress[In, Out any](c egress.Cleared[In], err error, answer func(In) Out) (none egress.Cleared[Out], _ error) {
	if err != nil {
		return none, err
	}
	in, g, err := c.Open()
	if err != nil {
		return none, err
	}
	return disclosure.Whole(answer(in), g)
}
