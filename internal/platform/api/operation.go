package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tocsin/internal/platform/act"
)

// Operation is one operation with typed input and a value as its answer. The fields of In say where they come from:
// `path:"id"`, `query:"limit"`, `header:"…"`, a field Body for a JSON body, a field of type Upload for files; the tags
// doc, minimum, maximum, maxLength, enum and default describe and check them. Out is the JSON body; Nothing is none.
type Operation[In, Out any] struct {
	Method      string
	Path        string // below /api/, with {name} for parts
	ID          string // "list-findings"; stable, for generated clients
	Summary     string // one line
	Description string // CommonMark; more than the summary says
	Permission  act.Permission
	Status      int   // 0: 200, or 204 when Out is Nothing
	MaxBytes    int64 // of the request's body; 0: 1 MiB
	Handle      func(ctx context.Context, c Caller, in *In) (*Out, error)
}

// Nothing is the answer of an operation that has nothing to say.
type Nothing struct{}

type declaration struct {
	method, path, id, summary, description string
	permission                             act.Permission
	handled                                bool
	status                                 int
	maxBytes                               int64
	cleared                                bool // its answer went through the gate
}

func (d *declaration) check() error {
	switch {
	case d.permission == "":
		return errors.New("declares no permission")
	case !strings.Contains(string(d.permission), "."):
		return errors.New(`a permission is "capability.verb"`)
	case d.id == "" || d.summary == "":
		return errors.New("needs an id and a summary")
	case d.method == "" || !strings.HasPrefix(d.path, prefix):
		return errors.New("needs a method and a path below /api/")
	case !d.handled:
		return errors.New("has no handler")
	}
	return nil
}

// operation is the declaration as huma and the OpenAPI document have it.
func (s *server) operation(d *declaration) huma.Operation {
	capability, _, _ := strings.Cut(string(d.permission), ".")
	op := huma.Operation{
		Method: d.method, Path: d.path, OperationID: d.id, Summary: d.summary, Description: d.description,
		Tags: []string{capability}, DefaultStatus: d.status, MaxBodyBytes: d.maxBytes, BodyReadTimeout: 30 * time.Second,
		Extensions:  map[string]any{"x-permission": string(d.permission)},
		Middlewares: huma.Middlewares{s.guard(d.permission)},
		Responses: map[string]*huma.Response{"default": {
			Description: "A problem (RFC 9457)",
			Content: map[string]*huma.MediaType{"application/problem+json": {
				Schema: s.api.OpenAPI().Components.Schemas.Schema(problemModel, true, ""),
			}},
		}},
	}
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = 1 << 20
	}
	return op
}

// documentUpload adds the body that an Upload takes. huma must not know of it before it registers the operation, or it
// would read the body itself.
func (s *server) documentUpload(d *declaration, in reflect.Type) {
	item := s.api.OpenAPI().Paths[d.path]
	if !takesUpload(in) || item == nil {
		return
	}
	for _, op := range []*huma.Operation{item.Post, item.Put} {
		if op != nil && op.OperationID == d.id {
			op.RequestBody = uploadBody()
		}
	}
}

func (o Operation[In, Out]) declared() *declaration {
	return &declaration{o.Method, o.Path, o.ID, o.Summary, o.Description, o.Permission, o.Handle != nil, o.Status, o.MaxBytes, false}
}

type reply[Out any] struct{ Body *Out }

func (o Operation[In, Out]) mount(s *server) error {
	op := s.operation(o.declared())
	defer s.documentUpload(o.declared(), reflect.TypeFor[In]())
	if reflect.TypeFor[Out]() == reflect.TypeFor[Nothing]() {
		huma.Register(s.api, op, func(ctx context.Context, in *In) (*struct{}, error) {
			_, err := o.Handle(ctx, callerOf(ctx), in)
			return nil, s.problem(ctx, o.ID, err)
		})
		return nil
	}
	huma.Register(s.api, op, func(ctx context.Context, in *In) (*reply[Out], error) {
		out, err := o.Handle(ctx, callerOf(ctx), in)
		if err == nil && out == nil {
			err = errors.New("the operation returned neither a value nor an error")
		}
		if err != nil {
			return nil, s.problem(ctx, o.ID, err)
		}
		return &reply[Out]{out}, nil
	})
	return nil
}

func serve(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Write(body)
	}
}
