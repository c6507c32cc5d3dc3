package web

import (
	"context"
	"strconv"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
	"tocsin/internal/portal"
)

const noticesShown = 500

type notificationsOut struct {
	*portal.NotificationList
	Choose chooser
	Pager  web.Pager
}

// Owner tells whether rows name their owner: with several constituents.
func (o *notificationsOut) Owner() bool { return len(o.Choices) > 1 }

func (r *room) notifications(ctx context.Context, v web.Visitor, in struct {
	Choice chosen
	After  int64 `query:"after" min:"0"`
}) (egress.Cleared[*notificationsOut], error) {
	c, err := r.portal.Notifications(ctx, r.asker(v, in.Choice.Constituent, disclosure.Portal), in.After, 100)
	return dress(c, err, func(l *portal.NotificationList) *notificationsOut {
		next := ""
		if l.Next != 0 {
			next = strconv.FormatInt(l.Next, 10)
		}
		return &notificationsOut{l, choose(v, l.Choices, in.Choice.Constituent), web.NewPager(v, next, len(l.Items))}
	})
}

type notificationOut struct {
	*digest.Notice
	Shown   []digest.Item
	More    int
	Replies []web.Option
	May     bool
}

// PageTitle is the ticket.
func (o *notificationOut) PageTitle() string { return o.Message.Ticket }

func (r *room) notification(ctx context.Context, v web.Visitor, in struct {
	ID int64 `path:"id" min:"1"`
}) (egress.Cleared[*notificationOut], error) {
	c, err := r.portal.Notification(ctx, r.asker(v, 0, disclosure.Portal), in.ID)
	return dress(c, err, func(n *digest.Notice) *notificationOut {
		out := &notificationOut{Notice: n, Shown: n.Items[:min(len(n.Items), noticesShown)], More: max(0, len(n.Items)-noticesShown), May: v.May(write)}
		for _, a := range digest.Replies() {
			out.Replies = append(out.Replies, web.Option{Value: a, Label: v.T("reply." + a)})
		}
		return out
	})
}

func (r *room) reply(ctx context.Context, v web.Visitor, in struct {
	ID       int64    `path:"id" min:"1"`
	Answer   string   `form:"answer" need:"true" max:"20"`
	Note     string   `form:"note" max:"2000"`
	All      bool     `form:"all"`
	Findings []string `form:"finding" max:"200"`
}) (web.Done, error) {
	reply := digest.Reply{Answer: in.Answer, Note: in.Note, Findings: in.Findings}
	if in.All {
		reply.Findings = nil
	} else if len(in.Findings) == 0 {
		return web.Done{}, fault.Problems{{Field: "all", Message: v.T("reply.choose")}}
	}
	err := r.portal.Digest.Answer(ctx, v.Actor, in.ID, reply)
	return web.Done{To: "/portal/notifications/" + strconv.FormatInt(in.ID, 10), Flash: "reply.thanks"}, err
}

type tellingOut struct {
	*portal.Telling
	Choose      chooser
	Channels    []web.Option
	Frequencies []web.Option
	Hours       []web.Option
	Days        []weekday
	May         bool
}

type weekday struct {
	Number int
	Label  string
	On     bool
}

func (r *room) telling(ctx context.Context, v web.Visitor, in chosen) (egress.Cleared[*tellingOut], error) {
	c, err := r.portal.Telling(ctx, r.asker(v, in.Constituent, disclosure.Portal))
	return dress(c, err, func(t *portal.Telling) *tellingOut {
		out := &tellingOut{Telling: t, Choose: choose(v, t.Choices, in.Constituent), May: v.May(manage),
			Frequencies: []web.Option{{Label: v.T("telling.frequency.policy")}}, Hours: []web.Option{{Value: "-1", Label: v.T("telling.hour.usual")}}}
		for _, x := range digest.Channels() {
			out.Channels = append(out.Channels, web.Option{Value: x, Label: v.T("telling.channel." + x)})
		}
		for _, f := range []digest.Frequency{digest.Immediate, digest.Daily, digest.Weekly} {
			out.Frequencies = append(out.Frequencies, web.Option{Value: string(f), Label: v.T("frequency." + string(f))})
		}
		for h := range 24 {
			out.Hours = append(out.Hours, web.Option{Value: strconv.Itoa(h), Label: time.Date(2000, 1, 1, h, 0, 0, 0, time.UTC).Format("15:04")})
		}
		for i := range 7 {
			d := (i + 1) % 7 // Monday first
			on := len(t.Setting.Weekdays) == 0 && d >= 1 && d <= 5
			for _, w := range t.Setting.Weekdays {
				on = on || w == d
			}
			out.Days = append(out.Days, weekday{d, v.T("weekday." + strconv.Itoa(d)), on})
		}
		return out
	})
}

func (r *room) tell(ctx context.Context, v web.Visitor, in struct {
	Of        of
	Zone      string `form:"zone" max:"60"`
	Weekdays  []int  `form:"weekday" min:"0" max:"6"`
	Hour      int    `form:"hour" min:"-1" max:"23"`
	Frequency string `form:"frequency" max:"20"`
	Channel   string `form:"channel" need:"true" max:"20"`
}) (web.Done, error) {
	err := r.portal.Digest.Set(ctx, v.Actor, digest.Setting{Constituent: in.Of.ID, Zone: in.Zone, Weekdays: in.Weekdays, Hour: in.Hour,
		Frequency: digest.Frequency(in.Frequency), Channel: in.Channel})
	return web.Done{To: "/portal/telling?constituent=" + strconv.FormatInt(in.Of.ID, 10), Flash: "telling.saved"}, err
}
