package web

import (
	"context"
	"strings"

	"tocsin/internal/notify"
	"tocsin/internal/platform/web"
)

// hookRow is a webhook as the list shows it.
type hookRow struct {
	notify.Hook
	For string
}

type hooksPage struct {
	Hooks []hookRow
	Empty web.Empty
}

func (r *room) hooks(ctx context.Context, v web.Visitor, in struct {
	For int64 `query:"constituent" min:"0"`
}) (hooksPage, error) {
	p := hooksPage{Empty: web.Empty{Title: v.T("hook.none"), Text: v.T("hook.none-text")}}
	hs, err := r.Outbox.Hooks(ctx, in.For)
	for _, h := range hs {
		p.Hooks = append(p.Hooks, hookRow{h, r.Constituent(ctx, h.Constituent)})
	}
	return p, err
}

type hookForm struct {
	Ref string `form:"constituent" need:"true" max:"200"`
	// Name, URL and Kinds are those of notify.Hook; kinds are written with commas.
	Name  string `form:"name" need:"true" max:"200"`
	URL   string `form:"url" need:"true" max:"2000"`
	Kinds string `form:"kinds" max:"500"`
}

func (r *room) blank(context.Context, web.Visitor, none) (newHookPage, error) {
	return newHookPage{}, nil
}

// newHookPage is the empty form, or the new webhook with its secret, which is shown once.
type newHookPage struct {
	Hook   notify.Hook
	Secret string
	Window int
}

func (r *room) addHook(ctx context.Context, v web.Visitor, in hookForm) (web.Done, error) {
	id, err := r.Find(ctx, in.Ref)
	if err != nil {
		return web.Done{}, err
	}
	kinds := strings.FieldsFunc(in.Kinds, func(c rune) bool { return c == ',' || c == ' ' })
	h, secret, err := r.Outbox.AddHook(ctx, v.Actor, notify.Hook{Constituent: id, Name: in.Name, URL: in.URL, Kinds: kinds})
	return web.Done{Page: newHookPage{h, secret, notify.ReplayWindow / 60}, Template: "webhook-new.html"}, err
}

func (r *room) enableHook(ctx context.Context, v web.Visitor, in struct {
	Numbered
	On bool `form:"on"`
}) (web.Done, error) {
	return web.Done{To: "/outbox/webhooks", Flash: "hook.saved"}, r.Outbox.EnableHook(ctx, v.Actor, in.ID, in.On)
}

func (r *room) removeHook(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	return web.Done{To: "/outbox/webhooks", Flash: "hook.removed"}, r.Outbox.RemoveHook(ctx, v.Actor, in.ID)
}

func (r *room) testHook(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	_, err := r.Outbox.TestHook(ctx, v.Actor, in.ID)
	return web.Done{To: "/outbox/webhooks", Flash: "hook.tested"}, err
}
