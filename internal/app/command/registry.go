package command

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/world"
)

type constituencyRegistry struct {
	Files   []string `arg:"" help:"Bulk RPSL files (inetnum, inet6num, aut-num, organisation, role), plain or gzip." type:"existingfile"`
	Origin  string   `help:"The registry's name." required:"" placeholder:"ripe"`
	Country string   `help:"Only this country's networks." required:"" placeholder:"CC"`
	Force   bool     `help:"Even when more than half of what the registry said before is gone."`
	JSON    bool     `help:"Print the changes as JSON."`
}

// Run refreshes the automatic contacts of a registry.
func (c *constituencyRegistry) Run(e *Env) error {
	var files []constituency.RegistryFile
	for _, name := range c.Files {
		f, err := os.Open(name)
		if err != nil {
			return unreadable(err)
		}
		defer f.Close()
		files = append(files, constituency.RegistryFile{Name: filepath.Base(name), R: f})
	}
	return e.withNew(func(w *world.World) error {
		r, err := w.Constituency.ImportRegistry(e.Ctx, identity.LocalActor,
			constituency.RegistryOptions{Origin: c.Origin, Country: c.Country, Force: c.Force}, files...)
		if err != nil {
			return err
		}
		if err := w.Drain(e.Ctx); err != nil { // open findings are attributed anew
			return err
		}
		return e.printDiff(r.Diff, c.JSON, false)
	})
}

type constituencyConflicts struct {
	JSON  bool `help:"One JSON object a line."`
	Limit int  `help:"At most so many." default:"1000"`
}

// Run lists conflicts.
func (c *constituencyConflicts) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		list, err := w.Constituency.Conflicts(e.Ctx, max(c.Limit, 1))
		if err != nil {
			return err
		}
		if c.JSON {
			return lines(e, list)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "KIND\tENTRY\tOF\tAGAINST\tOF\tCOPIED")
		for _, x := range list {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%t\n", x.Kind, x.First.Matched, named(x.First), x.Second.Matched, named(x.Second), x.Copied)
		}
		return t.Flush()
	})
}
