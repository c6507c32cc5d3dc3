// Package api is the REST side of feeds and files: the feeds' records and days, what became of every file, uploads and
// their progress.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	readFeeds  act.Permission = "feed.read"
	writeFeeds act.Permission = "feed.write"
	readFiles  act.Permission = "file.read"
	ingest     act.Permission = "file.ingest"

	maxUpload = 16 << 30 // of one request; a file's own limit is the collector's
)

// Config is what the operations stand on.
type Config struct {
	Feeds   *feed.Store
	Collect *collect.Collector
	// Original reads a file's content back from the archive, decompressed; the caller closes it.
	Original func(ctx context.Context, file int64) (io.ReadCloser, error)
}

type room struct{ Config }

// Routes returns the operations.
func Routes(c Config) []api.Route {
	r := &room{c}
	return append(r.feedRoutes(), r.fileRoutes()...)
}

func (r *room) feedRoutes() []api.Route {
	return []api.Route{
		api.Operation[struct{}, api.Page[feed.Feed]]{Method: http.MethodGet, Path: "/api/feeds", ID: "list-feeds",
			Summary: "List feeds", Permission: readFeeds, Handle: r.list},
		api.Operation[createInput, feed.Feed]{Method: http.MethodPost, Path: "/api/feeds", ID: "create-feed", Status: http.StatusCreated,
			Summary: "Make a feed", Permission: writeFeeds, Handle: r.create,
			Description: "Secrets are never sent: a collector names the file or the environment variable that keeps them."},
		api.Operation[FeedName, feed.Feed]{Method: http.MethodGet, Path: "/api/feeds/{name}", ID: "get-feed",
			Summary: "One feed", Permission: readFeeds, Handle: r.one},
		api.Operation[changeInput, feed.Feed]{Method: http.MethodPut, Path: "/api/feeds/{name}", ID: "change-feed",
			Summary: "Change a feed", Permission: writeFeeds, Handle: r.change},
		api.Operation[FeedName, api.Nothing]{Method: http.MethodDelete, Path: "/api/feeds/{name}", ID: "remove-feed",
			Summary: "Remove a feed that nothing was taken in from", Permission: writeFeeds, Handle: r.remove},
		api.Operation[FeedName, api.Nothing]{Method: http.MethodPost, Path: "/api/feeds/{name}/collect", ID: "collect-feed",
			Summary: "Collect a feed now", Permission: writeFeeds, Handle: r.collect},
		api.Operation[daysInput, api.Page[FeedDay]]{Method: http.MethodGet, Path: "/api/feeds/{name}/days", ID: "list-feed-days",
			Summary: "The days of a feed", Permission: readFeeds, Handle: r.days,
			Description: "A day that is not listed is a gap: nothing of it came."},
		api.Operation[ruleInput, api.Nothing]{Method: http.MethodPut, Path: "/api/feeds/{name}/days/{day}", ID: "rule-feed-day",
			Summary: "Say that a day is complete or not", Permission: writeFeeds, Handle: r.rule},
	}
}

// FeedName is the path of one feed.
type FeedName struct {
	Name string `path:"name" maxLength:"64"`
}

// FeedChange is what a caller says of a feed.
type FeedChange struct {
	Title     string         `json:"title"`
	Marking   string         `json:"marking" enum:"CLEAR,GREEN,AMBER,AMBER+STRICT,RED" doc:"TLP 2.0 label of its rows"`
	Audience  string         `json:"audience" enum:"owner,owner+also-notify,staff"`
	Collector feed.Collector `json:"collector"`
	Settings  feed.Settings  `json:"settings"`
	Enabled   bool           `json:"enabled"`
}

func (b FeedChange) into(f feed.Feed) feed.Feed {
	f.Title, f.Marking, f.Audience, f.Enabled = b.Title, b.Marking, feed.Audience(b.Audience), b.Enabled
	f.Collector, f.Settings = b.Collector, b.Settings
	return f
}

// NewFeed is a feed to be made.
type NewFeed struct {
	Name   string `json:"name" maxLength:"64" doc:"Lower-case letters, digits and hyphens; never changes"`
	Format string `json:"format" enum:"shadowserver,idf,generic"`
	FeedChange
}

