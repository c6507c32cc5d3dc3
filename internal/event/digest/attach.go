package digest

import (
	"archive/zip"
	"bytes"
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
	var row []string
	if header != "" {
		names, err := csv.NewReader(strings.NewReader(header)).Read()
		if err != nil {
			return false
		}
		values, err := csv.NewReader(strings.NewReader(raw)).Read()
		if err != nil {
			return false
		}
		for i, v := range values {
			if i < len(names) {
				row = t.set(row, names[i], v)
			}
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

func (t *table) bytes() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	head := make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i] = safe(c)
	}
	if err := w.Write(head); err != nil {
		return nil, err
	}
	line := make([]string, len(t.columns))
	for _, row := range t.rows {
		clear(line)
		for i, v := range row {
			line[i] = safe(v)
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
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
}

// attach makes a file of each report type. left counts the rows that were beyond the bounds.
func (d *Desk) attach(ctx context.Context, w wanted) (files []File, left int, err error) {
	total, budget := 0, maxAttached
	for _, t := range w.types {
		var refs []event.RowRef
		for day := w.from; day <= min(w.until, t.LastDay); day++ {
			for _, owner := range t.owners {
				rows, err := d.rowsOf(ctx, dayKey{t.ID, t.Version, day}, owner)
				if err != nil {
					return nil, 0, err
				}
				for _, r := range rows {
					if !t.findings[r.finding] {
						continue
					}
					if total++; total > maxRows {
						left++
						continue
					}
					refs = append(refs, r.RowRef)
				}
			}
		}
		if len(refs) == 0 {
			continue
		}
		f, cut, err := d.file(ctx, t, w, refs)
		if err != nil {
			return nil, 0, err
		}
		left += cut
		if f.Size > budget {
			left += f.Rows
			continue
		}
		budget -= f.Size
		files = append(files, f)
	}
	return files, left, nil
}

func (d *Desk) file(ctx context.Context, typ wantedType, w wanted, refs []event.RowRef) (File, int, error) {
	t := &table{at: map[string]int{}}
	cut := 0
	var gone map[event.RowRef]map[string]any // what is known of rows that the archive no longer keeps
	err := d.Intake.Originals(ctx, refs, func(ref event.RowRef, header, raw string) (err error) {
		if t.size > maxTable {
			cut++
			return nil
		}
		if raw != "" && t.add(header, raw) {
			return nil
		}
		if gone == nil {
			if gone, err = d.normalised(ctx, typ, w); err != nil {
				return err
			}
		}
		t.object(gone[ref])
		return nil
	})
	if err != nil {
		return File{}, 0, err
	}
	b, err := t.bytes()
	if err != nil {
		return File{}, 0, err
	}
	f := File{Name: fmt.Sprintf("%s-%s.csv", w.until, fileName(typ.Name)), Type: "text/csv; charset=utf-8", Rows: len(t.rows), Bytes: b}
	if len(b) > zipFrom {
		if f.Bytes, err = zipped(f.Name, w.until, b); err != nil {
			return File{}, 0, err
		}
		f.Name, f.Type = strings.TrimSuffix(f.Name, ".csv")+".zip", "application/zip"
	}
	f.Size = len(f.Bytes)
	return f, cut, nil
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
