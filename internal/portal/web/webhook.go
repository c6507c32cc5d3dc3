package web

import (
	"context"
	"strconv"

	"tocsin/internal/notify"
	"tocsin/internal/platform/web"
)

// hookMade is a new webhook with its secret, which is shown once.
type hookMade struct {
	Hook   notify.Hook
	Secret string
	Window int // minutes that a timestamp may be off
}

func (r *room) addHook(ctx context.Context, v web.Visitor, in struct {
	Of   of
	Name string `form:"hook-name" need:"true" max:"200"`
	URL  string `form:"url" need:"true" max:"2000"`
}) (web.Done, error) {
	h, secret, err := r.portal.AddWebhook(ctx, v.Actor, in.Of.ID, in.Name, in.URL)
	return web.Done{Page: hookMade{h, secret, notify.ReplayWindow / 60}, Template: "webhook-made.html"}, err
}

// hookForm is what the buttons beside a webhook send.
type hookForm struct {
	ID int64 `path:"id" min:"1"`
	Of int64 `form:"constituent" min:"0"`
	On bool  `form:"on"`
}

func (f hookForm) done(flash string) web.Done {
	return web.Done{To: "/portal/telling?constituent=" + strconv.FormatInt(f.Of, 10), Flash: flash}
}

func (r *room) enableHook(ctx context.Context, v web.Visitor, in hookForm) (web.Done, error) {
	return in.done("hook.saved"), r.portal.Outbox.EnableHook(ctx, v.Actor, in.ID, in.On)
}

func (r *room) testHook(ctx context.Context, v web.Visitor, in hookForm) (web.Done, error) {
	_, err := r.portal.Outbox.TestHook(ctx, v.Actor, in.ID)
	return in.done("hook.tested"), err
}

func (r *room) removeHook(ctx context.Context, v web.Visitor, in hookForm) (web.Done, error) {
	return in.done("hook.removed"), r.portal.Outbox.RemoveHook(ctx, v.Actor, in.ID)
}
