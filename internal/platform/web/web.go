// Package web is what every room of the console stands on: routes with a permission and typed input and output, the
// layout, the components, the style sheet and the map from errors to pages. A room brings its templates, its catalogue and
// its routes; it never sees a ResponseWriter. Pages work without JavaScript, load nothing from elsewhere and run under a
// policy that allows nothing inline. It holds no policy of who may do what and knows no capability.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/text"
)

// Room is one capability's part of the console.
type Room struct {
	Name      string     // lower case, unique: "finding"
	Templates fs.FS      // *.html
	Locale    fs.FS      // locale/<language>.toml; usually the same embedded files
	Nav       []NavEntry // its entries in the navigation
	Routes    []Route
}

// NavEntry is a link in the header.
type NavEntry struct {
	Path       string         // "/findings"
	Key        string         // its text, in the room's catalogue
	Group      string         // entries of one stand together below its name, the layout's text "group.…"; "" stands by itself
	Order      int            // smaller is further left
	Shortcut   string         // one letter, pressed after "g"
	Permission act.Permission // who sees it
	Unless     act.Permission // who does not: they have another entry for the same; "" for nobody
}

// Sending is how the switch stands that stops everything that is sent. Every page shows it, with the button that stops.
type Sending struct {
	On     bool
	Sealed bool // nothing can leave the world
	Stop   bool // the visitor may stop it
}

// Link leads to a page; its text is ready for people.
type Link struct{ Text, Href string }

// Config is what an App is told of its nation and its process.
type Config struct {
	Nation    string // "Ruritania"
	Team      string // "CERT Ruritania"
	Version   string
	World     string   // "live", or the name of an exercise, which a banner then shows on every page
	Languages []string // offered, the first is the default; empty: all that the layout has
	Zone      *time.Location
	Clock     clock.Clock // the world's
	Actor     func(*http.Request) act.Actor
	Client    func(*http.Request) netip.Addr // may be nil
	SignIn    string                         // the path that a visitor who is nobody is sent to; "" shows an error page
	Home      func(act.Actor) string         // where an actor's pages begin; nil: "/"
	Secure    bool                           // browsers reach it by https: cookies travel by nothing else
	Allowed   func(act.Actor, act.Permission) bool
	// Outside tells which permissions are held by people from outside: their pages and downloads must be cleared ones, or New
	// returns an error. nil: none.
	Outside func(act.Permission) bool
	// Took records that somebody takes a file which did not pass the gate, before its first byte; what cannot be recorded is not
	// given. May be nil.
	Took    func(ctx context.Context, a act.Actor, path, query string) error
	Views   func(context.Context, act.Actor) []Link   // saved lists, for the menu; may be nil
	Sending func(context.Context, act.Actor) *Sending // the switch of everything that is sent, for every page; may be nil
	Log     *slog.Logger
	Observe func(route string, status int, d time.Duration) // may be nil
}

// App serves the rooms. It is an http.Handler.
type App struct {
	cfg     Config
	mux     *http.ServeMux
	handler http.Handler
	assets  *assets
	langs   []string
	base    *set // layout, components, error page
	nav     []navEntry
	pages   map[string]*mounted // by pattern
	pools   pools
}

type navEntry struct {
	NavEntry
	room *set
}

// mounted is a route in its room.
type mounted struct {
	Route
	room *set
}

// New checks the rooms and mounts them. Every fault of a room's routes, templates or catalogue is told at once.
func New(cfg Config, rooms ...Room) (*App, error) {
	if cfg.Actor == nil || cfg.Allowed == nil || cfg.Clock == nil || cfg.Log == nil {
		return nil, errors.New("web: Actor, Allowed, Clock and Log are needed")
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.World == "" {
		cfg.World = "live"
	}
	a := &App{cfg: cfg, mux: http.NewServeMux(), pages: map[string]*mounted{}, pools: newPools()}
	var err error
	if a.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if err := a.languages(); err != nil {
		return nil, err
	}
	if a.base, err = a.newSet("", own, own); err != nil {
		return nil, err
	}
	var faults []error
	for _, r := range rooms {
		if err := a.mount(r); err != nil {
			faults = append(faults, fmt.Errorf("room %s: %w", r.Name, err))
		}
	}
	for _, m := range a.pages {
		if m.back != "" && a.pages[m.back] == nil {
			faults = append(faults, fmt.Errorf("route %q: its form %q is no page", m.pattern, m.back))
		}
	}
	slices.SortStableFunc(a.nav, func(x, y navEntry) int { return cmp.Compare(x.Order, y.Order) })
	a.mux.HandleFunc("GET /assets/{name}", a.assets.serve)
	a.mux.HandleFunc("POST /preferences", a.preferences)
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(a.elsewhere))
	a.handler = guard.Handler(http.HandlerFunc(a.route))
	return a, errors.Join(faults...)
}

func (a *App) languages() error {
	c, err := text.Load(own)
	if err != nil {
		return err
	}
	a.langs = a.cfg.Languages
	if len(a.langs) == 0 {
		a.langs = c.Languages()
	}
	// A language the layout does not speak would give a page in two languages; "sr" is served by "sr-Latn".
	var offered []string
	for _, l := range a.langs {
		for _, has := range c.Languages() {
			if (has == l || strings.HasPrefix(has, l+"-")) && !slices.Contains(offered, has) {
				offered = append(offered, has)
			}
		}
	}
	if a.langs = offered; !slices.Contains(a.langs, text.Fallback) {
		a.langs = append(a.langs, text.Fallback)
	}
	return nil
}

func (a *App) mount(r Room) error {
	room, err := a.newSet(r.Name, r.Templates, r.Locale)
	if err != nil {
		return err
	}
	var faults []error
	for _, rt := range r.Routes {
		if err := rt.check(room); err != nil {
			faults = append(faults, fmt.Errorf("route %q: %w", rt.pattern, err))
			continue
		}
		if rt.leaks(a.cfg.Outside) {
			faults = append(faults, fmt.Errorf("route %q: %s is a permission of outsiders, so what it shows must be cleared: make it with ClearedPage or ClearedDownload",
				rt.pattern, rt.permission))
			continue
		}
		if a.pages[rt.pattern] != nil {
			faults = append(faults, fmt.Errorf("route %q: there are two of it", rt.pattern))
			continue
		}
		m := &mounted{rt, room}
		a.pages[rt.pattern] = m
		a.mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, req *http.Request) { a.serve(w, req, m) })
	}
	for _, n := range r.Nav {
		if n.Permission == "" || !strings.HasPrefix(n.Path, "/") || !room.printers[text.Fallback].Has(n.Key) {
			faults = append(faults, fmt.Errorf("navigation %q: needs a path, a permission and the text %q", n.Path, n.Key))
		}
		if n.Group != "" && !a.base.printers[text.Fallback].Has("group."+n.Group) {
			faults = append(faults, fmt.Errorf("navigation %q: the layout has no text %q", n.Path, "group."+n.Group))
		}
		a.nav = append(a.nav, navEntry{n, room})
	}
	return errors.Join(faults...)
}

// home is where the visitor's pages begin.
func (a *App) home(v Visitor) string {
	if a.cfg.Home == nil {
		return "/"
	}
	return a.cfg.Home(v.Actor)
}
