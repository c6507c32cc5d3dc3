package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// answer remembers what was answered, and tells how long it took with the first byte.
type answer struct {
	http.ResponseWriter
	watch  clock.Stopwatch
	status int
}

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.Header().Set("Server-Timing", fmt.Sprintf("app;dur=%.2f", float64(w.watch.Elapsed())/float64(time.Millisecond)))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP serves a page, with the headers that every answer has.
func (a *App) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &answer{ResponseWriter: rw, watch: clock.Start()}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if a.cfg.Observe != nil {
		defer func() {
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			a.cfg.Observe(route, w.status, w.watch.Elapsed())
		}()
	}
	a.handler.ServeHTTP(w, r)
}

// route finds the page.
func (a *App) route(w http.ResponseWriter, r *http.Request) {
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.nowhere(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// elsewhere answers a write that a page of another origin sends.
func (a *App) elsewhere(w http.ResponseWriter, r *http.Request) {
	a.problem(w, r, a.visitor(r, a.base), trouble{Status: http.StatusForbidden, Key: "error.cross-origin"})
}

// nowhere answers what no route matches: an unknown path, a wrong method or a path that needs cleaning.
func (a *App) nowhere(w http.ResponseWriter, r *http.Request) {
	probe := &probe{header: http.Header{}}
	h, _ := a.mux.Handler(r)
	h.ServeHTTP(probe, r)
	v := a.visitor(r, a.base)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		a.problem(w, r, v, trouble{Status: probe.status, Key: "error.method"})
		return
	}
	if to := probe.header.Get("Location"); to != "" && local(to) {
		http.Redirect(w, r, to, probe.status)
		return
	}
	a.problem(w, r, v, trouble{Status: http.StatusNotFound, Key: "error.no-page"})
}

type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(s int)           { p.status = s }

// serve runs one route.
func (a *App) serve(w http.ResponseWriter, r *http.Request, m *mounted) {
	v := a.visitor(r, m.room)
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			panic(p)
		} else if p != nil {
			a.fail(w, r, v, m, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if !v.May(m.permission) {
		if v.Actor.Kind == act.Public && a.cfg.SignIn != "" && (m.page != nil || m.download != nil || m.depart != nil) && !m.bare {
			http.Redirect(w, r, a.cfg.SignIn+"?to="+url.QueryEscape(v.With()), http.StatusSeeOther)
			return
		}
		if home := a.home(v); r.URL.Path == "/" && home != "/" {
			http.Redirect(w, r, home, http.StatusSeeOther)
			return
		}
		a.fail(w, r, v, m, fault.New(fault.Forbidden, "this asks for the permission %s, which you do not have", m.permission))
		return
	}
	if m.maxBody == 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		m = &mounted{m.Route.MaxBody(1 << 20), m.room}
	}
	if m.maxBody > 0 {
		r.Body = http.MaxBytesReader(w, r.Body, m.maxBody)
	}
	switch {
	case m.page != nil:
		data, err := m.page(r, v)
		if err != nil {
			a.fail(w, r, v, m, err)
			return
		}
		if to := elsewhere(data); to != "" {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		a.show(w, r, m, http.StatusOK, View{Visitor: v, Data: data})
	case m.action != nil:
		a.act(w, r, m, v)
	case m.depart != nil:
		a.leave(w, r, m, v)
	default:
		a.send(w, r, m, v)
	}
}

func (a *App) act(w http.ResponseWriter, r *http.Request, m *mounted, v Visitor) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		// An upload takes as long as it takes; the server's read timeout is for the rest.
		http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	done, err := m.action(r, v)
	if kind := fault.KindOf(err); err != nil && m.back != "" && (kind == fault.Invalid || kind == fault.Conflict && m.retry) {
		a.again(w, r, m, v, err)
		return
	}
	if err != nil {
		a.fail(w, r, v, m, err)
		return
	}
	if done.Template != "" {
		if !m.room.has(done.Template) || !m.room.printers["en"].Has(titleKey(done.Template)) {
			a.fail(w, r, v, m, fmt.Errorf("there is no template %q, or no title for it", done.Template))
			return
		}
		a.setCookies(w, done.Cookies)
		a.write(w, r, m.room, done.Template, v.T(titleKey(done.Template)), http.StatusOK, View{Visitor: v, Data: done.Page})
		return
	}
	if !local(done.To) {
		a.fail(w, r, v, m, fmt.Errorf("the action leads to %q, which is no path of this console", done.To))
		return
	}
	a.setCookies(w, done.Cookies)
	if done.Flash != "" {
		setFlash(w, flash{m.room.name, done.Flash, done.Args, done.Grave})
	}
	http.Redirect(w, r, done.To, http.StatusSeeOther)
}

func (a *App) leave(w http.ResponseWriter, r *http.Request, m *mounted, v Visitor) {
	d, err := m.depart(r, v)
	if err == nil {
		if u, e := url.Parse(d.To); e != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			err = fmt.Errorf("the departure leads to %q, which is no address of a page", d.To)
		}
	}
	if err != nil {
		a.fail(w, r, v, m, err)
		return
	}
	a.setCookies(w, d.Cookies)
	http.Redirect(w, r, d.To, http.StatusSeeOther)
}

