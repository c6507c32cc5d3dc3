package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"

	"tocsin/internal/platform/fault"
)

// Problem is an error as a client sees it: application/problem+json of RFC 9457.
type Problem struct {
	Type   string  `json:"type" format:"uri-reference" doc:"Which kind of problem: a place in /api/docs"`
	Title  string  `json:"title" doc:"The kind of problem in words, the same every time"`
	Status int     `json:"status" doc:"The HTTP status"`
	Detail string  `json:"detail,omitempty" doc:"What is wrong this time and what to do"`
	Ref    string  `json:"reference,omitempty" doc:"Of an internal error: what to look for in the log"`
	Errors []Wrong `json:"errors,omitempty" doc:"Every single thing that is wrong"`
}

// Wrong is one thing that is wrong in an input, with its place.
type Wrong struct {
	Message  string `json:"message" doc:"What is wrong and what was expected"`
	Location string `json:"location,omitempty" doc:"Where in the request: query.limit, body.items[3].name"`
	File     string `json:"file,omitempty" doc:"In which file"`
	Line     int64  `json:"line,omitempty" doc:"On which line of it, from 1"`
	Column   int    `json:"column,omitempty" doc:"In which column, from 1"`
	Field    string `json:"field,omitempty" doc:"In which field"`
}

var (
	errorModel   = reflect.TypeFor[huma.ErrorModel]()
	problemModel = reflect.TypeFor[Problem]()
)

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problems whatever was negotiated.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

var titles = map[string]string{
	"internal": "Internal error", "invalid": "The request is not valid", "not-found": "Not found",
	"conflict": "Conflict", "forbidden": "Not allowed", "unavailable": "Not available now",
}

var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError, fault.Invalid: http.StatusUnprocessableEntity,
	fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict,
	fault.Forbidden: http.StatusForbidden, fault.Unavailable: http.StatusServiceUnavailable,
}

func typeOf(kind string) string { return prefix + "docs#" + kind }

// problem maps an error to what the client sees; nil stays nil. What has no kind is logged in full and shown as a
// reference. huma looks for a StatusError, which *Problem is.
func (s *server) problem(ctx context.Context, id string, err error) error {
	if err == nil {
		return nil
	}
	var already *Problem
	if errors.As(err, &already) {
		return already
	}
	kind := fault.KindOf(err)
	if kind == fault.Internal && ctx.Err() != nil {
		kind, err = fault.Unavailable, errors.New("the request was given up before it was answered")
	}
	p := &Problem{Type: typeOf(kind.String()), Title: titles[kind.String()], Status: statuses[kind]}
	if kind == fault.Internal {
		s.internal(ctx, id, p, slog.String("error", err.Error()))
		return p
	}
	p.Detail = err.Error()
	var list fault.Problems
	if errors.As(err, &list) {
		p.Detail = fmt.Sprintf("%d things are wrong with the input", len(list))
		if len(list) == 1 {
			p.Detail = list[0].String()
		}
		for _, one := range list[:min(len(list), 1000)] {
			p.Errors = append(p.Errors, Wrong{Message: one.Message, File: one.File, Line: one.Line, Column: one.Column,
				Field: one.Field})
		}
	}
	return p
}

func (s *server) internal(ctx context.Context, id string, p *Problem, what ...slog.Attr) {
	var b [6]byte
	rand.Read(b[:])
	p.Ref = hex.EncodeToString(b[:])
	p.Detail = "internal error; the log has more under the reference " + p.Ref
	s.Log.LogAttrs(ctx, slog.LevelError, "operation",
		append([]slog.Attr{slog.String("operation", id), slog.String("reference", p.Ref)}, what...)...)
}

// fromHuma turns what huma says about an input that does not fit its declaration into a Problem.
func fromHuma(m *huma.ErrorModel) *Problem {
	kind := "invalid"
	switch {
	case m.Status >= 500:
		kind = "internal"
	case m.Status == http.StatusRequestTimeout:
		kind = "unavailable"
	}
	p := &Problem{Type: typeOf(kind), Title: titles[kind], Status: m.Status, Detail: m.Detail}
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, Wrong{Message: e.Message, Location: e.Location})
	}
	return p
}

func write(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

// recovering turns a panic into an internal error with a reference; the way net/http aborts a response stays its own.
func (s *server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			p := &Problem{Type: typeOf("internal"), Title: titles["internal"], Status: http.StatusInternalServerError}
			s.internal(r.Context(), r.Pattern, p, slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			write(w, p)
		}()
		next.ServeHTTP(w, r)
	})
}
