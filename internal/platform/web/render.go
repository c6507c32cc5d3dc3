package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/text"
)

// View is a template's dot.
type View struct {
	Visitor Visitor
	Data    any  // what the page's function returned
	Form    Form // after an action was refused: what was entered, what is wrong
}

// set is a room's templates and words, once per language: parsing happens at the start, never in a request.
type set struct {
	name     string
	byLang   map[string]*template.Template
	printers map[string]*text.Printer
}

func (s *set) has(name string) bool { return s.byLang[text.Fallback].Lookup(name) != nil }

func (a *App) newSet(name string, templates, locale fs.FS) (*set, error) {
	words, err := text.Load(own, locale)
	if err != nil {
		return nil, err
	}
	s := &set{name: name, byLang: map[string]*template.Template{}, printers: map[string]*text.Printer{}}
	for _, lang := range a.langs {
		p := words.In(lang, a.cfg.Zone)
		t, err := template.New("").Funcs(a.funcs(p)).ParseFS(own, "*.html")
		if err != nil {
			return nil, err
		}
		if name != "" && templates != nil {
			if err := clash(templates); err != nil {
				return nil, err
			}
			if t, err = t.ParseFS(templates, "*.html"); err != nil {
				return nil, err
			}
		}
		s.byLang[lang], s.printers[lang] = t, p
	}
	return s, nil
}

// clash tells when a room's template would take the place of one of the layout's.
func clash(templates fs.FS) error {
	names, err := fs.Glob(own, "*.html")
	for _, n := range names {
		if _, err := fs.Stat(templates, n); err == nil {
			return fmt.Errorf("the template name %s is the layout's", n)
		}
	}
	return err
}

// frame is the layout's dot.
type frame struct {
	View
	Config  Config
	Lang    string
	Theme   string
	Title   string
	Content template.HTML
	Nav     navigation
	Query   string // what the search box holds
	Search  bool
	Langs   []string
	Flash   string
	Grave   bool
	Refresh int // seconds, without JavaScript
	Here    string
	Themes  []string
	Home    string
	Account string // who is signed in; "" nobody
	SignIn  string
	Views   []Link // saved lists
	Sending *Sending
	Save    bool   // this list can be saved
	Path    string // what would be saved
	Stored  string
}

type navLink struct {
	Path, Text, Shortcut string
	Current              bool
}

// navigation is two rows: places, and the pages of the current one when it is a group of several.
type navigation struct {
	Places, Pages, All []navLink
	Group              string
}

func (a *App) show(w http.ResponseWriter, r *http.Request, m *mounted, status int, v View) {
	if m.bare {
		buf := a.pools.buffer()
		defer a.pools.buffers.Put(buf)
		if err := m.room.byLang[v.Visitor.Lang()].ExecuteTemplate(buf, m.template, v); err != nil {
			a.fail(w, r, v.Visitor, m, err)
			return
		}
		a.deliver(w, r, status, buf.Bytes())
		return
	}
	title := v.Visitor.T(titleKey(m.template))
	if t, ok := v.Data.(interface{ PageTitle() string }); ok {
		title = t.PageTitle()
	}
	a.write(w, r, m.room, m.template, title, status, v)
}

// searches tells whether the visitor may search all.
func (a *App) searches(v Visitor) bool {
	m := a.pages["GET /search"]
	return m != nil && v.May(m.permission)
}

// write renders a page whole before the first byte leaves, so that an error in a template is an error page.
func (a *App) write(w http.ResponseWriter, r *http.Request, room *set, name, title string, status int, v View) {
	content, page := a.pools.buffer(), a.pools.buffer()
	defer a.pools.buffers.Put(content)
	defer a.pools.buffers.Put(page)
	lang := v.Visitor.Lang()
	err := room.byLang[lang].ExecuteTemplate(content, name, v)
	if err == nil {
		f := frame{View: v, Config: a.cfg, Lang: lang, Theme: v.Visitor.theme, Title: title,
			Content: template.HTML(content.String()), Nav: a.links(v.Visitor), Langs: a.langs,
			Search: a.searches(v.Visitor), Query: r.URL.Query().Get("q"), Here: v.Visitor.With(), Themes: themes[:]}
		f.Home = a.home(v.Visitor)
		switch v.Visitor.Actor.Kind {
		case act.Person:
			f.Account = v.Visitor.Actor.Name
		case act.Public:
			if r.URL.Path != a.cfg.SignIn {
				f.SignIn = a.cfg.SignIn
			}
		}
		if t, ok := v.Data.(interface{ RefreshAfter() time.Duration }); ok {
			f.Refresh = int(t.RefreshAfter() / time.Second)
		}
		a.saved(r, &f)
		if a.cfg.Sending != nil && a.pages["POST /outbox/stop"] != nil {
			f.Sending = a.cfg.Sending(r.Context(), v.Visitor.Actor)
		}
		f.Flash, f.Grave = takeFlash(w, r, room, v.Visitor)
		err = a.base.byLang[lang].ExecuteTemplate(page, "layout.html", f)
	}
	if err != nil {
		http.Error(w, v.Visitor.T("error.internal")+" "+a.report("template "+name, err), http.StatusInternalServerError)
		return
	}
	a.deliver(w, r, status, page.Bytes())
}

