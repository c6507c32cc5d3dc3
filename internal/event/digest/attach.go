package digest

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/event"
)

// File is what goes with a digest.
type File struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Rows  int    `json:"rows"`
	Bytes []byte `json:"-"`
	Size  int    `json:"size"`
}

// The bounds of what is attached.
const (
	zipFrom     = 256 << 10 // a larger file is zipped
	maxAttached = 8 << 20   // of all files together
	maxRows     = 100_000   // of one digest
	maxTable    = 64 << 20  // of one file before it is zipped
)

// table is the rows of one report type: the columns of all headers that its files had, in their order.
type table struct {
	columns []string
	at      map[string]int
	rows    [][]string
	size    int
	cut     int      // rows that were beyond its bound
	header  string   // the latest, as it came
	names   []string // in it
	places  []int    // of the names among the columns
}

func (t *table) column(name string) int {
	i, ok := t.at[name]
	if !ok {
		i = len(t.columns)
		t.at[name] = i
		t.columns = append(t.columns, name)
	}
	return i
}

func (t *table) set(row []string, name, value string) []string {
	i := t.column(name)
	for len(row) <= i {
		row = append(row, "")
	}
	row[i] = value
	t.size += len(value) + 3
	return row
}

// add takes a row as it came: CSV under its header, or a JSON object. ok is false when it is neither.
func (t *table) add(header, raw string) bool {
	if header != "" {
		if header != t.header {
			names, ok := fields(header)
			if !ok {
				return false
			}
			t.header, t.names, t.places = header, names, nil
		}
		values, ok := fields(raw)
		if !ok {
			return false
		}
		values = values[:min(len(values), len(t.names))]
		for len(t.places) < len(values) {
			t.places = append(t.places, t.column(t.names[len(t.places)]))
		}
		row := make([]string, len(t.columns))
		for i, v := range values {
			row[t.places[i]] = v
			t.size += len(v) + 3
		}
		t.rows = append(t.rows, row)
		return true
	}
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	if d.Decode(&object) != nil {
		return false
	}
	t.object(object)
	return true
}

// fields are those of one line of CSV.
func fields(line string) ([]string, bool) {
	if line != "" && !strings.ContainsAny(line, "\"\r\n") {
		return strings.Split(line, ","), true
	}
	out, err := csv.NewReader(strings.NewReader(line)).Read()
	return out, err == nil
}

func (t *table) object(m map[string]any) {
	var row []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		s, ok := v.(string)
		if !ok {
			b, err := json.Marshal(v)
			if err != nil {
				continue
			}
			s = string(b)
		}
		row = t.set(row, k, s)
	}
	t.rows = append(t.rows, row)
}

