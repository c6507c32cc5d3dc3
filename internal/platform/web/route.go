package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
)

// Route is one page or operation of a room: a pattern of http.ServeMux with its method, the permission it asks for, and a
// typed function behind it. Make one with Page, Fragment, Action or
// Download, and what visitors from outside are shown with ClearedPage or ClearedDownload.
type Route struct {
	pattern    string
	permission act.Permission
	template   string
	back       string
	bare       bool // without the layout
	arrives    bool // an action that a page outside leads to
	cleared    bool // what it shows went through the gate
	retry      bool // its form is shown again also when somebody else was faster
	maxBody    int64
	err        error

	page     func(r *http.Request, v Visitor) (any, error)
	action   func(r *http.Request, v Visitor) (Done, error)
	download func(r *http.Request, v Visitor) (File, error)
	depart   func(r *http.Request, v Visitor) (Departure, error)
}

// Pattern is the route's pattern: "GET /findings/{id}".
func (r Route) Pattern() string { return r.pattern }

// Permission is what the route asks of its caller.
func (r Route) Permission() act.Permission { return r.permission }

// Body is what MaxBody allows; 0 without it.
func (r Route) Body() int64 { return r.maxBody }

// MaxBody allows a request body of up to n bytes; 1 MiB without it, and for an In with Uploads no limit.
func (r Route) MaxBody(n int64) Route {
	r.maxBody = n
	return r
}

// Retry shows an action's form again also when somebody else changed its object meanwhile (a fault of kind Conflict): with what was
// entered, and what the fault says of the change. The form's hidden fields are of the object as it is now.
func (r Route) Retry() Route {
	r.retry = true
	return r
}

// Page is a GET that shows what fn returns by the room's template. The template's dot is a View, its .Data what fn returned.
// The page's title is the text "title.<template's name without .html>", unless Out has a method PageTitle() string. An
// Out with a method RefreshAfter() time.Duration reloads itself without JavaScript; one whose method Elsewhere() string
// names a path of this console sends the visitor there instead.
func Page[In, Out any](pattern string, p act.Permission, template string,
	fn func(context.Context, Visitor, In) (Out, error)) Route {
	decode, err := newDecoder[In]()
	return Route{pattern: pattern, permission: p, template: template, err: err,
		page: func(r *http.Request, v Visitor) (any, error) {
			in, err := decode(r)
			if err != nil {
				return nil, err
			}
			return fn(r.Context(), v, in)
		}}
}

// Fragment is a Page without the layout. An element <div data-poll="URL" data-every="1000"> is replaced by its fragment
// until the fragment has no data-poll of its own: live progress.
func Fragment[In, Out any](pattern string, p act.Permission, template string,
	fn func(context.Context, Visitor, In) (Out, error)) Route {
	r := Page(pattern, p, template, fn)
	r.bare = true
	return r
}

// Done is where an action leads.
type Done struct {
	To    string // a path of this console
	Flash string // a key of the room's catalogue: what was done, shown once on the next page; may be empty
	Args  []any  // of the flash; numbers or texts
	Grave bool   // the flash tells of trouble

	Cookies []Cookie

	// Page answers at once with the Template instead of leading elsewhere: for what is shown once, such as a new secret.
	Page     any
	Template string
}

// Action is a POST. After success the browser is sent to Done.To. When fn returns a fault of kind Invalid and form is the
// pattern of a page of the app ("GET /feeds/new") with the same path values, that page is shown again with what was entered
// and what is wrong with it, field by field for a fault.Problems; form "" shows an error page.
func Action[In any](pattern string, p act.Permission, form string, fn func(context.Context, Visitor, In) (Done, error)) Route {
	decode, err := newDecoder[In]()
	return Route{pattern: pattern, permission: p, back: form, err: err,
		action: func(r *http.Request, v Visitor) (Done, error) {
			in, err := decode(r)
			if err != nil {
				return Done{}, err
			}
			return fn(r.Context(), v, in)
		}}
}

// Departure is where a page outside leads to, and what the browser keeps until it comes back.
type Departure struct {
	To      string // an absolute https address, or http of this machine
	Cookies []Cookie
}

