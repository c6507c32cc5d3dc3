package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// The cookies. None of them says who somebody is.
const (
	langCookie  = "tocsin-language"
	themeCookie = "tocsin-theme"
	flashCookie = "tocsin-flash"
)

var themes = [...]string{"auto", "light", "dark"}

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes[:], c.Value) {
		return c.Value
	}
	return themes[0]
}

// preferences keeps a visitor's language and theme and leads back to where they were.
func (a *App) preferences(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<14)
	set := func(name, value string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
			SameSite: http.SameSiteLaxMode})
	}
	if t := r.PostFormValue("theme"); slices.Contains(themes[:], t) {
		set(themeCookie, t)
	}
	if l := r.PostFormValue("language"); slices.Contains(a.langs, l) {
		set(langCookie, l)
	}
	to := r.PostFormValue("to")
	if !local(to) {
		to = "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// flash is a message for the next page. It travels as a key, so that a forged cookie can say nothing of its own beyond
// arguments that are escaped.
type flash struct {
	Room  string `json:"r"`
	Key   string `json:"k"`
	Args  []any  `json:"a,omitempty"`
	Grave bool   `json:"g,omitempty"`
}

func setFlash(w http.ResponseWriter, f flash) {
	b, err := json.Marshal(f)
	if err != nil || len(b) > 2000 {
		return
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString(b), Path: "/", MaxAge: 60,
		HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// takeFlash is the message for this page in the words of the page's room, once.
func takeFlash(w http.ResponseWriter, r *http.Request, room *set, v Visitor) (words string, grave bool) {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return "", false
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	var f flash
	if err != nil || json.Unmarshal(b, &f) != nil || f.Room != room.name && !strings.HasPrefix(f.Key, "layout.") || !v.Has(f.Key) {
		return "", false
	}
	for i, arg := range f.Args {
		if n, ok := arg.(float64); ok && n == float64(int64(n)) {
			f.Args[i] = int64(n)
		}
	}
	return v.T(f.Key, f.Args...), f.Grave
}
