package api

import (
	"context"

	"tocsin/internal/disclosure"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/portal"
)

type noticesInput struct {
	Chosen
	api.Paging
}

type noticePlace struct {
	Before int64 `json:"b"`
}

func (r *room) notices(ctx context.Context, c api.Caller, in *noticesInput) (none egress.Cleared[*api.Page[digest.Message]], err error) {
	var p noticePlace
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return none, err
		}
	}
	l, err := r.portal.Notifications(ctx, asker(c, in.Chosen, disclosure.REST), p.Before, in.Limit)
	return view(l, err, func(l *portal.NotificationList) (*api.Page[digest.Message], error) {
		cursor := ""
		if l.Next != 0 {
			var err error
			if cursor, err = api.Cursor(noticePlace{l.Next}); err != nil {
				return nil, err
			}
		}
		return api.NewPage(l.Items, cursor), nil
	})
}

// NoticeNumber is the path of a notification.
type NoticeNumber struct {
	ID int64 `path:"id" minimum:"1"`
}

// PortalNotice is a notification with its findings and answers.
type PortalNotice struct {
	digest.Message
	Items   []digest.Item   `json:"items" nullable:"false"`
	Replies []digest.Answer `json:"replies" nullable:"false"`
}

func (r *room) notice(ctx context.Context, c api.Caller, in *NoticeNumber) (egress.Cleared[*PortalNotice], error) {
	n, err := r.portal.Notification(ctx, asker(c, Chosen{}, disclosure.REST), in.ID)
	return view(n, err, func(n *digest.Notice) (*PortalNotice, error) {
		return &PortalNotice{n.Message, n.Items, n.Answers}, nil
	})
}

type replyInput struct {
	NoticeNumber
	Body struct {
		Answer   string   `json:"answer" enum:"seen,fixed,not-ours,help"`
		Note     string   `json:"note,omitempty" maxLength:"2000"`
		Findings []string `json:"findings,omitempty" maxItems:"20000" doc:"Ids in hexadecimal; all that the notification tells of when absent"`
	}
}

func (r *room) reply(ctx context.Context, c api.Caller, in *replyInput) (*api.Nothing, error) {
	return nil, r.portal.Digest.Answer(ctx, c.Actor, in.ID, digest.Reply{Answer: in.Body.Answer, Note: in.Body.Note, Findings: in.Body.Findings})
}

// ConstituentNumber is the path of one of one's own constituents.
type ConstituentNumber struct {
	Constituent int64 `path:"constituent" minimum:"1"`
}

func (r *room) telling(ctx context.Context, c api.Caller, in *ConstituentNumber) (egress.Cleared[*digest.Setting], error) {
	t, err := r.portal.Telling(ctx, asker(c, Chosen{in.Constituent}, disclosure.REST))
	return view(t, err, func(t *portal.Telling) (*digest.Setting, error) {
		if !t.Chosen {
			return nil, fault.NotFoundf("there is no constituent with the id %d", in.Constituent)
		}
		return &t.Setting, nil
	})
}

type tellInput struct {
	ConstituentNumber
	Body struct {
		Zone      string `json:"zone,omitempty" maxLength:"60" doc:"IANA name; the nation's when absent"`
		Weekdays  []int  `json:"weekdays,omitempty" maxItems:"7" doc:"Business days, 0 is Sunday; Monday to Friday when absent"`
		Hour      int    `json:"hour,omitempty" minimum:"-1" maximum:"23" default:"-1" doc:"Local; -1 is the usual one"`
		Frequency string `json:"frequency,omitempty" enum:",immediate,daily,weekly"`
		Channel   string `json:"channel" enum:"mail,webhook,both,portal"`
	}
}

func (r *room) tell(ctx context.Context, c api.Caller, in *tellInput) (*api.Nothing, error) {
	b := in.Body
	return nil, r.portal.Digest.Set(ctx, c.Actor, digest.Setting{Constituent: in.Constituent, Zone: b.Zone, Weekdays: b.Weekdays, Hour: b.Hour,
		Frequency: digest.Frequency(b.Frequency), Channel: b.Channel})
}
