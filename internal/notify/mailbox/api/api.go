// Package api is the REST room of the mailbox: messages, conversations, originals and attachments, and what people do with them. It
// translates and decides nothing.
package api

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"tocsin/internal/format/tlp"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	read  act.Permission = "mailbox.read"
	write act.Permission = "mailbox.write"
)

type room struct{ box *mailbox.Box }

// Routes are the room's operations.
func Routes(b *mailbox.Box) []api.Route {
	r := &room{b}
	return []api.Route{
		api.Operation[listInput, api.Page[Message]]{Method: http.MethodGet, Path: "/api/mailbox/messages", ID: "list-messages",
			Summary: "Messages that came by mail, the latest first, with the beginning of their text", Permission: read, Handle: r.list},
		api.Operation[Number, Message]{Method: http.MethodGet, Path: "/api/mailbox/messages/{id}", ID: "get-message",
			Summary: "One message with its files", Permission: read, Handle: r.one},
		api.Download[Number]{Path: "/api/mailbox/messages/{id}/original", ID: "get-message-original", Summary: "A message as it came",
			Permission: read, Types: []string{"application/octet-stream"}, Handle: r.original},
		api.Download[fileInput]{Path: "/api/mailbox/messages/{id}/files/{number}", ID: "get-message-file", Summary: "An attachment",
			Permission: read, Types: []string{"application/octet-stream"}, Handle: r.file},
		api.Operation[ticketInput, Conversation]{Method: http.MethodGet, Path: "/api/mailbox/conversations/{ticket}", ID: "get-conversation",
			Summary: "All letters and messages under a ticket, the first one first", Permission: read, Handle: r.conversation},
		api.Operation[struct{}, Overview]{Method: http.MethodGet, Path: "/api/mailbox", ID: "get-mailbox",
			Summary: "How many messages are in each state, and how the reading goes", Permission: read, Handle: r.overview},
		api.Operation[answerInput, Answered]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/answer", ID: "answer-message",
			Summary: "Answer a message with a letter", Permission: write, Status: http.StatusCreated, Handle: r.answer,
			Description: "The letter goes to the address that the message came from. An author whose address is not one that we write to gets TLP:CLEAR only. Messages of machines are not answered."},
		api.Operation[assignInput, Message]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/assign", ID: "assign-message",
			Summary: "Put a message of the inbox into a conversation", Permission: write, Handle: r.assign},
		api.Operation[Number, Message]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/begin", ID: "begin-conversation",
			Summary: "Make a message of the inbox the first of a conversation", Permission: write, Handle: r.begin},
		api.Operation[Number, Message]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/incident", ID: "report-message",
			Summary: "Make a report of an incident of a message of the inbox", Permission: write, Handle: r.incident},
		api.Operation[dismissInput, Message]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/dismiss", ID: "dismiss-message",
			Summary: "Put a message aside, with a reason", Permission: write, Handle: r.dismiss},
		api.Operation[Number, Message]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/finish", ID: "finish-message",
			Summary: "Say that a message needs no answer", Permission: write, Handle: r.finish},
		api.Operation[reportInput, Message]{Method: http.MethodPost, Path: "/api/mailbox/messages/{id}/files/{number}/report", ID: "take-message-report",
			Summary: "Have an attachment or a linked file taken in as a report of a feed", Permission: write, Status: http.StatusAccepted, Handle: r.report},
	}
}

// Number is a message in a path.
type Number struct {
	ID int64 `path:"id" minimum:"1"`
}

