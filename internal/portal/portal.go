// Package portal is what constituents see of themselves: which findings somebody from outside is shown, how they stand against
// their sector, and what the registry has of them. It owns the rules of that; findings are event's, the registry and its change
// requests constituency's. Whatever it gives out has been through disclosure's gate, and every question is limited to the
// constituents that the actor acts for in the query itself.
package portal

import (
	"context"
	"fmt"
	"slices"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/event/feed"
	"tocsin/internal/format/tlp"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Config is what a portal stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock
	Gate         *disclosure.Gate
	Constituency *constituency.Store
	Feeds        *feed.Store
	Lister       *event.Lister
	Intake       *event.Intake  // events and original rows
	Digest       *digest.Desk   // what constituents were told
	Outbox       *notify.Outbox // their webhooks
}

// Portal answers constituents. It is safe for concurrent use.
type Portal struct {
	Config
	tallier *event.Tallier
}

// New returns the portal of a world.
func New(c Config) *Portal { return &Portal{c, event.NewTallier(c.Lister)} }

// Asker is who asks, by which exit, and which of their constituents they ask about; 0 is all of them.
type Asker struct {
	Actor       act.Actor
	Via         disclosure.Channel
	Constituent int64
}

// Choice is a constituent that the actor acts for.
type Choice struct {
	ID   int64  `json:"id"`
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

// mine is what an asker may ask about.
type mine struct {
	Asker
	to    disclosure.Recipient
	all   []constituency.Listed // whom the actor acts for, by name
	in    []int64               // whom they ask about
	feeds map[string]feed.Feed
	scope event.Scope
	label tlp.Label // the strictest of the scope's feeds, at least AMBER
}

// mine finds out what the asker may ask about. A constituent that they do not act for is as good as none.
func (p *Portal) mine(ctx context.Context, a Asker) (*mine, error) {
	m := &mine{Asker: a, to: disclosure.RecipientOf(a.Actor), feeds: map[string]feed.Feed{}, scope: event.Scope{}, label: tlp.Amber, in: []int64{}}
	ids := a.Actor.Constituents()
	if a.Actor.Kind == act.Local && a.Constituent != 0 { // who holds the data directory sees what a constituent would
		ids = []int64{a.Constituent}
	}
	d, err := p.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range d.All() {
		if slices.Contains(ids, l.ID) {
			m.all = append(m.all, l)
			if a.Constituent == 0 || a.Constituent == l.ID {
				m.in = append(m.in, l.ID)
			}
		}
	}
	if a.Constituent != 0 && len(m.in) == 0 {
		return nil, fault.NotFoundf("there is no constituent with the id %d", a.Constituent)
	}
	feeds, err := p.Feeds.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the feeds: %w", err)
	}
	for _, f := range feeds {
		m.feeds[f.Name] = f
		label, ok := outside(f)
		if !ok {
			continue
		}
		for _, l := range m.all {
			if slices.Contains(m.in, l.ID) && (label <= tlp.Amber || m.is(l)) {
				m.scope[f.Name] = append(m.scope[f.Name], l.ID)
				m.label = max(m.label, label)
			}
		}
	}
	return m, nil
}

// outside tells under which label somebody from outside may be told what a feed says; ok is false when nobody may.
func outside(f feed.Feed) (label tlp.Label, ok bool) {
	label, err := tlp.Parse(f.Marking)
	return label, err == nil && label != tlp.None && label < tlp.Red && f.Audience != feed.StaffOnly
}

// is tells whether the asker is of the constituent itself, not only looks after it.
func (m *mine) is(l constituency.Listed) bool {
	return m.to.Kind != disclosure.SectorCERT || l.Kind == constituency.SectorCERT || l.Kind == constituency.SpecialCERT
}

func (m *mine) choices() []Choice {
	out := make([]Choice, 0, len(m.all))
	for _, l := range m.all {
		out = append(out, Choice{l.ID, l.Ref, l.Name})
	}
	return out
}

// one is the constituent asked about when it is exactly one.
func (m *mine) one() (constituency.Listed, bool) {
	for _, l := range m.all {
		if len(m.in) == 1 && l.ID == m.in[0] {
			return l, true
		}
	}
	return constituency.Listed{}, false
}

// item is something that goes to the gate.
type item[T any] struct {
	ref     disclosure.Ref
	marking disclosure.Marking
	it      T
}

// Ref implements disclosure.Item.
func (i item[T]) Ref() disclosure.Ref { return i.ref }

// Marking implements disclosure.Item.
func (i item[T]) Marking() disclosure.Marking { return i.marking }

// References implements disclosure.Item: what the portal shows points nowhere.
func (i item[T]) References() []disclosure.Item { return nil }

// own marks what is a constituent's own.
func own[T any](kind string, id, constituent int64, it T) item[T] {
	return item[T]{disclosure.Ref(fmt.Sprintf("%s:%d", kind, id)), disclosure.Marking{Label: tlp.Amber, Owners: []int64{constituent}}, it}
}

// clear takes items through the gate.
func clear[T any](ctx context.Context, p *Portal, m *mine, items []item[T]) (out []T, g *egress.Grant, err error) {
	err = p.DB.View(ctx, func(tx *db.Tx) error {
		c, _, err := disclosure.Clear(ctx, tx, p.Gate, m.to, m.Via, items, func(i item[T]) T { return i.it })
		if err == nil {
			out, g, err = c.Open()
		}
		return err
	})
	return out, g, err
}
