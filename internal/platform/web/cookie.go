package web

import "net/http"

// Cookie is what a browser keeps for this console and sends back with every request; no script can read it.
type Cookie struct {
	Name   string // without a prefix
	Value  string // "" removes it
	MaxAge int    // seconds; 0 is until the browser closes
	Lax    bool   // sent too with a link from elsewhere
}

// hostPrefix makes browsers take a cookie over https only, for this host and for all of it (RFC 6265bis, section 4.1.3.2).
const hostPrefix = "__Host-"

func (a *App) setCookies(w http.ResponseWriter, cookies []Cookie) {
	for _, c := range cookies {
		h := &http.Cookie{Name: c.Name, Value: c.Value, Path: "/", MaxAge: c.MaxAge, HttpOnly: true, Secure: a.cfg.Secure,
			SameSite: http.SameSiteStrictMode}
		if c.Lax {
			h.SameSite = http.SameSiteLaxMode
		}
		if a.cfg.Secure {
			h.Name = hostPrefix + c.Name
		}
		if c.Value == "" {
			h.MaxAge = -1
		}
		http.SetCookie(w, h)
	}
}

func (a *App) readCookie(r *http.Request, name string) string { return CookieOf(r, name, a.cfg.Secure) }

// CookieOf reads a Cookie from a request. With secure one that was set without https does not count.
func CookieOf(r *http.Request, name string, secure bool) string {
	if secure {
		name = hostPrefix + name
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