type listInput struct {
	api.Paging
	State       string `query:"state" enum:"waiting,open,done,dismissed"`
	Kind        string `query:"kind" enum:"letter,automatic,bounce,delivery,list,own"`
	Constituent int64  `query:"constituent" minimum:"0"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*api.Page[Message], error) {
	f := mailbox.Filter{State: mailbox.State(in.State), Kind: mailbox.Kind(in.Kind), Constituent: in.Constituent}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &f.Before); err != nil {
			return nil, err
		}
		if f.Before < 1 {
			return nil, fault.Invalidf("the cursor is not one that this list gave out: begin again without it")
		}
	}
	ms, last, err := r.box.List(ctx, f, in.Limit)
	if err != nil {
		return nil, err
	}
	var out []Message
	for _, m := range ms {
		out = append(out, *messageOf(&m))
	}
	next := ""
	if last != 0 {
		next, err = api.Cursor(last)
	}
	return api.NewPage(out, next), err
}

func (r *room) one(ctx context.Context, _ api.Caller, in *Number) (*Message, error) {
	return r.now(ctx, in.ID, nil)
}

// now is a message after something was done with it.
func (r *room) now(ctx context.Context, id int64, err error) (*Message, error) {
	if err != nil {
		return nil, err
	}
	m, err := r.box.ByID(ctx, id)
	return messageOf(&m), err
}

func (r *room) original(ctx context.Context, _ api.Caller, in *Number) (*api.Stream, error) {
	if _, err := r.box.ByID(ctx, in.ID); err != nil {
		return nil, err
	}
	return &api.Stream{ContentType: "application/octet-stream", Name: fmt.Sprintf("mail-%d.eml", in.ID), Write: func(ctx context.Context, w io.Writer) error {
		return r.box.Original(ctx, in.ID, w)
	}}, nil
}

type fileInput struct {
	Number
	File int `path:"number" minimum:"1"`
}

func (r *room) file(ctx context.Context, _ api.Caller, in *fileInput) (*api.Stream, error) {
	f, write, err := r.box.Attachment(ctx, in.ID, in.File)
	return &api.Stream{ContentType: "application/octet-stream", Name: f.Name, Write: func(_ context.Context, w io.Writer) error { return write(w) }}, err
}

type ticketInput struct {
	Ticket string `path:"ticket" maxLength:"300"`
}

func (r *room) conversation(ctx context.Context, _ api.Caller, in *ticketInput) (*Conversation, error) {
	c, err := r.box.Conversation(ctx, in.Ticket)
	return conversationOf(&c), err
}

func (r *room) overview(ctx context.Context, _ api.Caller, _ *struct{}) (*Overview, error) {
	c, err := r.box.Counts(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.box.Status(ctx)
	return overviewOf(c, s), err
}

type answerInput struct {
	Number
	Body struct {
		Text  string `json:"text" minLength:"1" maxLength:"102400"`
		Label string `json:"label" doc:"TLP 2.0: how far what it says may travel" enum:"CLEAR,GREEN,AMBER,AMBER+STRICT"`
		Quote bool   `json:"quote,omitempty" doc:"Quote the message below the answer"`
	}
}

// Answered names the letter that answers.
type Answered struct {
	Letter int64 `json:"letter" doc:"Its number in the outbox"`
}

func (r *room) answer(ctx context.Context, c api.Caller, in *answerInput) (*Answered, error) {
	label, err := tlp.Parse(in.Body.Label)
	if err != nil {
		return nil, fault.Problems{{Field: "label", Message: err.Error()}}
	}
	letter, err := r.box.Answer(ctx, c.Actor, in.ID, mailbox.Answer{Text: in.Body.Text, Label: label, Quote: in.Body.Quote})
	return &Answered{letter}, err
}

type assignInput struct {
	Number
	Body struct {
		Ticket string `json:"ticket" minLength:"1" maxLength:"300"`
	}
}

func (r *room) assign(ctx context.Context, c api.Caller, in *assignInput) (*Message, error) {
	return r.now(ctx, in.ID, r.box.Assign(ctx, c.Actor, in.ID, in.Body.Ticket))
}

func (r *room) begin(ctx context.Context, c api.Caller, in *Number) (*Message, error) {
	_, err := r.box.Begin(ctx, c.Actor, in.ID)
	return r.now(ctx, in.ID, err)
}

func (r *room) incident(ctx context.Context, c api.Caller, in *Number) (*Message, error) {
	_, err := r.box.Report(ctx, c.Actor, in.ID)
	return r.now(ctx, in.ID, err)
}

type dismissInput struct {
	Number
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func (r *room) dismiss(ctx context.Context, c api.Caller, in *dismissInput) (*Message, error) {
	return r.now(ctx, in.ID, r.box.Dismiss(ctx, c.Actor, in.ID, in.Body.Reason))
}

func (r *room) finish(ctx context.Context, c api.Caller, in *Number) (*Message, error) {
	return r.now(ctx, in.ID, r.box.Finish(ctx, c.Actor, in.ID))
}

type reportInput struct {
	Number
	File int `path:"number" minimum:"1"`
	Body struct {
		Feed string `json:"feed,omitempty" maxLength:"64" doc:"Whose report it is, when its name does not say so"`
	}
}

func (r *room) report(ctx context.Context, c api.Caller, in *reportInput) (*Message, error) {
	return r.now(ctx, in.ID, r.box.TakeReport(ctx, c.Actor, in.ID, in.File, in.Body.Feed))
}
