package web

import (
	"context"
	"strconv"
	"strings"

	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/web"
)

type listIn struct {
	State string `query:"state" max:"12" default:"waiting"`
	After int64  `query:"after" min:"0"`
}

type listPage struct {
	Tabs     []tab
	Rows     []row
	Columns  []web.Column
	Status   []mailbox.Status
	Pager    web.Pager
	Empty    web.Empty
	Unfitted bool // the inbox is shown
}

type tab struct {
	Text    string
	Href    string
	Current bool
}

type row struct {
	mailbox.Message
	Title   string
	Excerpt string
	Href    string
}

const shown = 50

func (r *room) list(ctx context.Context, v web.Visitor, in listIn) (listPage, error) {
	p := listPage{Unfitted: in.State == string(mailbox.Waiting)}
	ms, next, err := r.box.List(ctx, mailbox.Filter{State: mailbox.State(in.State), Before: in.After}, shown)
	if err != nil {
		return p, err
	}
	c, err := r.box.Counts(ctx)
	if err != nil {
		return p, err
	}
	if p.Status, err = r.box.Status(ctx); err != nil {
		return p, err
	}
	for i, n := range []int64{c.Waiting, c.Open, c.Done, c.Dismissed} {
		state := string(mailbox.States()[i])
		p.Tabs = append(p.Tabs, tab{v.T("mail-state."+state) + " (" + v.Number(n) + ")", "/mailbox?state=" + state, state == in.State})
	}
	for _, m := range ms {
		p.Rows = append(p.Rows, row{m, titleOf(v, &m), strings.Join(strings.Fields(m.Text), " "), hrefOf(&m)})
	}
	after := ""
	if next != 0 {
		after = strconv.FormatInt(next, 10)
	}
	p.Pager = web.NewPager(v, after, len(ms))
	p.Columns = []web.Column{{Key: "col.subject"}, {Key: "col.from"}, {Key: "col.kind"}, {Key: "col.taken"}}
	p.Empty = web.Empty{Title: v.T("list.none." + in.State), Text: v.T("list.none-text")}
	return p, nil
}

func titleOf(v web.Visitor, m *mailbox.Message) string {
	if m.Subject == "" {
		return v.T("mail.no-subject")
	}
	return m.Subject
}

// hrefOf is where a message is dealt with: in its conversation, if it has one.
func hrefOf(m *mailbox.Message) string {
	if m.Ticket != "" {
		return conversationPath(m.Ticket) + "#m" + strconv.FormatInt(m.ID, 10)
	}
	return pathOf(m.ID)
}
