package web

import (
	"context"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/web"
)

type none struct{}

// feedRow is one feed in the list.
type feedRow struct {
	feed.Feed
	Last   *feed.File
	Strip  strip
	Open   int // jobs that run or wait
	Broken int // jobs that gave up
	State  collect.State
}

type feedsPage struct{ Feeds []feedRow }

// Savable says that the list can be saved.
func (feedsPage) Savable() bool { return true }

func (r *room) feeds(ctx context.Context, v web.Visitor, _ none) (feedsPage, error) {
	var p feedsPage
	feeds, err := r.Feeds.List(ctx)
	if err != nil {
		return p, err
	}
	latest, err := r.Feeds.Latest(ctx)
	if err != nil {
		return p, err
	}
	jobs, err := r.Collect.Jobs(ctx)
	if err != nil {
		return p, err
	}
	first, err := r.Feeds.FirstDays(ctx)
	if err != nil {
		return p, err
	}
	for _, f := range feeds {
		row := feedRow{Feed: f}
		if l, ok := latest[f.ID]; ok {
			row.Last = &l
		}
		if row.Strip, err = r.strip(ctx, v, f, first); err != nil {
			return p, err
		}
		if row.State, err = r.Collect.StateOf(ctx, f); err != nil {
			return p, err
		}
		for _, j := range jobs[f.Name] {
			if j.State == "dead" {
				row.Broken++
			} else {
				row.Open++
			}
		}
		p.Feeds = append(p.Feeds, row)
	}
	return p, nil
}

func (r *room) strip(ctx context.Context, v web.Visitor, f feed.Feed, first map[int64]int64) (strip, error) {
	today := int64(event.DayOf(v.Now.UnixMicro()))
	days, err := r.Feeds.Days(ctx, f.ID, today-shownDays+1, today)
	if err != nil {
		return strip{}, err
	}
	begin, ok := first[f.ID]
	return newStrip(v, days, begin, ok), nil
}

type feedPage struct {
	feed.Feed
	Given Form
	Last  *feed.File
	Strip strip
	Jobs  []job.Job
	State collect.State
	Next  time.Time
	choices
}

// PageTitle is the feed's own.
func (p feedPage) PageTitle() string { return p.Title }

// Named is the path of one feed.
type Named struct {
	Name string `path:"name" max:"64"`
}

func (r *room) feed(ctx context.Context, v web.Visitor, in Named) (feedPage, error) {
	var p feedPage
	f, err := r.Feeds.ByName(ctx, in.Name)
	if err != nil {
		return p, err
	}
	p = feedPage{Feed: f, Given: formOf(f), choices: choicesFor(v)}
	files, _, err := r.Feeds.Files(ctx, feed.FileFilter{Feed: f.Name, Limit: 1})
	if err != nil {
		return p, err
	}
	if len(files) > 0 {
		p.Last = &files[0]
	}
	first, err := r.Feeds.FirstDays(ctx)
	if err != nil {
		return p, err
	}
	if p.Strip, err = r.strip(ctx, v, f, first); err != nil {
		return p, err
	}
	jobs, err := r.Collect.Jobs(ctx)
	if err != nil {
		return p, err
	}
	p.Jobs = jobs[f.Name]
	if p.State, err = r.Collect.StateOf(ctx, f); err != nil {
		return p, err
	}
	if s := f.Collector.Schedule(); s.Set() && f.Enabled {
		p.Next = v.Now
		if p.State.Begun != 0 {
			p.Next = s.Next(time.UnixMicro(p.State.Begun), v.Zone())
		}
	}
	return p, nil
}

type blankPage struct {
	Given Form
	choices
}

func (r *room) blank(_ context.Context, v web.Visitor, _ none) (blankPage, error) {
	f := feed.Shadowserver()
	f.Title = ""
	p := blankPage{formOf(f), choicesFor(v)}
	p.Fresh = true
	return p, nil
}

type newFeed struct {
	Name   string `form:"name" max:"64"`
	Format string `form:"format" max:"32"`
	Form
}

func (r *room) create(ctx context.Context, v web.Visitor, in newFeed) (web.Done, error) {
	f, err := in.Form.record(feed.Feed{Name: in.Name, Format: in.Format})
	if err != nil {
		return web.Done{}, err
	}
	if _, err := r.Feeds.Save(ctx, v.Actor, f); err != nil {
		return web.Done{}, byField(err)
	}
	return web.Done{To: "/feeds/" + f.Name, Flash: "feed.created", Args: []any{f.Title}}, nil
}

type changedFeed struct {
	Named
	Form
}

func (r *room) save(ctx context.Context, v web.Visitor, in changedFeed) (web.Done, error) {
	old, err := r.Feeds.ByName(ctx, in.Name)
	if err != nil {
		return web.Done{}, err
	}
	f, err := in.Form.record(old)
	if err != nil {
		return web.Done{}, err
	}
	if _, err := r.Feeds.Save(ctx, v.Actor, f); err != nil {
		return web.Done{}, byField(err)
	}
	return web.Done{To: "/feeds/" + f.Name, Flash: "feed.saved", Args: []any{f.Title}}, nil
}

type ruling struct {
	Named
	Day      int64  `form:"day" need:"true" min:"0" max:"2932896"`
	Complete string `form:"complete" need:"true" max:"4"`
}

func (r *room) rule(ctx context.Context, v web.Visitor, in ruling) (web.Done, error) {
	var complete *bool
	switch in.Complete {
	case "yes", "no":
		yes := in.Complete == "yes"
		complete = &yes
	case "auto":
	default:
		return web.Done{}, fault.Problems{{Field: "complete", Message: "use yes, no or auto"}}
	}
	if err := r.Feeds.RuleDay(ctx, v.Actor, in.Name, in.Day, complete); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/feeds/" + in.Name, Flash: "feed.ruled." + in.Complete, Args: []any{v.Day(in.Day)}}, nil
}

func (r *room) collect(ctx context.Context, v web.Visitor, in Named) (web.Done, error) {
	if err := r.Collect.Now(ctx, v.Actor, in.Name); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/feeds/" + in.Name, Flash: "feed.collecting"}, nil
}

func (r *room) remove(ctx context.Context, v web.Visitor, in Named) (web.Done, error) {
	if err := r.Feeds.Delete(ctx, v.Actor, in.Name); err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/feeds", Flash: "feed.removed", Args: []any{in.Name}}, nil
}
