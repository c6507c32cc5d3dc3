package web

import (
	"context"
	"strconv"
	"strings"

	"tocsin/internal/disclosure"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type answersIn struct {
	State       string `query:"state" max:"20"`
	Constituent string `query:"constituent" max:"80"`
	After       int64  `query:"after" min:"0"`
}

type answersOut struct {
	Filter answersIn
	States []web.Option
	Items  []digest.Answer
	Pager  web.Pager
	Empty  web.Empty
}

func (r *room) answers(ctx context.Context, v web.Visitor, in answersIn) (*answersOut, error) {
	f := digest.AnswerFilter{State: in.State, Before: in.After, Limit: pageSize}
	if in.Constituent != "" {
		var err error
		if f.Constituent, err = r.constituent(ctx, in.Constituent); err != nil {
			return nil, err
		}
	}
	list, next, err := r.desk.Answers(ctx, f)
	out := &answersOut{Filter: in, Items: list, Pager: web.NewPager(v, cursor(next), len(list)), States: []web.Option{{Label: v.T("answer.all")}},
		Empty: web.Empty{Title: v.T("answer.none"), Text: v.T("answer.none-text")}}
	for _, s := range []string{digest.ClaimOpen, digest.ClaimApproved, digest.ClaimRefused} {
		out.States = append(out.States, web.Option{Value: s, Label: v.T("claim.state." + s)})
	}
	return out, err
}

type claimOut struct {
	digest.Claim
	Open bool
	More int
}

// PageTitle is the constituent's name.
func (o *claimOut) PageTitle() string { return o.Name }

func (r *room) claim(ctx context.Context, _ web.Visitor, in Numbered) (*claimOut, error) {
	c, err := r.desk.Claim(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &claimOut{Claim: c, Open: c.State == digest.ClaimOpen, More: max(0, len(c.Items)-shownItems)}
	out.Items = c.Items[:min(len(c.Items), shownItems)]
	return out, nil
}

func (r *room) decide(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Decision    string `form:"decision" need:"true" max:"20"`
	Constituent string `form:"constituent" max:"80"`
	Reason      string `form:"reason" need:"true" max:"500"`
}) (web.Done, error) {
	approve := in.Decision == "approve"
	flash := "claim.refused"
	if approve {
		flash = "claim.approved"
	}
	return web.Done{To: "/digests/claims/" + number(in.ID), Flash: flash}, r.desk.DecideClaim(ctx, v.Actor, in.ID, approve, in.Constituent, in.Reason)
}

// answerOut is the page of an answer link.
type answerOut struct {
	*digest.Notice
	Secret  string
	Replies []web.Option
	Shown   []digest.Item
	More    int
}

// PageTitle is the ticket.
func (o *answerOut) PageTitle() string { return o.Message.Ticket }

func (r *room) link(ctx context.Context, v web.Visitor, in struct {
	Secret string `path:"secret" max:"100"`
}) (none egress.Cleared[*answerOut], err error) {
	c, err := r.desk.Link(ctx, in.Secret)
	if err != nil {
		return none, err
	}
	n, g, err := c.Open()
	if err != nil {
		return none, err
	}
	out := &answerOut{Notice: n, Secret: in.Secret, Shown: n.Items[:min(len(n.Items), shownItems)], More: max(0, len(n.Items)-shownItems)}
	for _, a := range digest.Replies() {
		out.Replies = append(out.Replies, web.Option{Value: a, Label: v.T("reply." + a)})
	}
	return disclosure.Whole(out, g)
}

func (r *room) answer(ctx context.Context, v web.Visitor, in struct {
	Secret   string   `path:"secret" max:"100"`
	Answer   string   `form:"answer" need:"true" max:"20"`
	Note     string   `form:"note" max:"2000"`
	Name     string   `form:"name" max:"100"`
	All      bool     `form:"all"`
	Findings []string `form:"finding" max:"200"`
}) (web.Done, error) {
	reply := digest.Reply{Answer: in.Answer, Note: in.Note, Name: in.Name, Findings: in.Findings}
	if in.All {
		reply.Findings = nil
	} else if len(in.Findings) == 0 {
		return web.Done{}, fault.Problems{{Field: "all", Message: v.T("reply.choose")}}
	}
	err := r.desk.AnswerLink(ctx, in.Secret, reply)
	return web.Done{To: "/answer/" + in.Secret, Flash: "reply.thanks"}, err
}

type effectIn struct {
	By   string `query:"by" max:"10" default:"type"`
	Days int    `query:"days" min:"1" max:"400" default:"90"`
}

type effectOut struct {
	Filter effectIn
	Groups []web.Option
	Spans  []web.Option
	Rows   []effectRow
	Deaf   []digest.Deaf
	Empty  web.Empty
}

type effectRow struct {
	digest.Effect
	Label string
}

func (r *room) effect(ctx context.Context, v web.Visitor, in effectIn) (*effectOut, error) {
	list, err := r.desk.Effect(ctx, in.By, in.Days)
	if err != nil {
		return nil, err
	}
	out := &effectOut{Filter: in, Empty: web.Empty{Title: v.T("effect.none"), Text: v.T("effect.none-text")},
		Groups: []web.Option{{Value: "type", Label: v.T("effect.type")}, {Value: "sector", Label: v.T("effect.sector")}}}
	for _, n := range []int{30, 90, 180, 365} {
		out.Spans = append(out.Spans, web.Option{Value: strconv.Itoa(n), Label: v.T("effect.days", n)})
	}
	for _, e := range list {
		label := e.Group
		if in.By == "sector" {
			label = r.sector(v, e.Group)
		}
		if label = strings.TrimSpace(label); label == "" {
			label = v.T("effect.no-group")
		}
		out.Rows = append(out.Rows, effectRow{e, label})
	}
	out.Deaf, err = r.desk.Deaf(ctx)
	return out, err
}
