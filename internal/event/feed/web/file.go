package web

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type fileFilter struct {
	Feed     string `query:"feed" max:"64"`
	Type     string `query:"type" max:"200"`
	State    string `query:"state" max:"16"`
	Name     string `query:"name" max:"200"`
	From     string `query:"from" max:"10"`
	To       string `query:"to" max:"10"`
	Rejected bool   `query:"rejected"`
	After    int64  `query:"after" min:"0"`
}

func (q fileFilter) filter() (feed.FileFilter, error) {
	f := feed.FileFilter{Feed: q.Feed, Type: q.Type, State: q.State, Name: q.Name, Rejected: q.Rejected, Before: q.After}
	for _, d := range []struct {
		name, text string
		to         *int64
	}{{"from", q.From, &f.From}, {"to", q.To, &f.To}} {
		if d.text == "" {
			continue
		}
		day, err := event.ParseDay(d.text)
		if err != nil {
			return f, fault.Problems{{Field: d.name, Message: "is no date: write it as 2026-01-31"}}
		}
		*d.to = int64(day)
	}
	return f, nil
}

type filesPage struct {
	Filter        fileFilter
	Feeds, States []web.Option
	Files         []feed.File
	Columns       []web.Column
	Pager         web.Pager
	Empty         web.Empty
}

// Savable says that the list can be saved.
func (filesPage) Savable() bool { return true }

func (r *room) files(ctx context.Context, v web.Visitor, in fileFilter) (filesPage, error) {
	p := filesPage{Filter: in, Feeds: []web.Option{{Label: v.T("file.any")}}, States: []web.Option{{Label: v.T("file.any")}}}
	q, err := in.filter()
	if err != nil {
		return p, err
	}
	feeds, err := r.Feeds.List(ctx)
	if err != nil {
		return p, err
	}
	for _, f := range feeds {
		p.Feeds = append(p.Feeds, web.Option{Value: f.Name, Label: f.Title})
	}
	for _, s := range feed.FileStates() {
		p.States = append(p.States, web.Option{Value: s, Label: v.T("state." + s)})
	}
	files, next, err := r.Feeds.Files(ctx, q)
	if err != nil {
		return p, err
	}
	after := ""
	if next != 0 {
		after = strconv.FormatInt(next, 10)
	}
	p.Files, p.Pager = files, web.NewPager(v, after, len(files))
	p.Columns = []web.Column{{Key: "file.name"}, {Key: "file.feed"}, {Key: "file.type"}, {Key: "file.day"}, {Key: "file.state"},
		{Key: "file.rows", Numeric: true}, {Key: "file.events", Numeric: true}, {Key: "file.rejected", Numeric: true},
		{Key: "file.unattributed", Numeric: true}, {Key: "file.received"}}
	p.Empty = web.Empty{Title: v.T("file.none"), Text: v.T("file.none-text")}
	if v.May(ingest) {
		p.Empty.Href, p.Empty.Link = "/upload", v.T("nav.upload")
	}
	return p, nil
}

type oneFile struct {
	ID    int64 `path:"id" min:"1"`
	After int64 `query:"after" min:"0"`
}

type filePage struct {
	feed.File
	Errors   []feed.FileError
	Columns  []web.Column
	Pager    web.Pager
	Findings string // where the findings of its type and day are
}

// PageTitle is the file's name.
func (p filePage) PageTitle() string { return p.Name }

const shownErrors = 100

func (r *room) file(ctx context.Context, v web.Visitor, in oneFile) (filePage, error) {
	f, err := r.Feeds.FileByID(ctx, in.ID)
	if err != nil {
		return filePage{}, err
	}
	p := filePage{File: f, Columns: []web.Column{{Key: "file.line", Numeric: true}, {Key: "file.column", Numeric: true},
		{Key: "file.field"}, {Key: "file.reason"}}}
	if p.Errors, err = r.Feeds.FileErrors(ctx, f.ID, in.After-1, shownErrors+1); err != nil {
		return p, err
	}
	after := ""
	if len(p.Errors) > shownErrors {
		after = strconv.FormatInt(p.Errors[shownErrors].Seq, 10)
		p.Errors = p.Errors[:shownErrors]
	}
	p.Pager = web.NewPager(v, after, len(p.Errors))
	if f.Type != "" {
		p.Findings = "/findings?" + url.Values{"feed": {f.Feed}, "type": {f.Type}, "day": {f.Date()}, "state": {"all"}}.Encode()
	}
	return p, nil
}

func (r *room) original(ctx context.Context, _ web.Visitor, in oneFile) (web.File, error) {
	f, err := r.Feeds.FileByID(ctx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	if f.Archive == 0 {
		return web.File{}, fault.NotFoundf("the original of file %d is not kept", f.ID)
	}
	name := strings.TrimSuffix(strings.TrimSuffix(f.Name, ".gz"), ".zip")
	return web.File{Name: name, Type: "application/octet-stream", Write: func(w io.Writer) error {
		in, err := r.Original(ctx, f.ID)
		if err != nil {
			return fmt.Errorf("read file %d from the archive: %w", f.ID, err)
		}
		defer in.Close()
		_, err = io.Copy(w, in)
		return err
	}}, nil
}