// again shows an action's form once more, with what was entered and what is wrong with it.
func (a *App) again(w http.ResponseWriter, r *http.Request, m *mounted, v Visitor, wrong error) {
	page := a.pages[m.back]
	back := r.Clone(r.Context())
	back.Method = http.MethodGet
	back.URL = &url.URL{Path: fillPattern(m.back, r)}
	if ref, err := url.Parse(r.Referer()); err == nil && ref.Path == back.URL.Path {
		back.URL.RawQuery = ref.RawQuery
	}
	v = a.visitor(back, page.room)
	data, err := page.page(back, v)
	if err != nil {
		a.fail(w, r, v, m, errors.Join(wrong, err))
		return
	}
	if elsewhere(data) != "" { // there is nothing of the page to show the form on
		a.fail(w, r, v, m, wrong)
		return
	}
	a.show(w, back, page, troubles[fault.KindOf(wrong)].Status, View{Visitor: v, Data: data, Form: newForm(r.PostForm, wrong)})
}

// elsewhere is the path of this console under which a page has what it was asked for; "" when it shows it itself.
func elsewhere(data any) string {
	if e, ok := data.(interface{ Elsewhere() string }); ok && local(e.Elsewhere()) {
		return e.Elsewhere()
	}
	return ""
}

// fillPattern is the path of a pattern, with the request's path values.
func fillPattern(pattern string, r *http.Request) string {
	_, path, _ := strings.Cut(pattern, " ")
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p == "{$}" {
			parts[i] = ""
		} else if strings.HasPrefix(p, "{") {
			parts[i] = r.PathValue(strings.TrimRight(strings.Trim(p, "{}"), "."))
		}
	}
	return strings.Join(parts, "/")
}

// foreignPolicy is that of a page that is none of the console's: it may have styles of its own, and nothing else.
const foreignPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// lazy sends a download's headers with its first byte.
type lazy struct {
	w     http.ResponseWriter
	f     File
	begun bool
}

func (l *lazy) begin() {
	if l.begun {
		return
	}
	l.begun = true
	l.w.Header().Set("Content-Type", l.f.Type)
	if l.f.Foreign {
		l.w.Header().Set("Content-Security-Policy", foreignPolicy)
	}
	if l.f.Name != "" {
		l.w.Header().Set("Content-Disposition", attachment(l.f.Name))
	}
}

func (l *lazy) Write(b []byte) (int, error) {
	l.begin()
	return l.w.Write(b)
}

func (a *App) send(w http.ResponseWriter, r *http.Request, m *mounted, v Visitor) {
	f, err := m.download(r, v)
	if err == nil && a.cfg.Took != nil && !m.cleared && !f.Foreign {
		err = a.cfg.Took(r.Context(), v.Actor, r.URL.Path, r.URL.RawQuery)
	}
	if err != nil {
		a.fail(w, r, v, m, err)
		return
	}
	l := &lazy{w: w, f: f}
	var out io.Writer = l
	err = f.Write(out)
	switch {
	case err == nil:
		l.begin()
	case !l.begun:
		a.fail(w, r, v, m, err)
	default:
		if r.Context().Err() == nil {
			a.report(m.pattern, err)
		}
		panic(http.ErrAbortHandler)
	}
}

func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, url.PathEscape(name))
}
