package disclosure

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/fault"
)

// LedgerFormats are the formats that the ledger is exported in: CSV with a head, JSON as one value a line.
func LedgerFormats() []string { return []string{"csv", "json"} }

// ExportLedger writes all rows that the filter selects, the last one first. The filter's Before and Limit are not used.
func (g *Gate) ExportLedger(ctx context.Context, w io.Writer, format string, f LedgerFilter) error {
	if err := f.check(); err != nil { // before the first byte, so that it can still be said
		return err
	}
	var row func(Entry) error
	switch format {
	case "csv":
		c := csv.NewWriter(w)
		defer c.Flush()
		if err := c.Write(ledgerColumns()); err != nil {
			return err
		}
		row = func(e Entry) error {
			if err := c.Write(delimited.InertRow(e.columns())); err != nil {
				return err
			}
			c.Flush()
			return c.Error()
		}
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		row = func(e Entry) error { return enc.Encode(e) }
	default:
		return fault.Invalidf("%q is no format of the ledger: use one of %s", format, strings.Join(LedgerFormats(), ", "))
	}
	f.Before, f.Limit = 0, 1000
	for {
		es, next, err := g.Ledger(ctx, f)
		if err != nil {
			return fmt.Errorf("export the ledger: %w", err)
		}
		for _, e := range es {
			if err := row(e); err != nil {
				return err
			}
		}
		if f.Before = next; next == 0 {
			return nil
		}
	}
}

func ledgerColumns() []string {
	return []string{"id", "at", "last", "recipient", "name", "kind", "channel", "actor", "rules", "objects", "views", "items", "withheld",
		"highest", "refs", "digest"}
}

func (e Entry) columns() []string {
	refs := make([]string, len(e.Refs))
	for i, r := range e.Refs {
		refs[i] = string(r)
	}
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	at := func(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano) }
	return []string{n(e.ID), at(e.At), at(e.Last), e.Recipient, e.Name, string(e.Kind), string(e.Channel), e.Actor, strings.Join(e.Rules, " "),
		e.Objects, n(e.Views), n(e.Items), n(e.Withheld), e.Highest.String(), strings.Join(refs, " "), e.Digest}
}
