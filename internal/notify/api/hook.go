package api

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/notify"
	"tocsin/internal/platform/api"
)

func (r *room) hookRoutes() []api.Route {
	return []api.Route{
		api.Operation[hooksInput, api.Page[Webhook]]{Method: http.MethodGet, Path: "/api/webhooks", ID: "list-webhooks",
			Summary: "Webhooks that letters are posted to", Permission: read, Handle: r.hooks},
		api.Operation[newHook, MadeWebhook]{Method: http.MethodPost, Path: "/api/webhooks", ID: "create-webhook", Status: http.StatusCreated,
			Summary: "Add a webhook; its secret is told once", Permission: write, Handle: r.addHook,
			Description: "Calls are signed as the Standard Webhooks specification says: `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`. " +
				"Refuse a timestamp that is more than 300 seconds off, and an id seen before: a retry has the same id and body."},
		api.Operation[enableInput, api.Nothing]{Method: http.MethodPut, Path: "/api/webhooks/{id}/enabled", ID: "enable-webhook",
			Summary: "Switch a webhook on or off", Permission: write, Handle: r.enable},
		api.Operation[NumberPath, TestedWebhook]{Method: http.MethodPost, Path: "/api/webhooks/{id}/test", ID: "test-webhook", Status: http.StatusAccepted,
			Summary: "Post a test to a webhook", Permission: write, Handle: r.testHook},
		api.Operation[NumberPath, api.Nothing]{Method: http.MethodDelete, Path: "/api/webhooks/{id}", ID: "delete-webhook",
			Summary: "Remove a webhook; its waiting letters are cancelled", Permission: write, Handle: r.remove},
	}
}

type hooksInput struct {
	Constituent int64 `query:"constituent" minimum:"1" doc:"Only of this constituent"`
}

// Webhook is an address that letters to a constituent are posted to.
type Webhook struct {
	ID          int64      `json:"id"`
	Constituent int64      `json:"constituent"`
	Name        string     `json:"name"`
	URL         string     `json:"url"`
	Kinds       []string   `json:"kinds" nullable:"false" doc:"The kinds of letter it takes; empty: all"`
	Enabled     bool       `json:"enabled"`
	Created     *time.Time `json:"created"`
	Own         bool       `json:"own" doc:"The constituent made it; it leads to public addresses only"`
}

func webhookOf(h notify.Hook) Webhook {
	if h.Kinds == nil {
		h.Kinds = []string{}
	}
	return Webhook{h.ID, h.Constituent, h.Name, h.URL, h.Kinds, h.Enabled, at(h.Created), h.Own}
}

func (r *room) hooks(ctx context.Context, _ api.Caller, in *hooksInput) (*api.Page[Webhook], error) {
	hs, err := r.Outbox.Hooks(ctx, in.Constituent)
	var out []Webhook
	for _, h := range hs {
		out = append(out, webhookOf(h))
	}
	return api.NewPage(out, ""), err
}

type newHook struct {
	Body struct {
		Constituent int64    `json:"constituent" minimum:"1"`
		Name        string   `json:"name" minLength:"1" maxLength:"200"`
		URL         string   `json:"url" maxLength:"2000" doc:"https, except on this machine"`
		Kinds       []string `json:"kinds,omitempty" maxItems:"50" doc:"The kinds of letter it takes; absent: all"`
	}
}

// MadeWebhook is a new webhook with its secret.
type MadeWebhook struct {
	Hook   Webhook `json:"webhook"`
	Secret string  `json:"secret" doc:"Shown once: whsec_ and base64"`
}

func (r *room) addHook(ctx context.Context, c api.Caller, in *newHook) (*MadeWebhook, error) {
	h, secret, err := r.Outbox.AddHook(ctx, c.Actor, notify.Hook{Constituent: in.Body.Constituent, Name: in.Body.Name, URL: in.Body.URL, Kinds: in.Body.Kinds})
	return &MadeWebhook{webhookOf(h), secret}, err
}

type enableInput struct {
	NumberPath
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

func (r *room) enable(ctx context.Context, c api.Caller, in *enableInput) (*api.Nothing, error) {
	return nil, r.Outbox.EnableHook(ctx, c.Actor, in.ID, in.Body.Enabled)
}

func (r *room) remove(ctx context.Context, c api.Caller, in *NumberPath) (*api.Nothing, error) {
	return nil, r.Outbox.RemoveHook(ctx, c.Actor, in.ID)
}

// TestedWebhook is the letter that a test is sent as.
type TestedWebhook struct {
	Letter int64 `json:"letter"`
}

func (r *room) testHook(ctx context.Context, c api.Caller, in *NumberPath) (*TestedWebhook, error) {
	id, err := r.Outbox.TestHook(ctx, c.Actor, in.ID)
	return &TestedWebhook{id}, err
}