// safe is a cell that no spreadsheet takes for a formula.
func safe(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// bytes is the table as CSV (RFC 4180).
func (t *table) bytes() []byte {
	b := make([]byte, 0, t.size+t.size/8+20*len(t.columns)+2*len(t.rows))
	for i, c := range t.columns {
		b = appendCell(b, i, c)
	}
	b = append(b, "\r\n"...)
	for _, row := range t.rows {
		for i := range t.columns {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			b = appendCell(b, i, cell)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

func appendCell(b []byte, i int, cell string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	cell = safe(cell)
	if cell == "" || !strings.ContainsAny(cell, "\",\r\n") && cell[0] != ' ' && cell != `\.` {
		return append(b, cell...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(b, '"')
}

// wanted is what is attached: the events of findings from one report day to another.
type wanted struct {
	from, until event.Day
	types       []wantedType
}

type wantedType struct {
	event.TypeMark
	owners   []int64 // as of intake
	findings map[event.ID]bool

	refs  []event.RowRef
	table *table
	gone  map[event.RowRef]map[string]any // what is known of rows that the archive no longer keeps; nil: not asked for yet
}

// find finds the rows that are wanted. left counts those beyond the bounds.
func (d *Desk) find(ctx context.Context, w *wanted) (found, left int, err error) {
	for i := range w.types {
		t := &w.types[i]
		for day := w.from; day <= min(w.until, t.LastDay); day++ {
			for _, owner := range t.owners {
				rows, err := d.rowsOf(ctx, dayKey{t.ID, t.Version, day}, owner)
				if err != nil {
					return 0, 0, err
				}
				for _, r := range rows {
					if !t.findings[r.finding] {
						continue
					}
					if found == maxRows {
						left++
						continue
					}
					found++
					t.refs = append(t.refs, r.RowRef)
				}
			}
		}
	}
	return found, left, nil
}

// place is where a row of the archive goes: one may go into several messages.
type place struct {
	ref  event.RowRef
	from *wanted
	typ  *wantedType
}

// read fills the tables of what was found, for all messages at once: each archived file is opened once and read from front to back.
func (d *Desk) read(ctx context.Context, all []*wanted) error {
	var places []place
	for _, w := range all {
		for i := range w.types {
			t := &w.types[i]
			t.table = &table{at: map[string]int{}}
			for _, ref := range t.refs {
				places = append(places, place{ref, w, t})
			}
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.ref.File, b.ref.File), cmp.Compare(a.ref.Row, b.ref.Row))
	})
	refs := make([]event.RowRef, 0, len(places))
	for i, p := range places {
		if i == 0 || p.ref != places[i-1].ref {
			refs = append(refs, p.ref)
		}
	}
	return d.Intake.Originals(ctx, refs, func(ref event.RowRef, header, raw string) error {
		for ; len(places) > 0 && places[0].ref == ref; places = places[1:] {
			if err := d.put(ctx, places[0], header, raw); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Desk) put(ctx context.Context, p place, header, raw string) (err error) {
	t := p.typ.table
	if t.size > maxTable {
		t.cut++
		return nil
	}
	if raw != "" && t.add(header, raw) {
		return nil
	}
	if p.typ.gone == nil {
		if p.typ.gone, err = d.normalised(ctx, *p.typ, *p.from); err != nil {
			return err
		}
	}
	t.object(p.typ.gone[p.ref])
	return nil
}

// files makes a file of each report type. left counts the rows that were beyond the bounds.
func (w *wanted) files() (files []File, left int, err error) {
	budget := maxAttached
	for i := range w.types {
		t := &w.types[i]
		if len(t.refs) == 0 {
			continue
		}
		f, err := w.file(t)
		if err != nil {
			return nil, 0, err
		}
		left += t.table.cut
		if f.Size > budget {
			left += f.Rows
			continue
		}
		budget -= f.Size
		files = append(files, f)
	}
	return files, left, nil
}

func (w *wanted) file(t *wantedType) (File, error) {
	b := t.table.bytes()
	f := File{Name: fmt.Sprintf("%s-%s.csv", w.until, fileName(t.Name)), Type: "text/csv; charset=utf-8", Rows: len(t.table.rows), Bytes: b}
	if len(b) > zipFrom {
		var err error
		if f.Bytes, err = zipped(f.Name, w.until, b); err != nil {
			return File{}, err
		}
		f.Name, f.Type = strings.TrimSuffix(f.Name, ".csv")+".zip", "application/zip"
	}
	f.Size = len(f.Bytes)
	return f, nil
}

// normalised reads the events behind rows, in the fields of IDF.
func (d *Desk) normalised(ctx context.Context, t wantedType, w wanted) (map[event.RowRef]map[string]any, error) {
	out := map[event.RowRef]map[string]any{}
	for _, owner := range t.owners {
		q := event.EventQuery{Type: t.ID, Owner: owner, From: w.from, Until: w.until}
		err := d.Intake.EachFound(ctx, q, func(id event.ID, e *event.StoredEvent) error {
			if t.findings[id] && len(out) < maxRows {
				k := e.Kept()
				out[event.RowRef{File: e.File, Row: e.Row}] = k.IDF()
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fileName keeps of a report type's name what any file system takes.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}

func zipped(name string, day event.Day, b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: day.Time()})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
