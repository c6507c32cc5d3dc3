package incident

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/indicator"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// KindIndicator is an entry about indicators.
const KindIndicator = "indicator"

// Verdict is what a person says of an indicator.
type Verdict string

// The verdicts.
const (
	Proposed  Verdict = "proposed" // found in a text; nobody looked at it
	Confirmed Verdict = "confirmed"
	Refused   Verdict = "refused" // it tells nothing of the incident
)

// Verdicts lists them.
func Verdicts() []Verdict { return []Verdict{Confirmed, Proposed, Refused} }

// Indicator is an indicator of a case.
type Indicator struct {
	Type    indicator.Type
	Value   string
	Verdict Verdict
	Source  string // where it was found first: "report:1", "entry:7", "file:3", "hand"
	At      int64  // UTC microseconds
	By      string // who gave the verdict; "" nobody
}

// Defanged is the value so that no program makes a link of it.
func (i Indicator) Defanged() string { return indicator.Defang(i.Value) }

const (
	maxIndicators = 5000    // of a case
	maxTextFile   = 1 << 20 // larger files are not looked through
)

// propose notes the indicators of texts that are part of a case.
func propose(tx *db.Tx, id, at int64, source string, texts ...string) (n int64, err error) {
	if id == 0 {
		return 0, nil
	}
	found, _ := indicator.Extract(strings.Join(texts, "\n"))
	return insertIndicators(tx, id, at, source, Proposed, "", found[:min(len(found), maxIndicators)])
}

// finding proposes the indicators of what is said in a case.
func (d *Desk) finding() Extension {
	return Extension{
		Decided: func(_ context.Context, tx *db.Tx, r *Report) error {
			adds, err := additionsOf(tx, r.ID)
			if err != nil || r.Case == 0 {
				return err
			}
			texts := []string{r.Title, r.Text, r.Details.Indicators, r.Details.Systems, r.Details.Cause, r.Details.Measures}
			for _, a := range adds {
				texts = append(texts, a.Text)
			}
			_, err = propose(tx, r.Case, d.now(), string(r.Ref()), texts...)
			return err
		},
		Added: func(_ context.Context, tx *db.Tx, r *Report, a *Addition) error {
			_, err := propose(tx, r.Case, d.now(), string(r.Ref()), a.Text)
			return err
		},
	}
}

// LookThrough proposes the indicators that stand in the text files of a case, of at most 1 MiB each, and tells how many are new.
func (d *Desk) LookThrough(ctx context.Context, by act.Actor, id int64) (n int64, err error) {
	files, err := d.FilesOf(ctx, id, 0)
	if err != nil {
		return 0, err
	}
	found := map[int64]string{}
	for _, f := range files {
		if f.Bytes > maxTextFile || len(found) == 100 {
			continue
		}
		r, err := d.Files.Open(f.path)
		if err != nil {
			return 0, fmt.Errorf("open the file %d: %w", f.ID, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, maxTextFile))
		r.Close()
		if err != nil {
			return 0, fmt.Errorf("read the file %d: %w", f.ID, err)
		}
		if utf8.Valid(b) {
			found[f.ID] = string(b)
		}
	}
	return n, d.tasks(ctx, by, "indicator.look", id, func(tx *db.Tx) error {
		n = 0
		for _, f := range files {
			fresh, err := propose(tx, id, d.now(), fmt.Sprintf("file:%d", f.ID), found[f.ID])
			if n += fresh; err != nil {
				return err
			}
		}
		tx.Note("", detail(map[string]any{"files": len(found), "fresh": n}))
		return nil
	})
}

// Judge gives indicators of a case a verdict. Text may name others, which are then added with it. It tells how many it was given.
func (d *Desk) Judge(ctx context.Context, by act.Actor, id int64, v Verdict, values []string, text string) (n int64, err error) {
	if !slices.Contains(Verdicts(), v) {
		return 0, fault.Problems{{Field: "verdict", Message: fmt.Sprintf("%q is none of proposed, confirmed, refused", v)}}
	}
	found, _ := indicator.Extract(text)
	if len(values) == 0 && len(found) == 0 {
		return 0, fault.Problems{{Field: "indicators", Message: "choose indicators, or write some that can be read as such"}}
	}
	if len(values) > maxIndicators || len(found) > maxIndicators {
		return 0, fault.Problems{{Field: "indicators", Message: fmt.Sprintf("are more than %d", maxIndicators)}}
	}
	return n, d.tasks(ctx, by, "indicator.judge", id, func(tx *db.Tx) error {
		if _, err := insertIndicators(tx, id, d.now(), "hand", Proposed, "", found); err != nil {
			return err
		}
		for _, i := range found {
			values = append(values, i.Value)
		}
		if n, err = judgeIndicators(tx, id, v, by.Name, values); err != nil {
			return err
		}
		said := detail(map[string]any{"verdict": v, "indicators": n, "first": values[:min(len(values), 20)]})
		tx.Note("", said)
		return d.enter(tx, by, &Entry{Case: id, Kind: KindIndicator, Detail: said})
	})
}

// Indicators lists the indicators of a case with a verdict, or with every one, by type and value, at most 5,000.
func (d *Desk) Indicators(ctx context.Context, id int64, v Verdict) (out []Indicator, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = indicatorsOf(tx, id, v)
		return err
	})
	slices.SortStableFunc(out, func(a, b Indicator) int {
		return slices.Index(indicator.Types(), a.Type) - slices.Index(indicator.Types(), b.Type)
	})
	return out, err
}

// IndicatorFormats are those of ExportIndicators.
func IndicatorFormats() []string { return []string{"csv", "json"} }

// Exportable refuses files of a case that is read inside Tocsin only (PAP:RED).
func (d *Desk) Exportable(ctx context.Context, c *Case) error {
	may, err := d.Gate.Foresee(ctx, disclosure.Recipient{Kind: disclosure.Staff}, disclosure.Export, []disclosure.Marking{c.Marking()})
	if err == nil && !may[0] {
		err = fault.New(fault.Forbidden, "the case %s is %s: it is read inside Tocsin and leaves in no file; a duty officer can mark it otherwise, and says why", c.Number, c.Marking())
	}
	return err
}

// ExportIndicators writes the confirmed indicators of a case, each with the case's labels.
func (d *Desk) ExportIndicators(ctx context.Context, w io.Writer, format string, c *Case) error {
	list, err := d.Indicators(ctx, c.ID, Confirmed)
	if err != nil {
		return err
	}
	switch format {
	case "csv":
		out := csv.NewWriter(w)
		out.Write([]string{"type", "value", "case", "tlp", "pap"})
		for _, i := range list {
			out.Write([]string{string(i.Type), cell(i.Value), c.Number, c.Label.String(), c.PAP.String()})
		}
		out.Flush()
		return out.Error()
	case "json":
		type one struct {
			Type  indicator.Type `json:"type"`
			Value string         `json:"value"`
		}
		all := struct {
			Case       string `json:"case"`
			TLP        string `json:"tlp"`
			PAP        string `json:"pap,omitempty"`
			Indicators []one  `json:"indicators"`
		}{c.Number, c.Label.String(), c.PAP.String(), []one{}}
		for _, i := range list {
			all.Indicators = append(all.Indicators, one{i.Type, i.Value})
		}
		return json.NewEncoder(w).Encode(all)
	}
	return fault.Problems{{Field: "format", Message: fmt.Sprintf("%q is neither csv nor json", format)}}
}