type createInput struct{ Body NewFeed }

type changeInput struct {
	FeedName
	Body FeedChange
}

func (r *room) list(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[feed.Feed], error) {
	feeds, err := r.Feeds.List(ctx)
	return api.NewPage(feeds, ""), err
}

func (r *room) one(ctx context.Context, _ api.Caller, in *FeedName) (*feed.Feed, error) {
	f, err := r.Feeds.ByName(ctx, in.Name)
	return &f, err
}

func (r *room) create(ctx context.Context, c api.Caller, in *createInput) (*feed.Feed, error) {
	f, err := r.Feeds.Save(ctx, c.Actor, in.Body.into(feed.Feed{Name: in.Body.Name, Format: in.Body.Format}))
	return &f, err
}

func (r *room) change(ctx context.Context, c api.Caller, in *changeInput) (*feed.Feed, error) {
	old, err := r.Feeds.ByName(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	f, err := r.Feeds.Save(ctx, c.Actor, in.Body.into(old))
	return &f, err
}

func (r *room) remove(ctx context.Context, c api.Caller, in *FeedName) (*api.Nothing, error) {
	return nil, r.Feeds.Delete(ctx, c.Actor, in.Name)
}

func (r *room) collect(ctx context.Context, c api.Caller, in *FeedName) (*api.Nothing, error) {
	return nil, r.Collect.Now(ctx, c.Actor, in.Name)
}

type daysInput struct {
	FeedName
	From string `query:"from" format:"date" doc:"First day; 90 days before the last one when absent"`
	To   string `query:"to" format:"date" doc:"Last day; today when absent"`
}

// FeedDay is one day of a feed.
type FeedDay struct {
	Day      string   `json:"day" format:"date"`
	Complete bool     `json:"complete"`
	Types    int      `json:"types" doc:"Report types that came"`
	Expected int      `json:"expected" doc:"Of so many usual or listed ones"`
	Missing  []string `json:"missing" nullable:"false"`
	Listing  []string `json:"listing,omitempty" doc:"Report types by the feed's own list"`
	Ruled    *bool    `json:"ruled,omitempty" doc:"What a person said"`
}

func (r *room) days(ctx context.Context, _ api.Caller, in *daysInput) (*api.Page[FeedDay], error) {
	f, err := r.Feeds.ByName(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	to := event.DayOf(r.Collect.Clock.Now().UnixMicro())
	if err := readDay("to", in.To, &to); err != nil {
		return nil, err
	}
	from := to - 89
	if err := readDay("from", in.From, &from); err != nil {
		return nil, err
	}
	if from > to || to-from > 3660 {
		return nil, fault.Problems{{Field: "from", Message: "ask for one day to ten years, the first day before the last"}}
	}
	days, err := r.Feeds.Days(ctx, f.ID, int64(from), int64(to))
	if err != nil {
		return nil, err
	}
	var views []FeedDay
	for _, d := range days {
		views = append(views, FeedDay{d.Date(), d.Complete, d.Types, d.Expected, d.Missing, d.Listing, d.Ruled})
	}
	return api.NewPage(views, ""), nil
}

// readDay reads an optional day.
func readDay(field, text string, to *event.Day) error {
	if text == "" {
		return nil
	}
	d, err := event.ParseDay(text)
	if err != nil {
		return fault.Problems{{Field: field, Message: "is no date: write it as 2026-01-31"}}
	}
	*to = d
	return nil
}

type ruleInput struct {
	FeedName
	Day  string `path:"day" format:"date"`
	Body struct {
		Complete *bool `json:"complete,omitempty" doc:"Absent: it is judged by what came"`
	}
}

func (r *room) rule(ctx context.Context, c api.Caller, in *ruleInput) (*api.Nothing, error) {
	var d event.Day
	if err := readDay("day", in.Day, &d); err != nil {
		return nil, err
	}
	return nil, r.Feeds.RuleDay(ctx, c.Actor, in.Name, int64(d), in.Body.Complete)
}

// at writes UTC microseconds; 0 is unknown.
func at(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}
