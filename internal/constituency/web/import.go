package web

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// pending keeps the last few documents that were compared and not yet applied. They live in this process only: after a
// restart the file is chosen again.
type pending struct {
	mu    sync.Mutex
	order []string
	byKey map[string]*comparison
}

const maxPending = 4

type comparison struct {
	subject string // who compared
	doc     *constituency.Document
	replace bool
	diff    constituency.Diff
}

func (p *pending) put(c *comparison) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey == nil {
		p.byKey = map[string]*comparison{}
	}
	if len(p.order) == maxPending {
		delete(p.byKey, p.order[0])
		p.order = p.order[1:]
	}
	key := rand.Text()
	p.order, p.byKey[key] = append(p.order, key), c
	return key
}

func (p *pending) get(key string, a act.Actor) (*comparison, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.byKey[key]; c != nil && c.subject == a.Subject() {
		return c, nil
	}
	return nil, fault.NotFoundf("this comparison is no longer kept: choose the file again")
}

func (r *room) upload(_ context.Context, v web.Visitor, _ struct{}) (*struct{ Modes []web.Option }, error) {
	return &struct{ Modes []web.Option }{options(v, "import.mode.", []string{"merge", "replace"})}, nil
}

type compareIn struct {
	Mode string      `form:"mode" max:"20"`
	File web.Uploads `form:"file"`
}

func (r *room) compare(ctx context.Context, v web.Visitor, in compareIn) (web.Done, error) {
	f, err := in.File.Next()
	if errors.Is(err, io.EOF) {
		return web.Done{}, fault.Problems{{Field: "file", Message: v.T("import.choose")}}
	}
	if err != nil {
		return web.Done{}, err
	}
	doc, err := constituency.Read(f.Name, constituency.FormatOf(f.Name), f)
	if err != nil {
		return web.Done{}, err
	}
	c := &comparison{subject: v.Actor.Subject(), doc: doc, replace: in.Mode == "replace"}
	c.diff, err = r.store.Import(ctx, v.Actor, doc, constituency.ImportOptions{Replace: c.replace, DryRun: true})
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{To: "/registry/import/" + r.pending.put(c)}, nil
}

type tokenIn struct {
	Token string `path:"token" max:"64"`
}

type diffOut struct {
	Diff    constituency.Diff
	Empty   bool
	File    string
	Replace bool
	Token   string
	Tallies []tally
}

type tally struct {
	Record string
	constituency.Tally
}

func tallies(d constituency.Diff) []tally {
	return []tally{{"constituent", d.Constituents}, {"contact", d.Contacts}, {"asset", d.Assets}, {"national_prefix", d.National}}
}

func (r *room) compared(_ context.Context, v web.Visitor, in tokenIn) (*diffOut, error) {
	c, err := r.pending.get(in.Token, v.Actor)
	if err != nil {
		return nil, err
	}
	return &diffOut{Diff: c.diff, Empty: c.diff.Empty(), File: c.doc.File, Replace: c.replace, Token: in.Token, Tallies: tallies(c.diff)}, nil
}

func (r *room) apply(ctx context.Context, v web.Visitor, in tokenIn) (web.Done, error) {
	c, err := r.pending.get(in.Token, v.Actor)
	if err != nil {
		return web.Done{}, err
	}
	d, err := r.store.Import(ctx, v.Actor, c.doc, constituency.ImportOptions{Replace: c.replace})
	t := d.Total()
	return web.Done{To: "/constituents", Flash: "import.done", Args: []any{t.Added, t.Changed, t.Removed}}, err
}

type formatIn struct {
	Format string `path:"format" max:"10"`
}

func (r *room) export(ctx context.Context, _ web.Visitor, in formatIn) (web.File, error) {
	f, kind := constituency.JSON, "application/json"
	switch in.Format {
	case "json":
	case "csv":
		f, kind = constituency.CSV, "text/csv; charset=utf-8"
	default:
		return web.File{}, fault.NotFoundf("the registry is exported as json or csv")
	}
	return web.File{Name: "constituency." + in.Format, Type: kind, Write: func(w io.Writer) error { return r.store.Export(ctx, w, f) }}, nil
}
