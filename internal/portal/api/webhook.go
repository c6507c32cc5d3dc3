package api

import (
	"context"

	"tocsin/internal/disclosure"
	"tocsin/internal/notify"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/egress"
)

func (r *room) hooks(ctx context.Context, c api.Caller, in *Chosen) (egress.Cleared[*api.Page[notify.Hook]], error) {
	hs, err := r.portal.Webhooks(ctx, asker(c, *in, disclosure.REST))
	return view(hs, err, func(hs []notify.Hook) (*api.Page[notify.Hook], error) { return api.NewPage(hs, ""), nil })
}

type newHookInput struct {
	Body struct {
		Constituent int64  `json:"constituent" minimum:"1"`
		Name        string `json:"name" minLength:"1" maxLength:"200"`
		URL         string `json:"url" maxLength:"2000" doc:"https, at a public address"`
	}
}

// PortalWebhook is a new webhook with its secret.
type PortalWebhook struct {
	Hook   notify.Hook `json:"webhook"`
	Secret string      `json:"secret" doc:"Shown once: whsec_ and base64"`
}

func (r *room) addHook(ctx context.Context, c api.Caller, in *newHookInput) (*PortalWebhook, error) {
	h, secret, err := r.portal.AddWebhook(ctx, c.Actor, in.Body.Constituent, in.Body.Name, in.Body.URL)
	return &PortalWebhook{h, secret}, err
}

// HookNumber is the path of one's own webhook.
type HookNumber struct {
	ID int64 `path:"id" minimum:"1"`
}

type enableHookInput struct {
	HookNumber
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

func (r *room) enableHook(ctx context.Context, c api.Caller, in *enableHookInput) (*api.Nothing, error) {
	return nil, r.portal.Outbox.EnableHook(ctx, c.Actor, in.ID, in.Body.Enabled)
}

func (r *room) testHook(ctx context.Context, c api.Caller, in *HookNumber) (*api.Nothing, error) {
	_, err := r.portal.Outbox.TestHook(ctx, c.Actor, in.ID)
	return nil, err
}

func (r *room) removeHook(ctx context.Context, c api.Caller, in *HookNumber) (*api.Nothing, error) {
	return nil, r.portal.Outbox.RemoveHook(ctx, c.Actor, in.ID)
}
