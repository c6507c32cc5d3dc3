package web

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type policyRow struct {
	digest.Policy
	Level string // of its severity, "any" for all
	Name  string // of its sector
}

type defaultRow struct {
	Level     string
	Frequency digest.Frequency
}

type policiesOut struct {
	Items       []policyRow
	Defaults    []defaultRow
	Severities  []web.Option
	Frequencies []web.Option
	Holidays    []holiday // of the year that begins
}

// holiday is a day on which nothing is told that is not urgent.
type holiday struct {
	Day  event.Day
	Name string
}

func (r *room) policies(ctx context.Context, v web.Visitor, _ none) (*policiesOut, error) {
	list, err := r.desk.Policies(ctx)
	if err != nil {
		return nil, err
	}
	out := &policiesOut{Severities: r.severities(v), Frequencies: r.frequencies(v)}
	for _, p := range list {
		row := policyRow{Policy: p, Level: v.T("any"), Name: r.sector(v, p.Sector)}
		if p.Severity != digest.AnySeverity {
			row.Level = v.T("severity." + strconv.Itoa(p.Severity))
		}
		out.Items = append(out.Items, row)
	}
	for s := event.Critical; s >= event.Unrated; s-- {
		out.Defaults = append(out.Defaults, defaultRow{v.T("severity." + strconv.Itoa(int(s))), digest.Default(s)})
	}
	p, _, err := r.desk.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	for _, rest := range p.RestsBetween(v.Now, v.Now.AddDate(1, 0, 0)) {
		out.Holidays = append(out.Holidays, holiday{event.DayOf(rest.Day.UnixMicro()), rest.Holiday.Names.In(v.Lang(), p.Languages...)})
	}
	return out, nil
}

func (r *room) setPolicy(ctx context.Context, v web.Visitor, in struct {
	Constituent string `form:"constituent" max:"80"`
	Sector      string `form:"sector" max:"40"`
	Type        string `form:"type" max:"100"`
	Severity    string `form:"severity" max:"20"`
	Frequency   string `form:"frequency" need:"true" max:"20"`
	Reason      string `form:"reason" need:"true" max:"500"`
}) (web.Done, error) {
	severity, err := digest.ParseSeverity(in.Severity)
	if err != nil {
		return web.Done{}, err
	}
	_, err = r.desk.SetPolicy(ctx, v.Actor, digest.Policy{Ref: in.Constituent, Sector: in.Sector, Type: in.Type, Severity: severity,
		Frequency: digest.Frequency(in.Frequency), Reason: in.Reason})
	return web.Done{To: "/digests/policies", Flash: "policy.saved"}, err
}

func (r *room) removePolicy(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	return web.Done{To: "/digests/policies", Flash: "policy.removed"}, r.desk.RemovePolicy(ctx, v.Actor, in.ID)
}

type suppressionRow struct {
	digest.Suppression
	On bool // it can still be ended
}

type suppressionsOut struct {
	Items []suppressionRow
	Kinds []web.Option
	Ended bool
	Until string
	Empty web.Empty
}

func (r *room) suppressions(ctx context.Context, v web.Visitor, in struct {
	Ended bool `query:"ended"`
}) (*suppressionsOut, error) {
	list, err := r.desk.Suppressions(ctx, in.Ended)
	if err != nil {
		return nil, err
	}
	out := &suppressionsOut{Ended: in.Ended, Until: v.Now.AddDate(0, 0, 7).UTC().Format(time.DateOnly),
		Empty: web.Empty{Title: v.T("suppression.none"), Text: v.T("suppression.none-text")}}
	for _, s := range list {
		out.Items = append(out.Items, suppressionRow{s, s.EndedAt == 0 && s.Until >= event.DayOf(v.Now.UnixMicro())})
	}
	for _, k := range digest.SuppressionKinds() {
		out.Kinds = append(out.Kinds, web.Option{Value: string(k), Label: v.T("suppression.kind." + string(k))})
	}
	return out, nil
}

