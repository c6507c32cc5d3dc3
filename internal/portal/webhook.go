package portal

import (
	"context"

	"tocsin/internal/disclosure"
	"tocsin/internal/event/digest"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
)

// Webhooks lists the webhooks of the asker's constituents by number. The staff's are among them; only one's own can be changed.
func (p *Portal) Webhooks(ctx context.Context, a Asker) (none egress.Cleared[[]notify.Hook], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	var items []item[notify.Hook]
	for _, id := range m.in {
		hs, err := p.Outbox.Hooks(ctx, id)
		if err != nil {
			return none, err
		}
		for _, h := range hs {
			items = append(items, own("webhook", h.ID, h.Constituent, h))
		}
	}
	passed, g, err := clear(ctx, p, m, items)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(passed, g)
}

// AddWebhook makes a webhook that digests are posted to, and gives its secret, which is shown once.
func (p *Portal) AddWebhook(ctx context.Context, by act.Actor, constituent int64, name, url string) (notify.Hook, string, error) {
	return p.Outbox.AddHook(ctx, by, notify.Hook{Constituent: constituent, Name: name, URL: url, Kinds: []string{digest.Kind}})
}
