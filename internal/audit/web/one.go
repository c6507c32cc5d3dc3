package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/web"
)

type oneIn struct {
	ID int64 `path:"id" min:"1"`
}

type entryPage struct {
	audit.Proved
	Title      string
	Exact      string // the time to the microsecond
	Facts      []fact
	Checkpoint *audit.Checkpoint // the first stored one that covers it
}

// PageTitle names the entry.
func (p entryPage) PageTitle() string { return p.Title }

// ByActor is where everything by the same actor is.
func (p entryPage) ByActor() string { return "/audit?" + Filter{Actor: p.Entry.Actor}.query("") }

// OnObject is where everything on the same object is.
func (p entryPage) OnObject() string { return "/audit?" + Filter{Object: p.Entry.Object}.query("") }

// SameVerb is where everything of the same verb is.
func (p entryPage) SameVerb() string { return "/audit?" + Filter{Verb: p.Entry.Verb}.query("") }

func (r *room) entry(ctx context.Context, v web.Visitor, in oneIn) (entryPage, error) {
	proved, err := r.log.ByID(ctx, in.ID)
	if err != nil {
		return entryPage{}, err
	}
	p := entryPage{Proved: proved, Title: v.T("audit.one", v.Number(in.ID)), Facts: facts(proved.Entry.Detail),
		Exact: proved.Entry.Time().Format("2006-01-02 15:04:05.000000 UTC")}
	p.Checkpoint, err = r.log.Covering(ctx, in.ID)
	return p, err
}

// fact is one value of an entry's detail.
type fact struct{ Name, Value string }

// facts lays a detail out for reading: the members of its object in their order. What is no object stays as it is.
func facts(detail string) []fact {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(detail), &members) != nil {
		if detail == "" {
			return nil
		}
		return []fact{{Value: detail}}
	}
	var out []fact
	for name, raw := range members {
		var s string
		var b bytes.Buffer
		if json.Unmarshal(raw, &s) != nil || string(raw) == "null" {
			json.Compact(&b, raw) // what was decoded is JSON
			s = b.String()
		}
		out = append(out, fact{name, s})
	}
	slices.SortFunc(out, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}

type checkpointsIn struct {
	After int64 `query:"after" min:"0"`
}

type checkpointsPage struct {
	Checkpoints []audit.Checkpoint
	Keys        []audit.Key
	Columns     []web.Column
	Pager       web.Pager
	Empty       web.Empty
}

func (r *room) checkpoints(ctx context.Context, v web.Visitor, in checkpointsIn) (checkpointsPage, error) {
	var p checkpointsPage
	cs, err := r.log.Checkpoints(ctx, in.After, shown+1)
	if err != nil {
		return p, err
	}
	after := ""
	if len(cs) > shown {
		cs = cs[:shown]
		after = strconv.FormatInt(cs[shown-1].Size, 10)
	}
	p.Checkpoints, p.Pager = cs, web.NewPager(v, after, len(cs))
	p.Columns = []web.Column{{Key: "audit.size", Numeric: true}, {Key: "audit.signed"}, {Key: "audit.root"}, {}}
	p.Empty = web.Empty{Title: v.T("audit.no-checkpoint"), Text: v.T("audit.no-checkpoint-text")}
	p.Keys, err = r.log.Keys(ctx)
	return p, err
}

func (r *room) sign(ctx context.Context, v web.Visitor, _ struct{}) (web.Done, error) {
	c, err := r.log.Checkpoint(ctx)
	return web.Done{To: "/audit/checkpoints", Flash: "audit.is-signed", Args: []any{c.Size}}, err
}

type sizeIn struct {
	Size int64 `path:"size" min:"1"`
}

func (r *room) checkpoint(ctx context.Context, _ web.Visitor, in sizeIn) (web.File, error) {
	c, err := r.log.CheckpointOf(ctx, in.Size)
	if err != nil {
		return web.File{}, err
	}
	name := fmt.Sprintf("checkpoint-%d-%s.txt", c.Size, time.UnixMicro(c.At).UTC().Format("20060102-150405"))
	return web.File{Name: name, Type: "text/plain; charset=utf-8", Write: func(w io.Writer) error {
		_, err := io.WriteString(w, c.Note)
		return err
	}}, nil
}
