package web

import (
	"context"
	"fmt"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/web"
)

type overrideFilter struct {
	State string `query:"state" max:"16"`
	After int64  `query:"after" min:"0"`
}

type overridesPage struct {
	Filter  overrideFilter
	States  []web.Option
	Overdue []disclosure.Override
	Items   []disclosure.Override
	Pager   web.Pager
	Empty   web.Empty
}

func (r *room) overrides(ctx context.Context, v web.Visitor, in overrideFilter) (overridesPage, error) {
	p := overridesPage{Filter: in, States: []web.Option{{Label: v.T("any")}}, Empty: web.Empty{Title: v.T("override.none"), Text: v.T("override.none-text")}}
	for _, s := range disclosure.OverrideStates() {
		p.States = append(p.States, web.Option{Value: s, Label: v.T("override.state." + s)})
	}
	var err error
	if p.Overdue, _, err = r.gate.Overrides(ctx, disclosure.OverrideFilter{Overdue: true, Limit: 500}); err != nil {
		return p, err
	}
	os, next, err := r.gate.Overrides(ctx, disclosure.OverrideFilter{State: in.State, Before: in.After})
	p.Items, p.Pager = os, web.NewPager(v, cursor(next), len(os))
	return p, err
}

type blankPage struct{ Channels []web.Option }

func (r *room) blank(_ context.Context, v web.Visitor, _ none) (blankPage, error) {
	return blankPage{channels(v, false)}, nil
}

func (r *room) request(ctx context.Context, v web.Visitor, in struct {
	Item      string `form:"item" need:"true" max:"200"`
	Recipient string `form:"recipient" need:"true" max:"200"`
	Channel   string `form:"channel" need:"true" max:"16"`
	Reason    string `form:"reason" need:"true" max:"2000"`
	Hours     int    `form:"hours" need:"true" min:"1" max:"168"`
	Emergency bool   `form:"emergency"`
}) (web.Done, error) {
	o, err := r.gate.RequestOverride(ctx, v.Actor, disclosure.Override{Item: disclosure.Ref(in.Item), Recipient: in.Recipient,
		Channel: disclosure.Channel(in.Channel), Reason: in.Reason, Hours: in.Hours, Emergency: in.Emergency})
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: one(o.ID), Flash: "override.asked." + o.State}, nil
}

func one(id int64) string { return fmt.Sprintf("/disclosure/overrides/%d", id) }

type overridePage struct {
	disclosure.Override
	Own, Overdue, Live bool
	Verdicts           []web.Option
}

// PageTitle is the item's name.
func (p overridePage) PageTitle() string { return string(p.Item) }

func (r *room) override(ctx context.Context, v web.Visitor, in Numbered) (overridePage, error) {
	o, err := r.gate.OverrideByID(ctx, in.ID)
	return overridePage{Override: o, Own: o.RequestedBy == v.Actor.Subject(), Overdue: o.Overdue(v.Now), Live: o.Live(v.Now),
		Verdicts: []web.Option{{Value: "yes", Label: v.T("override.justified.yes")}, {Value: "no", Label: v.T("override.justified.no")}}}, err
}

func (r *room) approve(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	return web.Done{To: one(in.ID), Flash: "override.approved"}, r.gate.ApproveOverride(ctx, v.Actor, in.ID)
}

func (r *room) refuse(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Why string `form:"why" max:"2000"`
}) (web.Done, error) {
	return web.Done{To: one(in.ID), Flash: "override.refused"}, r.gate.RefuseOverride(ctx, v.Actor, in.ID, in.Why)
}

func (r *room) review(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Justified bool   `form:"justified" need:"true"`
	Review    string `form:"review" need:"true" max:"2000"`
}) (web.Done, error) {
	return web.Done{To: one(in.ID), Flash: "override.reviewed"}, r.gate.ReviewOverride(ctx, v.Actor, in.ID, in.Justified, in.Review)
}
