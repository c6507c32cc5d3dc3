// Package web is the room of the conversation by mail about a case or a report: what went to and fro, and the letter that is written,
// looked at and sent. It translates and decides nothing.
package web

import (
	"context"
	"embed"
	"fmt"
	"strconv"

	"tocsin/internal/format/eml"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/letter"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
)

type room struct{ desk *letter.Desk }

// Room returns the room.
func Room(d *letter.Desk) web.Room {
	r := &room{d}
	return web.Room{Name: "letter", Templates: files, Locale: files,
		Routes: []web.Route{
			web.Page("GET /cases/{id}/letters", read, "letters.html", r.list(ofCase)),
			web.Page("GET /cases/{id}/letters/new", write, "letter-new.html", r.blank(ofCase)),
			web.Action("POST /cases/{id}/letters/new", write, "GET /cases/{id}/letters/new", r.send(ofCase)),
			web.Page("GET /reports/{id}/letters", read, "letters.html", r.list(ofReport)),
			web.Page("GET /reports/{id}/letters/new", write, "letter-new.html", r.blank(ofReport)),
			web.Action("POST /reports/{id}/letters/new", write, "GET /reports/{id}/letters/new", r.send(ofReport)),
		}}
}

func ofCase(id int64) letter.About   { return letter.About{Case: id} }
func ofReport(id int64) letter.About { return letter.About{Report: id} }

// Numbered is the path of a case or a report.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

// home is the page of what a conversation is about.
func home(a letter.About) string {
	if a.Case != 0 {
		return "/cases/" + strconv.FormatInt(a.Case, 10)
	}
	return "/reports/" + strconv.FormatInt(a.Report, 10)
}

type listOut struct {
	*letter.Matter
	Home   string
	Ticket string
	Lines  []line
	Empty  web.Empty
}

// PageTitle is the number of the case or report.
func (o *listOut) PageTitle() string { return o.Number }

// line is a letter of ours or a message of theirs as it is read.
type line struct {
	letter.Line
	Own    string
	Quoted string
	Reply  string // where it is answered; "" nowhere
}

func (r *room) list(of func(int64) letter.About) func(context.Context, web.Visitor, Numbered) (*listOut, error) {
	return func(ctx context.Context, v web.Visitor, in Numbered) (*listOut, error) {
		a := of(in.ID)
		m, err := r.desk.Matter(ctx, a)
		if err != nil {
			return nil, err
		}
		out := &listOut{Matter: m, Home: home(a), Ticket: m.Ticket, Empty: web.Empty{Title: v.T("letter.none"), Text: v.T("letter.none-text")}}
		ls, err := r.desk.Conversation(ctx, a)
		for _, l := range ls {
			x := line{Line: l, Own: l.Text}
			if l.Message != nil {
				x.Own, x.Quoted = eml.Quoted(l.Text)
				if l.Answerable && v.May(write) && !m.Over {
					x.Reply = fmt.Sprintf("%s/letters/new?reply=%d", out.Home, l.Message.ID)
				}
			}
			out.Lines = append(out.Lines, x)
		}
		return out, err
	}
}

type draftOut struct {
	*letter.Matter
	Home      string
	Draft     letter.Draft
	Message   *mailbox.Message // that is answered
	Own       string           // what it says
	Parties   []web.Option
	Roles     []web.Option
	Languages []web.Option
	Labels    []web.Option
	Files     []incident.File
	Chosen    map[int64]bool
	// Letters is what would be sent, when it was asked for.
	Letters []letter.Prepared
	Held    int // of them cannot leave
}

// PageTitle is the number of the case or report.
func (o *draftOut) PageTitle() string { return o.Number }

func (r *room) blank(of func(int64) letter.About) func(context.Context, web.Visitor, struct {
	Numbered
	To    string `query:"to" max:"40"`
	Reply int64  `query:"reply" min:"0"`
}) (*draftOut, error) {
	return func(ctx context.Context, v web.Visitor, in struct {
		Numbered
		To    string `query:"to" max:"40"`
		Reply int64  `query:"reply" min:"0"`
	}) (*draftOut, error) {
		dr, m, err := r.desk.Begin(ctx, of(in.ID), in.Reply)
		if err != nil {
			return nil, err
		}
		dr.To = in.To
		out, err := r.form(ctx, v, of(in.ID), dr)
		if m != nil && err == nil {
			out.Message = m
			out.Own, _ = eml.Quoted(m.Text)
		}
		return out, err
	}
}

