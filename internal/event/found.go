package event

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/parquet-go/parquet-go"

	"tocsin/internal/platform/db"
)

// foundColumns are the columns of a segment that say which finding a row tells of, and where it came from.
func foundColumns() []string {
	return []string{"tocsin.owner", "feed.name", "feed.report", "feed.day", "tocsin.report", "tocsin.file", "tocsin.row", "source.ip", "source.port",
		"source.fqdn", "source.url", "source.account", "source.network", "destination.fqdn", "protocol.transport", "classification.identifier",
		"event_description.text"}
}

// foundRow is what they say of a row. The texts hold only until the next one.
type foundRow struct {
	owner, report, file, row int64
	day                      Day
	feed, typ                []byte
	event                    Event
}

// EachRef calls fn for the rows of a report type's day that have an owner as of intake, with the id of the finding each belongs to, in
// no order. It reads a fraction of what EachFound does.
func (in *Intake) EachRef(ctx context.Context, typ int64, day Day, fn func(owner int64, id ID, ref RowRef)) error {
	return in.DB.View(ctx, func(tx *db.Tx) error {
		st, err := typeByID(tx, typ)
		if err != nil {
			return err
		}
		list, err := segmentsFor(tx, EventQuery{Type: typ, From: day, Until: day})
		if err != nil {
			return err
		}
		ours := map[string]bool{}
		for _, s := range list {
			err := in.eachRow(ctx, s, func(r *foundRow) {
				if r.owner == 0 || !s.live[r.report] || r.day != day || string(r.typ) != st.Name {
					return
				}
				is, known := ours[string(r.feed)]
				if !known {
					is = TypeID(string(r.feed), st.Name) == typ
					ours[string(r.feed)] = is
				}
				if is {
					sub := subjectOf(&st.ReportType, &r.event)
					fn(r.owner, ID(sub.appendID(nil, st.id)), RowRef{File: r.file, Row: r.row})
				}
			})
			if err != nil {
				return fmt.Errorf("segment %s: %w", s.path, err)
			}
		}
		return nil
	})
}

func (in *Intake) eachRow(ctx context.Context, s storedSegment, fn func(*foundRow)) error {
	o, err := in.readers.get(s.path)
	if err != nil {
		return err
	}
	defer in.readers.put(o)
	for _, g := range o.f.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := eachOfGroup(g, fn); err != nil {
			return err
		}
	}
	return nil
}

// column reads the values of a column, page by page.
type column struct {
	pages  parquet.Pages
	values parquet.ValueReader // of the page
	buf    [256]parquet.Value
}

// fill reads the next values; it reads fewer than there is room for only at the end of a page.
func (c *column) fill(want int) error {
	for n := 0; n < want; {
		if c.values == nil {
			p, err := c.pages.ReadPage()
			if err != nil {
				return err
			}
			c.values = p.Values() // the page is not released: its texts are in use until the next one
		}
		k, err := c.values.ReadValues(c.buf[n:want])
		n += k
		if err == io.EOF {
			c.values = nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func eachOfGroup(g parquet.RowGroup, fn func(*foundRow)) (err error) {
	names := foundColumns()
	cs := make([]*column, len(names))
	for i, name := range names {
		leaf, ok := g.Schema().Lookup(name)
		if !ok {
			return fmt.Errorf("it has no column %s", name)
		}
		cs[i] = &column{pages: g.ColumnChunks()[leaf.ColumnIndex].Pages()}
		defer func() { err = errors.Join(err, cs[i].pages.Close()) }()
	}
	var r foundRow
	for at := int64(0); at < g.NumRows(); {
		n := int(min(int64(len(cs[0].buf)), g.NumRows()-at))
		for i, c := range cs {
			if err := c.fill(n); err != nil {
				return fmt.Errorf("column %s: %w", names[i], err)
			}
		}
		for i := range n {
			r.read(cs, i)
			fn(&r)
		}
		at += int64(n)
	}
	return nil
}

// read takes one row from the columns, in the order of foundColumns.
func (r *foundRow) read(cs []*column, i int) {
	number := func(c int) int64 { return cs[c].buf[i].Int64() }
	text := func(c int) string { return string(cs[c].buf[i].ByteArray()) }
	r.owner, r.feed, r.typ, r.day = number(0), cs[1].buf[i].ByteArray(), cs[2].buf[i].ByteArray(), Day(cs[3].buf[i].Int32())
	r.report, r.file, r.row = number(4), number(5), number(6)
	r.event = Event{Port: cs[8].buf[i].Int32(), FQDN: text(9), URL: text(10), Account: text(11), Network: text(12), DestinationFQDN: text(13),
		Transport: text(14), Identifier: text(15), Text: text(16)}
	r.event.IP, _ = netip.ParseAddr(text(7))
}
