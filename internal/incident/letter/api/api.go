// Package api is the REST side of the conversation by mail about a case or a report.
package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident/letter"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	read  act.Permission = "incident.read"
	write act.Permission = "incident.write"
)

type room struct{ desk *letter.Desk }

// Routes returns the operations.
func Routes(d *letter.Desk) []api.Route {
	r := &room{d}
	var out []api.Route
	for _, of := range []struct {
		path, id, what string
		about          func(int64) letter.About
	}{{"/api/cases/{id}/letters", "case", "a case", func(id int64) letter.About { return letter.About{Case: id} }},
		{"/api/reports/{id}/letters", "report", "a report", func(id int64) letter.About { return letter.About{Report: id} }}} {
		out = append(out,
			api.Operation[Numbered, api.Page[ConversationLine]]{Method: http.MethodGet, Path: of.path, ID: "list-" + of.id + "-letters",
				Summary: "What went to and fro by mail about " + of.what + ", the first first", Permission: read, Handle: r.list(of.about)},
			api.Operation[Numbered, api.Page[letter.Party]]{Method: http.MethodGet, Path: of.path + "/parties", ID: "list-" + of.id + "-parties",
				Summary: "Who of " + of.what + " can be written to", Permission: read, Handle: r.parties(of.about)},
			api.Operation[writeLetterInput, api.Page[letter.Prepared]]{Method: http.MethodPost, Path: of.path + "/preview", ID: "preview-" + of.id + "-letter",
				Summary: "What a letter about " + of.what + " would say, and whether it could leave", Permission: write, Handle: r.preview(of.about)},
			api.Operation[writeLetterInput, LettersSent]{Method: http.MethodPost, Path: of.path, ID: "send-" + of.id + "-letter", Status: http.StatusCreated,
				Summary: "Write a letter about " + of.what, Permission: write, Handle: r.send(of.about),
				Description: "It leaves by the outbox when the gate lets it. One that would travel further than what it is about asks for incident.rule and a reason."})
	}
	return out
}

// Numbered is the path of a case or a report.
type Numbered struct {
	ID int64 `path:"id" minimum:"1"`
}

// ConversationLine is a letter of ours or a message of theirs.
type ConversationLine struct {
	At         time.Time `json:"at"`
	Ticket     string    `json:"ticket"`
	Letter     int64     `json:"letter,omitempty" doc:"Its number in the outbox"`
	State      string    `json:"state,omitempty" doc:"Of the letter"`
	To         string    `json:"to,omitempty"`
	Message    int64     `json:"message,omitempty" doc:"Its number in the mailbox"`
	Kind       string    `json:"kind,omitempty" doc:"Of the message"`
	From       string    `json:"from,omitempty"`
	Stranger   bool      `json:"stranger" doc:"The message comes from nobody that the conversation was with"`
	Answerable bool      `json:"answerable" doc:"A person wrote the message"`
	Subject    string    `json:"subject"`
	Text       string    `json:"text" doc:"Its beginning; empty of a letter that is not composed yet or long past"`
}

func (r *room) list(of func(int64) letter.About) func(context.Context, api.Caller, *Numbered) (*api.Page[ConversationLine], error) {
	return func(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[ConversationLine], error) {
		ls, err := r.desk.Conversation(ctx, of(in.ID))
		var out []ConversationLine
		for _, l := range ls {
			x := ConversationLine{At: time.UnixMicro(l.At).UTC(), Ticket: l.Ticket, Stranger: l.Stranger, Answerable: l.Answerable, Text: l.Text}
			if l.Letter != nil {
				x.Letter, x.State, x.To, x.Subject = l.Letter.ID, string(l.Letter.State), l.Letter.To, l.Letter.Subject
			} else {
				x.Message, x.Kind, x.From, x.Subject = l.Message.ID, string(l.Message.Kind), l.Message.From, l.Message.Subject
			}
			out = append(out, x)
		}
		return api.NewPage(out, ""), err
	}
}

func (r *room) parties(of func(int64) letter.About) func(context.Context, api.Caller, *Numbered) (*api.Page[letter.Party], error) {
	return func(ctx context.Context, _ api.Caller, in *Numbered) (*api.Page[letter.Party], error) {
		ps, err := r.desk.Parties(ctx, of(in.ID))
		return api.NewPage(ps, ""), err
	}
}

type writeLetterInput struct {
	Numbered
	Body struct {
		To          string  `json:"to,omitempty" maxLength:"40" doc:"Key of a party; constituent for the contacts of one, address for another address; empty for who wrote the message that reply names"`
		Constituent string  `json:"constituent,omitempty" maxLength:"100" doc:"Its reference"`
		Role        string  `json:"role,omitempty" enum:"security,abuse,technical,management,press,other" doc:"Of its contacts; all without it"`
		Address     string  `json:"address,omitempty" maxLength:"254"`
		Language    string  `json:"language,omitempty" maxLength:"35" doc:"Of the frame, for an address"`
		Why         string  `json:"why,omitempty" maxLength:"20000" doc:"The address is written to; needed with one"`
		Reply       int64   `json:"reply,omitempty" minimum:"0" doc:"The message that is answered"`
		Quote       bool    `json:"quote,omitempty" doc:"That message below the text"`
		Subject     string  `json:"subject,omitempty" maxLength:"200" doc:"Without the ticket; of an answer that of the message without it"`
		Text        string  `json:"text" maxLength:"100000"`
		TLP         string  `json:"tlp,omitempty" maxLength:"20" doc:"As the case or report without it"`
		Lowered     string  `json:"lowered,omitempty" maxLength:"20000" doc:"Why it may travel further; needed when it does"`
		Files       []int64 `json:"files,omitempty" maxItems:"100" doc:"Of the evidence, attached"`
	}
}

func (in *writeLetterInput) draft() (letter.Draft, error) {
	b := &in.Body
	out := letter.Draft{To: b.To, Constituent: b.Constituent, Role: b.Role, Address: b.Address, Language: b.Language, Why: b.Why, Reply: b.Reply, Quote: b.Quote,
		Subject: b.Subject, Text: b.Text, Lowered: b.Lowered, Files: b.Files}
	if b.TLP == "" {
		return out, nil
	}
	var err error
	if out.Label, err = tlp.Parse(b.TLP); err != nil {
		return out, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	return out, nil
}

func (r *room) preview(of func(int64) letter.About) func(context.Context, api.Caller, *writeLetterInput) (*api.Page[letter.Prepared], error) {
	return func(ctx context.Context, _ api.Caller, in *writeLetterInput) (*api.Page[letter.Prepared], error) {
		dr, err := in.draft()
		if err != nil {
			return nil, err
		}
		ls, err := r.desk.Preview(ctx, of(in.ID), dr)
		return api.NewPage(ls, ""), err
	}
}

// LettersSent names letters that are on their way.
type LettersSent struct {
	Letters []int64 `json:"letters" nullable:"false" doc:"Their numbers in the outbox"`
}

func (r *room) send(of func(int64) letter.About) func(context.Context, api.Caller, *writeLetterInput) (*LettersSent, error) {
	return func(ctx context.Context, c api.Caller, in *writeLetterInput) (*LettersSent, error) {
		dr, err := in.draft()
		if err != nil {
			return nil, err
		}
		ls, err := r.desk.Send(ctx, c.Actor, of(in.ID), dr)
		return &LettersSent{append([]int64{}, ls...)}, err
	}
}
