package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"tocsin/internal/constituency/special"
	"tocsin/internal/identity"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/world"
)

type yearlyCmd struct {
	Show   yearlyShow   `cmd:"" default:"withargs" help:"Print the national summary, or who has not returned."`
	Export yearlyExport `cmd:"" help:"Write the returns of a year as CSV."`
	Import yearlyImport `cmd:"" help:"Hand in returns from a file."`
}

// Help is the command's long help.
func (yearlyCmd) Help() string {
	return `What operators return of a year: all their incidents by RSIT class and severity, reported or not.

Examples:
  tocsin yearly --year 2025
  tocsin yearly --missing
  tocsin yearly export --year 2025 > 2025.csv
  tocsin yearly import returned-on-paper.csv`
}

type yearlyShow struct {
	Year    int  `help:"The year (default: the last one)." default:"0"`
	Missing bool `help:"List who is asked and has not returned."`
	JSON    bool `help:"Print the summary as JSON."`
}

// Run prints a year.
func (c *yearlyShow) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		s, err := w.Yearly.Stand(e.Ctx, c.Year)
		if err != nil {
			return err
		}
		if c.JSON {
			out := json.NewEncoder(e.Out)
			out.SetIndent("", "  ")
			return out.Encode(s.Summary)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		if c.Missing {
			fmt.Fprintln(t, "CONSTITUENT\tNAME\tSTATE\tREMINDED")
			for _, x := range s.All {
				if x.Asked && x.State != yearly.Submitted {
					fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", x.Ref, x.Name, x.State, len(x.Reminders))
				}
			}
			return t.Flush()
		}
		sum(t, s)
		return t.Flush()
	})
}

// sum prints a summary: a row for each class, a column for each severity.
func sum(t *tabwriter.Writer, s *yearly.Stand) {
	x := &s.Summary
	fmt.Fprintf(t, "%d: %d returned, %d of them late; %d asked have not; %d incidents, %d minutes of downtime\n\n", x.Year, x.Returned, x.Late, x.Missing, *x.Incidents, x.Downtime)
	fmt.Fprint(t, "CLASS")
	for _, l := range x.Levels {
		fmt.Fprint(t, "\t", s.Profile.SeverityName(l.Severity, "en"))
	}
	fmt.Fprintln(t, "\tALL")
	for _, c := range x.Classes {
		fmt.Fprint(t, c.Class)
		for _, n := range c.Counts {
			fmt.Fprint(t, "\t", strconv.FormatInt(*n, 10))
		}
		fmt.Fprintf(t, "\t%d\n", *c.Incidents)
	}
}

type yearlyExport struct {
	Year int `help:"The year (default: the last one)." default:"0"`
}

// Run writes the returns.
func (c *yearlyExport) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		rs, err := w.Yearly.Returns(e.Ctx, c.Year)
		if err != nil {
			return err
		}
		return yearly.WriteCSV(e.Out, rs)
	})
}

type yearlyImport struct {
	File   string `arg:"" help:"CSV in the columns of the export; - is standard input."`
	Reason string `help:"Why returns that were submitted are corrected." placeholder:"TEXT"`
}

// Run hands returns in.
func (c *yearlyImport) Run(e *Env) error {
	b, err := e.read(c.File)
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error {
		done, err := w.Yearly.Import(e.Ctx, identity.LocalActor, filepath.Base(c.File), bytes.NewReader(b), c.Reason)
		if err == nil {
			fmt.Fprintf(e.Err, "%d taken in, %d of them corrections; %d were there already.\n", done.Returns, done.Corrected, done.Same)
		}
		return err
	})
}

type specialCmd struct{}

// Run writes the public register.
func (specialCmd) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		all, err := w.Special.Published(e.Ctx)
		if err != nil {
			return err
		}
		return special.WriteCSV(e.Out, all)
	})
}
