package web

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// LedgerQuery is what a visitor asks of the ledger.
type LedgerQuery struct {
	Recipient string `query:"recipient" max:"200"`
	Channel   string `query:"channel" max:"16"`
	Object    string `query:"object" max:"200"`
	From      string `query:"from" max:"10"`
	To        string `query:"to" max:"10"`
	After     int64  `query:"after" min:"0"`
}

// filter reads the days by the nation's calendar; the last one is included.
func (q LedgerQuery) filter(zone *time.Location) (disclosure.LedgerFilter, error) {
	f := disclosure.LedgerFilter{Recipient: q.Recipient, Channel: disclosure.Channel(q.Channel), Object: disclosure.Ref(q.Object), Before: q.After}
	var err error
	if f.From, err = day("from", q.From, zone); err != nil {
		return f, err
	}
	if f.To, err = day("to", q.To, zone); err != nil {
		return f, err
	}
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1)
	}
	return f, nil
}

func day(field, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return t, fault.Problems{{Field: field, Message: "is no date: write it as 2026-01-31"}}
	}
	return t, nil
}

type ledgerPage struct {
	Filter   LedgerQuery
	Channels []web.Option
	Entries  []disclosure.Entry
	Overdue  int
	Query    string // the filter as a query, for the exports
	Pager    web.Pager
	Empty    web.Empty
}

func (r *room) ledger(ctx context.Context, v web.Visitor, in LedgerQuery) (ledgerPage, error) {
	p := ledgerPage{Filter: in, Channels: channels(v, true), Empty: web.Empty{Title: v.T("ledger.none"), Text: v.T("ledger.none-text")}}
	f, err := in.filter(v.Zone())
	if err != nil {
		return p, err
	}
	es, next, err := r.gate.Ledger(ctx, f)
	if err != nil {
		return p, err
	}
	overdue, _, err := r.gate.Overrides(ctx, disclosure.OverrideFilter{Overdue: true})
	if err != nil {
		return p, err
	}
	p.Entries, p.Overdue, p.Pager = es, len(overdue), web.NewPager(v, cursor(next), len(es))
	_, p.Query, _ = strings.Cut(v.With("after", ""), "?")
	return p, nil
}

type entryPage struct {
	disclosure.Entry
	Rest int64 // items that are not named
}

// PageTitle is the recipient's name.
func (p entryPage) PageTitle() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Recipient
}

func (r *room) entry(ctx context.Context, _ web.Visitor, in Numbered) (entryPage, error) {
	e, err := r.gate.EntryByID(ctx, in.ID)
	return entryPage{e, e.Items - int64(len(e.Refs))}, err
}

func (r *room) export(ctx context.Context, v web.Visitor, in struct {
	Format string `path:"format" max:"8"`
	LedgerQuery
}) (web.File, error) {
	if !slices.Contains(disclosure.LedgerFormats(), in.Format) {
		return web.File{}, fault.NotFoundf("the ledger is exported as one of %s", strings.Join(disclosure.LedgerFormats(), ", "))
	}
	f, err := in.filter(v.Zone())
	if err != nil {
		return web.File{}, err
	}
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/jsonl"}[in.Format]
	return web.File{Name: "ledger." + in.Format, Type: kind, Write: func(w io.Writer) error {
		return r.gate.ExportLedger(ctx, w, in.Format, f)
	}}, nil
}