// Depart is a GET that sends the browser to a page outside: sign-in at another provider. It is for links; a form may not
// lead outside.
func Depart[In any](pattern string, p act.Permission, fn func(context.Context, Visitor, In) (Departure, error)) Route {
	decode, err := newDecoder[In]()
	return Route{pattern: pattern, permission: p, err: err,
		depart: func(r *http.Request, v Visitor) (Departure, error) {
			in, err := decode(r)
			if err != nil {
				return Departure{}, err
			}
			return fn(r.Context(), v, in)
		}}
}

// Arrive is a GET that a page outside sends the browser to: what an Action is for forms. It changes something, so what it is
// given must prove that the visitor began it here.
func Arrive[In any](pattern string, p act.Permission, fn func(context.Context, Visitor, In) (Done, error)) Route {
	r := Action(pattern, p, "", fn)
	r.arrives = true
	return r
}

// File is a download. Write is called once; an error before its first byte becomes an error page, a later one cuts the
// connection, so that nobody takes half a file for a whole one.
type File struct {
	Name  string // proposed to the browser; "" shows it in the browser
	Type  string // "text/csv; charset=utf-8"
	Write func(io.Writer) error
	// Foreign is a page that is none of the console's, such as a mail as its reader sees it: it is shown in a sandbox, where it runs
	// nothing, loads nothing, sends nothing and belongs to no site. Looking at it takes nothing away.
	Foreign bool
}

// Download is a GET that streams a file.
func Download[In any](pattern string, p act.Permission, fn func(context.Context, Visitor, In) (File, error)) Route {
	decode, err := newDecoder[In]()
	return Route{pattern: pattern, permission: p, err: err,
		download: func(r *http.Request, v Visitor) (File, error) {
			in, err := decode(r)
			if err != nil {
				return File{}, err
			}
			return fn(r.Context(), v, in)
		}}
}

// ClearedPage is a Page for visitors from outside: what it shows has been through the gate. A value that the gate never saw
// is an internal error, and shows nothing.
func ClearedPage[In, Out any](pattern string, p act.Permission, template string,
	fn func(context.Context, Visitor, In) (egress.Cleared[Out], error)) Route {
	r := Page(pattern, p, template, func(ctx context.Context, v Visitor, in In) (Out, error) {
		return opened(fn(ctx, v, in))
	})
	r.cleared = true
	return r
}

// ClearedDownload is a Download for visitors from outside, as ClearedPage is a Page for them.
func ClearedDownload[In any](pattern string, p act.Permission,
	fn func(context.Context, Visitor, In) (egress.Cleared[File], error)) Route {
	r := Download(pattern, p, func(ctx context.Context, v Visitor, in In) (File, error) {
		return opened(fn(ctx, v, in))
	})
	r.cleared = true
	return r
}

func opened[V any](c egress.Cleared[V], err error) (V, error) {
	if err != nil {
		var none V
		return none, err
	}
	v, _, err := c.Open()
	return v, err
}

// leaks tells whether a route of outsiders shows what the gate never saw.
func (r Route) leaks(outside func(act.Permission) bool) bool {
	return outside != nil && outside(r.permission) && (r.page != nil || r.download != nil) && !r.cleared
}

var permission = regexp.MustCompile(`^[a-z][a-z-]*\.[a-z][a-z-]*$`)

func (r Route) check(room *set) error {
	if r.err != nil {
		return r.err
	}
	method, _, _ := strings.Cut(r.pattern, " ")
	switch {
	case !permission.MatchString(string(r.permission)):
		return fmt.Errorf("the permission %q is not of the form capability.verb", r.permission)
	case r.action != nil && !r.arrives && method != http.MethodPost:
		return errors.New("an action is a POST")
	case (r.action == nil || r.arrives) && method != http.MethodGet:
		return errors.New("all but actions are a GET")
	case r.page != nil && !room.has(r.template):
		return fmt.Errorf("there is no template %q", r.template)
	case r.page != nil && !r.bare && !room.printers["en"].Has(titleKey(r.template)):
		return fmt.Errorf("the catalogue lacks the page's title %q", titleKey(r.template))
	}
	return nil
}

func titleKey(template string) string { return "title." + strings.TrimSuffix(template, ".html") }

// Inside is the address when it stays on this console, and home otherwise: where a "?to=" may lead.
func Inside(to, home string) string {
	if local(to) {
		return to
	}
	return home
}

// local tells whether a URL stays on this console.
func local(u string) bool {
	p, err := url.Parse(u)
	return err == nil && p.Host == "" && p.Scheme == "" && strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//") &&
		!strings.ContainsAny(u, "\\\r\n")
}
