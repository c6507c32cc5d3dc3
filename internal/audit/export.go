package audit

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Line is an entry as it leaves: in exports and over REST. All of the entry's record can be made from it again.
type Line struct {
	ID     int64  `json:"id" doc:"Its number in the log; there are no gaps"`
	At     string `json:"at" format:"date-time" doc:"To the microsecond, by the world's clock"`
	Actor  string `json:"actor" doc:"kind:id"`
	Name   string `json:"name"`
	Verb   string `json:"verb"`
	Object string `json:"object" doc:"kind:id"`
	Detail string `json:"detail" doc:"A JSON object as text, or empty"`
}

// Line is the entry as it leaves.
func (e Entry) Line() Line {
	return Line{e.ID, e.Time().Format("2006-01-02T15:04:05.000000Z"), e.Actor, e.Name, e.Verb, e.Object, e.Detail}
}

// Time is when the act was recorded.
func (e Entry) Time() time.Time { return time.UnixMicro(e.At).UTC() }

// Formats are what Export writes: JSON lines, and CSV that is safe to open in a spreadsheet.
func Formats() []string { return []string{"jsonl", "csv"} }

const exportBlock = 1000

// Export writes the entries that a filter means in the order of their numbers, as of its beginning. In CSV, a value that a
// spreadsheet would take for a formula begins with an apostrophe; JSON lines have the raw values.
func (l *Log) Export(ctx context.Context, w io.Writer, f Filter, format string) error {
	if err := f.Check(); err != nil {
		return err
	}
	if !slices.Contains(Formats(), format) {
		return fault.Invalidf("%q is no format for audit entries: use %s", format, strings.Join(Formats(), " or "))
	}
	b := bufio.NewWriterSize(w, 64<<10)
	write := writer(b, format)
	var until int64
	if err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		until, err = readHead(tx)
		return err
	}); err != nil {
		return err
	}
	for after := int64(0); ; {
		var es []Entry
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			es, err = listUp(tx, f, after, until, exportBlock)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range es {
			if err := write(e.Line()); err != nil {
				return err
			}
			after = e.ID
		}
		if len(es) < exportBlock {
			return b.Flush()
		}
	}
}

func writer(b *bufio.Writer, format string) func(Line) error {
	if format == "jsonl" {
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		return func(l Line) error { return enc.Encode(l) }
	}
	c := csv.NewWriter(b)
	c.Write([]string{"id", "at", "actor", "name", "verb", "object", "detail"}) // an error comes back with the flush
	c.Flush()
	return func(l Line) error {
		c.Write(delimited.InertRow([]string{strconv.FormatInt(l.ID, 10), l.At, l.Actor, l.Name, l.Verb, l.Object, l.Detail}))
		c.Flush()
		return c.Error()
	}
}
