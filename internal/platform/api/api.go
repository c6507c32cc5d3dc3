// Package api serves the REST interface: every room declares its operations as values, this package checks them, guards
// each with its permission, documents them as OpenAPI 3.1 and maps faults to problem+json once. Operations take typed
// input and return typed values; they never see a request or a ResponseWriter. Who acts and what they may do is given to
// it, health and metrics belong to app.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tocsin/internal/platform/act"
)

// Caller is who calls an operation.
type Caller struct {
	Actor act.Actor
}

// Route is one operation of a room: an Operation or a Download, or what callers from outside are answered: a
// ClearedOperation or a ClearedDownload.
type Route interface {
	declared() *declaration
	mount(s *server) error
}

// PathOf is a route's method and path: "GET /api/findings".
func PathOf(r Route) string { d := r.declared(); return d.method + " " + d.path }

// PermissionOf is what a route asks of its caller.
func PermissionOf(r Route) act.Permission { return r.declared().permission }

// Config is what the REST interface needs to know of the process around it.
type Config struct {
	Title       string
	Version     string
	Description string // CommonMark
	Actor       func(*http.Request) act.Actor
	Allowed     func(act.Actor, act.Permission) bool
	// Outside tells which permissions are held by callers from outside: what theirs read must be cleared,
	// so a GET is a ClearedOperation or a ClearedDownload, or New returns an error. nil: none.
	Outside func(act.Permission) bool
	// Took records that somebody takes a stream which did not pass the gate, before its first byte; what cannot be recorded is not
	// given. May be nil.
	Took func(ctx context.Context, a act.Actor, path, query string) error
	Log  *slog.Logger
}

const prefix = "/api/"

// New returns the handler of everything below /api/: the operations, /api/openapi.json, /api/openapi.yaml and the
// documentation at /api/docs. An operation without a permission, identifier or summary, or two that clash, are an error.
func New(c Config, routes ...Route) (http.Handler, error) {
	if c.Actor == nil || c.Allowed == nil || c.Log == nil {
		return nil, errors.New("the REST interface needs an actor, a permission check and a log")
	}
	s := &server{Config: c, mux: http.NewServeMux(), methods: map[string][]string{}}
	s.api = humago.New(s.mux, s.humaConfig())
	seen := map[string]bool{}
	for _, r := range routes {
		d := r.declared()
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("operation %s %s: %w", d.method, d.path, err)
		}
		if c.Outside != nil && c.Outside(d.permission) && d.method == http.MethodGet && !d.cleared {
			return nil, fmt.Errorf("operation %s %s: %s is a permission of outsiders, so its answer must be cleared: make it a ClearedOperation or ClearedDownload",
				d.method, d.path, d.permission)
		}
		if seen[d.id] {
			return nil, fmt.Errorf("operation %s %s: the id %q is taken", d.method, d.path, d.id)
		}
		seen[d.id] = true
		if err := s.mountOne(r); err != nil {
			return nil, fmt.Errorf("operation %s %s: %w", d.method, d.path, err)
		}
		s.methods[d.path] = append(s.methods[d.path], d.method)
	}
	if err := s.mountRest(); err != nil {
		return nil, err
	}
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, &Problem{Type: typeOf("forbidden"), Title: titles["forbidden"], Status: http.StatusForbidden,
			Detail: "a page of another origin may not call this operation"})
	}))
	return s.recovering(guard.Handler(legible(s.mux))), nil
}

type server struct {
	Config
	mux     *http.ServeMux
	api     huma.API
	methods map[string][]string // by path
}

func (s *server) humaConfig() huma.Config {
	c := huma.DefaultConfig(s.Title, s.Version)
	c.Components = &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName)}
	c.Components.Schemas.RegisterTypeAlias(errorModel, problemModel)
	c.Info.Description = s.Description
	c.OpenAPIPath = prefix + "openapi"
	c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", nil
	c.RejectUnknownQueryParameters = true // a misspelt filter must not quietly list everything
	c.Transformers = []huma.Transformer{func(_ huma.Context, _ string, v any) (any, error) {
		if m, ok := v.(*huma.ErrorModel); ok {
			return fromHuma(m), nil
		}
		return v, nil
	}}
	return c
}

// huma panics on a declaration it cannot use; at start that is an error like any other.
func (s *server) mountOne(r Route) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return r.mount(s)
}

// mountRest adds the documentation, the right answer to a wrong method and the one to an unknown path.
func (s *server) mountRest() error {
	page, err := docsPage(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("the page of the REST interface: %w", err)
	}
	s.mux.HandleFunc("GET "+prefix+"docs", serve("text/html; charset=utf-8", page))
	s.mux.HandleFunc("GET "+prefix+"docs.css", serve("text/css; charset=utf-8", docsStyle))
	// The paths stand once more in a mux of their own: beside patterns with methods, those without would clash.
	paths := http.NewServeMux()
	for path, methods := range s.methods {
		allow := strings.Join(methods, ", ")
		paths.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			write(w, &Problem{Type: typeOf("invalid"), Title: "Method not allowed", Status: http.StatusMethodNotAllowed,
				Detail: "this path answers " + allow})
		})
	}
	paths.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, &Problem{Type: typeOf("not-found"), Title: titles["not-found"], Status: http.StatusNotFound,
			Detail: "there is no such path; /api/docs lists them"})
	})
	s.mux.Handle(prefix, paths)
	return nil
}

// legible refuses an address whose path or query holds a NUL or is no UTF-8: nothing has such a name, and PostgreSQL takes
// no such text.
func legible(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		for _, s := range [...]string{r.URL.Path, query} {
			if err != nil || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				write(w, &Problem{Type: typeOf("invalid"), Title: titles["invalid"], Status: http.StatusBadRequest,
					Detail: "the path and the query must be UTF-8 text without NUL, percent-encoded"})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

type callerKey struct{}

// guard lets only callers with the permission through to the operation.
func (s *server) guard(p act.Permission) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		a := s.Actor(r)
		if !s.Allowed(a, p) && a.Kind == act.Public {
			w.Header().Set("WWW-Authenticate", `Bearer realm="tocsin"`)
			write(w, &Problem{Type: typeOf("forbidden"), Title: "Not signed in", Status: http.StatusUnauthorized,
				Detail: "this operation asks for a token: Authorization: Bearer …"})
			return
		}
		if !s.Allowed(a, p) {
			write(w, &Problem{Type: typeOf("forbidden"), Title: titles["forbidden"], Status: http.StatusForbidden,
				Detail: fmt.Sprintf("this operation asks for the permission %q", p)})
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next(huma.WithValue(ctx, callerKey{}, Caller{Actor: a}))
	}
}

func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
