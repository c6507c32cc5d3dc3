package api

import (
	"bytes"
	"context"
	"io"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type exportInput struct {
	Format string `query:"format" enum:"json,csv" default:"json"`
}

func (r *room) export(_ context.Context, _ api.Caller, in *exportInput) (*api.Stream, error) {
	f, kind := constituency.Format(in.Format), "application/json"
	if f == constituency.CSV {
		kind = "text/csv; charset=utf-8"
	}
	return &api.Stream{ContentType: kind, Name: "constituency." + in.Format, Write: func(ctx context.Context, w io.Writer) error {
		return r.store.Export(ctx, w, f)
	}}, nil
}

type importInput struct {
	File    api.Upload
	Name    string `query:"name" maxLength:"200" doc:"Of the file, where the body is the file itself"`
	Format  string `query:"format" enum:",json,csv" doc:"By the file's name when left out"`
	Replace bool   `query:"replace" doc:"Retire what people entered and the file does not have"`
	DryRun  bool   `query:"dry_run" doc:"Only tell what would change"`
}

func (r *room) importFile(ctx context.Context, c api.Caller, in *importInput) (*Imported, error) {
	var doc *constituency.Document
	err := in.File.Each(func(name string, body io.Reader) (err error) {
		if doc != nil {
			return fault.Invalidf("send one registry file at a time")
		}
		f := constituency.FormatOf(name)
		if in.Format != "" {
			f = constituency.Format(in.Format)
		}
		doc, err = constituency.Read(name, f, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	d, err := r.store.Import(ctx, c.Actor, doc, constituency.ImportOptions{Replace: in.Replace, DryRun: in.DryRun})
	if err != nil {
		return nil, err
	}
	return &Imported{d, in.DryRun}, nil
}

type nationalInput struct {
	Files  api.Upload
	Name   string `query:"name" maxLength:"200" doc:"Of the file, where the body is the file itself"`
	Origin string `query:"origin" maxLength:"40" default:"rir" doc:"Who says so"`
}

func (r *room) national(ctx context.Context, c api.Caller, in *nationalInput) (*constituency.Tally, error) {
	var files []constituency.NationalFile
	err := in.Files.Each(func(name string, body io.Reader) error {
		b, err := io.ReadAll(body)
		files = append(files, constituency.NationalFile{Name: name, R: bytes.NewReader(b)})
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := r.store.ImportNational(ctx, c.Actor, in.Origin, files...)
	return &t, err
}

type refreshesInput struct{ api.Paging }

func (r *room) refreshes(ctx context.Context, _ api.Caller, in *refreshesInput) (*api.Page[constituency.Refresh], error) {
	before := int64(0)
	if in.Cursor != "" {
		var err error
		if err = api.ReadCursor(in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := min(in.Limit, 500)
	rs, err := r.store.Refreshes(ctx, before, limit)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(rs) == limit {
		if next, err = api.Cursor(rs[len(rs)-1].ID); err != nil {
			return nil, err
		}
	}
	return api.NewPage(rs, next), nil
}

type refreshInput struct {
	ID int64 `path:"id" minimum:"1"`
}

func (r *room) refresh(ctx context.Context, _ api.Caller, in *refreshInput) (*constituency.Refresh, error) {
	f, err := r.store.Refresh(ctx, in.ID)
	return &f, err
}

type conflictsInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (r *room) conflicts(ctx context.Context, _ api.Caller, in *conflictsInput) (*api.Page[Conflict], error) {
	cs, err := r.store.Conflicts(ctx, in.Limit)
	if err != nil {
		return nil, err
	}
	out := make([]Conflict, len(cs))
	for i, c := range cs {
		out[i] = Conflict{c, c.From.String(), c.Until.String()}
	}
	return api.NewPage(out, ""), nil
}

type whyInput struct {
	Subject string    `query:"subject" required:"true" maxLength:"2000" doc:"An address, domain, URL or AS number"`
	At      time.Time `query:"at" doc:"At what time; now when left out"`
}

func (r *room) why(ctx context.Context, _ api.Caller, in *whyInput) (*constituency.Answer, error) {
	return r.store.Why(ctx, in.Subject, in.At)
}
