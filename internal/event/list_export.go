package event

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Formats are what Export writes: a JSON list with one finding a line, CSV, and IDF as JSON lines.
func Formats() []string { return []string{"json", "csv", "idf"} }

// Export writes all findings that the filter means, in the order of their ids, with raw values but in CSV, where no cell is a formula of a spreadsheet. The
// list is as of its beginning; each finding is as of when it is written.
func (l *Lister) Export(ctx context.Context, w io.Writer, f Filter, format string) error {
	b := bufio.NewWriterSize(w, 64<<10)
	var out exporter
	switch format {
	case "json":
		out = &jsonExport{w: b}
	case "csv":
		out = &csvExport{w: csv.NewWriter(b)}
	case "idf":
		out = &idfExport{w: b}
	default:
		return fault.Invalidf("%q is no format for findings: use json, csv or idf", format)
	}
	var ix *index
	var hits []hit
	err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		if ix, err = l.current(tx); err != nil {
			return err
		}
		q, err := ix.compile(f)
		if err != nil {
			return err
		}
		hits = ix.all(q)
		return nil
	})
	if err != nil {
		return err
	}
	if err := out.begin(); err != nil {
		return err
	}
	for len(hits) > 0 {
		n := batchOf(hits)
		err := l.db.View(ctx, func(tx *db.Tx) error { return ix.read(tx, hits[:n], out.write) })
		if err != nil {
			return err
		}
		hits = hits[n:]
	}
	if err := out.end(); err != nil {
		return err
	}
	return b.Flush()
}

// all are the rows that match, in the order of ids.
func (ix *index) all(q *query) []hit {
	var hits []hit
	for rank, ok := range q.types {
		if ok {
			ix.scan(q, rank, false, func(_ *listType, row int, _ Day) {
				hits = append(hits, hit{place: uint64(rank)<<33 | uint64(row)<<1 | 1})
			})
		}
	}
	return hits
}

// batchOf is how many of the hits are read together: a thousand at most, of one type.
func batchOf(hits []hit) int {
	n := 1
	for n < min(len(hits), 1000) && hits[n].place>>33 == hits[0].place>>33 {
		n++
	}
	return n
}

// read reads the findings of one type: as a range where most of the range is meant, else one by one.
func (ix *index) read(tx *db.Tx, hits []hit, fn func(*Finding) error) error {
	typ := ix.types[hits[0].place>>33].id
	last := len(hits) - 1
	if int((hits[last].place-hits[0].place)>>1) < 4*len(hits) {
		i := 0
		return ix.readRange(tx, fullID(typ, ix.idAt(hits[0])), fullID(typ, ix.idAt(hits[last])), func(f Finding) error {
			for i <= last && string(ix.idAt(hits[i])) < string(f.ID[4:]) {
				i++
			}
			if i <= last && string(ix.idAt(hits[i])) == string(f.ID[4:]) {
				return fn(&f)
			}
			return nil
		})
	}
	ids := make([]ID, len(hits))
	for i, h := range hits {
		ids[i] = fullID(typ, ix.idAt(h))
	}
	rows, err := ix.readFindings(tx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if f, ok := rows[id]; ok {
			if err := fn(&f); err != nil {
				return err
			}
		}
	}
	return nil
}

// exporter writes findings in one format.
type exporter interface {
	begin() error
	write(*Finding) error
	end() error
}

// columns of the CSV; the JSON has the same names.
var exportColumns = []string{"id", "state", "severity", "feed", "type", "class", "kind", "identifier", "address", "port",
	"transport", "name", "owner", "owner_ref", "sector", "designation", "first_seen", "first_day", "last_day",
	"disposition", "accepted_until", "assignee"}

