package command

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"tocsin/internal/incident/deadline"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type incidentCmd struct {
	Clocks incidentClocks `cmd:"" help:"What the law asks for by when: list, export, prove from the audit log."`
}

type incidentClocks struct {
	Case   string `help:"Only of this case." placeholder:"NUMBER" xor:"about"`
	Report string `help:"Only of this report." placeholder:"NUMBER" xor:"about"`
	Proof  bool   `help:"Tell from the audit log alone what was due when, and reckon it again; needs --case or --report."`
	Format string `help:"${enum}." enum:"text,json,csv,ics" default:"text"`
}

// Help is the command's long help.
func (incidentClocks) Help() string {
	return `Without --case or --report all clocks that run are listed, the one that is due first first. --proof reads nothing but the audit
log; run "tocsin audit verify" with a checkpoint from elsewhere to show that the log itself was not changed. Its exit code is 3 when
the log does not agree with the law that it has.

Examples:
  tocsin incident clocks --format ics > deadlines.ics
  tocsin incident clocks --case 2026-0042
  tocsin incident clocks --case 2026-0042 --proof --format json`
}

// Run lists or proves clocks.
func (c *incidentClocks) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		caseID, report, err := c.about(e, w)
		if err != nil {
			return err
		}
		if c.Proof {
			return c.prove(e, w, caseID, report)
		}
		var lines []deadline.Line
		if caseID+report == 0 {
			lines, err = w.Deadlines.All(e.Ctx, deadline.Filter{})
		} else {
			of := w.Deadlines.OfCase
			if report != 0 {
				of = w.Deadlines.OfReport
			}
			var s deadline.Sheet
			s, err = of(e.Ctx, caseID+report)
			for i := range s.Clocks {
				lines = append(lines, s.Clocks[i].Line())
			}
		}
		if err != nil {
			return err
		}
		switch c.Format {
		case "text":
			return c.table(e, lines)
		case "json":
			return clockLines(e, lines)
		}
		return deadline.Write(e.Out, c.Format, "en", w.Clock().Now(), lines)
	})
}

// about finds the case, or the report.
func (c *incidentClocks) about(e *Env, w *world.World) (caseID, report int64, err error) {
	switch {
	case c.Case != "":
		x, err := w.Incidents.CaseByNumber(e.Ctx, c.Case)
		return x.ID, 0, err
	case c.Report != "":
		r, err := w.Incidents.ReportByNumber(e.Ctx, c.Report)
		return 0, r.ID, err
	case c.Proof:
		return 0, 0, usage(fault.Invalidf("--proof needs --case or --report"))
	}
	return 0, 0, nil
}

func (c *incidentClocks) table(e *Env, lines []deadline.Line) error {
	t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CLOCK\tDUE (UTC)\tSTATE\tENTITY\tREGIME\tSTEP\tOWED BY\tCASE\tREPORT")
	for _, l := range lines {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, time.UnixMicro(l.Due).UTC().Format(time.DateTime), l.State, plain(l.Entity), l.Regime, l.Step, l.Owed, l.Case, l.Report)
	}
	return t.Flush()
}

// clockLines writes clocks as JSON, one a line.
func clockLines(e *Env, all []deadline.Line) error {
	type line struct {
		ID        int64  `json:"id"`
		Entity    string `json:"entity"`
		Regime    string `json:"regime"`
		Edition   string `json:"edition"`
		Step      string `json:"step"`
		Owed      string `json:"owed_by"`
		Report    string `json:"report,omitempty"`
		Case      string `json:"case,omitempty"`
		Triggered int64  `json:"triggered"` // UTC microseconds
		Due       int64  `json:"due"`
		State     string `json:"state"`
		Submitted int64  `json:"submitted,omitempty"`
	}
	var out []line
	for _, l := range all {
		out = append(out, line{l.ID, l.Entity, l.Regime, l.Edition, l.Step, l.Owed, l.Report, l.Case, l.Triggered, l.Due, string(l.State), l.Submitted})
	}
	return lines(e, out)
}

func (c *incidentClocks) prove(e *Env, w *world.World, caseID, report int64) error {
	all, err := deadline.Proof(e.Ctx, w.Audit, caseID, report)
	if err != nil {
		return err
	}
	wrong := 0
	for _, p := range all {
		wrong += len(p.Problems)
	}
	if c.Format == "json" {
		enc := json.NewEncoder(e.Out)
		enc.SetEscapeHTML(false)
		for _, p := range all {
			if err := enc.Encode(p); err != nil {
				return err
			}
		}
	} else {
		for _, p := range all {
			fmt.Fprintf(e.Out, "%s  %s: %s %s (%s)\n  by %s\n  triggered %s, term %s in %s, due %s: %s\n", p.Clock, plain(p.Entity), p.Regime, p.Step, p.Owed, plain(p.Source), p.Triggered,
				p.Term, p.Zone, p.Due, p.State)
			for _, h := range p.Happened {
				fmt.Fprintf(e.Out, "  entry %-6d %s  %-8s %s", h.Entry, h.At, h.Verb, plain(h.By))
				for _, k := range []string{"planned", "at", "by", "proof", "why", "reason"} {
					if v := h.Detail[k]; v != "" {
						fmt.Fprintf(e.Out, "  %s: %s", k, plain(v))
					}
				}
				fmt.Fprintln(e.Out)
			}
			for _, s := range p.Problems {
				fmt.Fprintf(e.Out, "  WRONG: %s\n", plain(s))
			}
		}
	}
	if wrong > 0 {
		return fault.Invalidf("the audit log does not agree with its laws in %d places", wrong)
	}
	return nil
}
