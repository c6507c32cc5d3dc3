package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"tocsin/internal/event"
	"tocsin/internal/event/generate"
	"tocsin/internal/nation"
	"tocsin/internal/platform/fault"
)

type generateCmd struct {
	Out          string  `help:"Directory to write to; made when it is not there." required:"" type:"path" placeholder:"DIR"`
	Days         int     `help:"Days of reports." default:"30"`
	Rows         int     `help:"Rows a day, over all types." default:"5000"`
	Types        int     `help:"Report types." default:"60"`
	Seed         uint64  `help:"The same seed gives the same files." default:"1"`
	From         string  `help:"First day." default:"2026-01-01" placeholder:"YYYY-MM-DD"`
	Prefixes     int     `help:"Prefixes of the constituency." default:"2000"`
	Constituents int     `help:"Constituents." default:"40"`
	Churn        float64 `help:"Share of the findings that is replaced each day." default:"0.10"`
}

// Help is the command's long help.
func (generateCmd) Help() string {
	return `Writes nation.toml, constituency.json and reports/YYYY-MM-DD-<type>-<identifier>.csv in Shadowserver's column sets. Addresses are
from ranges that nobody uses (documentation, benchmark, carrier NAT).

Examples:
  tocsin generate --out ./ruritania
  tocsin generate --out ./day --days 1 --rows 1000000 --types 100 --prefixes 20000 --constituents 400`
}

// Run writes a fictional nation and its reports.
func (c *generateCmd) Run(e *Env) error {
	day, err := event.ParseDay(c.From)
	if err != nil {
		return fault.Invalidf("--from %q: want YYYY-MM-DD", c.From)
	}
	churn := c.Churn
	if churn == 0 {
		churn = -1 // none; 0 would be the default
	}
	g, err := generate.New(generate.Spec{From: day, Days: c.Days, Rows: c.Rows, Types: c.Types, Prefixes: c.Prefixes,
		Constituents: c.Constituents, Seed: c.Seed, Churn: churn})
	if err != nil {
		return err
	}
	bar := e.bar()
	n, err := writeGenerated(e, g, c.Out, func(done, total int) {
		bar.show(int64(done), int64(total), fmt.Sprintf("day %d of %d", done, total))
	})
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Err, "%d report files of %d days are in %s.\n", n, c.Days, filepath.Join(c.Out, "reports"))
	return err
}

// writeGenerated writes everything the generator makes below dir and counts the report files.
func writeGenerated(e *Env, g *generate.Generator, dir string, progress func(done, total int)) (files int, err error) {
	reports := filepath.Join(dir, "reports")
	if err := os.MkdirAll(reports, 0o755); err != nil {
		return 0, unreadable(err)
	}
	profile, err := nation.Shipped("ruritania")
	if err != nil {
		return 0, err
	}
	constituency, err := json.MarshalIndent(g.Constituency(), "", " ")
	if err != nil {
		return 0, err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "nation.toml"), profile, 0o644),
		os.WriteFile(filepath.Join(dir, "constituency.json"), append(constituency, '\n'), 0o644)); err != nil {
		return 0, unreadable(err)
	}
	days := g.Days()
	for i, day := range days {
		list := g.Files(day)
		group, ctx := errgroup.WithContext(e.Ctx)
		group.SetLimit(runtime.NumCPU())
		for _, f := range list {
			group.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return writeReport(g, filepath.Join(reports, f.Name), day, f.Type)
			})
		}
		if err := group.Wait(); err != nil {
			return files, err
		}
		files += len(list)
		progress(i+1, len(days))
	}
	return files, nil
}

func writeReport(g *generate.Generator, path string, day event.Day, typ string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return unreadable(err)
		}
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 256<<10)
	if _, err := g.WriteReport(w, day, typ); err != nil {
		return err
	}
	return w.Flush()
}