// saved fills in the visitor's saved lists, and what this page would be saved as when it is a list: one whose data has a
// method Savable() bool that says so.
func (a *App) saved(r *http.Request, f *frame) {
	route := a.pages["POST /views"]
	if a.cfg.Views == nil || route == nil || !f.Visitor.May(route.permission) {
		return
	}
	f.Views = a.cfg.Views(r.Context(), f.Visitor.Actor)
	if l, ok := f.Data.(interface{ Savable() bool }); ok && l.Savable() {
		f.Save, f.Path = true, f.Visitor.URL.Path
		_, f.Stored, _ = strings.Cut(f.Visitor.With("after", ""), "?")
	}
}

// deliver sends HTML, compressed when that pays.
func (a *App) deliver(w http.ResponseWriter, r *http.Request, status int, b []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding")
	if len(b) > 1400 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		small := a.pools.buffer()
		defer a.pools.buffers.Put(small)
		z := a.pools.gzips.Get().(*gzip.Writer)
		defer a.pools.gzips.Put(z)
		z.Reset(small)
		z.Write(b) // to memory: it cannot go wrong
		z.Close()
		h.Set("Content-Encoding", "gzip")
		b = small.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b)
	}
}

// links is the navigation that the visitor may see; the longest path that begins this page's is the current one.
func (a *App) links(v Visitor) (out navigation) {
	var ls []navLink
	var groups []string
	best := -1
	for _, n := range a.nav {
		if !v.May(n.Permission) || n.Unless != "" && v.May(n.Unless) {
			continue
		}
		l := navLink{n.Path, n.room.printers[v.Lang()].T(n.Key), n.Shortcut, false}
		under := v.URL.Path == n.Path || n.Path != "/" && strings.HasPrefix(v.URL.Path, n.Path+"/")
		groups = append(groups, n.Group)
		if ls = append(ls, l); under && (best < 0 || len(n.Path) > len(ls[best].Path)) {
			best = len(ls) - 1
		}
	}
	if best >= 0 {
		ls[best].Current = true
	}
	out.All = ls
	members := map[string][]navLink{}
	for i, l := range ls {
		members[groups[i]] = append(members[groups[i]], l)
	}
	for i, l := range ls {
		group := groups[i]
		if of := members[group]; group != "" && len(of) > 1 {
			if l.Path != of[0].Path { // the place is there already
				continue
			}
			l = navLink{Path: l.Path, Text: a.base.printers[v.Lang()].T("group." + group)}
			if l.Current = best >= 0 && groups[best] == group; l.Current {
				out.Pages, out.Group = of, l.Text
			}
		}
		out.Places = append(out.Places, l)
	}
	return out
}

type pools struct{ buffers, gzips *sync.Pool }

func newPools() pools {
	return pools{
		buffers: &sync.Pool{New: func() any { return new(bytes.Buffer) }},
		gzips: &sync.Pool{New: func() any {
			z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
			return z
		}},
	}
}

func (p pools) buffer() *bytes.Buffer {
	b := p.buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

// funcs are what every template may call, in the words of one language.
func (a *App) funcs(p *text.Printer) template.FuncMap {
	return template.FuncMap{
		"t":  p.T,
		"tk": func(prefix string, v any, args ...any) string { return p.T(prefix+fmt.Sprint(v), args...) },
		"num": func(n any) (string, error) {
			i, err := whole(n)
			return p.Number(i), err
		},
		"percent": func(part, whole int64) string { return p.Percent(part, whole) },
		"bytes":   func(n int64) string { return p.Bytes(n) },
		"day": func(d any) (string, error) {
			i, err := whole(d)
			return p.Day(i), err
		},
		"when":     func(t any) (template.HTML, error) { return a.when(p, t) },
		"asset":    a.assets.url,
		"field":    newField,
		"pair":     func(a, b any) [2]any { return [2]any{a, b} },
		"badge":    badge,
		"severity": func(s any) (template.HTML, error) { return severity(p, s) },
		"state":    func(s any) template.HTML { return badge("state-"+fmt.Sprint(s), p.T("state."+fmt.Sprint(s))) },
		"tlp":      tlp,
		"count":    func(n any, capped bool) (string, error) { return count(p, n, capped) },
		"trend":    func(c Trend) template.HTML { return c.render(p) },
		"bars":     func(b Bars) template.HTML { return b.render(p) },
		"spark":    sparkline,
		"either": func(a, b string) string {
			if a != "" {
				return a
			}
			return b
		},
	}
}
