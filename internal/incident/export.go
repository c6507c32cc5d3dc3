package incident

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/platform/db"
)

// ExportCases writes all cases that match as CSV, the first opened first, from one state of the records.
func (d *Desk) ExportCases(ctx context.Context, w io.Writer, f CaseFilter) error {
	if err := d.sectorOf(ctx, &f); err != nil {
		return err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.Write([]string{"number", "title", "state", "class", "type", "taxonomy", "severity", "impact", "reach", "tlp", "pap", "cross_border", "personal_data", "lead",
		"constituents", "aware", "opened", "changed", "resolved", "closed", "reopened", "merged_into"})
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		for after := (Place{}); ; {
			cs, err := listCases(tx, &f, "opened", after, 500)
			if err != nil || len(cs) == 0 {
				return err
			}
			if err := partiesOfCases(tx, cs); err != nil {
				return err
			}
			for _, c := range cs {
				var about []string
				for _, p := range c.Parties {
					if l, ok := dir.ByID(p.Constituent); ok {
						about = append(about, p.Part+"="+l.Ref)
					}
				}
				into := ""
				if c.MergedInto != 0 {
					m, err := caseByID(tx, c.MergedInto)
					if err != nil {
						return err
					}
					into = m.Number
				}
				out.Write([]string{c.Number, cell(c.Title), string(c.State), c.Class, c.Type, c.Edition, strconv.Itoa(c.Severity), c.Impact, c.Reach, c.Label.String(),
					c.PAP.String(), strconv.FormatBool(c.CrossBorder), strconv.FormatBool(c.Personal), cell(c.LeadName), strings.Join(about, " "), instant(c.Aware),
					instant(c.Opened), instant(c.Changed), instant(c.Resolved), instant(c.Closed), strconv.FormatInt(c.Reopened, 10), into})
			}
			last := cs[len(cs)-1]
			after = Place{last.Opened, last.ID}
			if out.Flush(); out.Error() != nil {
				return out.Error()
			}
		}
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

func instant(at int64) string {
	if at == 0 {
		return ""
	}
	return time.UnixMicro(at).UTC().Format(time.RFC3339)
}

// cell is a text as a cell of a table: what a spreadsheet would take for a formula stands behind an apostrophe.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
