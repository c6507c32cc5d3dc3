package api

import (
	"context"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/egress"
)

// ClearedOperation is an Operation for callers from outside: its answer has been through the gate. A value that the gate
// never saw is an internal error, and tells nothing.
type ClearedOperation[In, Out any] struct {
	Method      string
	Path        string
	ID          string
	Summary     string
	Description string
	Permission  act.Permission
	Status      int
	MaxBytes    int64
	Handle      func(ctx context.Context, c Caller, in *In) (egress.Cleared[*Out], error)
}

func (o ClearedOperation[In, Out]) plain() Operation[In, Out] {
	p := Operation[In, Out]{Method: o.Method, Path: o.Path, ID: o.ID, Summary: o.Summary, Description: o.Description,
		Permission: o.Permission, Status: o.Status, MaxBytes: o.MaxBytes}
	if o.Handle != nil {
		p.Handle = func(ctx context.Context, c Caller, in *In) (*Out, error) { return opened(o.Handle(ctx, c, in)) }
	}
	return p
}

func (o ClearedOperation[In, Out]) declared() *declaration { return cleared(o.plain().declared()) }

func (o ClearedOperation[In, Out]) mount(s *server) error { return o.plain().mount(s) }

// ClearedDownload is a Download for callers from outside, as ClearedOperation is an Operation for them.
type ClearedDownload[In any] struct {
	Path        string
	ID          string
	Summary     string
	Description string
	Permission  act.Permission
	Types       []string
	Handle      func(ctx context.Context, c Caller, in *In) (egress.Cleared[*Stream], error)
}

func (d ClearedDownload[In]) plain() Download[In] {
	p := Download[In]{Path: d.Path, ID: d.ID, Summary: d.Summary, Description: d.Description, Permission: d.Permission, Types: d.Types,
		cleared: true}
	if d.Handle != nil {
		p.Handle = func(ctx context.Context, c Caller, in *In) (*Stream, error) { return opened(d.Handle(ctx, c, in)) }
	}
	return p
}

func (d ClearedDownload[In]) declared() *declaration { return cleared(d.plain().declared()) }

func (d ClearedDownload[In]) mount(s *server) error { return d.plain().mount(s) }

func cleared(d *declaration) *declaration {
	d.cleared = true
	return d
}

func opened[V any](c egress.Cleared[V], err error) (V, error) {
	if err != nil {
		var none V
		return none, err
	}
	v, _, err := c.Open()
	return v, err
}
