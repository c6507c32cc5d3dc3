package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/text"
)

// Visitor is who asks, and how they want to be answered.
type Visitor struct {
	Actor act.Actor
	Now   time.Time // of the world's clock
	URL   *url.URL  // path and query of the page

	Client netip.Addr // where the request comes from; not valid when that is not known
	Agent  string     // what the browser calls itself

	*text.Printer // the room's words, in the visitor's language and the nation's time zone

	allowed func(act.Actor, act.Permission) bool
	theme   string
	cookie  func(name string) string
}

// Cookie is the value that an earlier Done set under the name; "" without one.
func (v Visitor) Cookie(name string) string { return v.cookie(name) }

// May tells whether the visitor has a permission.
func (v Visitor) May(p act.Permission) bool { return v.allowed(v.Actor, p) }

// With is this page's address with query values replaced: pairs of name and value, where "" removes the name.
func (v Visitor) With(pairs ...string) string {
	q := v.URL.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return v.URL.EscapedPath()
	}
	return v.URL.EscapedPath() + "?" + q.Encode()
}

func (a *App) visitor(r *http.Request, room *set) Visitor {
	lang := a.lang(r)
	v := Visitor{Actor: a.cfg.Actor(r), Now: a.cfg.Clock.Now(), URL: &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery},
		Agent: r.UserAgent(), Printer: room.printers[lang], allowed: a.cfg.Allowed, theme: theme(r),
		cookie: func(name string) string { return a.readCookie(r, name) }}
	if a.cfg.Client != nil {
		v.Client = a.cfg.Client(r)
	}
	return v
}

func (a *App) lang(r *http.Request) string {
	if c, err := r.Cookie(langCookie); err == nil {
		for _, l := range a.langs {
			if l == c.Value {
				return l
			}
		}
	}
	if accept := r.Header.Get("Accept-Language"); accept != "" {
		return text.Match(a.langs, accept)
	}
	return a.langs[0]
}