func (r *room) suppress(ctx context.Context, v web.Visitor, in struct {
	Kind   string `form:"kind" need:"true" max:"20"`
	Value  string `form:"value" need:"true" max:"200"`
	From   string `form:"from" max:"10"`
	Until  string `form:"until" need:"true" max:"10"`
	Reason string `form:"reason" need:"true" max:"500"`
}) (web.Done, error) {
	s := digest.Suppression{Kind: digest.SuppressionKind(in.Kind), Value: in.Value, Reason: in.Reason}
	for _, d := range []struct {
		field, text string
		to          *event.Day
	}{{"from", in.From, &s.From}, {"until", in.Until, &s.Until}} {
		if d.text == "" {
			continue
		}
		day, err := event.ParseDay(d.text)
		if err != nil {
			return web.Done{}, fault.Problems{{Field: d.field, Message: v.T("suppression.no-day")}}
		}
		*d.to = day
	}
	_, err := r.desk.Suppress(ctx, v.Actor, s)
	return web.Done{To: "/digests/suppressions", Flash: "suppression.saved"}, err
}

func (r *room) endSuppression(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	return web.Done{To: "/digests/suppressions", Flash: "suppression.ended"}, r.desk.EndSuppression(ctx, v.Actor, in.ID)
}

type settingsOut struct {
	digest.Setting
	Name        string
	Hours       []web.Option
	Frequencies []web.Option
	Channels    []web.Option
	Days        []day
}

type day struct {
	Number int
	Label  string
	On     bool
}

// PageTitle is the constituent's name.
func (o *settingsOut) PageTitle() string { return o.Name }

func (r *room) settings(ctx context.Context, v web.Visitor, in Numbered) (*settingsOut, error) {
	d, err := r.desk.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	l, ok := d.ByID(in.ID)
	if !ok {
		return nil, fault.NotFoundf("there is no constituent with the id %d", in.ID)
	}
	s, err := r.desk.Setting(ctx, in.ID)
	return &settingsOut{Setting: s, Name: cmp.Or(l.Name, l.Ref), Hours: hours(v), Frequencies: paces(v), Channels: channels(v), Days: days(v, s)}, err
}

func hours(v web.Visitor) []web.Option {
	out := []web.Option{{Value: "-1", Label: v.T("setting.hour.usual")}}
	for h := range 24 {
		out = append(out, web.Option{Value: strconv.Itoa(h), Label: time.Date(2000, 1, 1, h, 0, 0, 0, time.UTC).Format("15:04")})
	}
	return out
}

func paces(v web.Visitor) []web.Option {
	out := []web.Option{{Label: v.T("setting.frequency.policy")}}
	for _, f := range []digest.Frequency{digest.Immediate, digest.Daily, digest.Weekly} {
		out = append(out, web.Option{Value: string(f), Label: v.T("frequency." + string(f))})
	}
	return out
}

func channels(v web.Visitor) (out []web.Option) {
	for _, c := range digest.Channels() {
		out = append(out, web.Option{Value: c, Label: v.T("setting.channel." + c)})
	}
	return out
}

func days(v web.Visitor, s digest.Setting) (out []day) {
	for i := range 7 {
		d := (i + 1) % 7 // Monday first
		on := len(s.Weekdays) == 0 && d >= 1 && d <= 5
		for _, w := range s.Weekdays {
			on = on || w == d
		}
		out = append(out, day{d, v.T("weekday." + strconv.Itoa(d)), on})
	}
	return out
}

func (r *room) set(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Zone      string `form:"zone" max:"60"`
	Weekdays  []int  `form:"weekday" min:"0" max:"6"`
	Hour      int    `form:"hour" min:"-1" max:"23"`
	Frequency string `form:"frequency" max:"20"`
	Channel   string `form:"channel" need:"true" max:"20"`
}) (web.Done, error) {
	err := r.desk.Set(ctx, v.Actor, digest.Setting{Constituent: in.ID, Zone: in.Zone, Weekdays: in.Weekdays, Hour: in.Hour,
		Frequency: digest.Frequency(in.Frequency), Channel: in.Channel})
	return web.Done{To: "/digests/settings/" + number(in.ID), Flash: "setting.saved"}, err
}
