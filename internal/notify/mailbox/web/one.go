package web

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tocsin/internal/format/eml"
	"tocsin/internal/format/tlp"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/web"
)

type mailPage struct {
	Mail   *mail
	Labels []web.Option
	Label  string // that an answer begins with
}

// PageTitle is the subject.
func (p mailPage) PageTitle() string { return p.Mail.Title }

// mail is a message as it is read: its author's own words, and what was quoted folded away.
type mail struct {
	mailbox.Message
	Title        string
	Own          string
	Quoted       string
	More         bool // there is more of the text than is shown
	Conversation string
}

func mailOf(v web.Visitor, m mailbox.Message, more bool) mail {
	out := mail{Message: m, Title: titleOf(v, &m), More: more}
	out.Own, out.Quoted = eml.Quoted(m.Text)
	if m.Ticket != "" {
		out.Conversation = conversationPath(m.Ticket)
	}
	return out
}

func labels() []web.Option {
	var out []web.Option
	for _, l := range tlp.Labels()[:4] { // RED names persons: it leaves by no mail
		out = append(out, web.Option{Value: strings.TrimPrefix(l.String(), "TLP:"), Label: l.String()})
	}
	return out
}

// labelOf is what an answer is marked at first: an author who is not known gets what anybody may have.
func labelOf(m *mailbox.Message) string {
	if m.Verified && m.Constituent != 0 {
		return "AMBER"
	}
	return "CLEAR"
}

func (r *room) one(ctx context.Context, v web.Visitor, in Numbered) (mailPage, error) {
	m, err := r.box.ByID(ctx, in.ID)
	mail := mailOf(v, m, false)
	return mailPage{Mail: &mail, Labels: labels(), Label: labelOf(&m)}, err
}

type conversationPage struct {
	mailbox.Conversation
	Title   string
	Items   []item
	Reply   *mail // the message that an answer would go to; nil: there is none
	Labels  []web.Option
	Label   string
	Waiting bool // something of it is open
}

// PageTitle is the subject.
func (p conversationPage) PageTitle() string { return p.Title }

type item struct {
	At     int64
	Mail   *mail
	Letter *letter
}

type letter struct {
	ID    int64
	State string
	To    string
	Title string
	Text  string
}

func (r *room) conversation(ctx context.Context, v web.Visitor, in struct {
	Ticket string `path:"ticket" max:"300"`
}) (conversationPage, error) {
	c, err := r.box.Conversation(ctx, in.Ticket)
	p := conversationPage{Conversation: c, Title: c.Subject, Labels: labels()}
	if p.Title == "" {
		p.Title = v.T("mail.no-subject")
	}
	for _, e := range c.Entries {
		it := item{At: e.At}
		if e.Message != nil {
			m := mailOf(v, *e.Message, len([]rune(e.Message.Text)) == mailbox.Shown)
			it.Mail = &m
			if e.Message.Answerable() {
				p.Reply, p.Label = &m, labelOf(e.Message)
			}
			p.Waiting = p.Waiting || e.Message.State == mailbox.Open
		} else {
			it.Letter = &letter{e.Letter.ID, string(e.Letter.State), e.Letter.To, e.Letter.Subject, e.Text}
		}
		p.Items = append(p.Items, it)
	}
	return p, err
}

func (r *room) original(_ context.Context, _ web.Visitor, in Numbered) (web.File, error) {
	return web.File{Name: fmt.Sprintf("mail-%d.eml", in.ID), Type: "application/octet-stream", Write: func(w io.Writer) error {
		return r.box.Original(context.Background(), in.ID, w)
	}}, nil
}

// file is an attachment to save: whatever it says of its type, no browser opens it.
func (r *room) file(ctx context.Context, _ web.Visitor, in Filed) (web.File, error) {
	f, write, err := r.box.Attachment(ctx, in.ID, in.Number)
	return web.File{Name: f.Name, Type: "application/octet-stream", Write: write}, err
}

func (r *room) answer(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Text  string `form:"text" need:"true" max:"102400"`
	Label string `form:"label" need:"true" max:"20"`
	Quote bool   `form:"quote"`
}) (web.Done, error) {
	label, err := tlp.Parse(in.Label)
	if err != nil {
		label = tlp.None
	}
	if _, err := r.box.Answer(ctx, v.Actor, in.ID, mailbox.Answer{Text: in.Text, Label: label, Quote: in.Quote}); err != nil {
		return web.Done{}, err
	}
	return r.done(ctx, in.ID, "did.answer")
}

func (r *room) assign(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Ticket string `form:"ticket" need:"true" max:"300"`
}) (web.Done, error) {
	if err := r.box.Assign(ctx, v.Actor, in.ID, in.Ticket); err != nil {
		return web.Done{}, err
	}
	return r.done(ctx, in.ID, "did.assign")
}

func (r *room) begin(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	if _, err := r.box.Begin(ctx, v.Actor, in.ID); err != nil {
		return web.Done{}, err
	}
	return r.done(ctx, in.ID, "did.begin")
}

func (r *room) incident(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	if _, err := r.box.Report(ctx, v.Actor, in.ID); err != nil {
		return web.Done{}, err
	}
	return r.done(ctx, in.ID, "did.incident")
}

func (r *room) dismiss(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Reason string `form:"reason" need:"true" max:"1000"`
}) (web.Done, error) {
	return web.Done{To: "/mailbox", Flash: "did.dismiss"}, r.box.Dismiss(ctx, v.Actor, in.ID, in.Reason)
}

func (r *room) finish(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	if err := r.box.Finish(ctx, v.Actor, in.ID); err != nil {
		return web.Done{}, err
	}
	return r.done(ctx, in.ID, "did.finish")
}

func (r *room) report(ctx context.Context, v web.Visitor, in struct {
	Filed
	Feed string `form:"feed" max:"64"`
}) (web.Done, error) {
	err := r.box.TakeReport(ctx, v.Actor, in.ID, in.Number, strings.TrimSpace(in.Feed))
	return web.Done{To: pathOf(in.ID), Flash: "did.report"}, err
}

// done leads to where the message is dealt with.
func (r *room) done(ctx context.Context, id int64, flash string) (web.Done, error) {
	m, err := r.box.ByID(ctx, id)
	to := pathOf(id)
	if m.Ticket != "" {
		to = conversationPath(m.Ticket)
	}
	return web.Done{To: to, Flash: flash, Args: []any{strconv.FormatInt(id, 10)}}, err
}
