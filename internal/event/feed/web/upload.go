package web

import (
	"context"
	"errors"
	"io"
	"time"

	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type chosen struct {
	Feed string `query:"feed" max:"64"`
}

type uploadPage struct {
	Given string
	Feeds []web.Option
	Runs  []shownRun
}

// shownRun is an intake in the list.
type shownRun struct{ collect.Run }

// Badge is the kind of its label.
func (r shownRun) Badge() string {
	return map[collect.Stage]string{collect.Done: "good", collect.Failed: "bad"}[r.Stage]
}

func (r *room) upload(ctx context.Context, v web.Visitor, in chosen) (uploadPage, error) {
	p := uploadPage{Given: in.Feed}
	feeds, err := r.Feeds.List(ctx)
	for _, f := range feeds {
		p.Feeds = append(p.Feeds, web.Option{Value: f.Name, Label: f.Title})
	}
	runs := r.Collect.Runs().List()
	for _, run := range runs[:min(len(runs), 20)] {
		p.Runs = append(p.Runs, shownRun{run})
	}
	if p.Given == "" {
		p.Given = feed.Shadowserver().Name
		if len(runs) > 0 {
			p.Given = runs[0].Feed
		}
	}
	return p, err
}

type sent struct {
	Feed  string      `form:"feed" need:"true" max:"64"`
	Files web.Uploads `form:"file"`
}

func (r *room) take(ctx context.Context, v web.Visitor, in sent) (web.Done, error) {
	u, err := r.Collect.Upload(ctx, in.Feed)
	if err != nil {
		return web.Done{}, err
	}
	for {
		f, err := in.Files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = u.Add(f.Name, f)
		}
		if err != nil {
			return web.Done{}, errors.Join(err, u.Close())
		}
	}
	id, err := u.Start(v.Actor)
	return web.Done{To: "/upload/" + id}, err
}

type oneRun struct {
	Run string `path:"run" max:"64"`
}

// runPage is one intake and how far it is.
type runPage struct {
	collect.Run
	Bytes, BytesDone int64 // of the files, for the bar; Bytes is at least 1
	Left             int64 // seconds until the end, by what is done so far; -1 unknown
	Failure          string
	Columns          []web.Column
}

// RefreshAfter reloads the page while the intake runs, for browsers without JavaScript.
func (p runPage) RefreshAfter() time.Duration {
	if p.Stage == collect.Taking {
		return 2 * time.Second
	}
	return 0
}

func (r *room) run(_ context.Context, v web.Visitor, in oneRun) (runPage, error) {
	run, err := r.Collect.Runs().ByID(in.Run)
	if err != nil {
		return runPage{}, err
	}
	p := runPage{Run: run, Bytes: max(run.Progress.Bytes, 1), BytesDone: run.Progress.BytesDone, Left: -1}
	if p.BytesDone > 0 && p.Bytes >= p.BytesDone {
		p.Left = int64(run.Seconds * float64(p.Bytes-p.BytesDone) / float64(p.BytesDone))
	}
	if run.Err != nil {
		p.Failure = v.T("run.internal", run.ID)
		if fault.KindOf(run.Err) != fault.Internal {
			p.Failure = run.Err.Error()
		}
	}
	p.Columns = []web.Column{{Key: "file.name"}, {Key: "file.type"}, {Key: "file.day"}, {Key: "file.state"}, {Key: "file.rows", Numeric: true},
		{Key: "file.events", Numeric: true}, {Key: "file.rejected", Numeric: true}, {Key: "file.unattributed", Numeric: true}}
	return p, nil
}
