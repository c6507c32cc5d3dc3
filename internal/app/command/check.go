package command

import (
	"encoding/json"
	"fmt"

	"tocsin/internal/nation"
	"tocsin/internal/platform/config"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type checkCmd struct {
	Quick bool `help:"Do not read the content of archived files."`
	JSON  bool `help:"Print the result as JSON."`
}

// Help is the command's long help.
func (checkCmd) Help() string {
	return `Reads the configuration, the records, every archived file (its hash) and every segment (its rows), while a server may go on
working. Exit code 3 when something is wrong.

Examples:
  tocsin check
  tocsin check --quick --json`
}

// checked is what check --json prints.
type checked struct {
	OK            bool   `json:"ok"`
	Configuration string `json:"configuration"` // the file that was read; empty without one
	Data          string `json:"data"`
	Nation        string `json:"nation"`
	world.CheckResult
}

// Run checks everything. A configuration that cannot be read has ended the command before.
func (c *checkCmd) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		bar := e.bar()
		r, err := w.Check(e.Ctx, c.Quick, func(area string, done int) { bar.show(0, 0, fmt.Sprintf("%s: %d", area, done)) })
		bar.end()
		if err != nil {
			return err
		}
		out := checked{OK: len(r.Problems) == 0, Data: e.dir(), CheckResult: r}
		if path, exists := config.Path(e.Config, e.Data); exists {
			out.Configuration = path
		}
		p, chosen, err := w.Nation.Load(e.Ctx)
		if err != nil {
			return err
		}
		if out.Nation = p.Name; !chosen {
			out.Nation = ""
		}
		if c.JSON {
			err = json.NewEncoder(e.Out).Encode(out)
		} else {
			err = out.print(e, p, chosen)
		}
		if err == nil && !out.OK {
			err = alreadySaid{fault.Invalidf("%d problems", len(r.Problems))}
		}
		return err
	})
}

func (r checked) print(e *Env, p *nation.Profile, chosen bool) error {
	if r.Configuration == "" {
		fmt.Fprintln(e.Out, "configuration  no file; flags, environment and defaults")
	} else {
		fmt.Fprintf(e.Out, "configuration  %s\n", r.Configuration)
	}
	switch {
	case !chosen:
		fmt.Fprintln(e.Out, "nation         none is chosen; choose one with tocsin nation set")
	case p.Status == nation.Unconfirmed:
		fmt.Fprintf(e.Out, "nation         %s, a starting point that its owner has not confirmed\n", p.Name)
	default:
		fmt.Fprintf(e.Out, "nation         %s\n", p.Name)
	}
	fmt.Fprintf(e.Out, "records        %s, schema %d\n", r.Engine, r.Schema)
	fmt.Fprintf(e.Out, "archive        %s files\n", count(int64(r.Archived)))
	fmt.Fprintf(e.Out, "segments       %s with %s rows\n", count(int64(r.Segments)), count(r.Rows))
	for _, p := range r.Problems {
		fmt.Fprintf(e.Out, "WRONG          %s %s %s\n", p.Area, p.Path, p.Message)
	}
	verdict := "Everything is as it should be."
	if !r.OK {
		verdict = fmt.Sprintf("%d problems. Restore the files from the backup, or look for a failing disk.", len(r.Problems))
	}
	_, err := fmt.Fprintln(e.Out, verdict)
	return err
}
