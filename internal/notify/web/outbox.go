package web

import (
	"context"
	"slices"

	"tocsin/internal/notify"
	"tocsin/internal/platform/web"
)

// listQuery is what a visitor asks of the outbox.
type listQuery struct {
	State string `query:"state" max:"16"`
	Hold  string `query:"hold" max:"16"`
	Kind  string `query:"kind" max:"40"`
	To    string `query:"to" max:"254"`
	For   int64  `query:"constituent" min:"0"`
	After int64  `query:"after" min:"0"`
}

// row is a letter as a list shows it.
type row struct {
	notify.Letter
	For string // the constituent's name
}

type outboxPage struct {
	Filter  listQuery
	Status  notify.Status
	Tiles   []web.Tile
	States  []web.Option
	Letters []row
	Pager   web.Pager
	Empty   web.Empty
}

// Savable tells that the list can be saved.
func (outboxPage) Savable() bool { return true }

func (r *room) outbox(ctx context.Context, v web.Visitor, in listQuery) (outboxPage, error) {
	p := outboxPage{Filter: in, Empty: web.Empty{Title: v.T("outbox.none"), Text: v.T("outbox.none-text")}, States: []web.Option{{Label: v.T("any")}}}
	for _, s := range notify.States() {
		p.States = append(p.States, web.Option{Value: string(s), Label: v.T("letter.state." + string(s))})
	}
	var err error
	if p.Status, err = r.Outbox.Status(ctx); err != nil {
		return p, err
	}
	for _, t := range []struct{ state, href, key string }{
		{"held:release", "/outbox/release", "tile.release"}, {"held", "/outbox?state=held", "tile.held"}, {"dead", "/outbox?state=dead", "tile.dead"},
		{"queued", "/outbox?state=queued", "tile.queued"}, {"rendered", "/outbox?state=rendered", "tile.rendered"},
		{"handed-over", "/outbox?state=handed-over", "tile.handed"}, {"bounced", "/outbox?state=bounced", "tile.bounced"}} {
		n := p.Status.States[t.state]
		if t.state == "held" {
			n -= p.Status.States["held:release"]
		}
		p.Tiles = append(p.Tiles, web.Tile{Label: v.T(t.key), Value: v.Number(n), Href: t.href})
	}
	ls, next, err := r.Outbox.List(ctx, notify.Filter{State: notify.State(in.State), Hold: in.Hold, Kind: in.Kind, Address: in.To, Constituent: in.For, Before: in.After})
	p.Letters, p.Pager = r.rows(ctx, ls), web.NewPager(v, cursor(next), len(ls))
	return p, err
}

func (r *room) rows(ctx context.Context, ls []notify.Letter) []row {
	var rs []row
	for _, l := range ls {
		w := row{Letter: l}
		if l.Constituent != 0 {
			w.For = r.Constituent(ctx, l.Constituent)
		}
		rs = append(rs, w)
	}
	return rs
}

func (r *room) stop(ctx context.Context, v web.Visitor, in struct {
	Reason string `form:"reason" max:"500"`
	To     string `form:"to" max:"2000"`
}) (web.Done, error) {
	return web.Done{To: web.Inside(in.To, "/outbox"), Flash: "layout.sending-stopped", Grave: true}, r.Outbox.Stop(ctx, v.Actor, in.Reason)
}

func (r *room) start(ctx context.Context, v web.Visitor, in struct {
	Reason string `form:"reason" max:"500"`
}) (web.Done, error) {
	return web.Done{To: "/outbox", Flash: "switch.started"}, r.Outbox.Start(ctx, v.Actor, in.Reason)
}

func (r *room) test(ctx context.Context, v web.Visitor, _ none) (web.Done, error) {
	return r.sendTest(ctx, v, notify.Letter{Content: &notify.Content{Subject: v.T("test.subject"), Text: v.T("test.text") + "\n"}})
}

func (r *room) sendTest(ctx context.Context, v web.Visitor, l notify.Letter) (web.Done, error) {
	var err error
	if l.To, err = r.Address(ctx, v.Actor); err != nil {
		return web.Done{}, err
	}
	l.Name, l.Language = v.Actor.Name, v.Lang()
	id, err := r.Outbox.SendTest(ctx, v.Actor, l)
	return web.Done{To: one(id), Flash: "test.queued", Args: []any{l.To}}, err
}

func (r *room) resend(ctx context.Context, v web.Visitor, in struct {
	IDs []int64 `form:"id"`
	To  string  `form:"to" max:"2000"`
}) (web.Done, error) {
	n, err := r.Outbox.Resend(ctx, v.Actor, in.IDs...)
	return web.Done{To: web.Inside(in.To, "/outbox?state=dead"), Flash: "letter.resent", Args: []any{n}}, err
}

type healthPage struct {
	Failing   bool
	Addresses []notify.Health
	Pager     web.Pager
	Empty     web.Empty
}

func (r *room) health(ctx context.Context, v web.Visitor, in struct {
	All   bool   `query:"all"`
	After string `query:"after" max:"300"`
}) (healthPage, error) {
	hs, next, err := r.Outbox.Health(ctx, !in.All, in.After, 0)
	return healthPage{!in.All, hs, web.NewPager(v, next, len(hs)), web.Empty{Title: v.T("health.none"), Text: v.T("health.none-text")}}, err
}

type queuePage struct {
	Letters []row
	Waiting int64
	Pager   web.Pager
	Empty   web.Empty
}

func (r *room) queue(ctx context.Context, v web.Visitor, in struct {
	After int64 `query:"after" min:"0"`
}) (queuePage, error) {
	p := queuePage{Empty: web.Empty{Title: v.T("release.none"), Text: v.T("release.none-text"), Href: "/outbox", Link: v.T("title.outbox")}}
	s, err := r.Outbox.Status(ctx)
	if err != nil {
		return p, err
	}
	ls, next, err := r.Outbox.List(ctx, notify.Filter{State: notify.Held, Hold: notify.HoldRelease, Before: in.After, Limit: 100})
	p.Letters, p.Waiting, p.Pager = r.rows(ctx, ls), s.States["held:"+notify.HoldRelease], web.NewPager(v, cursor(next), len(ls))
	return p, err
}

func (r *room) decide(ctx context.Context, v web.Visitor, in struct {
	IDs    []int64 `form:"id"`
	Verb   string  `form:"verb" need:"true" max:"16"`
	Reason string  `form:"reason" max:"500"`
}) (web.Done, error) {
	done := web.Done{To: "/outbox/release"}
	var n int64
	var err error
	switch in.Verb {
	case "all":
		n, err = r.Outbox.ReleaseAll(ctx, v.Actor)
		done.Flash = "release.done"
	case "refuse":
		n, err = r.Outbox.Refuse(ctx, v.Actor, in.Reason, in.IDs...)
		done.Flash = "release.refused"
	default:
		slices.Sort(in.IDs)
		n, err = r.Outbox.Release(ctx, v.Actor, in.IDs...)
		done.Flash = "release.done"
	}
	done.Args = []any{n}
	return done, err
}
