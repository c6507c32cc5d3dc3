package command

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"tocsin/internal/event"
)

const shownFiles = 25

// summaryTable shows what became of the files: those with trouble first, with reasons, and the sums.
func summaryTable(w io.Writer, sum event.Summary, s sums) error {
	outcomes := slices.Clone(sum.Outcomes)
	slices.SortStableFunc(outcomes, func(a, b event.FileOutcome) int { return trouble(b) - trouble(a) })
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "FILE\tSTATE\tROWS\tEVENTS\tREJECTED\tUNATTRIBUTED")
	for i, o := range outcomes {
		if i >= shownFiles && trouble(o) == 0 {
			fmt.Fprintf(t, "… and %d more without trouble\t\t\t\t\t\n", len(outcomes)-i)
			break
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", filepath.Base(o.Name), o.State, count(o.Rows), count(o.Events), count(o.Rejected), count(o.Unattributed))
	}
	fmt.Fprintf(t, "%d files\t\t%s\t%s\t%s\t%s\n", s.Files, count(s.Rows), count(s.Events), count(s.Rejected), count(s.Unattributed))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, o := range outcomes {
		reasons(w, o)
	}
	_, err := fmt.Fprintf(w, "%.1f s, %s rows/s, %s of memory at most\n", s.Seconds, count(int64(s.RowsPerSec)), size(s.PeakBytes))
	return err
}

func trouble(o event.FileOutcome) int {
	switch {
	case o.State == event.Failed:
		return 2
	case o.Rejected > 0:
		return 1
	}
	return 0
}

func reasons(w io.Writer, o event.FileOutcome) {
	if trouble(o) == 0 {
		return
	}
	if o.State == event.Failed {
		fmt.Fprintf(w, "%s: %s\n", filepath.Base(o.Name), strings.ReplaceAll(o.Outcome, "\n", "\n  "))
	}
	for i, p := range o.Problems {
		if i == 5 {
			fmt.Fprintf(w, "  … and %s more rejected rows\n", count(o.Rejected-int64(i)))
			break
		}
		fmt.Fprintf(w, "  %s %s\n", filepath.Base(o.Name), p)
	}
}
