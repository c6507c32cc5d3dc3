package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/world"
)

type constituencyCmd struct {
	Import   constituencyImport   `cmd:"" help:"Bring a registry file in, all of it or nothing."`
	Export   constituencyExport   `cmd:"" help:"Write the registry."`
	National constituencyNational `cmd:"" help:"Set the nation's own address space, the country fallback."`

	ImportRegistry constituencyRegistry  `cmd:"" help:"Read a regional registry's bulk data as automatic contacts."`
	Conflicts      constituencyConflicts `cmd:"" help:"List what of the registry disagrees with itself."`
}

// Help is the command's long help.
func (constituencyCmd) Help() string {
	return `The registry says whom the nation's CERT serves: constituents, their contacts and assets, each with the time it is valid.
Export writes what import reads.

Examples:
  tocsin constituency import --dry-run registry.csv
  tocsin constituency import registry.json
  tocsin constituency export --format csv > registry.csv
  tocsin constituency national --origin rir rs-ipv4.txt rs-ipv6.txt
  tocsin constituency import-registry --origin ripe --country RS ripe.db.inetnum.gz ripe.db.organisation.gz ripe.db.role.gz
  tocsin constituency conflicts`
}

type constituencyImport struct {
	File    string `arg:"" help:"CSV or JSON; - is standard input."`
	Format  string `help:"${enum} (default: by the file's name)." enum:",csv,json" default:""`
	Replace bool   `help:"Retire what the file does not have; else the file adds and changes."`
	DryRun  bool   `help:"Only say what would change."`
	JSON    bool   `help:"Print the changes as JSON."`
}

// Run imports a registry file.
func (c *constituencyImport) Run(e *Env) error {
	data, err := e.read(c.File)
	if err != nil {
		return err
	}
	format := constituency.Format(c.Format)
	if format == "" {
		format = constituency.FormatOf(c.File)
	}
	doc, err := constituency.Read(filepath.Base(c.File), format, bytes.NewReader(data))
	if err != nil {
		return err
	}
	return e.withNew(func(w *world.World) error {
		d, err := w.Constituency.Import(e.Ctx, identity.LocalActor, doc, constituency.ImportOptions{Replace: c.Replace, DryRun: c.DryRun})
		if err != nil {
			return err
		}
		if !c.DryRun {
			if err := w.Drain(e.Ctx); err != nil { // open findings are attributed anew
				return err
			}
		}
		return e.printDiff(d, c.JSON, c.DryRun)
	})
}

func (e *Env) printDiff(d constituency.Diff, asJSON, dry bool) error {
	if asJSON {
		return json.NewEncoder(e.Out).Encode(d)
	}
	if dry {
		for _, ch := range d.Changes {
			fmt.Fprintf(e.Out, "%-8s %s %s %s\n", ch.Op, ch.Record, ch.Ref, ch.Value)
			for _, f := range ch.Fields {
				fmt.Fprintf(e.Out, "         %s\n", f)
			}
		}
		if d.Omitted > 0 {
			fmt.Fprintf(e.Out, "… %s more changes are not listed\n", count(int64(d.Omitted)))
		}
	}
	for _, p := range d.Warnings {
		fmt.Fprintf(e.Err, "warning: %s\n", p)
	}
	for _, r := range []struct {
		what  string
		tally constituency.Tally
	}{{"constituents", d.Constituents}, {"contacts", d.Contacts}, {"assets", d.Assets}, {"national prefixes", d.National}} {
		if r.tally != (constituency.Tally{}) {
			fmt.Fprintf(e.Err, "%s: %d added, %d changed, %d removed\n", r.what, r.tally.Added, r.tally.Changed, r.tally.Removed)
		}
	}
	if d.Empty() {
		fmt.Fprintln(e.Err, "Nothing changes.")
	}
	return nil
}

type constituencyExport struct {
	Format string `help:"${enum}." enum:"json,csv" default:"json"`
}

// Run writes the registry.
func (c *constituencyExport) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		return w.Constituency.Export(e.Ctx, e.Out, constituency.Format(c.Format))
	})
}

type constituencyNational struct {
	Files  []string `arg:"" help:"Text files with one prefix a line."`
	Origin string   `help:"Who says so; a later file of the same origin takes the earlier one's place." default:"file" placeholder:"NAME"`
}

// Run sets the country fallback.
func (c *constituencyNational) Run(e *Env) error {
	var files []constituency.NationalFile
	for _, name := range c.Files {
		data, err := e.read(name)
		if err != nil {
			return err
		}
		files = append(files, constituency.NationalFile{Name: filepath.Base(name), R: bytes.NewReader(data)})
	}
	return e.withNew(func(w *world.World) error {
		t, err := w.Constituency.ImportNational(e.Ctx, identity.LocalActor, c.Origin, files...)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Err, "%d prefixes were added, %d removed.\n", t.Added, t.Removed)
		return w.Drain(e.Ctx)
	})
}
