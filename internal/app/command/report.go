package command

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"tocsin/internal/incident"
	"tocsin/internal/world"
)

type reportCmd struct {
	List reportList `cmd:"" help:"List reports: those that wait for triage, the first first."`
	Show reportShow `cmd:"" help:"Print a report as it was handed in."`
}

// Help is the command's long help.
func (reportCmd) Help() string {
	return `Examples:
  tocsin report list
  tocsin report list --state all --origin mail --json
  tocsin report show R-1A2B-3C4D`
}

type reportList struct {
	State       string `help:"unconfirmed, received, accepted, merged, duplicate, rejected or all, the latest first (default: those that wait)." enum:",unconfirmed,received,accepted,merged,duplicate,rejected,all" default:"" placeholder:"STATE"`
	Origin      string `help:"portal, public, rest, mail, staff or partner." enum:",portal,public,rest,mail,staff,partner" default:"" placeholder:"ORIGIN"`
	Constituent string `help:"Whose: a reference or number." placeholder:"REF"`
	Limit       int    `help:"Rows at most; 0 is all of them." default:"50"`
	JSON        bool   `help:"Print each report as JSON, one a line, with the beginning of its text."`
}

// Run lists reports.
func (c *reportList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		f := incident.ReportFilter{State: incident.ReportState(c.State), Origin: incident.Origin(c.Origin)}
		switch c.State {
		case "":
			f.State, f.Oldest = incident.Received, true
		case "all":
			f.State = ""
		}
		if c.Constituent != "" {
			var err error
			if f.Constituent, err = w.Incidents.ConstituentOf(e.Ctx, "constituent", c.Constituent); err != nil {
				return err
			}
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		done := t.Flush
		if c.JSON {
			done = func() error { return nil }
		} else {
			fmt.Fprintln(t, "REPORT\tRECEIVED (UTC)\tSTATE\tORIGIN\tGUESS\tTLP\tTITLE")
		}
		return walk(c.Limit, func(after incident.Place, limit int) (int, *incident.Place, error) {
			rs, next, err := w.Incidents.ReportList(e.Ctx, f, after, limit)
			if err != nil {
				return 0, nil, err
			}
			for i := range rs {
				r := &rs[i].Report
				if c.JSON {
					err = lines(e, []*incident.Report{r})
				} else {
					_, err = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Number, utc(r.Received), r.State, r.Origin, dash(r.Guess), r.Marking().Effective(), plain(r.Title))
				}
				if err != nil {
					return i, nil, err
				}
			}
			return len(rs), next, nil
		}, done)
	})
}

type reportShow struct {
	Report string `arg:"" help:"The number on its receipt."`
	JSON   bool   `help:"Print it as JSON, with what was added and its files."`
}

// shownReport is a report with what belongs to it.
type shownReport struct {
	incident.Report
	Additions []incident.Addition `json:"additions"`
	Files     []incident.File     `json:"files"`
}

// Run prints a report.
func (c *reportShow) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		r, err := w.Incidents.ResolveReport(e.Ctx, c.Report)
		if err != nil {
			return err
		}
		s := shownReport{Report: r}
		if s.Additions, err = w.Incidents.Additions(e.Ctx, r.ID); err != nil {
			return err
		}
		if s.Files, err = w.Incidents.FilesOf(e.Ctx, 0, r.ID); err != nil {
			return err
		}
		if c.JSON {
			return indented(e.Out, s)
		}
		record, err := r.Record()
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Out, "%s  %s  %s  received %s UTC  sha256 %s\n", r.Number, r.State, r.Origin, utc(r.Received), r.SHA256)
		for l := range strings.SplitSeq(string(record), "\n") {
			fmt.Fprintln(e.Out, plain(l))
		}
		for _, a := range s.Additions {
			fmt.Fprintf(e.Out, "\n%s  %s  %s\n    %s\n", utc(a.At), a.Via, plain(a.Name), plain(a.Text))
		}
		for _, f := range s.Files {
			fmt.Fprintf(e.Out, "\nfile %d  %s  %d bytes  sha256 %s\n", f.ID, plain(f.Name), f.Bytes, f.SHA256)
		}
		return nil
	})
}
