package portal

import (
	"context"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event/digest"
	"tocsin/internal/notify"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// NotificationList is a part of what constituents were told about findings.
type NotificationList struct {
	Choices []Choice
	Items   []digest.Message
	Next    int64 // Before of the next page; 0 at the end
}

// Notifications lists what the asker's constituents were told, the latest first.
func (p *Portal) Notifications(ctx context.Context, a Asker, before int64, limit int) (none egress.Cleared[*NotificationList], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	list, next, err := p.Digest.Messages(ctx, m.in, before, limit)
	if err != nil {
		return none, err
	}
	items := make([]item[digest.Message], len(list))
	for i, x := range list {
		items[i] = own("digest", x.ID, x.Constituent, x)
	}
	passed, g, err := clear(ctx, p, m, items)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&NotificationList{m.choices(), passed, next}, g)
}

// Notification shows one of them with its findings and what was answered. Anybody else's is not there.
func (p *Portal) Notification(ctx context.Context, a Asker, id int64) (egress.Cleared[*digest.Notice], error) {
	return p.Digest.Notice(ctx, a.Actor, a.Via, id)
}

// Telling is how a constituent wants to be told.
type Telling struct {
	Choices []Choice
	Chosen  bool // it is of exactly one constituent; else there are only choices
	Name    string
	Setting digest.Setting
	Hooks   []notify.Hook
}

// Telling shows how a constituent wants to be told. With several constituents one has to be chosen.
func (p *Portal) Telling(ctx context.Context, a Asker) (none egress.Cleared[*Telling], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	out := &Telling{Choices: m.choices()}
	var items []item[digest.Setting]
	var l constituency.Listed
	if l, out.Chosen = m.one(); out.Chosen {
		s, err := p.Digest.Setting(ctx, l.ID)
		if err != nil {
			return none, err
		}
		s.By = ""
		items = append(items, own("digest-setting", l.ID, l.ID, s))
	}
	passed, g, err := clear(ctx, p, m, items)
	if err != nil {
		return none, err
	}
	if out.Chosen && len(passed) == 0 {
		return none, fault.NotFoundf("there is no constituent with the id %d", a.Constituent)
	}
	if !out.Chosen {
		return disclosure.Whole(out, g)
	}
	out.Name, out.Setting = l.Name, passed[0]
	hooks, err := p.Webhooks(ctx, a)
	if err != nil {
		return none, err
	}
	if out.Hooks, g, err = hooks.Open(); err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}