func exportCells(f *Finding) []string {
	address, port, ref := "", "", f.Owner.Ref
	if f.Address.IsValid() {
		address = f.Address.String()
	}
	if f.Port >= 0 {
		port = strconv.Itoa(int(f.Port))
	}
	until := ""
	if f.Ruling.Until >= 0 {
		until = f.Ruling.Until.String()
	}
	return []string{f.ID.String(), string(f.State), f.Severity.String(), f.Feed, f.Type, f.Class, f.Kind, f.Identifier, address,
		port, f.Transport, f.Name, f.Owner.Name, ref, f.Owner.Sector, f.Owner.Designation, Stamp(f.FirstSeen),
		f.FirstDay.String(), f.LastDay.String(), string(f.Ruling.Disposition), until, f.Assignee.Name}
}

// Stamp is a time in UTC microseconds as RFC 3339, "" for an unknown one.
func Stamp(micros int64) string {
	if micros == 0 {
		return ""
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339)
}

type csvExport struct{ w *csv.Writer }

func (e *csvExport) begin() error           { return e.w.Write(exportColumns) }
func (e *csvExport) write(f *Finding) error { return e.w.Write(delimited.InertRow(exportCells(f))) }
func (e *csvExport) end() error {
	e.w.Flush()
	return e.w.Error()
}

type jsonExport struct {
	w    *bufio.Writer
	some bool
}

func (e *jsonExport) begin() error {
	_, err := e.w.WriteString("[")
	return err
}

func (e *jsonExport) write(f *Finding) error {
	if e.some {
		e.w.WriteByte(',')
	}
	e.some = true
	e.w.WriteString("\n{")
	some := false
	for i, cell := range exportCells(f) {
		if cell == "" {
			continue
		}
		if some {
			e.w.WriteByte(',')
		}
		some = true
		e.w.WriteString(`"` + exportColumns[i] + `":`)
		if exportColumns[i] == "port" {
			e.w.WriteString(cell)
		} else {
			writeJSON(e.w, cell)
		}
	}
	return e.w.WriteByte('}')
}

func (e *jsonExport) end() error {
	_, err := e.w.WriteString("\n]\n")
	return err
}

// writeJSON writes a value without the escapes that are only for HTML.
func writeJSON(w *bufio.Writer, v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.WriteString(strings.TrimSuffix(b.String(), "\n"))
	return err
}

// idfExport writes the IntelMQ Data Format: one flat JSON object a line, with what IDF has no name for below extra.
type idfExport struct{ w *bufio.Writer }

func (e *idfExport) begin() error { return nil }
func (e *idfExport) end() error   { return nil }

func (e *idfExport) write(f *Finding) error {
	m := map[string]any{
		"feed.name": f.Feed, "feed.code": f.Type, "time.source": idfTime(f.FirstSeen),
		"time.observation":        idfTime(f.LastDay.Time().UnixMicro()),
		"classification.taxonomy": f.Class, "classification.type": f.Kind, "classification.identifier": f.Identifier,
		"protocol.transport": f.Transport, "extra.finding": f.ID.String(), "extra.state": string(f.State),
		"extra.severity": f.Severity.String(), "extra.first_day": f.FirstDay.String(), "extra.last_day": f.LastDay.String(),
		"extra.owner": f.Owner.Name, "extra.owner_ref": f.Owner.Ref, "extra.sector": f.Owner.Sector,
		"extra.disposition": string(f.Ruling.Disposition), "extra.assignee": f.Assignee.Name,
	}
	if f.Address.IsValid() {
		m["source.ip"] = f.Address.String()
	}
	if f.Name != "" {
		m[idfName(f.Name)] = f.Name
	}
	for k, v := range m {
		if v == "" {
			delete(m, k)
		}
	}
	if f.Port >= 0 {
		m["source.port"] = f.Port
	}
	if err := writeJSON(e.w, m); err != nil {
		return err
	}
	return e.w.WriteByte('\n')
}

func idfTime(micros int64) string {
	if micros == 0 {
		return ""
	}
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05+00:00")
}

// idfName is the IDF field a finding's name belongs to.
func idfName(name string) string {
	switch {
	case strings.Contains(name, "://"):
		return "source.url"
	case strings.Contains(name, "@"):
		return "source.account"
	case strings.Contains(name, "/"):
		return "source.network"
	case strings.Contains(name, ".") && !strings.ContainsAny(name, " \t"):
		return "source.fqdn"
	}
	return "event_description.text"
}