// form is a draft with all that can be chosen for it.
func (r *room) form(ctx context.Context, v web.Visitor, a letter.About, dr letter.Draft) (*draftOut, error) {
	m, err := r.desk.Matter(ctx, a)
	if err != nil {
		return nil, err
	}
	out := &draftOut{Matter: m, Home: home(a), Draft: dr, Chosen: map[int64]bool{}, Parties: []web.Option{{Label: v.T("letter.choose")}}}
	parties, err := r.desk.Parties(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, p := range parties {
		what := v.T("letter.kind." + p.Kind)
		if p.Role != "" {
			what = v.T("letter.role." + p.Role)
		}
		out.Parties = append(out.Parties, web.Option{Value: p.Key, Label: v.T("letter.party", p.Name, what, p.Mail)})
	}
	out.Parties = append(out.Parties, web.Option{Value: "constituent", Label: v.T("letter.to-constituent")}, web.Option{Value: letter.Address, Label: v.T("letter.to-address")})
	for _, role := range letter.Roles() {
		out.Roles = append(out.Roles, web.Option{Value: role, Label: v.T("letter.role." + role)})
	}
	for _, l := range r.desk.Languages() {
		out.Languages = append(out.Languages, web.Option{Value: l, Label: l})
	}
	for _, l := range tlp.Labels() {
		if l <= tlp.AmberStrict {
			out.Labels = append(out.Labels, web.Option{Value: l.String(), Label: l.String()})
		}
	}
	for _, f := range dr.Files {
		out.Chosen[f] = true
	}
	out.Files, err = r.desk.Files(ctx, a)
	return out, err
}

// sendIn is a letter as its form sends it.
type sendIn struct {
	Numbered
	To          string  `form:"to" max:"40"`
	Constituent string  `form:"constituent" max:"100"`
	Role        string  `form:"role" max:"20"`
	Address     string  `form:"address" max:"254"`
	Language    string  `form:"language" max:"35"`
	Why         string  `form:"why" max:"20000"`
	Reply       int64   `form:"reply" min:"0"`
	Quote       bool    `form:"quote"`
	Subject     string  `form:"subject" max:"200"`
	Text        string  `form:"text" max:"100000"`
	TLP         string  `form:"tlp" max:"20"`
	Lowered     string  `form:"lowered" max:"20000"`
	Files       []int64 `form:"files"`
	Send        bool    `form:"send"`
}

func (r *room) send(of func(int64) letter.About) func(context.Context, web.Visitor, sendIn) (web.Done, error) {
	return func(ctx context.Context, v web.Visitor, in sendIn) (web.Done, error) {
		label, err := tlp.Parse(in.TLP)
		if err != nil {
			return web.Done{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
		}
		a := of(in.ID)
		dr := letter.Draft{To: in.To, Constituent: in.Constituent, Role: in.Role, Address: in.Address, Language: in.Language, Why: in.Why, Reply: in.Reply, Quote: in.Quote,
			Subject: in.Subject, Text: in.Text, Label: label, Lowered: in.Lowered, Files: in.Files}
		if in.Send {
			sent, err := r.desk.Send(ctx, v.Actor, a, dr)
			return web.Done{To: home(a) + "/letters", Flash: "letter.sent", Args: []any{len(sent)}}, err
		}
		ls, err := r.desk.Preview(ctx, a, dr)
		if err != nil {
			return web.Done{}, err
		}
		out, err := r.form(ctx, v, a, dr)
		if err != nil {
			return web.Done{}, err
		}
		out.Letters = ls
		for _, l := range ls {
			if l.Withheld != "" {
				out.Held++
			}
		}
		return web.Done{Page: out, Template: "letter-preview.html"}, nil
	}
}
