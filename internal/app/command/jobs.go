package command

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
	"tocsin/internal/world"
)

type jobsCmd struct {
	State string `help:"Only jobs in this state: ${enum}; empty for all." enum:",ready,running,done,dead" default:""`
	Limit int    `help:"At most so many, the latest first." default:"50"`
	JSON  bool   `help:"One JSON object a line."`
}

// Help is the command's long help.
func (jobsCmd) Help() string {
	return `Dead jobs have been tried too often; their last error says why.

Examples:
  tocsin jobs --state dead
  tocsin jobs --json --limit 1000`
}

// Run lists jobs.
func (c *jobsCmd) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		var jobs []job.Job
		err := w.DB().View(e.Ctx, func(tx *db.Tx) (err error) {
			jobs, err = job.List(tx, c.State, max(c.Limit, 1))
			return err
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return lines(e, jobs)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tKIND\tSTATE\tDUE\tTRIES\tLAST ERROR")
		for _, j := range jobs {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\n", j.ID, j.Kind, j.State, time.UnixMicro(j.Due).UTC().Format(time.DateTime),
				j.Attempts, j.LastError)
		}
		return t.Flush()
	})
}

// lines writes one JSON value a line.
func lines[T any](e *Env, values []T) error {
	enc := json.NewEncoder(e.Out)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
